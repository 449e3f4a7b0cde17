//! Endpoints. Desks, days, topics, accounts, settings, the trail.
//!
//! `/admin/texts` belongs to `texts`.

mod accounts;
mod desk;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, patch, post};
use jiff::tz::TimeZone;

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::security::Identity;
use crate::security::keys::InstallKey;

use super::Act;

/// What the endpoints need.
#[derive(Clone)]
pub struct Admin {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub zone: TimeZone,
    pub key: InstallKey,
}

impl Admin {
    fn act(&self, person: Identity) -> Act {
        Act::of(person, self.clock.now())
    }
}

/// The routes of this feature.
pub fn router(parts: Arc<Admin>) -> Router {
    Router::new()
        .route("/api/v1/admin/desks", get(desk::list_desks).post(desk::create_desk))
        .route("/api/v1/admin/desks/{id}", patch(desk::change_desk))
        .route("/api/v1/admin/days", get(desk::list_days).put(desk::put_day).delete(desk::delete_day))
        .route("/api/v1/admin/days/law", get(desk::days_by_law))
        .route("/api/v1/admin/topics", get(desk::list_topics).post(desk::create_topic))
        .route("/api/v1/admin/topics/{id}", patch(desk::change_topic))
        .route("/api/v1/admin/accounts", get(accounts::list_accounts).post(accounts::create_account))
        .route("/api/v1/admin/accounts/{id}", patch(accounts::change_account))
        .route("/api/v1/admin/accounts/{id}/reset_password", post(accounts::reset_password))
        .route("/api/v1/admin/accounts/{id}/reset_totp", post(accounts::reset_totp))
        .route("/api/v1/admin/accounts/{id}/deactivate", post(accounts::deactivate))
        .route("/api/v1/admin/accounts/{id}/activate", post(accounts::activate))
        .route("/api/v1/admin/settings", get(desk::read_settings).patch(desk::change_settings))
        .route("/api/v1/admin/audit", get(accounts::read_trail))
        .with_state(parts)
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(
    desk::list_desks,
    desk::create_desk,
    desk::change_desk,
    desk::list_days,
    desk::put_day,
    desk::delete_day,
    desk::days_by_law,
    desk::list_topics,
    desk::create_topic,
    desk::change_topic,
    accounts::list_accounts,
    accounts::create_account,
    accounts::change_account,
    accounts::reset_password,
    accounts::reset_totp,
    accounts::deactivate,
    accounts::activate,
    desk::read_settings,
    desk::change_settings,
    accounts::read_trail,
))]
pub struct Api;
