//! Making tickets and the small changes that other features ask for.

use jiff::civil::Date;
use sqlx::Row as _;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::fold;
use crate::kernel::ids::{AccountId, PoolId, TicketId};
use crate::kernel::time::Timestamp;
use crate::on_db;

use super::NewTicket;

/// The Japanese fiscal year (from 1 April) in which `day` lies, as in ticket numbers: era letter and
/// year of the era, e.g. `R8` for 2026-04-01 to 2027-03-31.
///
/// A fiscal year is named after the era of its 1 April (元号法: Reiwa began on 2019-05-01, so the fiscal
/// year that began a month before still counts as `H31`). Before Heisei the plain year stands.
pub(super) fn fiscal_era(day: Date) -> String {
    let year = if day.month() >= 4 { day.year() } else { day.year() - 1 };
    match year {
        2020.. => format!("R{}", year - 2018),
        1989..=2019 => format!("H{}", year - 1988),
        _ => format!("{year}"),
    }
}

/// The next ticket number of the fiscal year; unique, because the counter's row is locked until commit.
///
/// Numbers of one year need not be without gaps: a transaction that fails gives its number up.
async fn next_number(tx: &mut Tx, day: Date) -> Result<String, DbError> {
    let era = fiscal_era(day);
    let name = format!("tickets/{era}");
    let count: i64 = on_db!(tx, |conn| sqlx::query(
        "INSERT INTO counters (name, value) VALUES ($1, 1)
         ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value"
    )
    .bind(&name)
    .fetch_one(conn)
    .await
    .and_then(|row| row.try_get(0)))?;
    Ok(format!("{era}-{count:06}"))
}

/// Makes the ticket of a contact that arrives and answers its id and number.
///
/// The caller puts the id into the contact's row and into its `contact_arrived` event, in the same
/// transaction.
///
/// # Errors
/// When the store fails; the transaction is then of no further use.
pub async fn create_for_contact(
    tx: &mut Tx,
    now: Timestamp,
    new: &NewTicket<'_>,
) -> Result<(TicketId, String), DbError> {
    let made = insert(tx, now, new, None).await?;
    if let Some(topic) = new.topic {
        add_topic(tx, &made.0.to_string(), topic).await?;
    }
    Ok(made)
}

/// Writes the row of a new ticket. A `client_key` that is taken refuses it (see
/// [`DbError::is_unique_violation`]).
pub(super) async fn insert(
    tx: &mut Tx,
    now: Timestamp,
    new: &NewTicket<'_>,
    client_key: Option<&str>,
) -> Result<(TicketId, String), DbError> {
    let id = TicketId::compose(now, new.chance);
    let number = next_number(tx, new.day).await?;
    let family = family_of(tx, new.pool, new.resumes).await?.unwrap_or_else(|| id.to_string());
    let key = reply_key(new.reply_to);
    let folded = fold::fold(&[&number, new.inquirer_name, new.reply_to, &key].join(" "));
    on_db!(tx, |conn| sqlx::query(
        "INSERT INTO tickets (id, number, pool_id, desk_id, channel, status, inquirer, inquirer_name,
           organisation, corporate_number, prefecture, nationality, reply_to, anonymous, language,
           summary, answer, basis, referral, result, urgency, sensitive, due_on, owner_id, folded,
           organisation_key, reply_key, family, client_key, reply_waiting, created_at, updated_at,
           closed_at, version)
         VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, '', '', '', '', $8, $9, $10, '', '', '', '', '',
           'normal', FALSE, NULL, $11, $12, '', $13, $14, $15, $16, $17, $17, NULL, 1)"
    )
    .bind(id.to_string())
    .bind(&number)
    .bind(new.pool.to_string())
    .bind(new.desk.to_string())
    .bind(new.channel)
    .bind(new.inquirer)
    .bind(new.inquirer_name)
    .bind(new.reply_to)
    .bind(new.inquirer_name.is_empty())
    .bind(new.language)
    .bind(new.owner.map(|o| o.to_string()))
    .bind(&folded)
    .bind(&key)
    .bind(&family)
    .bind(client_key)
    .bind(new.reply_waiting)
    .bind(now.0)
    .execute(conn)
    .await
    .map(drop))?;
    Ok((id, number))
}

/// The family of the ticket that is carried on, when it exists in the pool.
async fn family_of(tx: &mut Tx, pool: PoolId, earlier: Option<TicketId>) -> Result<Option<String>, DbError> {
    let Some(earlier) = earlier else { return Ok(None) };
    let row =
        on_db!(tx, |conn| sqlx::query_scalar("SELECT family FROM tickets WHERE id = $1 AND pool_id = $2")
            .bind(earlier.to_string())
            .bind(pool.to_string())
            .fetch_optional(conn)
            .await)?;
    Ok(row)
}

/// Adds a topic that exists; any other is left out.
pub(super) async fn add_topic(tx: &mut Tx, ticket: &str, topic: &str) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query(
        "INSERT INTO ticket_topics (ticket_id, topic_id) SELECT $1, id FROM topics WHERE id = $2
         ON CONFLICT (ticket_id, topic_id) DO NOTHING"
    )
    .bind(ticket)
    .bind(topic)
    .execute(conn)
    .await
    .map(drop))?;
    Ok(())
}

/// Two ways to write one mail address or telephone number have the same key; empty stays empty.
pub(super) fn reply_key(reply_to: &str) -> String {
    let folded = fold::fold(reply_to);
    if folded.contains('@') {
        return folded.replace(' ', "");
    }
    fold::number_key(reply_to)
}

/// Marks whether the inquirer waits for an answer to this ticket.
///
/// Not a change that editors could contradict: the version stays.
///
/// # Errors
/// When the store fails.
pub async fn mark_reply_waiting(
    tx: &mut Tx,
    now: Timestamp,
    ticket: TicketId,
    waiting: bool,
) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE tickets SET reply_waiting = $2,
         updated_at = CASE WHEN updated_at > $3 THEN updated_at ELSE $3 END WHERE id = $1",
        )
        .bind(ticket.to_string())
        .bind(waiting)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Something happened in one of the ticket's contacts: it moves up in lists sorted by change.
///
/// # Errors
/// When the store fails.
pub async fn touch(tx: &mut Tx, now: Timestamp, ticket: TicketId) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query("UPDATE tickets SET updated_at = $2 WHERE id = $1 AND updated_at < $2")
        .bind(ticket.to_string())
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// Gives a ticket that nobody owns to the agent who took its contact.
///
/// # Errors
/// When the store fails.
pub async fn take_over(
    tx: &mut Tx,
    now: Timestamp,
    ticket: TicketId,
    agent: AccountId,
) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query(
        "UPDATE tickets SET owner_id = $2, updated_at = $3 WHERE id = $1 AND owner_id IS NULL"
    )
    .bind(ticket.to_string())
    .bind(agent.to_string())
    .bind(now.0)
    .execute(conn)
    .await
    .map(drop))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_fiscal_year_is_named_after_the_era_of_its_first_day() {
        assert_eq!(fiscal_era(date(2026, 11, 24)), "R8");
        assert_eq!(fiscal_era(date(2027, 3, 31)), "R8");
        assert_eq!(fiscal_era(date(2027, 4, 1)), "R9");
        assert_eq!(fiscal_era(date(2020, 3, 31)), "H31");
        assert_eq!(fiscal_era(date(2020, 4, 1)), "R2");
        assert_eq!(fiscal_era(date(1985, 4, 1)), "1985");
    }

    #[test]
    fn one_address_in_two_spellings_has_one_key() {
        assert_eq!(reply_key("Mai.Nguyen＠Example.JP "), reply_key("mai.nguyen@example.jp"));
        assert_eq!(reply_key("+81 3-6838-0058"), reply_key("０３（６８３８）００５８"));
        assert_ne!(reply_key("+84 3 6838 0058"), reply_key("03-6838-0058"));
        assert_eq!(reply_key(""), "");
    }
}
