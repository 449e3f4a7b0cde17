//! The agents' sockets, `/ws/agent`: who is connected, and what each is told (see `docs/API.md`).
//!
//! A socket is one task. The line to the browser is the queue: while the browser does not read, the task
//! waits, and what happens meanwhile stays in the store until it goes on or is told to come back.

mod commands;
mod seats;
mod talk;
mod texts;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::kernel::bus::Notice;
use crate::kernel::ids::ContactId;
use crate::kernel::problem::Problem;
use crate::kernel::time::Millis;
use crate::security::Agent;
use crate::security::limits::Rate;

use super::http::Live;

use seats::Seats;
use texts::Texts;

/// Bytes of one frame; a socket that sends a larger one is closed.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Bytes that a socket reads at once. Small on purpose: the space is cleared before each look for a frame,
/// and every socket looks after every event.
pub const READ_BYTES: usize = 4 * 1024;

/// Events that one write takes together; more go out with the next.
pub const EVENTS_AT_ONCE: usize = 64;

/// Frames that a client may send; one more is answered `rate_limited`.
pub const FRAME_RATE: Rate = Rate { burst: 120, per: Millis::from_secs(10) };

/// Frames in a row that were answered `rate_limited`; after these the socket is closed.
pub const FLOOD_MAX: u32 = 200;

/// A socket that has not said hello by then is closed.
pub const HELLO_WAIT: Duration = Duration::from_secs(10);

/// How often the server asks whether the other side is there, and whether the session still holds.
pub const PING_EVERY: Duration = Duration::from_secs(25);

/// Pings without any sign of life; then the other side is taken for dead.
pub const PINGS_UNANSWERED_MAX: u8 = 2;

/// How long one frame may take to leave; a client that reads more slowly is told `bye{too_slow}`.
pub const SLOW_WAIT: Duration = Duration::from_secs(5);

/// How long the last word may take to leave.
pub const LEAVE_WAIT: Duration = Duration::from_secs(5);

/// Missed events that are sent again one by one; after more, the client gets a fresh board.
pub const RESUME_MAX: i64 = 5_000;

/// Sockets of one agent; with one more, the oldest goes (`bye{replaced}`).
pub const SOCKETS_MAX: usize = 5;

/// Contacts that one socket has opened; one more is refused with `too_many_open`.
pub const OPEN_MAX: usize = 32;

/// How often "it reached the screen" is noted for the other side.
pub const MARK_EVERY: Duration = Duration::from_millis(400);

/// Passing signals kept for a socket that is busy; what it misses is worth nothing a moment later.
const SIGNALS_MAX: usize = 256;

/// What is not in the event log and concerns several sockets.
#[derive(Clone, Copy, Debug)]
enum Signal {
    /// The inquirer is typing.
    Typing(ContactId),
    CallChanged(ContactId),
    SettingsChanged,
}

/// What all agents' sockets share.
pub struct Hall {
    live: Arc<Live>,
    seats: Arc<Seats>,
    texts: Texts,
    signals: broadcast::Sender<Signal>,
}

impl Hall {
    /// Opens the hall and starts to listen to the bus for all its sockets: one listener wakes for each
    /// commit, not a thousand.
    pub(super) fn open(live: Arc<Live>) -> Arc<Self> {
        let signals = broadcast::Sender::new(SIGNALS_MAX);
        let hall = Arc::new(Self { live, seats: Arc::default(), texts: Texts::default(), signals });
        let listener = Arc::clone(&hall);
        hall.live.lifecycle.spawn(async move { listener.listen().await });
        hall
    }

    async fn listen(&self) {
        let mut notices = self.live.db.bus().subscribe();
        loop {
            let notice = tokio::select! {
                () = self.live.lifecycle.stopping() => return,
                notice = notices.recv() => notice,
            };
            match notice {
                Ok(Notice::Typing { contact, from_agent: false }) => self.tell(Signal::Typing(contact)),
                Ok(Notice::CallChanged { contact }) => self.tell(Signal::CallChanged(contact)),
                Ok(Notice::SettingsChanged) => self.tell(Signal::SettingsChanged),
                Ok(Notice::SessionsEnded { account }) => self.seats.recheck(Some(account)),
                Ok(Notice::Typing { .. } | Notice::Appended { .. }) => {}
                // Whatever was missed: names may have changed, sessions may have ended.
                Err(RecvError::Lagged(_)) => {
                    self.tell(Signal::SettingsChanged);
                    self.seats.recheck(None);
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn tell(&self, signal: Signal) {
        // Nobody connected is not an error.
        let _ = self.signals.send(signal);
    }
}

/// Opens the socket of an agent. The cookie says who it is; a page of another site is refused.
pub(super) async fn upgrade(
    State(hall): State<Arc<Hall>>,
    Agent(me): Agent,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    hall.live.sessions.same_origin(&headers)?;
    let upgrade = upgrade.map_err(|_| Problem::invalid("websocket_only"))?;
    let lifecycle = hall.live.lifecycle.clone();
    let upgrade = upgrade
        .read_buffer_size(READ_BYTES)
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        // Remembered, so that the program does not end before its sockets.
        lifecycle.spawn(talk::run(hall, me, socket));
    }))
}
