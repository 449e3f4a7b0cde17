//! A ticket as it stands in the table, and how it is read for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr;

use jiff::civil::Date;
use sqlx::AssertSqlSafe;

use crate::desk::words::word_of;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::fold;
use crate::kernel::ids::{PoolId, TicketId};
use crate::kernel::time::Timestamp;
use crate::on_db;

use super::{Ticket, rules, store};

/// The fields a person may change, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Content {
    pub desk_id: String,
    pub status: String,
    pub inquirer: String,
    pub inquirer_name: String,
    pub organisation: String,
    pub corporate_number: String,
    pub prefecture: String,
    pub nationality: String,
    pub reply_to: String,
    pub anonymous: bool,
    pub language: String,
    pub summary: String,
    pub answer: String,
    pub basis: String,
    pub referral: String,
    pub result: String,
    pub urgency: String,
    pub sensitive: bool,
    pub due_on: Option<String>,
    pub owner_id: Option<String>,
    pub reply_waiting: bool,
    /// Ids in the order of their texts, each once.
    #[sqlx(skip)]
    pub topics: Vec<String>,
}

/// The columns of [`Content`].
const CONTENT_COLUMNS: &str = "desk_id, status, inquirer, inquirer_name, organisation, corporate_number, \
    prefecture, nationality, reply_to, anonymous, language, summary, answer, basis, referral, result, \
    urgency, sensitive, due_on, owner_id, reply_waiting";

impl Content {
    /// The names on the wire of the fields that differ between the two.
    pub(super) fn differing(&self, other: &Self) -> Vec<&'static str> {
        macro_rules! pairs {
            ($($field:ident = $name:literal),* $(,)?) => {
                [$(($name, self.$field != other.$field)),*]
            };
        }
        let pairs = pairs!(
            desk_id = "desk",
            status = "status",
            inquirer = "inquirer",
            inquirer_name = "inquirer_name",
            organisation = "organisation",
            corporate_number = "corporate_number",
            prefecture = "prefecture",
            nationality = "nationality",
            reply_to = "reply_to",
            anonymous = "anonymous",
            language = "language",
            topics = "topics",
            summary = "summary",
            answer = "answer",
            basis = "basis",
            referral = "referral",
            result = "result",
            urgency = "urgency",
            sensitive = "sensitive",
            due_on = "due_on",
            owner_id = "owner",
            reply_waiting = "reply_waiting",
        );
        pairs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// What a search looks through.
    pub(super) fn folded(&self, number: &str) -> String {
        let reply_key = store::reply_key(&self.reply_to);
        let parts = [
            number,
            &self.inquirer_name,
            &self.organisation,
            &self.corporate_number,
            &self.reply_to,
            &reply_key,
            &self.summary,
            &self.answer,
        ];
        fold::fold(&parts.join(" "))
    }
}

/// A row of `tickets` with its topics.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Stored {
    pub id: String,
    pub number: String,
    pub channel: String,
    pub version: i64,
    pub family: String,
    pub organisation_key: String,
    pub reply_key: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub closed_at: Option<i64>,
    #[sqlx(flatten)]
    pub content: Content,
}

/// The ticket when it exists in `pool`; `lock` holds its row until the transaction ends.
pub(super) async fn load(
    tx: &mut Tx,
    pool: PoolId,
    ticket: TicketId,
    lock: bool,
) -> Result<Option<Stored>, DbError> {
    let locking = if lock { tx.for_update() } else { "" };
    let sql = format!(
        "SELECT id, number, channel, version, family, organisation_key, reply_key, created_at, updated_at, \
         closed_at, {CONTENT_COLUMNS} FROM tickets WHERE id = $1 AND pool_id = $2{locking}"
    );
    let found: Option<Stored> = on_db!(tx, |conn| {
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(ticket.to_string())
            .bind(pool.to_string())
            .fetch_optional(conn)
            .await
    })?;
    let Some(mut stored) = found else { return Ok(None) };
    stored.content.topics =
        topics_of(tx, &[ticket.to_string()]).await?.remove(&stored.id).unwrap_or_default();
    stored.content.topics.sort_unstable();
    Ok(Some(stored))
}

/// The topics of each ticket, in the order of the tree.
pub(super) async fn topics_of(
    tx: &mut Tx,
    tickets: &[String],
) -> Result<BTreeMap<String, Vec<String>>, DbError> {
    if tickets.is_empty() {
        return Ok(BTreeMap::new());
    }
    let places = (1..=tickets.len()).fold(String::new(), |mut places, n| {
        let comma = if n == 1 { "" } else { ", " };
        let _ = write!(places, "{comma}${n}");
        places
    });
    let sql = format!(
        "SELECT x.ticket_id, x.topic_id FROM ticket_topics x JOIN topics t ON t.id = x.topic_id
         LEFT JOIN topics p ON p.id = t.parent_id WHERE x.ticket_id IN ({places})
         ORDER BY COALESCE(p.position, t.position), COALESCE(p.id, t.id),
           CASE WHEN p.id IS NULL THEN 0 ELSE 1 END, t.position, t.id"
    );
    let rows: Vec<(String, String)> = on_db!(tx, |conn| {
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for ticket in tickets {
            query = query.bind(ticket);
        }
        query.fetch_all(conn).await
    })?;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (ticket, topic) in rows {
        found.entry(ticket).or_default().push(topic);
    }
    Ok(found)
}

/// The ticket as its readers see it on `today`.
pub(super) async fn present(tx: &mut Tx, stored: Stored, today: Date) -> Result<Ticket, DbError> {
    let contacts: Vec<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT id FROM contacts WHERE ticket_id = $1 ORDER BY arrived_at, id")
            .bind(&stored.id)
            .fetch_all(conn)
            .await
    })?;
    let topics =
        topics_of(tx, std::slice::from_ref(&stored.id)).await?.remove(&stored.id).unwrap_or_default();
    let warnings = rules::warnings(&stored.content);
    let c = stored.content;
    Ok(Ticket {
        id: read(&stored.id)?,
        number: stored.number,
        version: stored.version,
        desk: read(&c.desk_id)?,
        channel: stored.channel,
        status: word(&c.status)?,
        overdue: is_overdue(c.due_on.as_deref(), &c.status, today),
        inquirer: c.inquirer,
        inquirer_name: c.inquirer_name,
        organisation: c.organisation,
        corporate_number: c.corporate_number,
        prefecture: c.prefecture,
        nationality: c.nationality,
        reply_to: c.reply_to,
        anonymous: c.anonymous,
        language: c.language,
        topics,
        summary: c.summary,
        answer: c.answer,
        basis: c.basis,
        referral: c.referral,
        result: word(&c.result)?,
        urgency: word(&c.urgency)?,
        sensitive: c.sensitive,
        due_on: c.due_on,
        owner: c.owner_id.as_deref().map(read).transpose()?,
        reply_waiting: c.reply_waiting,
        contacts: contacts.iter().map(|id| read(id)).collect::<Result<_, _>>()?,
        created_at: Timestamp(stored.created_at),
        updated_at: Timestamp(stored.updated_at),
        closed_at: stored.closed_at.map(Timestamp),
        warnings,
    })
}

/// Whether the due day is over and the ticket is not closed.
pub(super) fn is_overdue(due_on: Option<&str>, status: &str, today: Date) -> bool {
    status != "closed" && due_on.is_some_and(|day| day < today.to_string().as_str())
}

/// Reads an id of the table.
pub(super) fn read<T>(text: &str) -> Result<T, DbError>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse().map_err(unreadable)
}

/// Reads a word of the table.
pub(super) fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, DbError> {
    word_of(text).map_err(unreadable)
}

/// A row that this program cannot have written.
pub(super) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> DbError {
    DbError::Sqlx(sqlx::Error::Decode(Box::new(error)))
}
