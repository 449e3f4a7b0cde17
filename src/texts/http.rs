//! Endpoints. Canned texts: read by agents, kept by administrators.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, patch};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::kernel::ids::TextId;
use crate::kernel::problem::Problem;
use crate::security::json::{Json, Path, Query};
use crate::security::{Administrator, Agent};

use super::{AdminText, CannedText, CannedTextChange, NewCannedText, store};

/// What the endpoints need.
#[derive(Clone)]
pub struct Texts {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
}

/// The routes of this feature.
pub fn router(parts: Arc<Texts>) -> Router {
    Router::new()
        .route("/api/v1/texts", get(list_texts))
        .route("/api/v1/admin/texts", get(list_all_texts).post(create_text))
        .route("/api/v1/admin/texts/{id}", patch(change_text).delete(delete_text))
        .with_state(parts)
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(list_texts, list_all_texts, create_text, change_text, delete_text))]
pub struct Api;

/// Which texts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// BCP 47; the language of the conversation.
    language: String,
}

/// The version that is removed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Removed {
    version: i64,
}

/// Texts in the order of the list.
#[derive(Serialize, ToSchema)]
struct CannedTexts {
    items: Vec<CannedText>,
}

/// All texts, in every language.
#[derive(Serialize, ToSchema)]
struct AdminTexts {
    items: Vec<AdminText>,
}

/// The texts of a language, with Japanese ones for the shortcuts it lacks.
#[utoipa::path(get, path = "/api/v1/texts", tag = "texts", params(Wanted),
    responses((status = 200, body = CannedTexts), (status = 401), (status = 403)))]
async fn list_texts(
    State(texts): State<Arc<Texts>>,
    _: Agent,
    Query(Wanted { language }): Query<Wanted>,
) -> Result<Json<CannedTexts>, Problem> {
    let mut tx = texts.db.read().await?;
    Ok(Json(CannedTexts { items: super::for_language(&mut tx, &language).await? }))
}

/// Every text.
#[utoipa::path(get, path = "/api/v1/admin/texts", tag = "admin",
    responses((status = 200, body = AdminTexts), (status = 401), (status = 403)))]
async fn list_all_texts(
    State(texts): State<Arc<Texts>>,
    _: Administrator,
) -> Result<Json<AdminTexts>, Problem> {
    let mut tx = texts.db.read().await?;
    Ok(Json(AdminTexts { items: store::all(&mut tx).await? }))
}

/// Makes a text.
#[utoipa::path(post, path = "/api/v1/admin/texts", tag = "admin", request_body = NewCannedText,
    responses((status = 200, body = AdminText), (status = 400), (status = 401), (status = 403),
        (status = 409)))]
async fn create_text(
    State(texts): State<Arc<Texts>>,
    Administrator(me): Administrator,
    Json(new): Json<NewCannedText>,
) -> Result<Json<AdminText>, Problem> {
    let now = texts.clock.now();
    let id = TextId::compose(now, texts.chance.bits());
    texts
        .db
        .write(move |tx| Box::pin(async move { super::create(tx, &me, now, id, new).await }))
        .await
        .map(Json)
}

/// Changes a text.
#[utoipa::path(patch, path = "/api/v1/admin/texts/{id}", tag = "admin", params(("id" = TextId, Path)),
    request_body = CannedTextChange,
    responses((status = 200, body = AdminText), (status = 400), (status = 401), (status = 403),
        (status = 404), (status = 409)))]
async fn change_text(
    State(texts): State<Arc<Texts>>,
    Administrator(me): Administrator,
    Path(id): Path<TextId>,
    Json(change): Json<CannedTextChange>,
) -> Result<Json<AdminText>, Problem> {
    let now = texts.clock.now();
    texts
        .db
        .write(move |tx| Box::pin(async move { super::change(tx, &me, now, id, change).await }))
        .await
        .map(Json)
}

/// Removes a text.
#[utoipa::path(delete, path = "/api/v1/admin/texts/{id}", tag = "admin",
    params(("id" = TextId, Path), Removed),
    responses((status = 204), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409)))]
async fn delete_text(
    State(texts): State<Arc<Texts>>,
    Administrator(me): Administrator,
    Path(id): Path<TextId>,
    Query(Removed { version }): Query<Removed>,
) -> Result<StatusCode, Problem> {
    let now = texts.clock.now();
    texts.db.write(move |tx| Box::pin(async move { super::delete(tx, &me, now, id, version).await })).await?;
    Ok(StatusCode::NO_CONTENT)
}
