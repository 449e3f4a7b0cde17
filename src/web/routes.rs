//! The route table: every feature's routes under one roof, and the middleware around them.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::security::{Sessions, TrustedProxies};
use crate::{admin, chat, desk, security, texts, tickets};

use super::console;
use super::headers::{self, Policy};
use super::health::{self, Health};
use super::trace::{self, Tracer};

/// Bytes of a request's body; a larger one is refused with `body_too_large`.
pub const BODY_MAX: usize = 256 * 1024;

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
    pub tickets: tickets::http::Tickets,
    pub texts: texts::http::Texts,
    pub admin: admin::http::Admin,
}

/// Everything that can be asked of the program over HTTP.
pub fn router(parts: Parts) -> Router {
    let sessions = Arc::new(parts.sessions);
    let policy = Arc::new(Policy { secure: parts.secure, widget_origins: parts.widget_origins });
    let staff = Router::new()
        .merge(security::http::router(Arc::clone(&sessions)))
        .merge(desk::http::router(Arc::new(parts.live)))
        .merge(tickets::http::router(Arc::new(parts.tickets)))
        .merge(texts::http::router(Arc::new(parts.texts)))
        .merge(admin::http::router(Arc::new(parts.admin)))
        .layer(from_fn_with_state(sessions, security::http::identify));
    Router::new()
        .merge(staff)
        .merge(chat::http::router(Arc::new(parts.chat)))
        .merge(health::router(Arc::new(parts.health)))
        .merge(console::router())
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(Arc::new(parts.proxies), security::http::name_client))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(policy, headers::protect))
        .layer(from_fn_with_state(Arc::new(parts.tracer), trace::trace))
}
