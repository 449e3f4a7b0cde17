//! The audit trail: who did what to which thing, each row chained to the one before by its hash.
//!
//! [`record`] appends inside the caller's transaction, so an act and its trace stand or fall together.
//! The end of the chain is kept beside it as the *anchor* (row `audit_anchor` of `settings`), which also
//! puts appends of several nodes in order; [`verify`] walks the whole chain and compares. The hashes are
//! not secret: whoever can rewrite the table, the anchor and every hash leaves no trace *inside* the
//! database. That is why the anchor is printed: a copy kept elsewhere (a printed page, a mail) proves it.
//!
//! A row never holds the content of a case or a secret: ids, codes, and what a setting was and became.

mod diff;
mod verify;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, AuditId};
use crate::kernel::time::Timestamp;
use crate::on_db;

use super::identity::{Identity, Role};

pub use diff::changes;
pub use verify::{Fault, VERIFY_PAGE, Verdict, verify};

/// Bytes of `detail`; a longer one is replaced by `{"too_long": BYTES}`.
pub const DETAIL_MAX: usize = 4096;

/// The name of the anchor in `settings`.
pub(super) const ANCHOR: &str = "audit_anchor";

/// What the first row names as the hash before it.
pub(super) const GENESIS: &str = "";

/// One act, before it has its place in the chain.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Account id; `system`; empty for somebody unknown.
    actor: String,
    role: &'static str,
    action: &'static str,
    object_kind: &'static str,
    object_id: String,
    detail: Value,
}

impl Entry {
    /// An act of a person: `action` as `noun.verb`, e.g. `ticket.read`; `object_kind` and `object_id` name
    /// what it was done to.
    #[must_use]
    pub fn by(
        actor: AccountId,
        role: Role,
        action: &'static str,
        object_kind: &'static str,
        object_id: impl Into<String>,
    ) -> Self {
        Self {
            actor: actor.to_string(),
            role: role.as_str(),
            action,
            object_kind,
            object_id: object_id.into(),
            detail: Value::Null,
        }
    }

    /// An act of whoever sent the request.
    #[must_use]
    pub fn of(
        me: &Identity,
        action: &'static str,
        object_kind: &'static str,
        object_id: impl Into<String>,
    ) -> Self {
        Self::by(me.account, me.role, action, object_kind, object_id)
    }

    /// An act of the program itself.
    #[must_use]
    pub fn system(action: &'static str, object_kind: &'static str, object_id: impl Into<String>) -> Self {
        let (actor, object_id) = ("system".to_owned(), object_id.into());
        Self { actor, role: "", action, object_kind, object_id, detail: Value::Null }
    }

    /// An act of somebody who did not prove who they are.
    #[must_use]
    pub fn unknown(action: &'static str, object_kind: &'static str, object_id: impl Into<String>) -> Self {
        Self { actor: String::new(), ..Self::system(action, object_kind, object_id) }
    }

    /// Adds what changed, in ids, codes and numbers. Never content of a case, never a secret.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    fn detail_text(&self) -> String {
        if self.detail.is_null() {
            return String::new();
        }
        let text = self.detail.to_string();
        if text.len() > DETAIL_MAX { serde_json::json!({ "too_long": text.len() }).to_string() } else { text }
    }
}

/// The end of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Anchor {
    /// Sequence number of the last row; rows count from 1 without gaps.
    pub seq: i64,
    /// Its hash: SHA-256 in lower-case hexadecimal.
    pub hash: String,
}

/// A row of the trail as it stands in the table.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    pub seq: i64,
    pub id: String,
    pub at: i64,
    pub actor: String,
    pub role: String,
    pub action: String,
    pub object_kind: String,
    pub object_id: String,
    /// JSON, or empty.
    pub detail: String,
    pub previous: String,
    pub hash: String,
}

impl Row {
    /// The hash that this row must carry: SHA-256 over the domain name and each field in order, every field
    /// preceded by its length in bytes (64 bits, big endian), numbers as 64 bits big endian.
    #[must_use]
    pub fn expected_hash(&self) -> String {
        let mut sha = Sha256::new();
        let mut put = |bytes: &[u8]| {
            sha.update((bytes.len() as u64).to_be_bytes());
            sha.update(bytes);
        };
        put(b"madoguchi audit 1");
        put(self.previous.as_bytes());
        put(&self.seq.to_be_bytes());
        put(&self.at.to_be_bytes());
        for text in [&self.actor, &self.role, &self.action, &self.object_kind, &self.object_id, &self.detail]
        {
            put(text.as_bytes());
        }
        sha.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            for digit in [byte >> 4, byte & 15] {
                hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
            hex
        })
    }

    /// The id that belongs to this row: its time and the first bits of its hash.
    #[must_use]
    pub fn expected_id(&self) -> String {
        let bits = self.hash.get(..32).and_then(|hex| u128::from_str_radix(hex, 16).ok()).unwrap_or(0);
        AuditId::compose(Timestamp(self.at), bits).to_string()
    }
}

/// Appends `entry` to the trail in the caller's transaction and answers its sequence number.
///
/// # Errors
/// When the store fails; the caller's transaction must then not be kept.
pub async fn record(tx: &mut Tx, now: Timestamp, entry: Entry) -> Result<i64, DbError> {
    let end = lock_anchor(tx).await?;
    let mut row = Row {
        seq: end.seq + 1,
        id: String::new(),
        at: now.0,
        role: entry.role.to_owned(),
        action: entry.action.to_owned(),
        object_kind: entry.object_kind.to_owned(),
        detail: entry.detail_text(),
        actor: entry.actor,
        object_id: entry.object_id,
        previous: end.hash,
        hash: String::new(),
    };
    row.hash = row.expected_hash();
    row.id = row.expected_id();
    insert(tx, &row).await?;
    put_anchor(tx, &Anchor { seq: row.seq, hash: row.hash }).await?;
    Ok(row.seq)
}

async fn insert(tx: &mut Tx, row: &Row) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query(
        "INSERT INTO audit (seq, id, at, actor, role, action, object_kind, object_id, detail, previous, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    )
    .bind(row.seq)
    .bind(&row.id)
    .bind(row.at)
    .bind(&row.actor)
    .bind(&row.role)
    .bind(&row.action)
    .bind(&row.object_kind)
    .bind(&row.object_id)
    .bind(&row.detail)
    .bind(&row.previous)
    .bind(&row.hash)
    .execute(conn)
    .await
    .map(drop))
    .map_err(DbError::from)
}

/// The anchor; `None` before the first row. What is unreadable counts as absent, and [`verify`] says so.
///
/// # Errors
/// When the store fails.
pub async fn anchor(tx: &mut Tx) -> Result<Option<Anchor>, DbError> {
    let text: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar("SELECT value FROM settings WHERE name = $1")
            .bind(ANCHOR)
            .fetch_optional(conn)
            .await)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Reads the anchor and holds its row until the transaction ends, so that two nodes cannot take one number.
async fn lock_anchor(tx: &mut Tx) -> Result<Anchor, DbError> {
    // The update that changes nothing takes the row's lock on both databases.
    let text: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(
        "UPDATE settings SET version = version + 1 WHERE name = $1 RETURNING value"
    )
    .bind(ANCHOR)
    .fetch_optional(conn)
    .await)?;
    match text.and_then(|text| serde_json::from_str(&text).ok()) {
        Some(anchor) => Ok(anchor),
        None => last_row(tx).await,
    }
}

/// Where the chain goes on when there is no anchor: behind the last row, so that appending never fails.
/// [`verify`] reports an anchor that went missing.
async fn last_row(tx: &mut Tx) -> Result<Anchor, DbError> {
    let last: Option<(i64, String)> =
        on_db!(tx, |conn| sqlx::query_as("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
            .fetch_optional(conn)
            .await)?;
    Ok(last.map_or(Anchor { seq: 0, hash: GENESIS.to_owned() }, |(seq, hash)| Anchor { seq, hash }))
}

async fn put_anchor(tx: &mut Tx, anchor: &Anchor) -> Result<(), DbError> {
    let value = serde_json::json!(anchor).to_string();
    on_db!(tx, |conn| sqlx::query(
        "INSERT INTO settings (name, value, version) VALUES ($1, $2, 1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
    .bind(ANCHOR)
    .bind(&value)
    .execute(conn)
    .await
    .map(drop))
    .map_err(DbError::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            seq: 1,
            id: String::new(),
            at: 1000,
            actor: "acc".to_owned(),
            role: "agent".to_owned(),
            action: "ticket.read".to_owned(),
            object_kind: "ticket".to_owned(),
            object_id: "tkt".to_owned(),
            detail: String::new(),
            previous: String::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn every_field_moves_the_hash_and_fields_cannot_flow_into_each_other() {
        let base = row().expected_hash();
        assert_eq!(base.len(), 64);
        let altered = [
            Row { seq: 2, ..row() },
            Row { at: 1001, ..row() },
            Row { actor: "acd".to_owned(), ..row() },
            Row { role: "x".to_owned(), ..row() },
            Row { action: "x".to_owned(), ..row() },
            Row { object_kind: "x".to_owned(), ..row() },
            Row { object_id: "x".to_owned(), ..row() },
            Row { detail: "x".to_owned(), ..row() },
            Row { previous: "x".to_owned(), ..row() },
            Row { actor: "accagent".to_owned(), role: String::new(), ..row() },
        ];
        for row in altered {
            assert_ne!(row.expected_hash(), base, "{row:?}");
        }
    }

    #[test]
    fn an_endless_detail_is_replaced_by_its_length() {
        let entry = Entry::system("a.b", "c", "d");
        assert_eq!(entry.detail_text(), "");
        let long = entry.detail(serde_json::json!({ "x": "y".repeat(DETAIL_MAX) }));
        assert_eq!(long.detail_text(), format!("{{\"too_long\":{}}}", DETAIL_MAX + 8));
    }
}
