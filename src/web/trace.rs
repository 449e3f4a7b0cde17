//! Every request gets a trace id, a log line without personal data, and, when it failed, a sentence.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;
use tracing::Instrument;
use utoipa::ToSchema;

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::ids::TraceId;
use crate::kernel::problem::Problem;
use crate::kernel::telemetry::Metrics;
use crate::language::problems;

/// Name of the answer's header that carries the trace id.
pub const TRACE_HEADER: &str = "x-trace-id";

/// What the middleware needs.
#[derive(Clone, Debug)]
pub struct Tracer {
    pub clock: Clock,
    pub chance: Chance,
    pub metrics: Metrics,
}

/// The body of every answer that says no.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Stable, snake_case: programs branch on it.
    pub code: String,
    /// One plain sentence in the reader's language.
    pub message: String,
    /// Quote this to the administrator: it finds the log lines of the request.
    pub trace: TraceId,
    /// Values the sentence used.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub params: std::collections::BTreeMap<String, String>,
    /// Refused fields and why: path → code.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub fields: std::collections::BTreeMap<String, String>,
    /// How the thing stands now, with `changed_elsewhere`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub current: Option<Box<serde_json::Value>>,
}

/// The outermost layer: names the request, times it, and words its problem.
pub async fn trace(State(tracer): State<Arc<Tracer>>, mut request: Request, next: Next) -> Response {
    let started = tracer.clock.now();
    let trace = TraceId::compose(started, tracer.chance.bits());
    request.extensions_mut().insert(trace);
    let method = request.method().clone();
    // The route's template, never the path itself: a path may hold a number or a name.
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |p| p.as_str().to_owned());
    let language = reader_language(request.headers());
    let span = tracing::info_span!("http", %trace);
    let response = next.run(request).instrument(span.clone()).await;
    let took_ms = tracer.clock.now().since(started).0;
    let status = response.status();
    span.in_scope(|| tracing::info!(%method, route, status = status.as_u16(), took_ms, "answered"));
    tracer.metrics.http_requests.inc();
    if status.is_server_error() {
        tracer.metrics.http_errors.inc();
    }
    word(response, trace, &language)
}

fn word(mut response: Response, trace: TraceId, language: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(&trace.to_string()) {
        response.headers_mut().insert(TRACE_HEADER, value);
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let body = problem_body(&problem, trace, language);
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    // The body that is replaced may have been compressed; the new one is not.
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    Response::from_parts(parts, Body::from(serde_json::to_vec(&body).unwrap_or_default()))
}

/// Words a problem in `language` (a BCP 47 tag; Japanese when it is unknown).
#[must_use]
pub fn problem_body(problem: &Problem, trace: TraceId, language: &str) -> ProblemBody {
    ProblemBody {
        code: problem.code.to_owned(),
        message: problems::sentence(problem.code, &problem.params, language),
        trace,
        params: problem.params.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
        fields: problem.fields.iter().map(|(k, v)| (k.clone(), (*v).to_owned())).collect(),
        current: problem.current.clone(),
    }
}

/// The first language of `Accept-Language`; the pages set it to the language their reader chose.
#[must_use]
pub fn reader_language(headers: &HeaderMap) -> String {
    headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.split([',', ';']).next())
        .map(str::trim)
        .filter(|v| !v.is_empty() && v.len() <= 15)
        .unwrap_or("ja")
        .to_owned()
}
