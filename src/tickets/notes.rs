//! Notes on a ticket, and what follows an answer to a message that was left.

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{ContactId, NoteId, TicketId};
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

/// The chat through which the inquirer of a ticket can be answered.
///
/// # Errors
/// `not_found`; `no_thread` when she left no way back into a chat; or the store's failure.
pub async fn thread(tx: &mut Tx, act: &Act, ticket: TicketId) -> Result<ContactId, Problem> {
    content::load(tx, act.me.pool, ticket, false).await?.ok_or_else(Problem::not_found)?;
    let contact = latest_contact(tx, ticket, Some("chat")).await?;
    contact.ok_or_else(|| Problem::conflict("no_thread"))
}

/// Notes that the inquirer has been answered.
///
/// # Errors
/// `not_found`, or the store's failure.
pub async fn answered(tx: &mut Tx, act: &Act, ticket: TicketId) -> Result<(), Problem> {
    let stored = content::load(tx, act.me.pool, ticket, true).await?.ok_or_else(Problem::not_found)?;
    store::mark_reply_waiting(tx, act.now, ticket, false).await?;
    announce(tx, act, ticket, stored.version).await?;
    audit::record(tx, act.now, Entry::of(&act.me, "ticket.reply", "ticket", ticket.to_string())).await?;
    Ok(())
}
