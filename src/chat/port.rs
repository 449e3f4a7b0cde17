//! What the desk sees of a chat's content.

use std::sync::Arc;

use axum::http::StatusCode;
use futures_util::future::BoxFuture;

use crate::desk::ports::{AgentMessage, ChannelPort};
use crate::desk::protocol::Message;
use crate::desk::words::{MarkKind, Sender, Side};
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::{Db, DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, MessageId};
use crate::kernel::problem::Problem;
use crate::kernel::telemetry::Metrics;
use crate::language::Detector;
use crate::tickets;

use super::reception::is_over;
use super::store::{self, NewMessage};
use super::text::{self, Spoken};

/// The chat's side of [`ChannelPort`].
pub struct ChatPort {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub detector: Arc<Detector>,
    pub metrics: Metrics,
}

impl ChatPort {
    /// Stores a message of an agent, as part of the talk or, `late`, as an answer to what was left.
    async fn store(&self, message: AgentMessage, late: bool) -> Result<Message, Problem> {
        text::client_id(&message.client_id)?;
        let body = text::message(&message.body)?;
        let at = self.clock.now();
        let new = NewMessage {
            id: MessageId::compose(at, self.chance.bits()),
            contact: message.contact,
            sender: Sender::Agent,
            account: Some(message.agent),
            client_id: message.client_id.clone(),
            spoken: Spoken::of(&self.detector.detect(&body, None)),
            body,
            at,
        };
        let stored = self.db.write(move |tx| Box::pin(async move { agent_says(tx, &new, late).await })).await;
        match stored {
            Ok((message, fresh)) => {
                if fresh {
                    self.metrics.messages_stored.inc();
                }
                Ok(message)
            }
            // Another request with the same id was faster.
            Err(Stop::Store(error)) if error.is_unique_violation() => {
                let mut tx = self.db.read().await?;
                let found = store::find(&mut tx, message.contact, Sender::Agent, &message.client_id).await?;
                found.ok_or_else(Problem::internal)
            }
            Err(Stop::Store(error)) => Err(error.into()),
            Err(Stop::Refused(problem)) => Err(problem),
        }
    }
}

/// Why a unit is undone.
enum Stop {
    Refused(Problem),
    Store(DbError),
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Store(error)
    }
}

async fn agent_says(tx: &mut Tx, new: &NewMessage, late: bool) -> Result<(Message, bool), Stop> {
    if let Some(known) = store::find(tx, new.contact, Sender::Agent, &new.client_id).await? {
        return Ok((known, false));
    }
    let stand = store::stand(tx, new.contact).await?;
    let (pool, state, ticket) = stand.ok_or_else(|| Stop::Refused(Problem::not_found()))?;
    if is_over(state) && !late {
        return Err(Stop::Refused(Problem::new(StatusCode::CONFLICT, "closed")));
    }
    let message = store::insert(tx, pool, new).await?;
    if late && let Some(ticket) = ticket {
        tickets::mark_reply_waiting(tx, new.at, ticket, false).await?;
    }
    Ok((message, true))
}

impl ChannelPort for ChatPort {
    fn send(&self, message: AgentMessage) -> BoxFuture<'_, Result<Message, Problem>> {
        Box::pin(self.store(message, false))
    }

    fn reply(&self, message: AgentMessage) -> BoxFuture<'_, Result<Message, Problem>> {
        Box::pin(self.store(message, true))
    }

    fn mark(
        &self,
        contact: ContactId,
        _agent: AccountId,
        up_to_seq: i64,
        kind: MarkKind,
    ) -> BoxFuture<'_, Result<(), Problem>> {
        let at = self.clock.now();
        let unit = self.db.write(move |tx| {
            Box::pin(async move {
                match store::stand(tx, contact).await? {
                    Some((pool, _, _)) => {
                        store::mark(tx, pool, at, contact, Side::Agent, (up_to_seq, kind)).await
                    }
                    None => Ok(()),
                }
            })
        });
        Box::pin(async move { unit.await.map_err(|error: DbError| Problem::from(error)) })
    }

    fn messages<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        after: i64,
        limit: i64,
    ) -> BoxFuture<'a, Result<Vec<Message>, DbError>> {
        Box::pin(async move {
            let found = store::messages_after(tx, contact, after, limit).await?;
            Ok(found.into_iter().map(|(message, _)| message).collect())
        })
    }
}
