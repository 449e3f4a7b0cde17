//! Is the program alive, is it ready, and how is it doing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::desk::Desk;
use crate::kernel::db::Db;
use crate::kernel::problem::Problem;
use crate::kernel::telemetry::Metrics;

/// What these endpoints look at.
#[derive(Clone)]
pub struct Health {
    pub db: Db,
    pub desk: Desk,
    pub metrics: Metrics,
    pub metrics_from: Vec<IpAddr>,
}

/// `/healthz`, `/readyz`, `/metrics`.
pub fn router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// The store answers and the engine runs.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = String), (status = 503, body = String)))]
async fn readyz(State(health): State<Arc<Health>>) -> Response {
    if health.db.read().await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response();
    }
    if !health.desk.is_running() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the engine is not running\n").into_response();
    }
    "ready\n".into_response()
}

/// Figures in the Prometheus text format, for the addresses that the settings name.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, body = String), (status = 404)))]
async fn metrics(
    State(health): State<Arc<Health>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Result<Response, Problem> {
    if !health.metrics_from.contains(&peer.ip().to_canonical()) {
        return Err(Problem::not_found());
    }
    health.desk.observe(&health.metrics);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, health.metrics.render()).into_response())
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(healthz, readyz, metrics))]
pub struct Api;
