//! Desks: names, hours and the rules of their queue.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::calendar::Hours;
use crate::desk::settings::DeskSettings;
use crate::kernel::ids::DeskId;

/// A desk as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminDesk {
    pub id: DeskId,
    /// Its name in addresses (`/chat?desk=workers`): lower-case letters, digits and hyphens.
    #[schema(example = "workers")]
    pub slug: String,
    pub name_ja: String,
    pub name_en: String,
    /// Its place in lists, from 0; equal places are ordered by their age.
    pub position: i64,
    /// A desk that is not active takes no new contact and is shown to nobody.
    pub active: bool,
    pub hours: Hours,
    pub settings: DeskSettings,
    pub version: i64,
}

/// All desks of the pool, in their order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeskList {
    pub items: Vec<AdminDesk>,
}

/// A desk to be made. It is active at once and stands last.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewDesk {
    pub slug: String,
    pub name_ja: String,
    pub name_en: String,
    pub hours: Hours,
    /// Absent: the defaults.
    #[serde(default)]
    pub settings: DeskSettings,
}

/// What shall become different about a desk; an absent field stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeskChange {
    /// The version that the change was made from.
    #[schema(required = true)]
    pub version: i64,
    pub slug: Option<String>,
    pub name_ja: Option<String>,
    pub name_en: Option<String>,
    pub position: Option<i64>,
    pub active: Option<bool>,
    pub hours: Option<Hours>,
    /// Replaces all settings of the desk.
    pub settings: Option<DeskSettings>,
}
