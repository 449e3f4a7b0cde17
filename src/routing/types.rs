//! The small words of the engine: channels, states, reasons. Each has one spelling on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The medium of a contact. A web call is a phone call that starts in a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Phone,
    Meeting,
    Chat,
}

impl Channel {
    pub const ALL: [Self; 3] = [Self::Phone, Self::Meeting, Self::Chat];

    /// The place of this channel in arrays that hold one value for each.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Phone => 0,
            Self::Meeting => 1,
            Self::Chat => 2,
        }
    }
}

/// How many contacts of each channel an agent takes at once; zero means "does not take this channel".
///
/// Talking needs the whole person: phone and meeting count as at most one, and never both together.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub struct Capacity {
    /// 0 or 1.
    pub phone: u8,
    /// 0 or 1.
    pub meeting: u8,
    /// 0 to [`super::CHAT_CAPACITY_MAX`].
    pub chat: u8,
}

impl Capacity {
    /// The capacity for one channel.
    #[must_use]
    pub const fn of(self, channel: Channel) -> u8 {
        match channel {
            Channel::Phone => self.phone,
            Channel::Meeting => self.meeting,
            Channel::Chat => self.chat,
        }
    }
}

/// What the world sees of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Not at work, or the connection stayed lost beyond the grace period.
    Offline,
    /// Ready, with room for at least one more contact.
    Available,
    /// In contact and without room for more (or about to leave after the current contacts).
    Busy,
    /// Doing the work after a contact; takes no new one meanwhile.
    WrapUp,
    /// Paused by the agent or a supervisor, with a reason.
    Away,
    /// Let an offer run out; takes nothing until the agent says "available" again.
    NotAnswering,
}

/// Why an agent is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AwayReason {
    Break,
    Meal,
    Meeting,
    Training,
    Other,
}

/// The state that an agent (or a supervisor for them) asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Wish {
    Available,
    Away { reason: AwayReason },
    Offline,
}

/// Where a contact stands. `arriving` and `closed` lie outside the engine: before and after it knows the
/// contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    Arriving,
    Waiting,
    Offered,
    Active,
    Held,
    WrapUp,
    Closed,
}

/// How a contact ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An agent talked with the inquirer to the end.
    Handled,
    /// The inquirer gave up before an agent answered.
    Abandoned,
    /// Sent (or chose to go) to a callback, a reservation or a message.
    Diverted,
    /// Went on outside this pool; a transfer inside it continues the same contact.
    Transferred,
    /// Broken by a fault of ours or of the line.
    Failed,
}

/// Why a waiting inquirer is told that nobody will answer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DivertReason {
    DeskClosed,
    /// Nobody who could ever take this contact is signed in.
    NoAgent,
    MaxWait,
    QueueFull,
    /// The inquirer chose it.
    Chosen,
}

/// Why an offer ended without becoming a conversation with that agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    /// A supervisor gave the contact to somebody else.
    AcceptedElsewhere,
    Declined,
    Expired,
    /// Taken back: the agent's state was forced, the agent was removed, or the wishes were corrected.
    Revoked,
    /// The agent's connection stayed lost beyond the grace period.
    SocketLost,
    /// The inquirer left, or the contact failed, while it rang.
    GaveUp,
    /// The store had another owner for the contact.
    ClaimLost,
}

/// Why a contact that had an owner waits again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequeueReason {
    SocketLost,
    PulledBack,
    Transferred,
    ClaimLost,
    /// The agent was taken off the pool or forced offline.
    AgentLeft,
}

/// How wide the search for an agent has become. Each ring includes those before it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Ring {
    /// Agents of the desk who have every wanted skill.
    #[default]
    Own,
    /// Any agent of the desk who has the languages or may use translation; topics are wishes now.
    Translation,
    /// Agents of the partner desks too.
    Partner,
}

impl Ring {
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Own => 0,
            Self::Translation => 1,
            Self::Partner => 2,
        }
    }
}

/// Why the engine did not do what an input asked. The state is unchanged by a rejected input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    UnknownContact,
    UnknownAgent,
    UnknownDesk,
    /// The offer never existed or has ended (accepted, declined, expired, revoked).
    UnknownOffer,
    UnknownReservation,
    /// The contact is known already.
    DuplicateContact,
    /// The offer was made to another agent.
    NotYourOffer,
    /// The act does not fit the state of the contact.
    WrongState,
    /// The agent is not ready: signed out, away, in wrap-up, disconnected or being offered a contact.
    AgentNotReady,
    /// The agent has no room for the channel.
    NoCapacity,
    /// No further extension of this wrap-up is allowed.
    ExtensionLimit,
    /// A list is longer than its limit.
    TooMany,
    /// The reservation has ended or ends before it starts.
    BadTime,
}
