//! Endpoints of the phone: calls and lines in `calls`, what was said in `recordings`, what an administrator
//! sets in `admin`.

mod admin;
pub mod calls;
pub mod recordings;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, put};

use crate::kernel::clock::Clock;
use crate::kernel::db::Db;

use super::prompts::own::WAV_BYTES_MAX;

/// What the administrator's endpoints need.
#[derive(Clone)]
pub struct PhoneAdmin {
    pub db: Db,
    pub clock: Clock,
}

/// The administrator's routes.
pub fn admin_router(parts: Arc<PhoneAdmin>) -> Router {
    let prompt = put(admin::replace_prompt)
        .layer(DefaultBodyLimit::max(WAV_BYTES_MAX))
        .get(admin::hear_prompt)
        .delete(admin::take_prompt_back);
    Router::new()
        .route("/api/v1/admin/phone", get(admin::list_phone_desks))
        .route("/api/v1/admin/phone/{desk}", put(admin::change_phone_desk))
        .route("/api/v1/admin/phone/prompts", get(admin::list_prompts))
        .route("/api/v1/admin/phone/prompts/{desk}/{name}/{language}", prompt)
        .with_state(parts)
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(
    admin::list_phone_desks,
    admin::change_phone_desk,
    admin::list_prompts,
    admin::replace_prompt,
    admin::take_prompt_back,
    admin::hear_prompt,
))]
pub struct Api;
