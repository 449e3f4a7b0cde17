//! The pages' own files: styles, scripts, fonts, carried inside the binary.
//!
//! Their addresses hold one hash over all of them, so that scripts may import each other by relative
//! addresses and every browser may keep what it has for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "src/web/pages/static"]
struct Files;

/// Sent with an address that holds the right hash.
const KEEP: &str = "public, max-age=31536000, immutable";

/// Sent with any other: a page of an older program may still be open somewhere.
const ASK: &str = "no-cache";

/// Hex digits of the hash in an address.
const VERSION_CHARS: usize = 12;

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut all = Sha256::new();
    for name in Files::iter() {
        all.update(name.as_bytes());
        if let Some(file) = Files::get(&name) {
            all.update(file.metadata.sha256_hash());
        }
    }
    let mut hex = all.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    hex.truncate(VERSION_CHARS);
    hex
});

/// The address of a file of `static/`.
#[must_use]
pub fn address(name: &str) -> String {
    format!("/static/{}/{name}", *VERSION)
}

/// The text of a file of `static/`; empty when there is none.
#[must_use]
pub fn text(name: &str) -> String {
    Files::get(name).map_or_else(String::new, |f| String::from_utf8_lossy(&f.data).into_owned())
}

/// `GET /static/{version}/{*name}`
pub async fn file(Path((version, name)): Path<(String, String)>) -> Response {
    let Some(file) = Files::get(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match file.metadata.mimetype() {
        text @ ("text/css" | "text/javascript" | "text/plain") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    };
    let cache = if version == *VERSION { KEEP } else { ASK };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache.to_owned())], file.data.into_owned())
        .into_response()
}
