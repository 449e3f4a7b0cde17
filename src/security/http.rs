//! Endpoints. Signing in and out.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;

use super::TrustedProxies;
use super::keys::InstallKey;

/// What the endpoints need.
#[derive(Clone)]
pub struct Sessions {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub key: InstallKey,
    /// Whether browsers come through TLS: cookies are Secure then.
    pub secure: bool,
}

/// The routes of this feature.
pub fn router(_parts: Arc<Sessions>) -> Router {
    Router::new()
}

#[derive(utoipa::OpenApi)]
#[openapi(paths())]
pub struct Api;

/// Finds the address behind each request for [`super::Client`].
pub async fn name_client(
    State(proxies): State<Arc<TrustedProxies>>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = proxies.client(super::client::peer_of(request.extensions()), request.headers());
    request.extensions_mut().insert(client);
    next.run(request).await
}

/// Finds out who is asking and puts an [`super::Identity`] into the request's extensions; refuses changes
/// without the CSRF token.
pub async fn identify(State(_sessions): State<Arc<Sessions>>, request: Request, next: Next) -> Response {
    next.run(request).await
}
