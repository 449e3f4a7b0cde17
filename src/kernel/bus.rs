//! The bus: tells every part of the program, and later every node, that something was written.
//!
//! It carries hints and passing signals, never the truth. A [`Notice::Appended`] says "the log of this
//! pool now reaches `seq`"; whoever cares reads the store. Losing a notice therefore delays, but never
//! loses: the next one, or a reconnect, brings the rest.

use tokio::sync::broadcast;

use super::ids::{AccountId, ContactId, PoolId};

/// Notices kept for a slow listener before it is told that it lagged (it then reads the store).
pub const NOTICES_MAX: usize = 1024;

/// What travels on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The event log of `pool` was extended up to `seq`.
    Appended { pool: PoolId, seq: i64 },
    /// Somebody is typing; not stored, gone when missed.
    Typing { contact: ContactId, from_agent: bool },
    /// The telephone side of a contact changed; not stored, read again by whoever shows it.
    CallChanged { contact: ContactId },
    /// Settings (desks, hours, accounts, texts) of the installation were changed and committed.
    SettingsChanged,
    /// Sessions of this account have ended: whoever holds a connection open for one asks again.
    SessionsEnded { account: AccountId },
}

/// Fan-out inside one process.
#[derive(Clone, Debug)]
pub struct Bus {
    sender: broadcast::Sender<Notice>,
}

impl Bus {
    /// A bus that reaches this process only.
    #[must_use]
    pub fn local() -> Self {
        Self { sender: broadcast::Sender::new(NOTICES_MAX) }
    }

    /// Sends to whoever listens now; nobody listening is not an error.
    pub fn publish(&self, notice: Notice) {
        let _ = self.sender.send(notice);
    }

    /// Listens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.sender.subscribe()
    }
}
