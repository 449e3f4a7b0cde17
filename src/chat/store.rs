//! The chat's rows: `messages`, and the visitor's columns of `contacts`.

use crate::desk::events::Event;
use crate::desk::log;
use crate::desk::protocol::Message;
use crate::desk::words::{EndedBy, MarkKind, Sender, Side, word_of};
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, DeskId, MessageId, PoolId, TicketId};
use crate::kernel::time::Timestamp;
use crate::on_db;
use crate::routing::{ContactState, DivertReason, Outcome};

use super::protocol::{DeskName, TopicChoice, VisitorMessage};
use super::text::{Spoken, family_name};

/// A row that this program cannot have written.
fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> DbError {
    DbError::Sqlx(sqlx::Error::Decode(Box::new(error)))
}

/// A conversation as the visitor's side needs it.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub contact: ContactId,
    pub pool: PoolId,
    pub desk: DeskName,
    pub state: ContactState,
    pub outcome: Option<Outcome>,
    pub ticket: Option<TicketId>,
    pub number: Option<String>,
    /// The language it is routed by, and how that is known.
    pub language: String,
    pub language_source: String,
    /// The language of her page.
    pub visitor_language: String,
    pub agent_name: Option<String>,
    pub ended_at: Option<Timestamp>,
    pub last_message_at: Option<Timestamp>,
    pub agent_seen_seq: i64,
    pub agent_read_seq: i64,
    pub satisfaction: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct TalkRow {
    id: String,
    pool_id: String,
    slug: String,
    name_ja: String,
    name_en: String,
    state: String,
    outcome: Option<String>,
    ticket_id: Option<String>,
    number: Option<String>,
    language: String,
    language_source: String,
    visitor_language: Option<String>,
    agent_name: Option<String>,
    ended_at: Option<i64>,
    last_message_at: Option<i64>,
    agent_seen_seq: i64,
    agent_read_seq: i64,
    satisfaction: Option<i64>,
}

impl TalkRow {
    fn read(self) -> Result<Talk, DbError> {
        Ok(Talk {
            contact: self.id.parse().map_err(unreadable)?,
            pool: self.pool_id.parse().map_err(unreadable)?,
            desk: DeskName { slug: self.slug, name_ja: self.name_ja, name_en: self.name_en },
            state: word_of(&self.state).map_err(unreadable)?,
            outcome: self.outcome.as_deref().map(word_of).transpose().map_err(unreadable)?,
            ticket: self.ticket_id.map(|id| id.parse()).transpose().map_err(unreadable)?,
            number: self.number,
            visitor_language: self.visitor_language.unwrap_or_else(|| self.language.clone()),
            language: self.language,
            language_source: self.language_source,
            agent_name: self.agent_name.map(|name| family_name(&name)),
            ended_at: self.ended_at.map(Timestamp),
            last_message_at: self.last_message_at.map(Timestamp),
            agent_seen_seq: self.agent_seen_seq,
            agent_read_seq: self.agent_read_seq,
            satisfaction: self.satisfaction,
        })
    }
}

macro_rules! talk_where {
    ($condition:literal) => {
        concat!(
            "SELECT c.id, c.pool_id, d.slug, d.name_ja, d.name_en, c.state, c.outcome, c.ticket_id, t.number,
                c.language, c.language_source, c.visitor_language, a.name AS agent_name, c.ended_at,
                (SELECT MAX(m.at) FROM messages m WHERE m.contact_id = c.id) AS last_message_at,
                c.agent_seen_seq, c.agent_read_seq, c.satisfaction
             FROM contacts c JOIN desks d ON d.id = c.desk_id
                LEFT JOIN tickets t ON t.id = c.ticket_id
                LEFT JOIN accounts a ON a.id = c.agent_id
             WHERE c.channel = 'chat' AND ",
            $condition
        )
    };
}

/// The conversation that a token opens.
pub(super) async fn by_token(tx: &mut Tx, token_hash: &str) -> Result<Option<Talk>, DbError> {
    let row: Option<TalkRow> = on_db!(tx, |conn| {
        sqlx::query_as(talk_where!("c.token_hash = $1")).bind(token_hash).fetch_optional(conn).await
    })?;
    row.map(TalkRow::read).transpose()
}

/// A conversation by its id.
pub(super) async fn talk(tx: &mut Tx, contact: ContactId) -> Result<Option<Talk>, DbError> {
    let row: Option<TalkRow> = on_db!(tx, |conn| {
        sqlx::query_as(talk_where!("c.id = $1")).bind(contact.to_string()).fetch_optional(conn).await
    })?;
    row.map(TalkRow::read).transpose()
}

/// Where a contact stands and which ticket it belongs to: what a unit that stores a message needs.
pub(super) async fn stand(
    tx: &mut Tx,
    contact: ContactId,
) -> Result<Option<(PoolId, ContactState, Option<TicketId>)>, DbError> {
    let row: Option<(String, String, Option<String>)> = on_db!(tx, |conn| {
        sqlx::query_as("SELECT pool_id, state, ticket_id FROM contacts WHERE id = $1 AND channel = 'chat'")
            .bind(contact.to_string())
            .fetch_optional(conn)
            .await
    })?;
    let Some((pool, state, ticket)) = row else { return Ok(None) };
    Ok(Some((
        pool.parse().map_err(unreadable)?,
        word_of(&state).map_err(unreadable)?,
        ticket.map(|id| id.parse()).transpose().map_err(unreadable)?,
    )))
}

/// Chats of an address that are not over.
pub(super) async fn open_chats(tx: &mut Tx, address_key: &str) -> Result<i64, DbError> {
    let count: i64 = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT COUNT(*) FROM contacts WHERE address_key = $1 AND channel = 'chat'
                AND state IN ('waiting', 'offered', 'active', 'held')",
        )
        .bind(address_key)
        .fetch_one(conn)
        .await
    })?;
    Ok(count)
}

/// Every chat that is not over.
pub(super) async fn all_open(tx: &mut Tx) -> Result<Vec<ContactId>, DbError> {
    let ids: Vec<String> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT id FROM contacts WHERE channel = 'chat'
                AND state IN ('waiting', 'offered', 'active', 'held')",
        )
        .fetch_all(conn)
        .await
    })?;
    ids.into_iter().map(|id| id.parse().map_err(unreadable)).collect()
}

/// A desk that inquirers may see.
#[derive(Clone, Debug)]
pub(super) struct DeskRow {
    pub id: DeskId,
    pub slug: String,
    pub name_ja: String,
    pub name_en: String,
    /// JSON of `DeskSettings`.
    pub settings: String,
}

/// The active desks, in their order; only the one of `slug` when it is given.
pub(super) async fn desks(tx: &mut Tx, slug: Option<&str>) -> Result<Vec<DeskRow>, DbError> {
    let rows: Vec<(String, String, String, String, String)> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, slug, name_ja, name_en, settings FROM desks
             WHERE active AND ($1 = '' OR slug = $1) ORDER BY position, id",
        )
        .bind(slug.unwrap_or_default())
        .fetch_all(conn)
        .await
    })?;
    rows.into_iter()
        .map(|(id, slug, name_ja, name_en, settings)| {
            Ok(DeskRow { id: id.parse().map_err(unreadable)?, slug, name_ja, name_en, settings })
        })
        .collect()
}

/// The topics that may be chosen, in their order.
pub(super) async fn topics(tx: &mut Tx) -> Result<Vec<TopicChoice>, DbError> {
    let rows: Vec<(String, Option<String>, String, String)> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, parent_id, name_ja, name_en FROM topics WHERE active ORDER BY position, id",
        )
        .fetch_all(conn)
        .await
    })?;
    let choice = |(id, parent, name_ja, name_en)| TopicChoice { id, parent, name_ja, name_en };
    Ok(rows.into_iter().map(choice).collect())
}

/// Whether a topic may be chosen.
pub(super) async fn topic_exists(tx: &mut Tx, id: &str) -> Result<bool, DbError> {
    let found: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT id FROM topics WHERE id = $1 AND active")
            .bind(id)
            .fetch_optional(conn)
            .await
    })?;
    Ok(found.is_some())
}

/// A message to store.
#[derive(Clone, Debug)]
pub(super) struct NewMessage {
    pub id: MessageId,
    pub contact: ContactId,
    pub sender: Sender,
    pub account: Option<AccountId>,
    pub client_id: String,
    pub body: String,
    pub spoken: Spoken,
    pub at: Timestamp,
}

/// Stores a message and logs it. A second one with the same sender and `client_id` breaks a unique
/// constraint and undoes the unit.
pub(super) async fn insert(tx: &mut Tx, pool: PoolId, new: &NewMessage) -> Result<Message, DbError> {
    let event = Event::MessageStored { message: new.id, sender: new.sender, account: new.account };
    let seq = log::append(tx, pool, new.at, Some(new.contact), &event).await?;
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO messages (id, contact_id, seq, sender, account_id, client_id, body, language,
                language_confidence, language_method, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(new.id.to_string())
        .bind(new.contact.to_string())
        .bind(seq)
        .bind(new.sender.as_str())
        .bind(new.account.map(|account| account.to_string()))
        .bind(&new.client_id)
        .bind(&new.body)
        .bind(&new.spoken.language)
        .bind(new.spoken.confidence)
        .bind(&new.spoken.method)
        .bind(new.at.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(Message {
        id: new.id,
        contact: new.contact,
        seq,
        sender: new.sender,
        account: new.account,
        client_id: new.client_id.clone(),
        body: new.body.clone(),
        language: new.spoken.language.clone(),
        language_confidence: new.spoken.confidence,
        at: new.at,
    })
}

#[derive(sqlx::FromRow)]
struct MessageRow {
    id: String,
    contact_id: String,
    seq: i64,
    sender: String,
    account_id: Option<String>,
    client_id: String,
    body: String,
    language: Option<String>,
    language_confidence: Option<f64>,
    at: i64,
    agent_name: Option<String>,
}

impl MessageRow {
    fn read(self) -> Result<(Message, Option<String>), DbError> {
        let message = Message {
            id: self.id.parse().map_err(unreadable)?,
            contact: self.contact_id.parse().map_err(unreadable)?,
            seq: self.seq,
            sender: self.sender.parse().map_err(unreadable)?,
            account: self.account_id.map(|id| id.parse()).transpose().map_err(unreadable)?,
            client_id: self.client_id,
            body: self.body,
            language: self.language,
            language_confidence: self.language_confidence,
            at: Timestamp(self.at),
        };
        Ok((message, self.agent_name.map(|name| family_name(&name))))
    }
}

macro_rules! messages_where {
    ($condition:literal) => {
        concat!(
            "SELECT m.id, m.contact_id, m.seq, m.sender, m.account_id, m.client_id, m.body, m.language,
                m.language_confidence, m.at, a.name AS agent_name
             FROM messages m LEFT JOIN accounts a ON a.id = m.account_id WHERE ",
            $condition
        )
    };
}

/// Messages of a contact after number `after`, in order, each with the family name of the agent who wrote
/// it.
pub(super) async fn messages_after(
    tx: &mut Tx,
    contact: ContactId,
    after: i64,
    limit: i64,
) -> Result<Vec<(Message, Option<String>)>, DbError> {
    let rows: Vec<MessageRow> = on_db!(tx, |conn| {
        sqlx::query_as(messages_where!("m.contact_id = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3"))
            .bind(contact.to_string())
            .bind(after)
            .bind(limit)
            .fetch_all(conn)
            .await
    })?;
    rows.into_iter().map(MessageRow::read).collect()
}

/// The message that a sender's own id names.
pub(super) async fn find(
    tx: &mut Tx,
    contact: ContactId,
    sender: Sender,
    client_id: &str,
) -> Result<Option<Message>, DbError> {
    let row: Option<MessageRow> = on_db!(tx, |conn| {
        sqlx::query_as(messages_where!("m.contact_id = $1 AND m.sender = $2 AND m.client_id = $3"))
            .bind(contact.to_string())
            .bind(sender.as_str())
            .bind(client_id)
            .fetch_optional(conn)
            .await
    })?;
    Ok(row.map(MessageRow::read).transpose()?.map(|(message, _)| message))
}

/// What was detected of the visitor's latest messages, oldest first, at most `limit`.
pub(super) async fn spoken(
    tx: &mut Tx,
    contact: ContactId,
    limit: i64,
) -> Result<Vec<(String, f64)>, DbError> {
    let mut rows: Vec<(String, f64)> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT language, language_confidence FROM messages
             WHERE contact_id = $1 AND sender = 'visitor' AND language IS NOT NULL
                AND language_confidence IS NOT NULL
             ORDER BY seq DESC LIMIT $2",
        )
        .bind(contact.to_string())
        .bind(limit)
        .fetch_all(conn)
        .await
    })?;
    rows.reverse();
    Ok(rows)
}

/// A message as its visitor sees it.
pub(super) fn for_visitor(message: Message, agent_name: Option<String>) -> VisitorMessage {
    VisitorMessage {
        seq: message.seq,
        client_id: (message.sender == Sender::Visitor).then_some(message.client_id),
        sender: message.sender,
        body: message.body,
        at: message.at,
        agent_name,
        language: message.language,
    }
}

/// Notes how far `side` has got with the other side's messages, and logs it when it is news.
pub(super) async fn mark(
    tx: &mut Tx,
    pool: PoolId,
    at: Timestamp,
    contact: ContactId,
    side: Side,
    (up_to_seq, kind): (i64, MarkKind),
) -> Result<(), DbError> {
    let other = match side {
        Side::Visitor => Sender::Agent,
        Side::Agent => Sender::Visitor,
    };
    // Nobody has read what was not written yet.
    let last: Option<i64> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT MAX(seq) FROM messages WHERE contact_id = $1 AND sender = $2 AND seq <= $3",
        )
        .bind(contact.to_string())
        .bind(other.as_str())
        .bind(up_to_seq)
        .fetch_one(conn)
        .await
    })?;
    let Some(last) = last else { return Ok(()) };
    if !advance(tx, contact, side, last, kind).await? {
        return Ok(());
    }
    let unread = unread(tx, contact, side, other).await?;
    log::append(tx, pool, at, Some(contact), &Event::MessagesRead { side, up_to_seq: last, kind, unread })
        .await
        .map(drop)
}

/// Whether the mark moved. What was read was received, too.
async fn advance(
    tx: &mut Tx,
    contact: ContactId,
    side: Side,
    to: i64,
    kind: MarkKind,
) -> Result<bool, DbError> {
    let update = match (side, kind) {
        (Side::Visitor, MarkKind::Delivered) => {
            "UPDATE contacts SET visitor_seen_seq = $2 WHERE id = $1 AND visitor_seen_seq < $2"
        }
        (Side::Visitor, MarkKind::Read) => {
            "UPDATE contacts SET visitor_read_seq = $2,
                visitor_seen_seq = CASE WHEN visitor_seen_seq < $2 THEN $2 ELSE visitor_seen_seq END
             WHERE id = $1 AND visitor_read_seq < $2"
        }
        (Side::Agent, MarkKind::Delivered) => {
            "UPDATE contacts SET agent_seen_seq = $2 WHERE id = $1 AND agent_seen_seq < $2"
        }
        (Side::Agent, MarkKind::Read) => {
            "UPDATE contacts SET agent_read_seq = $2,
                agent_seen_seq = CASE WHEN agent_seen_seq < $2 THEN $2 ELSE agent_seen_seq END
             WHERE id = $1 AND agent_read_seq < $2"
        }
    };
    let rows = on_db!(tx, |conn| {
        sqlx::query(update)
            .bind(contact.to_string())
            .bind(to)
            .execute(conn)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

/// Messages of the other side that `side` has not read.
async fn unread(tx: &mut Tx, contact: ContactId, side: Side, other: Sender) -> Result<i64, DbError> {
    let count = match side {
        Side::Visitor => {
            "SELECT COUNT(*) FROM messages m JOIN contacts c ON c.id = m.contact_id
             WHERE c.id = $1 AND m.sender = $2 AND m.seq > c.visitor_read_seq"
        }
        Side::Agent => {
            "SELECT COUNT(*) FROM messages m JOIN contacts c ON c.id = m.contact_id
             WHERE c.id = $1 AND m.sender = $2 AND m.seq > c.agent_read_seq"
        }
    };
    Ok(on_db!(tx, |conn| {
        sqlx::query_scalar(count).bind(contact.to_string()).bind(other.as_str()).fetch_one(conn).await
    })?)
}

/// Stores the score when there is none yet; whether this one stands now.
pub(super) async fn rate(
    tx: &mut Tx,
    pool: PoolId,
    at: Timestamp,
    contact: ContactId,
    score: i64,
) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query("UPDATE contacts SET satisfaction = $2 WHERE id = $1 AND satisfaction IS NULL")
            .bind(contact.to_string())
            .bind(score)
            .execute(conn)
            .await
            .map(|done| done.rows_affected())
    })?;
    if rows == 1 {
        log::append(tx, pool, at, Some(contact), &Event::SatisfactionGiven { score }).await?;
        return Ok(true);
    }
    let stands: Option<i64> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT satisfaction FROM contacts WHERE id = $1")
            .bind(contact.to_string())
            .fetch_one(conn)
            .await
    })?;
    Ok(stands == Some(score))
}

/// Changes the language of the visitor's page.
pub(super) async fn set_page_language(
    tx: &mut Tx,
    contact: ContactId,
    language: &str,
) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query("UPDATE contacts SET visitor_language = $2 WHERE id = $1")
            .bind(contact.to_string())
            .bind(language)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// How a conversation ended: who ended it, or why nobody answered.
pub(super) async fn ending(
    tx: &mut Tx,
    contact: ContactId,
) -> Result<(Option<EndedBy>, Option<DivertReason>), DbError> {
    let body: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT body FROM contact_events WHERE contact_id = $1
                AND kind IN ('contact_ended', 'contact_diverted') ORDER BY seq DESC LIMIT 1",
        )
        .bind(contact.to_string())
        .fetch_optional(conn)
        .await
    })?;
    Ok(match body.map(|body| serde_json::from_str(&body)).transpose().map_err(unreadable)? {
        Some(Event::ContactEnded { by, .. }) => (Some(by), None),
        Some(Event::ContactDiverted { reason }) => (None, Some(reason)),
        _ => (None, None),
    })
}
