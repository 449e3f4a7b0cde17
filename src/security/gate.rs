//! The gate before everything that staff use: who asks, how often, and from which page.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::kernel::problem::Problem;
use crate::kernel::time::{Millis, Timestamp};

use super::client::{Client, peer_of};
use super::http::BEGIN;
use super::sessions::{SEEN_EVERY, Sessions};
use super::{store, tokens};

/// The header that carries the CSRF token.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// Finds out who is asking and puts an [`super::Identity`] into the request's extensions. Refuses changes and
/// WebSockets from pages of other sites, changes without the CSRF token, and too many requests.
pub async fn identify(State(sessions): State<Arc<Sessions>>, mut request: Request, next: Next) -> Response {
    match admit(&sessions, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn admit(sessions: &Sessions, request: &mut Request) -> Result<(), Problem> {
    let now = sessions.now();
    let peer = || Client(peer_of(request.extensions()));
    let client = request.extensions().get::<Client>().copied().unwrap_or_else(peer);
    let address = client.address_key(&sessions.parts.key);
    sessions.guards.address_rate.check(&address, now).map_err(limited)?;
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes || request.headers().contains_key(header::UPGRADE) {
        sessions.same_origin(request.headers())?;
    }
    let Some(token) = sessions.token_of(request.headers()) else { return Ok(()) };
    let mut tx = sessions.parts.db.read().await?;
    let found = store::find(&mut tx, &tokens::hash(&token.0)).await?;
    drop(tx);
    let Some(found) = found.filter(|found| found.is_alive(now)) else { return Ok(()) };
    let me = found.identity()?;
    sessions.guards.account_rate.check(&me.account.to_string(), now).map_err(limited)?;
    let begins = request.method() == Method::POST && request.uri().path() == BEGIN;
    if changes && !begins && !brings_token(request, &found.csrf_hash) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "csrf_mismatch"));
    }
    if now.since(Timestamp(found.last_seen_at)) >= SEEN_EVERY {
        sessions.touch(me.session).await?;
    }
    request.extensions_mut().insert(me);
    request.extensions_mut().insert(token);
    Ok(())
}

fn brings_token(request: &Request, csrf_hash: &str) -> bool {
    let brought = request.headers().get(CSRF_HEADER).and_then(|v| v.to_str().ok());
    brought.is_some_and(|brought| tokens::same(&tokens::hash(brought), csrf_hash))
}

fn limited(wait: Millis) -> Problem {
    Problem::too_many("rate_limited", wait.0.div_euclid(1000) + 1)
}
