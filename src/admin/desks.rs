//! Desks: names, hours and the rules of their queue.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::desk::calendar::{Hours, HoursError};
use crate::desk::settings::{DeskSettings, LENGTH_MAX};
use crate::desk::words::Inquirer;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{DeskId, PoolId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Millis;
use crate::language::tag::LangTag;
use crate::on_db;
use crate::routing::Channel;

use super::check::{Faults, is_unseen};
use super::{Act, changed_elsewhere, limit_reached, unreadable, value_of};

/// Desks of one pool; one more is refused. An agent can serve all of them.
pub const DESKS_MAX: usize = 64;

/// Characters of a desk's name in addresses; a longer one is refused.
pub const SLUG_MAX: usize = 40;

/// Contacts that a queue may be set to hold; more is refused.
pub const QUEUE_LIMIT_MAX: u32 = 10_000;

/// Places in a list; a larger one is refused.
pub(super) const POSITION_MAX: i64 = 10_000;

/// A desk as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminDesk {
    pub id: DeskId,
    /// Its name in addresses (`/chat?desk=workers`): lower-case letters, digits and hyphens.
    #[schema(example = "workers")]
    pub slug: String,
    pub name_ja: String,
    pub name_en: String,
    /// Its place in lists, from 0; equal places are ordered by their age.
    pub position: i64,
    /// A desk that is not active takes no new contact and is shown to nobody.
    pub active: bool,
    pub hours: Hours,
    pub settings: DeskSettings,
    pub version: i64,
}

/// All desks of the pool, in their order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeskList {
    pub items: Vec<AdminDesk>,
}

/// A desk to be made. It is active at once and stands last.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewDesk {
    pub slug: String,
    pub name_ja: String,
    pub name_en: String,
    pub hours: Hours,
    /// Absent: the defaults.
    #[serde(default)]
    pub settings: DeskSettings,
}

/// What shall become different about a desk; an absent field stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeskChange {
    /// The version that the change was made from.
    #[schema(required = true)]
    pub version: i64,
    pub slug: Option<String>,
    pub name_ja: Option<String>,
    pub name_en: Option<String>,
    pub position: Option<i64>,
    pub active: Option<bool>,
    pub hours: Option<Hours>,
    /// Replaces all settings of the desk.
    pub settings: Option<DeskSettings>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    slug: String,
    name_ja: String,
    name_en: String,
    position: i64,
    active: bool,
    hours: String,
    settings: String,
    version: i64,
}

impl Row {
    fn read(self) -> Result<AdminDesk, DbError> {
        Ok(AdminDesk {
            id: self.id.parse().map_err(unreadable)?,
            slug: self.slug,
            name_ja: self.name_ja,
            name_en: self.name_en,
            position: self.position,
            active: self.active,
            hours: serde_json::from_str(&self.hours).map_err(unreadable)?,
            settings: serde_json::from_str(&self.settings).map_err(unreadable)?,
            version: self.version,
        })
    }
}

/// The desks of a pool in their order.
///
/// # Errors
/// When the store fails or holds what this program cannot have written.
pub async fn list(tx: &mut Tx, pool: PoolId) -> Result<Vec<AdminDesk>, DbError> {
    let rows: Vec<Row> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, slug, name_ja, name_en, position, active, hours, settings, version
             FROM desks WHERE pool_id = $1 ORDER BY position, id",
        )
        .bind(pool.to_string())
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter().map(Row::read).collect()
}

/// Makes a desk.
///
/// # Errors
/// `invalid_input`, `limit_reached`, or the store's failure.
pub async fn create(tx: &mut Tx, act: &Act, id: DeskId, new: NewDesk) -> Result<AdminDesk, Problem> {
    let others = list(tx, act.pool).await?;
    if others.len() >= DESKS_MAX {
        return Err(limit_reached(DESKS_MAX));
    }
    let mut desk = AdminDesk {
        id,
        slug: new.slug,
        name_ja: new.name_ja,
        name_en: new.name_en,
        position: others.iter().map(|d| d.position + 1).max().unwrap_or(0),
        active: true,
        hours: new.hours,
        settings: new.settings,
        version: 1,
    };
    check(&mut desk, &others)?;
    insert(tx, act.pool, &desk).await.map_err(slug_taken)?;
    act.record(tx, "desk.create", ("desk", &id.to_string()), &Value::Null, &value_of(&desk)).await?;
    Ok(desk)
}

/// Changes a desk.
///
/// # Errors
/// `not_found`, `changed_elsewhere` with the desk as it stands, `invalid_input`, or the store's failure.
pub async fn change(tx: &mut Tx, act: &Act, id: DeskId, change: DeskChange) -> Result<AdminDesk, Problem> {
    let others = list(tx, act.pool).await?;
    let before = others.iter().find(|d| d.id == id).cloned().ok_or_else(Problem::not_found)?;
    if before.version != change.version {
        return Err(changed_elsewhere(&before));
    }
    let old = before.clone();
    let mut after = AdminDesk {
        id,
        slug: change.slug.unwrap_or(old.slug),
        name_ja: change.name_ja.unwrap_or(old.name_ja),
        name_en: change.name_en.unwrap_or(old.name_en),
        position: change.position.unwrap_or(old.position),
        active: change.active.unwrap_or(old.active),
        hours: change.hours.unwrap_or(old.hours),
        settings: change.settings.unwrap_or(old.settings),
        version: old.version,
    };
    check(&mut after, &others)?;
    if after == before {
        return Ok(after);
    }
    after.version += 1;
    if !update(tx, before.version, &after).await.map_err(slug_taken)? {
        return Err(changed_elsewhere(&before));
    }
    let object = ("desk", &*id.to_string());
    act.record(tx, "desk.change", object, &value_of(&before), &value_of(&after)).await?;
    Ok(after)
}

async fn insert(tx: &mut Tx, pool: PoolId, desk: &AdminDesk) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO desks (id, pool_id, slug, name_ja, name_en, position, active, hours, settings,
               version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(desk.id.to_string())
        .bind(pool.to_string())
        .bind(&desk.slug)
        .bind(&desk.name_ja)
        .bind(&desk.name_en)
        .bind(desk.position)
        .bind(desk.active)
        .bind(value_of(&desk.hours).to_string())
        .bind(value_of(&desk.settings).to_string())
        .bind(desk.version)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Whether the row still stood at `version`.
async fn update(tx: &mut Tx, version: i64, desk: &AdminDesk) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE desks SET slug = $3, name_ja = $4, name_en = $5, position = $6, active = $7, hours = $8,
               settings = $9, version = $10 WHERE id = $1 AND version = $2",
        )
        .bind(desk.id.to_string())
        .bind(version)
        .bind(&desk.slug)
        .bind(&desk.name_ja)
        .bind(&desk.name_en)
        .bind(desk.position)
        .bind(desk.active)
        .bind(value_of(&desk.hours).to_string())
        .bind(value_of(&desk.settings).to_string())
        .bind(desk.version)
        .execute(conn)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

fn slug_taken(error: DbError) -> Problem {
    if error.is_unique_violation() {
        return Problem::invalid("invalid_input").field("slug", "taken");
    }
    error.into()
}

fn check(desk: &mut AdminDesk, others: &[AdminDesk]) -> Result<(), Problem> {
    let mut faults = Faults::default();
    faults.name("name_ja", &mut desk.name_ja);
    faults.name("name_en", &mut desk.name_en);
    desk.slug = desk.slug.trim().to_owned();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    faults.demand(desk.slug.len() <= SLUG_MAX, "slug", "too_long");
    faults.demand(desk.slug.chars().all(plain) && !desk.slug.starts_with('-'), "slug", "invalid");
    faults.demand(!desk.slug.is_empty(), "slug", "required");
    faults.demand((0..=POSITION_MAX).contains(&desk.position), "position", "out_of_range");
    if let Err(error) = desk.hours.check() {
        faults.refuse("hours", hours_code(error));
    }
    faults.take("settings.", desk.settings.check());
    check_words(&mut faults, &mut desk.settings);
    check_routing(&mut faults, desk, others);
    faults.result()
}

/// The code of what is wrong about hours.
pub(super) const fn hours_code(error: HoursError) -> &'static str {
    match error {
        HoursError::Days => "seven_days",
        HoursError::TooMany => "too_many",
        HoursError::Span => "bad_span",
        HoursError::Order => "overlap",
    }
}

/// What the settings name must exist: languages, kinds of inquirers, channels once each.
fn check_words(faults: &mut Faults, settings: &mut DeskSettings) {
    let mut seen = BTreeSet::new();
    settings.channels.retain(|channel| seen.insert(*channel));
    let mut languages = Vec::new();
    for tag in &settings.languages {
        match tag.parse::<LangTag>() {
            Ok(tag) if languages.contains(&tag.to_string()) => {}
            Ok(tag) => languages.push(tag.to_string()),
            Err(_) => faults.refuse("settings.languages", "invalid"),
        }
    }
    settings.languages = languages;
    let known = settings.priorities.keys().all(|word| word.parse::<Inquirer>().is_ok());
    faults.demand(known, "settings.priorities", "invalid");
    for (key, texts) in &settings.texts {
        let named = (1..=SLUG_MAX).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && texts.keys().all(|tag| tag.parse::<LangTag>().is_ok());
        let seen = !texts.values().any(|text| text.chars().any(|c| c != '\n' && is_unseen(c)));
        faults.demand(named && seen, "settings.texts", "invalid");
    }
}

fn check_routing(faults: &mut Faults, desk: &mut AdminDesk, others: &[AdminDesk]) {
    let routing = &mut desk.settings.routing;
    let id = desk.id;
    let mut seen = BTreeSet::new();
    routing.partner_desks.retain(|partner| seen.insert(*partner));
    let exists = |partner: &DeskId| *partner != id && others.iter().any(|d| d.id == *partner);
    faults.demand(routing.partner_desks.iter().all(exists), "settings.routing.partner_desks", "unknown");
    let queue = (1..=QUEUE_LIMIT_MAX).contains(&routing.queue_limit);
    faults.demand(queue, "settings.routing.queue_limit", "out_of_range");
    let least = Millis::from_secs(1);
    let handling = Channel::ALL.map(|channel| routing.expected_handling.of(channel));
    let sane = handling.iter().all(|length| (least..=LENGTH_MAX).contains(length));
    faults.demand(sane, "settings.routing.expected_handling", "out_of_range");
    let negative =
        [routing.translation_after, routing.partner_after].into_iter().flatten().any(|d| d < Millis::ZERO);
    faults.demand(!negative, "settings.routing.translation_after", "out_of_range");
}
