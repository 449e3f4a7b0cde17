//! Endpoints. Visitors' side of the chat: HTTP, socket, server-sent events.

use std::sync::Arc;

use axum::Router;

use jiff::tz::TimeZone;

use crate::desk::Desk;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::telemetry::Metrics;
use crate::language::Detector;
use crate::security::keys::InstallKey;

/// What the endpoints need.
#[derive(Clone)]
pub struct Chat {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub zone: TimeZone,
    pub desk: Desk,
    pub detector: Arc<Detector>,
    pub key: InstallKey,
    /// Sites that may embed the widget.
    pub widget_origins: Vec<String>,
    /// The address people type; empty: whatever host the browser asked for.
    pub public_url: String,
    pub lifecycle: Lifecycle,
    pub metrics: Metrics,
}

/// The routes of this feature.
pub fn router(_parts: Arc<Chat>) -> Router {
    Router::new()
}

#[derive(utoipa::OpenApi)]
#[openapi(paths())]
pub struct Api;
