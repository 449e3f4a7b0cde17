//! The audit trail, for reading. Reading it is itself written down.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::fold;
use crate::kernel::problem::Problem;
use crate::kernel::time::{Millis, Timestamp};
use crate::on_db;
use crate::security::{Identity, audit};

use super::check::{Faults, page_size};

/// Rows of one page, when none is named and at most.
const PAGE_USUAL: i64 = 50;
const PAGE_MAX: i64 = 200;

/// Somebody who turns the pages of the trail is written down once in this time.
pub const READING_PERIOD: Millis = Millis::from_mins(1);

/// What reading the trail is called in the trail.
const READ: &str = "audit.read";

/// One act of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrailEntry {
    /// Its number, from 1 without gaps.
    pub seq: i64,
    pub id: String,
    pub at: Timestamp,
    /// Account id; `system`; empty for somebody who did not prove who they are.
    pub actor: String,
    /// The name behind `actor` now; absent when it is no account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// The role at that moment; may be empty.
    pub role: String,
    /// `noun.verb`.
    #[schema(example = "account.change")]
    pub action: String,
    pub object_kind: String,
    pub object_id: String,
    /// What changed, as `path → {from, to}`, or other values of the act; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub detail: Option<serde_json::Value>,
    /// SHA-256 over this row and the hash of the row before it, in hexadecimal.
    pub hash: String,
}

/// A page of the trail, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TrailPage {
    pub items: Vec<TrailEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which acts are asked for.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct TrailQuery {
    /// An account id, or `system`.
    pub actor: Option<String>,
    /// A whole action (`account.change`) or a noun (`account`).
    pub action: Option<String>,
    pub object_kind: Option<String>,
    pub object_id: Option<String>,
    /// First day, `YYYY-MM-DD`.
    pub from: Option<String>,
    /// Last day, included.
    pub to: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 200; absent: 50.
    pub limit: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    id: String,
    at: i64,
    actor: String,
    actor_name: Option<String>,
    role: String,
    action: String,
    object_kind: String,
    object_id: String,
    detail: String,
    hash: String,
}

impl From<Row> for TrailEntry {
    fn from(row: Row) -> Self {
        Self {
            seq: row.seq,
            id: row.id,
            at: Timestamp(row.at),
            actor: row.actor,
            actor_name: row.actor_name,
            role: row.role,
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            detail: serde_json::from_str(&row.detail).ok(),
            hash: row.hash,
        }
    }
}

/// What is asked for, checked.
struct Wanted {
    before: i64,
    from: i64,
    until: i64,
    limit: i64,
    actor: String,
    kind: String,
    id: String,
    action: String,
    noun: String,
}

impl Wanted {
    fn of(query: &TrailQuery, zone: &TimeZone) -> Result<Self, Problem> {
        let mut faults = Faults::default();
        let mut midnight = |field: &str, text: &Option<String>, ahead: i64, absent: i64| {
            let Some(text) = text else { return absent };
            let at = text.parse::<Date>().ok().and_then(|day| start_of(day, ahead, zone));
            at.unwrap_or_else(|| {
                faults.refuse(field, "invalid");
                absent
            })
        };
        let from = midnight("from", &query.from, 0, i64::MIN);
        let until = midnight("to", &query.to, 1, i64::MAX);
        let before = query.cursor.as_ref().map_or(Some(i64::MAX), |text| text.parse().ok());
        faults.demand(before.is_some(), "cursor", "invalid");
        faults.result()?;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let action = text(&query.action);
        Ok(Self {
            before: before.unwrap_or(i64::MAX),
            from,
            until,
            limit: page_size(query.limit, PAGE_USUAL, PAGE_MAX),
            actor: text(&query.actor),
            kind: text(&query.object_kind),
            id: text(&query.object_id),
            noun: if action.contains('.') {
                String::new()
            } else {
                fold::prefix_pattern(&format!("{action}."))
            },
            action,
        })
    }
}

/// Midnight at the start of `day`, or of the day after it when `ahead` is 1.
fn start_of(day: Date, ahead: i64, zone: &TimeZone) -> Option<i64> {
    let day = if ahead == 0 { day } else { day.tomorrow().ok()? };
    Some(day.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond())
}

/// The text of the search, with the condition that an index answers in the middle.
macro_rules! trail_sql {
    ($found_by:literal) => {
        concat!(
            "SELECT a.seq, a.id, a.at, a.actor, p.name AS actor_name, a.role, a.action, a.object_kind,
               a.object_id, a.detail, a.hash
             FROM audit a LEFT JOIN accounts p ON p.id = a.actor
             WHERE ",
            $found_by,
            " AND a.seq < $1 AND a.at >= $2 AND a.at < $3
               AND ($4 = '' OR a.actor = $4) AND ($5 = '' OR a.object_kind = $5)
               AND ($6 = '' OR a.object_id = $6)
               AND ($7 = '' OR a.action = $7 OR ($8 <> '' AND a.action LIKE $8 ESCAPE '!'))
             ORDER BY a.seq DESC LIMIT $9"
        )
    };
}

/// A page of the trail, newest first.
///
/// # Errors
/// `invalid_input` for a day or cursor that is none, or the store's failure.
pub async fn page(tx: &mut Tx, query: &TrailQuery, zone: &TimeZone) -> Result<TrailPage, Problem> {
    let wanted = Wanted::of(query, zone)?;
    let text = if !wanted.kind.is_empty() && !wanted.id.is_empty() {
        trail_sql!("a.object_kind = $5 AND a.object_id = $6")
    } else if wanted.actor.is_empty() {
        trail_sql!("a.seq > 0")
    } else {
        trail_sql!("a.actor = $4")
    };
    let mut rows: Vec<Row> = on_db!(tx, |conn| {
        sqlx::query_as(text)
            .bind(wanted.before)
            .bind(wanted.from)
            .bind(wanted.until)
            .bind(&wanted.actor)
            .bind(&wanted.kind)
            .bind(&wanted.id)
            .bind(&wanted.action)
            .bind(&wanted.noun)
            .bind(wanted.limit + 1)
            .fetch_all(conn)
            .await
    })?;
    let size = usize::try_from(wanted.limit).unwrap_or(1);
    let more = rows.len() > size;
    rows.truncate(size);
    let next_cursor = rows.last().filter(|_| more).map(|row| row.seq.to_string());
    Ok(TrailPage { items: rows.into_iter().map(TrailEntry::from).collect(), next_cursor })
}

/// Whether `person` was written down as a reader within [`READING_PERIOD`].
///
/// # Errors
/// When the store fails.
pub async fn is_noted(tx: &mut Tx, person: &Identity, now: Timestamp) -> Result<bool, DbError> {
    let last: Option<i64> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT MAX(at) FROM audit WHERE actor = $1 AND action = $2")
            .bind(person.account.to_string())
            .bind(READ)
            .fetch_one(conn)
            .await
    })?;
    Ok(last.is_some_and(|at| now.since(Timestamp(at)) < READING_PERIOD))
}

/// Writes down that `person` reads the trail.
///
/// # Errors
/// When the store fails.
pub async fn note(tx: &mut Tx, person: &Identity, now: Timestamp) -> Result<(), DbError> {
    audit::record(tx, now, audit::Entry::of(person, READ, "audit", "")).await.map(drop)
}
