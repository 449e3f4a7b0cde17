//! What went wrong, as a value that an edge can show to a person.
//!
//! A [`Problem`] holds a stable code and the numbers a sentence needs, not the sentence: the web floor
//! knows the reader's language and writes it, with a trace id. Causes that a person cannot mend go to
//! the log, once, where they were turned into a `Problem`.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::db::DbError;

/// An answer that says no. `code` is snake_case and stable: clients branch on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(skip)]
    pub status: StatusCode,
    pub code: &'static str,
    /// Values for the sentence's placeholders, e.g. `max` → `4000`. Never personal data.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<&'static str, String>,
    /// Fields of the request that were refused: path → code of the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, &'static str>,
    /// How the thing stands now, for an answer `changed_elsewhere`: only for whoever may read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Box<serde_json::Value>>,
}

impl Problem {
    #[must_use]
    pub const fn new(status: StatusCode, code: &'static str) -> Self {
        Self { status, code, params: BTreeMap::new(), fields: BTreeMap::new(), current: None }
    }

    /// 400: the request makes no sense as it stands.
    #[must_use]
    pub const fn invalid(code: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code)
    }

    /// 401: nobody is signed in.
    #[must_use]
    pub const fn sign_in_first() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "sign_in_first")
    }

    /// 403: signed in, but this is not theirs to do.
    #[must_use]
    pub const fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden")
    }

    /// 404.
    #[must_use]
    pub const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found")
    }

    /// 409: somebody was faster; read again and retry.
    #[must_use]
    pub const fn conflict(code: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code)
    }

    /// 429: allowed again in `seconds`.
    #[must_use]
    pub fn too_many(code: &'static str, seconds: i64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code).with("seconds", seconds)
    }

    /// 500. Log the cause before calling this.
    #[must_use]
    pub const fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
    }

    /// Gives the sentence a value for `{name}`.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over numbers and texts as they are")]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.params.insert(name, value.to_string());
        self
    }

    /// Marks a field of the request as refused for the reason `code`.
    #[must_use]
    pub fn field(mut self, path: impl Into<String>, code: &'static str) -> Self {
        self.fields.insert(path.into(), code);
        self
    }

    /// Shows how the thing stands now (see [`Self::current`]).
    #[must_use]
    pub fn current(mut self, value: serde_json::Value) -> Self {
        self.current = Some(Box::new(value));
        self
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        tracing::error!(error = %error, "the store failed");
        match error {
            DbError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy"),
            DbError::Sqlx(_) | DbError::Migrate(_) | DbError::Stopped | DbError::Panicked | DbError::Url => {
                Self::internal()
            }
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        DbError::from(error).into()
    }
}

impl IntoResponse for Problem {
    /// A bare JSON body; the web floor's middleware finds the `Problem` in the extensions and replaces
    /// the body by one with a sentence in the reader's language and the trace id.
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(&self)).into_response();
        if let Some(seconds) = self.params.get("seconds").and_then(|s| s.parse().ok()) {
            response.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(self);
        response
    }
}
