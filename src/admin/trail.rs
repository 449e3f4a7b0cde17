//! The audit trail, for reading. Reading it is itself written down.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::time::Timestamp;

/// One act of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrailEntry {
    /// Its number, from 1 without gaps.
    pub seq: i64,
    pub id: String,
    pub at: Timestamp,
    /// Account id; `system`; empty for somebody who did not prove who they are.
    pub actor: String,
    /// The name behind `actor` now; absent when it is no account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// The role at that moment; may be empty.
    pub role: String,
    /// `noun.verb`.
    #[schema(example = "account.change")]
    pub action: String,
    pub object_kind: String,
    pub object_id: String,
    /// What changed, as `path → {from, to}`, or other values of the act; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub detail: Option<serde_json::Value>,
    /// SHA-256 over this row and the hash of the row before it, in hexadecimal.
    pub hash: String,
}

/// A page of the trail, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TrailPage {
    pub items: Vec<TrailEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which acts are asked for.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct TrailQuery {
    /// An account id, or `system`.
    pub actor: Option<String>,
    /// A whole action (`account.change`) or a noun (`account`).
    pub action: Option<String>,
    pub object_kind: Option<String>,
    pub object_id: Option<String>,
    /// First day, `YYYY-MM-DD`.
    pub from: Option<String>,
    /// Last day, included.
    pub to: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 200; absent: 50.
    pub limit: Option<i64>,
}
