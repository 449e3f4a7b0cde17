//! Names behind the ids of the board: people, desks, topics, and the pool's targets.

use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, DeskId, PoolId};
use crate::kernel::time::Millis;
use crate::on_db;
use crate::routing::{Capacity, Channel, SkillLevel};
use crate::security::{Identity, Role};

use super::log::unreadable;
use super::settings::{DeskSettings, PoolSettings};

/// Everything a console needs to say names instead of ids.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Directory {
    /// Those who answer, in the order of their names; none for the officer, who sees no people.
    pub agents: Vec<DirectoryAgent>,
    pub desks: Vec<DirectoryDesk>,
    pub topics: Vec<DirectoryTopic>,
    /// Contacts a day that the pool is built for.
    pub target_per_day: i64,
    pub service_level_ms: Millis,
}

/// Somebody who answers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DirectoryAgent {
    pub id: AccountId,
    pub name: String,
    pub role: Role,
    pub desks: Vec<DeskId>,
    pub skills: Vec<SkillLevel>,
    pub capacity: Capacity,
}

/// A desk.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DirectoryDesk {
    pub id: DeskId,
    pub slug: String,
    pub name_ja: String,
    pub name_en: String,
    pub channels: Vec<Channel>,
    /// Languages offered to inquirers (BCP 47); empty: all that the program knows.
    pub languages: Vec<String>,
}

/// A topic that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, sqlx::FromRow)]
pub struct DirectoryTopic {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    pub name_ja: String,
    pub name_en: String,
}

/// Reads the directory of the pool of `me`.
pub(super) async fn read(tx: &mut Tx, me: &Identity) -> Result<Directory, DbError> {
    let settings = pool_settings(tx, me.pool).await?;
    let agents = if me.role == Role::Officer { Vec::new() } else { agents(tx, me.pool).await? };
    Ok(Directory {
        agents,
        desks: desks(tx, me.pool).await?,
        topics: topics(tx).await?,
        target_per_day: settings.target_per_day,
        service_level_ms: settings.service_level_ms,
    })
}

/// The settings of a pool.
pub(super) async fn pool_settings(tx: &mut Tx, pool: PoolId) -> Result<PoolSettings, DbError> {
    let text: String = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT settings FROM pools WHERE id = $1")
            .bind(pool.to_string())
            .fetch_one(conn)
            .await
    })?;
    parse(&text)
}

fn parse<T: DeserializeOwned>(json: &str) -> Result<T, DbError> {
    serde_json::from_str(json).map_err(unreadable)
}

#[derive(sqlx::FromRow)]
struct AgentRow {
    id: String,
    name: String,
    role: String,
    desks: String,
    skills: String,
    capacity: String,
}

async fn agents(tx: &mut Tx, pool: PoolId) -> Result<Vec<DirectoryAgent>, DbError> {
    let rows: Vec<AgentRow> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, name, role, desks, skills, capacity FROM accounts
             WHERE pool_id = $1 AND active = TRUE AND role IN ('agent', 'supervisor') ORDER BY name, id",
        )
        .bind(pool.to_string())
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter()
        .map(|row| {
            Ok(DirectoryAgent {
                id: row.id.parse().map_err(unreadable)?,
                name: row.name,
                role: row.role.parse().map_err(unreadable)?,
                desks: parse(&row.desks)?,
                skills: parse(&row.skills)?,
                capacity: parse(&row.capacity)?,
            })
        })
        .collect()
}

#[derive(sqlx::FromRow)]
struct DeskRow {
    id: String,
    slug: String,
    name_ja: String,
    name_en: String,
    settings: String,
}

async fn desks(tx: &mut Tx, pool: PoolId) -> Result<Vec<DirectoryDesk>, DbError> {
    let rows: Vec<DeskRow> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, slug, name_ja, name_en, settings FROM desks
             WHERE pool_id = $1 AND active = TRUE ORDER BY position, id",
        )
        .bind(pool.to_string())
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter()
        .map(|row| {
            let settings: DeskSettings = parse(&row.settings)?;
            Ok(DirectoryDesk {
                id: row.id.parse().map_err(unreadable)?,
                slug: row.slug,
                name_ja: row.name_ja,
                name_en: row.name_en,
                channels: settings.channels,
                languages: settings.languages,
            })
        })
        .collect()
}

async fn topics(tx: &mut Tx) -> Result<Vec<DirectoryTopic>, DbError> {
    let topics = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, parent_id, name_ja, name_en FROM topics WHERE active = TRUE ORDER BY position, id",
        )
        .fetch_all(conn)
        .await
    })?;
    Ok(topics)
}
