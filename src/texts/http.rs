//! Endpoints. Canned texts for agents.

use std::sync::Arc;

use axum::Router;

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;

/// What the endpoints need.
#[derive(Clone)]
pub struct Texts {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
}

/// The routes of this feature.
pub fn router(_parts: Arc<Texts>) -> Router {
    Router::new()
}

#[derive(utoipa::OpenApi)]
#[openapi(paths())]
pub struct Api;
