//! What the last run left: calls that were cut become tickets to be called back, promises are kept.

use std::sync::Arc;

use crate::kernel::ids::ContactId;
use crate::kernel::time::{Millis, Timestamp};

use super::call::begin::{self, Reached};
use super::call::run::Who;
use super::call::view::Direction;
use super::exchange::Phone;
use super::{record, store};

/// Between two looks for callbacks that are due.
const LOOK_EVERY: Millis = Millis::from_secs(15);

/// Ends the calls of the last run, whose sound is gone, and waits on with whoever was promised a call.
///
/// # Errors
/// When the store fails.
pub async fn take_up(phone: &Arc<Phone>) -> anyhow::Result<()> {
    let left = store::left_over(&mut phone.parts.db.read().await?).await?;
    let (mut cut, mut kept) = (0, 0);
    for (id, promise) in left {
        let contact: ContactId = id.parse().map_err(|_| anyhow::anyhow!("a contact's id cannot be read"))?;
        if promise.as_deref() == Some("waiting") && keep(phone, contact).await? {
            kept += 1;
            continue;
        }
        match phone.parts.desk.fail(contact).await {
            Ok(()) => cut += 1,
            Err(problem) => tracing::error!(%contact, code = problem.code, "a cut call was not closed"),
        }
    }
    let orphans = record::store::orphans(&mut phone.parts.db.read().await?).await?;
    for (contact, desk) in orphans {
        if let Err(problem) = begin::leave_found(phone, contact, desk).await {
            tracing::error!(%contact, code = problem.code, "a message of the last run was not noted");
        }
    }
    if cut + kept > 0 {
        tracing::info!(cut, kept, "calls of the last run were taken up");
    }
    Ok(())
}

/// `false` when the contact cannot be called back after all.
async fn keep(phone: &Arc<Phone>, contact: ContactId) -> anyhow::Result<bool> {
    let (row, before) = {
        let mut tx = phone.parts.db.read().await?;
        (store::call(&mut tx, contact).await?, store::contact(&mut tx, contact).await?)
    };
    let (Some(row), Some(before)) = (row, before) else { return Ok(false) };
    let Ok(desk) = row.desk_id.parse() else { return Ok(false) };
    // An agent who had it when the program ended: nobody hears anybody any more.
    if before.state == "active" || before.state == "held" {
        return Ok(false);
    }
    let reached = Reached::of(phone, desk).await?;
    let who = Who { direction: Direction::Out, number: row.number.clone(), withheld: None, peer: None };
    let asked_at = Timestamp(row.callback_at.unwrap_or(row.started_at));
    let call = begin::promised(
        Arc::clone(phone),
        (reached, who, before.language),
        contact,
        asked_at,
        row.callback_tries,
    );
    call.launch();
    Ok(true)
}

/// Puts callbacks that reached nobody into the line again when they are due, until the program stops.
pub async fn try_again(phone: Arc<Phone>) {
    let (clock, lifecycle) = (phone.parts.clock.clone(), phone.parts.lifecycle.clone());
    loop {
        let due = clock.now() + LOOK_EVERY;
        tokio::select! {
            () = lifecycle.stopping() => return,
            () = clock.sleep_until(due) => {}
        }
        let rows = match phone.parts.db.read().await {
            Ok(mut tx) => store::again(&mut tx).await,
            Err(error) => Err(error),
        };
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, "callbacks that are due were not read");
                continue;
            }
        };
        let now = clock.now();
        for row in rows.iter().filter(|row| row.callback_next_at.is_none_or(|at| Timestamp(at) <= now)) {
            match begin::again(&phone, row).await {
                Ok(()) => {}
                // Tried when the desk is open again.
                Err(problem) if problem.code == "desk_closed" => {}
                Err(problem) => tracing::error!(code = problem.code, "a callback was not tried again"),
            }
        }
    }
}
