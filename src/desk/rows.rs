//! The rows that the log's transactions keep: `contacts`, `offers`, `agent_states`, `boards`.
//!
//! A contact's row and an agent's row say what the engine knows of them ([`ContactImage`], [`AgentImage`]),
//! so that reading them back is a restart ([`super::restore`]).

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, OfferId, PoolId, TicketId};
use crate::kernel::time::Timestamp;
use crate::on_db;
use crate::routing::{
    AgentImage, AgentState, ContactImage, ContactState, Explanation, Outcome, PhaseImage, Skill,
};

use super::handle::OfferRecord;
use super::log::unreadable;
use super::ports::Arrival;
use super::words::text_of;

/// A contact as it is inserted.
pub(super) struct NewContact<'a> {
    pub pool: PoolId,
    pub arrival: &'a Arrival,
    pub wanted: &'a [Skill],
    pub priority: u8,
    pub preferred: Option<AccountId>,
    pub arrived_at: Timestamp,
    /// When it was written; also its end when it was left without waiting.
    pub at: Timestamp,
    pub left: bool,
}

/// Inserts a waiting contact, or one that is over already because it was left.
pub(super) async fn insert_contact(tx: &mut Tx, new: &NewContact<'_>) -> Result<(), DbError> {
    let arrival = new.arrival;
    let wanted = serde_json::to_string(new.wanted).map_err(unreadable)?;
    let state = text_of(if new.left { ContactState::Closed } else { ContactState::Waiting });
    let over = new.left.then_some(new.at.0);
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO contacts (id, pool_id, desk_id, channel, state, outcome, inquirer, topic, language,
                 language_source, language_confidence, wanted, priority, boosted, insists, preferred_agent,
                 arrived_at, waiting_since, ended_at, closed_at, wrap_up_extensions, token_hash, address_key,
                 display_name, visitor_language, visitor_read_seq, visitor_seen_seq, agent_read_seq)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, FALSE, FALSE, $14, $15, $16, $17,
                 $17, 0, $18, $19, $20, $21, 0, 0, 0)",
        )
        .bind(arrival.contact.to_string())
        .bind(new.pool.to_string())
        .bind(arrival.desk.to_string())
        .bind(text_of(arrival.channel))
        .bind(&state)
        .bind(new.left.then(|| text_of(Outcome::Diverted)))
        .bind(arrival.inquirer.as_str())
        .bind(&arrival.topic)
        .bind(&arrival.language)
        .bind(&arrival.language_source)
        .bind(arrival.language_confidence)
        .bind(&wanted)
        .bind(i64::from(new.priority))
        .bind(new.preferred.map(|agent| agent.to_string()))
        .bind(new.arrived_at.0)
        .bind((!new.left).then_some(new.at.0))
        .bind(over)
        .bind(&arrival.token_hash)
        .bind(&arrival.address_key)
        .bind(&arrival.display_name)
        .bind(&arrival.visitor_language)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Joins the contact to its ticket.
pub(super) async fn set_ticket(tx: &mut Tx, contact: ContactId, ticket: TicketId) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query("UPDATE contacts SET ticket_id = $2 WHERE id = $1")
            .bind(contact.to_string())
            .bind(ticket.to_string())
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Who answered the latest contact of a ticket.
pub(super) async fn last_agent(tx: &mut Tx, ticket: TicketId) -> Result<Option<AccountId>, DbError> {
    let id: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT agent_id FROM contacts WHERE ticket_id = $1 AND agent_id IS NOT NULL
             ORDER BY accepted_at DESC LIMIT 1",
        )
        .bind(ticket.to_string())
        .fetch_optional(conn)
        .await
    })?;
    id.map(|id| id.parse().map_err(unreadable)).transpose()
}

/// Where a contact stands, column by column.
#[derive(Default)]
struct Stand {
    state: String,
    agent: Option<String>,
    offer: Option<String>,
    offer_expires_at: Option<i64>,
    wrap_up_until: Option<i64>,
    extensions: i64,
    ended_at: Option<i64>,
    outcome: Option<String>,
}

fn stand(phase: &PhaseImage) -> Stand {
    match phase {
        PhaseImage::Waiting => Stand { state: text_of(ContactState::Waiting), ..Stand::default() },
        PhaseImage::Offered { offer, expires_at, .. } => Stand {
            state: text_of(ContactState::Offered),
            offer: Some(offer.to_string()),
            offer_expires_at: Some(expires_at.0),
            ..Stand::default()
        },
        PhaseImage::Active { agent, held } => Stand {
            state: text_of(if *held { ContactState::Held } else { ContactState::Active }),
            agent: Some(agent.to_string()),
            ..Stand::default()
        },
        PhaseImage::WrapUp { agent, until, extensions, ended_at, outcome } => Stand {
            state: text_of(ContactState::WrapUp),
            agent: Some(agent.to_string()),
            wrap_up_until: Some(until.0),
            extensions: i64::from(*extensions),
            ended_at: Some(ended_at.0),
            outcome: Some(text_of(*outcome)),
            ..Stand::default()
        },
    }
}

/// Writes what the engine knows of an open contact.
pub(super) async fn save_contact(tx: &mut Tx, image: &ContactImage) -> Result<(), DbError> {
    let arrival = &image.arrival;
    let stand = stand(&image.phase);
    let wanted = serde_json::to_string(&arrival.wanted).map_err(unreadable)?;
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE contacts SET desk_id = $2, state = $3, wanted = $4, priority = $5, boosted = $6,
                 insists = $7, preferred_agent = $8, awaits_preferred_until = $9, agent_id = $10,
                 offer_id = $11, offer_expires_at = $12, accepted_at = $13, waiting_since = $14,
                 wrap_up_until = $15, wrap_up_extensions = $16, ended_at = $17, outcome = $18
             WHERE id = $1",
        )
        .bind(arrival.contact.to_string())
        .bind(arrival.desk.to_string())
        .bind(&stand.state)
        .bind(&wanted)
        .bind(i64::from(arrival.priority))
        .bind(image.boosted)
        .bind(image.insists)
        .bind(arrival.preferred.map(|agent| agent.to_string()))
        .bind(image.awaits_preferred_until.map(|at| at.0))
        .bind(&stand.agent)
        .bind(&stand.offer)
        .bind(stand.offer_expires_at)
        .bind(image.accepted_at.map(|at| at.0))
        .bind(image.waiting_since.0)
        .bind(stand.wrap_up_until)
        .bind(stand.extensions)
        .bind(stand.ended_at)
        .bind(&stand.outcome)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// The compare-and-set of an acceptance: `true` when the contact is the agent's now.
pub(super) async fn claim(
    tx: &mut Tx,
    at: Timestamp,
    contact: ContactId,
    offer: OfferId,
    agent: AccountId,
) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE contacts SET state = 'active', agent_id = $3, offer_id = NULL, offer_expires_at = NULL,
                 accepted_at = COALESCE(accepted_at, $4)
             WHERE id = $1 AND state = 'offered' AND offer_id = $2",
        )
        .bind(contact.to_string())
        .bind(offer.to_string())
        .bind(agent.to_string())
        .bind(at.0)
        .execute(conn)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

/// Nobody holds the contact any more.
pub(super) async fn release_contact(tx: &mut Tx, contact: ContactId) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query("UPDATE contacts SET agent_id = NULL WHERE id = $1")
            .bind(contact.to_string())
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Closes the contact's row; `true` when its end was known before, because a wrap-up came between.
pub(super) async fn close_contact(
    tx: &mut Tx,
    at: Timestamp,
    contact: ContactId,
    outcome: Outcome,
) -> Result<bool, DbError> {
    let ended: Option<Option<i64>> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT ended_at FROM contacts WHERE id = $1")
            .bind(contact.to_string())
            .fetch_optional(conn)
            .await
    })?;
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE contacts SET state = 'closed', outcome = $2, closed_at = $3,
                 ended_at = COALESCE(ended_at, $3), offer_id = NULL, offer_expires_at = NULL,
                 waiting_since = NULL, wrap_up_until = NULL
             WHERE id = $1",
        )
        .bind(contact.to_string())
        .bind(text_of(outcome))
        .bind(at.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(ended.flatten().is_some())
}

/// What a contact speaks and asks about.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub(super) struct Speech {
    pub language: String,
    pub language_source: String,
    pub language_confidence: Option<f64>,
    pub topic: Option<String>,
}

/// Reads it; `None` for an unknown contact.
pub(super) async fn speech(tx: &mut Tx, contact: ContactId) -> Result<Option<Speech>, DbError> {
    Ok(on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT language, language_source, language_confidence, topic FROM contacts WHERE id = $1",
        )
        .bind(contact.to_string())
        .fetch_optional(conn)
        .await
    })?)
}

/// Writes it.
pub(super) async fn set_speech(tx: &mut Tx, contact: ContactId, speech: &Speech) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE contacts SET language = $2, language_source = $3, language_confidence = $4, topic = $5
             WHERE id = $1",
        )
        .bind(contact.to_string())
        .bind(&speech.language)
        .bind(&speech.language_source)
        .bind(speech.language_confidence)
        .bind(&speech.topic)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Whether `topic` is one that may be chosen.
pub(super) async fn is_topic(tx: &mut Tx, topic: &str) -> Result<bool, DbError> {
    let found: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT id FROM topics WHERE id = $1 AND active = TRUE")
            .bind(topic)
            .fetch_optional(conn)
            .await
    })?;
    Ok(found.is_some())
}

/// An offer that begins to ring.
pub(super) struct NewOffer<'a> {
    pub offer: OfferId,
    pub contact: ContactId,
    pub agent: AccountId,
    pub expires_at: Timestamp,
    pub why: &'a Explanation,
}

/// Keeps the offer with its explanation.
pub(super) async fn insert_offer(tx: &mut Tx, at: Timestamp, new: &NewOffer<'_>) -> Result<(), DbError> {
    let why = serde_json::to_string(new.why).map_err(unreadable)?;
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO offers (id, contact_id, agent_id, made_at, expires_at, explanation)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(new.offer.to_string())
        .bind(new.contact.to_string())
        .bind(new.agent.to_string())
        .bind(at.0)
        .bind(new.expires_at.0)
        .bind(&why)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// The offer is over: `accepted`, or the reason why not.
pub(super) async fn end_offer(
    tx: &mut Tx,
    at: Timestamp,
    offer: OfferId,
    outcome: &str,
) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query("UPDATE offers SET ended_at = $2, outcome = $3 WHERE id = $1 AND ended_at IS NULL")
            .bind(offer.to_string())
            .bind(at.0)
            .bind(outcome)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Writes what the engine knows of an agent, and whether a socket of the agent is open.
pub(super) async fn save_agent(
    tx: &mut Tx,
    pool: PoolId,
    image: &AgentImage,
    connected: bool,
) -> Result<(), DbError> {
    let pending = image.pending.map(|wish| serde_json::to_string(&wish)).transpose().map_err(unreadable)?;
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO agent_states
                 (account_id, pool_id, state, reason, since, idle_since, pending, paused_until, connected)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (account_id) DO UPDATE SET pool_id = excluded.pool_id, state = excluded.state,
                 reason = excluded.reason, since = excluded.since, idle_since = excluded.idle_since,
                 pending = excluded.pending, paused_until = excluded.paused_until,
                 connected = excluded.connected",
        )
        .bind(image.setup.agent.to_string())
        .bind(pool.to_string())
        .bind(text_of(image.state))
        .bind(image.reason.map(text_of))
        .bind(image.since.0)
        .bind(image.idle_since.0)
        .bind(&pending)
        .bind(image.paused_until.map(|at| at.0))
        .bind(connected)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// The agent was taken off the pool.
pub(super) async fn retire_agent(tx: &mut Tx, at: Timestamp, agent: AccountId) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE agent_states SET state = $2, reason = NULL, since = $3, pending = NULL,
                 paused_until = NULL, connected = FALSE
             WHERE account_id = $1 AND (state <> $2 OR connected = TRUE)",
        )
        .bind(agent.to_string())
        .bind(text_of(AgentState::Offline))
        .bind(at.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// The board as kept last, as JSON with the number of its event.
pub(super) async fn board(tx: &mut Tx, pool: PoolId) -> Result<Option<String>, DbError> {
    Ok(on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT body FROM boards WHERE pool_id = $1")
            .bind(pool.to_string())
            .fetch_optional(conn)
            .await
    })?)
}

/// Keeps the board.
pub(super) async fn save_board(tx: &mut Tx, pool: PoolId, seq: i64, body: &str) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO boards (pool_id, seq, body) VALUES ($1, $2, $3)
             ON CONFLICT (pool_id) DO UPDATE SET seq = excluded.seq, body = excluded.body",
        )
        .bind(pool.to_string())
        .bind(seq)
        .bind(body)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct OfferRow {
    contact_id: String,
    agent_id: String,
    expires_at: i64,
    ended_at: Option<i64>,
    explanation: String,
    earlier: i64,
}

/// An offer as it was made.
pub(super) async fn offer(tx: &mut Tx, offer: OfferId) -> Result<Option<OfferRecord>, DbError> {
    let row: Option<OfferRow> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT o.contact_id, o.agent_id, o.expires_at, o.ended_at, o.explanation,
                 (SELECT COUNT(*) FROM contacts e WHERE e.ticket_id = c.ticket_id AND e.id < c.id) AS earlier
             FROM offers o JOIN contacts c ON c.id = o.contact_id WHERE o.id = $1",
        )
        .bind(offer.to_string())
        .fetch_optional(conn)
        .await
    })?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(OfferRecord {
        offer,
        contact: row.contact_id.parse().map_err(unreadable)?,
        agent: row.agent_id.parse().map_err(unreadable)?,
        expires_at: Timestamp(row.expires_at),
        ringing: row.ended_at.is_none(),
        why: serde_json::from_str(&row.explanation).map_err(unreadable)?,
        earlier: row.earlier,
    }))
}

/// The pool of a row of `desks`, `contacts` or `accounts`.
pub(super) async fn pool_of(tx: &mut Tx, table: Owned, id: &str) -> Result<Option<PoolId>, DbError> {
    let text = match table {
        Owned::Desk => "SELECT pool_id FROM desks WHERE id = $1",
        Owned::Contact => "SELECT pool_id FROM contacts WHERE id = $1",
        Owned::Account => "SELECT pool_id FROM accounts WHERE id = $1",
    };
    let pool: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar(text).bind(id).fetch_optional(conn).await)?;
    pool.map(|id| id.parse().map_err(unreadable)).transpose()
}

/// What belongs to a pool.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owned {
    Desk,
    Contact,
    Account,
}
