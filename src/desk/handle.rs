//! The handle of the desk: what features and sockets may ask of it.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::{broadcast, oneshot};

use crate::kernel::bus::Notice;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId, PoolId, TicketId};
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::problem::Problem;
use crate::kernel::telemetry::Metrics;
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::{AgentState, Channel, ContactState, Explanation, Skill};

use super::acts::{Act, Done};
use super::board::{Board, BoardAgent};
use super::events::LoggedEvent;
use super::pools::Pools;
use super::ports::{Arrival, Ports, Reader};
use super::protocol::ClientCommand;
use super::rows::{self, Owned};
use super::task::{Job, Question, busy};
use super::watch::ContactWatch;

/// What the desk is built from.
#[derive(Clone)]
pub struct Parts {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    /// Days and opening hours are counted in it.
    pub zone: TimeZone,
    pub ports: Ports,
    pub lifecycle: Lifecycle,
    pub metrics: Metrics,
}

/// Where an arrival ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub contact: ContactId,
    pub ticket: Option<TicketId>,
}

/// How a contact stands for the inquirer who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub state: ContactState,
    /// From 1; 0 while an offer rings; `None` when it does not wait.
    pub position: Option<u32>,
    /// `None`: nobody who could take it is signed in.
    pub expected_wait: Option<Millis>,
}

/// An offer as it was made, ended or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRecord {
    pub offer: OfferId,
    pub contact: ContactId,
    pub agent: AccountId,
    pub expires_at: Timestamp,
    /// It waits for the agent's answer.
    pub ringing: bool,
    pub why: Explanation,
    /// Earlier contacts of the same ticket.
    pub earlier: i64,
}

/// A desk's door, as shown before somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    pub open: bool,
    pub opens_at: Option<Timestamp>,
    pub closes_at: Option<Timestamp>,
    /// Contacts that wait at this desk and channel.
    pub waiting: u32,
    /// `None`: closed, or nobody who could take it is signed in.
    pub expected_wait: Option<Millis>,
}

/// What was wrong about a contact; an absent value stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Correction {
    /// BCP 47.
    pub language: Option<String>,
    /// `chosen`, `detected` or `corrected`.
    pub language_source: Option<String>,
    pub language_confidence: Option<f64>,
    /// An id of `topics`.
    pub topic: Option<String>,
}

/// The desk. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    pools: Arc<Pools>,
}

impl Desk {
    /// Rebuilds the engine of every pool from the store and starts the tasks.
    ///
    /// # Errors
    /// When the store fails or holds what this program cannot have written.
    pub async fn start(parts: Parts) -> anyhow::Result<Self> {
        Ok(Self { pools: Pools::start(parts).await? })
    }

    /// A contact that wants to be answered now. Answers after the commit.
    ///
    /// # Errors
    /// `not_found` for an unknown desk, `desk_closed`, `channel_closed` when the desk does not take the
    /// channel, or the store's failure.
    pub async fn arrive(&self, arrival: Arrival) -> Result<Placed, Problem> {
        let pool = self.pool_of(Owned::Desk, arrival.desk.to_string()).await?;
        placed(self.act_in(pool, Act::Arrive(Box::new(arrival))).await?)
    }

    /// A message left without waiting: logged as arrived and diverted in one step; open or not.
    ///
    /// # Errors
    /// `not_found` for an unknown desk, or the store's failure.
    pub async fn leave(&self, arrival: Arrival) -> Result<Placed, Problem> {
        let pool = self.pool_of(Owned::Desk, arrival.desk.to_string()).await?;
        placed(self.act_in(pool, Act::Leave(Box::new(arrival))).await?)
    }

    /// An agent calls somebody: the contact begins as taken by that agent. Answers after the commit.
    ///
    /// # Errors
    /// As [`Self::arrive`], and `agent_not_ready`, `no_capacity`.
    pub async fn originate(&self, arrival: Arrival, agent: AccountId) -> Result<Placed, Problem> {
        let pool = self.pool_of(Owned::Desk, arrival.desk.to_string()).await?;
        placed(self.act_in(pool, Act::Originate(Box::new(arrival), agent)).await?)
    }

    /// The line or the program failed: waiting closes as failed, talking goes to wrap-up and then does.
    ///
    /// # Errors
    /// `closed` when it is over already, or the store's failure.
    pub async fn fail(&self, contact: ContactId) -> Result<(), Problem> {
        let pool = self.pool_of(Owned::Contact, contact.to_string()).await?;
        self.act_in(pool, Act::Failed(contact)).await.map(drop)
    }

    /// The talk goes on with somebody outside the pool: wrap-up, then closed as transferred.
    ///
    /// # Errors
    /// `closed`, `wrong_state`, or the store's failure.
    pub async fn transferred_outside(&self, contact: ContactId) -> Result<(), Problem> {
        let pool = self.pool_of(Owned::Contact, contact.to_string()).await?;
        self.act_in(pool, Act::TransferredOutside(contact)).await.map(drop)
    }

    /// Tells the consoles that the channel's own side of a contact changed: they fetch it again.
    pub fn stir(&self, contact: ContactId) {
        self.pools.parts.db.bus().publish(Notice::CallChanged { contact });
    }

    /// The inquirer ends: waiting counts as abandoned, talking as ended.
    ///
    /// # Errors
    /// `closed` when it is over already, or the store's failure.
    pub async fn inquirer_ends(&self, contact: ContactId) -> Result<(), Problem> {
        let pool = self.pool_of(Owned::Contact, contact.to_string()).await?;
        self.act_in(pool, Act::InquirerEnds(contact)).await.map(drop)
    }

    /// The waiting inquirer chose to leave a message instead.
    ///
    /// # Errors
    /// `closed` when it does not wait any more, or the store's failure.
    pub async fn inquirer_diverts(&self, contact: ContactId) -> Result<(), Problem> {
        let pool = self.pool_of(Owned::Contact, contact.to_string()).await?;
        self.act_in(pool, Act::InquirerDiverts(contact)).await.map(drop)
    }

    /// Corrects language or topic; the wishes follow. Nothing is logged when nothing changes.
    ///
    /// # Errors
    /// `closed`, `invalid_input` for a language that is no tag or a topic that cannot be chosen, or the
    /// store's
    /// failure.
    pub async fn correct(&self, contact: ContactId, correction: Correction) -> Result<(), Problem> {
        let pool = self.pool_of(Owned::Contact, contact.to_string()).await?;
        self.act_in(pool, Act::Correct(contact, correction)).await.map(drop)
    }

    /// Carries out an agent's or supervisor's command that concerns the engine.
    ///
    /// # Errors
    /// `not_your_contact`, `forbidden` (a supervisor's command), `closed`, `offer_over`, `not_your_offer`,
    /// `wrong_state`, `agent_not_ready`, `no_capacity`, `extension_limit`, `transfer_desk_closed`,
    /// `not_found`, or the
    /// store's failure. A command that is the socket's own is `invalid_input`.
    pub async fn act(&self, who: Reader, command: ClientCommand) -> Result<(), Problem> {
        let pool = self.pool_of(Owned::Account, who.account.to_string()).await?;
        self.act_in(pool, Act::Command(who, command)).await.map(drop)
    }

    /// A socket of the agent opened. The first one brings the agent's connection back. Answers after the
    /// commit;
    /// owes one [`Self::agent_disconnected`].
    ///
    /// # Errors
    /// `not_found` when the pool has no such agent (nothing is counted then), or the store's failure.
    pub async fn agent_connected(&self, pool: PoolId, agent: AccountId) -> Result<(), Problem> {
        self.act_in(pool, Act::Connected(agent)).await.map(drop)
    }

    /// A socket of the agent closed. With the last one the grace period begins.
    pub async fn agent_disconnected(&self, pool: PoolId, agent: AccountId) {
        if let Some(line) = self.pools.line(pool) {
            // The task has ended with the program: the next start counts nobody as connected.
            let _ = line.jobs.send(Job::Disconnected(agent)).await;
        }
    }

    /// What is known about an offer: for whom it rings and why; `None` when there never was such an offer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn offer(&self, offer: OfferId) -> Result<Option<OfferRecord>, Problem> {
        let mut tx = self.pools.parts.db.read().await?;
        Ok(rows::offer(&mut tx, offer).await?)
    }

    /// How the contact stands now; `None` when the engine does not know it (any more).
    pub async fn standing(&self, contact: ContactId) -> Option<Standing> {
        let pool = self.pool_of(Owned::Contact, contact.to_string()).await.ok()?;
        self.ask(pool, |reply| Question::Standing(contact, reply)).await
    }

    /// The door of a desk for somebody with these wishes; `None` for an unknown desk.
    pub async fn door(&self, desk: DeskId, channel: Channel, wanted: Vec<Skill>) -> Option<Door> {
        let pool = self.pool_of(Owned::Desk, desk.to_string()).await.ok()?;
        self.ask(pool, |reply| Question::Door(desk, channel, wanted, reply)).await
    }

    /// Why a waiting contact waits.
    pub async fn explain(&self, contact: ContactId) -> Option<Explanation> {
        let pool = self.pool_of(Owned::Contact, contact.to_string()).await.ok()?;
        self.ask(pool, |reply| Question::Explain(contact, reply)).await
    }

    /// The board of a pool now.
    #[must_use]
    pub fn board(&self, pool: PoolId) -> Option<Arc<Board>> {
        self.pools.line(pool).map(|line| line.feed.board())
    }

    /// The events of a pool from now on, in order, each once; a listener that lags is told so and reads the
    /// store. Listen first and take the board then: what is in the board already has a number up to its
    /// `seq`.
    #[must_use]
    pub fn listen(&self, pool: PoolId) -> Option<broadcast::Receiver<Arc<LoggedEvent>>> {
        self.pools.line(pool).map(|line| line.feed.listen())
    }

    /// What happens to one contact from now on.
    #[must_use]
    pub fn watch(&self, contact: ContactId) -> ContactWatch {
        self.pools.hub.watch(contact)
    }

    /// Whether every engine is being served.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.pools.is_serving()
    }

    /// Writes the engines' figures into the metrics.
    pub fn observe(&self, metrics: &Metrics) {
        let (mut waiting, mut active, mut available, mut seq) = (0_i64, 0_i64, 0_i64, 0_i64);
        for line in self.pools.lines() {
            let board = line.feed.board();
            for contact in board.contacts.values() {
                match contact.state {
                    ContactState::Waiting | ContactState::Offered => waiting += 1,
                    ContactState::Active | ContactState::Held => active += 1,
                    ContactState::Arriving | ContactState::WrapUp | ContactState::Closed => {}
                }
            }
            let ready = |agent: &&BoardAgent| agent.connected && agent.state == AgentState::Available;
            available += i64::try_from(board.agents.values().filter(ready).count()).unwrap_or(i64::MAX);
            seq = seq.max(board.seq);
        }
        metrics.contacts_waiting.set(waiting);
        metrics.contacts_active.set(active);
        metrics.agents_available.set(available);
        metrics.event_seq.set(seq);
    }

    /// The pool that a row belongs to. With one pool there is nothing to ask: its engine knows.
    async fn pool_of(&self, kind: Owned, id: String) -> Result<PoolId, Problem> {
        if let Some(only) = self.pools.only() {
            return Ok(only);
        }
        let mut tx = self.pools.parts.db.read().await?;
        rows::pool_of(&mut tx, kind, &id).await?.ok_or_else(Problem::not_found)
    }

    async fn act_in(&self, pool: PoolId, act: Act) -> Result<Done, Problem> {
        let line = self.pools.line(pool).ok_or_else(Problem::not_found)?;
        let (reply, answer) = oneshot::channel();
        line.jobs.try_send(Job::Act(act, reply)).map_err(|_| busy())?;
        answer.await.unwrap_or_else(|_| Err(busy()))
    }

    async fn ask<T>(
        &self,
        pool: PoolId,
        question: impl FnOnce(oneshot::Sender<Option<T>>) -> Question,
    ) -> Option<T> {
        let line = self.pools.line(pool)?;
        let (reply, answer) = oneshot::channel();
        line.jobs.try_send(Job::Ask(question(reply))).ok()?;
        answer.await.ok().flatten()
    }
}

fn placed(done: Done) -> Result<Placed, Problem> {
    match done {
        Done::Placed(placed) => Ok(placed),
        Done::Nothing => Err(Problem::internal()),
    }
}
