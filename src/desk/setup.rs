//! What an administrator has set for a pool, read in the form in which the engine takes it.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, DeskId, PoolId};
use crate::kernel::time::Timestamp;
use crate::on_db;
use crate::routing::{AgentSetup, Channel, Skill};

use super::calendar::{Calendar, DayKind, DayRule, Hours, Span};
use super::log::unreadable;
use super::settings::{DeskSettings, PoolSettings};
use super::wishes::{language_wish, topic_wish};
use super::words::{Inquirer, word_of};

/// A pool as set up now. Desks and accounts that are switched off are not in it.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub pool: PoolSettings,
    pub desks: BTreeMap<DeskId, DeskSetup>,
    /// Agents and supervisors: both may take contacts.
    pub agents: BTreeMap<AccountId, AgentSetup>,
}

/// A desk as set up now.
#[derive(Clone, Debug)]
pub(super) struct DeskSetup {
    pub settings: DeskSettings,
    pub calendar: Calendar,
}

impl DeskSetup {
    /// Whether the desk answers this channel.
    pub fn takes(&self, channel: Channel) -> bool {
        self.settings.channels.contains(&channel)
    }

    /// What a contact asks for here.
    pub fn wishes(&self, language: &str, topic: Option<&str>) -> Vec<Skill> {
        let topic = topic.filter(|_| self.settings.route_by_topic).and_then(topic_wish);
        language_wish(language).into_iter().chain(topic).collect()
    }

    /// The priority of a contact from this kind of inquirer, 0 to 9.
    pub fn priority(&self, inquirer: Inquirer) -> u8 {
        self.settings.priorities.get(inquirer.as_str()).copied().unwrap_or_default()
    }
}

impl Setup {
    /// Reads everything anew.
    ///
    /// # Errors
    /// When the store fails, or holds settings that cannot be read.
    pub async fn load(tx: &mut Tx, pool: PoolId, zone: &TimeZone) -> Result<Self, DbError> {
        Ok(Self {
            pool: pool_settings(tx, pool).await?,
            desks: desks(tx, pool, zone).await?,
            agents: agents(tx, pool).await?,
        })
    }

    /// The next moment after `at` at which any desk opens or closes.
    pub fn next_door(&self, at: Timestamp) -> Option<Timestamp> {
        self.desks.values().filter_map(|desk| desk.calendar.next_change(at)).min()
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, DbError> {
    serde_json::from_str(text).map_err(unreadable)
}

/// The settings of a pool.
///
/// # Errors
/// When the pool is unknown, the store fails, or the settings cannot be read.
pub(super) async fn pool_settings(tx: &mut Tx, pool: PoolId) -> Result<PoolSettings, DbError> {
    let text: String = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT settings FROM pools WHERE id = $1")
            .bind(pool.to_string())
            .fetch_one(conn)
            .await
    })?;
    read(&text)
}

/// Every pool of the installation, in order.
///
/// # Errors
/// When the store fails or an id cannot be read.
pub(super) async fn pools(tx: &mut Tx) -> Result<Vec<PoolId>, DbError> {
    let ids: Vec<String> =
        on_db!(tx, |conn| { sqlx::query_scalar("SELECT id FROM pools ORDER BY id").fetch_all(conn).await })?;
    ids.iter().map(|id| id.parse().map_err(unreadable)).collect()
}

async fn desks(tx: &mut Tx, pool: PoolId, zone: &TimeZone) -> Result<BTreeMap<DeskId, DeskSetup>, DbError> {
    let days = day_rules(tx).await?;
    let rows: Vec<(String, String, String)> = on_db!(tx, |conn| {
        sqlx::query_as("SELECT id, hours, settings FROM desks WHERE pool_id = $1 AND active = TRUE")
            .bind(pool.to_string())
            .fetch_all(conn)
            .await
    })?;
    let mut desks = BTreeMap::new();
    for (id, hours, settings) in rows {
        let hours: Hours = read(&hours)?;
        // A desk's own rule wins over the rule for all.
        let mut overrides = days.get("").cloned().unwrap_or_default();
        overrides.extend(days.get(&id).into_iter().flatten().map(|(day, rule)| (*day, rule.clone())));
        let calendar = Calendar::new(zone.clone(), hours, overrides);
        desks.insert(id.parse().map_err(unreadable)?, DeskSetup { settings: read(&settings)?, calendar });
    }
    Ok(desks)
}

#[derive(sqlx::FromRow)]
struct DayRow {
    day: String,
    desk_id: String,
    kind: String,
    opens_min: Option<i64>,
    closes_min: Option<i64>,
}

/// The days that override the week: desk (empty: all desks) → day → rule.
type DayRules = BTreeMap<String, BTreeMap<jiff::civil::Date, DayRule>>;

async fn day_rules(tx: &mut Tx) -> Result<DayRules, DbError> {
    let rows: Vec<DayRow> = on_db!(tx, |conn| {
        sqlx::query_as("SELECT day, desk_id, kind, opens_min, closes_min FROM day_overrides")
            .fetch_all(conn)
            .await
    })?;
    let mut rules = DayRules::new();
    for row in rows {
        let day = row.day.parse().map_err(unreadable)?;
        let kind: DayKind = word_of(&row.kind).map_err(unreadable)?;
        let minute = |min: Option<i64>| min.and_then(|min| i16::try_from(min).ok());
        let span = minute(row.opens_min)
            .zip(minute(row.closes_min))
            .map(|(from_min, to_min)| Span { from_min, to_min });
        rules.entry(row.desk_id).or_default().insert(day, DayRule { kind, span });
    }
    Ok(rules)
}

#[derive(sqlx::FromRow)]
struct AgentRow {
    id: String,
    desks: String,
    skills: String,
    capacity: String,
    translation: bool,
}

async fn agents(tx: &mut Tx, pool: PoolId) -> Result<BTreeMap<AccountId, AgentSetup>, DbError> {
    let rows: Vec<AgentRow> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, desks, skills, capacity, translation FROM accounts
             WHERE pool_id = $1 AND active = TRUE AND role IN ('agent', 'supervisor')",
        )
        .bind(pool.to_string())
        .fetch_all(conn)
        .await
    })?;
    let mut agents = BTreeMap::new();
    for row in rows {
        let agent: AccountId = row.id.parse().map_err(unreadable)?;
        let setup = AgentSetup {
            agent,
            desks: read(&row.desks)?,
            skills: read(&row.skills)?,
            capacity: read(&row.capacity)?,
            translation: row.translation,
        };
        agents.insert(agent, setup);
    }
    Ok(agents)
}
