//! The telephone side of contacts, in the store. Columns: `migrations/*/0003_phone.sql`.

use futures_util::future::BoxFuture;

use crate::desk::ports::ArrivalExtra;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, DeskId, TicketId};
use crate::kernel::time::Timestamp;
use crate::on_db;

/// Earlier tickets of a number that are shown.
pub const EARLIER_MAX: i64 = 10;

/// What is written with the arrival of a call.
#[derive(Clone, Debug)]
pub struct NewCall {
    pub desk: DeskId,
    /// `in`, `out` or `web`.
    pub direction: &'static str,
    pub number: Option<String>,
    pub number_key: String,
    /// Why there is no number: `private`, `payphone` or `unavailable`.
    pub withheld: Option<&'static str>,
    /// Name of the carrier.
    pub peer: Option<String>,
    pub started_at: Timestamp,
}

impl ArrivalExtra for NewCall {
    fn write<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        _at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(insert(tx, contact, self))
    }
}

async fn insert(tx: &mut Tx, contact: ContactId, new: &NewCall) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO phone_calls (contact_id, desk_id, direction, number, number_key, withheld, peer,
               started_at, callback_tries)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
        )
        .bind(contact.to_string())
        .bind(new.desk.to_string())
        .bind(new.direction)
        .bind(new.number.as_deref())
        .bind(&new.number_key)
        .bind(new.withheld)
        .bind(new.peer.as_deref())
        .bind(new.started_at.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// The telephone side of one contact.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CallRow {
    pub contact_id: String,
    pub desk_id: String,
    pub direction: String,
    pub number: Option<String>,
    pub number_key: String,
    pub withheld: Option<String>,
    pub started_at: i64,
    pub callback_at: Option<i64>,
    pub callback_tries: i64,
    pub callback_next_at: Option<i64>,
    /// `waiting`, `again`, `done` or `given_up`.
    pub callback_state: Option<String>,
}

const COLUMNS: &str = "contact_id, desk_id, direction, number, number_key, withheld, started_at, callback_at,
     callback_tries, callback_next_at, callback_state";

/// The row of a contact.
///
/// # Errors
/// When the store fails.
pub async fn call(tx: &mut Tx, contact: ContactId) -> Result<Option<CallRow>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM phone_calls WHERE contact_id = $1");
    Ok(on_db!(tx, |conn| {
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(contact.to_string()).fetch_optional(conn).await
    })?)
}

/// Notes that the caller wants to be called back.
///
/// # Errors
/// When the store fails.
pub async fn ask_callback(tx: &mut Tx, contact: ContactId, at: Timestamp) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE phone_calls SET callback_at = $2, callback_state = 'waiting' WHERE contact_id = $1",
        )
        .bind(contact.to_string())
        .bind(at.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// What became of a promised callback.
///
/// # Errors
/// When the store fails.
pub async fn set_callback(
    tx: &mut Tx,
    contact: ContactId,
    state: &str,
    tries: i64,
    next_at: Option<Timestamp>,
) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE phone_calls SET callback_state = $2, callback_tries = $3, callback_next_at = $4
             WHERE contact_id = $1",
        )
        .bind(contact.to_string())
        .bind(state)
        .bind(tries)
        .bind(next_at.map(|at| at.0))
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Carries a promise over to the contact that takes it up.
///
/// # Errors
/// When the store fails.
pub async fn carry_callback(
    tx: &mut Tx,
    contact: ContactId,
    asked_at: Timestamp,
    tries: i64,
) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE phone_calls SET callback_at = $2, callback_state = 'waiting', callback_tries = $3
             WHERE contact_id = $1",
        )
        .bind(contact.to_string())
        .bind(asked_at.0)
        .bind(tries)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Notes when a call was answered or ended; an earlier answer stays.
///
/// # Errors
/// When the store fails.
pub async fn mark(
    tx: &mut Tx,
    contact: ContactId,
    answered_at: Option<Timestamp>,
    ended: Option<(Timestamp, &str)>,
) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE phone_calls SET answered_at = COALESCE(answered_at, $2),
               ended_at = COALESCE($3, ended_at),
               end_cause = COALESCE($4, end_cause) WHERE contact_id = $1",
        )
        .bind(contact.to_string())
        .bind(answered_at.map(|at| at.0))
        .bind(ended.map(|(at, _)| at.0))
        .bind(ended.map(|(_, cause)| cause))
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// An earlier ticket of the same number.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct Earlier {
    pub ticket: String,
    /// The number of the record.
    pub number: String,
    /// Milliseconds since 1970.
    pub at: i64,
    pub summary: String,
}

/// Tickets whose calls came from this number or went to it, the latest first.
///
/// # Errors
/// When the store fails.
pub async fn earlier(tx: &mut Tx, number_key: &str, but: ContactId) -> Result<Vec<Earlier>, DbError> {
    if number_key.is_empty() {
        return Ok(Vec::new());
    }
    Ok(on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT t.id AS ticket, t.number AS number, MAX(p.started_at) AS at, t.summary AS summary
             FROM phone_calls p JOIN contacts c ON c.id = p.contact_id JOIN tickets t ON t.id = c.ticket_id
             WHERE p.number_key = $1
               AND t.id <> COALESCE((SELECT ticket_id FROM contacts WHERE id = $2), '')
             GROUP BY t.id, t.number, t.summary ORDER BY 3 DESC LIMIT $3",
        )
        .bind(number_key)
        .bind(but.to_string())
        .bind(EARLIER_MAX)
        .fetch_all(conn)
        .await
    })?)
}

/// A contact as the phone needs to know it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ContactRow {
    pub id: String,
    pub desk_id: String,
    pub pool_id: String,
    pub state: String,
    pub outcome: Option<String>,
    pub agent_id: Option<String>,
    pub language: String,
    pub topic: Option<String>,
    pub ticket_id: Option<String>,
    pub arrived_at: i64,
}

const CONTACT: &str =
    "id, desk_id, pool_id, state, outcome, agent_id, language, topic, ticket_id, arrived_at";

/// A contact.
///
/// # Errors
/// When the store fails.
pub async fn contact(tx: &mut Tx, contact: ContactId) -> Result<Option<ContactRow>, DbError> {
    let sql = format!("SELECT {CONTACT} FROM contacts WHERE id = $1");
    Ok(on_db!(tx, |conn| {
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(contact.to_string()).fetch_optional(conn).await
    })?)
}

/// Calls that were going on when the program ended, with what was promised about them.
///
/// # Errors
/// When the store fails.
pub async fn left_over(tx: &mut Tx) -> Result<Vec<(String, Option<String>)>, DbError> {
    Ok(on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT c.id, p.callback_state FROM contacts c LEFT JOIN phone_calls p ON p.contact_id = c.id
             WHERE c.channel = 'phone' AND c.state IN ('waiting', 'offered', 'active', 'held') ORDER BY c.id",
        )
        .fetch_all(conn)
        .await
    })?)
}

/// Callbacks that are to be tried again, the soonest first.
///
/// # Errors
/// When the store fails.
pub async fn again(tx: &mut Tx) -> Result<Vec<CallRow>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM phone_calls WHERE callback_state = 'again' ORDER BY callback_next_at LIMIT 100"
    );
    Ok(on_db!(tx, |conn| { sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(conn).await })?)
}

/// The agent who has a contact now.
///
/// # Errors
/// When the store fails.
pub async fn agent_of(tx: &mut Tx, id: ContactId) -> Result<Option<AccountId>, DbError> {
    Ok(contact(tx, id).await?.and_then(|row| row.agent_id).and_then(|id| id.parse().ok()))
}

/// The number and language of a ticket to call back about.
///
/// # Errors
/// When the store fails.
pub async fn ticket(tx: &mut Tx, ticket: TicketId) -> Result<Option<(String, Option<String>)>, DbError> {
    Ok(on_db!(tx, |conn| {
        sqlx::query_as("SELECT language, desk_id FROM tickets WHERE id = $1")
            .bind(ticket.to_string())
            .fetch_optional(conn)
            .await
    })?)
}

/// An open desk by its short name.
///
/// # Errors
/// When the store fails.
pub async fn desk_by_slug(tx: &mut Tx, slug: &str) -> Result<Option<DeskId>, DbError> {
    let id: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT id FROM desks WHERE slug = $1 AND active")
            .bind(slug)
            .fetch_optional(conn)
            .await
    })?;
    Ok(id.and_then(|id| id.parse().ok()))
}
