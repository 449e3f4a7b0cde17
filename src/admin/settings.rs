//! The installation's settings: the pool's rules.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::settings::PoolSettings;

/// The pool's rules and the version they stand at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolPart {
    pub version: i64,
    pub settings: PoolSettings,
}

/// All settings; each part has a version of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminSettings {
    pub pool: PoolPart,
}

/// The parts that shall become different, each whole and with the version it was made from.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SettingsChange {
    pub pool: Option<PoolPart>,
}
