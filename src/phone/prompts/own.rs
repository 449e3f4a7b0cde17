//! A desk's own recordings: brought in as WAV, kept as μ-law in `phone_prompts`.

use std::sync::Arc;

use axum::body::Bytes;
use serde_json::json;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::DeskId;
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::language::LangTag;
use crate::media::g711::Law;
use crate::media::wav::{self, Coding, WavError};
use crate::media::{FRAME, RATE};
use crate::on_db;
use crate::security::Identity;
use crate::security::audit::{self, Entry};

use super::super::settings;
use super::{Library, Own, is_name, seconds};

/// Bytes of a WAV file that is brought in; a larger one is refused.
pub const WAV_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Seconds of one prompt; a longer one is refused: a caller would not listen so long.
pub const PROMPT_SECONDS_MAX: u32 = 120;

/// Own recordings of one desk; one more is refused.
pub const OWN_MAX: usize = 400;

/// Which sound of a desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub desk: DeskId,
    pub name: String,
    pub language: LangTag,
}

impl Place {
    /// A place that the words of an address name.
    ///
    /// # Errors
    /// `not_found` for what can be no prompt's name or no language.
    pub fn new(desk: DeskId, name: String, language: &str) -> Result<Self, Problem> {
        let language = language.parse().map_err(|_| Problem::not_found())?;
        if is_name(&name) { Ok(Self { desk, name, language }) } else { Err(Problem::not_found()) }
    }
}

/// A row without its sound.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct OwnPrompt {
    pub name: String,
    pub language: String,
    /// Of μ-law: [`RATE`] a second.
    pub bytes: i64,
}

impl OwnPrompt {
    /// What a sound in a place will be listed as.
    #[must_use]
    pub fn new(place: &Place, ulaw: &[u8]) -> Self {
        let bytes = i64::try_from(ulaw.len()).unwrap_or(i64::MAX);
        Self { name: place.name.clone(), language: place.language.to_string(), bytes }
    }
}

/// [`convert`] beside the program's other work.
///
/// # Errors
/// 400 `wav_unusable`, with the reason at the field `wav`.
pub async fn import(file: Bytes) -> Result<Arc<[u8]>, Problem> {
    tokio::task::spawn_blocking(move || convert(&file)).await.map_err(|error| {
        tracing::error!(error = %error, "a sound file could not be converted");
        Problem::internal()
    })?
}

/// Turns a WAV file into 8 kHz mono μ-law. Computes for a moment: call it where blocking is allowed.
///
/// # Errors
/// 400 `wav_unusable`, with the reason at the field `wav`.
pub fn convert(file: &[u8]) -> Result<Arc<[u8]>, Problem> {
    let samples = wav::read(file).map_err(|error| unusable(reason(error)))?;
    let longest = usize::try_from(RATE * PROMPT_SECONDS_MAX).unwrap_or(usize::MAX);
    if samples.len() > longest {
        return Err(unusable("too_long"));
    }
    if samples.len() < FRAME {
        return Err(unusable("empty"));
    }
    Ok(samples.into_iter().map(|sample| Law::Mu.encode(sample)).collect())
}

fn unusable(reason: &'static str) -> Problem {
    Problem::invalid("wav_unusable").with("max", PROMPT_SECONDS_MAX).field("wav", reason)
}

const fn reason(error: WavError) -> &'static str {
    match error {
        WavError::TooLarge => "too_large",
        WavError::NoWav => "invalid",
        WavError::Empty => "empty",
        WavError::Coding { .. } => "coding",
        WavError::Channels(_) => "channels",
        WavError::Rate(_) => "rate",
        WavError::TooLong => "too_long",
    }
}

/// A WAV file of μ-law, as every player opens it: 16 bits, 8 kHz, one channel.
#[must_use]
pub fn as_wav(ulaw: &[u8]) -> Vec<u8> {
    let mut file = Coding::Pcm16.header(1, u32::try_from(ulaw.len().saturating_mul(2)).ok());
    file.extend(ulaw.iter().flat_map(|byte| Law::Mu.decode(*byte).to_le_bytes()));
    file
}

/// All own sounds of a desk.
///
/// # Errors
/// When the store fails.
pub async fn sounds(tx: &mut Tx, desk: DeskId) -> Result<Own, DbError> {
    let rows: Vec<(String, String, Vec<u8>)> = on_db!(tx, |conn| {
        sqlx::query_as("SELECT name, language, ulaw FROM phone_prompts WHERE desk_id = $1")
            .bind(desk.to_string())
            .fetch_all(conn)
            .await
    })?;
    Ok(rows.into_iter().map(|(name, language, ulaw)| ((name, language), Arc::from(ulaw))).collect())
}

/// What a desk recorded, by name and then by language.
///
/// # Errors
/// When the store fails.
pub async fn list(tx: &mut Tx, desk: DeskId) -> Result<Vec<OwnPrompt>, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT name, language, CAST(LENGTH(ulaw) AS BIGINT) AS bytes FROM phone_prompts
             WHERE desk_id = $1 ORDER BY name, language",
        )
        .bind(desk.to_string())
        .fetch_all(conn)
        .await
    })?;
    Ok(rows)
}

/// What is heard in exactly this place: the desk's own sound, or the built-in one.
///
/// # Errors
/// When the store fails.
pub async fn heard(tx: &mut Tx, place: &Place) -> Result<Option<Arc<[u8]>>, DbError> {
    if let Some(own) = get(tx, place).await? {
        return Ok(Some(Arc::from(own)));
    }
    let built_in = Library::get().recording(&place.name, place.language.as_str());
    Ok(built_in.map(|recording| Arc::clone(&recording.ulaw)))
}

/// The desk's own sound in exactly this place.
async fn get(tx: &mut Tx, place: &Place) -> Result<Option<Vec<u8>>, DbError> {
    let found = on_db!(tx, |conn| {
        sqlx::query_scalar(
            "SELECT ulaw FROM phone_prompts WHERE desk_id = $1 AND name = $2 AND language = $3",
        )
        .bind(place.desk.to_string())
        .bind(&place.name)
        .bind(place.language.as_str())
        .fetch_optional(conn)
        .await
    })?;
    Ok(found)
}

/// Puts a desk's own sound into a place; the name may be a new one.
///
/// # Errors
/// `not_found` for a desk of another pool, `limit_reached`, or the store's failure.
pub async fn replace(
    tx: &mut Tx,
    me: &Identity,
    now: Timestamp,
    place: &Place,
    ulaw: &[u8],
) -> Result<(), Problem> {
    settings::demand_desk(tx, me.pool, place.desk).await?;
    let others = list(tx, place.desk).await?;
    let known = others.iter().any(|own| own.name == place.name && own.language == place.language.as_str());
    if others.len() >= OWN_MAX && !known {
        return Err(Problem::conflict("limit_reached").with("max", OWN_MAX));
    }
    put(tx, now, place, ulaw).await?;
    record(tx, me, now, place, Some(ulaw.len())).await?;
    Ok(())
}

/// Takes a desk's own sound back: what is built in is heard again.
///
/// # Errors
/// `not_found`, `prompt_in_use` when the desk says a prompt that has no other sound, or the store's
/// failure.
pub async fn take_back(tx: &mut Tx, me: &Identity, now: Timestamp, place: &Place) -> Result<(), Problem> {
    settings::demand_desk(tx, me.pool, place.desk).await?;
    let own = list(tx, place.desk).await?;
    let last = own.iter().filter(|own| own.name == place.name).count() == 1;
    if last && !Library::get().names().contains(place.name.as_str()) {
        let says = settings::store::read(tx, place.desk).await?.says(&place.name);
        if says {
            return Err(Problem::conflict("prompt_in_use"));
        }
    }
    if !delete(tx, place).await? {
        return Err(Problem::not_found());
    }
    record(tx, me, now, place, None).await?;
    Ok(())
}

async fn record(
    tx: &mut Tx,
    me: &Identity,
    now: Timestamp,
    place: &Place,
    bytes: Option<usize>,
) -> Result<(), DbError> {
    let detail = json!({
        "name": place.name,
        "language": place.language,
        "seconds": bytes.map(seconds),
    });
    let entry = Entry::of(me, "phone.prompt", "phone", place.desk.to_string()).detail(detail);
    audit::record(tx, now, entry).await.map(drop)
}

async fn put(tx: &mut Tx, now: Timestamp, place: &Place, ulaw: &[u8]) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO phone_prompts (desk_id, name, language, ulaw, changed_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (desk_id, name, language)
             DO UPDATE SET ulaw = excluded.ulaw, changed_at = excluded.changed_at",
        )
        .bind(place.desk.to_string())
        .bind(&place.name)
        .bind(place.language.as_str())
        .bind(ulaw)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Whether there was one.
async fn delete(tx: &mut Tx, place: &Place) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query("DELETE FROM phone_prompts WHERE desk_id = $1 AND name = $2 AND language = $3")
            .bind(place.desk.to_string())
            .bind(&place.name)
            .bind(place.language.as_str())
            .execute(conn)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, length: usize) -> Vec<u8> {
        let data: Vec<u8> =
            (0..64_i16).cycle().take(length).flat_map(|n| (n * 256 - 8192).to_le_bytes()).collect();
        let mut file = Coding::Pcm16.header(1, u32::try_from(data.len()).ok());
        file[24..28].copy_from_slice(&rate.to_le_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn a_file_becomes_what_the_telephone_takes_and_can_be_heard_again() {
        let ulaw = convert(&tone(16_000, 32_000)).unwrap();
        assert_eq!(ulaw.len(), 16_000);
        let heard = wav::read(&as_wav(&ulaw)).unwrap();
        assert!(heard.iter().zip(ulaw.iter()).all(|(sample, byte)| Law::Mu.encode(*sample) == *byte));
    }

    #[test]
    fn hostile_bytes_are_refused_with_a_reason() {
        let why = |file: &[u8]| {
            let problem = convert(file).unwrap_err();
            assert_eq!(problem.code, "wav_unusable");
            problem.fields["wav"]
        };
        assert_eq!(why(b""), "invalid");
        assert_eq!(why(&[0xff; 4096]), "invalid");
        assert_eq!(why(&tone(8000, 0)), "empty");
        assert_eq!(why(&tone(8000, FRAME - 1)), "empty");
        assert_eq!(why(&tone(96_000, 9000)), "rate");
        assert_eq!(why(&tone(8000, 8000 * 121)), "too_long");
        let whole = tone(44_100, 4000);
        for cut in 0..80 {
            let _ = convert(&whole[..cut]);
        }
        for at in 0..60 {
            let mut torn = whole.clone();
            torn[at] ^= 0xff;
            let _ = convert(&torn);
        }
    }
}
