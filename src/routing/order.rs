//! The two orders of the engine: who waits in front of whom, and which of two equal agents comes first.

use std::cmp::Ordering;

use crate::kernel::ids::{AccountId, ContactId};
use crate::kernel::time::{Millis, Timestamp};

/// The place of a contact in line. It never changes while the contact waits (the ageing is linear, so the
/// difference between two contacts is fixed), which is what lets a plain ordered set hold the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rank {
    boosted: bool,
    /// Arrival, moved back by what the priority is worth.
    virtual_arrival: Timestamp,
    arrived_at: Timestamp,
    pub(super) contact: ContactId,
}

impl Rank {
    pub(super) fn new(
        contact: ContactId,
        arrived_at: Timestamp,
        priority: u8,
        step: Millis,
        boosted: bool,
    ) -> Self {
        let worth = Millis(step.0.max(0).saturating_mul(i64::from(priority)));
        Self { boosted, virtual_arrival: arrived_at - worth, arrived_at, contact }
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        tally::comparison();
        other
            .boosted
            .cmp(&self.boosted)
            .then_with(|| self.virtual_arrival.cmp(&other.virtual_arrival))
            .then_with(|| self.arrived_at.cmp(&other.arrived_at))
            .then_with(|| self.contact.cmp(&other.contact))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The place of a free agent among those who fit equally well: the fewest contacts, then the longest idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Idleness {
    pub(super) load: u8,
    pub(super) idle_since: Timestamp,
    pub(super) agent: AccountId,
}

impl Ord for Idleness {
    fn cmp(&self, other: &Self) -> Ordering {
        tally::comparison();
        self.load
            .cmp(&other.load)
            .then_with(|| self.idle_since.cmp(&other.idle_since))
            .then_with(|| self.agent.cmp(&other.agent))
    }
}

impl PartialOrd for Idleness {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Counts comparisons in unit tests, so that the cost law is tested by counting instead of by timing.
pub(super) mod tally {
    #[cfg(test)]
    thread_local! {
        static COMPARISONS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }

    #[cfg(not(test))]
    pub(in crate::routing) const fn comparison() {}

    #[cfg(test)]
    pub(in crate::routing) fn comparison() {
        COMPARISONS.with(|c| c.set(c.get() + 1));
    }

    /// Comparisons since the last call.
    #[cfg(test)]
    pub(in crate::routing) fn take() -> u64 {
        COMPARISONS.with(|c| c.replace(0))
    }
}
