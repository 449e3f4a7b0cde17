//! How often something may be done: token buckets with bounded memory, and growing delays after failures.
//!
//! Keys are pseudonyms or ids; they are hashed again here, so that an entry has a fixed size and nothing
//! readable is kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::kernel::time::{Millis, Timestamp};

/// Keys that one limiter remembers. When there are more, the quarter that is nearest to being forgotten
/// anyway is forgotten: under a flood of new keys a limit becomes milder for old ones, memory stays bounded.
pub const KEYS_MAX: usize = 50_000;

/// `burst` times at once, and `burst` times in each `per` in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub per: Millis,
}

impl Rate {
    /// `count` times a minute.
    #[must_use]
    pub const fn per_minute(count: u32) -> Self {
        Self { burst: count, per: Millis::from_mins(1) }
    }
}

/// A token bucket for each key (the generic cell rate algorithm: one moment per key says it all).
#[derive(Debug)]
pub struct RateLimiter {
    rate: Rate,
    keys_max: usize,
    /// The moment at which the bucket is full again.
    full_at: Mutex<HashMap<u128, Timestamp>>,
}

impl RateLimiter {
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self::with_room(rate, KEYS_MAX)
    }

    /// Like [`Self::new`], remembering at most `keys_max` keys.
    #[must_use]
    pub fn with_room(rate: Rate, keys_max: usize) -> Self {
        Self { rate, keys_max: keys_max.max(1), full_at: Mutex::default() }
    }

    /// Takes one token of `key`.
    ///
    /// # Errors
    /// How long to wait for the next token; nothing is taken then.
    pub fn check(&self, key: &str, now: Timestamp) -> Result<(), Millis> {
        let cost = Millis(self.rate.per.0 / i64::from(self.rate.burst.max(1)));
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slot(key);
        let from = full_at.get(&slot).map_or(now, |at| (*at).max(now));
        let after = from + cost;
        let over = after.since(now).0 - self.rate.per.0;
        if over > 0 {
            return Err(Millis(over));
        }
        make_room(&mut full_at, slot, self.keys_max, now, |at| *at);
        full_at.insert(slot, after);
        Ok(())
    }
}

/// How fast delays grow after failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayRule {
    /// Failures that cost nothing.
    pub free: u32,
    /// The delay after the first failure beyond; each further one doubles it.
    pub first: Millis,
    /// It grows no further: nobody is locked out for good.
    pub longest: Millis,
    /// All is forgotten after this long without a failure.
    pub forget_after: Millis,
}

impl DelayRule {
    /// The delay that `failures` in a row have earned.
    #[must_use]
    pub fn after(&self, failures: u32) -> Millis {
        let Some(beyond) = failures.checked_sub(self.free).filter(|n| *n > 0) else { return Millis::ZERO };
        // 2^30 is beyond any longest delay that makes sense.
        let factor = 1_i64 << (beyond - 1).min(30);
        Millis(self.first.0.saturating_mul(factor)).min(self.longest)
    }
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    count: u32,
    last: Timestamp,
}

/// Counts failures for each key and says how long to wait before the next try.
#[derive(Debug)]
pub struct Delays {
    rule: DelayRule,
    keys_max: usize,
    failed: Mutex<HashMap<u128, Failed>>,
}

impl Delays {
    #[must_use]
    pub fn new(rule: DelayRule) -> Self {
        Self { rule, keys_max: KEYS_MAX, failed: Mutex::default() }
    }

    /// Asks for one try and counts it as failed until [`Self::succeeded`] or [`Self::excuse`] says otherwise:
    /// many tries at the same moment cannot slip through before the first has failed.
    ///
    /// # Errors
    /// How long to wait; this try is not counted.
    pub fn try_once(&self, key: &str, now: Timestamp) -> Result<(), Millis> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slot(key);
        let known = failed.get(&slot).filter(|f| now.since(f.last) < self.rule.forget_after);
        let count = known.map_or(0, |f| f.count);
        if let Some(f) = known {
            let wait = self.rule.after(f.count).0 - now.since(f.last).0;
            if wait > 0 {
                return Err(Millis(wait));
            }
        }
        make_room(&mut failed, slot, self.keys_max, now, |f| f.last + self.rule.forget_after);
        failed.insert(slot, Failed { count: count.saturating_add(1), last: now });
        Ok(())
    }

    /// Forgets every failure of `key`.
    pub fn succeeded(&self, key: &str) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).remove(&slot(key));
    }

    /// Takes back the one try that turned out well, and leaves the failures before it: for keys that many
    /// people share.
    pub fn excuse(&self, key: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slot(key);
        if let Some(f) = failed.get_mut(&slot) {
            f.count -= f.count.min(1);
            if f.count == 0 {
                failed.remove(&slot);
            }
        }
    }
}

fn slot(key: &str) -> u128 {
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().take(16).fold(0, |n, byte| (n << 8) | u128::from(*byte))
}

/// Makes sure that one more key fits (see [`KEYS_MAX`]).
fn make_room<V>(
    map: &mut HashMap<u128, V>,
    slot: u128,
    keys_max: usize,
    now: Timestamp,
    gone_at: impl Fn(&V) -> Timestamp,
) {
    if map.len() < keys_max || map.contains_key(&slot) {
        return;
    }
    map.retain(|_, v| gone_at(v) > now);
    if map.len() < keys_max {
        return;
    }
    let mut ends: Vec<(Timestamp, u128)> = map.iter().map(|(k, v)| (gone_at(v), *k)).collect();
    let quarter = ends.len() / 4;
    ends.select_nth_unstable(quarter);
    for (_, key) in &ends[..=quarter] {
        map.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000);

    #[test]
    fn a_burst_passes_and_then_the_pace_holds() {
        let limiter = RateLimiter::new(Rate { burst: 3, per: Millis(3000) });
        for _ in 0..3 {
            assert_eq!(limiter.check("a", START), Ok(()));
        }
        assert_eq!(limiter.check("a", START), Err(Millis(1000)));
        assert_eq!(limiter.check("b", START), Ok(()));
        assert_eq!(limiter.check("a", START + Millis(999)), Err(Millis(1)));
        assert_eq!(limiter.check("a", START + Millis(1000)), Ok(()));
        assert!(limiter.check("a", START + Millis(1000)).is_err());
        for _ in 0..3 {
            assert_eq!(limiter.check("a", START + Millis(60_000)), Ok(()));
        }
        // A clock that jumps back does not lock anybody out for longer than one full bucket.
        assert!(limiter.check("c", START).is_ok());
        assert!(limiter.check("c", START - Millis(500)).is_ok());
    }

    #[test]
    fn memory_stays_bounded() {
        let limiter = RateLimiter::with_room(Rate { burst: 1, per: Millis(1000) }, 100);
        for n in 0..10_000 {
            let _ = limiter.check(&n.to_string(), START + Millis(n / 100));
        }
        assert!(limiter.full_at.lock().unwrap().len() <= 100);
        let mut delays = Delays::new(RULE);
        delays.keys_max = 50;
        for n in 0..1000 {
            let _ = delays.try_once(&n.to_string(), START);
        }
        assert!(delays.failed.lock().unwrap().len() <= 50);
    }

    const RULE: DelayRule =
        DelayRule { free: 2, first: Millis(1000), longest: Millis(5000), forget_after: Millis(60_000) };

    #[test]
    fn delays_double_up_to_the_longest_and_are_forgotten() {
        assert_eq!([0, 2, 3, 4, 5, 6, 99].map(|n| RULE.after(n).0), [0, 0, 1000, 2000, 4000, 5000, 5000]);
        let delays = Delays::new(RULE);
        let mut now = START;
        for wait in [0, 0, 0, 1000, 2000, 4000, 5000, 5000] {
            if wait > 0 {
                assert_eq!(delays.try_once("a", now), Err(Millis(wait)));
            }
            now = now + Millis(wait);
            assert_eq!(delays.try_once("a", now), Ok(()));
        }
        assert!(delays.try_once("b", now).is_ok());
        let later = now + Millis(60_000);
        for _ in 0..3 {
            assert_eq!(delays.try_once("a", later), Ok(()));
        }
        assert!(delays.try_once("a", later).is_err());
        delays.succeeded("a");
        assert!(delays.try_once("a", later).is_ok());
    }

    #[test]
    fn one_success_excuses_one_try_only() {
        let delays = Delays::new(RULE);
        for _ in 0..3 {
            delays.try_once("shared", START).unwrap();
        }
        assert!(delays.try_once("shared", START).is_err());
        delays.excuse("shared");
        assert!(delays.try_once("shared", START).is_ok());
        assert!(delays.try_once("shared", START).is_err(), "the older failures still count");
        delays.excuse("nobody");
    }
}
