//! The content of one contact, as somebody of the desk sees it: who may, what the trail keeps, the view.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, DeskId, PoolId, TicketId};
use crate::kernel::problem::Problem;
use crate::on_db;
use crate::routing::{Channel, ContactState, Explanation};
use crate::security::{Identity, Role};

use super::http::Live;
use super::log::unreadable;
use super::ports::{ChannelPort, Reader};
use super::protocol::{Message, VisitorView};
use super::words::word_of;

/// Messages shown when a contact is opened: the latest. The others stand in its transcript.
pub const SHOWN_MAX: usize = 500;

/// Messages read in one go.
const PAGE_MAX: i64 = 500;

/// The content of a contact.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Content {
    pub contact: ContactId,
    /// The latest [`SHOWN_MAX`], oldest first.
    pub messages: Vec<Message>,
    pub visitor: VisitorView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// Why it went to whom it went; why it waits while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// What decides who may do what with a contact.
#[derive(Debug, Clone)]
pub(super) struct Owned {
    pub desk: DeskId,
    pub channel: Channel,
    pub state: ContactState,
    /// The present agent, or the last one when it is over.
    pub agent: Option<AccountId>,
    pub ticket: Option<TicketId>,
    pub visitor: VisitorView,
}

#[derive(sqlx::FromRow)]
struct Row {
    desk_id: String,
    channel: String,
    state: String,
    agent_id: Option<String>,
    ticket_id: Option<String>,
    display_name: Option<String>,
    inquirer: String,
    language: String,
    visitor_language: Option<String>,
    visitor_read_seq: i64,
    visitor_seen_seq: i64,
}

impl Row {
    fn read(self) -> Result<Owned, DbError> {
        Ok(Owned {
            desk: self.desk_id.parse().map_err(unreadable)?,
            channel: word_of(&self.channel).map_err(unreadable)?,
            state: word_of(&self.state).map_err(unreadable)?,
            agent: self.agent_id.map(|id| id.parse()).transpose().map_err(unreadable)?,
            ticket: self.ticket_id.map(|id| id.parse()).transpose().map_err(unreadable)?,
            visitor: VisitorView {
                display_name: self.display_name,
                inquirer: word_of(&self.inquirer).map_err(unreadable)?,
                language: self.language,
                visitor_language: self.visitor_language,
                read_seq: self.visitor_read_seq,
                seen_seq: self.visitor_seen_seq,
            },
        })
    }
}

/// Finds a contact of `pool`.
pub(super) async fn find(tx: &mut Tx, pool: PoolId, contact: ContactId) -> Result<Option<Owned>, DbError> {
    let row: Option<Row> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT desk_id, channel, state, agent_id, ticket_id, display_name, inquirer, language,
                    visitor_language, visitor_read_seq, visitor_seen_seq
             FROM contacts WHERE id = $1 AND pool_id = $2",
        )
        .bind(contact.to_string())
        .bind(pool.to_string())
        .fetch_optional(conn)
        .await
    })?;
    row.map(Row::read).transpose()
}

impl Owned {
    /// Lets only the contact's own agent pass.
    ///
    /// # Errors
    /// 403 `not_your_contact`.
    pub fn by(&self, agent: AccountId) -> Result<(), Problem> {
        if self.agent == Some(agent) { Ok(()) } else { Err(not_yours()) }
    }

    /// Whether two people talk, so that a message has somebody who reads it.
    ///
    /// # Errors
    /// 409 `wrong_state`.
    pub fn talking(&self) -> Result<(), Problem> {
        match self.state {
            ContactState::Active | ContactState::Held => Ok(()),
            _ => Err(Problem::conflict("wrong_state")),
        }
    }

    /// Lets those pass who may read: its agent, the colleagues of its desk, supervisors.
    fn readable_by(&self, me: &Identity, desks: &[DeskId]) -> Result<(), Problem> {
        let colleague = me.role == Role::Supervisor || desks.contains(&self.desk);
        if self.agent == Some(me.account) || colleague { Ok(()) } else { Err(not_yours()) }
    }
}

fn not_yours() -> Problem {
    Problem::new(axum::http::StatusCode::FORBIDDEN, "not_your_contact")
}

/// The desks that an account serves now: a socket may be older than the last change.
async fn desks_of(tx: &mut Tx, account: AccountId) -> Result<Vec<DeskId>, DbError> {
    let desks: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT desks FROM accounts WHERE id = $1")
            .bind(account.to_string())
            .fetch_optional(conn)
            .await
    })?;
    desks.map_or_else(|| Ok(Vec::new()), |json| serde_json::from_str(&json).map_err(unreadable))
}

/// Which readings of a contact the trail keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trail {
    /// All.
    Always,
    /// Those of anybody but its agent, who has it on the screen all the time.
    Others,
}

/// Opens a contact for `me`: proves the right, writes the trail, then shows.
///
/// # Errors
/// `not_found`, `not_your_contact`, or the store's failure.
pub(super) async fn open(
    live: &Live,
    me: &Identity,
    contact: ContactId,
    trail: Trail,
) -> Result<(Owned, Content), Problem> {
    let mut tx = live.db.read().await?;
    let owned = find(&mut tx, me.pool, contact).await?.ok_or_else(Problem::not_found)?;
    owned.readable_by(me, &desks_of(&mut tx, me.account).await?)?;
    drop(tx);
    if trail == Trail::Always || owned.agent != Some(me.account) {
        let (hooks, at) = (Arc::clone(&live.ports.hooks), live.clock.now());
        let reader = Reader { account: me.account, supervisor: me.role == Role::Supervisor };
        live.db
            .write(move |tx| Box::pin(async move { hooks.on_opened(tx, reader, contact, at).await }))
            .await?;
    }
    let content = show(live, &owned, contact).await?;
    Ok((owned, content))
}

async fn show(live: &Live, owned: &Owned, contact: ContactId) -> Result<Content, Problem> {
    let waits = live.desk.explain(contact).await;
    let mut tx = live.db.read().await?;
    let messages = match live.ports.of(owned.channel) {
        Some(port) => latest(port.as_ref(), &mut tx, contact).await?,
        None => Vec::new(),
    };
    let explanation = match waits {
        Some(now) => Some(now),
        None => explanations(&mut tx, contact, 1).await?.pop(),
    };
    let (visitor, ticket) = (owned.visitor.clone(), owned.ticket);
    Ok(Content { contact, messages, visitor, ticket, explanation })
}

async fn latest(port: &dyn ChannelPort, tx: &mut Tx, contact: ContactId) -> Result<Vec<Message>, DbError> {
    let (mut kept, mut after) = (VecDeque::new(), 0);
    loop {
        let page = port.messages(tx, contact, after, PAGE_MAX).await?;
        let full = i64::try_from(page.len()) == Ok(PAGE_MAX);
        after = page.last().map_or(after, |message| message.seq);
        kept.extend(page);
        kept.drain(..kept.len().saturating_sub(SHOWN_MAX));
        if !full {
            return Ok(kept.into());
        }
    }
}

/// What the engine said at each offer of a contact, the latest first, at most `limit`.
pub(super) async fn explanations(
    tx: &mut Tx,
    contact: ContactId,
    limit: i64,
) -> Result<Vec<Explanation>, DbError> {
    let texts: Vec<String> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT explanation FROM offers WHERE contact_id = $1 ORDER BY made_at DESC, id DESC LIMIT $2",
        )
        .bind(contact.to_string())
        .bind(limit)
        .fetch_all(conn)
        .await
    })?;
    texts.iter().map(|text| serde_json::from_str(text).map_err(unreadable)).collect()
}
