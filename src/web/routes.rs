//! The route table: every feature's routes under one roof, and the middleware around them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::kernel::problem::Problem;
use crate::language::problems;
use crate::security::{Sessions, TrustedProxies};
use crate::{admin, chat, desk, phone, security, texts, tickets};

use super::console;
use super::headers::{self, Policy};
use super::health::{self, Health};
use super::pages;
use super::trace::{self, Tracer};

/// Bytes of a request's body; a larger one is refused with `body_too_large`.
pub const BODY_MAX: usize = 256 * 1024;

/// How long a request may take from its head to the head of its answer; a slower one is given up with 503
/// `busy`. It ends clients that send their body by the drop. Sockets and streams answer at once.
pub const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// What the routes are made from.
pub struct Parts {
    pub tracer: Tracer,
    pub proxies: TrustedProxies,
    pub public_url: String,
    pub widget_origins: Vec<String>,
    pub secure: bool,
    pub health: Health,
    pub sessions: Sessions,
    pub live: desk::http::Live,
    pub chat: chat::http::Chat,
    pub phone: phone::http::calls::Calls,
    pub tickets: tickets::http::Tickets,
    pub texts: texts::http::Texts,
    pub admin: admin::http::Admin,
    pub phone_admin: phone::http::PhoneAdmin,
    pub recordings: phone::http::recordings::Recordings,
}

/// Everything that can be asked of the program over HTTP.
pub fn router(parts: Parts) -> Router {
    let sessions = Arc::new(parts.sessions);
    let policy = Arc::new(Policy { secure: parts.secure, widget_origins: parts.widget_origins });
    let chat = Arc::new(parts.chat);
    let (visitors, transcripts) = chat::http::routers(&chat);
    let (calls, web_calls) = phone::http::calls::routers(&Arc::new(parts.phone));
    let staff = Router::new()
        .merge(calls)
        .merge(transcripts)
        .merge(security::http::router(Arc::clone(&sessions)))
        .merge(desk::http::router(Arc::new(parts.live)))
        .merge(tickets::http::router(Arc::new(parts.tickets)))
        .merge(texts::http::router(Arc::new(parts.texts)))
        .merge(admin::http::router(Arc::new(parts.admin)))
        .merge(phone::http::admin_router(Arc::new(parts.phone_admin)))
        .merge(phone::http::recordings::router(Arc::new(parts.recordings)))
        .layer(from_fn_with_state(sessions, security::http::identify));
    Router::new()
        .merge(staff)
        .merge(visitors.clone())
        .merge(web_calls)
        .merge(pages::router(chat, visitors))
        .merge(health::router(Arc::new(parts.health)))
        .merge(console::router())
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(Arc::new(parts.proxies), security::http::name_client))
        .layer(CompressionLayer::new())
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(pages::errors::dress))
        .layer(from_fn_with_state(policy, headers::protect))
        .layer(from_fn_with_state(Arc::new(parts.tracer), trace::trace))
}

/// Gives a request up after [`ANSWER_WAIT`].
async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(ANSWER_WAIT, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy").into_response())
}

/// No such address: a problem for programs, a sentence for people.
async fn unknown(uri: Uri, headers: HeaderMap) -> Response {
    if ["/api/", "/ws/"].iter().any(|root| uri.path().starts_with(root)) {
        return Problem::not_found().into_response();
    }
    let language = trace::reader_language(&headers);
    let sentence = problems::sentence("not_found", &BTreeMap::new(), &language);
    (StatusCode::NOT_FOUND, sentence + "\n").into_response()
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
}

/// What a panic becomes. Its message may quote what somebody typed, so it is not repeated here.
fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}
