//! Endpoints. People read and change tickets here.

use std::sync::Arc;

use axum::Router;

use jiff::tz::TimeZone;

use crate::desk::Desk;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;

/// What the endpoints need.
#[derive(Clone)]
pub struct Tickets {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub zone: TimeZone,
    pub desk: Desk,
}

/// The routes of this feature.
pub fn router(_parts: Arc<Tickets>) -> Router {
    Router::new()
}

#[derive(utoipa::OpenApi)]
#[openapi(paths())]
pub struct Api;
