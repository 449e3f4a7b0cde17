//! Notes on a ticket, and what follows an answer to a message that was left.

use crate::desk::ports::{AgentMessage, Ports};
use crate::desk::protocol::Message;
use crate::kernel::db::{Db, DbError, Tx};
use crate::kernel::ids::{NoteId, TicketId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::on_db;
use crate::security::audit::{self, Entry};

use super::change::{Act, announce, latest_contact};
use super::{NewText, Note, content, rules, store};

/// Adds a note. Sent again, it is the same note. `true`: it is new.
///
/// # Errors
/// `not_found`; `invalid_input`; or the store's failure.
pub async fn add_note(
    tx: &mut Tx,
    act: &Act,
    chance: u128,
    ticket: TicketId,
    new: &NewText,
) -> Result<(Note, bool), Problem> {
    let (client_id, body) = (rules::client_id(&new.client_id)?, rules::body(&new.body)?);
    let stored = content::load(tx, act.me.pool, ticket, true).await?.ok_or_else(Problem::not_found)?;
    if let Some(note) = written_before(tx, act, ticket, client_id).await? {
        return Ok((note, false));
    }
    let note =
        Note { id: NoteId::compose(act.now, chance).to_string(), at: act.now, account: act.me.account, body };
    insert(tx, ticket, client_id, &note).await?;
    store::touch(tx, act.now, ticket).await?;
    announce(tx, act, ticket, stored.version).await?;
    audit::record(tx, act.now, Entry::of(&act.me, "ticket.note", "ticket", ticket.to_string())).await?;
    Ok((note, true))
}

async fn insert(tx: &mut Tx, ticket: TicketId, client_id: &str, note: &Note) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO ticket_notes (id, ticket_id, at, account_id, client_id, body)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&note.id)
        .bind(ticket.to_string())
        .bind(note.at.0)
        .bind(note.account.to_string())
        .bind(client_id)
        .bind(&note.body)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

async fn written_before(
    tx: &mut Tx,
    act: &Act,
    ticket: TicketId,
    client_id: &str,
) -> Result<Option<Note>, DbError> {
    let row: Option<(String, i64, String)> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, at, body FROM ticket_notes
             WHERE ticket_id = $1 AND account_id = $2 AND client_id = $3",
        )
        .bind(ticket.to_string())
        .bind(act.me.account.to_string())
        .bind(client_id)
        .fetch_optional(conn)
        .await
    })?;
    Ok(row.map(|(id, at, body)| Note { id, at: Timestamp(at), account: act.me.account, body }))
}

/// Answers the inquirer in the chat that she left a message in. Sent again, it is the same message.
///
/// # Errors
/// `not_found`; `invalid_input`; `no_thread` when the ticket has no chat; or what the chat or the store
/// answered.
pub async fn reply(
    db: &Db,
    ports: &Ports,
    act: Act,
    ticket: TicketId,
    new: &NewText,
) -> Result<Message, Problem> {
    let client_id = rules::client_id(&new.client_id)?.to_owned();
    let body = rules::body(&new.body)?;
    let mut tx = db.read().await?;
    content::load(&mut tx, act.me.pool, ticket, false).await?.ok_or_else(Problem::not_found)?;
    let contact = latest_contact(&mut tx, ticket, Some("chat")).await?;
    drop(tx);
    let contact = contact.ok_or_else(|| Problem::conflict("no_thread"))?;
    let message = AgentMessage { contact, agent: act.me.account, client_id, body };
    // The message is on disk before its mark: when the mark is lost, sending again makes up for it.
    let message = ports.chat.reply(message).await?;
    db.write(move |tx| Box::pin(async move { note_answer(tx, &act, ticket).await })).await?;
    Ok(message)
}

async fn note_answer(tx: &mut Tx, act: &Act, ticket: TicketId) -> Result<(), Problem> {
    let stored = content::load(tx, act.me.pool, ticket, true).await?.ok_or_else(Problem::not_found)?;
    store::mark_reply_waiting(tx, act.now, ticket, false).await?;
    announce(tx, act, ticket, stored.version).await?;
    audit::record(tx, act.now, Entry::of(&act.me, "ticket.reply", "ticket", ticket.to_string())).await?;
    Ok(())
}
