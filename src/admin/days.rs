//! Days that override the week and the law, and the law's own days for a year.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::calendar::{DayKind, Span};
use crate::kernel::ids::DeskId;

/// A day on which other hours hold, for all desks or for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayOverride {
    #[schema(example = "2026-11-24")]
    pub day: String,
    /// Absent: for all desks. A desk's own row wins over the row for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<DeskId>,
    pub kind: DayKind,
    /// Why, as colleagues see it; may be empty.
    pub name: String,
    /// The hours; for the kind `hours` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// When putting: the version that the change was made from, 0 for a day that has no row yet.
    #[serde(default)]
    pub version: i64,
}

/// The overrides of a year, in order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DayList {
    pub items: Vec<DayOverride>,
}

/// Why a day is closed by law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LawKind {
    /// A national holiday, a substitute holiday or a citizens' holiday.
    Holiday,
    /// 29 December to 3 January.
    YearEnd,
}

/// A day on which offices of the state rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LawDay {
    #[schema(example = "2026-05-06")]
    pub day: String,
    pub kind: LawKind,
    /// The law's own word, e.g. 振替休日.
    pub name_ja: String,
    pub name_en: String,
}

/// The days of a year that are closed by law, in order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LawDayList {
    pub items: Vec<LawDay>,
}
