//! Days that override the week and the law, and the law's own days for a year.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::desk::calendar::{self, DAY_MIN, DayKind, Span};
use crate::desk::words::{text_of, word_of};
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::DeskId;
use crate::kernel::problem::Problem;
use crate::on_db;

use super::check::Faults;
use super::{Act, changed_elsewhere, desks, limit_reached, unreadable, value_of};

/// Years for which the law's days are known: since the present form of the law, until the equinoxes' formula
/// ends. Other years are refused.
pub const YEARS: std::ops::RangeInclusive<i16> = 2022..=2099;

/// Overrides of one day: one for all desks and one for each. More are refused.
pub const PER_DAY_MAX: usize = desks::DESKS_MAX + 1;

/// A day on which other hours hold, for all desks or for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayOverride {
    #[schema(example = "2026-11-24")]
    pub day: String,
    /// Absent: for all desks. A desk's own row wins over the row for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<DeskId>,
    pub kind: DayKind,
    /// Why, as colleagues see it; may be empty.
    pub name: String,
    /// The hours; for the kind `hours` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// When putting: the version that the change was made from, 0 for a day that has no row yet.
    #[serde(default)]
    pub version: i64,
}

/// Which year is asked for.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct YearQuery {
    /// 2022 to 2099.
    pub year: i16,
}

/// Which override shall go.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhichDay {
    pub day: String,
    /// Absent: the row for all desks.
    pub desk: Option<DeskId>,
    /// The version that it was seen at.
    pub version: i64,
}

/// The overrides of a year, in order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DayList {
    pub items: Vec<DayOverride>,
}

/// Why a day is closed by law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LawKind {
    /// A national holiday, a substitute holiday or a citizens' holiday.
    Holiday,
    /// 29 December to 3 January.
    YearEnd,
}

/// A day on which offices of the state rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LawDay {
    #[schema(example = "2026-05-06")]
    pub day: String,
    pub kind: LawKind,
    /// The law's own word, e.g. 振替休日.
    pub name_ja: String,
    pub name_en: String,
}

/// The days of a year that are closed by law, in order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LawDayList {
    pub items: Vec<LawDay>,
}

#[derive(sqlx::FromRow)]
struct Row {
    day: String,
    desk_id: String,
    kind: String,
    name: String,
    opens_min: Option<i64>,
    closes_min: Option<i64>,
    version: i64,
}

impl Row {
    fn read(self) -> Result<DayOverride, DbError> {
        let minute = |min: i64| i16::try_from(min).map_err(unreadable);
        let span = match (self.opens_min, self.closes_min) {
            (Some(from), Some(to)) => Some(Span { from_min: minute(from)?, to_min: minute(to)? }),
            _ => None,
        };
        let desk =
            (!self.desk_id.is_empty()).then(|| self.desk_id.parse()).transpose().map_err(unreadable)?;
        Ok(DayOverride {
            day: self.day,
            desk,
            kind: word_of(&self.kind).map_err(unreadable)?,
            name: self.name,
            span,
            version: self.version,
        })
    }
}

/// The overrides of a year, in order: for each day the row for all desks first.
///
/// # Errors
/// When the store fails or holds what this program cannot have written.
pub async fn list(tx: &mut Tx, year: i16) -> Result<Vec<DayOverride>, DbError> {
    let rows: Vec<Row> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT day, desk_id, kind, name, opens_min, closes_min, version FROM day_overrides
             WHERE day >= $1 AND day <= $2 ORDER BY day, desk_id",
        )
        .bind(format!("{year:04}-01-01"))
        .bind(format!("{year:04}-12-31"))
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter().map(Row::read).collect()
}

/// The days of `year` on which offices of the state rest, in order.
#[must_use]
pub fn by_law(year: i16) -> Vec<LawDay> {
    let mut days: Vec<LawDay> = calendar::holidays_of(year)
        .into_iter()
        .map(|h| law_day(h.day, LawKind::Holiday, h.name_ja, h.name_en))
        .collect();
    for (month, day) in [(1, 1), (1, 2), (1, 3), (12, 29), (12, 30), (12, 31)] {
        let Ok(day) = Date::new(year, month, day) else { continue };
        if calendar::holiday_on(day).is_none() {
            days.push(law_day(day, LawKind::YearEnd, "年末年始", "Year-end and New Year closing"));
        }
    }
    days.sort_by(|a, b| a.day.cmp(&b.day));
    days
}

fn law_day(day: Date, kind: LawKind, name_ja: &str, name_en: &str) -> LawDay {
    LawDay { day: day.to_string(), kind, name_ja: name_ja.to_owned(), name_en: name_en.to_owned() }
}

/// Refuses a year for which the law's days cannot be told.
///
/// # Errors
/// 400 `invalid_input`.
pub fn check_year(year: i16) -> Result<(), Problem> {
    if YEARS.contains(&year) {
        return Ok(());
    }
    Err(Problem::invalid("invalid_input").field("year", "out_of_range"))
}

/// Sets a day for all desks or for one.
///
/// # Errors
/// `invalid_input`, `changed_elsewhere` with the row as it stands, `limit_reached`, or the store's failure.
pub async fn put(tx: &mut Tx, act: &Act, mut wanted: DayOverride) -> Result<DayOverride, Problem> {
    check(tx, act, &mut wanted).await?;
    let before = find(tx, &wanted.day, wanted.desk).await?;
    if before.as_ref().map_or(0, |row| row.version) != wanted.version {
        return Err(changed_elsewhere(&before));
    }
    if before.as_ref() == Some(&wanted) {
        return Ok(wanted);
    }
    if before.is_none() && count(tx, &wanted.day).await? >= PER_DAY_MAX {
        return Err(limit_reached(PER_DAY_MAX));
    }
    let expected = wanted.version;
    wanted.version += 1;
    if !write(tx, expected, &wanted).await? {
        return Err(changed_elsewhere(&before));
    }
    let (before, id) = (before.map_or(Value::Null, |row| value_of(&row)), object_id(&wanted));
    act.record(tx, "day.put", ("day", &id), &before, &value_of(&wanted)).await?;
    Ok(wanted)
}

/// Takes an override away: the week and the law hold again.
///
/// # Errors
/// `not_found`, `changed_elsewhere` with the row as it stands, or the store's failure.
pub async fn delete(tx: &mut Tx, act: &Act, which: &WhichDay) -> Result<(), Problem> {
    let before = find(tx, &which.day, which.desk).await?.ok_or_else(Problem::not_found)?;
    if before.version != which.version || !remove(tx, &before).await? {
        return Err(changed_elsewhere(&before));
    }
    act.record(tx, "day.delete", ("day", &object_id(&before)), &value_of(&before), &Value::Null).await?;
    Ok(())
}

async fn check(tx: &mut Tx, act: &Act, wanted: &mut DayOverride) -> Result<(), Problem> {
    let mut faults = Faults::default();
    // Read and written again: the day is the key, so it has one spelling.
    match wanted.day.parse::<Date>() {
        Ok(day) if YEARS.contains(&day.year()) && day.to_string() == wanted.day => {}
        Ok(_) => faults.refuse("day", "out_of_range"),
        Err(_) => faults.refuse("day", "invalid"),
    }
    faults.line("name", &mut wanted.name);
    match (wanted.kind, wanted.span) {
        (DayKind::Hours, None) => faults.refuse("span", "required"),
        (DayKind::Hours, Some(Span { from_min, to_min })) => {
            let sane = (0..to_min).contains(&from_min) && to_min <= DAY_MIN;
            faults.demand(sane, "span", "bad_span");
        }
        (DayKind::Closed | DayKind::Open, _) => wanted.span = None,
    }
    if let Some(desk) = wanted.desk {
        let known = desks::list(tx, act.pool).await?.iter().any(|d| d.id == desk);
        faults.demand(known, "desk", "unknown");
    }
    faults.result()
}

/// What the trail calls a row: `2026-11-24` or `2026-11-24/dsk_…`.
fn object_id(row: &DayOverride) -> String {
    row.desk.map_or_else(|| row.day.clone(), |desk| format!("{}/{desk}", row.day))
}

/// How the key names the desk: empty for all desks.
fn desk_key(desk: Option<DeskId>) -> String {
    desk.map(|desk| desk.to_string()).unwrap_or_default()
}

async fn find(tx: &mut Tx, day: &str, desk: Option<DeskId>) -> Result<Option<DayOverride>, DbError> {
    let row: Option<Row> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT day, desk_id, kind, name, opens_min, closes_min, version FROM day_overrides
             WHERE day = $1 AND desk_id = $2",
        )
        .bind(day)
        .bind(desk_key(desk))
        .fetch_optional(conn)
        .await
    })?;
    row.map(Row::read).transpose()
}

async fn count(tx: &mut Tx, day: &str) -> Result<usize, DbError> {
    let n: i64 = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT COUNT(*) FROM day_overrides WHERE day = $1")
            .bind(day)
            .fetch_one(conn)
            .await
    })?;
    Ok(usize::try_from(n).unwrap_or(usize::MAX))
}

/// Whether the row still stood at version `expected`, 0 meaning that there is none.
async fn write(tx: &mut Tx, expected: i64, row: &DayOverride) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO day_overrides (day, desk_id, kind, name, opens_min, closes_min, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (day, desk_id) DO UPDATE SET kind = excluded.kind, name = excluded.name,
               opens_min = excluded.opens_min, closes_min = excluded.closes_min, version = excluded.version
             WHERE day_overrides.version = $8",
        )
        .bind(&row.day)
        .bind(desk_key(row.desk))
        .bind(text_of(row.kind))
        .bind(&row.name)
        .bind(row.span.map(|span| i64::from(span.from_min)))
        .bind(row.span.map(|span| i64::from(span.to_min)))
        .bind(row.version)
        .bind(expected)
        .execute(conn)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

async fn remove(tx: &mut Tx, row: &DayOverride) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query("DELETE FROM day_overrides WHERE day = $1 AND desk_id = $2 AND version = $3")
            .bind(&row.day)
            .bind(desk_key(row.desk))
            .bind(row.version)
            .execute(conn)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_law_s_days_of_a_year_are_in_order_and_whole() {
        let days = by_law(2026);
        // 18 holidays; of the six days around the turn of the year, New Year's Day is one of them.
        assert_eq!(days.len(), 18 + 5);
        assert!(days.windows(2).all(|pair| pair[0].day < pair[1].day));
        let name = |day: &str| days.iter().find(|d| d.day == day).map(|d| (d.kind, d.name_ja.as_str()));
        assert_eq!(name("2026-01-01"), Some((LawKind::Holiday, "元日")));
        assert_eq!(name("2026-01-02"), Some((LawKind::YearEnd, "年末年始")));
        assert_eq!(name("2026-05-06"), Some((LawKind::Holiday, "振替休日")));
        assert_eq!(name("2026-09-22"), Some((LawKind::Holiday, "国民の休日")));
        assert_eq!(name("2026-12-31"), Some((LawKind::YearEnd, "年末年始")));
        assert_eq!(name("2026-12-28"), None);
    }
}
