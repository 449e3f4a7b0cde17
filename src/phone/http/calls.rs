//! An agent's line, the calls that go on, calls that agents make, and calls from a visitor's browser.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::ports::Reader;
use crate::kernel::clock::Clock;
use crate::kernel::db::Db;
use crate::kernel::ids::{ContactId, DeskId, TicketId};
use crate::kernel::problem::Problem;
use crate::phone::call::begin::{self, Wanted};
use crate::phone::call::orders::{Mode, Order, Whom};
use crate::phone::call::view::{CallView, Callback, CallbackState, CallerState, Direction, RecordingState};
use crate::phone::exchange::Phone;
use crate::phone::settings;
use crate::phone::store::{self, ContactRow, Earlier};
use crate::security::audit::{self, Entry};
use crate::security::json::{Json, Path};
use crate::security::{Agent, Identity, Role};

/// Bytes of a browser's offer; a longer one is refused.
pub const OFFER_MAX: usize = 16 * 1024;

/// What the endpoints need.
#[derive(Clone)]
pub struct Calls {
    pub db: Db,
    pub clock: Clock,
    /// `None` while the phone is off.
    pub phone: Option<Arc<Phone>>,
}

impl Calls {
    fn phone(&self) -> Result<&Arc<Phone>, Problem> {
        self.phone.as_ref().ok_or_else(|| Problem::conflict("phone_off"))
    }
}

/// A browser's description of its connection (RFC 8829), whole: without trickle.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = LineOffer)]
pub struct Offer {
    #[schema(max_length = 16384)]
    pub offer: String,
}

/// The server's answer to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LineAnswer)]
pub struct Answer {
    pub answer: String,
}

/// Whether an agent's line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    Up,
    Down,
}

/// The phone as a console needs to know it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PhoneStatus {
    pub enabled: bool,
    pub line: LineState,
    pub desks: Vec<DeskOnPhone>,
}

/// A desk's number.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeskOnPhone {
    pub desk: DeskId,
    pub number: Option<String>,
    /// Whether agents may call out from it.
    pub can_dial: bool,
}

/// A call with the earlier tickets of its number.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallWithHistory {
    #[serde(flatten)]
    pub call: CallView,
    pub earlier: Vec<Earlier>,
}

/// What an agent or a supervisor does in a call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CallAct {
    /// The caller hears music while the agent talks to somebody else.
    Consult {
        to: Whom,
    },
    CancelConsult {},
    /// All three talk.
    Merge {},
    /// The agent leaves, the two others stay.
    Complete {},
    /// The caller goes to an outside number at once.
    Forward {
        number: String,
    },
    /// Takes the third party out.
    Drop {
        #[serde(default)]
        party: String,
    },
    /// Keys for whom the agent talks to.
    Keys {
        keys: String,
    },
    /// Tries again whom nobody reached.
    Redial {},
    /// Pauses the recording, or lets it go on.
    Record {
        on: bool,
    },
    /// Supervisor: takes part, or stops to.
    Supervise {
        mode: Supervising,
    },
}

/// How a supervisor takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Supervising {
    Listen,
    Whisper,
    Barge,
    Stop,
}

/// A call that an agent makes.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DialOut {
    pub desk: DeskId,
    pub number: String,
    /// The ticket that it is about.
    #[serde(default)]
    pub ticket: Option<TicketId>,
}

/// The contact of a call that was begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct DialledOut {
    pub contact: ContactId,
}

/// A visitor calls from her browser.
#[derive(Debug, Deserialize, ToSchema)]
pub struct WebCall {
    /// The desk's short name.
    pub desk: String,
    #[schema(max_length = 16384)]
    pub offer: String,
    /// She has read what is done with what she says.
    pub consent: bool,
}

fn offer_of(text: &str) -> Result<&str, Problem> {
    if text.len() > OFFER_MAX { Err(Problem::invalid("bad_offer")) } else { Ok(text) }
}

#[utoipa::path(
    post, path = "/api/v1/phone/line", tag = "phone", request_body = Offer,
    responses((status = 200, body = Answer))
)]
pub async fn line(
    State(calls): State<Arc<Calls>>,
    Agent(me): Agent,
    Json(offer): Json<Offer>,
) -> Result<Json<Answer>, Problem> {
    let answer = calls.phone()?.attach(me.account, offer_of(&offer.offer)?).await?;
    Ok(Json(Answer { answer }))
}

#[utoipa::path(
    get, path = "/api/v1/phone/status", operation_id = "phone_status", tag = "phone",
    responses((status = 200, body = PhoneStatus))
)]
pub async fn status(State(calls): State<Arc<Calls>>, Agent(me): Agent) -> Result<Json<PhoneStatus>, Problem> {
    let Some(phone) = &calls.phone else {
        return Ok(Json(PhoneStatus { enabled: false, line: LineState::Down, desks: Vec::new() }));
    };
    let desks = settings::store::list(&mut calls.db.read().await?, me.pool).await?;
    let desks = desks.into_iter().map(|desk| DeskOnPhone {
        desk: desk.desk,
        can_dial: phone.route(desk.through.as_deref()).is_some(),
        number: desk.numbers.into_iter().next(),
    });
    let line = if phone.line(me.account).is_up() { LineState::Up } else { LineState::Down };
    Ok(Json(PhoneStatus { enabled: true, line, desks: desks.collect() }))
}

#[utoipa::path(
    get, path = "/api/v1/phone/calls/{contact}", tag = "phone", params(("contact" = ContactId, Path)),
    responses((status = 200, body = CallWithHistory))
)]
pub async fn call(
    State(calls): State<Arc<Calls>>,
    Agent(me): Agent,
    Path(contact): Path<ContactId>,
) -> Result<Json<CallWithHistory>, Problem> {
    let mut tx = calls.db.read().await?;
    let row = store::contact(&mut tx, contact).await?.ok_or_else(Problem::not_found)?;
    may_see(&me, &row)?;
    let kept = store::call(&mut tx, contact).await?.ok_or_else(Problem::not_found)?;
    let earlier = store::earlier(&mut tx, &kept.number_key, contact).await?;
    let live = calls.phone.as_ref().and_then(|phone| phone.view(contact));
    Ok(Json(CallWithHistory { call: live.unwrap_or_else(|| past(contact, &kept)), earlier }))
}

/// The agent of a contact sees its call, every agent those that wait, a supervisor all.
fn may_see(me: &Identity, row: &ContactRow) -> Result<(), Problem> {
    let mine = row.agent_id.as_deref() == Some(me.account.to_string().as_str());
    let waits = row.state == "waiting" || row.state == "offered";
    if row.pool_id != me.pool.to_string() {
        return Err(Problem::not_found());
    }
    if mine || waits || me.role == Role::Supervisor {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "not_your_contact"))
}

/// A call that is over, as it is kept.
fn past(contact: ContactId, row: &store::CallRow) -> CallView {
    CallView {
        contact: Some(contact),
        direction: match row.direction.as_str() {
            "out" => Direction::Out,
            "web" => Direction::Web,
            _ => Direction::In,
        },
        number: row.number.clone(),
        withheld: row.withheld.clone(),
        caller: CallerState::Gone,
        parties: Vec::new(),
        private_with: None,
        recording: RecordingState::Off,
        callback: row.callback_at.map(|asked_at| Callback {
            asked_at,
            tries: row.callback_tries,
            state: CallbackState::Waiting,
        }),
    }
}

#[utoipa::path(
    post, path = "/api/v1/phone/calls/{contact}/act", tag = "phone", params(("contact" = ContactId, Path)),
    request_body = CallAct, responses((status = 204))
)]
pub async fn act(
    State(calls): State<Arc<Calls>>,
    Agent(me): Agent,
    Path(contact): Path<ContactId>,
    Json(act): Json<CallAct>,
) -> Result<StatusCode, Problem> {
    let row = store::contact(&mut calls.db.read().await?, contact).await?.ok_or_else(Problem::not_found)?;
    let order = order(&me, &row, act)?;
    // Listening is reading, and what a recording leaves out is missed later: both stand in the trail first.
    match &order {
        Order::Supervise(_, Some(_)) => note(&calls, &me, "call.listen", contact).await?,
        Order::Record(false) => note(&calls, &me, "recording.pause", contact).await?,
        Order::Record(true) => note(&calls, &me, "recording.resume", contact).await?,
        _ => {}
    }
    calls.phone()?.order(contact, order).await.map(|()| StatusCode::NO_CONTENT)
}

fn order(me: &Identity, row: &ContactRow, act: CallAct) -> Result<Order, Problem> {
    let supervisor = me.role == Role::Supervisor;
    if let CallAct::Supervise { mode } = act {
        if !supervisor || row.pool_id != me.pool.to_string() {
            return Err(Problem::forbidden());
        }
        let mode = match mode {
            Supervising::Listen => Some(Mode::Listen),
            Supervising::Whisper => Some(Mode::Whisper),
            Supervising::Barge => Some(Mode::Barge),
            Supervising::Stop => None,
        };
        return Ok(Order::Supervise(me.account, mode));
    }
    if row.agent_id.as_deref() != Some(me.account.to_string().as_str()) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "not_your_contact"));
    }
    Ok(match act {
        CallAct::Consult { to } => Order::Consult(to),
        CallAct::CancelConsult {} => Order::CancelConsult,
        CallAct::Merge {} => Order::Merge,
        CallAct::Complete {} => Order::Complete(Reader { account: me.account, supervisor }),
        CallAct::Forward { number } => Order::Forward(number),
        CallAct::Drop { .. } => Order::Drop,
        CallAct::Keys { keys } => Order::Keys(keys),
        CallAct::Redial {} => Order::Redial,
        CallAct::Record { on } => Order::Record(on),
        CallAct::Supervise { .. } => return Err(Problem::forbidden()),
    })
}

async fn note(calls: &Calls, me: &Identity, action: &'static str, contact: ContactId) -> Result<(), Problem> {
    let at = calls.clock.now();
    let entry = Entry::of(me, action, "contact", contact.to_string());
    let unit =
        calls.db.write(move |tx| Box::pin(async move { audit::record(tx, at, entry).await.map(drop) }));
    Ok(unit.await?)
}

#[utoipa::path(
    post, path = "/api/v1/phone/dial", tag = "phone", request_body = DialOut,
    responses((status = 201, body = DialledOut))
)]
pub async fn dial(
    State(calls): State<Arc<Calls>>,
    Agent(me): Agent,
    Json(wanted): Json<DialOut>,
) -> Result<(StatusCode, Json<DialledOut>), Problem> {
    let phone = calls.phone()?;
    if !me.desks.contains(&wanted.desk) {
        return Err(Problem::forbidden());
    }
    let language = match wanted.ticket {
        Some(ticket) => store::ticket(&mut calls.db.read().await?, ticket).await?,
        None => None,
    };
    let language = language.map_or_else(|| "ja".to_owned(), |(language, _)| language);
    let DialOut { desk, number, ticket } = wanted;
    let wanted = Wanted { agent: me.account, desk, number, ticket, language };
    let contact = begin::dial(phone, wanted).await?;
    Ok((StatusCode::CREATED, Json(DialledOut { contact })))
}

#[utoipa::path(
    post, path = "/api/v1/phone/web", tag = "phone", request_body = WebCall,
    responses((status = 200, body = Answer))
)]
pub async fn web(
    State(calls): State<Arc<Calls>>,
    Json(wanted): Json<WebCall>,
) -> Result<Json<Answer>, Problem> {
    if !wanted.consent {
        return Err(Problem::invalid("consent_needed").field("consent", "required"));
    }
    let phone = calls.phone()?;
    let desk = store::desk_by_slug(&mut calls.db.read().await?, &wanted.desk).await?;
    let answer = begin::web(phone, desk.ok_or_else(Problem::not_found)?, offer_of(&wanted.offer)?).await?;
    Ok(Json(Answer { answer }))
}

/// The routes of staff, and those of everybody.
pub fn routers(parts: &Arc<Calls>) -> (Router, Router) {
    let staff = Router::new()
        .route("/api/v1/phone/line", post(line))
        .route("/api/v1/phone/status", get(status))
        .route("/api/v1/phone/calls/{contact}", get(call))
        .route("/api/v1/phone/calls/{contact}/act", post(act))
        .route("/api/v1/phone/dial", post(dial))
        .with_state(Arc::clone(parts));
    let visitors = Router::new().route("/api/v1/phone/web", post(web)).with_state(Arc::clone(parts));
    (staff, visitors)
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(line, status, call, act, dial, web))]
pub struct Api;
