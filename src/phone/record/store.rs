//! Recordings in the store. Columns: `migrations/*/0003_phone.sql`; the sound lies in the vault.

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{ContactId, DeskId, PoolId, RecordingId, TicketId};
use crate::kernel::time::Timestamp;
use crate::on_db;

/// Recordings of one ticket or contact that are listed: the latest.
pub const LIST_MAX: i64 = 200;

/// Recordings that are deleted in one go; what is left is taken in the next.
pub const DUE_MAX: i64 = 100;

/// What a recording is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Call,
    /// What a caller said to nobody.
    Message,
}

impl Kind {
    /// The text in the database and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Message => "message",
        }
    }
}

/// A recording that begins.
#[derive(Clone, Copy, Debug)]
pub struct New {
    pub id: RecordingId,
    pub contact: ContactId,
    pub desk: DeskId,
    pub kind: Kind,
    pub started_at: Timestamp,
    pub delete_at: Timestamp,
}

/// How a recording ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// It broke off: the disk is full, or fails.
    pub failed: bool,
    /// Milliseconds of sound.
    pub ms: i64,
    /// Of the file.
    pub bytes: i64,
    pub peaks: Vec<u8>,
    /// Where it was paused, in milliseconds of its sound.
    pub pauses: Vec<i64>,
}

/// A row with whose it is.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    pub id: String,
    pub contact_id: String,
    pub desk_id: String,
    /// `call` or `message`.
    pub kind: String,
    /// `running`, `done` or `failed`.
    pub state: String,
    pub started_at: i64,
    pub ms: i64,
    pub bytes: i64,
    pub peaks: Vec<u8>,
    pub pauses: String,
    pub delete_at: i64,
    pub deleted_at: Option<i64>,
    pub ticket_id: Option<String>,
    /// Of the ticket.
    pub owner_id: Option<String>,
    pub sensitive: Option<bool>,
}

const COLUMNS: &str = "r.id, r.contact_id, r.desk_id, r.kind, r.state, r.started_at, r.ms, r.bytes, r.peaks, \
    r.pauses, r.delete_at, r.deleted_at, c.ticket_id, t.owner_id, t.sensitive";

const FROM: &str = "phone_recordings r JOIN contacts c ON c.id = r.contact_id \
    LEFT JOIN tickets t ON t.id = c.ticket_id";

/// Notes a recording that begins.
///
/// # Errors
/// When the store fails.
pub async fn insert(tx: &mut Tx, new: &New) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO phone_recordings (id, contact_id, desk_id, kind, state, started_at, ms, bytes, peaks,
               pauses, delete_at) VALUES ($1, $2, $3, $4, 'running', $5, 0, 0, $6, '[]', $7)",
        )
        .bind(new.id.to_string())
        .bind(new.contact.to_string())
        .bind(new.desk.to_string())
        .bind(new.kind.as_str())
        .bind(new.started_at.0)
        .bind(Vec::<u8>::new())
        .bind(new.delete_at.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Notes how a recording ended.
///
/// # Errors
/// When the store fails.
pub async fn end(tx: &mut Tx, id: RecordingId, end: &End) -> Result<(), DbError> {
    let pauses = serde_json::Value::from(end.pauses.clone()).to_string();
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE phone_recordings SET state = $2, ms = $3, bytes = $4, peaks = $5, pauses = $6
             WHERE id = $1 AND deleted_at IS NULL",
        )
        .bind(id.to_string())
        .bind(if end.failed { "failed" } else { "done" })
        .bind(end.ms)
        .bind(end.bytes)
        .bind(end.peaks.clone())
        .bind(pauses)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Takes back a recording that nothing was heard in, or that has no contact.
///
/// # Errors
/// When the store fails.
pub async fn discard(tx: &mut Tx, id: RecordingId) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query("DELETE FROM phone_recordings WHERE id = $1")
            .bind(id.to_string())
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Notes that the sound of a recording was deleted. `false` when it was before.
///
/// # Errors
/// When the store fails.
pub async fn mark_deleted(tx: &mut Tx, id: RecordingId, at: Timestamp) -> Result<bool, DbError> {
    let done = on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE phone_recordings SET deleted_at = $2, bytes = 0, peaks = $3, pauses = '[]'
             WHERE id = $1 AND deleted_at IS NULL",
        )
        .bind(id.to_string())
        .bind(at.0)
        .bind(Vec::<u8>::new())
        .execute(conn)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(done > 0)
}

/// A recording of a contact in this pool.
///
/// # Errors
/// When the store fails.
pub async fn get(tx: &mut Tx, pool: PoolId, id: RecordingId) -> Result<Option<Row>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE r.id = $1 AND c.pool_id = $2");
    Ok(on_db!(tx, |conn| {
        sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(id.to_string())
            .bind(pool.to_string())
            .fetch_optional(conn)
            .await
    })?)
}

/// The recordings of a contact, the earliest first.
///
/// # Errors
/// When the store fails.
pub async fn of_contact(tx: &mut Tx, pool: PoolId, contact: ContactId) -> Result<Vec<Row>, DbError> {
    list(tx, "r.contact_id", pool, contact.to_string()).await
}

/// The recordings of all contacts of a ticket, the earliest first.
///
/// # Errors
/// When the store fails.
pub async fn of_ticket(tx: &mut Tx, pool: PoolId, ticket: TicketId) -> Result<Vec<Row>, DbError> {
    list(tx, "c.ticket_id", pool, ticket.to_string()).await
}

async fn list(tx: &mut Tx, column: &str, pool: PoolId, id: String) -> Result<Vec<Row>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE c.pool_id = $1 AND {column} = $2
         ORDER BY r.started_at DESC, r.id DESC LIMIT $3"
    );
    let mut rows: Vec<Row> = on_db!(tx, |conn| {
        sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(pool.to_string())
            .bind(&id)
            .bind(LIST_MAX)
            .fetch_all(conn)
            .await
    })?;
    rows.reverse();
    Ok(rows)
}

/// Recordings that are to be deleted by now.
///
/// # Errors
/// When the store fails.
pub async fn due(tx: &mut Tx, now: Timestamp) -> Result<Vec<RecordingId>, DbError> {
    let ids: Vec<String> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT id FROM phone_recordings
             WHERE delete_at <= $1 AND deleted_at IS NULL AND state <> 'running' ORDER BY delete_at LIMIT $2",
        )
        .bind(now.0)
        .bind(DUE_MAX)
        .fetch_all(conn)
        .await
    })?;
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Recordings that were running when the program ended.
///
/// # Errors
/// When the store fails.
pub async fn left_over(tx: &mut Tx) -> Result<Vec<RecordingId>, DbError> {
    let ids: Vec<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT id FROM phone_recordings WHERE state = 'running' ORDER BY id")
            .fetch_all(conn)
            .await
    })?;
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Messages whose contact was not written before the program ended: the contact and its desk.
///
/// # Errors
/// When the store fails.
pub async fn orphans(tx: &mut Tx) -> Result<Vec<(ContactId, DeskId)>, DbError> {
    let rows: Vec<(String, String)> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT r.contact_id, r.desk_id FROM phone_recordings r
             WHERE r.kind = 'message' AND r.state <> 'running' AND r.ms > 0 AND r.deleted_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.id = r.contact_id) ORDER BY r.id",
        )
        .fetch_all(conn)
        .await
    })?;
    let parse = |(contact, desk): &(String, String)| Some((contact.parse().ok()?, desk.parse().ok()?));
    Ok(rows.iter().filter_map(parse).collect())
}
