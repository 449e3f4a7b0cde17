//! The public pages: what a person sees who wants to ask something. Templates and files stand beside.
//!
//! The language is part of every address (`?lang=my`); nothing is kept in cookies. A page works without
//! its script as far as leaving a message.

mod assets;
mod doors;
pub mod errors;
mod form;
mod reader;
mod view;
mod widget;

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::chat::http::Chat;
use crate::kernel::problem::Problem;

use doors::Door;
use reader::Reader;
use view::{Page, Place};

pub use view::SCRIPT_TEXTS;

/// What crawlers are asked to leave alone.
const ROBOTS: &str = "User-agent: *\nDisallow: /api/\nDisallow: /chat/frame\nDisallow: /chat/thread\n\
    Disallow: /desk\nDisallow: /ws/\n";

/// What the pages are made from.
pub struct Pages {
    chat: Arc<Chat>,
    /// The visitors' interface, for forms that come without a script.
    visitors: Router,
}

/// The routes of the pages. `visitors` are the routes of the visitors' interface.
pub fn router(chat: Arc<Chat>, visitors: Router) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/chat", get(ask).post(form::leave))
        .route("/chat/frame", get(ask_framed).post(form::leave_framed))
        .route("/chat/thread", get(thread))
        .route("/privacy", get(privacy))
        .route("/widget.js", get(widget::script))
        .route("/robots.txt", get(|| async { ([(header::CONTENT_TYPE, "text/plain")], ROBOTS) }))
        .route("/static/{version}/{*name}", get(assets::file))
        .with_state(Arc::new(Pages { chat, visitors }))
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    page: Page,
    doors: Vec<Door>,
}

async fn home(State(pages): State<Arc<Pages>>, reader: Reader) -> Result<Response, Problem> {
    let doors = doors::doors(&pages.chat, reader.texts).await?;
    shown(&Home { page: Page::new(reader, Place::Home, None), doors })
}

/// The form and the conversation: `/chat` and `/chat/frame`.
#[derive(Template)]
#[template(path = "chat.html")]
struct Ask {
    page: Page,
    doors: Vec<Door>,
    topics: Vec<doors::Topic>,
    /// What a refused form held; empty at first.
    given: form::Given,
    /// Why the form was refused.
    refused: Option<String>,
}

impl Ask {
    /// `desk` of the address leaves one door, when it names one.
    async fn load(chat: &Chat, reader: Reader, place: Place, desk: Option<String>) -> Result<Self, Problem> {
        let mut doors = doors::doors(chat, reader.texts).await?;
        let desk = desk.filter(|slug| doors.iter().any(|door| door.slug == *slug));
        if let Some(slug) = &desk {
            doors.retain(|door| door.slug == *slug);
        }
        let topics = doors::topics(chat, reader.texts).await?;
        let page = Page::new(reader, place, desk);
        let client_id = crate::security::tokens::fresh(&chat.chance);
        let given = form::Given { client_id, ..form::Given::default() };
        Ok(Self { page, doors, topics, given, refused: None })
    }

    /// Whether anybody could be talked to now.
    fn any_open(&self) -> bool {
        self.doors.iter().any(|door| door.open)
    }
}

/// The desk that the address asks for.
fn desk_of(uri: &Uri) -> Option<String> {
    let Query(mut query) = Query::<HashMap<String, String>>::try_from_uri(uri).ok()?;
    query.remove("desk")
}

async fn ask(State(pages): State<Arc<Pages>>, reader: Reader, uri: Uri) -> Result<Response, Problem> {
    shown(&Ask::load(&pages.chat, reader, Place::Chat, desk_of(&uri)).await?)
}

async fn ask_framed(State(pages): State<Arc<Pages>>, reader: Reader, uri: Uri) -> Result<Response, Problem> {
    shown(&Ask::load(&pages.chat, reader, Place::Frame, desk_of(&uri)).await?)
}

#[derive(Template)]
#[template(path = "thread.html")]
struct Thread {
    page: Page,
}

async fn thread(reader: Reader) -> Result<Response, Problem> {
    shown(&Thread { page: Page::new(reader, Place::Thread, None) })
}

#[derive(Template)]
#[template(path = "privacy.html")]
struct Privacy {
    page: Page,
}

async fn privacy(reader: Reader) -> Result<Response, Problem> {
    shown(&Privacy { page: Page::new(reader, Place::Privacy, None) })
}

/// A page is made for its reader and shows the moment: nobody keeps it.
fn shown(template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "a page was not made");
        Problem::internal()
    })?;
    let head = [(header::CACHE_CONTROL, "no-store"), (header::VARY, "accept-language")];
    Ok((head, Html(html)).into_response())
}
