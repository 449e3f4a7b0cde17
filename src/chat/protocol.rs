//! What travels between a visitor's page and the program: the frames of `/ws/visitor` and of the stream,
//! and the bodies of the requests. The page's script is written against these types.
//!
//! Nothing here names an account: a visitor sees the family name of whoever answers and nothing else.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::protocol::ProblemView;
use crate::desk::words::{EndedBy, Inquirer, MarkKind, Sender};
use crate::kernel::ids::ContactId;
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::{DivertReason, Outcome};

/// What a visitor's page may say over its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum VisitorFrame {
    /// Always first.
    Hello {
        token: String,
        /// The last message the page has; those after it follow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<i64>,
        /// The page's language, for refusals before the conversation is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
    },
    Send {
        client_id: String,
        body: String,
    },
    Typing {},
    Read {
        up_to_seq: i64,
        /// `delivered`: on the page; `read`: looked at.
        #[serde(default = "read")]
        kind: MarkKind,
    },
    End {},
    /// Stop waiting: what was written stays as a left message.
    Divert {},
    /// The visitor's own choice.
    Language {
        language: String,
    },
    /// 1 (bad) to 5 (good), once.
    Rate {
        score: u8,
    },
    Ping {},
}

const fn read() -> MarkKind {
    MarkKind::Read
}

/// What the program tells a visitor's page, over the socket and over the stream.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum VisitorEvent {
    /// The answer to `hello`.
    Welcome(Conversation),
    /// A message of either side, in order of `seq`. One that the page sent itself comes too.
    Message {
        message: VisitorMessage,
    },
    /// The message is on disk.
    Ack {
        client_id: String,
        seq: i64,
        message: VisitorMessage,
    },
    /// What was asked for is not done; `client_id` when it was a message: it stays with the page.
    Refused {
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<String>,
        problem: ProblemView,
    },
    State(StateView),
    /// The agent is typing.
    Typing {},
    /// How far the agent's side has got with the visitor's messages.
    Marks {
        delivered_seq: i64,
        read_seq: i64,
    },
    /// She seems to write in another language: ask her. Answered by `language`.
    SuggestLanguage {
        language: String,
    },
    /// What was asked for is done (`rate`, `language`, `end`, `divert`).
    Done {
        what: Asked,
    },
    Pong {},
    Bye {
        reason: VisitorBye,
    },
}

/// A request without an answer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    End,
    Divert,
    Language,
    Rate,
}

/// Why the program ends a socket or stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VisitorBye {
    /// The program stops; come back with `after`.
    Stopping,
    /// The page did not read fast enough; come back with `after`.
    TooSlow,
    /// Nothing was heard for too long; come back with `after`.
    Silent,
    /// No `hello`, or one that was refused: do not come back with the same.
    Refused,
    /// The conversation is open in too many places.
    TooManyPages,
}

/// Where the conversation stands, for the visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VisitorState {
    Waiting,
    /// Somebody answers.
    Active,
    Ended,
    /// Left as a message: the answer comes on the private page.
    Left,
}

/// The line, or the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateView {
    pub state: VisitorState,
    /// From 1; 0 while it rings at somebody's place; absent when she does not wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// Absent while nobody who could answer is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_wait_ms: Option<Millis>,
    /// The family name of whoever answers or answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// Why the wait ended without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<DivertReason>,
}

/// One message, as the visitor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VisitorMessage {
    /// Grows within the conversation, with gaps.
    pub seq: i64,
    pub sender: Sender,
    /// The page's own id, for the visitor's messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub body: String,
    pub at: Timestamp,
    /// The family name, for an agent's messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    /// BCP 47, as detected; for the `lang` attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// Everything a page needs to show a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conversation {
    pub contact: ContactId,
    /// The number of the record, to be quoted on the telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    pub desk: DeskName,
    /// BCP 47: the language of her page.
    pub language: String,
    pub standing: StateView,
    /// Those after `after`, oldest first, at most [`super::limits::PAGE_MAX`].
    pub messages: Vec<VisitorMessage>,
    /// There are more: over a socket or stream they follow; else ask again with `after`.
    pub more: bool,
    /// The agent's side has received her messages up to here …
    pub delivered_seq: i64,
    /// … and read them up to here.
    pub read_seq: i64,
    /// The score she gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<i64>,
    /// What she writes now is answered later, on this page.
    pub answered_later: bool,
    /// When the link stops to open the conversation; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readable_until: Option<Timestamp>,
    pub server_time: Timestamp,
}

/// A desk by its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeskName {
    pub slug: String,
    pub name_ja: String,
    pub name_en: String,
}

/// `POST /api/v1/chat`: begin to wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewChat {
    /// The page's own, drawn at random: 16 to 64 letters, digits, `-` and `_`. Sent again from the same
    /// network, it is the same conversation.
    pub client_id: String,
    /// The slug of a desk.
    pub desk: String,
    /// BCP 47.
    pub language: String,
    pub inquirer: Inquirer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// An id of the topics that `status` lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// She has read and agreed.
    #[serde(default)]
    pub consent: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_message: Option<String>,
    /// The token of an earlier conversation that this one carries on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<String>,
}

/// A conversation has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatBegun {
    /// The secret that opens this conversation; nowhere else to be had.
    pub token: String,
    pub contact: ContactId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// `POST /api/v1/chat/leave`: a message for later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewMessageLeft {
    /// As in [`NewChat`].
    pub client_id: String,
    pub desk: String,
    pub language: String,
    pub inquirer: Inquirer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(default)]
    pub consent: bool,
    pub message: String,
    /// Mail address or telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

/// A message was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageLeft {
    /// The private page, as a path of this site: `/chat/thread#TOKEN`.
    pub link: String,
    pub token: String,
    pub contact: ContactId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// `GET /api/v1/chat/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    pub desks: Vec<DeskStatus>,
    pub topics: Vec<TopicChoice>,
    pub server_time: Timestamp,
}

/// A desk's door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeskStatus {
    pub slug: String,
    pub name_ja: String,
    pub name_en: String,
    pub open: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<Timestamp>,
    pub waiting: u32,
    /// Absent: closed, or nobody who could answer in this language is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_wait_ms: Option<Millis>,
    /// BCP 47, in the order of the chooser.
    pub languages: Vec<String>,
}

/// A topic to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicChoice {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    pub name_ja: String,
    pub name_en: String,
}

/// `POST /api/v1/chat/send`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Say {
    /// 1 to 64 letters, digits, `-` and `_`; sent again, it is the same message.
    pub client_id: String,
    pub body: String,
}

/// The message is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Said {
    pub client_id: String,
    pub seq: i64,
    pub message: VisitorMessage,
    /// She seems to write in this language: ask her.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggest_language: Option<String>,
}

/// `POST /api/v1/chat/read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadUpTo {
    pub up_to_seq: i64,
    /// `delivered` or `read`.
    #[serde(default = "read")]
    pub kind: MarkKind,
}

/// `POST /api/v1/chat/rate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rating {
    /// 1 (bad) to 5 (good).
    pub score: u8,
}

/// `POST /api/v1/chat/language`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LanguageChoice {
    /// BCP 47.
    pub language: String,
}

/// `POST /api/v1/chat/ticket`: what opens the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamKey {
    /// For `GET /api/v1/chat/stream?key=…`.
    pub key: String,
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_the_page_writes_them() {
        let parse = |text: &str| serde_json::from_str::<VisitorFrame>(text);
        assert_eq!(parse(r#"{"type":"ping"}"#).unwrap(), VisitorFrame::Ping {});
        assert_eq!(
            parse(r#"{"type":"read","up_to_seq":4}"#).unwrap(),
            VisitorFrame::Read { up_to_seq: 4, kind: MarkKind::Read }
        );
        for bad in ["", "{}", "null", r#"{"type":"send"}"#, r#"{"type":"rate","score":900}"#, "[1]"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn events_are_flat_and_leave_out_what_is_absent() {
        let state = StateView {
            state: VisitorState::Waiting,
            position: Some(0),
            expected_wait_ms: None,
            agent_name: None,
            outcome: None,
            ended_by: None,
            reason: None,
        };
        assert_eq!(
            serde_json::to_value(VisitorEvent::State(state)).unwrap(),
            serde_json::json!({"type": "state", "state": "waiting", "position": 0})
        );
    }
}
