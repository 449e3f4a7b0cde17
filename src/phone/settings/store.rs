//! The tables `phone_desks` and `phone_numbers`.

use std::collections::BTreeSet;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{DeskId, PoolId};
use crate::kernel::problem::Problem;
use crate::on_db;

use super::{Known, PhoneDesk, number_key, standard};

/// The desk that a dialled number leads to.
///
/// # Errors
/// When the store fails.
pub async fn desk_of_number(tx: &mut Tx, dialled: &str) -> Result<Option<DeskId>, DbError> {
    let key = number_key(dialled);
    let id: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT desk_id FROM phone_numbers WHERE number_key = $1")
            .bind(&key)
            .fetch_optional(conn)
            .await
    })?;
    id.map(|id| id.parse().map_err(unreadable)).transpose()
}

/// The settings of a desk; the standard ones while it has none.
///
/// # Errors
/// When the store fails or holds what this program cannot have written.
pub async fn read(tx: &mut Tx, desk: DeskId) -> Result<PhoneDesk, DbError> {
    let row: Option<(String, i64)> = on_db!(tx, |conn| {
        sqlx::query_as("SELECT settings, version FROM phone_desks WHERE desk_id = $1")
            .bind(desk.to_string())
            .fetch_optional(conn)
            .await
    })?;
    match row {
        Some((settings, version)) => parse(desk, &settings, version),
        None => Ok(standard::desk(desk, &topics(tx, true).await?)),
    }
}

/// The settings of all desks of a pool, in the desks' order.
///
/// # Errors
/// When the store fails or holds what this program cannot have written.
pub async fn list(tx: &mut Tx, pool: PoolId) -> Result<Vec<PhoneDesk>, DbError> {
    let rows: Vec<(String, Option<String>, Option<i64>)> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT d.id, p.settings, p.version FROM desks d LEFT JOIN phone_desks p ON p.desk_id = d.id
             WHERE d.pool_id = $1 ORDER BY d.position, d.id",
        )
        .bind(pool.to_string())
        .fetch_all(conn)
        .await
    })?;
    let offered = topics(tx, true).await?;
    rows.into_iter()
        .map(|(id, settings, version)| {
            let desk = id.parse().map_err(unreadable)?;
            match (settings, version) {
                (Some(settings), Some(version)) => parse(desk, &settings, version),
                _ => Ok(standard::desk(desk, &offered)),
            }
        })
        .collect()
}

/// Writes the settings and numbers of a desk. Answers whether they still stood at `version`, 0 for none; the
/// caller gives the unit up when they did not.
///
/// # Errors
/// `invalid_input` with `numbers: taken` when a number leads to another desk, or the store's failure.
pub async fn save(tx: &mut Tx, version: i64, desk: &PhoneDesk) -> Result<bool, Problem> {
    if !write(tx, version, desk).await? {
        return Ok(false);
    }
    on_db!(tx, |conn| {
        sqlx::query("DELETE FROM phone_numbers WHERE desk_id = $1")
            .bind(desk.desk.to_string())
            .execute(conn)
            .await
            .map(drop)
    })?;
    for number in &desk.numbers {
        insert_number(tx, desk.desk, number).await.map_err(taken)?;
    }
    Ok(true)
}

async fn write(tx: &mut Tx, version: i64, desk: &PhoneDesk) -> Result<bool, DbError> {
    let text = if version == 0 {
        "INSERT INTO phone_desks (desk_id, settings, version) VALUES ($1, $2, $3)
         ON CONFLICT (desk_id) DO NOTHING"
    } else {
        "UPDATE phone_desks SET settings = $2, version = $3 WHERE desk_id = $1 AND version = $4"
    };
    let settings = serde_json::to_string(desk).map_err(unreadable)?;
    let rows = on_db!(tx, |conn| {
        let query = sqlx::query(text).bind(desk.desk.to_string()).bind(&settings).bind(desk.version);
        let query = if version == 0 { query } else { query.bind(version) };
        query.execute(conn).await.map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

async fn insert_number(tx: &mut Tx, desk: DeskId, number: &str) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query("INSERT INTO phone_numbers (number_key, number, desk_id) VALUES ($1, $2, $3)")
            .bind(number_key(number))
            .bind(number)
            .bind(desk.to_string())
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

fn taken(error: DbError) -> Problem {
    if error.is_unique_violation() {
        return Problem::invalid("invalid_input").field("numbers", "taken");
    }
    error.into()
}

/// What the settings of a desk may name.
pub(super) async fn known(tx: &mut Tx, desk: DeskId) -> Result<Known, DbError> {
    let own: Vec<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT DISTINCT name FROM phone_prompts WHERE desk_id = $1")
            .bind(desk.to_string())
            .fetch_all(conn)
            .await
    })?;
    Ok(Known { topics: topics(tx, false).await?, own: own.into_iter().collect() })
}

/// Whether the desk is one of the pool.
pub(super) async fn is_of_pool(tx: &mut Tx, pool: PoolId, desk: DeskId) -> Result<bool, DbError> {
    let found: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT id FROM desks WHERE id = $1 AND pool_id = $2")
            .bind(desk.to_string())
            .bind(pool.to_string())
            .fetch_optional(conn)
            .await
    })?;
    Ok(found.is_some())
}

/// Ids of the topics; of those that are offered only when `offered`.
async fn topics(tx: &mut Tx, offered: bool) -> Result<BTreeSet<String>, DbError> {
    let ids: Vec<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT id FROM topics WHERE active = TRUE OR active = $1")
            .bind(offered)
            .fetch_all(conn)
            .await
    })?;
    Ok(ids.into_iter().collect())
}

fn parse(desk: DeskId, settings: &str, version: i64) -> Result<PhoneDesk, DbError> {
    let kept: PhoneDesk = serde_json::from_str(settings).map_err(unreadable)?;
    Ok(PhoneDesk { desk, version, ..kept })
}

/// A row that this program cannot have written.
fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> DbError {
    DbError::Sqlx(sqlx::Error::Decode(Box::new(error)))
}
