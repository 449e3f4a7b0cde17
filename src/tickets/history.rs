//! Earlier tickets of the inquirer behind a contact, and why they are taken for hers.

use jiff::civil::Date;
use sqlx::AssertSqlSafe;

use crate::desk::ports::Reader;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{ContactId, PoolId, TicketId};
use crate::kernel::problem::Problem;
use crate::on_db;

use super::content::{self, Stored};
use super::list::{ListedRow, listed_columns, present_rows};
use super::{EarlierTicket, MatchReason};

/// Earlier tickets that are shown: the strongest reason first, then the newest.
pub const HISTORY_MAX: i64 = 20;

#[derive(sqlx::FromRow)]
struct Match {
    #[sqlx(flatten)]
    row: ListedRow,
    family: String,
    reply_key: String,
    corporate_number: String,
    organisation_key: String,
}

/// Tickets made before the one of `contact` that are taken for the same inquirer's, at most
/// [`HISTORY_MAX`].
///
/// # Errors
/// `not_found` when the pool has no such contact, or the store's failure.
pub async fn earlier(
    tx: &mut Tx,
    pool: PoolId,
    reader: Reader,
    today: Date,
    contact: ContactId,
) -> Result<Vec<EarlierTicket>, Problem> {
    let Some(ticket) = ticket_of(tx, pool, contact).await?.ok_or_else(Problem::not_found)? else {
        return Ok(Vec::new());
    };
    let Some(own) = content::load(tx, pool, ticket, false).await? else { return Ok(Vec::new()) };
    let matches = matches(tx, pool, &own).await?;
    let mut reasons = Vec::with_capacity(matches.len());
    let mut rows = Vec::with_capacity(matches.len());
    for found in matches {
        reasons.push(reasons_of(&own, &found));
        rows.push(found.row);
    }
    let rows = present_rows(tx, reader, today, rows).await?;
    Ok(rows.into_iter().zip(reasons).map(|(ticket, reasons)| EarlierTicket { ticket, reasons }).collect())
}

/// The contact's ticket, when the pool has the contact and the contact has one.
async fn ticket_of(
    tx: &mut Tx,
    pool: PoolId,
    contact: ContactId,
) -> Result<Option<Option<TicketId>>, DbError> {
    let found: Option<Option<String>> = on_db!(tx, |conn| {
        sqlx::query_scalar("SELECT ticket_id FROM contacts WHERE id = $1 AND pool_id = $2")
            .bind(contact.to_string())
            .bind(pool.to_string())
            .fetch_optional(conn)
            .await
    })?;
    found.map(|ticket| ticket.as_deref().map(content::read).transpose()).transpose()
}

/// Each way to be the same inquirer's is a branch with an index of its own; an empty key matches nothing.
async fn matches(tx: &mut Tx, pool: PoolId, own: &Stored) -> Result<Vec<Match>, DbError> {
    let sql = format!(
        "SELECT {}, '' AS sort_key, family, reply_key, corporate_number, organisation_key FROM tickets
         WHERE id IN (
             SELECT id FROM tickets WHERE family = $1
             UNION SELECT id FROM tickets WHERE reply_key = $2 AND reply_key <> ''
             UNION SELECT id FROM tickets WHERE corporate_number = $3 AND corporate_number <> ''
             UNION SELECT id FROM tickets WHERE organisation_key = $4 AND organisation_key <> ''
           ) AND pool_id = $5 AND (created_at, id) < ($6, $7)
         ORDER BY CASE WHEN family = $1 THEN 0 WHEN reply_key = $2 AND reply_key <> '' THEN 1
             WHEN corporate_number = $3 AND corporate_number <> '' THEN 2 ELSE 3 END,
           created_at DESC, id DESC
         LIMIT {HISTORY_MAX}",
        listed_columns()
    );
    let found = on_db!(tx, |conn| {
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(&own.family)
            .bind(&own.reply_key)
            .bind(&own.content.corporate_number)
            .bind(&own.organisation_key)
            .bind(pool.to_string())
            .bind(own.created_at)
            .bind(&own.id)
            .fetch_all(conn)
            .await
    })?;
    Ok(found)
}

fn reasons_of(own: &Stored, other: &Match) -> Vec<MatchReason> {
    let same = |a: &str, b: &str| !a.is_empty() && a == b;
    [
        (MatchReason::SameThread, same(&own.family, &other.family)),
        (MatchReason::SameReplyTo, same(&own.reply_key, &other.reply_key)),
        (MatchReason::SameCorporateNumber, same(&own.content.corporate_number, &other.corporate_number)),
        (MatchReason::SameOrganisation, same(&own.organisation_key, &other.organisation_key)),
    ]
    .into_iter()
    .filter(|(_, holds)| *holds)
    .map(|(reason, _)| reason)
    .collect()
}
