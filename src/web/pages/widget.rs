//! `GET /widget.js`: the button and frame that another site embeds.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::language::Texts;

use super::assets;

/// Stands in the script where the texts go.
const MARK: &str = "/* texts */ {}";

/// How long a browser may keep it, in seconds: the address is fixed, so changes must get through.
const KEEP: &str = "public, max-age=600";

/// The script with its button's words in every language.
pub async fn script() -> Response {
    let texts: serde_json::Map<String, serde_json::Value> = Texts::languages()
        .map(|tag| {
            let t = Texts::get(&tag);
            let words = [t.t("widget_title"), t.t("widget_open"), t.t("widget_close")];
            (tag.to_string(), words.as_slice().into())
        })
        .collect();
    let body = assets::text("widget.js").replace(MARK, &serde_json::Value::Object(texts).to_string());
    let head = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, KEEP),
        // Other sites load it on purpose.
        (header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    (head, body).into_response()
}
