//! The event log: append-only, one gap-free sequence for each pool.
//!
//! Whoever changes a contact or an agent appends the event in the same transaction, so the log and the
//! rows never tell different stories. The row of the pool is locked by the counter's update: appends of
//! one pool are in the order of their commits, and a reader never sees a number before a smaller one.

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{ContactId, PoolId};
use crate::kernel::time::Timestamp;
use crate::on_db;

use super::events::{Event, LoggedEvent};

/// Events read in one go; a longer range is read in several.
pub const PAGE_MAX: i64 = 500;

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    at: i64,
    contact_id: Option<String>,
    body: String,
}

impl Row {
    fn read(self) -> Result<LoggedEvent, DbError> {
        let contact = self.contact_id.map(|id| id.parse()).transpose().map_err(unreadable)?;
        let event = serde_json::from_str(&self.body).map_err(unreadable)?;
        Ok(LoggedEvent { seq: self.seq, at: Timestamp(self.at), contact, event })
    }
}

/// A row that this program cannot have written.
pub(super) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> DbError {
    DbError::Sqlx(sqlx::Error::Decode(Box::new(error)))
}

/// Appends `event` and gives its number; announced on the bus after the commit.
///
/// # Errors
/// When the pool is unknown or the store fails.
pub async fn append(
    tx: &mut Tx,
    pool: PoolId,
    at: Timestamp,
    contact: Option<ContactId>,
    event: &Event,
) -> Result<i64, DbError> {
    let body = serde_json::to_string(event).map_err(unreadable)?;
    let (pool_id, contact_id) = (pool.to_string(), contact.map(|c| c.to_string()));
    let (seq,): (i64,) = on_db!(tx, |conn| {
        sqlx::query_as("UPDATE pools SET event_seq = event_seq + 1 WHERE id = $1 RETURNING event_seq")
            .bind(&pool_id)
            .fetch_one(conn)
            .await
    })?;
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO contact_events (pool_id, seq, at, contact_id, kind, body)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&pool_id)
        .bind(seq)
        .bind(at.0)
        .bind(&contact_id)
        .bind(event.kind())
        .bind(&body)
        .execute(conn)
        .await
        .map(drop)
    })?;
    tx.appended(pool, seq);
    Ok(seq)
}

/// The events of `pool` after number `after`, in order, at most `limit`.
///
/// # Errors
/// When the store fails or a row cannot be read.
pub async fn read_after(
    tx: &mut Tx,
    pool: PoolId,
    after: i64,
    limit: i64,
) -> Result<Vec<LoggedEvent>, DbError> {
    let rows: Vec<Row> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT seq, at, contact_id, body FROM contact_events
             WHERE pool_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .bind(pool.to_string())
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter().map(Row::read).collect()
}

/// The events of one contact after number `after`, in order, at most `limit`.
///
/// # Errors
/// When the store fails or a row cannot be read.
pub async fn of_contact(
    tx: &mut Tx,
    contact: ContactId,
    after: i64,
    limit: i64,
) -> Result<Vec<LoggedEvent>, DbError> {
    let rows: Vec<Row> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT seq, at, contact_id, body FROM contact_events
             WHERE contact_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .bind(contact.to_string())
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter().map(Row::read).collect()
}

/// The number of the latest event; 0 when there is none.
///
/// # Errors
/// When the pool is unknown or the store fails.
pub async fn last_seq(tx: &mut Tx, pool: PoolId) -> Result<i64, DbError> {
    let (seq,): (i64,) = on_db!(tx, |conn| {
        sqlx::query_as("SELECT event_seq FROM pools WHERE id = $1")
            .bind(pool.to_string())
            .fetch_one(conn)
            .await
    })?;
    Ok(seq)
}
