//! Leaving a message with the form alone, for browsers without script.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Request, header};
use axum::response::Response;
use serde::Deserialize;
use tower::ServiceExt as _;

use crate::chat::http::Chat;
use crate::kernel::problem::Problem;
use crate::security::Client;

use super::reader::Reader;
use super::view::{Page, Place};
use super::{Ask, Pages, shown};

/// What the form held.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Drawn by the program when the form is shown: sent twice, it is one message.
    pub client_id: String,
    pub desk: String,
    pub inquirer: String,
    pub topic: String,
    pub display_name: String,
    pub message: String,
    pub reply_to: String,
    pub consent: bool,
}

impl Given {
    fn read(mut form: HashMap<String, String>) -> Self {
        let mut take = |name: &str| form.remove(name).unwrap_or_default();
        Self {
            client_id: take("client_id"),
            desk: take("desk"),
            inquirer: take("inquirer"),
            topic: take("topic"),
            display_name: take("display_name"),
            message: take("message"),
            reply_to: take("reply_to"),
            consent: take("consent") == "true",
        }
    }
}

#[derive(Template)]
#[template(path = "left.html")]
struct Left {
    page: Page,
    received: String,
    link: String,
}

type Sent = Result<Form<HashMap<String, String>>, FormRejection>;

/// `POST /chat`
pub async fn leave(
    State(pages): State<Arc<Pages>>,
    reader: Reader,
    client: Client,
    headers: HeaderMap,
    form: Sent,
) -> Result<Response, Problem> {
    answer(&pages, reader, Place::Chat, client, &headers, form).await
}

/// `POST /chat/frame`
pub async fn leave_framed(
    State(pages): State<Arc<Pages>>,
    reader: Reader,
    client: Client,
    headers: HeaderMap,
    form: Sent,
) -> Result<Response, Problem> {
    answer(&pages, reader, Place::Frame, client, &headers, form).await
}

async fn answer(
    pages: &Pages,
    reader: Reader,
    place: Place,
    client: Client,
    headers: &HeaderMap,
    form: Sent,
) -> Result<Response, Problem> {
    if !from_own_page(headers) {
        return Err(Problem::forbidden());
    }
    let Form(form) = form.map_err(|_| Problem::invalid("invalid_input"))?;
    let given = Given::read(form);
    match store(pages, reader, client, &given).await {
        Ok(left) => {
            let number = left.number.unwrap_or_default();
            let received = reader.texts.fill("leave_received", &[("number", &number)]).into_owned();
            // The page behind it is read in the same language.
            let link = left.link.replacen('#', &format!("?lang={}#", reader.texts.tag()), 1);
            shown(&Left { page: Page::new(reader, place, None), received, link })
        }
        Err(problem) => refuse(&pages.chat, reader, place, given, &problem).await,
    }
}

/// What the visitors' interface answers to a message that was left.
#[derive(Deserialize)]
struct Answered {
    link: String,
    number: Option<String>,
}

/// Bytes of that answer; a larger one is a fault.
const ANSWER_MAX: usize = 64 * 1024;

/// Leaves the message through the visitors' interface: one place decides what is taken.
async fn store(pages: &Pages, reader: Reader, client: Client, given: &Given) -> Result<Answered, Problem> {
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let body = serde_json::json!({
        "client_id": given.client_id,
        "desk": given.desk,
        "language": reader.texts.tag(),
        "inquirer": given.inquirer,
        "display_name": some(&given.display_name),
        "topic": some(&given.topic),
        "consent": given.consent,
        "message": given.message.trim(),
        "reply_to": some(&given.reply_to),
    });
    let mut request = Request::post("/api/v1/chat/leave")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .map_err(|_| Problem::invalid("invalid_input"))?;
    request.extensions_mut().insert(client);
    let mut response = match pages.visitors.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Err(problem);
    }
    let bytes = axum::body::to_bytes(response.into_body(), ANSWER_MAX).await;
    bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
        tracing::error!("the answer to a message that was left was not read");
        Problem::internal()
    })
}

/// The form again, with everything that was typed and the reason.
async fn refuse(
    chat: &Chat,
    reader: Reader,
    place: Place,
    given: Given,
    problem: &Problem,
) -> Result<Response, Problem> {
    let desk = Some(given.desk.clone()).filter(|slug| !slug.is_empty());
    let mut ask = Ask::load(chat, reader, place, desk).await?;
    let seconds = problem.params.get("seconds").cloned().unwrap_or_default();
    ask.refused = Some(reader.texts.error(problem.code, &[("seconds", &seconds), ("trace", "–")]));
    ask.given = given;
    let mut page = shown(&ask)?;
    *page.status_mut() = problem.status;
    Ok(page)
}

/// A browser says where a form was sent from; another site's is refused (`Sec-Fetch-Site`, and `Origin` of
/// browsers that do not know it). One that says neither cannot be led there by a script.
fn from_own_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let (Some(origin), Some(host)) = (text(header::ORIGIN.as_str()), text(header::HOST.as_str())) else {
        return text(header::ORIGIN.as_str()).is_none();
    };
    origin.split_once("://").is_some_and(|(_, from)| from == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        from_own_page(&headers)
    }

    #[test]
    fn another_site_s_form_is_refused() {
        assert!(from(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(from(&[("origin", "http://desk.example:80"), ("host", "desk.example:80")]));
        assert!(from(&[("host", "desk.example")]));
        assert!(!from(&[("sec-fetch-site", "cross-site")]));
        assert!(!from(&[("origin", "http://evil.example"), ("host", "desk.example")]));
        assert!(!from(&[("origin", "null"), ("host", "desk.example")]));
    }
}
