//! Everything that runs out, in one ordered set.

use std::collections::{BTreeMap, BTreeSet};

use super::index::AskId;
use super::order::tally;
use crate::kernel::ids::{AccountId, ContactId, OfferId};
use crate::kernel::time::Timestamp;

/// What runs out. There is at most one timer for each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKey {
    /// The offer was not answered.
    Offer(OfferId),
    /// The wrap-up reached its limit.
    WrapUp(ContactId),
    /// The connection stayed lost.
    Grace(AccountId),
    /// The agent may be offered contacts again.
    Pause(AccountId),
    /// The agent's next reservation comes nearer than another kind of contact takes, or is over.
    Booking(AccountId),
    /// The contact waited too long.
    MaxWait(ContactId),
    /// Nobody who could take these contacts is signed in.
    Unstaffed(AskId),
    /// The contact no longer waits for its preferred agent alone.
    Preferred(ContactId),
    /// The search widens.
    Widen(ContactId),
}

#[derive(Clone, Debug)]
pub(super) struct Timers {
    due: BTreeSet<(Timestamp, TimerKey)>,
    at: BTreeMap<TimerKey, Timestamp>,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self { due: BTreeSet::new(), at: BTreeMap::new() }
    }

    /// Sets or moves the timer.
    pub(super) fn set(&mut self, key: TimerKey, at: Timestamp) {
        tally::comparison();
        if let Some(old) = self.at.insert(key, at) {
            self.due.remove(&(old, key));
        }
        self.due.insert((at, key));
    }

    pub(super) fn cancel(&mut self, key: TimerKey) {
        if let Some(old) = self.at.remove(&key) {
            self.due.remove(&(old, key));
        }
    }

    pub(super) fn at(&self, key: TimerKey) -> Option<Timestamp> {
        self.at.get(&key).copied()
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Removes and answers the first timer that is due.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<TimerKey> {
        let (at, key) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.due.pop_first();
        self.at.remove(&key);
        Some(key)
    }

    /// The keys of all running timers.
    pub(super) fn keys(&self) -> impl Iterator<Item = TimerKey> + '_ {
        self.at.keys().copied()
    }

    pub(super) fn consistent(&self) -> bool {
        self.at.len() == self.due.len() && self.at.iter().all(|(k, t)| self.due.contains(&(*t, *k)))
    }
}
