//! Endpoints. Desks, days, topics, accounts, texts, settings, the trail.

use std::sync::Arc;

use axum::Router;

use jiff::tz::TimeZone;

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::security::keys::InstallKey;

/// What the endpoints need.
#[derive(Clone)]
pub struct Admin {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub zone: TimeZone,
    pub key: InstallKey,
}

/// The routes of this feature.
pub fn router(_parts: Arc<Admin>) -> Router {
    Router::new()
}

#[derive(utoipa::OpenApi)]
#[openapi(paths())]
pub struct Api;
