//! Watching one contact: for the inquirer's socket, which cares about nothing else.

use std::sync::Arc;

use tokio::sync::mpsc;

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
}

impl ContactWatch {
    /// Wraps the receiving end of a channel of [`SIGNALS_MAX`].
    #[must_use]
    pub const fn new(signals: mpsc::Receiver<Signal>) -> Self {
        Self { signals }
    }

    /// A watch that has ended.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(mpsc::channel(1).1)
    }

    /// The next signal; `None` when the desk has stopped.
    pub async fn next(&mut self) -> Option<Signal> {
        self.signals.recv().await
    }
}
