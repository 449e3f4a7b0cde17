//! Endpoints. The live desk: directory, board, contacts, the agents' socket.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::kernel::ids::ContactId;
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::problem::Problem;
use crate::kernel::telemetry::Metrics;
use crate::routing::Explanation;
use crate::security::json::{Json, Path, Query};
use crate::security::{Agent, OfficerOrAbove, Sessions, Staff};

use super::board::Board;
use super::content::{self, Content, Trail};
use super::day::{self, DayPage, DayQuery};
use super::directory::{self, Directory};
use super::figures::Figures;
use super::protocol::{ClientFrame, ServerEvent};
use super::socket::{self, Hall};
use super::{Desk, ports::Ports};

/// Explanations shown of one contact: the latest.
pub const EXPLANATIONS_MAX: i64 = 100;

/// What the endpoints need.
#[derive(Clone)]
pub struct Live {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub desk: Desk,
    pub ports: Ports,
    pub sessions: Sessions,
    pub lifecycle: Lifecycle,
    pub metrics: Metrics,
}

/// The routes of this feature.
pub fn router(parts: Arc<Live>) -> Router {
    let hall = Hall::open(Arc::clone(&parts));
    Router::new()
        .route("/api/v1/directory", get(read_directory))
        .route("/api/v1/board", get(read_board))
        .route("/api/v1/board/figures", get(read_figures))
        .route("/api/v1/contacts", get(list_contacts))
        .route("/api/v1/contacts/{id}", get(open_contact))
        .route("/api/v1/contacts/{id}/explanations", get(explain_contact))
        .with_state(parts)
        .merge(Router::new().route("/ws/agent", get(socket::upgrade)).with_state(hall))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(read_directory, read_board, read_figures, list_contacts, open_contact, explain_contact),
    components(schemas(ClientFrame, ServerEvent, super::day::Figure))
)]
pub struct Api;

/// The names behind the ids: people, desks, topics.
#[utoipa::path(
    get, path = "/api/v1/directory", tag = "desk", responses((status = 200, body = Directory))
)]
async fn read_directory(State(live): State<Arc<Live>>, Staff(me): Staff) -> Result<Json<Directory>, Problem> {
    let mut tx = live.db.read().await?;
    Ok(Json(directory::read(&mut tx, &me).await?))
}

/// The board now. To keep it current, listen to the agents' socket.
#[utoipa::path(get, path = "/api/v1/board", tag = "desk", responses((status = 200, body = Board)))]
async fn read_board(State(live): State<Arc<Live>>, Agent(me): Agent) -> Result<Json<Board>, Problem> {
    let board = live.desk.board(me.pool).ok_or_else(Problem::not_found)?;
    Ok(Json(Board::clone(&board)))
}

/// The board as counts, without contacts and people.
#[utoipa::path(
    get, path = "/api/v1/board/figures", tag = "desk", responses((status = 200, body = Figures))
)]
async fn read_figures(
    State(live): State<Arc<Live>>,
    OfficerOrAbove(me): OfficerOrAbove,
) -> Result<Json<Figures>, Problem> {
    let board = live.desk.board(me.pool).ok_or_else(Problem::not_found)?;
    let mut tx = live.db.read().await?;
    let settings = directory::pool_settings(&mut tx, me.pool).await?;
    Ok(Json(Figures::of(&board, settings.target_per_day)))
}

/// The contacts behind a figure of the day, the latest first. No names, no words.
#[utoipa::path(
    get, path = "/api/v1/contacts", tag = "desk", params(DayQuery),
    responses((status = 200, body = DayPage))
)]
async fn list_contacts(
    State(live): State<Arc<Live>>,
    Agent(me): Agent,
    Query(query): Query<DayQuery>,
) -> Result<Json<DayPage>, Problem> {
    let board = live.desk.board(me.pool).ok_or_else(Problem::not_found)?;
    let mut tx = live.db.read().await?;
    Ok(Json(day::list(&mut tx, me.pool, &board, &query).await?))
}

/// The content of a contact. The trail notes who read it.
#[utoipa::path(
    get, path = "/api/v1/contacts/{id}", tag = "desk", params(("id" = ContactId, Path)),
    responses((status = 200, body = Content))
)]
async fn open_contact(
    State(live): State<Arc<Live>>,
    Agent(me): Agent,
    Path(contact): Path<ContactId>,
) -> Result<Json<Content>, Problem> {
    let (_, content) = content::open(&live, &me, contact, Trail::Always).await?;
    Ok(Json(content))
}

/// Why the contact went where it went, the latest decision first; while it waits, why it waits now.
#[utoipa::path(
    get, path = "/api/v1/contacts/{id}/explanations", tag = "desk", params(("id" = ContactId, Path)),
    responses((status = 200, body = [Explanation]))
)]
async fn explain_contact(
    State(live): State<Arc<Live>>,
    Agent(me): Agent,
    Path(contact): Path<ContactId>,
) -> Result<Json<Vec<Explanation>>, Problem> {
    let mut tx = live.db.read().await?;
    content::find(&mut tx, me.pool, contact).await?.ok_or_else(Problem::not_found)?;
    let made = content::explanations(&mut tx, contact, EXPLANATIONS_MAX).await?;
    drop(tx);
    let now = live.desk.explain(contact).await;
    Ok(Json(now.into_iter().chain(made).collect()))
}
