//! `/ws/visitor`: a conversation over a WebSocket.
//!
//! One task for each socket, and nothing queued beside it: what a page does not take in time stays in the
//! store, and the page comes back for it.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::{Message as Raw, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::time::{Instant, sleep_until, timeout};

use crate::desk::protocol::ProblemView;
use crate::kernel::ids::{ContactId, TraceId};
use crate::kernel::problem::Problem;
use crate::language::problems;
use crate::security::Client;

use super::feed::{self, Feed};
use super::limits::{
    FRAME_MAX, HELLO_WAIT, PING_EVERY, REFUSALS_MAX, SEND_WAIT, SILENT_PINGS, SOCKET_BUFFER, UNSENT_MAX,
};
use super::protocol::{Asked, VisitorBye, VisitorEvent, VisitorFrame};
use super::reception::{Reception, accepted_language};

/// Takes the socket of a visitor's page.
pub(super) async fn open(
    State(reception): State<Arc<Reception>>,
    client: Client,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let language = accepted_language(&headers).unwrap_or_else(|| "ja".to_owned());
    upgrade
        .read_buffer_size(SOCKET_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(UNSENT_MAX)
        .max_message_size(FRAME_MAX)
        .max_frame_size(FRAME_MAX)
        .on_upgrade(move |socket| async move {
            let trace = TraceId::compose(reception.now(), reception.parts.chance.bits());
            let sockets = reception.parts.metrics.visitor_sockets.clone();
            sockets.inc();
            Box::pin(Line { reception, socket, language, trace, refusals: 0 }.run(client)).await;
            sockets.dec();
        })
}

/// Why the talking stops.
enum Over {
    /// Told to the page, when it still takes anything.
    Bye(VisitorBye),
    /// The other end is gone.
    Gone,
}

struct Line {
    reception: Arc<Reception>,
    socket: WebSocket,
    /// For refusals.
    language: String,
    trace: TraceId,
    refusals: u32,
}

impl Line {
    async fn run(mut self, client: Client) {
        let outcome = match self.greet(client).await {
            Ok(feed) => self.talk(feed).await,
            Err(over) => over,
        };
        if let Over::Bye(reason) = outcome {
            let _ = self.tell(&VisitorEvent::Bye { reason }).await;
            let _ = timeout(SEND_WAIT, self.socket.send(Raw::Close(None))).await;
        }
    }

    /// Waits for `hello` and answers it.
    async fn greet(&mut self, client: Client) -> Result<Feed, Over> {
        let hello = match timeout(HELLO_WAIT, self.heard()).await {
            Ok(heard) => heard?,
            Err(_) => return Err(Over::Bye(VisitorBye::Refused)),
        };
        let Ok(VisitorFrame::Hello { token, after, language }) = serde_json::from_str(&hello) else {
            self.refuse(None, &Problem::invalid("invalid_input")).await?;
            return Err(Over::Bye(VisitorBye::Refused));
        };
        if let Some(language) = language.filter(|l| l.len() <= 15) {
            self.language = language;
        }
        match self.admitted(&token, after.unwrap_or(0), client).await {
            Ok((feed, events)) => {
                self.tell_all(&events).await?;
                Ok(feed)
            }
            Err(problem) => {
                self.refuse(None, &problem).await?;
                let many = problem.code == "too_many_pages";
                Err(Over::Bye(if many { VisitorBye::TooManyPages } else { VisitorBye::Refused }))
            }
        }
    }

    async fn admitted(
        &mut self,
        token: &str,
        after: i64,
        client: Client,
    ) -> Result<(Feed, Vec<VisitorEvent>), Problem> {
        let talk = self.reception.open(token, client).await?;
        self.language.clone_from(&talk.visitor_language);
        Box::pin(Feed::open(&self.reception, talk.contact, after.max(0))).await
    }

    async fn talk(&mut self, mut feed: Feed) -> Over {
        let reception = Arc::clone(&self.reception);
        let stopping = reception.parts.lifecycle.stopping();
        tokio::pin!(stopping);
        let (mut silent, mut ping_at) = (0, Instant::now() + PING_EVERY);
        loop {
            let step = tokio::select! {
                biased;
                () = &mut stopping => return Over::Bye(VisitorBye::Stopping),
                signal = feed.signal() => match signal {
                    Some(signal) => match Box::pin(feed.told(signal)).await {
                        Ok(events) => self.tell_all(&events).await,
                        Err(_) => Err(Over::Bye(VisitorBye::Stopping)),
                    },
                    None => Err(Over::Bye(VisitorBye::Stopping)),
                },
                heard = self.socket.recv() => {
                    silent = 0;
                    match text_of(heard) {
                        Ok(Some(text)) => Box::pin(self.answer(feed.contact(), &text)).await,
                        Ok(None) => Ok(()),
                        Err(over) => Err(over),
                    }
                },
                () = sleep_until(ping_at) => {
                    silent += 1;
                    ping_at += PING_EVERY;
                    self.ping(silent).await
                }
            };
            if let Err(over) = step {
                return over;
            }
        }
    }

    async fn ping(&mut self, silent: u32) -> Result<(), Over> {
        if silent > SILENT_PINGS {
            return Err(Over::Bye(VisitorBye::Silent));
        }
        self.send(Raw::Ping(bytes::Bytes::new())).await
    }

    /// The next text frame.
    async fn heard(&mut self) -> Result<String, Over> {
        loop {
            if let Some(text) = text_of(self.socket.recv().await)? {
                return Ok(text);
            }
        }
    }

    /// Does what a frame asks for.
    async fn answer(&mut self, contact: ContactId, text: &str) -> Result<(), Over> {
        let Ok(frame) = serde_json::from_str::<VisitorFrame>(text) else {
            return self.refuse(None, &Problem::invalid("invalid_input")).await;
        };
        let client_id = match &frame {
            VisitorFrame::Send { client_id, .. } => Some(client_id.clone()),
            _ => None,
        };
        match Box::pin(self.act(contact, frame)).await {
            Ok(events) => self.tell_all(&events).await,
            Err(problem) => self.refuse(client_id, &problem).await,
        }
    }

    async fn act(&mut self, contact: ContactId, frame: VisitorFrame) -> Result<Vec<VisitorEvent>, Problem> {
        let reception = &self.reception;
        if frame == (VisitorFrame::Ping {}) {
            reception.presence.touch(contact);
            return Ok(vec![VisitorEvent::Pong {}]);
        }
        reception.limits.request(&contact.to_string(), reception.now())?;
        let talk = feed::load(reception, contact).await?;
        reception.admit(&talk)?;
        let done = |what| vec![VisitorEvent::Done { what }];
        Ok(match frame {
            VisitorFrame::Hello { .. } => return Err(Problem::invalid("invalid_input")),
            VisitorFrame::Ping {} => Vec::new(),
            VisitorFrame::Send { client_id, body } => {
                let said = reception.say(&talk, &client_id, &body).await?;
                let ack = VisitorEvent::Ack { client_id, seq: said.seq, message: said.message };
                let suggestion = said.suggest_language;
                let suggest = suggestion.map(|language| VisitorEvent::SuggestLanguage { language });
                std::iter::once(ack).chain(suggest).collect()
            }
            VisitorFrame::Typing {} => {
                reception.typing(&talk);
                Vec::new()
            }
            VisitorFrame::Read { up_to_seq, kind } => {
                reception.mark(&talk, up_to_seq, kind).await?;
                Vec::new()
            }
            VisitorFrame::End {} => {
                reception.parts.desk.inquirer_ends(contact).await?;
                done(Asked::End)
            }
            VisitorFrame::Divert {} => {
                reception.parts.desk.inquirer_diverts(contact).await?;
                done(Asked::Divert)
            }
            VisitorFrame::Language { language } => {
                let tag = reception.choose_language(&talk, &language).await?;
                self.language = tag.as_str().to_owned();
                done(Asked::Language)
            }
            VisitorFrame::Rate { score } => {
                reception.rate(&talk, score).await?;
                done(Asked::Rate)
            }
        })
    }

    /// Says no in her language; too many times, and the socket ends.
    async fn refuse(&mut self, client_id: Option<String>, problem: &Problem) -> Result<(), Over> {
        self.refusals += 1;
        if self.refusals > REFUSALS_MAX {
            return Err(Over::Bye(VisitorBye::Refused));
        }
        if problem.status.is_server_error() {
            tracing::warn!(trace = %self.trace, code = problem.code, "a visitor's request failed");
        }
        let problem = worded(problem, &self.language, self.trace);
        self.tell(&VisitorEvent::Refused { client_id, problem }).await
    }

    async fn tell_all(&mut self, events: &[VisitorEvent]) -> Result<(), Over> {
        for event in events {
            self.tell(event).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, event: &VisitorEvent) -> Result<(), Over> {
        match serde_json::to_string(event) {
            Ok(text) => self.send(Raw::Text(text.into())).await,
            Err(error) => {
                tracing::error!(error = %error, "an event was not written as JSON");
                Err(Over::Gone)
            }
        }
    }

    async fn send(&mut self, raw: Raw) -> Result<(), Over> {
        match timeout(SEND_WAIT, self.socket.send(raw)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over::Gone),
            Err(_) => Err(Over::Bye(VisitorBye::TooSlow)),
        }
    }
}

/// The text of a frame; `None` for pings and pongs. Anything else ends the socket.
fn text_of(heard: Option<Result<Raw, axum::Error>>) -> Result<Option<String>, Over> {
    match heard {
        Some(Ok(Raw::Text(text))) => Ok(Some(text.as_str().to_owned())),
        Some(Ok(Raw::Ping(_) | Raw::Pong(_))) => Ok(None),
        Some(Ok(Raw::Binary(_))) => Err(Over::Bye(VisitorBye::Refused)),
        Some(Ok(Raw::Close(_)) | Err(_)) | None => Err(Over::Gone),
    }
}

/// A problem in the reader's language; `trace` finds the log lines.
pub(super) fn worded(problem: &Problem, language: &str, trace: TraceId) -> ProblemView {
    let mut values = problem.params.clone();
    values.insert("trace", trace.to_string());
    ProblemView::new(problem, problems::sentence(problem.code, &values, language))
}
