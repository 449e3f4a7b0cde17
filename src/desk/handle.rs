//! The handle of the desk: what features and sockets may ask of it.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::broadcast;

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId, PoolId, TicketId};
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::problem::Problem;
use crate::kernel::telemetry::Metrics;
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::{Channel, ContactState, Explanation, Skill};

use super::board::Board;
use super::events::LoggedEvent;
use super::ports::{Arrival, Ports, Reader};
use super::protocol::ClientCommand;
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
    _parts: Arc<Parts>,
}

impl Desk {
    /// Rebuilds the engine of every pool from the store and starts the tasks.
    ///
    /// # Errors
    /// When the store fails or holds what this program cannot have written.
    pub async fn start(parts: Parts) -> anyhow::Result<Self> {
        let _ = parts.db.read().await?;
        Ok(Self { _parts: Arc::new(parts) })
    }

    /// A contact that wants to be answered now. Answers after the commit.
    ///
    /// # Errors
    /// `not_found` for an unknown desk, `desk_closed`, `channel_closed` when the desk does not take the
    /// channel, or the store's failure.
    pub async fn arrive(&self, _arrival: Arrival) -> Result<Placed, Problem> {
        Err(Problem::internal())
    }

    /// A message left without waiting: logged as arrived and diverted in one step; open or not.
    ///
    /// # Errors
    /// `not_found` for an unknown desk, or the store's failure.
    pub async fn leave(&self, _arrival: Arrival) -> Result<Placed, Problem> {
        Err(Problem::internal())
    }

    /// The inquirer ends: waiting counts as abandoned, talking as ended.
    ///
    /// # Errors
    /// `closed` when it is over already, or the store's failure.
    pub async fn inquirer_ends(&self, _contact: ContactId) -> Result<(), Problem> {
        Err(Problem::internal())
    }

    /// The waiting inquirer chose to leave a message instead.
    ///
    /// # Errors
    /// `closed` when it does not wait any more, or the store's failure.
    pub async fn inquirer_diverts(&self, _contact: ContactId) -> Result<(), Problem> {
        Err(Problem::internal())
    }

    /// Corrects language or topic; the wishes follow.
    ///
    /// # Errors
    /// `closed`, or the store's failure.
    pub async fn correct(&self, _contact: ContactId, _correction: Correction) -> Result<(), Problem> {
        Err(Problem::internal())
    }

    /// Carries out an agent's or supervisor's command that concerns the engine.
    ///
    /// # Errors
    /// What the engine or the store answered, as a problem.
    pub async fn act(&self, _who: Reader, _command: ClientCommand) -> Result<(), Problem> {
        Err(Problem::internal())
    }

    /// A socket of the agent opened. The first one brings the agent's connection back. Answers after the commit;
    /// owes one [`Self::agent_disconnected`].
    ///
    /// # Errors
    /// `not_found` when the pool has no such agent (nothing is counted then), or the store's failure.
    pub async fn agent_connected(&self, _pool: PoolId, _agent: AccountId) -> Result<(), Problem> {
        Ok(())
    }

    /// A socket of the agent closed. With the last one the grace period begins.
    pub async fn agent_disconnected(&self, _pool: PoolId, _agent: AccountId) {}

    /// What is known about an offer: for whom it rings and why; `None` when there never was such an offer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn offer(&self, _offer: OfferId) -> Result<Option<OfferRecord>, Problem> {
        Ok(None)
    }

    /// How the contact stands now; `None` when the engine does not know it (any more).
    pub async fn standing(&self, _contact: ContactId) -> Option<Standing> {
        None
    }

    /// The door of a desk for somebody with these wishes.
    pub async fn door(&self, _desk: DeskId, _channel: Channel, _wanted: Vec<Skill>) -> Option<Door> {
        None
    }

    /// Why a waiting contact waits.
    pub async fn explain(&self, _contact: ContactId) -> Option<Explanation> {
        None
    }

    /// The board of a pool now.
    #[must_use]
    pub fn board(&self, _pool: PoolId) -> Option<Arc<Board>> {
        None
    }

    /// The events of a pool from now on, in order, each once; a listener that lags is told so and reads the
    /// store.
    #[must_use]
    pub fn listen(&self, _pool: PoolId) -> Option<broadcast::Receiver<Arc<LoggedEvent>>> {
        None
    }

    /// What happens to one contact from now on.
    #[must_use]
    pub fn watch(&self, _contact: ContactId) -> ContactWatch {
        ContactWatch::closed()
    }

    /// Whether every engine is being served.
    #[must_use]
    pub fn is_running(&self) -> bool {
        true
    }

    /// Writes the engines' figures into the metrics.
    pub fn observe(&self, _metrics: &Metrics) {}
}
