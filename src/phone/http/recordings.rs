//! Recordings: listed, heard, deleted.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::kernel::clock::Clock;
use crate::kernel::db::Db;
use crate::kernel::ids::{ContactId, RecordingId, TicketId};
use crate::kernel::problem::Problem;
use crate::media::g711::Law;
use crate::media::wav::Coding;
use crate::phone::record::store::{self, Row};
use crate::phone::record::vault::{Reader, VaultError};
use crate::phone::record::{Vault, keep};
use crate::security::audit::{self, Entry};
use crate::security::json::{Json, Path, Query};
use crate::security::{Agent, Identity, Role, Supervisor};

/// What the endpoints need.
#[derive(Clone, Debug)]
pub struct Recordings {
    pub db: Db,
    pub clock: Clock,
    pub vault: Vault,
}

/// Of what recordings are listed: one of the two.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Of {
    contact: Option<ContactId>,
    ticket: Option<TicketId>,
}

/// What a recording is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingKind {
    Call,
    /// What a caller said to nobody.
    Message,
}

/// How far a recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingStage {
    /// It is still being made, and cannot be heard yet.
    Running,
    Done,
    /// It broke off; what there is of it can be heard.
    Failed,
    Deleted,
}

/// A recording of a call: the caller on the left, whoever she heard on the right.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Recording {
    pub id: RecordingId,
    pub contact: ContactId,
    pub kind: RecordingKind,
    pub state: RecordingStage,
    /// Milliseconds since 1970.
    pub started_at: i64,
    pub ms: i64,
    /// Its loudest moment in each of equal steps, 0 to 255.
    pub peaks: Vec<u8>,
    /// Where it was paused, in milliseconds of its sound.
    pub pauses: Vec<i64>,
    /// When it is deleted by itself, in milliseconds since 1970.
    pub delete_at: i64,
    pub deleted_at: Option<i64>,
}

/// Recordings, the earliest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordingList {
    pub items: Vec<Recording>,
}

/// Why a recording is deleted before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletionReason {
    /// Whoever is heard asked for it.
    Asked,
    /// It should not have been recorded.
    Mistake,
    /// It is not needed any more.
    Unneeded,
}

/// A wish to delete a recording.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub struct Deletion {
    pub reason: DeletionReason,
}

fn shown(row: Row) -> Option<Recording> {
    Some(Recording {
        id: row.id.parse().ok()?,
        contact: row.contact_id.parse().ok()?,
        kind: if row.kind == "message" { RecordingKind::Message } else { RecordingKind::Call },
        state: match (row.deleted_at, row.state.as_str()) {
            (Some(_), _) => RecordingStage::Deleted,
            (None, "running") => RecordingStage::Running,
            (None, "failed") => RecordingStage::Failed,
            (None, _) => RecordingStage::Done,
        },
        started_at: row.started_at,
        ms: row.ms,
        peaks: row.peaks,
        pauses: serde_json::from_str(&row.pauses).unwrap_or_default(),
        delete_at: row.delete_at,
        deleted_at: row.deleted_at,
    })
}

/// Whoever may see the ticket may hear; of a sensitive one, its owner and supervisors.
fn may_hear(me: &Identity, row: &Row) -> Result<(), Problem> {
    let mine = row.owner_id.as_deref() == Some(me.account.to_string().as_str());
    if row.sensitive == Some(true) && !mine && me.role != Role::Supervisor {
        return Err(Problem::new(StatusCode::FORBIDDEN, "not_your_contact"));
    }
    Ok(())
}

/// The recordings of a contact, or of all contacts of a ticket.
#[utoipa::path(
    get, path = "/api/v1/phone/recordings", tag = "phone", params(Of),
    responses((status = 200, body = RecordingList), (status = 400), (status = 401), (status = 403))
)]
pub async fn list_recordings(
    State(parts): State<Arc<Recordings>>,
    Agent(me): Agent,
    Query(of): Query<Of>,
) -> Result<Json<RecordingList>, Problem> {
    let mut tx = parts.db.read().await?;
    let rows = match (of.contact, of.ticket) {
        (Some(contact), None) => store::of_contact(&mut tx, me.pool, contact).await?,
        (None, Some(ticket)) => store::of_ticket(&mut tx, me.pool, ticket).await?,
        _ => return Err(Problem::invalid("invalid_input").field("contact", "required")),
    };
    rows.iter().try_for_each(|row| may_hear(&me, row))?;
    Ok(Json(RecordingList { items: rows.into_iter().filter_map(shown).collect() }))
}

/// The row of a recording that there is something to hear of.
async fn kept(parts: &Recordings, me: &Identity, id: RecordingId) -> Result<(), Problem> {
    let row = store::get(&mut parts.db.read().await?, me.pool, id).await?.ok_or_else(Problem::not_found)?;
    may_hear(me, &row)?;
    if row.deleted_at.is_some() {
        return Err(Problem::new(StatusCode::GONE, "recording_deleted"));
    }
    if row.state == "running" { Err(Problem::conflict("recording_running")) } else { Ok(()) }
}

/// The sound of a recording: a WAV file of two channels in G.711 μ-law. The trail notes who heard it.
#[utoipa::path(
    get, path = "/api/v1/phone/recordings/{id}/audio", tag = "phone", params(("id" = RecordingId, Path)),
    responses((status = 200, body = [u8], content_type = "audio/wav"), (status = 401), (status = 403),
        (status = 404), (status = 409), (status = 410))
)]
pub async fn hear_recording(
    State(parts): State<Arc<Recordings>>,
    Agent(me): Agent,
    Path(id): Path<RecordingId>,
) -> Result<Response, Problem> {
    kept(&parts, &me, id).await?;
    let sound = Sound::open(parts.vault.clone(), id).await?;
    let (at, entry) = (parts.clock.now(), Entry::of(&me, "recording.hear", "recording", id.to_string()));
    let noted =
        parts.db.write(move |tx| Box::pin(async move { audit::record(tx, at, entry).await.map(drop) }));
    noted.await?;
    Ok(sound.into_response())
}

/// Deletes a recording before its time. What is left says that there was one.
#[utoipa::path(
    delete, path = "/api/v1/phone/recordings/{id}", tag = "phone", params(("id" = RecordingId, Path)),
    request_body = Deletion,
    responses((status = 204), (status = 400), (status = 401), (status = 403), (status = 404), (status = 409),
        (status = 410))
)]
pub async fn delete_recording(
    State(parts): State<Arc<Recordings>>,
    Supervisor(me): Supervisor,
    Path(id): Path<RecordingId>,
    Json(Deletion { reason }): Json<Deletion>,
) -> Result<StatusCode, Problem> {
    kept(&parts, &me, id).await?;
    let entry = Entry::of(&me, "recording.delete", "recording", id.to_string());
    let entry = entry.detail(json!({ "reason": reason }));
    if keep::delete(&parts.db, &parts.vault, id, parts.clock.now(), entry).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(StatusCode::GONE, "recording_deleted"))
}

/// A recording on its way out, chunk by chunk.
struct Sound {
    reader: Reader,
    next: usize,
    /// The first chunk, which is known to open.
    first: Vec<u8>,
    length: usize,
}

impl Sound {
    async fn open(vault: Vault, id: RecordingId) -> Result<Self, Problem> {
        let opened = blocking(move || {
            let mut reader = vault.open(id)?;
            let first = if reader.chunks() == 0 { Vec::new() } else { reader.chunk(0)?.0 };
            Ok(Self { next: 1, first, length: reader.sound_bytes(), reader })
        });
        opened.await.map_err(|error| {
            tracing::error!(recording = %id, %error, "a recording cannot be heard");
            Problem::conflict("recording_damaged")
        })
    }

    /// An error breaks the connection: a shorter recording must not pass for a whole one.
    async fn step(mut self) -> Result<Option<(Bytes, Self)>, VaultError> {
        if self.next >= self.reader.chunks() {
            return Ok(None);
        }
        let read = blocking(move || {
            let sound = self.reader.chunk(self.next)?.0;
            self.next += 1;
            Ok(Some((Bytes::from(sound), self)))
        });
        read.await.inspect_err(|error| tracing::error!(%error, "a recording broke off while it was heard"))
    }
}

impl IntoResponse for Sound {
    fn into_response(mut self) -> Response {
        let mut begin = Coding::G711(Law::Mu).header(2, u32::try_from(self.length).ok());
        let length = begin.len() + self.length;
        begin.append(&mut self.first);
        let rest = stream::try_unfold(self, Self::step);
        let begin = stream::iter([Ok::<_, VaultError>(Bytes::from(begin))]);
        let body = Body::from_stream(futures_util::StreamExt::chain(begin, rest));
        let head = [
            (header::CONTENT_TYPE, "audio/wav".to_owned()),
            (header::CONTENT_LENGTH, length.to_string()),
            // Sent as it is, so that its length is known.
            (header::CONTENT_ENCODING, "identity".to_owned()),
        ];
        (head, body).into_response()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::Other).into()))
}

/// The routes.
pub fn router(parts: Arc<Recordings>) -> Router {
    Router::new()
        .route("/api/v1/phone/recordings", get(list_recordings))
        .route("/api/v1/phone/recordings/{id}", delete(delete_recording))
        .route("/api/v1/phone/recordings/{id}/audio", get(hear_recording))
        .with_state(parts)
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(list_recordings, hear_recording, delete_recording))]
pub struct Api;
