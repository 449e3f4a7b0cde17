//! The agents' console: the built files of `agents-ui`, carried inside the binary.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "agents-ui/dist"]
struct Built;

/// Built file names carry a hash of their content, so a browser may keep them for good.
const KEEP: &str = "public, max-age=31536000, immutable";
const ASK: &str = "no-cache";

/// `/desk` and everything below it.
pub fn router() -> Router {
    Router::new().route("/desk", get(index)).route("/desk/", get(index)).route("/desk/{*path}", get(file))
}

async fn index(headers: HeaderMap) -> Response {
    Built::get("index.html").map_or_else(not_built, |file| serve(&file, ASK, &headers))
}

async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match Built::get(&path) {
        Some(file) if path.starts_with("assets/") => serve(&file, KEEP, &headers),
        Some(file) => serve(&file, ASK, &headers),
        // A missing asset is missing; anything else is a page of the console that its router knows.
        None if path.starts_with("assets/") => StatusCode::NOT_FOUND.into_response(),
        None => index(headers).await,
    }
}

fn serve(file: &EmbeddedFile, cache: &'static str, asked: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag = hash.iter().take(16).fold(String::from("\""), |mut tag, byte| {
        use std::fmt::Write;
        let _ = write!(tag, "{byte:02x}");
        tag
    }) + "\"";
    let same = asked.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes());
    let kind = match file.metadata.mimetype() {
        "text/html" => "text/html; charset=utf-8".to_owned(),
        other => other.to_owned(),
    };
    let head = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache.to_owned()), (header::ETAG, tag)];
    if same {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, file.data.clone().into_owned()).into_response()
}

fn not_built() -> Response {
    (StatusCode::NOT_FOUND, "The console was not built into this binary. Run ./scripts/build.\n")
        .into_response()
}
