//! How a call stands, as consoles see it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::ids::{AccountId, ContactId};

/// Which way a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    In,
    Out,
    /// From a visitor's browser.
    Web,
}

impl Direction {
    /// The text in the database and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Web => "web",
        }
    }
}

/// What the caller is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallerState {
    /// Hears the greeting or chooses by key.
    #[default]
    Menu,
    Waiting,
    /// The desk calls; it rings at the other side.
    Ringing,
    Talking,
    Held,
    /// Hears music because the agent's line is away.
    Music,
    Gone,
    /// Nobody answered the desk's call.
    Unreached,
}

/// What a further party is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartyState {
    Ringing,
    Talking,
    Held,
    Listening,
    Whispering,
    Gone,
}

/// Who a further party is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartyKind {
    Agent,
    Number,
    Supervisor,
}

/// Somebody in the call besides the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Party {
    pub id: String,
    pub kind: PartyKind,
    pub account: Option<AccountId>,
    pub number: Option<String>,
    pub state: PartyState,
}

/// How it stands with the recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    #[default]
    Off,
    On,
    Paused,
    /// It was to be recorded and is not: the disk is full, or fails.
    Failed,
}

/// A promised callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Callback {
    /// Milliseconds since 1970.
    pub asked_at: i64,
    pub tries: i64,
    pub state: CallbackState,
}

/// How far a promised callback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    Waiting,
    Dialling,
    Unreached,
}

/// A call of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Call)]
pub struct CallView {
    pub contact: Option<ContactId>,
    pub direction: Direction,
    pub number: Option<String>,
    /// Why there is no number: `private`, `payphone` or `unavailable`.
    pub withheld: Option<String>,
    pub caller: CallerState,
    pub parties: Vec<Party>,
    /// The party that the agent talks to while the caller hears music.
    pub private_with: Option<String>,
    pub recording: RecordingState,
    pub callback: Option<Callback>,
}
