//! The OpenAPI document, made from the handlers' own types.

use utoipa::OpenApi;

use crate::{admin, chat, desk, phone, security, texts, tickets};

use super::{health, trace};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Madoguchi",
        description = "A consultation desk: calls, meetings and chats in one queue.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(trace::ProblemBody))
)]
struct Root;

/// The whole document. `madoguchi openapi` prints it; `docs/openapi.json` is its snapshot.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Root::openapi();
    for part in [
        health::Api::openapi(),
        security::http::Api::openapi(),
        desk::http::Api::openapi(),
        chat::http::Api::openapi(),
        tickets::http::Api::openapi(),
        phone::http::calls::Api::openapi(),
        phone::http::recordings::Api::openapi(),
        texts::http::Api::openapi(),
        admin::http::Api::openapi(),
        phone::http::Api::openapi(),
    ] {
        document.merge(part);
    }
    document
}

/// The document as pretty JSON with a line break at the end.
///
/// # Errors
/// When the document cannot be serialised, which a test rules out.
pub fn json() -> Result<String, serde_json::Error> {
    Ok(document().to_pretty_json()? + "\n")
}
