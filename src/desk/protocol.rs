//! What travels over the agents' socket, as two enums. The console's types are generated from them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::ids::{AccountId, ContactId, DeskId, MessageId, OfferId, TicketId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::routing::{AgentState, AwayReason, Explanation};

use super::board::Board;
use super::events::LoggedEvent;
use super::words::{Inquirer, Sender};

/// Characters of a command's own id; a longer one is refused.
pub const CMD_MAX: usize = 40;

/// A command with the client's own id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClientFrame {
    /// Up to [`CMD_MAX`] characters; comes back in `done` or `refused`. Without one, success is silent.
    #[serde(default)]
    pub cmd: String,
    #[serde(flatten)]
    pub command: ClientCommand,
}

/// What an agent's console may ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientCommand {
    /// Always first. With `since_seq` the missed events follow, else a snapshot.
    Hello {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since_seq: Option<i64>,
    },
    /// `available`, `away` (with a reason) or `offline`.
    SetState {
        state: AgentState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<AwayReason>,
    },
    Accept {
        offer: OfferId,
    },
    Decline {
        offer: OfferId,
    },
    Send {
        contact: ContactId,
        client_id: String,
        body: String,
    },
    Typing {
        contact: ContactId,
    },
    Read {
        contact: ContactId,
        up_to_seq: i64,
    },
    /// Shows the content of a contact from now on.
    Open {
        contact: ContactId,
    },
    Close {
        contact: ContactId,
    },
    End {
        contact: ContactId,
    },
    Hold {
        contact: ContactId,
    },
    Unhold {
        contact: ContactId,
    },
    WrapUpDone {
        contact: ContactId,
    },
    WrapUpExtend {
        contact: ContactId,
    },
    /// Corrects what the inquirer speaks or asks about; an absent value stays.
    Correct {
        contact: ContactId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
    },
    Transfer {
        contact: ContactId,
        to: TransferTo,
    },
    /// Supervisor: gives a waiting contact to an agent.
    Assign {
        contact: ContactId,
        agent: AccountId,
    },
    /// Supervisor: takes a contact from its agent, back to the head of the queue.
    PullBack {
        contact: ContactId,
    },
    /// Supervisor: sets another's state.
    ForceState {
        agent: AccountId,
        state: AgentState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<AwayReason>,
    },
    Ping {},
}

/// Where a contact is transferred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TransferTo {
    Agent { agent: AccountId },
    Desk { desk: DeskId },
}

/// What the server tells a console.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerEvent {
    /// A fresh start: everything before is to be forgotten.
    Welcome {
        me: Me,
        board: Board,
        server_time: Timestamp,
    },
    /// The events after `from_seq` follow; nothing is to be forgotten.
    Resumed {
        from_seq: i64,
    },
    Event {
        #[serde(flatten)]
        logged: LoggedEvent,
    },
    /// A message of an opened contact.
    Message {
        contact: ContactId,
        message: Message,
    },
    Opened {
        contact: ContactId,
        messages: Vec<Message>,
        visitor: VisitorView,
        #[serde(skip_serializing_if = "Option::is_none")]
        ticket: Option<TicketId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        explanation: Option<Explanation>,
    },
    /// The visitor is typing.
    Typing {
        contact: ContactId,
    },
    /// The telephone side of a contact changed: fetch `GET /api/v1/phone/calls/{contact}` again.
    CallChanged {
        contact: ContactId,
    },
    Done {
        cmd: String,
    },
    Refused {
        cmd: String,
        problem: ProblemView,
    },
    /// To the agent who holds the offer, and to nobody else.
    OfferDetail {
        offer: OfferId,
        contact: ContactId,
        why: Explanation,
        history: OfferHistory,
    },
    /// Fetch the directory again.
    SettingsChanged {},
    Pong {},
    Bye {
        reason: ByeReason,
    },
}

/// Whom the socket belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SocketMe)]
pub struct Me {
    pub agent: AccountId,
    /// `agent` or `supervisor`.
    pub role: String,
}

/// What is known about the inquirer before the contact is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferHistory {
    /// Earlier contacts of the same ticket.
    pub earlier: i64,
}

/// Why a socket is closed by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ByeReason {
    /// Too many sockets of the same agent: the oldest goes.
    Replaced,
    SignedOut,
    /// The program stops; reconnect with `since_seq`.
    Stopping,
    /// The client did not read fast enough; reconnect with `since_seq`.
    TooSlow,
}

/// A [`Problem`] as it travels over a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemView {
    /// Stable; clients branch on it.
    pub code: String,
    /// In the reader's language.
    pub message: String,
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub params: std::collections::BTreeMap<&'static str, String>,
}

impl ProblemView {
    /// `message` is the sentence in the reader's language.
    #[must_use]
    pub fn new(problem: &Problem, message: String) -> Self {
        Self { code: problem.code.to_owned(), message, params: problem.params.clone() }
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    pub id: MessageId,
    pub contact: ContactId,
    /// The number of its `message_stored` event.
    pub seq: i64,
    pub sender: Sender,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The sender's own id: sent again, it is the same message.
    pub client_id: String,
    pub body: String,
    /// BCP 47, as detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_confidence: Option<f64>,
    pub at: Timestamp,
}

/// The inquirer's side of an opened contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VisitorView {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    pub inquirer: Inquirer,
    /// The language the contact is routed by.
    pub language: String,
    /// The language she chose on the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_language: Option<String>,
    /// She has read up to here.
    pub read_seq: i64,
    /// Her page has received up to here.
    pub seen_seq: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_carries_its_id_beside_its_fields() {
        let offer = OfferId(5);
        let text = format!(r#"{{"type":"accept","cmd":"c1","offer":"{offer}"}}"#);
        let frame: ClientFrame = serde_json::from_str(&text).unwrap();
        assert_eq!(frame, ClientFrame { cmd: "c1".into(), command: ClientCommand::Accept { offer } });
        let hello: ClientFrame = serde_json::from_str(r#"{"type":"hello"}"#).unwrap();
        assert_eq!(hello.command, ClientCommand::Hello { since_seq: None });
    }

    #[test]
    fn an_event_on_the_wire_is_flat() {
        let logged = LoggedEvent {
            seq: 3,
            at: Timestamp(9),
            contact: None,
            event: super::super::events::Event::AgentConnected { agent: AccountId(1) },
        };
        let json = serde_json::to_value(ServerEvent::Event { logged }).unwrap();
        assert_eq!((&json["type"], &json["seq"]), (&"event".into(), &3.into()));
        assert_eq!(json["event"]["type"], "agent_connected");
    }

    #[test]
    fn frames_that_are_not_commands_are_refused() {
        for bad in ["", "{}", r#"{"type":"accept"}"#, r#"{"type":"nothing"}"#, "[1]"] {
            assert!(serde_json::from_str::<ClientFrame>(bad).is_err(), "{bad}");
        }
    }
}
