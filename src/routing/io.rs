//! What goes into the engine and what comes out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    AgentState, AwayReason, Capacity, Channel, DeskConfig, DivertReason, Explanation, OfferEnd, Outcome,
    PoolConfig, Rejection, RequeueReason, Ring, Skill, SkillLevel, Wish,
};
use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId, ReservationId};
use crate::kernel::time::{Millis, Timestamp};

/// A contact as it arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Arrival {
    pub contact: ContactId,
    pub desk: DeskId,
    pub channel: Channel,
    /// Skills asked for, at most 8.
    pub wanted: Vec<Skill>,
    /// 0 (normal) to [`super::PRIORITY_MAX`].
    pub priority: u8,
    /// When the inquirer first came. A callback gives the time of the original call, and so keeps its place.
    pub arrived_at: Timestamp,
    /// Who handled the inquirer last, if that should count.
    pub preferred: Option<AccountId>,
    /// The reservation this contact redeems: its agent, kept free for it, comes first.
    pub reservation: Option<ReservationId>,
}

/// Everything about an agent that an administrator sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentSetup {
    pub agent: AccountId,
    /// At most 64.
    pub desks: Vec<DeskId>,
    /// At most 64.
    pub skills: Vec<SkillLevel>,
    pub capacity: Capacity,
    /// May talk with inquirers of any language through translation or an interpreter.
    pub translation: bool,
}

/// A booked consultation that holds its agent ahead of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reservation {
    pub reservation: ReservationId,
    pub agent: AccountId,
    pub starts_at: Timestamp,
    /// The hold ends here when nobody came and nobody cancelled.
    pub ends_at: Timestamp,
}

/// Where a contact is handed on to. It keeps its arrival time, and so its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TransferTarget {
    /// To one agent; when that agent does not take it in time, to anybody who may.
    Agent { agent: AccountId },
    /// To another desk with the same wishes.
    Desk { desk: DeskId },
    /// To anybody at the same desk with these skills.
    Skills { wanted: Vec<Skill> },
}

/// What happened. See each variant for what it may be answered with besides [`Output::Rejected`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Answered with `Offer`, `Explain` (it waits) or `Divert`.
    Arrived(Arrival),
    /// The wishes were wrong (language detected better, corrected by hand). Keeps its place. An offer that is
    /// out stays out when its agent also fits the new wishes, else it is revoked.
    SkillsCorrected {
        contact: ContactId,
        wanted: Vec<Skill>,
    },
    /// The inquirer left. Before an answer: abandoned. While talking: as [`Input::Ended`].
    GaveUp {
        contact: ContactId,
    },
    /// The inquirer, still waiting, chose a message, a callback or a reservation.
    ChoseDiversion {
        contact: ContactId,
    },
    /// The agent takes the offer. Answered with `Claim`.
    Accepted {
        offer: OfferId,
        agent: AccountId,
    },
    /// The agent does not take it: next agent, and this one pauses ([`PoolConfig::decline_pause`]).
    Declined {
        offer: OfferId,
        agent: AccountId,
    },
    /// The compare-and-set succeeded. Answered with `Started`.
    ClaimWon {
        offer: OfferId,
        contact: ContactId,
    },
    /// The compare-and-set failed: the contact waits again, in its place.
    ClaimLost {
        offer: OfferId,
        contact: ContactId,
    },
    /// The talk is over; the wrap-up begins.
    Ended {
        contact: ContactId,
    },
    /// The line or the program failed. Waiting: closed as failed. Talking: wrap-up, then closed as failed.
    Failed {
        contact: ContactId,
    },
    WrapUpDone {
        contact: ContactId,
    },
    WrapUpExtend {
        contact: ContactId,
    },
    Hold {
        contact: ContactId,
    },
    Unhold {
        contact: ContactId,
    },
    /// The agent hands the contact on; it waits again and keeps its arrival time.
    Transfer {
        contact: ContactId,
        to: TransferTarget,
    },
    /// The talk goes on with somebody outside the pool; wrap-up, then closed as transferred.
    TransferredOutside {
        contact: ContactId,
    },
    /// New or changed. A new agent is offline and not connected.
    AgentUpsert(AgentSetup),
    /// Contacts of the agent go back to the head of the queue.
    AgentRemoved {
        agent: AccountId,
    },
    /// The agent's own wish. While talking or wrapping up, away and offline wait until that is done.
    SetState {
        agent: AccountId,
        wish: Wish,
    },
    /// The agent's last socket closed: no new offers; after the grace period the agent is offline, and offers
    /// and contacts go back.
    SocketLost {
        agent: AccountId,
    },
    /// The agent's first socket opened.
    SocketBack {
        agent: AccountId,
    },
    ReservationUpsert(Reservation),
    ReservationCancelled {
        reservation: ReservationId,
    },
    /// A new desk starts closed; a known one keeps its door.
    DeskConfigured {
        desk: DeskId,
        config: Box<DeskConfig>,
    },
    /// Who waits here is diverted; contacts in talk go on under default settings.
    DeskRemoved {
        desk: DeskId,
    },
    DeskOpened {
        desk: DeskId,
    },
    DeskClosed {
        desk: DeskId,
    },
    PoolConfigured {
        config: PoolConfig,
    },
    /// A supervisor offers a waiting contact to one agent, whatever the order, skills, ring, pause or hold
    /// say;
    /// the agent must be ready and have room.
    Assign {
        contact: ContactId,
        agent: AccountId,
    },
    /// A supervisor takes a contact from its agent, or an offer back; it waits at the head of the queue.
    PullBack {
        contact: ContactId,
    },
    /// A supervisor sets the state at once: ends wrap-ups and offers. Talks go on, except that offline sends
    /// them back to the head of the queue.
    ForceState {
        agent: AccountId,
        wish: Wish,
    },
    /// Only time has passed.
    Tick,
}

/// What the owner has to do or to record, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Put the contact before the agent until `expires_at`. The answer is `Accepted` or `Declined`; an
    /// answer at
    /// or after that moment comes too late.
    Offer {
        offer: OfferId,
        contact: ContactId,
        agent: AccountId,
        expires_at: Timestamp,
        why: Box<Explanation>,
    },
    /// The offer is over without this agent having got the contact.
    OfferEnded {
        offer: OfferId,
        contact: ContactId,
        agent: AccountId,
        reason: OfferEnd,
    },
    /// Compare-and-set the owner of the contact; answer with `ClaimWon` or `ClaimLost`.
    Claim {
        offer: OfferId,
        contact: ContactId,
        agent: AccountId,
    },
    /// The claim was won: agent and inquirer are in contact.
    Started {
        offer: OfferId,
        contact: ContactId,
        agent: AccountId,
        /// From arrival to now.
        waited: Millis,
    },
    /// Put on hold or taken off it.
    Held {
        contact: ContactId,
        held: bool,
    },
    /// A contact that had an owner waits again; `head`: in front of everybody who was not returned.
    Requeued {
        contact: ContactId,
        from: Option<AccountId>,
        reason: RequeueReason,
        head: bool,
    },
    /// The wishes were changed while the contact waited or talked.
    Corrected {
        contact: ContactId,
    },
    RingWidened {
        contact: ContactId,
        ring: Ring,
    },
    WrapUpStarted {
        contact: ContactId,
        agent: AccountId,
        until: Timestamp,
    },
    WrapUpExtended {
        contact: ContactId,
        agent: AccountId,
        until: Timestamp,
    },
    WrapUpEnded {
        contact: ContactId,
        agent: AccountId,
        /// The limit ended it, not the agent.
        timed_out: bool,
    },
    /// What the world sees of the agent changed. `pending`: what becomes of them after the current contacts.
    AgentState {
        agent: AccountId,
        state: AgentState,
        reason: Option<AwayReason>,
        since: Timestamp,
        pending: Option<Wish>,
    },
    /// Tell the inquirer and offer callback, reservation or message. `Closed` follows.
    Divert {
        contact: ContactId,
        reason: DivertReason,
    },
    /// The engine has forgotten the contact.
    Closed {
        contact: ContactId,
        outcome: Outcome,
        /// From arrival to the first answer (or to now, when there was none).
        waited: Millis,
        /// From the first answer to the end of the talk.
        handled: Millis,
    },
    /// The contact waits; this is why nobody was offered it.
    Explain(Box<Explanation>),
    /// The input changed nothing.
    Rejected {
        reason: Rejection,
        contact: Option<ContactId>,
        agent: Option<AccountId>,
    },
}
