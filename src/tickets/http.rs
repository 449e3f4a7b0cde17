//! Endpoints. People read and change tickets here.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::desk::calendar::local_day;
use crate::desk::ports::{Ports, Reader};
use crate::desk::protocol::Message;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::kernel::ids::{ContactId, TicketId};
use crate::kernel::problem::Problem;
use crate::security::json::{Json, Path, Query};
use crate::security::{Agent, Identity, Role};

use super::change::Act;
use super::{
    EarlierTicket, ListQuery, NewText, Note, Ticket, TicketByHand, TicketPage, TicketPatch, TimelinePage,
};

/// What the endpoints need.
#[derive(Clone)]
pub struct Tickets {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub zone: TimeZone,
    /// Where answers to left messages go.
    pub ports: Ports,
}

impl Tickets {
    fn act(&self, me: Identity) -> Act {
        let now = self.clock.now();
        Act { me, now, today: local_day(&self.zone, now) }
    }
}

fn reader(me: &Identity) -> Reader {
    Reader { account: me.account, supervisor: me.role == Role::Supervisor }
}

/// The routes of this feature.
pub fn router(parts: Arc<Tickets>) -> Router {
    Router::new()
        .route("/api/v1/tickets", get(list_tickets).post(create_ticket))
        .route("/api/v1/tickets/{id}", get(open_ticket).patch(change_ticket))
        .route("/api/v1/tickets/{id}/notes", post(add_note))
        .route("/api/v1/tickets/{id}/reply", post(reply_to_inquirer))
        .route("/api/v1/tickets/{id}/timeline", get(ticket_timeline))
        .route("/api/v1/contacts/{id}/history", get(contact_history))
        .with_state(parts)
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(
    list_tickets,
    create_ticket,
    open_ticket,
    change_ticket,
    add_note,
    ticket_timeline,
    contact_history,
    reply_to_inquirer
))]
pub struct Api;

/// Finds tickets.
#[utoipa::path(
    get, path = "/api/v1/tickets", tag = "tickets", params(ListQuery),
    responses((status = 200, body = TicketPage))
)]
async fn list_tickets(
    State(parts): State<Arc<Tickets>>,
    Agent(me): Agent,
    Query(query): Query<ListQuery>,
) -> Result<Json<TicketPage>, Problem> {
    let today = local_day(&parts.zone, parts.clock.now());
    let mut tx = parts.db.read().await?;
    super::list(&mut tx, me.pool, reader(&me), &parts.zone, today, &query).await.map(Json)
}

/// Makes a ticket by hand. 200 instead of 201: the same `client_id` made it before.
#[utoipa::path(
    post, path = "/api/v1/tickets", tag = "tickets", request_body = TicketByHand,
    responses((status = 201, body = Ticket), (status = 200, body = Ticket))
)]
async fn create_ticket(
    State(parts): State<Arc<Tickets>>,
    Agent(me): Agent,
    Json(wanted): Json<TicketByHand>,
) -> Result<(StatusCode, Json<Ticket>), Problem> {
    let (act, chance) = (parts.act(me), parts.chance.bits());
    let made = parts
        .db
        .write(move |tx| Box::pin(async move { super::create_by_hand(tx, &act, chance, &wanted).await }));
    made.await.map(created)
}

fn created<T>((value, new): (T, bool)) -> (StatusCode, Json<T>) {
    (if new { StatusCode::CREATED } else { StatusCode::OK }, Json(value))
}

/// Opens a ticket. The trail notes who did.
#[utoipa::path(
    get, path = "/api/v1/tickets/{id}", tag = "tickets", params(("id" = TicketId, Path)),
    responses((status = 200, body = Ticket))
)]
async fn open_ticket(
    State(parts): State<Arc<Tickets>>,
    Agent(me): Agent,
    Path(ticket): Path<TicketId>,
) -> Result<Json<Ticket>, Problem> {
    let act = parts.act(me);
    parts.db.write(move |tx| Box::pin(async move { super::open(tx, &act, ticket).await })).await.map(Json)
}

/// Changes fields of a ticket. 409 `changed_elsewhere` has the fields that somebody else changed and, as
/// `current`, the ticket as it stands.
#[utoipa::path(
    patch, path = "/api/v1/tickets/{id}", tag = "tickets", params(("id" = TicketId, Path)),
    request_body = TicketPatch, responses((status = 200, body = Ticket))
)]
async fn change_ticket(
    State(parts): State<Arc<Tickets>>,
    Agent(me): Agent,
    Path(ticket): Path<TicketId>,
    Json(patch): Json<TicketPatch>,
) -> Result<Json<Ticket>, Problem> {
    let act = parts.act(me);
    parts
        .db
        .write(move |tx| Box::pin(async move { super::change(tx, &act, ticket, &patch).await }))
        .await
        .map(Json)
}

/// Adds a note that the inquirer never sees.
#[utoipa::path(
    post, path = "/api/v1/tickets/{id}/notes", tag = "tickets", params(("id" = TicketId, Path)),
    request_body = NewText, responses((status = 201, body = Note), (status = 200, body = Note))
)]
async fn add_note(
    State(parts): State<Arc<Tickets>>,
    Agent(me): Agent,
    Path(ticket): Path<TicketId>,
    Json(new): Json<NewText>,
) -> Result<(StatusCode, Json<Note>), Problem> {
    let (act, chance) = (parts.act(me), parts.chance.bits());
    let made = parts
        .db
        .write(move |tx| Box::pin(async move { super::add_note(tx, &act, chance, ticket, &new).await }));
    made.await.map(created)
}

/// Answers a message that was left: the answer goes into the inquirer's chat.
#[utoipa::path(
    post, path = "/api/v1/tickets/{id}/reply", tag = "tickets", params(("id" = TicketId, Path)),
    request_body = NewText, responses((status = 201, body = Message))
)]
async fn reply_to_inquirer(
    State(parts): State<Arc<Tickets>>,
    Agent(me): Agent,
    Path(ticket): Path<TicketId>,
    Json(new): Json<NewText>,
) -> Result<(StatusCode, Json<Message>), Problem> {
    super::reply(&parts.db, &parts.ports, parts.act(me), ticket, &new)
        .await
        .map(|message| (StatusCode::CREATED, Json(message)))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct TimelineQuery {
    /// From the page before.
    cursor: Option<String>,
}

/// What happened to a ticket, the newest first. The trail notes who read it.
#[utoipa::path(
    get, path = "/api/v1/tickets/{id}/timeline", tag = "tickets",
    params(("id" = TicketId, Path), TimelineQuery), responses((status = 200, body = TimelinePage))
)]
async fn ticket_timeline(
    State(parts): State<Arc<Tickets>>,
    Agent(me): Agent,
    Path(ticket): Path<TicketId>,
    Query(query): Query<TimelineQuery>,
) -> Result<Json<TimelinePage>, Problem> {
    let (act, ports) = (parts.act(me), parts.ports.clone());
    let page = parts.db.write(move |tx| {
        Box::pin(async move { super::timeline(tx, &ports, &act, ticket, query.cursor.as_deref()).await })
    });
    page.await.map(Json)
}

/// Earlier tickets of the inquirer behind a contact, the strongest match first.
#[utoipa::path(
    get, path = "/api/v1/contacts/{id}/history", tag = "tickets", params(("id" = ContactId, Path)),
    responses((status = 200, body = [EarlierTicket]))
)]
async fn contact_history(
    State(parts): State<Arc<Tickets>>,
    Agent(me): Agent,
    Path(contact): Path<ContactId>,
) -> Result<Json<Vec<EarlierTicket>>, Problem> {
    let today = local_day(&parts.zone, parts.clock.now());
    let mut tx = parts.db.read().await?;
    super::earlier(&mut tx, me.pool, reader(&me), today, contact).await.map(Json)
}
