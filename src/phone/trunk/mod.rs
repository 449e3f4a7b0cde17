//! The SIP trunk: calls from and to the telephone network, without sound.
//!
//! This module owns the SIP listeners, the dialogs, the session timers and the registrations with providers.
//! It hides the SIP stack (`rsipstack`) wholly: no type of it is in a public signature, so that another
//! stack, or another version of this one, is a change inside this folder. SDP goes in and out as text and is
//! not read here. `phone` may call it; it knows nothing of queues, agents or desks.
//!
//! # How it is used
//! [`Trunk::start`] opens the listeners and gives a [`Trunk`] (cheap to clone; every command returns at once)
//! and the receiver of [`TrunkEvent`]s. For each call there is one opening event ([`TrunkEvent::Incoming`])
//! or command ([`Trunk::dial`]), and exactly one closing event: [`TrunkEvent::Cancelled`],
//! [`TrunkEvent::Refused`] or [`TrunkEvent::Ended`]; also when this program ends the call itself. After it
//! the [`CallId`] means nothing. Commands for a call that is over give [`TrunkError::NoSuchCall`]; that race
//! is normal.
//!
//! # What goes by which rule
//! Transactions, retransmissions and matching: RFC 3261 §17, RFC 6026 (the stack). Offers and answers: RFC
//! 3264, RFC 6337; UPDATE: RFC 3311; INFO: RFC 6086; session timers: RFC 4028; the caller's number: RFC 3325,
//! RFC 3323; digest: RFC 7616; registration: RFC 3261 §10. Messages are judged on their raw bytes before the
//! stack sees them (`gate`), so strangers and noise leave nothing behind.
//!
//! # Logs
//! The stack writes every message in full at `INFO`: numbers, names, credentials. **The filter of the program
//! must hold `rsipstack=warn`.** [`Trunk::start`] refuses to run ([`TrunkError::LogsTooMuch`]) where it does
//! not. This module itself logs names of peers and response codes, never a number or a message.
//!
//! # Limits of this module
//! One stream of early media per call; no reliable provisional responses (RFC 3262: `Require: 100rel` gets
//! 420); no REFER (transfers are made by re-INVITE and a second call); no SRV look-up: a provider is named by
//! a host that has an address.

mod call;
mod caller;
mod config;
mod gate;
mod handle;
mod inbound;
mod outbound;
mod peers;
mod register;
mod session;
mod stack;
mod streams;
mod timer;
mod wire;

pub use caller::{Caller, Withheld};
pub use config::{
    DialledFrom, LimitsConfig, Net, PeerConfig, RegistrationConfig, Secret, SessionConfig, Strangers,
    TlsConfig, Transport, TrunkConfig,
};
pub use gate::{Judge, Judged};
pub use handle::Trunk;

use std::net::SocketAddr;

use crate::kernel::time::Timestamp;

/// One call of this trunk; unique while the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// What happened on the trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrunkEvent {
    /// Somebody calls. To be answered with [`Trunk::answer`] or [`Trunk::refuse`]; 100 has been sent, nothing
    /// rings until [`Trunk::ring`].
    Incoming {
        call: CallId,
        caller: Caller,
        /// The number or name that was called.
        dialled: String,
        /// Name of the peer or registration it came through.
        peer: String,
        /// Their SDP offer; `None` when they wait for ours (RFC 3264 §5, late offer).
        offer: Option<String>,
    },
    /// The caller hung up before the answer.
    Cancelled { call: CallId },
    /// The far side has confirmed our answer (ACK), or our late offer with its `answer`. A caller that hangs
    /// up on the heels of its ACK may make this event be left out.
    Acknowledged { call: CallId, answer: Option<String> },
    /// The far side changes the session (hold, another address). To be answered with
    /// [`Trunk::answer_reoffer`] within `reoffer_secs`; `None` asks for our offer.
    Reoffer { call: CallId, sdp: Option<String> },
    /// The far side accepted our re-offer.
    ReofferAnswered { call: CallId, sdp: String },
    /// The far side did not accept our re-offer; the session stays as it was.
    ReofferRefused { call: CallId, code: u16 },
    /// A message inside the call, already answered with 200 (keys by `application/dtmf-relay`).
    Info { call: CallId, content_type: String, body: String },
    /// The call we dialled rings (180) or has early media (183 with SDP).
    Progress { call: CallId, code: u16, sdp: Option<String> },
    /// The call we dialled was answered.
    Answered { call: CallId, sdp: String },
    /// The call we dialled was not answered: busy (486), nobody (480, 408), refused (403, 603), no way (5xx).
    Refused { call: CallId, code: u16, reason: String },
    /// The call is over.
    Ended { call: CallId, cause: EndCause },
    /// The state of a registration changed.
    Registration { name: String, state: RegistrationState },
}

impl TrunkEvent {
    /// The call that it is of; `None` for a registration.
    #[must_use]
    pub const fn call(&self) -> Option<CallId> {
        match self {
            Self::Incoming { call, .. }
            | Self::Cancelled { call }
            | Self::Acknowledged { call, .. }
            | Self::Reoffer { call, .. }
            | Self::ReofferAnswered { call, .. }
            | Self::ReofferRefused { call, .. }
            | Self::Info { call, .. }
            | Self::Progress { call, .. }
            | Self::Answered { call, .. }
            | Self::Refused { call, .. }
            | Self::Ended { call, .. } => Some(*call),
            Self::Registration { .. } => None,
        }
    }
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The far side hung up (BYE).
    Far,
    /// This program hung up, refused or cancelled.
    Ours,
    /// The far side never confirmed our answer (RFC 3261 §13.3.1.4).
    NoAck,
    /// No refresh came in time, or ours was not answered (RFC 4028 §10).
    SessionExpired,
    /// The far side no longer knows the call, or cannot be reached.
    Lost,
    /// Nobody here answered in time.
    NotAnswered,
}

/// Why this program hangs up; told to the far side in a Reason header (RFC 3326, Q.850).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HangUp {
    /// Normal clearing (16).
    #[default]
    Normal,
    /// Nobody answered (19).
    NoAnswer,
    /// Something here failed, or the sound stopped coming (41).
    Failure,
}

/// A call to make.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Name of the peer or registration to go through.
    pub through: String,
    /// The number to call: digits, `+`, `*`, `#`; separators are dropped.
    pub number: String,
    /// The number to show. `None` shows the account's name, or nothing where there is no account.
    pub shown: Option<String>,
    /// Our SDP offer.
    pub sdp: String,
}

/// How it stands with a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    /// Not tried yet, or being tried for the first time.
    Starting,
    /// Calls arrive until then; it is renewed before.
    Registered { until: Timestamp },
    /// Not registered; tried again at `retry_at`.
    Failed { reason: String, retry_at: Timestamp },
    /// Taken back because the program stops.
    Ended,
}

/// For the health page.
#[derive(Clone, Debug)]
pub struct TrunkStatus {
    /// Whether messages are still being read. `false` before the end means that the stack broke.
    pub serving: bool,
    pub calls: u32,
    pub peers: Vec<PeerStatus>,
    pub registrations: Vec<RegistrationStatus>,
    /// Messages from addresses that are no peer, since the start.
    pub strangers: u64,
    /// Messages of peers that could not be read, since the start.
    pub broken: u64,
}

#[derive(Clone, Debug)]
pub struct PeerStatus {
    pub name: String,
    pub calls: u32,
    /// Calls refused because a limit was reached, since the start.
    pub over_limit: u64,
}

#[derive(Clone, Debug)]
pub struct RegistrationStatus {
    pub name: String,
    pub state: RegistrationState,
    pub last_success: Option<Timestamp>,
    pub last_failure: Option<(Timestamp, String)>,
}

/// What can go wrong with a command or at the start.
#[derive(Debug, thiserror::Error)]
pub enum TrunkError {
    #[error("trunk configuration: {0}")]
    Config(String),
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
    #[error("trunk certificate: {0}")]
    Tls(String),
    #[error("the log filter must hold rsipstack=warn: at info the SIP stack logs whole messages")]
    LogsTooMuch,
    #[error("the SIP stack failed: {0}")]
    Stack(String),
    /// The call is over, or never was.
    #[error("no such call")]
    NoSuchCall,
    #[error("no such peer or registration, or it cannot be called")]
    NoRoute,
    #[error("this cannot be dialled")]
    BadNumber,
    /// The limits of calls are reached.
    #[error("too many calls")]
    TooMany,
    /// Only 300 to 699 refuse a call (RFC 3261 §21).
    #[error("not a refusal: {0}")]
    BadCode(u16),
    #[error("the trunk is stopping")]
    Stopping,
}
