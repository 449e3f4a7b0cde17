//! The contacts behind a figure of the day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, DeskId, PoolId, TicketId};
use crate::kernel::time::Timestamp;
use crate::on_db;
use crate::routing::{Channel, ContactState, Outcome};

use super::board::Board;
use super::events::Event;
use super::log::unreadable;
use super::words::{Inquirer, word_of};

/// Contacts of one page.
pub const PAGE: usize = 50;

/// What the day's figures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    Arrived,
    Answered,
    AnsweredInTarget,
    Abandoned,
    Diverted,
    Closed,
}

/// Which contacts are asked for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
pub struct DayQuery {
    pub figure: Figure,
    /// Only those of this desk.
    pub desk: Option<DeskId>,
    /// Where the page before ended.
    pub cursor: Option<i64>,
}

/// A contact of the day, open or over: what routes, no names and no words.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DayContact {
    pub id: ContactId,
    pub desk: DeskId,
    pub channel: Channel,
    pub state: ContactState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    pub language: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    pub inquirer: Inquirer,
    pub arrived_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
}

/// A page of them, the latest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DayPage {
    pub items: Vec<DayContact>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    body: String,
    id: String,
    desk_id: String,
    channel: String,
    state: String,
    outcome: Option<String>,
    language: String,
    topic: Option<String>,
    inquirer: String,
    arrived_at: i64,
    accepted_at: Option<i64>,
    closed_at: Option<i64>,
    agent_id: Option<String>,
    ticket_id: Option<String>,
}

impl Row {
    fn read(self) -> Result<DayContact, DbError> {
        Ok(DayContact {
            id: self.id.parse().map_err(unreadable)?,
            desk: self.desk_id.parse().map_err(unreadable)?,
            channel: word_of(&self.channel).map_err(unreadable)?,
            state: word_of(&self.state).map_err(unreadable)?,
            outcome: self.outcome.as_deref().map(word_of).transpose().map_err(unreadable)?,
            language: self.language,
            topic: self.topic,
            inquirer: word_of(&self.inquirer).map_err(unreadable)?,
            arrived_at: Timestamp(self.arrived_at),
            accepted_at: self.accepted_at.map(Timestamp),
            closed_at: self.closed_at.map(Timestamp),
            agent: self.agent_id.map(|id| id.parse()).transpose().map_err(unreadable)?,
            ticket: self.ticket_id.map(|id| id.parse()).transpose().map_err(unreadable)?,
        })
    }
}

impl Figure {
    /// The step that is counted; of several in one contact the first.
    const fn kind(self) -> &'static str {
        match self {
            Self::Arrived => "contact_arrived",
            Self::Answered | Self::AnsweredInTarget => "contact_accepted",
            Self::Abandoned => "contact_ended",
            Self::Diverted => "contact_diverted",
            Self::Closed => "contact_closed",
        }
    }

    fn counts(self, board: &Board, event: &Event) -> bool {
        match (self, event) {
            (Self::AnsweredInTarget, Event::ContactAccepted { waited_ms, .. }) => {
                *waited_ms <= board.service_level_ms
            }
            (Self::Abandoned, Event::ContactEnded { outcome, .. }) => *outcome == Outcome::Abandoned,
            (Self::Closed, Event::ContactClosed { outcome, .. }) => {
                !matches!(outcome, Outcome::Abandoned | Outcome::Diverted)
            }
            (Self::Arrived | Self::Answered | Self::Diverted, _) => true,
            (Self::AnsweredInTarget | Self::Abandoned | Self::Closed, _) => false,
        }
    }
}

/// Finds the contacts that the day of `board` counted.
pub(super) async fn list(
    tx: &mut Tx,
    pool: PoolId,
    board: &Board,
    query: &DayQuery,
) -> Result<DayPage, DbError> {
    let Some(from) = start_of_day(board) else { return Ok(DayPage { items: Vec::new(), next_cursor: None }) };
    let rows = rows(tx, pool, from, query).await?;
    let next_cursor = if rows.len() < PAGE { None } else { rows.last().map(|row| row.seq) };
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let event: Event = serde_json::from_str(&row.body).map_err(unreadable)?;
        if query.figure.counts(board, &event) {
            items.push(row.read()?);
        }
    }
    Ok(DayPage { items, next_cursor })
}

fn start_of_day(board: &Board) -> Option<Timestamp> {
    let zone = TimeZone::get(&board.zone).unwrap_or(TimeZone::UTC);
    let day: Date = board.day.parse().ok()?;
    Some(Timestamp(day.to_zoned(zone).ok()?.timestamp().as_millisecond()))
}

async fn rows(tx: &mut Tx, pool: PoolId, from: Timestamp, query: &DayQuery) -> Result<Vec<Row>, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT e.seq, e.body, c.id, c.desk_id, c.channel, c.state, c.outcome, c.language, c.topic,
                    c.inquirer, c.arrived_at, c.accepted_at, c.closed_at, c.agent_id, c.ticket_id
             FROM contact_events e JOIN contacts c ON c.id = e.contact_id
             WHERE e.pool_id = $1 AND e.kind = $2 AND e.at >= $3 AND e.seq < $4
               AND (c.desk_id = $5 OR $5 = '')
               AND NOT EXISTS (SELECT 1 FROM contact_events p
                               WHERE p.contact_id = e.contact_id AND p.kind = e.kind AND p.seq < e.seq)
             ORDER BY e.seq DESC LIMIT 50",
        )
        .bind(pool.to_string())
        .bind(query.figure.kind())
        .bind(from.0)
        .bind(query.cursor.unwrap_or(i64::MAX))
        .bind(query.desk.map(|desk| desk.to_string()).unwrap_or_default())
        .fetch_all(conn)
        .await
    })?;
    Ok(rows)
}
