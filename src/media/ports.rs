//! The range of UDP ports that the firewall leaves open for the carrier's media, given out in pairs.

use std::sync::{Arc, Mutex, PoisonError};

/// Why there is no pair of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    #[error("the range holds no even port with its neighbour")]
    Range,
    #[error("every port of the range is in use")]
    None,
}

/// A range of ports; clones share it. Pairs are given out in turn, so that a freed one rests before it is
/// used again and stragglers of an old call find no new one.
#[derive(Clone, Debug)]
pub struct PortRange(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    first: u16,
    taken: Mutex<Taken>,
}

#[derive(Debug)]
struct Taken {
    pairs: Vec<bool>,
    next: usize,
    count: usize,
}

/// A pair of ports; given back when dropped.
#[derive(Debug)]
pub struct Lease {
    range: PortRange,
    at: usize,
    port: u16,
}

impl PortRange {
    /// The pairs (even, odd) that lie within `low..=high`.
    ///
    /// # Errors
    /// [`PortError::Range`] when there is none.
    pub fn new(low: u16, high: u16) -> Result<Self, PortError> {
        let first = low.max(2).checked_next_multiple_of(2).ok_or(PortError::Range)?;
        let pairs = (usize::from(high) + 1).saturating_sub(usize::from(first)) / 2;
        if pairs == 0 {
            return Err(PortError::Range);
        }
        let taken = Taken { pairs: vec![false; pairs], next: 0, count: 0 };
        Ok(Self(Arc::new(Inner { first, taken: Mutex::new(taken) })))
    }

    /// How many pairs there are.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.with(|taken| taken.pairs.len())
    }

    /// How many pairs are given out.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.with(|taken| taken.count)
    }

    /// Takes the next free pair. That another program has bound it is found out at binding.
    ///
    /// # Errors
    /// [`PortError::None`] when all are given out: refuse the call.
    pub fn lease(&self) -> Result<Lease, PortError> {
        let at = self.with(|taken| {
            let pairs = taken.pairs.len();
            let free =
                (taken.next..pairs).chain(0..taken.next).find(|n| taken.pairs.get(*n) == Some(&false))?;
            taken.set(free, true);
            taken.next = (free + 1) % pairs;
            Some(free)
        });
        let at = at.ok_or(PortError::None)?;
        let port = u16::try_from(at * 2).ok().and_then(|offset| self.0.first.checked_add(offset));
        Ok(Lease { range: self.clone(), at, port: port.ok_or(PortError::Range)? })
    }

    fn with<T>(&self, f: impl FnOnce(&mut Taken) -> T) -> T {
        // A poisoned lock only means that a thread panicked elsewhere between two whole steps.
        f(&mut self.0.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Taken {
    fn set(&mut self, at: usize, used: bool) {
        if let Some(pair) = self.pairs.get_mut(at)
            && *pair != used
        {
            *pair = used;
            self.count = if used { self.count + 1 } else { self.count.saturating_sub(1) };
        }
    }
}

impl Lease {
    /// The even port, for RTP; RTCP has the next one (RFC 3550 §11).
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.range.with(|taken| taken.set(self.at, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_go_round_and_come_back() {
        let range = PortRange::new(30_001, 30_008).unwrap();
        assert_eq!((range.capacity(), range.in_use()), (3, 0));
        let mut leases: Vec<_> = (0..3).map(|_| range.lease().unwrap()).collect();
        assert_eq!(leases.iter().map(Lease::port).collect::<Vec<_>>(), [30_002, 30_004, 30_006]);
        assert_eq!(range.lease().unwrap_err(), PortError::None);
        leases.remove(1);
        assert_eq!(range.in_use(), 2);
        assert_eq!(range.lease().unwrap().port(), 30_004);
        leases.clear();
        assert_eq!((range.in_use(), range.lease().unwrap().port()), (0, 30_006), "the longest at rest");
    }

    #[test]
    fn odd_ranges() {
        for (low, high) in [(5, 4), (4, 4), (5, 6), (65_535, 65_535)] {
            assert_eq!(PortRange::new(low, high).unwrap_err(), PortError::Range, "{low}-{high}");
        }
        assert_eq!(PortRange::new(65_534, 65_535).unwrap().lease().unwrap().port(), 65_534);
        assert_eq!(PortRange::new(0, 65_535).unwrap().capacity(), 32_767);
    }
}
