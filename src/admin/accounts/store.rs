//! The rows of `accounts`, as far as an administrator sees and changes them.

use crate::desk::words::word_of;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, PoolId};
use crate::kernel::time::Timestamp;
use crate::on_db;

use super::super::{unreadable, value_of};
use super::AdminAccount;

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    login: String,
    name: String,
    role: String,
    ui_language: String,
    desks: String,
    skills: String,
    capacity: String,
    translation: bool,
    password_must_change: bool,
    totp_confirmed: bool,
    active: bool,
    created_at: i64,
    version: i64,
}

impl Row {
    fn read(self) -> Result<AdminAccount, DbError> {
        Ok(AdminAccount {
            id: self.id.parse().map_err(unreadable)?,
            login: self.login,
            name: self.name,
            role: word_of(&self.role).map_err(unreadable)?,
            ui_language: self.ui_language,
            desks: serde_json::from_str(&self.desks).map_err(unreadable)?,
            skills: serde_json::from_str(&self.skills).map_err(unreadable)?,
            capacity: serde_json::from_str(&self.capacity).map_err(unreadable)?,
            translation: self.translation,
            second_factor: self.totp_confirmed,
            password_must_change: self.password_must_change,
            active: self.active,
            created_at: Timestamp(self.created_at),
            version: self.version,
        })
    }
}

/// The accounts of a pool by sign-in name, in the order of their bytes.
pub async fn list(tx: &mut Tx, pool: PoolId) -> Result<Vec<AdminAccount>, DbError> {
    let rows: Vec<Row> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, login, name, role, ui_language, desks, skills, capacity, translation,
               password_must_change, totp_confirmed, active, created_at, version
             FROM accounts WHERE pool_id = $1",
        )
        .bind(pool.to_string())
        .fetch_all(conn)
        .await
    })?;
    let mut accounts = rows.into_iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    // Sorted here: databases disagree about the order of punctuation.
    accounts.sort_by(|a, b| a.login.cmp(&b.login));
    Ok(accounts)
}

pub async fn find(tx: &mut Tx, pool: PoolId, id: AccountId) -> Result<Option<AdminAccount>, DbError> {
    let row: Option<Row> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, login, name, role, ui_language, desks, skills, capacity, translation,
               password_must_change, totp_confirmed, active, created_at, version
             FROM accounts WHERE pool_id = $1 AND id = $2",
        )
        .bind(pool.to_string())
        .bind(id.to_string())
        .fetch_optional(conn)
        .await
    })?;
    row.map(Row::read).transpose()
}

pub async fn count(tx: &mut Tx, pool: PoolId) -> Result<usize, DbError> {
    let n: i64 = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT COUNT(*) FROM accounts WHERE pool_id = $1")
            .bind(pool.to_string())
            .fetch_one(conn)
            .await
    })?;
    Ok(usize::try_from(n).unwrap_or(usize::MAX))
}

/// Administrators who can sign in.
pub async fn administrators(tx: &mut Tx, pool: PoolId) -> Result<i64, DbError> {
    let n: i64 = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT COUNT(*) FROM accounts WHERE pool_id = $1 AND role = 'administrator' AND active",
        )
        .bind(pool.to_string())
        .fetch_one(conn)
        .await
    })?;
    Ok(n)
}

pub async fn insert(
    tx: &mut Tx,
    pool: PoolId,
    account: &AdminAccount,
    password_hash: &str,
) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO accounts (id, pool_id, login, name, role, ui_language, desks, skills, capacity,
               translation, password_hash, password_must_change, totp_secret, totp_confirmed, totp_last_step,
               failed_count, locked_until, active, created_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULL, FALSE, 0, 0, 0, $13, $14, $15)",
        )
        .bind(account.id.to_string())
        .bind(pool.to_string())
        .bind(&account.login)
        .bind(&account.name)
        .bind(account.role.as_str())
        .bind(&account.ui_language)
        .bind(value_of(&account.desks).to_string())
        .bind(value_of(&account.skills).to_string())
        .bind(value_of(&account.capacity).to_string())
        .bind(account.translation)
        .bind(password_hash)
        .bind(account.password_must_change)
        .bind(account.active)
        .bind(account.created_at.0)
        .bind(account.version)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Whether the row still stood at `version`.
pub async fn update(tx: &mut Tx, version: i64, account: &AdminAccount) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE accounts SET login = $3, name = $4, role = $5, ui_language = $6, desks = $7, skills = $8,
               capacity = $9, translation = $10, active = $11, version = $12
             WHERE id = $1 AND version = $2",
        )
        .bind(account.id.to_string())
        .bind(version)
        .bind(&account.login)
        .bind(&account.name)
        .bind(account.role.as_str())
        .bind(&account.ui_language)
        .bind(value_of(&account.desks).to_string())
        .bind(value_of(&account.skills).to_string())
        .bind(value_of(&account.capacity).to_string())
        .bind(account.translation)
        .bind(account.active)
        .bind(account.version)
        .execute(conn)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

/// Sets a password that must be changed at the next sign-in, and ends the delay after failures.
pub async fn set_password(tx: &mut Tx, id: AccountId, hash: &str) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE accounts SET password_hash = $2, password_must_change = TRUE, failed_count = 0,
               locked_until = 0 WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(hash)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

pub async fn forget_second_factor(tx: &mut Tx, id: AccountId) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE accounts SET totp_secret = NULL, totp_confirmed = FALSE, totp_last_step = 0
             WHERE id = $1",
        )
        .bind(id.to_string())
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Sets a second factor up for its owner: `sealed` is the secret as the installation's key encrypts it.
///
/// # Errors
/// When the store fails.
pub async fn set_second_factor(tx: &mut Tx, id: AccountId, sealed: &str) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE accounts SET totp_secret = $2, totp_confirmed = TRUE, totp_last_step = 0 WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(sealed)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}
