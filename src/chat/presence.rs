//! Who is there: which conversations are open in a browser, and who has gone while she waited.
//!
//! Kept in memory only: after a restart everybody has the whole grace again, because everybody's
//! connection was cut by us.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::kernel::clock::Clock;
use crate::kernel::ids::ContactId;
use crate::kernel::time::Timestamp;

use super::limits::{ABANDONED_AFTER, CONNECTIONS_MAX, PAGES_MAX};

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Sockets and streams.
    pages: u32,
    last: Timestamp,
}

#[derive(Debug, Default)]
struct Everybody {
    by_contact: HashMap<ContactId, Seen>,
    pages: u32,
}

/// Knows who is there.
#[derive(Debug)]
pub(super) struct Presence {
    clock: Clock,
    everybody: Mutex<Everybody>,
}

/// Why one more page is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The conversation is open in too many places.
    Contact,
    /// All visitors together have too many.
    Program,
}

impl Presence {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, everybody: Mutex::default() }
    }

    fn everybody(&self) -> MutexGuard<'_, Everybody> {
        // Every change is whole before the lock is let go.
        self.everybody.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request came: she is there now.
    pub(super) fn touch(&self, contact: ContactId) {
        let last = self.clock.now();
        self.everybody().by_contact.entry(contact).or_insert(Seen { pages: 0, last }).last = last;
    }

    /// A socket or stream opens; it counts until the [`Page`] is dropped.
    pub(super) fn enter(self: &Arc<Self>, contact: ContactId) -> Result<Page, Full> {
        let last = self.clock.now();
        let mut everybody = self.everybody();
        if everybody.pages >= CONNECTIONS_MAX {
            return Err(Full::Program);
        }
        let seen = everybody.by_contact.entry(contact).or_insert(Seen { pages: 0, last });
        if seen.pages >= PAGES_MAX {
            return Err(Full::Contact);
        }
        seen.pages += 1;
        everybody.pages += 1;
        Ok(Page { presence: Arc::clone(self), contact })
    }

    fn leave(&self, contact: ContactId) {
        let last = self.clock.now();
        let mut everybody = self.everybody();
        everybody.pages = everybody.pages.saturating_sub(1);
        if let Some(seen) = everybody.by_contact.get_mut(&contact) {
            *seen = Seen { pages: seen.pages.saturating_sub(1), last };
        }
    }

    /// Those who have been away for [`ABANDONED_AFTER`]; each is told once in such a time.
    pub(super) fn absent(&self) -> Vec<ContactId> {
        let now = self.clock.now();
        let mut absent = Vec::new();
        for (contact, seen) in &mut self.everybody().by_contact {
            if seen.pages == 0 && now.since(seen.last) >= ABANDONED_AFTER {
                seen.last = now;
                absent.push(*contact);
            }
        }
        absent
    }

    /// Her conversation is over: her absence means nothing any more.
    pub(super) fn forget(&self, contact: ContactId) {
        let mut everybody = self.everybody();
        if everybody.by_contact.get(&contact).is_some_and(|seen| seen.pages == 0) {
            everybody.by_contact.remove(&contact);
        }
    }
}

/// An open page.
#[derive(Debug)]
pub(super) struct Page {
    presence: Arc<Presence>,
    contact: ContactId,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.presence.leave(self.contact);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::time::Millis;

    #[test]
    fn who_has_no_page_open_becomes_absent_after_the_grace() {
        let clock = Clock::manual(Timestamp(1_000));
        let presence = Arc::new(Presence::new(clock.clone()));
        let (with_page, without) = (ContactId(1), ContactId(2));
        let page = presence.enter(with_page).unwrap();
        presence.touch(without);
        clock.advance(Millis(ABANDONED_AFTER.0 - 1));
        assert_eq!(presence.absent(), []);
        clock.advance(Millis(1));
        assert_eq!(presence.absent(), [without]);
        assert_eq!(presence.absent(), [], "told once");
        drop(page);
        assert_eq!(presence.absent(), [], "the grace begins when the last page closes");
        clock.advance(ABANDONED_AFTER);
        let mut both = presence.absent();
        both.sort_unstable();
        assert_eq!(both, [with_page, without]);
        presence.forget(with_page);
        clock.advance(ABANDONED_AFTER);
        assert_eq!(presence.absent(), [without]);
    }

    #[test]
    fn one_conversation_is_open_in_a_few_places_only() {
        let presence = Arc::new(Presence::new(Clock::manual(Timestamp(0))));
        let mut pages: Vec<Page> = (0..PAGES_MAX).map(|_| presence.enter(ContactId(1)).unwrap()).collect();
        assert_eq!(presence.enter(ContactId(1)).unwrap_err(), Full::Contact);
        assert!(presence.enter(ContactId(2)).is_ok());
        pages.pop();
        assert!(presence.enter(ContactId(1)).is_ok());
    }
}
