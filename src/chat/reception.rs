//! What endpoints, sockets and streams share: the parts, the limits, who is there, and the way from a
//! token to its conversation.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use crate::kernel::problem::Problem;
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::{ContactState, Outcome};
use crate::security::{Client, tokens};

use super::http::Chat;
use super::limits::{Limits, READABLE, SWEEP_EVERY, THREAD_READABLE};
use super::presence::Presence;
use super::store::{self, Talk};

/// Locks that keep the beginnings of one address apart; two addresses may share one.
const GATES: usize = 64;

/// See the module.
pub struct Reception {
    pub(super) parts: Arc<Chat>,
    pub(super) limits: Limits,
    pub(super) presence: Arc<Presence>,
    gates: [tokio::sync::Mutex<()>; GATES],
}

impl Reception {
    pub(super) fn new(parts: Arc<Chat>) -> Arc<Self> {
        let presence = Arc::new(Presence::new(parts.clock.clone()));
        Arc::new(Self {
            parts,
            limits: Limits::default(),
            presence,
            gates: std::array::from_fn(|_| tokio::sync::Mutex::new(())),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Looking for what is there and adding to it is one step for each address while this is held.
    pub(super) async fn gate(&self, address_key: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let number =
            address_key.bytes().fold(0_usize, |n, b| n.wrapping_mul(31).wrapping_add(usize::from(b)));
        self.gates[number % GATES].lock().await
    }

    /// The conversation that `token` opens.
    ///
    /// # Errors
    /// 404 `not_found`, 410 `expired_link`, `rate_limited` for an address that tries many, or the store's
    /// failure.
    pub(super) async fn open(&self, token: &str, client: Client) -> Result<Talk, Problem> {
        let found = if tokens::looks_like_one(token) {
            store::by_token(&mut self.parts.db.read().await?, &tokens::hash(token)).await?
        } else {
            None
        };
        let Some(talk) = found else {
            self.limits.wrong_token(&client.address_key(&self.parts.key), self.now())?;
            return Err(Problem::not_found());
        };
        self.admit(&talk)?;
        Ok(talk)
    }

    /// Lets a visitor to her conversation while its link holds, and notes that she is there.
    pub(super) fn admit(&self, talk: &Talk) -> Result<(), Problem> {
        if readable_until(talk).is_some_and(|until| self.now() >= until) {
            return Err(Problem::new(StatusCode::GONE, "expired_link"));
        }
        self.presence.touch(talk.contact);
        Ok(())
    }

    /// Ends the waiting of those who are gone, until the program stops.
    pub(super) async fn sweep(self: Arc<Self>) {
        match self.everybody_open().await {
            Ok(open) => open.into_iter().for_each(|contact| self.presence.touch(contact)),
            Err(problem) => tracing::error!(code = problem.code, "open chats were not read"),
        }
        loop {
            tokio::select! {
                () = self.parts.lifecycle.stopping() => return,
                () = tokio::time::sleep(SWEEP_EVERY) => {}
            }
            for contact in self.presence.absent() {
                match self.parts.desk.standing(contact).await.map(|standing| standing.state) {
                    Some(ContactState::Waiting | ContactState::Offered) => {
                        // It may have ended in this moment; then there is nothing to do.
                        let ended = self.parts.desk.inquirer_ends(contact).await;
                        tracing::info!(%contact, ended = ended.is_ok(), "the visitor is gone");
                    }
                    // The agent sees that she does not answer; should it wait again, she is absent still.
                    Some(ContactState::Active | ContactState::Held | ContactState::Arriving) => continue,
                    Some(ContactState::WrapUp | ContactState::Closed) | None => {}
                }
                self.presence.forget(contact);
            }
        }
    }

    async fn everybody_open(&self) -> Result<Vec<crate::kernel::ids::ContactId>, Problem> {
        Ok(store::all_open(&mut self.parts.db.read().await?).await?)
    }
}

/// Whether the talk is over.
pub(super) const fn is_over(state: ContactState) -> bool {
    matches!(state, ContactState::WrapUp | ContactState::Closed)
}

/// When the link of a conversation stops to open it; `None` while it goes on.
pub(super) fn readable_until(talk: &Talk) -> Option<Timestamp> {
    let ended = talk.ended_at.filter(|_| is_over(talk.state))?;
    let last = talk.last_message_at.unwrap_or(ended).max(ended);
    let in_writing = talk.outcome == Some(Outcome::Diverted) || last > ended;
    let life: Millis = if in_writing { THREAD_READABLE } else { READABLE };
    Some(last + life)
}

/// The visitor behind a request, by the token in `Authorization: Bearer`.
///
/// Refuses with 401 `token_needed`, 404 `not_found`, 410 `expired_link` or 429 `rate_limited`.
pub(super) struct Visitor(pub(super) Talk);

impl FromRequestParts<Arc<Reception>> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Reception>) -> Result<Self, Problem> {
        let client = Client::from_request_parts(parts, state).await?;
        let token =
            bearer(&parts.headers).ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "token_needed"))?;
        let talk = state.open(token, client).await?;
        state.limits.request(&talk.contact.to_string(), state.now())?;
        Ok(Self(talk))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The first language of `Accept-Language`; the page sets it to what its reader chose.
pub(super) fn accepted_language(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let first = value.split([',', ';']).next()?.trim();
    (!first.is_empty() && first.len() <= 15).then(|| first.to_owned())
}
