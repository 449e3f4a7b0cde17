//! The engine of one pool inside a transaction: every output becomes rows and events, before the next input.

use std::collections::BTreeSet;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId, PoolId};
use crate::kernel::time::Timestamp;
use crate::routing::{Explanation, Input, OfferEnd, Outcome, Output, Rejection, RequeueReason, Router};

use super::events::Event;
use super::log;
use super::ports::Ports;
use super::rows::{self, NewOffer};
use super::setup::Setup;
use super::words::{EndedBy, text_of};

/// What the log says about doors and connections. Kept beside the engine because the engine's own view of
/// them does not survive being rebuilt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Desks whose latest word in the log is "opened".
    pub open_desks: BTreeSet<DeskId>,
    /// Agents whose latest word in the log is "connected".
    pub connected: BTreeSet<AccountId>,
}

/// The engine with what its task needs to perform its outputs. It moves into the writer for each unit of
/// work and comes back with the commit; when the commit fails it is lost, and rebuilt from the store.
pub(super) struct Engine {
    pub pool: PoolId,
    pub router: Router,
    pub setup: Setup,
    pub known: Known,
    pub ports: Ports,
    /// The latest moment it was told; it never goes back.
    pub now: Timestamp,
    /// When a door moves next.
    pub next_door: Option<Timestamp>,
}

/// Why an input is given: what its events shall say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cause {
    pub contact: Option<ContactId>,
    /// Who ends that contact, if the input ends it.
    pub by: Option<EndedBy>,
    /// The desk that a transfer takes it to.
    pub desk: Option<DeskId>,
}

impl Cause {
    /// An end by this side.
    pub const fn end(contact: ContactId, by: EndedBy) -> Self {
        Self { contact: Some(contact), by: Some(by), desk: None }
    }
}

/// What became of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub refused: Option<Rejection>,
    /// The store had another owner for the contact.
    pub claim_lost: bool,
}

impl Engine {
    /// When it wants to be called if nothing else happens before.
    pub fn next_wake(&self) -> Option<Timestamp> {
        [self.router.next_wake(), self.next_door].into_iter().flatten().min()
    }

    /// Gives the engine one input and performs everything that follows from it.
    ///
    /// # Errors
    /// When the store fails: the engine has run ahead of it then and must be thrown away.
    pub async fn step(&mut self, tx: &mut Tx, input: Input, cause: Cause) -> Result<Taken, DbError> {
        self.router.handle(self.now, input);
        self.perform(tx, cause).await
    }

    /// Performs the outputs that wait.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn perform(&mut self, tx: &mut Tx, cause: Cause) -> Result<Taken, DbError> {
        let mut turn = Turn {
            engine: self,
            cause,
            contacts: BTreeSet::new(),
            agents: BTreeSet::new(),
            taken: Taken::default(),
        };
        while let Some(output) = turn.engine.router.poll() {
            turn.perform(tx, output).await?;
        }
        turn.save(tx).await
    }

    /// Appends an event of this pool, at the engine's time.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn log(&self, tx: &mut Tx, contact: Option<ContactId>, event: &Event) -> Result<(), DbError> {
        log::append(tx, self.pool, self.now, contact, event).await.map(drop)
    }
}

/// The outputs of one input.
struct Turn<'a> {
    engine: &'a mut Engine,
    cause: Cause,
    /// Whose rows have to follow.
    contacts: BTreeSet<ContactId>,
    agents: BTreeSet<AccountId>,
    taken: Taken,
}

impl Turn<'_> {
    async fn perform(&mut self, tx: &mut Tx, output: Output) -> Result<(), DbError> {
        match output {
            Output::Offer { offer, contact, agent, expires_at, why } => {
                self.make_offer(tx, NewOffer { offer, contact, agent, expires_at, why: &why }).await
            }
            Output::OfferEnded { offer, contact, agent, reason } => {
                self.end_offer(tx, offer, contact, agent, reason).await
            }
            Output::Claim { offer, contact, agent } => self.claim(tx, offer, contact, agent).await,
            Output::Started { offer, contact, agent, waited } => {
                self.agents.insert(agent);
                rows::end_offer(tx, self.engine.now, offer, "accepted").await?;
                self.log(tx, contact, Event::ContactAccepted { agent, offer, waited_ms: waited }).await?;
                let hooks = &self.engine.ports.hooks;
                hooks.on_accepted(tx, contact, agent, self.engine.now).await
            }
            Output::Held { contact, held } => {
                let event = if held { Event::ContactHeld {} } else { Event::ContactUnheld {} };
                self.log(tx, contact, event).await
            }
            Output::Requeued { contact, from, reason, head } => {
                self.requeue(tx, contact, from, reason, head).await
            }
            Output::Corrected { contact } => self.correct(tx, contact).await,
            Output::RingWidened { contact, ring } => self.log(tx, contact, Event::RingWidened { ring }).await,
            Output::WrapUpStarted { contact, agent, until } => {
                self.agents.insert(agent);
                let outcome = self.outcome_of(contact);
                self.end(tx, contact, outcome).await?;
                self.log(tx, contact, Event::WrapUpStarted { agent, until }).await
            }
            Output::WrapUpExtended { contact, agent, until } => {
                self.log(tx, contact, Event::WrapUpExtended { agent, until }).await
            }
            Output::WrapUpEnded { agent, .. } => {
                self.agents.insert(agent);
                Ok(())
            }
            Output::AgentState { agent, state, reason, since, pending } => {
                self.agents.insert(agent);
                let event = Event::AgentState { agent, state, reason, since, pending };
                self.engine.log(tx, None, &event).await
            }
            Output::Divert { contact, reason } => {
                self.log(tx, contact, Event::ContactDiverted { reason }).await?;
                self.engine.ports.hooks.on_diverted(tx, contact, self.engine.now).await
            }
            Output::Closed { contact, outcome, waited, handled } => {
                let event = Event::ContactClosed { outcome, waited_ms: waited, handled_ms: handled };
                self.close(tx, contact, outcome, event).await
            }
            Output::Rejected { reason, contact, agent } => {
                tracing::debug!(?reason, ?contact, ?agent, "the engine refused");
                self.taken.refused = Some(reason);
                Ok(())
            }
            // Asked for when somebody wants to know.
            Output::Explain(_) => Ok(()),
        }
    }

    /// Appends an event of a contact whose row has to follow.
    async fn log(&mut self, tx: &mut Tx, contact: ContactId, event: Event) -> Result<(), DbError> {
        self.contacts.insert(contact);
        self.engine.log(tx, Some(contact), &event).await
    }

    async fn make_offer(&mut self, tx: &mut Tx, new: NewOffer<'_>) -> Result<(), DbError> {
        let NewOffer { offer, contact, agent, expires_at, why: Explanation { ring, .. } } = new;
        rows::insert_offer(tx, self.engine.now, &new).await?;
        self.log(tx, contact, Event::OfferMade { agent, offer, expires_at, ring: *ring }).await
    }

    async fn end_offer(
        &mut self,
        tx: &mut Tx,
        offer: OfferId,
        contact: ContactId,
        agent: AccountId,
        reason: OfferEnd,
    ) -> Result<(), DbError> {
        self.agents.insert(agent);
        self.taken.claim_lost |= reason == OfferEnd::ClaimLost;
        rows::end_offer(tx, self.engine.now, offer, &text_of(reason)).await?;
        self.log(tx, contact, Event::OfferEnded { agent, offer, reason }).await
    }

    async fn claim(
        &mut self,
        tx: &mut Tx,
        offer: OfferId,
        contact: ContactId,
        agent: AccountId,
    ) -> Result<(), DbError> {
        let now = self.engine.now;
        let won = rows::claim(tx, now, contact, offer, agent).await?;
        let answer =
            if won { Input::ClaimWon { offer, contact } } else { Input::ClaimLost { offer, contact } };
        self.contacts.insert(contact);
        self.engine.router.handle(now, answer);
        Ok(())
    }

    async fn requeue(
        &mut self,
        tx: &mut Tx,
        contact: ContactId,
        from: Option<AccountId>,
        reason: RequeueReason,
        head: bool,
    ) -> Result<(), DbError> {
        self.agents.extend(from);
        rows::release_contact(tx, contact).await?;
        let desk = self.cause.desk.filter(|_| self.cause.contact == Some(contact));
        self.log(tx, contact, Event::ContactRequeued { from_agent: from, reason, head, desk }).await
    }

    async fn correct(&mut self, tx: &mut Tx, contact: ContactId) -> Result<(), DbError> {
        let Some(speech) = rows::speech(tx, contact).await? else { return Ok(()) };
        let wanted =
            self.engine.router.contact(contact).map(|image| image.arrival.wanted).unwrap_or_default();
        let event = Event::ContactCorrected { language: speech.language, topic: speech.topic, wanted };
        self.log(tx, contact, event).await
    }

    /// How the talk that has just ended will be counted.
    fn outcome_of(&self, contact: ContactId) -> Outcome {
        match self.engine.router.contact(contact).map(|image| image.phase) {
            Some(crate::routing::PhaseImage::WrapUp { outcome, .. }) => outcome,
            _ => Outcome::Handled,
        }
    }

    /// Logs who ended the contact.
    async fn end(&mut self, tx: &mut Tx, contact: ContactId, outcome: Outcome) -> Result<(), DbError> {
        let named = self.cause.by.filter(|_| self.cause.contact == Some(contact));
        let by = named.unwrap_or(EndedBy::System);
        self.log(tx, contact, Event::ContactEnded { by, outcome }).await
    }

    async fn close(
        &mut self,
        tx: &mut Tx,
        contact: ContactId,
        outcome: Outcome,
        event: Event,
    ) -> Result<(), DbError> {
        let ended_before = rows::close_contact(tx, self.engine.now, contact, outcome).await?;
        if !ended_before && outcome != Outcome::Diverted {
            self.end(tx, contact, outcome).await?;
        }
        self.log(tx, contact, event).await?;
        self.engine.ports.hooks.on_closed(tx, contact, outcome, self.engine.now).await
    }

    /// Brings the rows up to date with the engine.
    async fn save(self, tx: &mut Tx) -> Result<Taken, DbError> {
        let Turn { engine, contacts, agents, taken, .. } = self;
        for contact in contacts {
            // A closed one is gone from the engine; its row was closed with it.
            if let Some(image) = engine.router.contact(contact) {
                rows::save_contact(tx, &image).await?;
            }
        }
        for agent in agents {
            match engine.router.agent(agent) {
                Some(image) => {
                    let connected = engine.known.connected.contains(&agent);
                    rows::save_agent(tx, engine.pool, &image, connected).await?;
                }
                None => rows::retire_agent(tx, engine.now, agent).await?,
            }
        }
        Ok(taken)
    }
}
