//! Watching one contact: for the inquirer's socket, which cares about nothing else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::kernel::ids::ContactId;

use super::events::LoggedEvent;

/// Signals kept for a slow watcher; more, and it is told [`Signal::Lagged`] instead.
pub const SIGNALS_MAX: usize = 64;

/// What a watcher is told.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A step of the contact.
    Event(Arc<LoggedEvent>),
    /// The other side is typing.
    Typing { from_agent: bool },
    /// The line it stands in moved: ask for its standing again.
    Moved,
    /// Signals were lost: read the store.
    Lagged,
}

/// The receiving end; dropping it stops the watching.
#[derive(Debug)]
pub struct ContactWatch {
    signals: mpsc::Receiver<Signal>,
    lagged: Arc<AtomicBool>,
}

impl ContactWatch {
    /// The next signal; `None` when the desk has stopped. Nothing is lost when the waiting is given up.
    pub async fn next(&mut self) -> Option<Signal> {
        if let Ok(signal) = self.signals.try_recv() {
            return Some(signal);
        }
        // Told once everything that did fit has been taken.
        if self.lagged.swap(false, Ordering::AcqRel) {
            return Some(Signal::Lagged);
        }
        self.signals.recv().await
    }
}

struct Watcher {
    signals: mpsc::Sender<Signal>,
    lagged: Arc<AtomicBool>,
}

impl Watcher {
    /// `false` when nobody listens any more.
    fn tell(&self, signal: &Signal) -> bool {
        match self.signals.try_send(signal.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.lagged.store(true, Ordering::Release);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

#[derive(Default)]
struct Watchers {
    by_contact: HashMap<ContactId, Vec<Watcher>>,
    /// No new watchers: the desk has stopped.
    closed: bool,
}

/// Hands signals to whoever watches a contact.
#[derive(Clone, Default)]
pub(super) struct Hub(Arc<Mutex<Watchers>>);

impl Hub {
    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        // Every change is whole before the lock is let go.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a contact from now on.
    pub fn watch(&self, contact: ContactId) -> ContactWatch {
        let (sender, signals) = mpsc::channel(SIGNALS_MAX);
        let lagged = Arc::new(AtomicBool::new(false));
        let mut watchers = self.watchers();
        if !watchers.closed {
            let watcher = Watcher { signals: sender, lagged: Arc::clone(&lagged) };
            let all = watchers.by_contact.entry(contact).or_default();
            all.retain(|watcher| !watcher.signals.is_closed());
            all.push(watcher);
        }
        ContactWatch { signals, lagged }
    }

    /// Tells whoever watches this contact.
    pub fn tell(&self, contact: ContactId, signal: &Signal) {
        let mut watchers = self.watchers();
        let Some(all) = watchers.by_contact.get_mut(&contact) else { return };
        all.retain(|watcher| watcher.tell(signal));
        if all.is_empty() {
            watchers.by_contact.remove(&contact);
        }
    }

    /// Tells whoever watches a contact that `concerns` names.
    pub fn tell_those(&self, signal: &Signal, concerns: impl Fn(ContactId) -> bool) {
        self.watchers().by_contact.retain(|contact, all| {
            if concerns(*contact) {
                all.retain(|watcher| watcher.tell(signal));
            } else {
                all.retain(|watcher| !watcher.signals.is_closed());
            }
            !all.is_empty()
        });
    }

    /// Ends every watch.
    pub fn close(&self) {
        let mut watchers = self.watchers();
        watchers.closed = true;
        watchers.by_contact.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_watcher_is_told_that_it_lags_and_goes_on() {
        let hub = Hub::default();
        let contact = ContactId(1);
        let mut watch = hub.watch(contact);
        for _ in 0..=SIGNALS_MAX {
            hub.tell(contact, &Signal::Moved);
        }
        for _ in 0..SIGNALS_MAX {
            assert!(matches!(watch.next().await, Some(Signal::Moved)));
        }
        assert!(matches!(watch.next().await, Some(Signal::Lagged)));
        hub.tell(contact, &Signal::Typing { from_agent: true });
        assert!(matches!(watch.next().await, Some(Signal::Typing { from_agent: true })));
        hub.close();
        assert!(watch.next().await.is_none());
        assert!(hub.watch(contact).next().await.is_none());
    }

    #[tokio::test]
    async fn only_those_concerned_are_told() {
        let hub = Hub::default();
        let (mut one, mut two) = (hub.watch(ContactId(1)), hub.watch(ContactId(2)));
        hub.tell_those(&Signal::Moved, |contact| contact == ContactId(2));
        hub.tell(ContactId(1), &Signal::Lagged);
        assert!(matches!(one.next().await, Some(Signal::Lagged)));
        assert!(matches!(two.next().await, Some(Signal::Moved)));
        drop((one, two));
        hub.tell(ContactId(1), &Signal::Moved);
        hub.tell_those(&Signal::Moved, |_| false);
        assert!(hub.watchers().by_contact.is_empty());
    }
}
