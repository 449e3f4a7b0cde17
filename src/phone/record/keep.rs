//! What is done about recordings without anybody asking: those that a killed program left are closed, those
//! that are old are deleted.

use std::io;

use serde_json::json;

use crate::kernel::clock::Clock;
use crate::kernel::db::{Db, DbError};
use crate::kernel::ids::RecordingId;
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::problem::Problem;
use crate::kernel::time::{Millis, Timestamp};
use crate::media::g711::Law;
use crate::media::wav::Peaks;
use crate::security::audit::{self, Entry};

use super::recorder::ms_of;
use super::store::{self, End};
use super::vault::{Vault, VaultError};

/// Between two looks for recordings that are to be deleted.
const LOOK_EVERY: Millis = Millis::from_mins(60);

/// Closes what the last run left, as long as its chunks are. Call it before any recorder starts.
///
/// # Errors
/// When the store fails.
pub async fn take_up(db: &Db, vault: &Vault) -> Result<(), DbError> {
    let left = store::left_over(&mut db.read().await?).await?;
    if !left.is_empty() {
        tracing::info!(count = left.len(), "recordings of the last run are closed");
    }
    for id in left {
        let vault = vault.clone();
        let measured = tokio::task::spawn_blocking(move || measure(&vault, id)).await;
        let end = match measured {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => {
                tracing::error!(recording = %id, %error, "a recording of the last run cannot be read");
                End { failed: true, ..End::default() }
            }
            Err(_) => End { failed: true, ..End::default() },
        };
        db.write(move |tx| Box::pin(async move { store::end(tx, id, &end).await })).await?;
    }
    Ok(())
}

/// What a file holds. A chunk that is damaged ends it.
fn measure(vault: &Vault, id: RecordingId) -> Result<End, VaultError> {
    let mut reader = match vault.open(id) {
        Ok(reader) => reader,
        // Killed between the row and the file: nothing was recorded.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(End::default()),
        Err(error) => return Err(error.into()),
    };
    let (mut peaks, mut end, mut total) = (Peaks::default(), End::default(), 0);
    for number in 0..reader.chunks() {
        let (sound, after_pause) = reader.chunk(number)?;
        end.pauses.extend(after_pause.then_some(ms_of(total)));
        total += sound.len();
        let louder = |pair: &[u8]| {
            pair.iter().map(|byte| Law::Mu.decode(*byte)).max_by_key(|value| value.unsigned_abs())
        };
        let loudest: Vec<i16> = sound.chunks_exact(2).filter_map(louder).collect();
        peaks.push(&loudest);
    }
    end.ms = ms_of(total);
    end.bytes = i64::try_from(reader.length()).unwrap_or(i64::MAX);
    end.peaks = peaks.bytes();
    Ok(end)
}

/// Deletes what is old, now and every hour, until the program stops.
pub async fn run(db: Db, vault: Vault, clock: Clock, lifecycle: Lifecycle) {
    loop {
        match delete_due(&db, &vault, clock.now()).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old recordings were deleted"),
            Err(problem) => tracing::error!(code = problem.code, "old recordings were not deleted"),
        }
        let next = clock.now() + LOOK_EVERY;
        tokio::select! {
            () = lifecycle.stopping() => return,
            () = clock.sleep_until(next) => {}
        }
    }
}

/// Takes back a recording that nothing was said in.
pub async fn discard(db: &Db, vault: &Vault, id: RecordingId) {
    let vault = vault.clone();
    let gone = tokio::task::spawn_blocking(move || vault.delete(id)).await;
    if let Err(error) = gone.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())) {
        // The row stays, and with it the file is deleted when its time has come.
        tracing::error!(recording = %id, %error, "an empty recording was not deleted");
        return;
    }
    let unit = db.write(move |tx| Box::pin(async move { store::discard(tx, id).await }));
    if let Err(error) = unit.await {
        tracing::error!(recording = %id, %error, "an empty recording was not taken back");
    }
}

/// Deletes every recording whose time has come; gives how many.
///
/// # Errors
/// When the store or the vault fails.
pub async fn delete_due(db: &Db, vault: &Vault, now: Timestamp) -> Result<usize, Problem> {
    let mut count = 0;
    loop {
        let due = store::due(&mut db.read().await?, now).await?;
        if due.is_empty() {
            return Ok(count);
        }
        for id in due {
            let entry = Entry::system("recording.delete", "recording", id.to_string());
            delete(db, vault, id, now, entry.detail(json!({ "reason": "retention" }))).await?;
            count += 1;
        }
    }
}

/// Deletes one recording: its file, then what is known of its sound; the row stays. The trail gets `entry`.
/// `false` when it was deleted before.
///
/// # Errors
/// When the store or the vault fails; then it can be asked again.
pub async fn delete(
    db: &Db,
    vault: &Vault,
    id: RecordingId,
    now: Timestamp,
    entry: Entry,
) -> Result<bool, Problem> {
    let vault = vault.clone();
    let gone = tokio::task::spawn_blocking(move || vault.delete(id)).await;
    if let Err(error) = gone.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())) {
        tracing::error!(recording = %id, %error, "a recording was not deleted");
        return Err(Problem::internal());
    }
    let unit = db.write(move |tx| {
        Box::pin(async move {
            let marked = store::mark_deleted(tx, id, now).await?;
            if marked {
                audit::record(tx, now, entry).await?;
            }
            Ok::<_, DbError>(marked)
        })
    });
    Ok(unit.await?)
}
