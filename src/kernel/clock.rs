//! The one place that asks the operating system for the time and for chance.
//!
//! Everything else takes a [`Clock`] or a [`Chance`], so a test can set the hour and repeat the dice.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use tokio::sync::watch;

use super::time::{Millis, Timestamp};

/// How long [`Clock::sleep_until`] trusts the machine before it looks at the clock again, which may have been
/// set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Tells the time. Cheap to clone; clones of a manual clock show the same hand.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<watch::Sender<i64>>),
}

impl Clock {
    /// The operating system's wall clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `at` until it is moved.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(at.0))))
    }

    /// The present moment, to the millisecond.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp(system_millis()),
            Source::Manual(hand) => Timestamp(*hand.borrow()),
        }
    }

    /// Moves a manual clock forward; a system clock does not listen.
    pub fn advance(&self, by: Millis) {
        if let Source::Manual(hand) = &self.0 {
            hand.send_modify(|now| *now = now.saturating_add(by.0));
        }
    }

    /// Resolves once it is `at` or later; a manual clock has to be moved there.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Source::System => {
                while let Ok(left @ 1..) = u64::try_from(at.since(self.now()).0) {
                    tokio::time::sleep(Duration::from_millis(left).min(LOOK_AGAIN)).await;
                }
            }
            Source::Manual(hand) => {
                // The sender lives in `self`: waiting cannot fail.
                let _ = hand.subscribe().wait_for(|now| *now >= at.0).await;
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this function is the one reader of the system clock")]
fn system_millis() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// A source of unguessable numbers (ChaCha20, seeded by the operating system or by a test).
#[derive(Clone)]
pub struct Chance(Arc<Mutex<ChaCha20Rng>>);

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chance")
    }
}

impl Chance {
    /// Seeded from the operating system; fit for secrets.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::from_os_rng())))
    }

    /// Repeatable; for tests and simulations only.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
    }

    /// 128 random bits, e.g. for [`super::ids::ContactId::compose`].
    #[must_use]
    pub fn bits(&self) -> u128 {
        self.with(Rng::random::<u128>)
    }

    /// `N` random bytes, e.g. for keys and tokens.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        self.with(|rng| {
            let mut out = [0; N];
            rng.fill_bytes(&mut out);
            out
        })
    }

    /// A number in `0..below` (0 when `below` is 0).
    #[must_use]
    pub fn below(&self, below: u64) -> u64 {
        if below == 0 { 0 } else { self.with(|rng| rng.random_range(0..below)) }
    }

    fn with<T>(&self, f: impl FnOnce(&mut ChaCha20Rng) -> T) -> T {
        // A poisoned lock only means that another thread panicked between two draws: the state is whole.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_hand_is_moved() {
        let clock = Clock::manual(Timestamp(1000));
        let sleeper = clock.clone();
        let woken = tokio::spawn(async move {
            sleeper.sleep_until(Timestamp(3000)).await;
            sleeper.now()
        });
        clock.advance(Millis(500));
        clock.advance(Millis(2500));
        assert_eq!(woken.await.unwrap(), Timestamp(4000));
        clock.sleep_until(Timestamp(0)).await;
    }
}
