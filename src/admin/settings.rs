//! The installation's settings: the pool's rules, and the rules of signing in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::settings::PoolSettings;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::PoolId;
use crate::kernel::problem::Problem;
use crate::on_db;
use crate::security::{SecuritySettings, settings};

use super::check::Faults;
use super::{Act, changed_elsewhere, unreadable, value_of};

/// The pool's rules and the version they stand at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolPart {
    pub version: i64,
    pub settings: PoolSettings,
}

/// The rules of signing in and the version they stand at; 0 when they were never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecurityPart {
    pub version: i64,
    pub settings: SecuritySettings,
}

/// All settings; each part has a version of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminSettings {
    pub pool: PoolPart,
    pub security: SecurityPart,
}

/// The parts that shall become different, each whole and with the version it was made from.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SettingsChange {
    pub pool: Option<PoolPart>,
    pub security: Option<SecurityPart>,
}

/// All settings as they stand.
///
/// # Errors
/// When the pool is unknown or the store fails.
pub async fn read(tx: &mut Tx, pool: PoolId) -> Result<AdminSettings, DbError> {
    let (settings, version) = SecuritySettings::load(tx).await?;
    Ok(AdminSettings { pool: read_pool(tx, pool).await?, security: SecurityPart { version, settings } })
}

/// Changes the parts that are named; none when one of them cannot be changed.
///
/// # Errors
/// `changed_elsewhere` with the settings as they stand, `invalid_input`, or the store's failure.
pub async fn change(tx: &mut Tx, act: &Act, change: SettingsChange) -> Result<AdminSettings, Problem> {
    let current = read(tx, act.pool).await?;
    if let Some(wanted) = change.pool {
        change_pool(tx, act, &current, wanted).await?;
    }
    if let Some(wanted) = change.security {
        change_security(tx, act, &current, wanted).await?;
    }
    Ok(read(tx, act.pool).await?)
}

async fn change_pool(
    tx: &mut Tx,
    act: &Act,
    current: &AdminSettings,
    wanted: PoolPart,
) -> Result<(), Problem> {
    let mut faults = Faults::default();
    faults.take("pool.settings.", wanted.settings.check());
    faults.result()?;
    let before = &current.pool;
    if wanted.version != before.version {
        return Err(changed_elsewhere(current));
    }
    if wanted == *before {
        return Ok(());
    }
    if !update_pool(tx, act.pool, &wanted).await? {
        return Err(changed_elsewhere(current));
    }
    let (before, after) = (value_of(&before.settings), value_of(&wanted.settings));
    act.record(tx, "settings.change", ("pool", &act.pool.to_string()), &before, &after).await?;
    Ok(())
}

async fn change_security(
    tx: &mut Tx,
    act: &Act,
    current: &AdminSettings,
    wanted: SecurityPart,
) -> Result<(), Problem> {
    let mut faults = Faults::default();
    faults.take("security.settings.", wanted.settings.check());
    faults.result()?;
    let before = current.security;
    if wanted.version != before.version {
        return Err(changed_elsewhere(current));
    }
    if wanted == before {
        return Ok(());
    }
    if !wanted.settings.save(tx, wanted.version).await? {
        return Err(changed_elsewhere(current));
    }
    let (before, after) = (value_of(&before.settings), value_of(&wanted.settings));
    act.record(tx, "settings.change", ("settings", settings::NAME), &before, &after).await?;
    Ok(())
}

async fn read_pool(tx: &mut Tx, pool: PoolId) -> Result<PoolPart, DbError> {
    let (settings, version): (String, i64) = on_db!(tx, |conn| {
        sqlx::query_as("SELECT settings, version FROM pools WHERE id = $1")
            .bind(pool.to_string())
            .fetch_one(conn)
            .await
    })?;
    Ok(PoolPart { version, settings: serde_json::from_str(&settings).map_err(unreadable)? })
}

/// Whether the row still stood at the version that `wanted` was made from.
async fn update_pool(tx: &mut Tx, pool: PoolId, wanted: &PoolPart) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query("UPDATE pools SET settings = $3, version = version + 1 WHERE id = $1 AND version = $2")
            .bind(pool.to_string())
            .bind(wanted.version)
            .bind(value_of(&wanted.settings).to_string())
            .execute(conn)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}
