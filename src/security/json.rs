//! Extractors for bodies and queries that refuse with a [`Problem`], never with a bare text.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::kernel::problem::Problem;

/// A JSON body. Refuses with 400 `invalid_input` what is not the JSON that was asked for, and with 413
/// `body_too_large` what is longer than the route's limit.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(JsonRejection::BytesRejection(cause)) if cause.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"))
            }
            Err(_) => Err(Problem::invalid("invalid_input").field("body", "malformed")),
        }
    }
}

/// The query of the address. Refuses with 400 `invalid_input` what cannot be read.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|_| Problem::invalid("invalid_input").field("query", "malformed"))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header::CONTENT_TYPE;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Wanted {
        n: u8,
    }

    async fn read(kind: &str, body: &'static str) -> Result<u8, &'static str> {
        let request = Request::builder().uri("/").header(CONTENT_TYPE, kind).body(Body::from(body)).unwrap();
        Json::<Wanted>::from_request(request, &()).await.map(|Json(w)| w.n).map_err(|p| p.code)
    }

    #[tokio::test]
    async fn whatever_is_not_the_json_asked_for_is_a_problem() {
        assert_eq!(read("application/json", "{\"n\":1}").await, Ok(1));
        for body in ["", "{", "[]", "{\"n\":300}", "{\"n\":\"1\"}", "{}"] {
            assert_eq!(read("application/json", body).await, Err("invalid_input"), "{body}");
        }
        assert_eq!(read("text/plain", "{\"n\":1}").await, Err("invalid_input"));
    }

    #[tokio::test]
    async fn a_query_that_cannot_be_read_is_a_problem() {
        for (uri, expected) in
            [("/?n=1", Ok(1)), ("/?n=x", Err("invalid_input")), ("/", Err("invalid_input"))]
        {
            let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
            let read = Query::<Wanted>::from_request_parts(&mut parts, &()).await;
            assert_eq!(read.map(|Query(w)| w.n).map_err(|p| p.code), expected, "{uri}");
        }
    }
}
