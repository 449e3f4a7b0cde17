//! What a request brings: body, query and path, read with refusals that are [`Problem`]s.
//!
//! The names are those of axum's own extractors on purpose: handlers take these instead.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::kernel::problem::Problem;

/// A JSON body; also an answer.
///
/// Refuses with 415 `wrong_content_type`, 413 `body_too_large`, or 400 `invalid_input` that names the field
/// at fault.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

/// The query string; refuses with 400 `invalid_input`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

/// The variable parts of the path. What is not of the wanted shape names nothing: 404 `not_found`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !says_json(request.headers()) {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type"));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|refused| {
            if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
            } else {
                Problem::invalid("invalid_input")
            }
        })?;
        parse(&bytes).map(Self)
    }
}

/// Reads JSON and names the field that does not fit. The refused value itself is never repeated.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let problem = Problem::invalid("invalid_input");
        let path = error.path().to_string();
        // `.` is the whole body, `?` a place that has no name yet.
        if path == "." || path.contains('?') { problem } else { problem.field(path, "invalid") }
    })?;
    reader.end().map_err(|_| Problem::invalid("invalid_input"))?;
    Ok(value)
}

fn says_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|_| Problem::invalid("invalid_input"))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(_)) => Err(Problem::not_found()),
            Err(refused) => {
                tracing::error!(error = %refused, "a route has no such part of the path");
                Err(Problem::internal())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Wanted {
        name: String,
        inner: Vec<u8>,
    }

    async fn read(kind: &str, body: &str) -> Result<Wanted, Problem> {
        let request = Request::builder().header("content-type", kind).body(Body::from(body.to_owned()));
        Json::from_request(request.unwrap(), &()).await.map(|Json(value)| value)
    }

    #[tokio::test]
    async fn a_body_is_read_or_refused_with_a_reason() {
        let right = r#"{"name":"a","inner":[1]}"#;
        let wanted = Wanted { name: "a".to_owned(), inner: vec![1] };
        assert_eq!(read("application/json; charset=utf-8", right).await, Ok(wanted));
        for kind in ["", "text/plain", "application/jsonx", "multipart/form-data"] {
            let refused = read(kind, right).await.unwrap_err();
            assert_eq!((refused.status.as_u16(), refused.code), (415, "wrong_content_type"), "{kind}");
        }
        for (body, field) in [
            ("", None),
            ("{", None),
            ("[]", None),
            (r#"{"name":"a","inner":[1]} x"#, None),
            (r#"{"name":"a","inner":[1,900]}"#, Some("inner[1]")),
            (r#"{"name":7,"inner":[]}"#, Some("name")),
        ] {
            let refused = read("application/json", body).await.unwrap_err();
            assert_eq!((refused.status.as_u16(), refused.code), (400, "invalid_input"), "{body}");
            assert_eq!(refused.fields.keys().next().map(String::as_str), field, "{body}");
        }
    }

    #[tokio::test]
    async fn nesting_without_end_is_refused() {
        let deep = "[".repeat(100_000);
        assert_eq!(read("application/json", &deep).await.unwrap_err().code, "invalid_input");
    }
}
