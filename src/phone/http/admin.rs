//! The administrator's endpoints: how each desk answers the phone, and what it says.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::kernel::ids::DeskId;
use crate::kernel::problem::Problem;
use crate::phone::prompts::list::{self, PhonePrompt, PhonePromptList};
use crate::phone::prompts::own::{self, OwnPrompt, Place};
use crate::phone::settings::{self, PhoneDesk, PhoneDeskList};
use crate::security::Administrator;
use crate::security::json::{Json, Path, Query};

use super::PhoneAdmin;

/// Names under which browsers send a WAV file (RFC 2361 registers `audio/vnd.wave`, nobody uses it alone).
const WAV_TYPES: [&str; 4] = ["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"];

/// Whose prompts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfDesk {
    desk: DeskId,
}

/// A WAV file as a body. Refuses with 415 `wav_needed` or 413 `body_too_large`.
pub struct Wav(Bytes);

impl<S: Send + Sync> FromRequest<S> for Wav {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !says_wav(request.headers()) {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wav_needed"));
        }
        Bytes::from_request(request, state).await.map(Self).map_err(|refused| {
            if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
            } else {
                Problem::invalid("invalid_input")
            }
        })
    }
}

fn says_wav(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    WAV_TYPES.iter().any(|wav| kind.eq_ignore_ascii_case(wav))
}

/// How each desk answers the phone.
#[utoipa::path(get, path = "/api/v1/admin/phone", tag = "admin",
    responses((status = 200, body = PhoneDeskList), (status = 401), (status = 403)))]
pub async fn list_phone_desks(
    State(phone): State<Arc<PhoneAdmin>>,
    Administrator(me): Administrator,
) -> Result<Json<PhoneDeskList>, Problem> {
    let items = settings::store::list(&mut phone.db.read().await?, me.pool).await?;
    Ok(Json(PhoneDeskList { items }))
}

/// Replaces how a desk answers the phone. `version` is the one that the change was made from.
#[utoipa::path(put, path = "/api/v1/admin/phone/{desk}", tag = "admin", params(("desk" = DeskId, Path)),
    request_body = PhoneDesk,
    responses((status = 200, body = PhoneDesk), (status = 400), (status = 401), (status = 403),
        (status = 404), (status = 409)))]
pub async fn change_phone_desk(
    State(phone): State<Arc<PhoneAdmin>>,
    Administrator(me): Administrator,
    Path(desk): Path<DeskId>,
    Json(after): Json<PhoneDesk>,
) -> Result<Json<PhoneDesk>, Problem> {
    if after.desk != desk {
        return Err(Problem::invalid("invalid_input").field("desk", "invalid"));
    }
    let now = phone.clock.now();
    let unit = phone.db.write(move |tx| Box::pin(async move { settings::change(tx, &me, now, after).await }));
    unit.await.map(Json)
}

/// What a desk can say: each prompt in each language.
#[utoipa::path(get, path = "/api/v1/admin/phone/prompts", tag = "admin", params(OfDesk),
    responses((status = 200, body = PhonePromptList), (status = 400), (status = 401), (status = 403),
        (status = 404)))]
pub async fn list_prompts(
    State(phone): State<Arc<PhoneAdmin>>,
    Administrator(me): Administrator,
    Query(OfDesk { desk }): Query<OfDesk>,
) -> Result<Json<PhonePromptList>, Problem> {
    let mut tx = phone.db.read().await?;
    settings::demand_desk(&mut tx, me.pool, desk).await?;
    let own = own::list(&mut tx, desk).await?;
    Ok(Json(PhonePromptList { items: list::list(own) }))
}

/// Puts a desk's own recording into the place of a prompt, or under a new name that its menus may say: a WAV
/// file of at most 2 MiB and two minutes.
#[utoipa::path(put, path = "/api/v1/admin/phone/prompts/{desk}/{name}/{language}", tag = "admin",
    params(("desk" = DeskId, Path), ("name" = String, Path), ("language" = String, Path)),
    request_body(content = [u8], content_type = "audio/wav"),
    responses((status = 200, body = PhonePrompt), (status = 400), (status = 401), (status = 403),
        (status = 404), (status = 409), (status = 413), (status = 415)))]
pub async fn replace_prompt(
    State(phone): State<Arc<PhoneAdmin>>,
    Administrator(me): Administrator,
    Path((desk, name, language)): Path<(DeskId, String, String)>,
    Wav(file): Wav,
) -> Result<Json<PhonePrompt>, Problem> {
    let place = Place::new(desk, name, &language)?;
    let ulaw = own::import(file).await?;
    let now = phone.clock.now();
    let heard = PhonePrompt::own(OwnPrompt::new(&place, &ulaw));
    let unit =
        phone.db.write(move |tx| Box::pin(async move { own::replace(tx, &me, now, &place, &ulaw).await }));
    unit.await.map(|()| Json(heard))
}

/// Takes a desk's own recording back: what is built in is heard again.
#[utoipa::path(delete, path = "/api/v1/admin/phone/prompts/{desk}/{name}/{language}", tag = "admin",
    params(("desk" = DeskId, Path), ("name" = String, Path), ("language" = String, Path)),
    responses((status = 204), (status = 401), (status = 403), (status = 404), (status = 409)))]
pub async fn take_prompt_back(
    State(phone): State<Arc<PhoneAdmin>>,
    Administrator(me): Administrator,
    Path((desk, name, language)): Path<(DeskId, String, String)>,
) -> Result<StatusCode, Problem> {
    let place = Place::new(desk, name, &language)?;
    let now = phone.clock.now();
    let unit = phone.db.write(move |tx| Box::pin(async move { own::take_back(tx, &me, now, &place).await }));
    unit.await.map(|()| StatusCode::NO_CONTENT)
}

/// What callers hear of a prompt in a language, for listening.
#[utoipa::path(get, path = "/api/v1/admin/phone/prompts/{desk}/{name}/{language}", tag = "admin",
    params(("desk" = DeskId, Path), ("name" = String, Path), ("language" = String, Path)),
    responses((status = 200, body = [u8], content_type = "audio/wav"), (status = 401), (status = 403),
        (status = 404)))]
pub async fn hear_prompt(
    State(phone): State<Arc<PhoneAdmin>>,
    Administrator(me): Administrator,
    Path((desk, name, language)): Path<(DeskId, String, String)>,
) -> Result<Response, Problem> {
    let place = Place::new(desk, name, &language)?;
    let mut tx = phone.db.read().await?;
    settings::demand_desk(&mut tx, me.pool, desk).await?;
    let ulaw = own::heard(&mut tx, &place).await?.ok_or_else(Problem::not_found)?;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], own::as_wav(&ulaw)).into_response())
}
