//! What can happen to a contact, an agent or a desk: the vocabulary of the event log.
//!
//! Nothing about a person stands in an event: no names, no texts, no addresses. The log may therefore be
//! shown to everybody who sees the board, and kept after the person's data is erased.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::ids::{AccountId, ContactId, DeskId, MessageId, OfferId, TicketId};
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::{
    AgentState, AwayReason, Channel, DivertReason, OfferEnd, Outcome, RequeueReason, Ring, Skill, Wish,
};

use super::words::{EndedBy, Inquirer, MarkKind, Sender, Side};

/// One step, as appended to `contact_events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    ContactArrived {
        desk: DeskId,
        channel: Channel,
        /// BCP 47.
        language: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
        inquirer: Inquirer,
        wanted: Vec<Skill>,
        priority: i64,
        /// Earlier than the event for a contact that keeps its place (a callback, a return).
        arrived_at: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preferred: Option<AccountId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<TicketId>,
    },
    OfferMade {
        agent: AccountId,
        offer: OfferId,
        expires_at: Timestamp,
        ring: Ring,
    },
    OfferEnded {
        agent: AccountId,
        offer: OfferId,
        reason: OfferEnd,
    },
    ContactAccepted {
        agent: AccountId,
        offer: OfferId,
        waited_ms: Millis,
    },
    ContactHeld {},
    ContactUnheld {},
    ContactRequeued {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_agent: Option<AccountId>,
        reason: RequeueReason,
        /// Back at the head of the queue.
        head: bool,
        /// The desk it waits at now, when a transfer moved it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        desk: Option<DeskId>,
    },
    ContactCorrected {
        language: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
        wanted: Vec<Skill>,
    },
    RingWidened {
        ring: Ring,
    },
    ContactDiverted {
        reason: DivertReason,
    },
    ContactEnded {
        by: EndedBy,
        outcome: Outcome,
    },
    WrapUpStarted {
        agent: AccountId,
        until: Timestamp,
    },
    WrapUpExtended {
        agent: AccountId,
        until: Timestamp,
    },
    ContactClosed {
        outcome: Outcome,
        waited_ms: Millis,
        /// From the first answer to the end of the talk.
        handled_ms: Millis,
    },
    AgentState {
        agent: AccountId,
        state: AgentState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<AwayReason>,
        since: Timestamp,
        /// The state that follows when the present contacts have ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pending: Option<Wish>,
    },
    AgentConnected {
        agent: AccountId,
    },
    AgentDisconnected {
        agent: AccountId,
        /// Until then the agent's contacts stay with the agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace_until: Option<Timestamp>,
    },
    MessageStored {
        message: MessageId,
        sender: Sender,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<AccountId>,
    },
    MessagesRead {
        side: Side,
        up_to_seq: i64,
        kind: MarkKind,
        /// Messages of the other side that this side has not read yet.
        unread: i64,
    },
    TicketChanged {
        ticket: TicketId,
        version: i64,
    },
    DeskOpened {
        desk: DeskId,
    },
    DeskClosed {
        desk: DeskId,
    },
    SatisfactionGiven {
        /// 1 (bad) to 5 (good).
        score: i64,
    },
}

impl Event {
    /// The value of `type`, as kept in `contact_events.kind`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ContactArrived { .. } => "contact_arrived",
            Self::OfferMade { .. } => "offer_made",
            Self::OfferEnded { .. } => "offer_ended",
            Self::ContactAccepted { .. } => "contact_accepted",
            Self::ContactHeld {} => "contact_held",
            Self::ContactUnheld {} => "contact_unheld",
            Self::ContactRequeued { .. } => "contact_requeued",
            Self::ContactCorrected { .. } => "contact_corrected",
            Self::RingWidened { .. } => "ring_widened",
            Self::ContactDiverted { .. } => "contact_diverted",
            Self::ContactEnded { .. } => "contact_ended",
            Self::WrapUpStarted { .. } => "wrap_up_started",
            Self::WrapUpExtended { .. } => "wrap_up_extended",
            Self::ContactClosed { .. } => "contact_closed",
            Self::AgentState { .. } => "agent_state",
            Self::AgentConnected { .. } => "agent_connected",
            Self::AgentDisconnected { .. } => "agent_disconnected",
            Self::MessageStored { .. } => "message_stored",
            Self::MessagesRead { .. } => "messages_read",
            Self::TicketChanged { .. } => "ticket_changed",
            Self::DeskOpened { .. } => "desk_opened",
            Self::DeskClosed { .. } => "desk_closed",
            Self::SatisfactionGiven { .. } => "satisfaction_given",
        }
    }
}

/// An event with its place in the log of its pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoggedEvent {
    /// 1, 2, 3 … without gaps.
    pub seq: i64,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    pub event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_the_tag_on_the_wire() {
        let agent = AccountId(7);
        for event in [
            Event::ContactHeld {},
            Event::AgentConnected { agent },
            Event::RingWidened { ring: Ring::Partner },
            Event::SatisfactionGiven { score: 5 },
        ] {
            let json = serde_json::to_value(&event).unwrap();
            assert_eq!(json["type"], event.kind());
            assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
        }
    }
}
