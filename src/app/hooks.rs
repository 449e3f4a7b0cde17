//! What happens to the record at the turns of a contact's life: the desk calls, tickets and the audit
//! trail answer. Here, because the desk may know neither.

use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;

use crate::desk::calendar;
use crate::desk::ports::{Arrived, ContactHooks, Reader};
use crate::desk::words::text_of;
use crate::kernel::clock::Chance;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, TicketId};
use crate::kernel::time::Timestamp;
use crate::on_db;
use crate::routing::Outcome;
use crate::security::Role;
use crate::security::audit;
use crate::tickets;

/// Joins contacts to their tickets.
#[derive(Clone, Debug)]
pub struct Hooks {
    pub chance: Chance,
    pub zone: TimeZone,
}

impl ContactHooks for Hooks {
    fn on_arrival<'a>(
        &'a self,
        tx: &'a mut Tx,
        arrived: &'a Arrived<'a>,
    ) -> BoxFuture<'a, Result<Option<TicketId>, DbError>> {
        Box::pin(async move {
            let arrival = arrived.arrival;
            let channel = text_of(arrival.channel);
            let new = tickets::NewTicket {
                chance: self.chance.bits(),
                day: calendar::local_day(&self.zone, arrived.at),
                pool: arrived.pool,
                desk: arrival.desk,
                channel: &channel,
                inquirer: arrival.inquirer.as_str(),
                inquirer_name: arrival.display_name.as_deref().unwrap_or_default(),
                language: &arrival.language,
                topic: arrival.topic.as_deref(),
                reply_to: &arrival.reply_to,
                reply_waiting: arrived.left,
                owner: None,
                resumes: arrival.resumes,
            };
            let (ticket, _number) = tickets::create_for_contact(tx, arrived.at, &new).await?;
            Ok(Some(ticket))
        })
    }

    fn on_accepted<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        agent: AccountId,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            match ticket_of(tx, contact).await? {
                Some(ticket) => tickets::take_over(tx, at, ticket, agent).await,
                None => Ok(()),
            }
        })
    }

    fn on_diverted<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            match ticket_of(tx, contact).await? {
                Some(ticket) => tickets::mark_reply_waiting(tx, at, ticket, true).await,
                None => Ok(()),
            }
        })
    }

    fn on_closed<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        outcome: Outcome,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            let lost = matches!(outcome, Outcome::Abandoned | Outcome::Failed);
            match ticket_of(tx, contact).await? {
                // A cut or abandoned call whose number is known: somebody has to call back.
                Some(ticket) if lost && can_be_called(tx, contact).await? => {
                    tickets::mark_reply_waiting(tx, at, ticket, true).await?;
                    tickets::touch(tx, at, ticket).await
                }
                Some(ticket) => tickets::touch(tx, at, ticket).await,
                None => Ok(()),
            }
        })
    }

    fn on_opened<'a>(
        &'a self,
        tx: &'a mut Tx,
        reader: Reader,
        contact: ContactId,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            let role = if reader.supervisor { Role::Supervisor } else { Role::Agent };
            let entry =
                audit::Entry::by(reader.account, role, "contact.read", "contact", contact.to_string());
            audit::record(tx, at, entry).await.map(drop)
        })
    }
}

async fn ticket_of(tx: &mut Tx, contact: ContactId) -> Result<Option<TicketId>, DbError> {
    let id: Option<Option<String>> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT ticket_id FROM contacts WHERE id = $1")
            .bind(contact.to_string())
            .fetch_optional(conn)
            .await
    })?;
    Ok(id.flatten().and_then(|id| id.parse().ok()))
}

/// Whether it is a call whose ticket holds a number to call.
async fn can_be_called(tx: &mut Tx, contact: ContactId) -> Result<bool, DbError> {
    let found: Option<String> = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT t.id FROM contacts c JOIN tickets t ON t.id = c.ticket_id
             WHERE c.id = $1 AND c.channel = 'phone' AND t.reply_to <> ''",
        )
        .bind(contact.to_string())
        .fetch_optional(conn)
        .await
    })?;
    Ok(found.is_some())
}
