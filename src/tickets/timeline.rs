//! Everything that happened to a ticket in one list: its contacts' steps, changes, notes, and the messages
//! that were written outside of a conversation.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::desk::events::Event;
use crate::desk::ports::Ports;
use crate::desk::protocol::Message;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, TicketId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::on_db;
use crate::routing::Channel;
use crate::security::audit::{self, Entry};

use super::change::Act;
use super::content::{self, read, unreadable, word};

/// Items of one page of a timeline.
pub const TIMELINE_MAX: i64 = 100;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TimelineItem {
    /// A step of one of the ticket's contacts. Messages of a conversation are left to its transcript.
    Event {
        at: Timestamp,
        seq: i64,
        contact: ContactId,
        event: Event,
    },
    /// A message that was left, came late, or answered such a one.
    Message {
        at: Timestamp,
        seq: i64,
        contact: ContactId,
        message: Message,
    },
    /// Somebody changed fields; which, never from what to what.
    Change {
        at: Timestamp,
        version: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<AccountId>,
        fields: Vec<String>,
    },
    Note {
        at: Timestamp,
        id: String,
        account: AccountId,
        body: String,
    },
}

/// A page of a timeline, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelinePage {
    pub items: Vec<TimelineItem>,
    /// Ask with it for what happened before; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Kinds of items in the order in which those of one moment stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Source {
    Event,
    Change,
    Note,
}

/// A place in the list: what stands before it in time comes after it on the page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Place {
    at: i64,
    source: Source,
    /// Number of the event or version.
    number: i64,
    /// Id of the note.
    id: String,
}

impl Place {
    /// Where a page without a cursor begins.
    const fn end() -> Self {
        Self { at: i64::MAX, source: Source::Event, number: 0, id: String::new() }
    }

    fn read(cursor: &str) -> Result<Self, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let place = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let place = place.filter(|place| !place.id.contains('\0') && place.at >= 0);
        place.ok_or_else(|| Problem::invalid("invalid_input").field("cursor", "invalid"))
    }

    fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(json!(self).to_string())
    }

    /// The bound `(at, number)` and id under which the items of `source` lie that come after this place.
    fn bound(&self, source: Source) -> (i64, i64, &str) {
        match source.cmp(&self.source) {
            std::cmp::Ordering::Less => (self.at.saturating_add(1), i64::MIN, ""),
            std::cmp::Ordering::Equal => (self.at, self.number, &self.id),
            std::cmp::Ordering::Greater => (self.at, i64::MIN, ""),
        }
    }
}

/// A page of what happened to `ticket`, the newest first. Reading it is written into the trail.
///
/// # Errors
/// `not_found`; `invalid_input` for a cursor that is none; or the store's failure.
pub async fn timeline(
    tx: &mut Tx,
    ports: &Ports,
    act: &Act,
    ticket: TicketId,
    cursor: Option<&str>,
) -> Result<TimelinePage, Problem> {
    let from = match cursor.filter(|cursor| !cursor.is_empty()) {
        Some(cursor) => Place::read(cursor)?,
        None => Place::end(),
    };
    content::load(tx, act.me.pool, ticket, false).await?.ok_or_else(Problem::not_found)?;
    let mut found = events(tx, ports, ticket, &from).await?;
    found.extend(changes(tx, ticket, &from).await?);
    found.extend(notes(tx, ticket, &from).await?);
    found.sort_by(|(a, _), (b, _)| b.cmp(a));
    let limit = usize::try_from(TIMELINE_MAX).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|(place, _)| place.write());
    let entry = Entry::of(&act.me, "ticket.read", "ticket", ticket.to_string());
    audit::record(tx, act.now, entry.detail(json!({ "part": "timeline" }))).await?;
    Ok(TimelinePage { items: found.into_iter().map(|(_, item)| item).collect(), next_cursor })
}

#[derive(sqlx::FromRow)]
struct EventRow {
    seq: i64,
    at: i64,
    contact_id: String,
    kind: String,
    body: String,
    channel: String,
}

async fn events(
    tx: &mut Tx,
    ports: &Ports,
    ticket: TicketId,
    from: &Place,
) -> Result<Vec<(Place, TimelineItem)>, DbError> {
    let (at, number, _) = from.bound(Source::Event);
    let rows: Vec<EventRow> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT e.seq, e.at, e.contact_id, e.kind, e.body, c.channel
             FROM contacts c JOIN contact_events e ON e.contact_id = c.id
             WHERE c.ticket_id = $1 AND (e.at, e.seq) < ($2, $3)
               AND e.kind NOT IN ('messages_read', 'ticket_changed')
               AND (e.kind <> 'message_stored' OR e.at >= COALESCE(c.ended_at, c.closed_at, e.at + 1))
             ORDER BY e.at DESC, e.seq DESC LIMIT $4",
        )
        .bind(ticket.to_string())
        .bind(at)
        .bind(number)
        .bind(TIMELINE_MAX + 1)
        .fetch_all(conn)
        .await
    })?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let place = Place { at: row.at, source: Source::Event, number: row.seq, id: String::new() };
        items.push((place, event_item(tx, ports, &row).await?));
    }
    Ok(items)
}

async fn event_item(tx: &mut Tx, ports: &Ports, row: &EventRow) -> Result<TimelineItem, DbError> {
    let contact: ContactId = read(&row.contact_id)?;
    let (at, seq) = (Timestamp(row.at), row.seq);
    if row.kind == "message_stored"
        && let Some(port) = ports.of(word::<Channel>(&row.channel)?)
        && let Some(message) = port.messages(tx, contact, seq - 1, 1).await?.pop()
        && message.seq == seq
    {
        return Ok(TimelineItem::Message { at, seq, contact, message });
    }
    let event = serde_json::from_str(&row.body).map_err(unreadable)?;
    Ok(TimelineItem::Event { at, seq, contact, event })
}

async fn changes(tx: &mut Tx, ticket: TicketId, from: &Place) -> Result<Vec<(Place, TimelineItem)>, DbError> {
    let (at, number, _) = from.bound(Source::Change);
    let rows: Vec<(i64, i64, Option<String>, String)> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT at, version, account_id, fields FROM ticket_changes
             WHERE ticket_id = $1 AND (at, version) < ($2, $3) ORDER BY at DESC, version DESC LIMIT $4",
        )
        .bind(ticket.to_string())
        .bind(at)
        .bind(number)
        .bind(TIMELINE_MAX + 1)
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter()
        .map(|(at, version, account, fields)| {
            let item = TimelineItem::Change {
                at: Timestamp(at),
                version,
                account: account.as_deref().map(read).transpose()?,
                fields: serde_json::from_str(&fields).map_err(unreadable)?,
            };
            Ok((Place { at, source: Source::Change, number: version, id: String::new() }, item))
        })
        .collect()
}

async fn notes(tx: &mut Tx, ticket: TicketId, from: &Place) -> Result<Vec<(Place, TimelineItem)>, DbError> {
    let (at, _, id) = from.bound(Source::Note);
    let rows: Vec<(i64, String, String, String)> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT at, id, account_id, body FROM ticket_notes
             WHERE ticket_id = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4",
        )
        .bind(ticket.to_string())
        .bind(at)
        .bind(id)
        .bind(TIMELINE_MAX + 1)
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter()
        .map(|(at, id, account, body)| {
            let place = Place { at, source: Source::Note, number: 0, id: id.clone() };
            Ok((place, TimelineItem::Note { at: Timestamp(at), id, account: read(&account)?, body }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_journey_and_parts_the_sources() {
        let place = Place { at: 5, source: Source::Change, number: 3, id: String::new() };
        assert_eq!(Place::read(&place.write()), Ok(place.clone()));
        assert_eq!(place.bound(Source::Event), (6, i64::MIN, ""));
        assert_eq!(place.bound(Source::Change), (5, 3, ""));
        assert_eq!(place.bound(Source::Note), (5, i64::MIN, ""));
        for bad in ["", "x", "e30", &URL_SAFE_NO_PAD.encode("{\"at\":-1}")] {
            assert_eq!(Place::read(bad).unwrap_err().fields["cursor"], "invalid", "{bad}");
        }
    }
}
