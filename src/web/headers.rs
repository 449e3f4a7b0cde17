//! Headers that every answer carries.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// Nothing from other hosts, no inline script or style, no frames around us.
///
/// `wss:` and `ws:` of the own host are `'self'` in today's browsers (CSP 3, 6.7.2.8).
pub const CONTENT_POLICY: &str = "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What a page may use of the device.
const NOTHING: &str = "geolocation=(), camera=(), microphone=()";
const MICROPHONE: &str = "geolocation=(), camera=(), microphone=(self)";

/// The page inside the widget's frame may be framed by the sites that the settings name.
pub const FRAMED_PATH: &str = "/chat/frame";

/// What the headers depend on.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Browsers come through TLS.
    pub secure: bool,
    /// Sites that may embed the chat.
    pub widget_origins: Vec<String>,
}

/// Adds the headers; a handler that set one itself keeps it.
pub async fn protect(State(policy): State<Arc<Policy>>, request: Request, next: Next) -> Response {
    let framed = request.uri().path() == FRAMED_PATH && !policy.widget_origins.is_empty();
    // Only the console and the page of a web call ask for a microphone.
    let speaks = ["/desk", "/call"].iter().any(|root| request.uri().path().starts_with(root));
    let personal = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let mut put = |name: HeaderName, value: HeaderValue| {
        response.headers_mut().entry(name).or_insert(value);
    };
    let fixed = HeaderValue::from_static;
    if framed {
        let origins = policy.widget_origins.join(" ");
        let text =
            CONTENT_POLICY.replace("frame-ancestors 'none'", &format!("frame-ancestors 'self' {origins}"));
        put(header::CONTENT_SECURITY_POLICY, HeaderValue::from_str(&text).unwrap_or(fixed(CONTENT_POLICY)));
    } else {
        put(header::CONTENT_SECURITY_POLICY, fixed(CONTENT_POLICY));
        put(header::X_FRAME_OPTIONS, fixed("DENY"));
    }
    put(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    put(header::REFERRER_POLICY, fixed("same-origin"));
    put(HeaderName::from_static("cross-origin-opener-policy"), fixed("same-origin"));
    put(HeaderName::from_static("permissions-policy"), fixed(if speaks { MICROPHONE } else { NOTHING }));
    if personal {
        put(header::CACHE_CONTROL, fixed("no-store"));
    }
    if policy.secure {
        put(header::STRICT_TRANSPORT_SECURITY, fixed("max-age=31536000; includeSubDomains"));
    }
    response
}
