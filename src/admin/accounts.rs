//! Accounts: the people who sign in, what they may do and what they can take.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::ids::{AccountId, DeskId};
use crate::kernel::time::Timestamp;
use crate::routing::{Capacity, SkillLevel};
use crate::security::Role;

/// An account as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminAccount {
    pub id: AccountId,
    /// The sign-in name: lower-case letters, digits, `.`, `-` and `_`.
    #[schema(example = "sato")]
    pub login: String,
    /// The name that colleagues see and inquirers are told.
    pub name: String,
    pub role: Role,
    /// `ja` or `en`.
    pub ui_language: String,
    pub desks: Vec<DeskId>,
    pub skills: Vec<SkillLevel>,
    pub capacity: Capacity,
    /// Whether the person may be given contacts in a foreign language through translation.
    pub translation: bool,
    /// Whether a second factor is set up.
    pub second_factor: bool,
    /// Whether a new password must be chosen at the next sign-in.
    pub password_must_change: bool,
    pub active: bool,
    pub created_at: Timestamp,
    pub version: i64,
}

/// A page of accounts, ordered by sign-in name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AccountPage {
    pub items: Vec<AdminAccount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    pub total: i64,
    /// Whether there are more than `total`.
    pub total_capped: bool,
}

/// An account to be made. It is active at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewAccount {
    pub login: String,
    pub name: String,
    pub role: Role,
    /// Absent: `ja`.
    #[serde(default)]
    pub ui_language: Option<String>,
    #[serde(default)]
    pub desks: Vec<DeskId>,
    #[serde(default)]
    pub skills: Vec<SkillLevel>,
    #[serde(default)]
    pub capacity: Capacity,
    #[serde(default)]
    pub translation: bool,
}

/// What shall become different about an account; an absent field stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AccountChange {
    /// The version that the change was made from.
    #[schema(required = true)]
    pub version: i64,
    pub login: Option<String>,
    pub name: Option<String>,
    pub role: Option<Role>,
    pub ui_language: Option<String>,
    pub desks: Option<Vec<DeskId>>,
    pub skills: Option<Vec<SkillLevel>>,
    pub capacity: Option<Capacity>,
    pub translation: Option<bool>,
}

/// The version that an act was decided on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct AtVersion {
    pub version: i64,
}

/// An account with the password that was just made for it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AccountWithPassword {
    pub account: AdminAccount,
    /// Shown this once; must be changed at the first sign-in.
    pub temporary_password: String,
}

/// Which accounts are asked for.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// Found in the sign-in name or the name.
    pub search: Option<String>,
    pub role: Option<Role>,
    pub active: Option<bool>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 200; absent: 50.
    pub limit: Option<i64>,
}
