//! What features and agents ask of the engine: checked here, so that what is refused has written nothing.

use axum::http::StatusCode;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, DeskId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Millis;
use crate::language::LangTag;
use crate::routing::{
    self, AgentState, AwayReason, ContactImage, DivertReason, Input, Outcome, PhaseImage, Rejection,
    TransferTarget, Wish,
};

use super::engine::{Cause, Engine};
use super::events::Event;
use super::handle::{Correction, Placed};
use super::ports::{Arrival, Arrived, Reader};
use super::protocol::{ClientCommand, TransferTo};
use super::rows::{self, NewContact, Speech};
use super::words::EndedBy;

/// One request to the engine.
#[derive(Clone)]
pub(super) enum Act {
    Arrive(Box<Arrival>),
    Leave(Box<Arrival>),
    /// An agent calls somebody: the contact begins in the agent's hand.
    Originate(Box<Arrival>, AccountId),
    InquirerEnds(ContactId),
    InquirerDiverts(ContactId),
    /// The line or the program failed.
    Failed(ContactId),
    /// The talk goes on with somebody outside the pool.
    TransferredOutside(ContactId),
    Correct(ContactId, Correction),
    Command(Reader, ClientCommand),
    /// A socket opened; the connections are brought up to date before the acts.
    Connected(AccountId),
}

/// What a request that was carried out answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Done {
    Nothing,
    Placed(Placed),
}

/// A request's own answer; the outer error is the store's and undoes the whole unit.
pub(super) type Answer = Result<Done, Problem>;

impl Engine {
    /// Carries out one request.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn act(&mut self, tx: &mut Tx, act: &Act) -> Result<Answer, DbError> {
        let done = match act {
            Act::Arrive(arrival) => self.arrive(tx, arrival).await,
            Act::Leave(arrival) => self.leave(tx, arrival).await,
            Act::Originate(arrival, agent) => self.originate(tx, arrival, *agent).await,
            Act::InquirerEnds(contact) => self.inquirer_ends(tx, *contact).await,
            Act::InquirerDiverts(contact) => self.inquirer_diverts(tx, *contact).await,
            Act::Failed(contact) => self.failed(tx, *contact).await,
            Act::TransferredOutside(contact) => {
                let cause = Cause::end(*contact, EndedBy::Agent);
                self.ask(tx, Input::TransferredOutside { contact: *contact }, cause).await
            }
            Act::Correct(contact, correction) => self.correct(tx, *contact, correction).await,
            Act::Command(who, command) => self.command(tx, *who, command).await,
            Act::Connected(agent) if self.router.agent(*agent).is_none() => Err(Problem::not_found().into()),
            Act::Connected(_) => Ok(Done::Nothing),
        };
        match done {
            Ok(done) => Ok(Ok(done)),
            Err(Stop::Refused(problem)) => Ok(Err(problem)),
            Err(Stop::Store(error)) => Err(error),
        }
    }

    async fn ask(&mut self, tx: &mut Tx, input: Input, cause: Cause) -> Result<Done, Stop> {
        let taken = self.step(tx, input, cause).await?;
        if taken.claim_lost {
            return Err(refusal(Rejection::UnknownOffer).into());
        }
        taken.refused.map_or(Ok(Done::Nothing), |reason| Err(refusal(reason).into()))
    }

    async fn arrive(&mut self, tx: &mut Tx, arrival: &Arrival) -> Result<Done, Stop> {
        let desk = self.setup.desks.get(&arrival.desk).ok_or_else(Problem::not_found)?;
        if !desk.takes(arrival.channel) {
            return Err(Problem::conflict("channel_closed").into());
        }
        if !self.router.is_open(arrival.desk) {
            return Err(Problem::conflict("desk_closed").into());
        }
        let preferred = match (arrival.preferred, arrival.resumes) {
            (None, Some(earlier)) => rows::last_agent(tx, earlier).await?,
            (preferred, _) => preferred,
        };
        let placed = self.admit(tx, arrival, preferred, false).await?;
        let desk = self.setup.desks.get(&arrival.desk);
        let input = Input::Arrived(routing::Arrival {
            contact: arrival.contact,
            desk: arrival.desk,
            channel: arrival.channel,
            wanted: desk.map_or_else(Vec::new, |d| d.wishes(&arrival.language, arrival.topic.as_deref())),
            priority: arrival.priority.unwrap_or_else(|| desk.map_or(0, |d| d.priority(arrival.inquirer))),
            arrived_at: arrival.arrived_at.unwrap_or(self.now),
            preferred,
            reservation: None,
        });
        match self.step(tx, input, Cause::default()).await?.refused {
            None => Ok(Done::Placed(placed)),
            Some(reason) => {
                // Checked above: a refusal here would leave a contact that nobody knows.
                tracing::error!(?reason, "an admitted contact was refused");
                Err(DbError::Panicked.into())
            }
        }
    }

    /// A contact that an agent begins: arrived, offered to that agent alone and taken, in one step.
    async fn originate(&mut self, tx: &mut Tx, arrival: &Arrival, agent: AccountId) -> Result<Done, Stop> {
        // Asked before anything is written: the engine would refuse the offer with the same words.
        let image = self.router.agent(agent).ok_or_else(Problem::not_found)?;
        if image.state != AgentState::Available {
            return Err(refusal(Rejection::AgentNotReady).into());
        }
        let done = self.arrive(tx, arrival).await?;
        let contact = arrival.contact;
        let rings = |engine: &Self| match engine.router.contact(contact).map(|image| image.phase) {
            Some(PhaseImage::Offered { offer, agent: rung, .. }) if rung == agent => Some(offer),
            _ => None,
        };
        if rings(self).is_none() {
            self.ask(tx, Input::Assign { contact, agent }, Cause::default()).await?;
        }
        let offer = rings(self).ok_or_else(|| refusal(Rejection::AgentNotReady))?;
        self.ask(tx, Input::Accepted { offer, agent }, Cause::default()).await?;
        Ok(done)
    }

    async fn failed(&mut self, tx: &mut Tx, contact: ContactId) -> Result<Done, Stop> {
        match self.router.contact(contact).map(|image| image.phase) {
            None | Some(PhaseImage::WrapUp { .. }) => Err(closed().into()),
            Some(_) => {
                // Said at once, not when the wrap-up is over: somebody has to come back to it.
                self.ports.hooks.on_diverted(tx, contact, self.now).await?;
                let cause = Cause::end(contact, EndedBy::System);
                self.ask(tx, Input::Failed { contact }, cause).await
            }
        }
    }

    /// Writes the contact's row, its ticket, its arrival and what came with it.
    async fn admit(
        &mut self,
        tx: &mut Tx,
        arrival: &Arrival,
        preferred: Option<AccountId>,
        left: bool,
    ) -> Result<Placed, Stop> {
        let desk = self.setup.desks.get(&arrival.desk).ok_or_else(Problem::not_found)?;
        let wanted = desk.wishes(&arrival.language, arrival.topic.as_deref());
        let priority = arrival.priority.unwrap_or_else(|| desk.priority(arrival.inquirer));
        let (pool, at, contact) = (self.pool, self.now, arrival.contact);
        let arrived_at = arrival.arrived_at.unwrap_or(at);
        let new = NewContact { pool, arrival, wanted: &wanted, priority, preferred, arrived_at, at, left };
        rows::insert_contact(tx, &new).await?;
        let ticket = self.ports.hooks.on_arrival(tx, &Arrived { pool, at, arrival, left }).await?;
        if let Some(ticket) = ticket {
            rows::set_ticket(tx, contact, ticket).await?;
        }
        let event = Event::ContactArrived {
            desk: arrival.desk,
            channel: arrival.channel,
            language: arrival.language.clone(),
            topic: arrival.topic.clone(),
            inquirer: arrival.inquirer,
            wanted,
            priority: i64::from(priority),
            arrived_at,
            preferred,
            ticket,
        };
        self.log(tx, Some(contact), &event).await?;
        if let Some(extra) = &arrival.extra {
            extra.write(tx, contact, at).await?;
        }
        Ok(Placed { contact, ticket })
    }

    async fn leave(&mut self, tx: &mut Tx, arrival: &Arrival) -> Result<Done, Stop> {
        let open = self.router.is_open(arrival.desk);
        let placed = self.admit(tx, arrival, arrival.preferred, true).await?;
        let (contact, outcome) = (arrival.contact, Outcome::Diverted);
        let reason = if open { DivertReason::Chosen } else { DivertReason::DeskClosed };
        self.log(tx, Some(contact), &Event::ContactDiverted { reason }).await?;
        let (waited_ms, handled_ms) = (Millis::ZERO, Millis::ZERO);
        self.log(tx, Some(contact), &Event::ContactClosed { outcome, waited_ms, handled_ms }).await?;
        self.ports.hooks.on_closed(tx, contact, outcome, self.now).await?;
        Ok(Done::Placed(placed))
    }

    async fn inquirer_ends(&mut self, tx: &mut Tx, contact: ContactId) -> Result<Done, Stop> {
        match self.router.contact(contact).map(|image| image.phase) {
            None | Some(PhaseImage::WrapUp { .. }) => Err(closed().into()),
            Some(_) => {
                let cause = Cause::end(contact, EndedBy::Visitor);
                self.ask(tx, Input::GaveUp { contact }, cause).await
            }
        }
    }

    async fn inquirer_diverts(&mut self, tx: &mut Tx, contact: ContactId) -> Result<Done, Stop> {
        match self.router.contact(contact).map(|image| image.phase) {
            Some(PhaseImage::Waiting | PhaseImage::Offered { .. }) => {
                self.ask(tx, Input::ChoseDiversion { contact }, Cause::default()).await
            }
            _ => Err(closed().into()),
        }
    }

    async fn correct(
        &mut self,
        tx: &mut Tx,
        contact: ContactId,
        correction: &Correction,
    ) -> Result<Done, Stop> {
        let image = self.router.contact(contact).ok_or_else(closed)?;
        let before = rows::speech(tx, contact).await?.ok_or_else(closed)?;
        let after = corrected(tx, &before, correction).await?;
        if after == before {
            return Ok(Done::Nothing);
        }
        rows::set_speech(tx, contact, &after).await?;
        let desk = self.setup.desks.get(&image.arrival.desk);
        let wanted = desk.map_or_else(Vec::new, |d| d.wishes(&after.language, after.topic.as_deref()));
        self.ask(tx, Input::SkillsCorrected { contact, wanted }, Cause::default()).await
    }

    async fn command(&mut self, tx: &mut Tx, who: Reader, command: &ClientCommand) -> Result<Done, Stop> {
        let (input, cause) = match command {
            ClientCommand::Correct { contact, language, topic } => {
                self.held(who, *contact)?;
                let correction = Correction {
                    language: language.clone(),
                    language_source: Some("corrected".to_owned()),
                    language_confidence: None,
                    topic: topic.clone(),
                };
                return self.correct(tx, *contact, &correction).await;
            }
            ClientCommand::Transfer { contact, to } => self.transfer(who, *contact, *to)?,
            ClientCommand::End { contact } => {
                let holder = self.held(who, *contact)?;
                let by = if holder == Some(who.account) { EndedBy::Agent } else { EndedBy::Supervisor };
                (Input::Ended { contact: *contact }, Cause::end(*contact, by))
            }
            other => (self.input(who, other)?, Cause::default()),
        };
        self.ask(tx, input, cause).await
    }

    /// The engine's input for a command that needs nothing else.
    fn input(&self, who: Reader, command: &ClientCommand) -> Result<Input, Problem> {
        let agent = who.account;
        Ok(match command {
            ClientCommand::SetState { state, reason } => {
                Input::SetState { agent, wish: wish(*state, *reason)? }
            }
            ClientCommand::Accept { offer } => Input::Accepted { offer: *offer, agent },
            ClientCommand::Decline { offer } => Input::Declined { offer: *offer, agent },
            ClientCommand::Hold { contact } => {
                self.held(who, *contact)?;
                Input::Hold { contact: *contact }
            }
            ClientCommand::Unhold { contact } => {
                self.held(who, *contact)?;
                Input::Unhold { contact: *contact }
            }
            ClientCommand::WrapUpDone { contact } => {
                self.held(who, *contact)?;
                Input::WrapUpDone { contact: *contact }
            }
            ClientCommand::WrapUpExtend { contact } => {
                self.held(who, *contact)?;
                Input::WrapUpExtend { contact: *contact }
            }
            ClientCommand::Assign { contact, agent } => {
                supervisor(who)?;
                Input::Assign { contact: *contact, agent: *agent }
            }
            ClientCommand::PullBack { contact } => {
                supervisor(who)?;
                Input::PullBack { contact: *contact }
            }
            ClientCommand::ForceState { agent, state, reason } => {
                supervisor(who)?;
                Input::ForceState { agent: *agent, wish: wish(*state, *reason)? }
            }
            // Needs more than an input, or is the socket's own.
            ClientCommand::Correct { .. }
            | ClientCommand::Transfer { .. }
            | ClientCommand::End { .. }
            | ClientCommand::Hello { .. }
            | ClientCommand::Send { .. }
            | ClientCommand::Typing { .. }
            | ClientCommand::Read { .. }
            | ClientCommand::Open { .. }
            | ClientCommand::Close { .. }
            | ClientCommand::Ping {} => return Err(Problem::invalid("invalid_input")),
        })
    }

    fn transfer(&self, who: Reader, contact: ContactId, to: TransferTo) -> Result<(Input, Cause), Problem> {
        self.held(who, contact)?;
        let (to, desk) = match to {
            TransferTo::Agent { agent } => (TransferTarget::Agent { agent }, None),
            TransferTo::Desk { desk } => {
                self.open_desk(desk)?;
                (TransferTarget::Desk { desk }, Some(desk))
            }
        };
        Ok((Input::Transfer { contact, to }, Cause { contact: Some(contact), by: None, desk }))
    }

    fn open_desk(&self, desk: DeskId) -> Result<(), Problem> {
        if !self.setup.desks.contains_key(&desk) {
            return Err(Problem::not_found());
        }
        if self.router.is_open(desk) { Ok(()) } else { Err(Problem::conflict("transfer_desk_closed")) }
    }

    /// Who holds the contact, if this reader may act on it: its agent, or a supervisor.
    fn held(&self, who: Reader, contact: ContactId) -> Result<Option<AccountId>, Problem> {
        let image = self.router.contact(contact).ok_or_else(closed)?;
        let holder = holder(&image);
        if who.supervisor || holder == Some(who.account) {
            return Ok(holder);
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "not_your_contact"))
    }
}

/// Who talks in it or wraps it up.
const fn holder(image: &ContactImage) -> Option<AccountId> {
    match image.phase {
        PhaseImage::Active { agent, .. } | PhaseImage::WrapUp { agent, .. } => Some(agent),
        PhaseImage::Waiting | PhaseImage::Offered { .. } => None,
    }
}

/// Why a command goes no further.
enum Stop {
    Refused(Problem),
    Store(DbError),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Store(error)
    }
}

async fn corrected(tx: &mut Tx, before: &Speech, correction: &Correction) -> Result<Speech, Stop> {
    let mut after = before.clone();
    if let Some(language) = &correction.language {
        let Ok(tag) = language.parse::<LangTag>() else {
            return Err(Problem::invalid("invalid_input").field("language", "invalid").into());
        };
        tag.as_str().clone_into(&mut after.language);
        after.language_confidence = correction.language_confidence;
        if let Some(source) = &correction.language_source {
            after.language_source.clone_from(source);
        }
    }
    if let Some(topic) = &correction.topic {
        if !rows::is_topic(tx, topic).await? {
            return Err(Problem::invalid("invalid_input").field("topic", "unknown").into());
        }
        after.topic = Some(topic.clone());
    }
    Ok(after)
}

/// The states that one may ask for.
fn wish(state: AgentState, reason: Option<AwayReason>) -> Result<Wish, Problem> {
    match state {
        AgentState::Available => Ok(Wish::Available),
        AgentState::Away => Ok(Wish::Away { reason: reason.unwrap_or(AwayReason::Other) }),
        AgentState::Offline => Ok(Wish::Offline),
        AgentState::Busy | AgentState::WrapUp | AgentState::NotAnswering => {
            Err(Problem::invalid("invalid_input").field("state", "invalid"))
        }
    }
}

const fn supervisor(who: Reader) -> Result<(), Problem> {
    if who.supervisor { Ok(()) } else { Err(Problem::forbidden()) }
}

/// 409: the contact is over.
const fn closed() -> Problem {
    Problem::conflict("closed")
}

/// The engine's refusal, for people.
const fn refusal(reason: Rejection) -> Problem {
    match reason {
        Rejection::UnknownContact => closed(),
        Rejection::UnknownAgent | Rejection::UnknownDesk | Rejection::UnknownReservation => {
            Problem::not_found()
        }
        Rejection::UnknownOffer => Problem::conflict("offer_over"),
        Rejection::DuplicateContact => Problem::conflict("known_already"),
        Rejection::NotYourOffer => Problem::new(StatusCode::FORBIDDEN, "not_your_offer"),
        Rejection::WrongState => Problem::conflict("wrong_state"),
        Rejection::AgentNotReady => Problem::conflict("agent_not_ready"),
        Rejection::NoCapacity => Problem::conflict("no_capacity"),
        Rejection::ExtensionLimit => Problem::conflict("extension_limit"),
        Rejection::TooMany => Problem::invalid("too_many_skills"),
        Rejection::BadTime => Problem::invalid("bad_time"),
    }
}
