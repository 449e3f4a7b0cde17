//! Endpoints. Visitors' side of the chat: HTTP, socket, server-sent events; and the agents' transcript.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::desk::Desk;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::{Db, DbError};
use crate::kernel::ids::ContactId;
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::problem::Problem;
use crate::kernel::telemetry::Metrics;
use crate::language::Detector;
use crate::security::audit::{self, Entry};
use crate::security::json::{Json, Path, Query};
use crate::security::keys::InstallKey;
use crate::security::{Agent, Client};

use super::protocol::{
    ChatBegun, Conversation, LanguageChoice, MessageLeft, NewChat, NewMessageLeft, Rating, ReadUpTo, Said,
    Say, StateView, Status, StreamKey, VisitorEvent, VisitorFrame,
};
use super::reception::{Reception, Visitor};
use super::{feed, socket, stream};

/// What the endpoints need.
#[derive(Clone)]
pub struct Chat {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub zone: TimeZone,
    pub desk: Desk,
    pub detector: Arc<Detector>,
    pub key: InstallKey,
    /// Sites that may embed the widget.
    pub widget_origins: Vec<String>,
    /// The address people type; empty: whatever host the browser asked for.
    pub public_url: String,
    pub lifecycle: Lifecycle,
    pub metrics: Metrics,
}

/// The routes of visitors, and those of staff, which belong behind the session's middleware. Starts looking
/// for visitors who have gone.
pub fn routers(parts: &Arc<Chat>) -> (Router, Router) {
    let reception = Reception::new(Arc::clone(parts));
    parts.lifecycle.spawn(Arc::clone(&reception).sweep());
    let visitors = Router::new()
        .route("/api/v1/chat/status", get(status))
        .route("/api/v1/chat", post(begin))
        .route("/api/v1/chat/leave", post(leave))
        .route("/api/v1/chat/me", get(me))
        .route("/api/v1/chat/ticket", post(ticket))
        .route("/api/v1/chat/stream", get(stream::open))
        .route("/api/v1/chat/send", post(send))
        .route("/api/v1/chat/typing", post(typing))
        .route("/api/v1/chat/read", post(read))
        .route("/api/v1/chat/end", post(end))
        .route("/api/v1/chat/divert", post(divert))
        .route("/api/v1/chat/rate", post(rate))
        .route("/api/v1/chat/language", post(language))
        .route("/api/v1/chat/transcript", get(transcript))
        .route("/ws/visitor", get(socket::open))
        .with_state(Arc::clone(&reception));
    let staff =
        Router::new().route("/api/v1/contacts/{id}/transcript", get(staff_transcript)).with_state(reception);
    (visitors, staff)
}

type Here = State<Arc<Reception>>;

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(
        status,
        begin,
        leave,
        me,
        ticket,
        stream::open,
        send,
        typing,
        read,
        end,
        divert,
        rate,
        language,
        transcript,
        staff_transcript
    ),
    components(schemas(VisitorFrame, VisitorEvent))
)]
pub struct Api;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct StatusQuery {
    /// The slug of a desk; absent: all.
    desk: Option<String>,
    /// BCP 47: the expected wait is for this language.
    language: Option<String>,
    /// An id of a topic.
    topic: Option<String>,
}

/// Which desks are open, and how long one waits
#[utoipa::path(get, path = "/api/v1/chat/status", tag = "chat", params(StatusQuery),
    responses((status = 200, body = Status), (status = 429, description = "rate_limited")))]
async fn status(
    State(reception): Here,
    client: Client,
    Query(asked): Query<StatusQuery>,
) -> Result<Json<Status>, Problem> {
    reception.limits.status(&client.address_key(&reception.parts.key), reception.now())?;
    let (desk, language, topic) = (asked.desk.as_deref(), asked.language.as_deref(), asked.topic.as_deref());
    reception.status(desk, language, topic).await.map(Json)
}

/// Begin to wait for an agent
///
/// The same `client_id` from the same network is the same conversation: send it again when an answer was
/// lost. A first message gets the `client_id` `first`.
#[utoipa::path(post, path = "/api/v1/chat", tag = "chat", request_body = NewChat,
    responses((status = 200, body = ChatBegun), (status = 409, description = "desk_closed"),
        (status = 429, description = "open_chats, rate_limited")))]
async fn begin(
    State(reception): Here,
    client: Client,
    Json(new): Json<NewChat>,
) -> Result<Json<ChatBegun>, Problem> {
    reception.begin(&new, client).await.map(Json)
}

/// Leave a message, answered later on a private page
#[utoipa::path(post, path = "/api/v1/chat/leave", tag = "chat", request_body = NewMessageLeft,
    responses((status = 200, body = MessageLeft), (status = 429, description = "rate_limited")))]
async fn leave(
    State(reception): Here,
    client: Client,
    Json(new): Json<NewMessageLeft>,
) -> Result<Json<MessageLeft>, Problem> {
    reception.leave(&new, client).await.map(Json)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct After {
    /// The last message the page has.
    #[serde(default)]
    after: i64,
}

/// The conversation of the token
#[utoipa::path(get, path = "/api/v1/chat/me", tag = "chat", params(After),
    responses((status = 200, body = Conversation), (status = 401, description = "token_needed"),
        (status = 404, description = "not_found"), (status = 410, description = "expired_link")))]
async fn me(
    State(reception): Here,
    Visitor(talk): Visitor,
    Query(After { after }): Query<After>,
) -> Result<Json<Conversation>, Problem> {
    reception.view(&talk, after.max(0)).await.map(Json)
}

/// A key that opens the stream for one minute
#[utoipa::path(post, path = "/api/v1/chat/ticket", tag = "chat",
    responses((status = 200, body = StreamKey), (status = 401, description = "token_needed")))]
async fn ticket(State(reception): Here, Visitor(talk): Visitor) -> Json<StreamKey> {
    Json(stream::key(&reception, talk.contact))
}

/// Send a message; the answer comes once it is on disk
#[utoipa::path(post, path = "/api/v1/chat/send", tag = "chat", request_body = Say,
    responses((status = 200, body = Said), (status = 400, description = "message_empty, message_too_long"),
        (status = 401, description = "token_needed"), (status = 429, description = "too_many_messages")))]
async fn send(
    State(reception): Here,
    Visitor(talk): Visitor,
    Json(say): Json<Say>,
) -> Result<Json<Said>, Problem> {
    reception.say(&talk, &say.client_id, &say.body).await.map(Json)
}

/// A sign for the agent that she is typing
#[utoipa::path(post, path = "/api/v1/chat/typing", tag = "chat",
    responses((status = 204), (status = 401, description = "token_needed")))]
async fn typing(State(reception): Here, Visitor(talk): Visitor) -> StatusCode {
    reception.typing(&talk);
    StatusCode::NO_CONTENT
}

/// How far the agent's messages were received or read
#[utoipa::path(post, path = "/api/v1/chat/read", tag = "chat", request_body = ReadUpTo,
    responses((status = 204), (status = 401, description = "token_needed")))]
async fn read(
    State(reception): Here,
    Visitor(talk): Visitor,
    Json(read): Json<ReadUpTo>,
) -> Result<StatusCode, Problem> {
    reception.mark(&talk, read.up_to_seq, read.kind).await.map(|()| StatusCode::NO_CONTENT)
}

/// End the conversation
#[utoipa::path(post, path = "/api/v1/chat/end", tag = "chat",
    responses((status = 200, body = StateView), (status = 401, description = "token_needed"),
        (status = 409, description = "closed")))]
async fn end(State(reception): Here, Visitor(talk): Visitor) -> Result<Json<StateView>, Problem> {
    reception.parts.desk.inquirer_ends(talk.contact).await?;
    let talk = feed::load(&reception, talk.contact).await?;
    reception.standing(&talk).await.map(Json)
}

/// Stop waiting: what was written stays as a left message
#[utoipa::path(post, path = "/api/v1/chat/divert", tag = "chat",
    responses((status = 200, body = StateView), (status = 401, description = "token_needed"),
        (status = 409, description = "closed")))]
async fn divert(State(reception): Here, Visitor(talk): Visitor) -> Result<Json<StateView>, Problem> {
    reception.parts.desk.inquirer_diverts(talk.contact).await?;
    let talk = feed::load(&reception, talk.contact).await?;
    reception.standing(&talk).await.map(Json)
}

/// Say how it was, once
#[utoipa::path(post, path = "/api/v1/chat/rate", tag = "chat", request_body = Rating,
    responses((status = 204), (status = 401, description = "token_needed"),
        (status = 409, description = "already_rated")))]
async fn rate(
    State(reception): Here,
    Visitor(talk): Visitor,
    Json(rating): Json<Rating>,
) -> Result<StatusCode, Problem> {
    reception.rate(&talk, rating.score).await.map(|()| StatusCode::NO_CONTENT)
}

/// Choose another language
#[utoipa::path(post, path = "/api/v1/chat/language", tag = "chat", request_body = LanguageChoice,
    responses((status = 204), (status = 401, description = "token_needed")))]
async fn language(
    State(reception): Here,
    Visitor(talk): Visitor,
    Json(choice): Json<LanguageChoice>,
) -> Result<StatusCode, Problem> {
    reception.choose_language(&talk, &choice.language).await.map(|_| StatusCode::NO_CONTENT)
}

/// The conversation as text, to be kept
#[utoipa::path(get, path = "/api/v1/chat/transcript", tag = "chat",
    responses((status = 200, content_type = "text/plain", body = String),
        (status = 401, description = "token_needed")))]
async fn transcript(State(reception): Here, Visitor(talk): Visitor) -> Result<Response, Problem> {
    let text = reception.transcript(&talk, &talk.visitor_language, None).await?;
    Ok(file(talk.number.as_deref(), text))
}

/// The conversation of a contact as text; written to the audit trail
#[utoipa::path(get, path = "/api/v1/contacts/{id}/transcript", tag = "desk",
    params(("id" = ContactId, Path)),
    responses((status = 200, content_type = "text/plain", body = String), (status = 404)))]
async fn staff_transcript(
    State(reception): Here,
    Agent(me): Agent,
    Path(contact): Path<ContactId>,
) -> Result<Response, Problem> {
    let talk = feed::load(&reception, contact).await?;
    if talk.pool != me.pool {
        return Err(Problem::not_found());
    }
    let at = reception.now();
    let entry = Entry::of(&me, "contact.transcript", "contact", contact.to_string());
    let unit = reception
        .parts
        .db
        .write(move |tx| Box::pin(async move { audit::record(tx, at, entry).await.map(drop) }));
    unit.await.map_err(|error: DbError| Problem::from(error))?;
    let visitor = if me.ui_language == "ja" { "相談者" } else { "Visitor" };
    Ok(file(talk.number.as_deref(), reception.transcript(&talk, &me.ui_language, Some(visitor)).await?))
}

/// A text to be saved, named after the ticket.
fn file(number: Option<&str>, text: String) -> Response {
    let name = number.unwrap_or("chat");
    let disposition = format!("attachment; filename=\"{name}.txt\"");
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, text).into_response()
}
