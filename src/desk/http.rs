//! Endpoints. The live desk: directory, board, contacts, the agents' socket.

use std::sync::Arc;

use axum::Router;

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::kernel::telemetry::Metrics;

use super::{Desk, ports::Ports};

/// What the endpoints need.
#[derive(Clone)]
pub struct Live {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub desk: Desk,
    pub ports: Ports,
    pub metrics: Metrics,
}

/// The routes of this feature.
pub fn router(_parts: Arc<Live>) -> Router {
    Router::new()
}

#[derive(utoipa::OpenApi)]
#[openapi(paths())]
pub struct Api;
