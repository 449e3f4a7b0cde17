//! Topics: two levels of what a consultation is about. A topic is closed, never deleted: records name it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminTopic {
    /// `1` for a topic, `1-2` for one below it. Given by the program and never changed.
    #[schema(example = "5-2")]
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    pub name_ja: String,
    pub name_en: String,
    /// Its place beside its siblings, from 0.
    pub position: i64,
    /// One that is not active is offered to nobody; records that name it keep it.
    pub active: bool,
    /// Tickets that name it.
    pub tickets: i64,
    pub version: i64,
}

/// All topics: each topic is followed by those below it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TopicList {
    pub items: Vec<AdminTopic>,
}

/// A topic to be made; it stands last among its siblings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewTopic {
    /// Absent: a topic of the first level.
    #[serde(default)]
    pub parent_id: Option<String>,
    pub name_ja: String,
    pub name_en: String,
}

/// What shall become different about a topic; an absent field stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TopicChange {
    /// The version that the change was made from.
    #[schema(required = true)]
    pub version: i64,
    pub name_ja: Option<String>,
    pub name_en: Option<String>,
    pub position: Option<i64>,
    pub active: Option<bool>,
}
