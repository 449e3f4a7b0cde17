//! Pages that say what went wrong, for people; programs get the problem as JSON.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use crate::kernel::ids::TraceId;
use crate::kernel::problem::Problem;

use super::reader::Reader;
use super::view::{Page, Place};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    page: Page,
    sentence: String,
    trace: String,
}

/// Turns an answer that says no into a page, when it was a person's browser that asked for one.
pub async fn dress(request: Request, next: Next) -> Response {
    let wanted = wants_page(request.uri().path(), request.headers());
    let reader = Reader::of(request.uri(), request.headers());
    let trace = request.extensions().get::<TraceId>().map(ToString::to_string).unwrap_or_default();
    let response = next.run(request).await;
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    if !failed || is_page(&response) {
        return response;
    }
    if wanted { page(reader, status, response.extensions().get::<Problem>(), trace) } else { plain(response) }
}

/// A program asked: an answer without a reason gets one.
fn plain(response: Response) -> Response {
    let empty = response.headers().get(header::CONTENT_TYPE).is_none();
    match response.status() {
        StatusCode::NOT_FOUND if empty => Problem::not_found().into_response(),
        _ => response,
    }
}

fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let html = |v: &header::HeaderValue| v.to_str().is_ok_and(|v| v.contains("text/html"));
    let machine = ["/api/", "/ws/", "/static/", "/desk/assets/"].iter().any(|p| path.starts_with(p));
    !machine && headers.get(header::ACCEPT).is_some_and(html)
}

fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|v| v.as_bytes().starts_with(b"text/html"))
}

fn page(reader: Reader, status: StatusCode, problem: Option<&Problem>, trace: String) -> Response {
    let code =
        problem.map_or(if status == StatusCode::NOT_FOUND { "not_found" } else { "internal" }, |p| p.code);
    let seconds = problem.and_then(|p| p.params.get("seconds")).cloned().unwrap_or_default();
    let sentence = reader.texts.error(code, &[("trace", &trace), ("seconds", &seconds)]);
    let page = Page::new(reader, Place::Error, None);
    let html = ErrorPage { page, sentence, trace }.render().unwrap_or_default();
    (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response()
}
