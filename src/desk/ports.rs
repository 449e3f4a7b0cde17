//! Where features plug in. The desk knows none of them: the composition root hands it these traits.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, DeskId, PoolId, TicketId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::routing::{Channel, Outcome};

use super::protocol::Message;
use super::words::{Inquirer, MarkKind};

/// A contact as it arrives, or as a message left without waiting.
#[derive(Clone)]
pub struct Arrival {
    /// Made by the caller, who may have written it into a token already.
    pub contact: ContactId,
    pub desk: DeskId,
    pub channel: Channel,
    /// BCP 47; asked for as a skill.
    pub language: String,
    /// How the language is known: `chosen`, `detected` or `corrected`.
    pub language_source: String,
    pub language_confidence: Option<f64>,
    /// An id of `topics`.
    pub topic: Option<String>,
    pub inquirer: Inquirer,
    /// 0 to 9; `None` takes the desk's setting for the kind of inquirer.
    pub priority: Option<u8>,
    /// `None` is now; a callback gives its first call's time and so keeps its place.
    pub arrived_at: Option<Timestamp>,
    pub preferred: Option<AccountId>,
    /// An earlier ticket that this contact carries on.
    pub resumes: Option<TicketId>,
    /// SHA-256 of the inquirer's token, in the caller's own spelling.
    pub token_hash: Option<String>,
    /// Pseudonym of the network address, for limits.
    pub address_key: Option<String>,
    pub display_name: Option<String>,
    /// The language of the inquirer's page.
    pub visitor_language: Option<String>,
    /// Where an answer may go; empty when there is no such place. For the ticket.
    pub reply_to: String,
    /// What else belongs into the arrival's transaction, e.g. the first message.
    pub extra: Option<Arc<dyn ArrivalExtra>>,
}

/// More to write in the transaction of an arrival.
pub trait ArrivalExtra: Send + Sync {
    /// Called once `contact_arrived` is appended. May be called again in a new transaction when the first
    /// one failed.
    fn write<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>>;
}

/// What the composition root does at the turns of a contact's life, inside the desk's transactions.
///
/// A hook must not fail for a reason of its own: its error undoes the step itself.
pub trait ContactHooks: Send + Sync {
    /// The contact's row is written, nothing is logged yet. Gives the ticket the contact belongs to.
    fn on_arrival<'a>(
        &'a self,
        tx: &'a mut Tx,
        arrived: &'a Arrived<'a>,
    ) -> BoxFuture<'a, Result<Option<TicketId>, DbError>>;

    /// An agent took the contact.
    fn on_accepted<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        agent: AccountId,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>>;

    /// A waiting contact is sent away unanswered: somebody has to come back to it. `on_closed` follows.
    fn on_diverted<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>>;

    /// The contact is over; its events are appended.
    fn on_closed<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        outcome: Outcome,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>>;

    /// A supervisor opens the content of a contact that is another's: reading is an act.
    fn on_opened<'a>(
        &'a self,
        tx: &'a mut Tx,
        reader: Reader,
        contact: ContactId,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>>;
}

/// A contact in its first transaction.
pub struct Arrived<'a> {
    pub pool: PoolId,
    pub at: Timestamp,
    pub arrival: &'a Arrival,
    /// Left without waiting: somebody has to answer later.
    pub left: bool,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    pub account: AccountId,
    pub supervisor: bool,
}

/// What a channel does with the content of its contacts. Chat has one; phone and meeting get theirs.
///
/// The desk has checked that the agent may act on the contact before it calls.
pub trait ChannelPort: Send + Sync {
    /// Stores a message of an agent; the answer comes after the commit. The same `client_id` is the same
    /// message.
    fn send(&self, message: AgentMessage) -> BoxFuture<'_, Result<Message, Problem>>;

    /// Stores an agent's answer to a message that was left or came after the end: whoever waits for it finds
    /// it under the private link, and the ticket waits for an answer no more. The same `client_id` is the
    /// same message.
    fn reply(&self, message: AgentMessage) -> BoxFuture<'_, Result<Message, Problem>>;

    /// The agent's side has got the visitor's messages up to `up_to_seq` on its screen, or has read them.
    fn mark(
        &self,
        contact: ContactId,
        agent: AccountId,
        up_to_seq: i64,
        kind: MarkKind,
    ) -> BoxFuture<'_, Result<(), Problem>>;

    /// Messages of a contact after number `after`, in order, at most `limit`.
    fn messages<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        after: i64,
        limit: i64,
    ) -> BoxFuture<'a, Result<Vec<Message>, DbError>>;
}

/// A message that an agent sends.
#[derive(Debug, Clone)]
pub struct AgentMessage {
    pub contact: ContactId,
    pub agent: AccountId,
    pub client_id: String,
    pub body: String,
}

/// What is plugged in.
#[derive(Clone)]
pub struct Ports {
    pub hooks: Arc<dyn ContactHooks>,
    /// The content of chats.
    pub chat: Arc<dyn ChannelPort>,
}

impl Ports {
    /// The port of a channel that has content.
    #[must_use]
    pub fn of(&self, channel: Channel) -> Option<&Arc<dyn ChannelPort>> {
        match channel {
            Channel::Chat => Some(&self.chat),
            Channel::Phone | Channel::Meeting => None,
        }
    }
}
