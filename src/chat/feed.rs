//! What one open page is told, whether it listens on a socket or on a stream.
//!
//! Signals of the desk say that something happened; what happened is read from the store. So a page that
//! lags, or comes back after a cut, gets the same events in the same order as one that was always there.

use std::sync::Arc;

use crate::desk::events::{Event, LoggedEvent};
use crate::desk::watch::{ContactWatch, Signal};
use crate::desk::words::Side;
use crate::kernel::ids::ContactId;
use crate::kernel::problem::Problem;

use super::limits::PAGE_MAX;
use super::presence::{Full, Page};
use super::protocol::{StateView, VisitorEvent};
use super::reception::Reception;
use super::store::{self, Talk};

/// A page's side of a conversation.
pub(super) struct Feed {
    reception: Arc<Reception>,
    contact: ContactId,
    watch: ContactWatch,
    /// The last message that was told.
    told_seq: i64,
    standing: StateView,
    marks: (i64, i64),
    /// She is there as long as this is kept.
    _page: Page,
}

impl Feed {
    /// Opens a conversation for a page that has the messages up to `after`, with what to tell it first.
    ///
    /// # Errors
    /// `too_many_pages`, `busy`, or the store's failure.
    pub(super) async fn open(
        reception: &Arc<Reception>,
        contact: ContactId,
        after: i64,
    ) -> Result<(Self, Vec<VisitorEvent>), Problem> {
        let page = reception.presence.enter(contact).map_err(|full| match full {
            Full::Contact => Problem::new(axum::http::StatusCode::TOO_MANY_REQUESTS, "too_many_pages"),
            Full::Program => Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "busy"),
        })?;
        // Watching begins before reading: nothing falls between.
        let watch = reception.parts.desk.watch(contact);
        let talk = load(reception, contact).await?;
        let view = reception.view(&talk, after).await?;
        let mut feed = Self {
            reception: Arc::clone(reception),
            contact,
            watch,
            told_seq: view.messages.last().map_or(after, |message| message.seq),
            standing: view.standing.clone(),
            marks: (view.delivered_seq, view.read_seq),
            _page: page,
        };
        let more = view.more;
        let mut events = vec![VisitorEvent::Welcome(view)];
        if more {
            feed.add_messages(&mut events).await?;
        }
        Ok((feed, events))
    }

    /// Whose page it is.
    pub(super) const fn contact(&self) -> ContactId {
        self.contact
    }

    /// The next signal; `None` when the desk has stopped. Nothing is lost when the waiting is given up.
    pub(super) async fn signal(&mut self) -> Option<Signal> {
        self.watch.next().await
    }

    /// What a signal means to the page.
    ///
    /// # Errors
    /// The store's failure: the page has to come back.
    pub(super) async fn told(&mut self, signal: Signal) -> Result<Vec<VisitorEvent>, Problem> {
        let mut events = Vec::new();
        match signal {
            Signal::Typing { from_agent: true } => events.push(VisitorEvent::Typing {}),
            Signal::Typing { from_agent: false } => {}
            Signal::Moved => self.add_place(&mut events).await,
            Signal::Event(logged) => self.add_step(&logged, &mut events).await?,
            Signal::Lagged => {
                let talk = load(&self.reception, self.contact).await?;
                self.add_messages(&mut events).await?;
                self.add_state(&talk, &mut events).await?;
                self.add_marks((talk.agent_seen_seq, talk.agent_read_seq), &mut events);
            }
        }
        Ok(events)
    }

    async fn add_step(
        &mut self,
        logged: &LoggedEvent,
        events: &mut Vec<VisitorEvent>,
    ) -> Result<(), Problem> {
        match &logged.event {
            Event::MessageStored { .. } if logged.seq <= self.told_seq => {}
            Event::MessageStored { .. } => self.add_messages(events).await?,
            Event::MessagesRead { side: Side::Agent, .. } => {
                let talk = load(&self.reception, self.contact).await?;
                self.add_marks((talk.agent_seen_seq, talk.agent_read_seq), events);
            }
            Event::MessagesRead { side: Side::Visitor, .. }
            | Event::TicketChanged { .. }
            | Event::SatisfactionGiven { .. } => {}
            Event::ContactArrived { .. }
            | Event::OfferMade { .. }
            | Event::OfferEnded { .. }
            | Event::ContactAccepted { .. }
            | Event::ContactHeld {}
            | Event::ContactUnheld {}
            | Event::ContactRequeued { .. }
            | Event::ContactCorrected { .. }
            | Event::RingWidened { .. }
            | Event::ContactDiverted { .. }
            | Event::ContactEnded { .. }
            | Event::WrapUpStarted { .. }
            | Event::WrapUpExtended { .. }
            | Event::ContactClosed { .. }
            | Event::AgentState { .. }
            | Event::AgentConnected { .. }
            | Event::AgentDisconnected { .. }
            | Event::DeskOpened { .. }
            | Event::DeskClosed { .. } => {
                let talk = load(&self.reception, self.contact).await?;
                self.add_state(&talk, events).await?;
            }
        }
        Ok(())
    }

    /// The messages that were not told yet.
    async fn add_messages(&mut self, events: &mut Vec<VisitorEvent>) -> Result<(), Problem> {
        loop {
            let found = self.reception.messages(self.contact, self.told_seq).await?;
            let last_page = i64::try_from(found.len()).unwrap_or(i64::MAX) <= PAGE_MAX;
            for message in found {
                self.told_seq = message.seq;
                events.push(VisitorEvent::Message { message });
            }
            if last_page {
                return Ok(());
            }
        }
    }

    async fn add_state(&mut self, talk: &Talk, events: &mut Vec<VisitorEvent>) -> Result<(), Problem> {
        let standing = self.reception.standing(talk).await?;
        if standing != self.standing {
            self.standing = standing.clone();
            events.push(VisitorEvent::State(standing));
        }
        Ok(())
    }

    /// The place in the line alone: asked of the desk, not of the store.
    async fn add_place(&mut self, events: &mut Vec<VisitorEvent>) {
        let Some(now) = self.reception.parts.desk.standing(self.contact).await else { return };
        let place = (now.position, now.expected_wait);
        let waits = self.standing.state == super::protocol::VisitorState::Waiting;
        if waits && place != (self.standing.position, self.standing.expected_wait_ms) {
            (self.standing.position, self.standing.expected_wait_ms) = place;
            events.push(VisitorEvent::State(self.standing.clone()));
        }
    }

    fn add_marks(&mut self, marks: (i64, i64), events: &mut Vec<VisitorEvent>) {
        if marks != self.marks {
            self.marks = marks;
            events.push(VisitorEvent::Marks { delivered_seq: marks.0, read_seq: marks.1 });
        }
    }
}

/// The conversation as it stands now.
pub(super) async fn load(reception: &Reception, contact: ContactId) -> Result<Talk, Problem> {
    let talk = store::talk(&mut reception.parts.db.read().await?, contact).await?;
    talk.ok_or_else(Problem::not_found)
}
