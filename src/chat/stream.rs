//! Server-sent events: what a socket would tell, where WebSockets are blocked.
//!
//! The stream is opened with a key instead of the token, because a browser can give an `EventSource` no
//! header and an address ends up in logs. The key names the contact and its own end, and carries a keyed
//! hash of both: nothing about it has to be remembered.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::kernel::ids::ContactId;
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::security::json::Query;
use crate::security::tokens;

use super::feed::{self, Feed};
use super::limits::{PING_EVERY, STREAM_KEY_LIFE};
use super::protocol::{StreamKey, VisitorBye, VisitorEvent};
use super::reception::Reception;

/// What opens a stream.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Opening {
    /// From `POST /api/v1/chat/ticket`.
    // An absent key is a wrong one: 401, like everywhere.
    #[serde(default)]
    key: String,
    /// The last message the page has; `Last-Event-ID` counts when it is greater.
    #[serde(default)]
    after: i64,
}

/// A key for one contact.
pub(super) fn key(reception: &Reception, contact: ContactId) -> StreamKey {
    let expires_at = reception.now() + STREAM_KEY_LIFE;
    let named = format!("{contact}.{}", expires_at.0);
    let mac = reception.parts.key.pseudonym("chat stream", named.as_bytes());
    StreamKey { key: format!("{named}.{mac}"), expires_at }
}

/// The contact that a key opens now.
fn opened(reception: &Reception, key: &str) -> Option<ContactId> {
    let (named, mac) = key.rsplit_once('.')?;
    if !tokens::same(&reception.parts.key.pseudonym("chat stream", named.as_bytes()), mac) {
        return None;
    }
    let (contact, expires_at) = named.split_once('.')?;
    let expires_at = Timestamp(expires_at.parse().ok()?);
    (reception.now() < expires_at).then(|| contact.parse().ok()).flatten()
}

/// The stream of a conversation
///
/// The frames of the visitors' socket, each as the data of one event; messages carry their number as the
/// event's id. A key opens it for one minute; a browser that comes back later needs a new one.
#[utoipa::path(
    get, path = "/api/v1/chat/stream", tag = "chat", params(Opening),
    responses(
        (status = 200, description = "Events", content_type = "text/event-stream", body = VisitorEvent),
        (status = 401, description = "The key is wrong or over")
    )
)]
pub(super) async fn open(
    State(reception): State<Arc<Reception>>,
    headers: HeaderMap,
    Query(opening): Query<Opening>,
) -> Result<Response, Problem> {
    let contact = opened(&reception, &opening.key)
        .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "token_needed"))?;
    let talk = feed::load(&reception, contact).await?;
    reception.admit(&talk)?;
    let last: i64 = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .and_then(|id| id.parse().ok())
        .unwrap_or(0);
    let (feed, events) = Feed::open(&reception, contact, last.max(opening.after).max(0)).await?;
    let flow = Flow { reception, feed, waiting: events.into(), over: false };
    let events = stream::unfold(flow, |mut flow| async move { flow.next().await.map(|event| (event, flow)) });
    let alive = KeepAlive::new().interval(PING_EVERY);
    Ok(([("x-accel-buffering", "no")], Sse::new(events).keep_alive(alive)).into_response())
}

struct Flow {
    reception: Arc<Reception>,
    feed: Feed,
    waiting: VecDeque<VisitorEvent>,
    over: bool,
}

impl Flow {
    async fn next(&mut self) -> Option<Result<Event, Infallible>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(Ok(written(&event)));
            }
            if self.over {
                return None;
            }
            let signal = tokio::select! {
                biased;
                () = self.reception.parts.lifecycle.stopping() => None,
                signal = self.feed.signal() => signal,
            };
            let told = match signal {
                Some(signal) => self.feed.told(signal).await.ok(),
                None => None,
            };
            match told {
                Some(events) => self.waiting.extend(events),
                None => {
                    self.over = true;
                    self.waiting.push_back(VisitorEvent::Bye { reason: VisitorBye::Stopping });
                }
            }
        }
    }
}

fn written(event: &VisitorEvent) -> Event {
    let seq = match event {
        VisitorEvent::Message { message } => Some(message.seq),
        VisitorEvent::Welcome(view) => view.messages.last().map(|message| message.seq),
        _ => None,
    };
    match Event::default().json_data(event) {
        Ok(written) => seq.map_or_else(|| written.clone(), |seq| written.clone().id(seq.to_string())),
        Err(error) => {
            tracing::error!(error = %error, "an event was not written as JSON");
            Event::default().comment("lost")
        }
    }
}
