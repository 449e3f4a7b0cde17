//! Changing a ticket, with the merge of what several people or tabs did, and making one by hand.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::json;

use crate::desk::events::Event;
use crate::desk::log;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::fold;
use crate::kernel::ids::{ContactId, PoolId, TicketId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::on_db;
use crate::routing::Channel;
use crate::security::Identity;
use crate::security::audit::{self, Entry};

use super::content::{self, Content, Stored, present};
use super::rules::{self, Faults};
use super::{Fields, NewTicket, Ticket, TicketByHand, TicketPatch, store};

/// Who does something to a ticket, and when.
#[derive(Clone, Debug)]
pub struct Act {
    pub me: Identity,
    pub now: Timestamp,
    /// The day of `now` in the installation's zone.
    pub today: Date,
}

/// Changes a ticket as far as nobody else changed the same fields since the version that `patch` names.
///
/// A change that changes nothing is no change: the version stays, nothing is logged.
///
/// # Errors
/// `not_found`; `invalid_input` with the fields at fault; `changed_elsewhere` with the fields that somebody
/// else changed and the ticket as it stands; or the store's failure.
pub async fn change(
    tx: &mut Tx,
    act: &Act,
    ticket: TicketId,
    patch: &TicketPatch,
) -> Result<Ticket, Problem> {
    let editor = editor(patch)?;
    let pool = act.me.pool;
    let stored = content::load(tx, pool, ticket, true).await?.ok_or_else(Problem::not_found)?;
    if !(1..=stored.version).contains(&patch.version) {
        return Err(Problem::invalid("invalid_input").field("version", "unknown"));
    }
    let mut faults = Faults::default();
    let after = rules::apply(&stored.content, &patch.fields, &mut faults);
    let fields = stored.content.differing(&after);
    check_references(tx, pool, &after, &fields, &mut faults).await?;
    faults.answer()?;
    let theirs = changed_since(tx, act, ticket, patch.version, editor).await?;
    let clashes: Vec<_> = fields.iter().copied().filter(|field| theirs.contains(*field)).collect();
    if !clashes.is_empty() {
        return Err(changed_elsewhere(tx, stored, act.today, &clashes).await?);
    }
    if !fields.is_empty() {
        let version = stored.version + 1;
        save(tx, act.now, &stored, &after, version).await?;
        note_change(tx, act, ticket, version, editor, &fields).await?;
        announce(tx, act, ticket, version).await?;
        let detail = json!({ "version": version, "fields": fields });
        let entry = Entry::of(&act.me, "ticket.change", "ticket", ticket.to_string()).detail(detail);
        audit::record(tx, act.now, entry).await?;
    }
    fresh(tx, act, ticket).await
}

/// Makes a ticket that no contact made. Sent again, it is the same ticket. `true`: it is new.
///
/// # Errors
/// `invalid_input` with the fields at fault; `busy` while another node makes the same one; or the store's
/// failure.
pub async fn create_by_hand(
    tx: &mut Tx,
    act: &Act,
    chance: u128,
    wanted: &TicketByHand,
) -> Result<(Ticket, bool), Problem> {
    let key = format!("{}/{}", act.me.account, rules::client_id(&wanted.client_id)?);
    if let Some(ticket) = made_before(tx, &key).await? {
        return Ok((fresh(tx, act, ticket).await?, false));
    }
    let (channel, before, after) = draft(tx, act, wanted).await?;
    let new = NewTicket {
        chance,
        day: act.today,
        pool: act.me.pool,
        desk: wanted.desk,
        channel: &channel,
        inquirer: &after.inquirer,
        inquirer_name: &after.inquirer_name,
        language: &after.language,
        topic: None,
        reply_to: &after.reply_to,
        reply_waiting: after.reply_waiting,
        owner: None,
        resumes: wanted.resumes,
    };
    let (ticket, _number) = store::insert(tx, act.now, &new, Some(&key)).await.map_err(|error| {
        if error.is_unique_violation() {
            Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "busy")
        } else {
            error.into()
        }
    })?;
    let stored = content::load(tx, act.me.pool, ticket, true).await?.ok_or_else(Problem::internal)?;
    save(tx, act.now, &stored, &after, stored.version).await?;
    note_change(tx, act, ticket, stored.version, "", &before.differing(&after)).await?;
    announce(tx, act, ticket, stored.version).await?;
    audit::record(tx, act.now, Entry::of(&act.me, "ticket.create", "ticket", ticket.to_string())).await?;
    Ok((fresh(tx, act, ticket).await?, true))
}

/// What a ticket made by hand is to hold, checked: its channel, the empty ticket, the filled one.
async fn draft(tx: &mut Tx, act: &Act, wanted: &TicketByHand) -> Result<(String, Content, Content), Problem> {
    let before = Content {
        desk_id: wanted.desk.to_string(),
        status: "open".to_owned(),
        inquirer: "other".to_owned(),
        language: "ja".to_owned(),
        urgency: "normal".to_owned(),
        owner_id: Some(act.me.account.to_string()),
        ..Content::default()
    };
    let mut faults = Faults::default();
    if content::word::<Channel>(&wanted.channel).is_err() {
        faults.add("channel", "unknown");
    }
    if let Some(earlier) = wanted.resumes
        && content::load(tx, act.me.pool, earlier, false).await?.is_none()
    {
        faults.add("resumes", "unknown");
    }
    // The desk stands beside the fields here; one among them would say it twice.
    let fields = Fields { desk: None, ..wanted.fields.clone() };
    let mut after = rules::apply(&before, &fields, &mut faults);
    after.anonymous = fields.anonymous.unwrap_or(after.inquirer_name.is_empty());
    let mut check = before.differing(&after);
    check.push("desk");
    check_references(tx, act.me.pool, &after, &check, &mut faults).await?;
    faults.answer()?;
    Ok((wanted.channel.clone(), before, after))
}

fn editor(patch: &TicketPatch) -> Result<&str, Problem> {
    match patch.editor.as_deref() {
        None | Some("") => Ok(""),
        Some(name) => {
            rules::client_id(name).map_err(|_| Problem::invalid("invalid_input").field("editor", "invalid"))
        }
    }
}

/// The fields that others than this editor changed after `version`.
async fn changed_since(
    tx: &mut Tx,
    act: &Act,
    ticket: TicketId,
    version: i64,
    editor: &str,
) -> Result<BTreeSet<String>, DbError> {
    let rows: Vec<String> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT fields FROM ticket_changes WHERE ticket_id = $1 AND version > $2
             AND NOT (editor = $3 AND editor <> '' AND COALESCE(account_id, '') = $4)",
        )
        .bind(ticket.to_string())
        .bind(version)
        .bind(editor)
        .bind(act.me.account.to_string())
        .fetch_all(conn)
        .await
    })?;
    let mut changed = BTreeSet::new();
    for row in rows {
        let fields: Vec<String> = serde_json::from_str(&row).map_err(content::unreadable)?;
        changed.extend(fields);
    }
    Ok(changed)
}

async fn changed_elsewhere(
    tx: &mut Tx,
    stored: Stored,
    today: Date,
    clashes: &[&'static str],
) -> Result<Problem, Problem> {
    let current = present(tx, stored, today).await?;
    let current = serde_json::to_value(current).map_err(content::unreadable)?;
    let problem = Problem::conflict("changed_elsewhere").current(current);
    Ok(clashes.iter().fold(problem, |problem, field| problem.field(*field, "changed_elsewhere")))
}

/// Faults of fields that name a desk, an owner or topics that are not there.
async fn check_references(
    tx: &mut Tx,
    pool: PoolId,
    after: &Content,
    fields: &[&'static str],
    faults: &mut Faults,
) -> Result<(), DbError> {
    if fields.contains(&"desk") && !desk_exists(tx, pool, &after.desk_id).await? {
        faults.add("desk", "unknown");
    }
    if fields.contains(&"owner")
        && let Some(owner) = &after.owner_id
        && !may_own(tx, pool, owner).await?
    {
        faults.add("owner", "unknown");
    }
    if fields.contains(&"topics") {
        for topic in &after.topics {
            if !topic_exists(tx, topic).await? {
                faults.add("topics", "unknown");
                break;
            }
        }
    }
    Ok(())
}

async fn desk_exists(tx: &mut Tx, pool: PoolId, desk: &str) -> Result<bool, DbError> {
    let found: Option<i64> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT version FROM desks WHERE id = $1 AND pool_id = $2")
            .bind(desk)
            .bind(pool.to_string())
            .fetch_optional(conn)
            .await
    })?;
    Ok(found.is_some())
}

/// Whether an account of the pool is open and answers inquirers.
async fn may_own(tx: &mut Tx, pool: PoolId, account: &str) -> Result<bool, DbError> {
    let found: Option<i64> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT version FROM accounts WHERE id = $1 AND pool_id = $2 AND active
             AND role IN ('agent', 'supervisor')",
        )
        .bind(account)
        .bind(pool.to_string())
        .fetch_optional(conn)
        .await
    })?;
    Ok(found.is_some())
}

async fn topic_exists(tx: &mut Tx, topic: &str) -> Result<bool, DbError> {
    // PostgreSQL refuses a text with NUL in it before it looks.
    if topic.contains('\0') {
        return Ok(false);
    }
    let found: Option<i64> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT version FROM topics WHERE id = $1").bind(topic).fetch_optional(conn).await
    })?;
    Ok(found.is_some())
}

/// Writes the whole content; keys and folded text follow it.
async fn save(
    tx: &mut Tx,
    now: Timestamp,
    stored: &Stored,
    after: &Content,
    version: i64,
) -> Result<(), DbError> {
    let closed_at = match after.status.as_str() {
        "closed" => stored.closed_at.or(Some(now.0)),
        _ => None,
    };
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE tickets SET desk_id = $2, status = $3, inquirer = $4, inquirer_name = $5,
               organisation = $6, corporate_number = $7, prefecture = $8, nationality = $9, reply_to = $10,
               anonymous = $11, language = $12, summary = $13, answer = $14, basis = $15, referral = $16,
               result = $17, urgency = $18, sensitive = $19, due_on = $20, owner_id = $21,
               reply_waiting = $22, folded = $23, organisation_key = $24, reply_key = $25, closed_at = $26,
               version = $27, updated_at = CASE WHEN updated_at > $28 THEN updated_at ELSE $28 END
             WHERE id = $1",
        )
        .bind(&stored.id)
        .bind(&after.desk_id)
        .bind(&after.status)
        .bind(&after.inquirer)
        .bind(&after.inquirer_name)
        .bind(&after.organisation)
        .bind(&after.corporate_number)
        .bind(&after.prefecture)
        .bind(&after.nationality)
        .bind(&after.reply_to)
        .bind(after.anonymous)
        .bind(&after.language)
        .bind(&after.summary)
        .bind(&after.answer)
        .bind(&after.basis)
        .bind(&after.referral)
        .bind(&after.result)
        .bind(&after.urgency)
        .bind(after.sensitive)
        .bind(&after.due_on)
        .bind(&after.owner_id)
        .bind(after.reply_waiting)
        .bind(after.folded(&stored.number))
        .bind(fold::organisation_key(&after.organisation))
        .bind(store::reply_key(&after.reply_to))
        .bind(closed_at)
        .bind(version)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    if after.topics == stored.content.topics {
        return Ok(());
    }
    on_db!(tx, |conn| sqlx::query("DELETE FROM ticket_topics WHERE ticket_id = $1")
        .bind(&stored.id)
        .execute(conn)
        .await
        .map(drop))?;
    for topic in &after.topics {
        store::add_topic(tx, &stored.id, topic).await?;
    }
    Ok(())
}

async fn note_change(
    tx: &mut Tx,
    act: &Act,
    ticket: TicketId,
    version: i64,
    editor: &str,
    fields: &[&'static str],
) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO ticket_changes (ticket_id, version, at, account_id, editor, fields)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(ticket.to_string())
        .bind(version)
        .bind(act.now.0)
        .bind(act.me.account.to_string())
        .bind(editor)
        .bind(json!(fields).to_string())
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Tells every console of the pool that the ticket is not what it was.
pub(super) async fn announce(tx: &mut Tx, act: &Act, ticket: TicketId, version: i64) -> Result<(), DbError> {
    let contact: Option<ContactId> = latest_contact(tx, ticket, None).await?;
    let event = Event::TicketChanged { ticket, version };
    log::append(tx, act.me.pool, act.now, contact, &event).await.map(drop)
}

/// The ticket's latest contact, over `channel` when one is named.
pub(super) async fn latest_contact(
    tx: &mut Tx,
    ticket: TicketId,
    channel: Option<&str>,
) -> Result<Option<ContactId>, DbError> {
    let id: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT id FROM contacts WHERE ticket_id = $1 AND ($2 = '' OR channel = $2)
             ORDER BY arrived_at DESC, id DESC LIMIT 1",
        )
        .bind(ticket.to_string())
        .bind(channel.unwrap_or_default())
        .fetch_optional(conn)
        .await
    })?;
    id.as_deref().map(content::read).transpose()
}

async fn made_before(tx: &mut Tx, key: &str) -> Result<Option<TicketId>, DbError> {
    let id: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT id FROM tickets WHERE client_key = $1")
            .bind(key)
            .fetch_optional(conn)
            .await
    })?;
    id.as_deref().map(content::read).transpose()
}

/// The ticket as it stands now.
pub(super) async fn fresh(tx: &mut Tx, act: &Act, ticket: TicketId) -> Result<Ticket, Problem> {
    let stored = content::load(tx, act.me.pool, ticket, false).await?.ok_or_else(Problem::not_found)?;
    Ok(present(tx, stored, act.today).await?)
}

/// Opens a ticket for reading: an act of its own in the trail.
///
/// # Errors
/// `not_found`, or the store's failure.
pub async fn open(tx: &mut Tx, act: &Act, ticket: TicketId) -> Result<Ticket, Problem> {
    let found = fresh(tx, act, ticket).await?;
    let foreign = found.sensitive && found.owner != Some(act.me.account);
    let entry = Entry::of(&act.me, "ticket.read", "ticket", ticket.to_string());
    let entry = if foreign { entry.detail(json!({ "sensitive": true })) } else { entry };
    audit::record(tx, act.now, entry).await?;
    Ok(found)
}
