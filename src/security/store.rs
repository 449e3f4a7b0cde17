//! Sessions and the sign-in columns of accounts, in SQL.

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, DeskId, SessionId};
use crate::kernel::time::Timestamp;
use crate::on_db;

use super::identity::{Identity, Role, Stage};
use super::settings::SecuritySettings;

/// What signing in needs of an account.
#[derive(Clone, sqlx::FromRow)]
pub struct Account {
    id: String,
    pub login: String,
    role: String,
    pub password_hash: String,
    pub password_must_change: bool,
    pub totp_secret: Option<String>,
    pub totp_confirmed: bool,
    pub totp_last_step: i64,
    pub failed_count: i64,
    pub locked_until: i64,
}

impl Account {
    /// # Errors
    /// When the row was not written by this program.
    pub fn id(&self) -> Result<AccountId, DbError> {
        self.id.parse().map_err(unreadable)
    }

    /// # Errors
    /// When the row was not written by this program.
    pub fn role(&self) -> Result<Role, DbError> {
        self.role.parse().map_err(unreadable)
    }
}

/// A row with its account, as a request finds it.
#[derive(sqlx::FromRow)]
pub struct Found {
    id: String,
    pub csrf_hash: String,
    stage: String,
    created_at: i64,
    pub last_seen_at: i64,
    expires_at: i64,
    account_id: String,
    pool_id: String,
    role: String,
    name: String,
    ui_language: String,
    desks: String,
    settings: Option<String>,
}

impl Found {
    /// Whether the session may still be used: neither too old nor at rest for too long.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        let settings = SecuritySettings::from_text(self.settings.as_deref());
        now < Timestamp(self.expires_at)
            && now < Timestamp(self.created_at) + settings.absolute()
            && now < Timestamp(self.last_seen_at) + settings.idle()
    }

    /// # Errors
    /// When the row was not written by this program.
    pub fn identity(&self) -> Result<Identity, DbError> {
        let desks: Vec<DeskId> = serde_json::from_str(&self.desks).map_err(unreadable)?;
        Ok(Identity {
            account: self.account_id.parse().map_err(unreadable)?,
            pool: self.pool_id.parse().map_err(unreadable)?,
            role: self.role.parse().map_err(unreadable)?,
            name: self.name.clone(),
            ui_language: self.ui_language.clone(),
            desks,
            session: self.id.parse().map_err(unreadable)?,
            stage: self.stage.parse().map_err(unreadable)?,
        })
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> DbError {
    DbError::Sqlx(sqlx::Error::Decode(Box::new(error)))
}

/// A session to be written: hashes, never the secrets themselves.
#[derive(Clone, Debug)]
pub struct Secrets {
    pub secret_hash: String,
    pub csrf_hash: String,
}

/// The account that signs in as `login`, unless it was closed.
///
/// # Errors
/// When the store fails.
pub async fn by_login(tx: &mut Tx, login: &str) -> Result<Option<Account>, DbError> {
    Ok(on_db!(tx, |conn| sqlx::query_as(
        "SELECT id, login, role, password_hash, password_must_change, totp_secret, totp_confirmed,
            totp_last_step, failed_count, locked_until
         FROM accounts WHERE login = $1 AND active"
    )
    .bind(login)
    .fetch_optional(conn)
    .await)?)
}

/// The account with this id, unless it was closed.
///
/// # Errors
/// When the store fails.
pub async fn by_id(tx: &mut Tx, id: AccountId) -> Result<Option<Account>, DbError> {
    Ok(on_db!(tx, |conn| sqlx::query_as(
        "SELECT id, login, role, password_hash, password_must_change, totp_secret, totp_confirmed,
            totp_last_step, failed_count, locked_until
         FROM accounts WHERE id = $1 AND active"
    )
    .bind(id.to_string())
    .fetch_optional(conn)
    .await)?)
}

/// The session whose secret has this hash, with its account; `None` when the account was closed.
///
/// # Errors
/// When the store fails.
pub async fn find(tx: &mut Tx, secret_hash: &str) -> Result<Option<Found>, DbError> {
    Ok(on_db!(tx, |conn| sqlx::query_as(
        "SELECT s.id, s.csrf_hash, s.stage, s.created_at, s.last_seen_at, s.expires_at,
            a.id AS account_id, a.pool_id, a.role, a.name, a.ui_language, a.desks,
            (SELECT value FROM settings WHERE name = 'security') AS settings
         FROM sessions s JOIN accounts a ON a.id = s.account_id
         WHERE s.secret_hash = $1 AND a.active"
    )
    .bind(secret_hash)
    .fetch_optional(conn)
    .await)?)
}

/// Like [`find`], by the session's id.
///
/// # Errors
/// When the store fails.
pub async fn find_by_id(tx: &mut Tx, id: SessionId) -> Result<Option<Found>, DbError> {
    Ok(on_db!(tx, |conn| sqlx::query_as(
        "SELECT s.id, s.csrf_hash, s.stage, s.created_at, s.last_seen_at, s.expires_at,
            a.id AS account_id, a.pool_id, a.role, a.name, a.ui_language, a.desks,
            (SELECT value FROM settings WHERE name = 'security') AS settings
         FROM sessions s JOIN accounts a ON a.id = s.account_id
         WHERE s.id = $1 AND a.active"
    )
    .bind(id.to_string())
    .fetch_optional(conn)
    .await)?)
}

/// Notes that the session was used.
///
/// # Errors
/// When the store fails.
pub async fn touch(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query(
        "UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2"
    )
    .bind(id.to_string())
    .bind(now.0)
    .execute(conn)
    .await
    .map(drop))?;
    Ok(())
}

/// Writes a new session.
///
/// # Errors
/// When the store fails.
pub async fn insert(
    tx: &mut Tx,
    id: SessionId,
    account: AccountId,
    secrets: &Secrets,
    stage: Stage,
    now: Timestamp,
    expires: Timestamp,
) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO sessions (id, secret_hash, csrf_hash, account_id, stage, created_at, last_seen_at,
            expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        )
        .bind(id.to_string())
        .bind(&secrets.secret_hash)
        .bind(&secrets.csrf_hash)
        .bind(account.to_string())
        .bind(stage.as_str())
        .bind(now.0)
        .bind(expires.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Gives a session new secrets and its next stage, when it still is at `from`; answers whether it was.
///
/// # Errors
/// When the store fails.
pub async fn rotate(
    tx: &mut Tx,
    id: SessionId,
    from: Stage,
    to: Stage,
    secrets: &Secrets,
    now: Timestamp,
    expires: Timestamp,
) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query(
        "UPDATE sessions SET secret_hash = $3, csrf_hash = $4, stage = $5, last_seen_at = $6, expires_at = $7
         WHERE id = $1 AND stage = $2"
    )
    .bind(id.to_string())
    .bind(from.as_str())
    .bind(&secrets.secret_hash)
    .bind(&secrets.csrf_hash)
    .bind(to.as_str())
    .bind(now.0)
    .bind(expires.0)
    .execute(conn)
    .await
    .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

/// Ends one session and answers whether there was one.
///
/// # Errors
/// When the store fails.
pub async fn end(tx: &mut Tx, id: SessionId) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| sqlx::query("DELETE FROM sessions WHERE id = $1")
        .bind(id.to_string())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Ends the session whose secret has this hash: another one begins in the same browser.
///
/// # Errors
/// When the store fails.
pub async fn end_by_secret(tx: &mut Tx, secret_hash: &str) -> Result<(), DbError> {
    let account: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(
        "DELETE FROM sessions WHERE secret_hash = $1 RETURNING account_id"
    )
    .bind(secret_hash)
    .fetch_optional(conn)
    .await)?;
    if let Some(account) = account {
        tx.sessions_ended(account.parse().map_err(unreadable)?);
    }
    Ok(())
}

/// Ends every session of `account` but `keep`.
///
/// # Errors
/// When the store fails.
pub async fn end_all(tx: &mut Tx, account: AccountId, keep: Option<SessionId>) -> Result<(), DbError> {
    let keep = keep.map(|id| id.to_string()).unwrap_or_default();
    on_db!(tx, |conn| sqlx::query("DELETE FROM sessions WHERE account_id = $1 AND id <> $2")
        .bind(account.to_string())
        .bind(&keep)
        .execute(conn)
        .await
        .map(drop))?;
    tx.sessions_ended(account);
    Ok(())
}

/// Removes what is over, and of `account` the oldest beyond the newest `keep`.
///
/// # Errors
/// When the store fails.
pub async fn tidy(tx: &mut Tx, account: AccountId, now: Timestamp, keep: i64) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query("DELETE FROM sessions WHERE expires_at <= $1")
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop))?;
    let rows = on_db!(tx, |conn| sqlx::query(
        "DELETE FROM sessions WHERE account_id = $1 AND id NOT IN (
            SELECT id FROM sessions WHERE account_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)"
    )
    .bind(account.to_string())
    .bind(keep)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))?;
    if rows > 0 {
        tx.sessions_ended(account);
    }
    Ok(())
}

/// Keeps how often a sign-in failed in a row, and until when the next one waits.
///
/// # Errors
/// When the store fails.
pub async fn set_failures(
    tx: &mut Tx,
    account: AccountId,
    count: i64,
    until: Timestamp,
) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query("UPDATE accounts SET failed_count = $2, locked_until = $3 WHERE id = $1")
        .bind(account.to_string())
        .bind(count)
        .bind(until.0)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// Notes that the code of `step` was used; answers `false` when it, or a later one, was used before.
///
/// # Errors
/// When the store fails.
pub async fn use_step(tx: &mut Tx, account: AccountId, step: i64) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| sqlx::query(
        "UPDATE accounts SET totp_last_step = $2 WHERE id = $1 AND totp_last_step < $2 AND totp_confirmed"
    )
    .bind(account.to_string())
    .bind(step)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Keeps a second factor's secret that is not confirmed yet; answers `false` when one is confirmed already.
///
/// # Errors
/// When the store fails.
pub async fn propose_totp(tx: &mut Tx, account: AccountId, sealed: &str) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| sqlx::query(
        "UPDATE accounts SET totp_secret = $2, totp_last_step = 0 WHERE id = $1 AND NOT totp_confirmed"
    )
    .bind(account.to_string())
    .bind(sealed)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Confirms the second factor whose secret is `sealed`, with its first code used up.
///
/// # Errors
/// When the store fails.
pub async fn confirm_totp(tx: &mut Tx, account: AccountId, sealed: &str, step: i64) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| sqlx::query(
        "UPDATE accounts SET totp_confirmed = $4, totp_last_step = $3
         WHERE id = $1 AND totp_secret = $2 AND NOT totp_confirmed"
    )
    .bind(account.to_string())
    .bind(sealed)
    .bind(step)
    .bind(true)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Replaces the password of `account`, when it still is the one with the hash `from`.
///
/// # Errors
/// When the store fails.
pub async fn set_password(tx: &mut Tx, account: AccountId, from: &str, to: &str) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE accounts SET password_hash = $3, password_must_change = $4
         WHERE id = $1 AND password_hash = $2",
        )
        .bind(account.to_string())
        .bind(from)
        .bind(to)
        .bind(false)
        .execute(conn)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

/// Keeps the language of the interface.
///
/// # Errors
/// When the store fails.
pub async fn set_language(tx: &mut Tx, account: AccountId, language: &str) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query("UPDATE accounts SET ui_language = $2 WHERE id = $1")
        .bind(account.to_string())
        .bind(language)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}
