//! The engine rebuilt from the store: at the start of the program, and after a commit that failed.
//!
//! Rows say what the engine knew at the latest commit. At a *start* every connection is gone: offers that
//! were out are ended and their contacts wait again in their place; talks stay with their agents, whose
//! grace period runs. After a failed commit (*repair*) the sockets are still there and offers go on ringing.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, OfferId, PoolId};
use crate::kernel::time::Timestamp;
use crate::on_db;
use crate::routing::{
    AgentImage, AgentSetup, Arrival, Capacity, ContactImage, ContactState, DeskImage, Image, Input, OfferEnd,
    PhaseImage, Router,
};

use super::engine::{Cause, Engine, Known};
use super::events::Event;
use super::log::unreadable;
use super::ports::Ports;
use super::rows;
use super::setup::Setup;
use super::words::{text_of, word_of};

/// What an engine is rebuilt from, besides the rows.
pub(super) struct Source {
    pub pool: PoolId,
    pub at: Timestamp,
    pub setup: Setup,
    /// What the log says; at a start nobody counts as connected.
    pub known: Known,
    pub ports: Ports,
    /// The program starts: no socket and no ringing offer has survived.
    pub start: bool,
}

#[derive(sqlx::FromRow)]
struct ContactRow {
    id: String,
    desk_id: String,
    channel: String,
    state: String,
    outcome: Option<String>,
    wanted: String,
    priority: i64,
    boosted: bool,
    insists: bool,
    preferred_agent: Option<String>,
    awaits_preferred_until: Option<i64>,
    agent_id: Option<String>,
    offer_id: Option<String>,
    offer_expires_at: Option<i64>,
    offered_to: Option<String>,
    arrived_at: i64,
    waiting_since: Option<i64>,
    accepted_at: Option<i64>,
    ended_at: Option<i64>,
    wrap_up_until: Option<i64>,
    wrap_up_extensions: i64,
}

#[derive(sqlx::FromRow)]
struct AgentRow {
    account_id: String,
    state: String,
    reason: Option<String>,
    since: i64,
    idle_since: i64,
    pending: Option<String>,
    paused_until: Option<i64>,
    connected: bool,
}

/// Rebuilds the engine and writes what the interruption changed.
///
/// # Errors
/// When the store fails or holds what this program cannot have written.
pub(super) async fn restore(tx: &mut Tx, source: Source) -> Result<Engine, DbError> {
    let Source { pool, at, setup, known, ports, start } = source;
    let mut contacts = contacts(tx, pool).await?;
    let agents = agents(tx, pool, &setup).await?;
    let revoked = if start { put_back(&mut contacts) } else { Vec::new() };
    let connected: Vec<AccountId> =
        agents.iter().filter(|(_, connected)| *connected).map(|(image, _)| image.setup.agent).collect();
    let known_agents: BTreeSet<AccountId> = agents.iter().map(|(image, _)| image.setup.agent).collect();
    let image = Image {
        counter: counter(tx, pool).await?,
        desks: desks(&setup, at),
        agents: agents.into_iter().map(|(image, _)| image).collect(),
        contacts,
        reservations: Vec::new(),
    };
    let open = image.contacts.len();
    let router = Router::restore(setup.pool.routing.clone(), image, at);
    // The door's own event comes as soon as the log is behind.
    let mut engine = Engine { pool, router, setup, known, ports, now: at, next_door: Some(at) };
    for (contact, offer, agent) in &revoked {
        let reason = OfferEnd::Revoked;
        rows::end_offer(tx, at, *offer, &text_of(reason)).await?;
        engine.log(tx, Some(*contact), &Event::OfferEnded { agent: *agent, offer: *offer, reason }).await?;
    }
    if start {
        for agent in &connected {
            let grace_until = engine.router.grace_until(*agent);
            engine.log(tx, None, &Event::AgentDisconnected { agent: *agent, grace_until }).await?;
        }
    }
    engine.move_doors(tx).await?;
    engine.perform(tx, Cause::default()).await?;
    for (contact, _, _) in &revoked {
        if let Some(image) = engine.router.contact(*contact) {
            rows::save_contact(tx, &image).await?;
        }
    }
    engine.settle_agents(tx, &known_agents).await?;
    for agent in connected {
        engine.save_agent(tx, agent).await?;
    }
    tracing::info!(%pool, start, contacts = open, revoked = revoked.len(), "the engine was rebuilt");
    Ok(engine)
}

impl Engine {
    /// Sockets that are still open, agents that are new, agents that are gone.
    async fn settle_agents(&mut self, tx: &mut Tx, restored: &BTreeSet<AccountId>) -> Result<(), DbError> {
        for agent in self.known.connected.clone() {
            self.step(tx, Input::SocketBack { agent }, Cause::default()).await?;
        }
        let new: Vec<AgentSetup> =
            self.setup.agents.values().filter(|a| !restored.contains(&a.agent)).cloned().collect();
        for agent in new {
            self.step(tx, Input::AgentUpsert(agent), Cause::default()).await?;
        }
        for agent in
            restored.iter().filter(|a| !self.setup.agents.contains_key(a)).copied().collect::<Vec<_>>()
        {
            self.retire(tx, agent).await?;
        }
        Ok(())
    }
}

fn desks(setup: &Setup, at: Timestamp) -> Vec<DeskImage> {
    let desks = setup.desks.iter();
    desks
        .map(|(id, desk)| DeskImage {
            desk: *id,
            config: desk.settings.routing.clone(),
            open: desk.calendar.is_open(at),
        })
        .collect()
}

/// Ringing offers become waiting contacts; gives what was taken back.
fn put_back(contacts: &mut [ContactImage]) -> Vec<(ContactId, OfferId, AccountId)> {
    let mut revoked = Vec::new();
    for contact in contacts {
        if let PhaseImage::Offered { offer, agent, .. } = contact.phase {
            revoked.push((contact.arrival.contact, offer, agent));
            contact.phase = PhaseImage::Waiting;
        }
    }
    revoked
}

/// The number from which ids of offers go on: above that of the latest one. Pools count apart, so that two
/// offers of the same millisecond differ.
async fn counter(tx: &mut Tx, pool: PoolId) -> Result<u64, DbError> {
    let latest: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT o.id FROM offers o JOIN contacts c ON c.id = o.contact_id
             WHERE c.pool_id = $1 ORDER BY o.id DESC LIMIT 1",
        )
        .bind(pool.to_string())
        .fetch_optional(conn)
        .await
    })?;
    let low = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    match latest {
        Some(id) => Ok(low(id.parse::<OfferId>().map_err(unreadable)?.0)),
        None => Ok((low(pool.0) & 0x7FFF_FFFF) << 32),
    }
}

async fn contacts(tx: &mut Tx, pool: PoolId) -> Result<Vec<ContactImage>, DbError> {
    let rows: Vec<ContactRow> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT c.id, c.desk_id, c.channel, c.state, c.outcome, c.wanted, c.priority, c.boosted,
                c.insists,
                 c.preferred_agent, c.awaits_preferred_until, c.agent_id, c.offer_id, c.offer_expires_at,
                 o.agent_id AS offered_to, c.arrived_at, c.waiting_since, c.accepted_at, c.ended_at,
                 c.wrap_up_until, c.wrap_up_extensions
             FROM contacts c LEFT JOIN offers o ON o.id = c.offer_id
             WHERE c.pool_id = $1 AND c.state IN ('waiting', 'offered', 'active', 'held', 'wrap_up')
             ORDER BY c.id",
        )
        .bind(pool.to_string())
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter().map(ContactRow::read).collect()
}

/// A column that must be there in this state.
fn needed<T>(value: Option<T>) -> Result<T, DbError> {
    value.ok_or_else(|| DbError::Sqlx(sqlx::Error::ColumnNotFound("a column of an open contact".to_owned())))
}

impl ContactRow {
    fn read(self) -> Result<ContactImage, DbError> {
        let phase = self.phase()?;
        let preferred = self.preferred_agent.map(|id| id.parse().map_err(unreadable)).transpose()?;
        let arrived_at = Timestamp(self.arrived_at);
        Ok(ContactImage {
            arrival: Arrival {
                contact: self.id.parse().map_err(unreadable)?,
                desk: self.desk_id.parse().map_err(unreadable)?,
                channel: word_of(&self.channel).map_err(unreadable)?,
                wanted: serde_json::from_str(&self.wanted).map_err(unreadable)?,
                priority: u8::try_from(self.priority).unwrap_or_default(),
                arrived_at,
                preferred,
                reservation: None,
            },
            waiting_since: self.waiting_since.map_or(arrived_at, Timestamp),
            accepted_at: self.accepted_at.map(Timestamp),
            boosted: self.boosted,
            insists: self.insists,
            awaits_preferred_until: self.awaits_preferred_until.map(Timestamp),
            phase,
        })
    }

    fn phase(&self) -> Result<PhaseImage, DbError> {
        let agent = |id: &Option<String>| needed(id.as_deref())?.parse::<AccountId>().map_err(unreadable);
        let state: ContactState = word_of(&self.state).map_err(unreadable)?;
        Ok(match state {
            ContactState::Arriving | ContactState::Waiting | ContactState::Closed => PhaseImage::Waiting,
            ContactState::Offered => PhaseImage::Offered {
                offer: needed(self.offer_id.as_deref())?.parse().map_err(unreadable)?,
                agent: agent(&self.offered_to)?,
                expires_at: Timestamp(needed(self.offer_expires_at)?),
            },
            ContactState::Active | ContactState::Held => {
                PhaseImage::Active { agent: agent(&self.agent_id)?, held: state == ContactState::Held }
            }
            ContactState::WrapUp => PhaseImage::WrapUp {
                agent: agent(&self.agent_id)?,
                until: Timestamp(needed(self.wrap_up_until)?),
                extensions: u8::try_from(self.wrap_up_extensions).unwrap_or(u8::MAX),
                ended_at: Timestamp(needed(self.ended_at)?),
                outcome: word_of(needed(self.outcome.as_deref())?).map_err(unreadable)?,
            },
        })
    }
}

/// Agents as last seen, with whether a socket of theirs was open. Whoever was taken off the pool meanwhile
/// is among them without desks, skills and capacity: the engine hands their contacts back.
async fn agents(tx: &mut Tx, pool: PoolId, setup: &Setup) -> Result<Vec<(AgentImage, bool)>, DbError> {
    let rows: Vec<AgentRow> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT account_id, state, reason, since, idle_since, pending, paused_until, connected
             FROM agent_states WHERE pool_id = $1 ORDER BY account_id",
        )
        .bind(pool.to_string())
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter().map(|row| row.read(&setup.agents)).collect()
}

impl AgentRow {
    fn read(self, setups: &BTreeMap<AccountId, AgentSetup>) -> Result<(AgentImage, bool), DbError> {
        let agent: AccountId = self.account_id.parse().map_err(unreadable)?;
        let nothing = || AgentSetup {
            agent,
            desks: Vec::new(),
            skills: Vec::new(),
            capacity: Capacity::default(),
            translation: false,
        };
        let image = AgentImage {
            setup: setups.get(&agent).cloned().unwrap_or_else(nothing),
            state: word_of(&self.state).map_err(unreadable)?,
            reason: self.reason.as_deref().map(word_of).transpose().map_err(unreadable)?,
            since: Timestamp(self.since),
            idle_since: Timestamp(self.idle_since),
            pending: self.pending.as_deref().map(serde_json::from_str).transpose().map_err(unreadable)?,
            paused_until: self.paused_until.map(Timestamp),
        };
        Ok((image, self.connected))
    }
}
