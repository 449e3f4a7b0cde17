//! Tickets (相談票): the record of a consultation, its categories, notes and history.
//!
//! Owns the tables `tickets`, `ticket_topics`, `ticket_changes`, `ticket_notes` and the counters of
//! ticket numbers. Other features make a ticket with [`create_for_contact`] inside their own
//! transaction; people change it through [`http`].
//!
//! Two people, or two tabs of one person, may edit one ticket at the same time: a change names the
//! version it started from, and every version remembers which fields it changed (`ticket_changes`). A
//! field that nobody else changed since is merged; one that somebody did is answered with
//! `changed_elsewhere` and the ticket as it stands, and nothing of that request is kept.

mod change;
mod content;
mod history;
pub mod http;
mod list;
mod notes;
mod rules;
mod store;
mod timeline;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::ids::{AccountId, ContactId, DeskId, PoolId, TicketId};
use crate::kernel::time::Timestamp;

pub use change::{Act, change, create_by_hand, open};
pub use history::{HISTORY_MAX, earlier};
pub use list::{LIST_MAX, ListQuery, TOTAL_MAX, list};
pub use notes::{add_note, reply};
pub use rules::{ANSWER_MAX, BASIS_MAX, CLIENT_ID_MAX, NAME_MAX, NOTE_MAX, REFERRAL_MAX, REPLY_TO_MAX};
pub use rules::{SUMMARY_MAX, TOPICS_MAX};
pub use store::{create_for_contact, mark_reply_waiting, take_over, touch};
pub use timeline::{TIMELINE_MAX, TimelineItem, TimelinePage, timeline};

/// What a new ticket is made from. Everything a person typed is checked by the caller.
#[derive(Clone, Debug)]
pub struct NewTicket<'a> {
    /// 80 bits of chance for the id (`Chance::bits`).
    pub chance: u128,
    /// The day in the installation's zone; its fiscal year names the ticket.
    pub day: Date,
    pub pool: PoolId,
    pub desk: DeskId,
    /// `phone`, `meeting` or `chat`.
    pub channel: &'a str,
    /// `company`, `support_organisation`, `worker`, `examinee` or `other`.
    pub inquirer: &'a str,
    /// Empty when she stays anonymous.
    pub inquirer_name: &'a str,
    /// BCP 47.
    pub language: &'a str,
    /// An id of `topics`; an unknown one is left out.
    pub topic: Option<&'a str>,
    /// Where an answer may go (mail address or telephone number); empty when there is no such place.
    pub reply_to: &'a str,
    /// A left message: somebody waits for an answer.
    pub reply_waiting: bool,
    pub owner: Option<AccountId>,
    /// The earlier ticket that this one carries on.
    pub resumes: Option<TicketId>,
}

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TicketStatus)]
pub enum Status {
    /// Somebody has to do something.
    Open,
    /// Waiting for the inquirer or for another office.
    Waiting,
    Closed,
}

/// How pressing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    Normal,
    High,
    /// Violence, confinement, a taken passport, danger to life: the script for emergencies was opened.
    Emergency,
}

/// How a consultation ended: 完結, 折返し, エスカレ, 紹介, 聞置き; empty while it has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TicketResult)]
pub enum Outcome {
    #[default]
    #[serde(rename = "")]
    None,
    Completed,
    Callback,
    Escalated,
    Referred,
    Listened,
}

/// A ticket as its readers see it. An empty text means "not filled in".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    pub id: TicketId,
    /// For people and for reference: `R8-000123`, the fiscal year of the Japanese era and a counter.
    pub number: String,
    /// Grows with every change; send it back with the next one.
    pub version: i64,
    pub desk: DeskId,
    /// `phone`, `meeting` or `chat`.
    pub channel: String,
    pub status: Status,
    /// `company`, `support_organisation`, `worker`, `examinee` or `other`.
    pub inquirer: String,
    pub inquirer_name: String,
    pub organisation: String,
    /// 法人番号, 13 digits with its check digit.
    pub corporate_number: String,
    /// JIS X 0401: `01` to `47`.
    pub prefecture: String,
    /// ISO 3166-1 alpha-2.
    pub nationality: String,
    /// Mail address or telephone number.
    pub reply_to: String,
    pub anonymous: bool,
    /// BCP 47.
    pub language: String,
    /// Ids of topics, in the order of the tree.
    pub topics: Vec<String>,
    pub summary: String,
    pub answer: String,
    pub basis: String,
    pub referral: String,
    pub result: Outcome,
    pub urgency: Urgency,
    /// 要配慮個人情報 is in it; colleagues who do not own it see no content in lists.
    pub sensitive: bool,
    /// The next day something is due, `YYYY-MM-DD` in the installation's zone.
    pub due_on: Option<String>,
    /// The due day is over and the ticket is not closed.
    pub overdue: bool,
    pub owner: Option<AccountId>,
    /// A left message or a late message of the inquirer has not been answered.
    pub reply_waiting: bool,
    /// Oldest first.
    pub contacts: Vec<ContactId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// What a reader should look at; never a reason to refuse.
    pub warnings: Vec<Warning>,
}

/// Something about a field that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    pub field: String,
    /// `individual_number`: the text holds what looks like a 個人番号 (12 digits whose check digit fits).
    pub code: String,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketRow {
    pub id: TicketId,
    pub number: String,
    pub version: i64,
    pub desk: DeskId,
    pub channel: String,
    pub status: Status,
    pub inquirer: String,
    pub inquirer_name: String,
    pub organisation: String,
    pub language: String,
    pub topics: Vec<String>,
    /// The first [`SUMMARY_START_MAX`] characters of the summary.
    pub summary: String,
    pub result: Outcome,
    pub urgency: Urgency,
    pub sensitive: bool,
    /// Names and summary are left out because the ticket is sensitive and somebody else's.
    pub restricted: bool,
    pub due_on: Option<String>,
    pub overdue: bool,
    pub owner: Option<AccountId>,
    pub reply_waiting: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

/// Characters of the summary that a list shows.
pub const SUMMARY_START_MAX: usize = 120;

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketPage {
    pub items: Vec<TicketRow>,
    /// Ask with it for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    pub total: i64,
    /// There are more than `total`.
    pub total_capped: bool,
}

/// A change: the version it started from and the fields that changed. `null` empties a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TicketPatch {
    /// The version the editor saw.
    pub version: i64,
    /// The editor's own name for its tab, up to 40 characters: what one tab wrote before never
    /// contradicts what it writes next. A tab sends its changes one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub editor: Option<String>,
    #[serde(flatten)]
    pub fields: Fields,
}

/// The fields a person may change; absent ones stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desk: Option<DeskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inquirer: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub inquirer_name: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub corporate_number: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub prefecture: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub nationality: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<String>>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub referral: Option<String>,
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub result: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitive: Option<bool>,
    /// A day, or an empty text for none.
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub due_on: Option<String>,
    /// An account's id, or an empty text for none.
    #[serde(deserialize_with = "emptied", skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_waiting: Option<bool>,
}

/// `null` in a change empties the field; only an absent field stays.
fn emptied<'de, T, D>(value: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de> + Default,
    D: serde::Deserializer<'de>,
{
    Ok(Some(Option::<T>::deserialize(value)?.unwrap_or_default()))
}

/// A ticket made by hand (a call on another line, a visit).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketByHand {
    /// The sender's own id, up to 40 characters: sent again, it is the same ticket.
    pub client_id: String,
    pub desk: DeskId,
    /// `phone`, `meeting` or `chat`.
    pub channel: String,
    /// The earlier ticket that this one carries on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<TicketId>,
    #[serde(flatten)]
    pub fields: Fields,
}

/// A note or a reply to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewText {
    /// The sender's own id, up to 40 characters: sent again, it is the same text.
    pub client_id: String,
    pub body: String,
}

/// A note on a ticket; the inquirer never sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Note {
    /// `nte_…`
    pub id: String,
    pub at: Timestamp,
    pub account: AccountId,
    pub body: String,
}

/// An earlier ticket of the same inquirer, and why it is taken for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EarlierTicket {
    pub ticket: TicketRow,
    /// The strongest first.
    pub reasons: Vec<MatchReason>,
}

/// Why two tickets are taken for one inquirer's, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchReason {
    /// She carried on from the earlier one through her private link.
    SameThread,
    /// The same mail address or telephone number.
    SameReplyTo,
    SameCorporateNumber,
    /// The same name of an organisation, but for its spelling: look twice.
    SameOrganisation,
}
