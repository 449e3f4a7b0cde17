//! Who may speak to us, and how much: peers by address, rates, and the count of calls.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::config::{DialledFrom, LimitsConfig, Net, Transport, TrunkConfig};
use crate::kernel::time::Timestamp;

/// Addresses remembered for one name: a provider with more than this behind one name is told by `addresses`.
const LEARNED_MAX: usize = 16;

/// The content of a lock; a panic elsewhere does not make numbers wrong.
pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So many a second, with one second's worth saved up at most.
pub(super) struct Bucket {
    per_second: i64,
    /// Thousandths of a permit.
    level: i64,
    at: Timestamp,
}

impl Bucket {
    pub fn new(per_second: u32, now: Timestamp) -> Self {
        let per_second = i64::from(per_second);
        Self { per_second, level: per_second * 1000, at: now }
    }

    pub fn take(&mut self, now: Timestamp) -> bool {
        let gained = now.since(self.at).0.saturating_mul(self.per_second);
        self.at = self.at.max(now);
        self.level = self.level.saturating_add(gained).min(self.per_second * 1000);
        let free = self.level >= 1000;
        if free {
            self.level -= 1000;
        }
        free
    }
}

/// One peer or registrar.
pub(super) struct Peer {
    pub name: String,
    pub dialled_from: DialledFrom,
    pub transport: Transport,
    nets: Vec<Net>,
    /// Addresses its host name had when last looked up.
    learned: RwLock<Vec<IpAddr>>,
    messages: Mutex<Bucket>,
    starts: Mutex<Bucket>,
    calls: AtomicU32,
    pub over_limit: AtomicU64,
}

impl Peer {
    pub fn learn(&self, addresses: impl IntoIterator<Item = IpAddr>) {
        let mut learned = self.learned.write().unwrap_or_else(PoisonError::into_inner);
        for ip in addresses {
            learned.retain(|known| *known != ip);
            learned.insert(0, ip.to_canonical());
        }
        learned.truncate(LEARNED_MAX);
    }

    fn is(&self, ip: IpAddr, secure: bool) -> bool {
        if self.transport == Transport::Tls && !secure {
            return false;
        }
        self.nets.iter().any(|n| n.contains(ip))
            || self.learned.read().unwrap_or_else(PoisonError::into_inner).contains(&ip.to_canonical())
    }

    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    pub fn may_speak(&self, now: Timestamp) -> bool {
        lock(&self.messages).take(now)
    }
}

/// All of them, with what they may use together.
pub(super) struct Peers {
    pub list: Vec<Arc<Peer>>,
    starts: Mutex<Bucket>,
    calls: AtomicU32,
    limits: LimitsConfig,
}

/// The place of one call in the counts; given back by [`Slot::release`], or when dropped.
pub(super) struct Slot {
    peer: Arc<Peer>,
    peers: Arc<Peers>,
    released: AtomicBool,
}

impl Slot {
    pub fn peer_name(&self) -> &str {
        &self.peer.name
    }

    /// Gives the place back before the last owner is gone.
    pub fn release(&self) {
        if !self.released.swap(true, Ordering::Relaxed) {
            self.peer.calls.fetch_sub(1, Ordering::Relaxed);
            self.peers.calls.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.release();
    }
}

impl Peers {
    pub fn new(config: &TrunkConfig, now: Timestamp) -> Self {
        let limits = config.limits.clone();
        let peer = |name: &str, dialled_from, transport, nets: &[Net]| {
            Arc::new(Peer {
                name: name.to_owned(),
                dialled_from,
                transport,
                nets: nets.to_vec(),
                learned: RwLock::default(),
                messages: Mutex::new(Bucket::new(limits.messages_per_second_peer, now)),
                starts: Mutex::new(Bucket::new(limits.calls_per_second_peer, now)),
                calls: AtomicU32::new(0),
                over_limit: AtomicU64::new(0),
            })
        };
        let carriers = config.peers.iter().map(|p| peer(&p.name, p.dialled_from, p.transport, &p.addresses));
        let providers =
            config.registrations.iter().map(|r| peer(&r.name, r.dialled_from, r.transport, &r.addresses));
        let list = carriers.chain(providers).collect();
        let starts = Mutex::new(Bucket::new(limits.calls_per_second, now));
        Self { list, starts, calls: AtomicU32::new(0), limits }
    }

    pub fn at(&self, ip: IpAddr, secure: bool) -> Option<&Arc<Peer>> {
        self.list.iter().find(|p| p.is(ip, secure))
    }

    /// Whether anybody could be at this address, over whatever transport.
    pub fn known(&self, ip: IpAddr) -> bool {
        self.at(ip, false).is_some() || self.at(ip, true).is_some()
    }

    pub fn named(&self, name: &str) -> Option<&Arc<Peer>> {
        self.list.iter().find(|p| p.name == name)
    }

    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Counts a call in, or says that there is no room. A call that comes in also uses up the rates; one that
    /// goes out was decided here and is only counted.
    pub fn enter(self: &Arc<Self>, peer: &Arc<Peer>, incoming: bool, now: Timestamp) -> Option<Slot> {
        let fits = |count: &AtomicU32, limit: u32| {
            let grow = |n: u32| (n < limit).then_some(n + 1);
            count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).is_ok()
        };
        let paced = !incoming || (lock(&peer.starts).take(now) && lock(&self.starts).take(now));
        if paced && fits(&self.calls, self.limits.calls) {
            if fits(&peer.calls, self.limits.calls_peer) {
                return Some(Slot {
                    peer: Arc::clone(peer),
                    peers: Arc::clone(self),
                    released: AtomicBool::new(false),
                });
            }
            self.calls.fetch_sub(1, Ordering::Relaxed);
        }
        peer.over_limit.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_a_second_brings() {
        let mut bucket = Bucket::new(2, Timestamp(0));
        let taken = |b: &mut Bucket, at| (0..5).filter(|_| b.take(Timestamp(at))).count();
        assert_eq!(taken(&mut bucket, 0), 2);
        assert_eq!(taken(&mut bucket, 500), 1);
        assert_eq!(taken(&mut bucket, 60_000), 2);
        assert_eq!(taken(&mut bucket, 0), 0);
    }

    #[test]
    fn calls_are_counted_in_and_out() {
        let text = "limits = { calls = 2, calls_peer = 1 }\n\
            [[peers]]\nname = 'a'\naddresses = ['127.0.0.1']\n\
            [[peers]]\nname = 'b'\naddresses = ['127.0.0.2']";
        let peers = Arc::new(Peers::new(&toml::from_str(text).unwrap(), Timestamp(0)));
        let a = Arc::clone(peers.named("a").unwrap());
        let held = peers.enter(&a, true, Timestamp(0)).unwrap();
        assert!(peers.enter(&a, true, Timestamp(0)).is_none());
        assert_eq!((peers.calls(), a.calls()), (1, 1));
        drop(held);
        assert_eq!((peers.calls(), a.calls()), (0, 0));
    }
}
