//! One agent's socket from hello to bye.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket, close_code};
use futures_util::SinkExt as _;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::desk::events::{Event, LoggedEvent};
use crate::desk::log;
use crate::desk::ports::ChannelPort;
use crate::desk::protocol::{
    ByeReason, ClientCommand, ClientFrame, Me, Message, OfferHistory, ProblemView, ServerEvent,
};
use crate::desk::words::{MarkKind, Sender};
use crate::kernel::db::DbError;
use crate::kernel::ids::{ContactId, OfferId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::language::problems;
use crate::routing::{AgentState, Channel};
use crate::security::Identity;
use crate::security::limits::RateLimiter;

use super::seats::{Presence, Seat};
use super::texts::text_of;
use super::{
    EVENTS_AT_ONCE, FRAME_RATE, HELLO_WAIT, Hall, LEAVE_WAIT, MARK_EVERY, PING_EVERY, PINGS_UNANSWERED_MAX,
    RESUME_MAX, SLOW_WAIT, Signal,
};

/// Why a socket ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The other side has gone, is dead, or does not keep to the protocol.
    Gone,
    /// The store failed; the client comes back with its position.
    Store,
    Bye(ByeReason),
}

impl From<DbError> for Ended {
    fn from(error: DbError) -> Self {
        tracing::error!(error = %error, "an agent's socket could not read the store");
        Self::Store
    }
}

pub(super) type Step = Result<(), Ended>;

/// A contact whose content this socket shows.
pub(super) struct Opened {
    pub channel: Channel,
    /// The last message it was sent.
    pub sent: i64,
}

/// What to do next.
enum Turn {
    Stop,
    Replaced,
    Recheck,
    Ping,
    Mark,
    Frame(Option<Result<Frame, axum::Error>>),
    Event(Result<Arc<LoggedEvent>, RecvError>),
    Signal(Result<Signal, RecvError>),
}

/// A socket and what it knows.
pub(super) struct Talk {
    pub hall: Arc<Hall>,
    pub me: Identity,
    socket: WebSocket,
    events: broadcast::Receiver<Arc<LoggedEvent>>,
    signals: broadcast::Receiver<Signal>,
    /// The last event it was sent.
    sent: i64,
    pub opened: BTreeMap<ContactId, Opened>,
    /// Messages that reached the screen and are not noted yet, as the last number of each contact.
    arrived: BTreeMap<ContactId, i64>,
    pings_unanswered: u8,
    pub rate: RateLimiter,
    pub limited_in_a_row: u32,
    /// When the session was last noted as in use.
    pub touched_at: Timestamp,
}

/// Serves one socket until it ends.
pub(super) async fn run(hall: Arc<Hall>, me: Identity, socket: WebSocket) {
    // Listening begins before the board is read: nothing can fall between the two.
    let Some(events) = hall.live.desk.listen(me.pool) else { return };
    let seat = hall.seats.take(me.account, &hall.live.metrics);
    let mut talk = Talk {
        socket,
        events,
        signals: hall.signals.subscribe(),
        sent: 0,
        opened: BTreeMap::new(),
        arrived: BTreeMap::new(),
        pings_unanswered: 0,
        rate: RateLimiter::with_room(FRAME_RATE, 1),
        limited_in_a_row: 0,
        touched_at: hall.live.clock.now(),
        me,
        hall,
    };
    let ended = match talk.serve(&seat).await {
        Err(ended) => ended,
        Ok(never) => match never {},
    };
    drop(seat);
    talk.part(&ended).await;
}

impl Talk {
    async fn serve(&mut self, seat: &Seat) -> Result<Infallible, Ended> {
        let (cmd, since) = self.hello(seat).await?;
        let live = Arc::clone(&self.hall.live);
        let begun = Presence::begin(&live.desk, &live.lifecycle, self.me.pool, self.me.account).await;
        let _presence = match begun {
            Ok(presence) => presence,
            Err(problem) => {
                self.refuse(cmd, &problem).await?;
                return Err(Ended::Gone);
            }
        };
        self.greet(since).await?;
        if !cmd.is_empty() {
            self.say(&ServerEvent::Done { cmd }).await?;
        }
        let (mut pings, mut marks) = (every(PING_EVERY), every(MARK_EVERY));
        pings.tick().await;
        loop {
            let turn = tokio::select! {
                () = live.lifecycle.stopping() => Turn::Stop,
                () = seat.replaced.cancelled() => Turn::Replaced,
                () = seat.recheck.notified() => Turn::Recheck,
                event = self.events.recv() => Turn::Event(event),
                frame = self.socket.recv() => Turn::Frame(frame),
                signal = self.signals.recv() => Turn::Signal(signal),
                _ = pings.tick() => Turn::Ping,
                _ = marks.tick(), if !self.arrived.is_empty() => Turn::Mark,
            };
            self.take_turn(turn).await?;
        }
    }

    async fn take_turn(&mut self, turn: Turn) -> Step {
        match turn {
            Turn::Stop => Err(Ended::Bye(ByeReason::Stopping)),
            Turn::Replaced => Err(Ended::Bye(ByeReason::Replaced)),
            Turn::Recheck => self.check_session().await,
            Turn::Ping => self.ping().await,
            Turn::Mark => self.note_arrived().await,
            Turn::Event(Ok(logged)) => self.forward_all(&logged).await,
            Turn::Event(Err(RecvError::Lagged(_))) => self.catch_up().await,
            Turn::Event(Err(RecvError::Closed)) => Err(Ended::Bye(ByeReason::Stopping)),
            Turn::Signal(Ok(Signal::SettingsChanged)) => self.say(&ServerEvent::SettingsChanged {}).await,
            Turn::Signal(Ok(Signal::CallChanged(contact))) => {
                self.say(&ServerEvent::CallChanged { contact }).await
            }
            Turn::Signal(Ok(Signal::Typing(contact))) if self.opened.contains_key(&contact) => {
                self.say(&ServerEvent::Typing { contact }).await
            }
            // A sign of typing that was missed is worth nothing now; changed settings are.
            Turn::Signal(Err(RecvError::Lagged(_))) => self.say(&ServerEvent::SettingsChanged {}).await,
            Turn::Signal(_) => Ok(()),
            Turn::Frame(Some(Ok(frame))) => {
                self.pings_unanswered = 0;
                self.hear(frame).await
            }
            Turn::Frame(Some(Err(_)) | None) => Err(Ended::Gone),
        }
    }

    /// Waits for `hello`; gives the command's own id and the position it names.
    async fn hello(&mut self, seat: &Seat) -> Result<(String, Option<i64>), Ended> {
        let live = Arc::clone(&self.hall.live);
        let first = tokio::select! {
            () = live.lifecycle.stopping() => return Err(Ended::Bye(ByeReason::Stopping)),
            () = seat.replaced.cancelled() => return Err(Ended::Bye(ByeReason::Replaced)),
            first = timeout(HELLO_WAIT, self.socket.recv()) => first,
        };
        let Ok(Some(Ok(Frame::Text(text)))) = first else { return Err(Ended::Gone) };
        match serde_json::from_str(text.as_str()) {
            Ok(ClientFrame { cmd, command: ClientCommand::Hello { since_seq } })
                if cmd.len() <= crate::desk::protocol::CMD_MAX =>
            {
                Ok((cmd, since_seq))
            }
            _ => {
                self.refuse(String::new(), &Problem::invalid("hello_first")).await?;
                Err(Ended::Gone)
            }
        }
    }

    /// The board, or what was missed of it.
    async fn greet(&mut self, since: Option<i64>) -> Step {
        let Some(board) = self.hall.live.desk.board(self.me.pool) else { return Err(Ended::Gone) };
        match since.filter(|since| (board.seq.saturating_sub(RESUME_MAX)..=board.seq).contains(since)) {
            Some(from_seq) => {
                self.sent = from_seq;
                self.say(&ServerEvent::Resumed { from_seq }).await?;
                self.catch_up().await?;
            }
            None => {
                self.sent = board.seq;
                let me = Me { agent: self.me.account, role: self.me.role.as_str().to_owned() };
                let (board, server_time) = ((*board).clone(), self.hall.live.clock.now());
                self.say(&ServerEvent::Welcome { me, board, server_time }).await?;
            }
        }
        let offered = board.agents.get(&self.me.account).and_then(|agent| agent.offer);
        match offered {
            Some(offer) => self.explain_offer(offer).await,
            None => Ok(()),
        }
    }

    /// Sends an event and those behind it: what one commit brought leaves in one write.
    async fn forward_all(&mut self, first: &LoggedEvent) -> Step {
        self.forward(first).await?;
        for _ in 1..EVENTS_AT_ONCE {
            match self.events.try_recv() {
                Ok(logged) => self.forward(&logged).await?,
                Err(TryRecvError::Lagged(_)) => self.catch_up().await?,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.flush().await
    }

    async fn forward(&mut self, logged: &LoggedEvent) -> Step {
        if logged.seq <= self.sent {
            return Ok(());
        }
        if logged.seq == self.sent + 1 { self.pass_on(logged).await } else { self.catch_up().await }
    }

    /// Sends what the store has beyond the last event sent.
    async fn catch_up(&mut self) -> Step {
        loop {
            let mut tx = self.hall.live.db.read().await?;
            let missed = log::read_after(&mut tx, self.me.pool, self.sent, log::PAGE_MAX).await?;
            // The connection goes back before a slow client is waited for.
            drop(tx);
            for logged in &missed {
                self.pass_on(logged).await?;
            }
            if i64::try_from(missed.len()) != Ok(log::PAGE_MAX) {
                return self.flush().await;
            }
        }
    }

    /// Leaves the event to the next [`Self::flush`], but for what must not wait.
    async fn pass_on(&mut self, logged: &LoggedEvent) -> Step {
        let text = self.hall.texts.of(self.me.pool, logged);
        in_time(self.socket.feed(Frame::Text(text))).await?;
        self.sent = logged.seq;
        let me = self.me.account;
        match (&logged.event, logged.contact) {
            (Event::OfferMade { agent, offer, .. }, _) if *agent == me => {
                // It rings before the store is asked why.
                self.flush().await?;
                self.explain_offer(*offer).await
            }
            (Event::MessageStored { .. }, Some(contact)) => self.show_new(contact, logged.seq).await,
            // Somebody else's now: whoever still wants to read it opens it again, which is noted.
            (Event::ContactRequeued { from_agent: Some(agent), .. }, Some(contact)) if *agent == me => {
                self.opened.remove(&contact);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Tells the agent what rings, when it still does.
    async fn explain_offer(&mut self, offer: OfferId) -> Step {
        // Without its explanation the offer is on the screen all the same.
        let Ok(Some(record)) = self.hall.live.desk.offer(offer).await else { return Ok(()) };
        if !record.ringing || record.agent != self.me.account {
            return Ok(());
        }
        let history = OfferHistory { earlier: record.earlier };
        self.say(&ServerEvent::OfferDetail { offer, contact: record.contact, why: record.why, history }).await
    }

    /// Sends the new messages of an opened contact.
    async fn show_new(&mut self, contact: ContactId, seq: i64) -> Step {
        let Some((port, after)) = self.shown(contact).filter(|(_, sent)| *sent < seq) else { return Ok(()) };
        let mut tx = self.hall.live.db.read().await?;
        let messages = port.messages(&mut tx, contact, after, log::PAGE_MAX).await?;
        drop(tx);
        if let (Some(opened), Some(last)) = (self.opened.get_mut(&contact), messages.last()) {
            opened.sent = last.seq;
        }
        self.note_shown(contact, &messages);
        for message in messages {
            self.say(&ServerEvent::Message { contact, message }).await?;
        }
        Ok(())
    }

    fn shown(&self, contact: ContactId) -> Option<(Arc<dyn ChannelPort>, i64)> {
        let opened = self.opened.get(&contact)?;
        Some((Arc::clone(self.hall.live.ports.of(opened.channel)?), opened.sent))
    }

    /// Remembers that the inquirer's messages are on the screen of the agent she talks to.
    pub(super) fn note_shown(&mut self, contact: ContactId, messages: &[Message]) {
        let last = messages.iter().rev().find(|message| message.sender == Sender::Visitor);
        if let Some(last) = last
            && self.is_mine(contact)
        {
            self.arrived.insert(contact, last.seq);
        }
    }

    /// Whether the board shows the contact as this agent's.
    pub(super) fn is_mine(&self, contact: ContactId) -> bool {
        let board = self.hall.live.desk.board(self.me.pool);
        board.is_some_and(|b| b.contacts.get(&contact).is_some_and(|c| c.agent == Some(self.me.account)))
    }

    async fn note_arrived(&mut self) -> Step {
        for (contact, up_to) in std::mem::take(&mut self.arrived) {
            if let Some((port, _)) = self.shown(contact)
                && let Err(problem) = port.mark(contact, self.me.account, up_to, MarkKind::Delivered).await
            {
                tracing::debug!(code = problem.code, "a delivery was not noted");
            }
        }
        Ok(())
    }

    async fn ping(&mut self) -> Step {
        if self.pings_unanswered >= PINGS_UNANSWERED_MAX {
            return Err(Ended::Gone);
        }
        self.pings_unanswered += 1;
        self.check_session().await?;
        if self.is_on_duty() {
            self.keep_session().await;
        }
        self.send(Frame::Ping(bytes::Bytes::new())).await
    }

    /// Whether this agent takes contacts. Waiting for one is work at a quiet desk: the session does not run
    /// out
    /// then. Whoever has left the screen misses an offer, counts as not answering, and is no longer on duty.
    fn is_on_duty(&self) -> bool {
        let on_duty = |state| matches!(state, AgentState::Available | AgentState::Busy | AgentState::WrapUp);
        let board = self.hall.live.desk.board(self.me.pool);
        board.is_some_and(|b| b.agents.get(&self.me.account).is_some_and(|agent| on_duty(agent.state)))
    }

    async fn check_session(&mut self) -> Step {
        match self.hall.live.sessions.still_valid(self.me.session).await {
            Ok(false) => Err(Ended::Bye(ByeReason::SignedOut)),
            // A store that does not answer ends nothing: it is asked again.
            Ok(true) | Err(_) => Ok(()),
        }
    }

    pub(super) async fn refuse(&mut self, cmd: String, problem: &Problem) -> Step {
        let message = problems::sentence(problem.code, &problem.params, &self.me.ui_language);
        self.say(&ServerEvent::Refused { cmd, problem: ProblemView::new(problem, message) }).await
    }

    pub(super) async fn say(&mut self, event: &ServerEvent) -> Step {
        self.send(Frame::Text(text_of(event))).await
    }

    async fn send(&mut self, frame: Frame) -> Step {
        in_time(self.socket.send(frame)).await
    }

    async fn flush(&mut self) -> Step {
        in_time(self.socket.flush()).await
    }

    /// The last word, as far as the other side still listens.
    async fn part(mut self, ended: &Ended) {
        let (code, reason) = match ended {
            Ended::Bye(_) => (close_code::NORMAL, ""),
            Ended::Store => (close_code::ERROR, "store"),
            Ended::Gone => (close_code::POLICY, "closed"),
        };
        let close = Frame::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        let words = async {
            if let Ended::Bye(reason) = ended {
                self.socket.send(Frame::Text(text_of(&ServerEvent::Bye { reason: *reason }))).await?;
            }
            self.socket.send(close).await?;
            if *ended == Ended::Bye(ByeReason::TooSlow) {
                // What it wrote meanwhile is taken: closing over unread bytes would cut the last word off.
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
            Ok::<_, axum::Error>(())
        };
        // Whoever does not take the last word finds the line closed.
        let _ = timeout(LEAVE_WAIT, words).await;
    }
}

/// Whether the other side takes what it is sent, in time.
async fn in_time(sent: impl Future<Output = Result<(), axum::Error>>) -> Step {
    match timeout(SLOW_WAIT, sent).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Ended::Gone),
        Err(_) => Err(Ended::Bye(ByeReason::TooSlow)),
    }
}

fn every(period: std::time::Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
