//! Endpoints. Signing in and out, step by step.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::db::DbError;
use crate::kernel::ids::{AccountId, DeskId};
use crate::kernel::problem::Problem;

use super::identity::{Identity, Role, SignedIn, Stage};
use super::json::Json;
use super::sessions::{SessionToken, Sessions};
use super::signin::Step;
use super::{Client, TrustedProxies, store};

pub use super::gate::identify;

/// Where a sign-in begins: the one change that needs no token, because there is no session yet.
pub(super) const BEGIN: &str = "/api/v1/session";

/// The routes of this feature.
pub fn router(sessions: Arc<Sessions>) -> Router {
    Router::new()
        .route(BEGIN, get(read_session).post(begin_session).patch(change_session).delete(end_session))
        .route("/api/v1/session/totp", post(say_code))
        .route("/api/v1/session/enrol", post(enrol_totp))
        .route("/api/v1/session/enrol/confirm", post(confirm_totp))
        .route("/api/v1/session/password", post(change_password))
        .with_state(sessions)
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(
    read_session,
    begin_session,
    change_session,
    end_session,
    say_code,
    enrol_totp,
    confirm_totp,
    change_password
))]
pub struct Api;

/// Login and password.
#[derive(Deserialize, ToSchema)]
pub struct Credentials {
    login: String,
    password: String,
}

/// A code of the second factor.
#[derive(Deserialize, ToSchema)]
pub struct Code {
    /// Six digits; spaces are ignored.
    code: String,
}

/// A change of the password.
#[derive(Deserialize, ToSchema)]
pub struct NewPassword {
    current: String,
    /// 12 to 128 characters.
    new: String,
}

/// What a person may choose for themselves.
#[derive(Deserialize, ToSchema)]
pub struct SessionChange {
    ui_language: UiLanguage,
}

/// A language of the interface.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UiLanguage {
    Ja,
    En,
}

/// What comes next in the sign-in, and the token that every change must bring from now on.
#[derive(Serialize, ToSchema)]
pub struct StepAnswer {
    next: Stage,
    csrf: String,
}

/// The person who is signed in.
#[derive(Serialize, ToSchema)]
pub struct Me {
    id: AccountId,
    name: String,
    role: Role,
    ui_language: String,
    desks: Vec<DeskId>,
}

/// The session of whoever asks.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    me: Me,
    csrf: String,
    stage: Stage,
}

/// What an app needs to show codes.
#[derive(Serialize, ToSchema)]
pub struct EnrolmentView {
    otpauth_url: String,
    /// The address as a picture: an SVG document.
    qr_svg: String,
    /// The same secret to be typed, in base 32.
    secret: String,
}

fn stepped(sessions: &Sessions, step: &Step) -> Response {
    let answer = StepAnswer { next: step.next, csrf: step.token.csrf() };
    ([(header::SET_COOKIE, sessions.cookie(Some(&step.token)))], Json(answer)).into_response()
}

/// Who is signed in, and how far.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionView), (status = 401)))]
async fn read_session(
    SignedIn(me): SignedIn,
    axum::Extension(token): axum::Extension<SessionToken>,
) -> Json<SessionView> {
    let Identity { account, name, role, ui_language, desks, stage, .. } = me;
    Json(SessionView { me: Me { id: account, name, role, ui_language, desks }, csrf: token.csrf(), stage })
}

/// Begins a session with login and password.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Credentials,
    responses((status = 200, body = StepAnswer), (status = 401), (status = 429)))]
async fn begin_session(
    State(sessions): State<Arc<Sessions>>,
    client: Client,
    headers: HeaderMap,
    Json(Credentials { login, password }): Json<Credentials>,
) -> Result<Response, Problem> {
    let before = sessions.token_of(&headers);
    let step = sessions.sign_in(client, before, &login, password).await?;
    Ok(stepped(&sessions, &step))
}

/// Keeps the language of the interface.
#[utoipa::path(patch, path = "/api/v1/session", tag = "session", request_body = SessionChange,
    responses((status = 204), (status = 401)))]
async fn change_session(
    State(sessions): State<Arc<Sessions>>,
    SignedIn(me): SignedIn,
    Json(change): Json<SessionChange>,
) -> Result<StatusCode, Problem> {
    let language = match change.ui_language {
        UiLanguage::Ja => "ja",
        UiLanguage::En => "en",
    };
    let account = me.account;
    sessions
        .parts
        .db
        .write::<(), DbError, _>(move |tx| Box::pin(store::set_language(tx, account, language)))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204), (status = 401)))]
async fn end_session(
    State(sessions): State<Arc<Sessions>>,
    SignedIn(me): SignedIn,
) -> Result<Response, Problem> {
    sessions.sign_out(&me).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, sessions.cookie(None))]).into_response())
}

/// The second factor's code.
#[utoipa::path(post, path = "/api/v1/session/totp", tag = "session", request_body = Code,
    responses((status = 200, body = StepAnswer), (status = 401), (status = 409), (status = 429)))]
async fn say_code(
    State(sessions): State<Arc<Sessions>>,
    SignedIn(me): SignedIn,
    Json(Code { code }): Json<Code>,
) -> Result<Response, Problem> {
    let step = sessions.take_code(&me, &code).await?;
    Ok(stepped(&sessions, &step))
}

/// Makes a second factor; it counts once its first code was confirmed.
#[utoipa::path(post, path = "/api/v1/session/enrol", tag = "session",
    responses((status = 200, body = EnrolmentView), (status = 401), (status = 409)))]
async fn enrol_totp(
    State(sessions): State<Arc<Sessions>>,
    SignedIn(me): SignedIn,
) -> Result<Json<EnrolmentView>, Problem> {
    let made = sessions.enrol(&me).await?;
    Ok(Json(EnrolmentView { otpauth_url: made.otpauth_url, qr_svg: made.qr_svg, secret: made.secret }))
}

/// Confirms a second factor with its first code.
#[utoipa::path(post, path = "/api/v1/session/enrol/confirm", tag = "session", request_body = Code,
    responses((status = 200, body = StepAnswer), (status = 401), (status = 409), (status = 429)))]
async fn confirm_totp(
    State(sessions): State<Arc<Sessions>>,
    SignedIn(me): SignedIn,
    Json(Code { code }): Json<Code>,
) -> Result<Response, Problem> {
    let step = sessions.confirm(&me, &code).await?;
    Ok(stepped(&sessions, &step))
}

/// Replaces the password and ends the account's other sessions.
#[utoipa::path(post, path = "/api/v1/session/password", tag = "session", request_body = NewPassword,
    responses((status = 200, body = StepAnswer), (status = 400), (status = 401), (status = 409),
        (status = 429)))]
async fn change_password(
    State(sessions): State<Arc<Sessions>>,
    SignedIn(me): SignedIn,
    Json(NewPassword { current, new }): Json<NewPassword>,
) -> Result<Response, Problem> {
    let step = sessions.change_password(&me, current, new).await?;
    Ok(stepped(&sessions, &step))
}

/// Finds the address behind each request for [`super::Client`].
pub async fn name_client(
    State(proxies): State<Arc<TrustedProxies>>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = proxies.client(super::client::peer_of(request.extensions()), request.headers());
    request.extensions_mut().insert(client);
    next.run(request).await
}
