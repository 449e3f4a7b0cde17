//! The list of tickets: filters, search, order and paging.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use utoipa::IntoParams;

use crate::desk::ports::Reader;
use crate::desk::words::{Inquirer, word_of};
use crate::kernel::db::{DbError, Tx};
use crate::kernel::fold;
use crate::kernel::ids::{AccountId, DeskId, PoolId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::language::LangTag;
use crate::on_db;

use super::content::{is_overdue, read, topics_of, word};
use super::{Outcome, SUMMARY_START_MAX, Status, TicketPage, TicketRow, Urgency};

/// Tickets of one page; a larger `limit` is taken for this one.
pub const LIST_MAX: i64 = 100;
/// Tickets of a page when no `limit` is given.
pub const LIST_DEFAULT: i64 = 50;
/// Tickets that are counted; with more, `total` is this and `total_capped` is true.
pub const TOTAL_MAX: i64 = 1_000;
/// Characters of a search; a longer one is refused.
pub const SEARCH_MAX: usize = 200;

/// What to list. Filters that are absent or empty let everything through; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// A desk's id.
    pub desk: Option<String>,
    /// One or several of `open`, `waiting`, `closed`, joined by commas.
    pub status: Option<String>,
    /// `me`, `none` or an account's id.
    pub owner: Option<String>,
    /// An id of a topic; topics below it count too.
    pub topic: Option<String>,
    /// BCP 47.
    pub language: Option<String>,
    pub inquirer: Option<String>,
    /// How it ended; `none` for not yet.
    pub result: Option<String>,
    pub urgency: Option<String>,
    pub overdue: Option<bool>,
    pub reply_waiting: Option<bool>,
    /// Made on this day or later, `YYYY-MM-DD` in the installation's zone.
    pub from: Option<String>,
    /// Made on this day or earlier.
    pub to: Option<String>,
    /// Words that must all be found in number, names, organisation, address, summary or answer.
    pub q: Option<String>,
    /// `created` (default), `updated` or `due`.
    pub sort: Option<String>,
    /// `desc` or `asc`; by default newest first, and the earliest due day first.
    pub order: Option<String>,
    /// From the page before.
    pub cursor: Option<String>,
    /// 1 to 100, 50 by default.
    pub limit: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Created,
    Updated,
    Due,
}

impl Sort {
    /// What is compared. The index of each order is made on the same expression.
    const fn key(self) -> &'static str {
        match self {
            Self::Created => "created_at",
            Self::Updated => "updated_at",
            Self::Due => "COALESCE(due_on, '9999-12-31')",
        }
    }

    const fn letter(self, descending: bool) -> char {
        match (self, descending) {
            (Self::Created, true) => 'C',
            (Self::Created, false) => 'c',
            (Self::Updated, true) => 'U',
            (Self::Updated, false) => 'u',
            (Self::Due, true) => 'D',
            (Self::Due, false) => 'd',
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    Number(i64),
    Truth(bool),
}

/// A condition of SQL that grows; every value goes in as a bound one.
#[derive(Debug, Default)]
struct Filter {
    sql: String,
    values: Vec<Value>,
}

impl Filter {
    /// Adds a condition; each `?` in it stands for the next of `values`.
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        let mut values = values.into_iter();
        for piece in condition.split_inclusive('?') {
            match piece.strip_suffix('?').zip(values.next()) {
                Some((piece, value)) => {
                    self.values.push(value);
                    let _ = write!(self.sql, "{piece}${}", self.values.len());
                }
                None => self.sql.push_str(piece),
            }
        }
    }

    fn text(&mut self, condition: &str, value: &str) {
        self.and(condition, [Value::Text(value.to_owned())]);
    }
}

macro_rules! bound {
    ($query:expr, $values:expr) => {
        $values.iter().fold($query, |query, value| match value {
            Value::Text(text) => query.bind(text.clone()),
            Value::Number(number) => query.bind(*number),
            Value::Truth(truth) => query.bind(*truth),
        })
    };
}

/// A page of the tickets of `pool` that `reader` asked for.
///
/// Rows keep their place while others are added: the cursor names the last row, not a count.
///
/// # Errors
/// `invalid_input` with the parameters at fault, or the store's failure.
pub async fn list(
    tx: &mut Tx,
    pool: PoolId,
    reader: Reader,
    zone: &TimeZone,
    today: Date,
    query: &ListQuery,
) -> Result<TicketPage, Problem> {
    let (sort, descending) = order_of(query)?;
    let mut filter = Filter::default();
    filter.text("pool_id = ?", &pool.to_string());
    filter_by_words(&mut filter, reader, query)?;
    filter_by_days(&mut filter, zone, today, query)?;
    filter_by_search(&mut filter, reader, query)?;
    let counted = (filter.sql.clone(), filter.values.len());
    if let Some(cursor) = query.cursor.as_deref().filter(|c| !c.is_empty()) {
        let (key, id) = read_cursor(cursor, sort, descending)?;
        let than = if descending { '<' } else { '>' };
        filter.and(&format!("({}, id) {than} (?, ?)", sort.key()), [key, Value::Text(id)]);
    }
    let limit = query.limit.unwrap_or(LIST_DEFAULT).clamp(1, LIST_MAX);
    let mut rows = rows(tx, &filter, sort, descending, limit).await?;
    let more = i64::try_from(rows.len()).is_ok_and(|n| n > limit);
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let whole = query.cursor.is_none() && !more;
    let total = match i64::try_from(rows.len()) {
        Ok(count) if whole => count,
        _ => count(tx, &counted.0, &filter.values[..counted.1]).await?,
    };
    let next_cursor =
        rows.last().filter(|_| more).map(|last| write_cursor(sort, descending, &last.sort_key, &last.id));
    let items = present_rows(tx, reader, today, rows).await?;
    Ok(TicketPage { items, next_cursor, total: total.min(TOTAL_MAX), total_capped: total > TOTAL_MAX })
}

fn refused(parameter: &'static str, code: &'static str) -> Problem {
    Problem::invalid("invalid_input").field(parameter, code)
}

fn given(parameter: Option<&String>) -> Option<&str> {
    parameter.map(String::as_str).filter(|text| !text.is_empty())
}

fn order_of(query: &ListQuery) -> Result<(Sort, bool), Problem> {
    let sort = match given(query.sort.as_ref()) {
        None | Some("created") => Sort::Created,
        Some("updated") => Sort::Updated,
        Some("due") => Sort::Due,
        Some(_) => return Err(refused("sort", "unknown")),
    };
    match given(query.order.as_ref()) {
        None => Ok((sort, sort != Sort::Due)),
        Some("desc") => Ok((sort, true)),
        Some("asc") => Ok((sort, false)),
        Some(_) => Err(refused("order", "unknown")),
    }
}

fn filter_by_words(filter: &mut Filter, reader: Reader, query: &ListQuery) -> Result<(), Problem> {
    if let Some(desk) = given(query.desk.as_ref()) {
        let desk: DeskId = desk.parse().map_err(|_| refused("desk", "unknown"))?;
        filter.text("desk_id = ?", &desk.to_string());
    }
    if let Some(list) = given(query.status.as_ref()) {
        let words: Vec<&str> = list.split(',').collect();
        if words.len() > 3 || words.iter().any(|status| word_of::<Status>(status).is_err()) {
            return Err(refused("status", "unknown"));
        }
        let places = vec!["?"; words.len()].join(", ");
        let values = words.into_iter().map(|status| Value::Text(status.to_owned()));
        filter.and(&format!("status IN ({places})"), values);
    }
    match given(query.owner.as_ref()) {
        None => {}
        Some("me") => filter.text("owner_id = ?", &reader.account.to_string()),
        Some("none") => filter.and("owner_id IS NULL", []),
        Some(owner) => {
            let owner: AccountId = owner.parse().map_err(|_| refused("owner", "unknown"))?;
            filter.text("owner_id = ?", &owner.to_string());
        }
    }
    if let Some(topic) = given(query.topic.as_ref()) {
        let topic = rules_text(topic, "topic")?;
        filter.and(
            "EXISTS (SELECT 1 FROM ticket_topics x JOIN topics t ON t.id = x.topic_id
               WHERE x.ticket_id = tickets.id AND (t.id = ? OR t.parent_id = ?))",
            [Value::Text(topic.clone()), Value::Text(topic)],
        );
    }
    if let Some(language) = given(query.language.as_ref()) {
        let tag: LangTag = language.parse().map_err(|_| refused("language", "unknown"))?;
        filter.text("language = ?", tag.as_str());
    }
    if let Some(inquirer) = given(query.inquirer.as_ref()) {
        let word: Inquirer = inquirer.parse().map_err(|_| refused("inquirer", "unknown"))?;
        filter.text("inquirer = ?", word.as_str());
    }
    if let Some(result) = given(query.result.as_ref()) {
        let stored = if result == "none" { "" } else { result };
        word_of::<Outcome>(stored).map_err(|_| refused("result", "unknown"))?;
        filter.text("result = ?", stored);
    }
    if let Some(urgency) = given(query.urgency.as_ref()) {
        word_of::<Urgency>(urgency).map_err(|_| refused("urgency", "unknown"))?;
        filter.text("urgency = ?", urgency);
    }
    if let Some(waiting) = query.reply_waiting {
        filter.and("reply_waiting = ?", [Value::Truth(waiting)]);
    }
    Ok(())
}

fn rules_text(sent: &str, parameter: &'static str) -> Result<String, Problem> {
    super::rules::text(sent, SEARCH_MAX, false).map_err(|code| refused(parameter, code))
}

fn filter_by_days(
    filter: &mut Filter,
    zone: &TimeZone,
    today: Date,
    query: &ListQuery,
) -> Result<(), Problem> {
    let day = |parameter: Option<&String>, name| match given(parameter) {
        Some(text) => text.parse::<Date>().map(Some).map_err(|_| refused(name, "day")),
        None => Ok(None),
    };
    if let Some(from) = day(query.from.as_ref(), "from")? {
        filter.and("created_at >= ?", [Value::Number(start_of(zone, from))]);
    }
    if let Some(to) = day(query.to.as_ref(), "to")? {
        let next = to.tomorrow().unwrap_or(to);
        filter.and("created_at < ?", [Value::Number(start_of(zone, next))]);
    }
    if let Some(overdue) = query.overdue {
        let late = "COALESCE(due_on, '9999-12-31') < ? AND status <> 'closed'";
        let condition = if overdue { format!("({late})") } else { format!("NOT ({late})") };
        filter.text(&condition, &today.to_string());
    }
    Ok(())
}

/// The first moment of `day`.
fn start_of(zone: &TimeZone, day: Date) -> i64 {
    day.to_zoned(zone.clone()).map_or(0, |start| start.timestamp().as_millisecond())
}

/// Every word must be found. What a reader may not see is not searched for her either: of a colleague's
/// sensitive ticket only the number is known.
fn filter_by_search(filter: &mut Filter, reader: Reader, query: &ListQuery) -> Result<(), Problem> {
    let Some(q) = given(query.q.as_ref()) else { return Ok(()) };
    if q.chars().count() > SEARCH_MAX {
        return Err(refused("q", "too_long"));
    }
    for term in fold::terms(q) {
        let pattern = Value::Text(fold::contains_pattern(&term));
        if reader.supervisor {
            filter.and("folded LIKE ? ESCAPE '!'", [pattern]);
        } else {
            filter.and(
                "(CASE WHEN sensitive AND COALESCE(owner_id, '') <> ? THEN LOWER(number) ELSE folded END)
                   LIKE ? ESCAPE '!'",
                [Value::Text(reader.account.to_string()), pattern],
            );
        }
    }
    Ok(())
}

fn write_cursor(sort: Sort, descending: bool, key: &str, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}{key} {id}", sort.letter(descending)))
}

/// The place a cursor names; one of another order names none.
fn read_cursor(cursor: &str, sort: Sort, descending: bool) -> Result<(Value, String), Problem> {
    let parse = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (key, id) = text.strip_prefix(sort.letter(descending))?.split_once(' ')?;
        let id: crate::kernel::ids::TicketId = id.parse().ok()?;
        let key = match sort {
            Sort::Created | Sort::Updated => Value::Number(key.parse().ok()?),
            Sort::Due => Value::Text(key.parse::<Date>().ok()?.to_string()),
        };
        Some((key, id.to_string()))
    };
    parse().ok_or_else(|| refused("cursor", "invalid"))
}

/// A row of the table as far as a list shows it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct ListedRow {
    pub id: String,
    number: String,
    version: i64,
    desk_id: String,
    channel: String,
    status: String,
    inquirer: String,
    inquirer_name: String,
    organisation: String,
    language: String,
    summary: String,
    result: String,
    urgency: String,
    sensitive: bool,
    due_on: Option<String>,
    owner_id: Option<String>,
    reply_waiting: bool,
    created_at: i64,
    updated_at: i64,
    closed_at: Option<i64>,
    /// What the list is ordered by.
    pub sort_key: String,
}

/// The columns of [`ListedRow`] but for its `sort_key`.
pub(super) fn listed_columns() -> String {
    format!(
        "id, number, version, desk_id, channel, status, inquirer, inquirer_name, organisation, language, \
         SUBSTR(summary, 1, {SUMMARY_START_MAX}) AS summary, result, urgency, sensitive, due_on, owner_id, \
         reply_waiting, created_at, updated_at, closed_at"
    )
}

async fn rows(
    tx: &mut Tx,
    filter: &Filter,
    sort: Sort,
    descending: bool,
    limit: i64,
) -> Result<Vec<ListedRow>, DbError> {
    let (key, direction) = (sort.key(), if descending { "DESC" } else { "ASC" });
    let sql = format!(
        "SELECT {}, CAST({key} AS TEXT) AS sort_key FROM tickets WHERE {}
         ORDER BY {key} {direction}, id {direction} LIMIT {}",
        listed_columns(),
        filter.sql,
        limit + 1
    );
    let found = on_db!(tx, |conn| {
        bound!(sqlx::query_as(AssertSqlSafe(sql)), filter.values).fetch_all(conn).await
    })?;
    Ok(found)
}

/// How many there are, counted up to one more than [`TOTAL_MAX`].
async fn count(tx: &mut Tx, condition: &str, values: &[Value]) -> Result<i64, DbError> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT id FROM tickets WHERE {condition} LIMIT {}) counted",
        TOTAL_MAX + 1
    );
    let total =
        on_db!(tx, |conn| { bound!(sqlx::query_scalar(AssertSqlSafe(sql)), values).fetch_one(conn).await })?;
    Ok(total)
}

/// The rows as `reader` may see them.
pub(super) async fn present_rows(
    tx: &mut Tx,
    reader: Reader,
    today: Date,
    rows: Vec<ListedRow>,
) -> Result<Vec<TicketRow>, DbError> {
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let mut topics = topics_of(tx, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let topics = topics.remove(&row.id).unwrap_or_default();
            present_row(reader, today, row, topics)
        })
        .collect()
}

fn present_row(
    reader: Reader,
    today: Date,
    row: ListedRow,
    topics: Vec<String>,
) -> Result<TicketRow, DbError> {
    let owner = row.owner_id.as_deref().map(read::<AccountId>).transpose()?;
    let restricted = row.sensitive && !reader.supervisor && owner != Some(reader.account);
    let shown = |text: String| if restricted { String::new() } else { text };
    Ok(TicketRow {
        id: read(&row.id)?,
        number: row.number,
        version: row.version,
        desk: read(&row.desk_id)?,
        channel: row.channel,
        overdue: is_overdue(row.due_on.as_deref(), &row.status, today),
        status: word(&row.status)?,
        inquirer: row.inquirer,
        inquirer_name: shown(row.inquirer_name),
        organisation: shown(row.organisation),
        language: row.language,
        topics,
        summary: shown(row.summary),
        result: word(&row.result)?,
        urgency: word(&row.urgency)?,
        sensitive: row.sensitive,
        restricted,
        due_on: row.due_on,
        owner,
        reply_waiting: row.reply_waiting,
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
        closed_at: row.closed_at.map(Timestamp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_number_their_values() {
        let mut filter = Filter::default();
        filter.text("a = ?", "x");
        filter.and("b IS NULL", []);
        filter.and("(c, d) < (?, ?)", [Value::Number(1), Value::Truth(true)]);
        assert_eq!(filter.sql, "a = $1 AND b IS NULL AND (c, d) < ($2, $3)");
        assert_eq!(filter.values.len(), 3);
    }

    #[test]
    fn a_cursor_names_a_place_in_its_own_order_only() {
        let id = "tkt_00000000000000000000000001";
        let cursor = write_cursor(Sort::Created, true, "17", id);
        assert_eq!(read_cursor(&cursor, Sort::Created, true), Ok((Value::Number(17), id.to_owned())));
        let due = write_cursor(Sort::Due, false, "2026-11-30", id);
        assert!(read_cursor(&due, Sort::Due, false).is_ok());
        for (cursor, sort, descending) in [
            (cursor.as_str(), Sort::Created, false),
            (cursor.as_str(), Sort::Updated, true),
            (due.as_str(), Sort::Created, true),
            ("", Sort::Created, true),
            ("%%%", Sort::Created, true),
            (&URL_SAFE_NO_PAD.encode("C1 tkt_x' OR 1=1"), Sort::Created, true),
            (&URL_SAFE_NO_PAD.encode([0xff, 0xfe]), Sort::Created, true),
        ] {
            assert_eq!(read_cursor(cursor, sort, descending).unwrap_err().fields["cursor"], "invalid");
        }
    }
}
