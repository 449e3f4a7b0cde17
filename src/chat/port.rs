//! What the desk sees of a chat's content.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::desk::ports::{AgentMessage, ChannelPort};
use crate::desk::protocol::Message;
use crate::desk::words::MarkKind;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::{Db, DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId};
use crate::kernel::problem::Problem;
use crate::kernel::telemetry::Metrics;
use crate::language::Detector;

/// The chat's side of [`ChannelPort`].
pub struct ChatPort {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub detector: Arc<Detector>,
    pub metrics: Metrics,
}

impl ChannelPort for ChatPort {
    fn send(&self, _message: AgentMessage) -> BoxFuture<'_, Result<Message, Problem>> {
        Box::pin(async { Err(Problem::internal()) })
    }

    fn reply(&self, _message: AgentMessage) -> BoxFuture<'_, Result<Message, Problem>> {
        Box::pin(async { Err(Problem::internal()) })
    }

    fn mark(
        &self,
        _contact: ContactId,
        _agent: AccountId,
        _up_to_seq: i64,
        _kind: MarkKind,
    ) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(async { Ok(()) })
    }

    fn messages<'a>(
        &'a self,
        _tx: &'a mut Tx,
        _contact: ContactId,
        _after: i64,
        _limit: i64,
    ) -> BoxFuture<'a, Result<Vec<Message>, DbError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
