//! How a call begins: from the carrier, from a visitor's browser, by an agent, by a promise; and what
//! follows it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use crate::desk::ports::{Arrival, ArrivalExtra};
use crate::desk::words::Inquirer;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, ContactId, DeskId, TicketId};
use crate::kernel::problem::Problem;
use crate::kernel::time::{Millis, Timestamp};
use crate::phone::end::{End, Shown};
use crate::phone::exchange::Phone;
use crate::phone::menu::Chosen;
use crate::phone::prompts::{self, Own};
use crate::phone::settings::{self, PhoneDesk, number_key};
use crate::phone::store::{self, NewCall};
use crate::phone::trunk::{Caller, TrunkEvent, Withheld};
use crate::routing::{Channel, DivertReason};

use super::control::{Control, Input};
use super::outbound::Outbound;
use super::run::{Call, Happening, Machine, Promise, Who};
use super::view::{CallView, Callback, CallbackState, CallerState, Direction};

/// What the called one hears before the agent.
const CALLBACK_NOTICE: &str = "callback_greeting";

/// A desk as a call needs it.
pub struct Reached {
    pub desk: DeskId,
    pub settings: PhoneDesk,
    pub own: Own,
}

impl Reached {
    /// Reads a desk's settings and own prompts.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of(phone: &Phone, desk: DeskId) -> Result<Self, DbError> {
        let mut tx = phone.parts.db.read().await?;
        let settings = settings::store::read(&mut tx, desk).await?;
        let own = prompts::own::sounds(&mut tx, desk).await?;
        Ok(Self { desk, settings, own })
    }
}

/// Answers a call of the carrier and stays with it to its end.
pub async fn incoming(
    phone: Arc<Phone>,
    event: TrunkEvent,
    outbox: mpsc::Sender<Happening>,
    inbox: mpsc::Receiver<Happening>,
) {
    let TrunkEvent::Incoming { call, caller, dialled, peer, offer } = event else { return };
    let found = match desk_of(&phone, &dialled).await {
        Ok(found) => found,
        Err(error) => {
            tracing::error!(%error, "a call was refused: the store failed");
            return phone.refuse(call, 503);
        }
    };
    let Some(reached) = found else {
        tracing::info!(peer, "a call was refused: its number leads to no desk");
        return phone.refuse(call, 404);
    };
    let clock = phone.parts.clock.clone();
    let answer = match End::carrier(&phone, Some(call), &outbox).await {
        Ok(mut end) => end.describe(&clock, offer.as_deref()).map(|text| (end, text)).map_err(Into::into),
        Err(error) => Err(error),
    };
    let (end, text) = match answer {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(peer, %error, "a call was refused");
            return phone.refuse(call, error.sip_status());
        }
    };
    if phone.trunk().is_none_or(|trunk| trunk.answer(call, text).is_err()) {
        return phone.forget(call);
    }
    let who = who(caller, peer);
    answered(phone, reached, who, Some(end), (outbox, inbox)).await.run().await;
}

async fn desk_of(phone: &Phone, dialled: &str) -> Result<Option<Reached>, DbError> {
    let desk = {
        let mut tx = phone.parts.db.read().await?;
        settings::store::desk_of_number(&mut tx, dialled).await?
    };
    match desk {
        Some(desk) => Reached::of(phone, desk).await.map(Some),
        None => Ok(None),
    }
}

fn who(caller: Caller, peer: String) -> Who {
    let (number, withheld) = match caller {
        Caller::Number(number) => (Some(number), None),
        Caller::Withheld(why) => (None, Some(withheld_text(why))),
    };
    Who { direction: Direction::In, number, withheld, peer: Some(peer) }
}

const fn withheld_text(why: Withheld) -> &'static str {
    match why {
        Withheld::Anonymous => "private",
        Withheld::Payphone => "payphone",
        Withheld::Unavailable => "unavailable",
    }
}

/// A call that was answered by us, at its greeting.
async fn answered(
    phone: Arc<Phone>,
    reached: Reached,
    who: Who,
    end: Option<End>,
    (outbox, inbox): (mpsc::Sender<Happening>, mpsc::Receiver<Happening>),
) -> Call {
    let callable = who.number.is_some() && phone.route(reached.settings.through.as_deref()).is_some();
    let mut control = Control::new(reached.settings.plan(), callable, phone.now());
    let door = phone.parts.desk.door(reached.desk, Channel::Phone, Vec::new()).await;
    if door.is_some_and(|door| !door.open) {
        control.shut(DivertReason::DeskClosed);
    }
    let machine = Machine::In(Box::new(control));
    Call::new(phone, reached, machine, who, (outbox, inbox), end)
}

impl Call {
    pub(super) fn new(
        phone: Arc<Phone>,
        reached: Reached,
        machine: Machine,
        who: Who,
        (outbox, inbox): (mpsc::Sender<Happening>, mpsc::Receiver<Happening>),
        caller: Option<End>,
    ) -> Self {
        let view = CallView {
            contact: None,
            direction: who.direction,
            number: who.number.clone(),
            withheld: who.withheld.map(str::to_owned),
            caller: CallerState::Menu,
            parties: Vec::new(),
            private_with: None,
            recording: super::view::RecordingState::Off,
            callback: None,
        };
        Self {
            phone,
            desk: reached.desk,
            language: reached.settings.language.clone(),
            settings: reached.settings,
            own: reached.own,
            machine,
            who,
            outbox,
            inbox,
            caller,
            contact: None,
            watch: None,
            wake: None,
            sound: None,
            tone: None,
            agent: None,
            bridged: false,
            third: None,
            watchers: Vec::new(),
            room: None,
            alone: false,
            promise: None,
            answered: false,
            cause: "ours",
            recorder: None,
            unrecorded: false,
            message: None,
            view: Arc::new(Shown::new(view)),
        }
    }

    /// Takes up a contact that is known already.
    pub(super) fn of_contact(mut self, contact: ContactId) -> Self {
        self.watch = Some(self.phone.parts.desk.watch(contact));
        self.contact = Some(contact);
        self.phone.enter(contact, &self.outbox, &self.view);
        self
    }

    /// Takes the caller into the desk's line.
    pub(super) async fn arrive(&mut self, chosen: Chosen) {
        let phone = Arc::clone(&self.phone);
        let contact = ContactId::compose(phone.now(), phone.parts.chance.bits());
        if let Some(language) = &chosen.language {
            self.language.clone_from(language);
        }
        let arrival = self.arrival(contact, chosen.topic);
        // Watched before it is there, so that nothing of it is missed.
        self.watch = Some(phone.parts.desk.watch(contact));
        match phone.parts.desk.arrive(arrival).await {
            Ok(_) => {
                self.contact = Some(contact);
                phone.enter(contact, &self.outbox, &self.view);
                self.feed(Input::Placed(contact));
            }
            Err(problem) => {
                self.watch = None;
                let reason = match problem.code {
                    "desk_closed" | "channel_closed" => DivertReason::DeskClosed,
                    _ => DivertReason::QueueFull,
                };
                self.feed(Input::Refused(reason));
            }
        }
    }

    pub(super) fn arrival(&self, contact: ContactId, topic: Option<String>) -> Arrival {
        let extra: Arc<dyn ArrivalExtra> = Arc::new(self.new_call());
        Arrival { extra: Some(extra), topic, ..blank(contact, self.desk, &self.language, &self.who) }
    }

    /// A caller who hung up before she waited, or whom the desk turned away: where her number is known,
    /// she is called back.
    pub(super) async fn leave_trace(&self) {
        if self.who.direction != Direction::In || self.who.number.is_none() || self.promise.is_some() {
            return;
        }
        let contact = ContactId::compose(self.phone.now(), self.phone.parts.chance.bits());
        if let Err(problem) = self.phone.parts.desk.leave(self.arrival(contact, None)).await {
            tracing::error!(code = problem.code, "a call that nobody took was not noted");
        }
    }

    fn new_call(&self) -> NewCall {
        NewCall {
            desk: self.desk,
            direction: self.who.direction.as_str(),
            number: self.who.number.clone(),
            number_key: self.who.number.as_deref().map(number_key).unwrap_or_default(),
            withheld: self.who.withheld,
            peer: self.who.peer.clone(),
            started_at: self.phone.now(),
        }
    }

    /// The waiting caller wants to be called back.
    pub(super) async fn take_callback(&mut self, contact: ContactId) {
        let at = self.phone.now();
        let unit = self
            .phone
            .parts
            .db
            .write(move |tx| Box::pin(async move { store::ask_callback(tx, contact, at).await }));
        match unit.await {
            Ok(()) => {
                self.promise = Some(Promise { asked_at: at, tries: 0 });
                self.cause = "callback";
                self.feed(Input::CallbackTaken);
                // From here on the contact is the promise's: who is gone is called when her turn has come.
                self.watch = None;
                let promised = promised(Arc::clone(&self.phone), self.to_be_called(), contact, at, 0);
                self.contact = None;
                promised.launch();
            }
            // She goes on waiting, and may ask again.
            Err(error) => tracing::error!(%contact, %error, "a callback was not noted"),
        }
    }

    fn to_be_called(&self) -> (Reached, Who, String) {
        let reached = Reached { desk: self.desk, settings: self.settings.clone(), own: self.own.clone() };
        (reached, self.who.clone(), self.language.clone())
    }

    /// Dials whom the call is for; the agent hears it ring.
    pub(super) async fn dial(&mut self, agent: AccountId) {
        self.attend(agent);
        self.ring_tone();
        if let Err(problem) = self.place_call().await {
            tracing::warn!(code = problem.code, contact = ?self.contact, "a call could not be made");
            self.unreached().await;
        }
    }

    async fn place_call(&mut self) -> Result<(), Problem> {
        let number = self.who.number.clone().ok_or_else(|| Problem::conflict("no_route"))?;
        self.caller = Some(self.dial_out(number).await?);
        Ok(())
    }

    /// The promised callback, as consoles see it.
    pub(super) fn promised(&self) -> Option<Callback> {
        let promise = self.promise?;
        let state = match &self.machine {
            Machine::Out(outbound) if outbound.is_unreached() => CallbackState::Unreached,
            Machine::Out(_) if self.caller.is_some() => CallbackState::Dialling,
            _ => CallbackState::Waiting,
        };
        Some(Callback { asked_at: promise.asked_at.0, tries: promise.tries, state })
    }
}

/// An arrival with nothing but who calls.
fn blank(contact: ContactId, desk: DeskId, language: &str, who: &Who) -> Arrival {
    Arrival {
        contact,
        desk,
        channel: Channel::Phone,
        language: language.to_owned(),
        language_source: "chosen".to_owned(),
        language_confidence: None,
        topic: None,
        inquirer: Inquirer::Other,
        priority: None,
        arrived_at: None,
        preferred: None,
        resumes: None,
        token_hash: None,
        address_key: None,
        display_name: None,
        visitor_language: None,
        reply_to: who.number.clone().unwrap_or_default(),
        extra: None,
    }
}

/// A contact that waits to be called back. The next agent who takes it hears it ring.
pub fn promised(
    phone: Arc<Phone>,
    (reached, who, language): (Reached, Who, String),
    contact: ContactId,
    asked_at: Timestamp,
    tries: i64,
) -> Call {
    let mut notice = vec![CALLBACK_NOTICE.to_owned()];
    notice.extend(reached.settings.recording.then(|| settings::RECORDING_NOTICE.to_owned()));
    let machine = Machine::Out(Box::new(Outbound::new(contact, language.clone(), notice)));
    let mut call = Call::new(phone, reached, machine, who, Phone::inbox(), None);
    call.language = language;
    call.promise = Some(Promise { asked_at, tries });
    call.of_contact(contact)
}

/// What an agent's own call is about.
pub struct Wanted {
    pub agent: AccountId,
    pub desk: DeskId,
    pub number: String,
    pub ticket: Option<TicketId>,
    pub language: String,
}

/// An agent calls somebody: gives the contact, which goes on by itself.
///
/// # Errors
/// `no_route`, `line_down`, or as [`crate::desk::Desk::originate`].
pub async fn dial(phone: &Arc<Phone>, wanted: Wanted) -> Result<ContactId, Problem> {
    let reached = Reached::of(phone, wanted.desk).await?;
    if phone.route(reached.settings.through.as_deref()).is_none() {
        return Err(Problem::conflict("no_route"));
    }
    if !phone.line(wanted.agent).is_up() {
        return Err(Problem::conflict("line_down"));
    }
    let contact = ContactId::compose(phone.now(), phone.parts.chance.bits());
    let who = Who { direction: Direction::Out, number: Some(wanted.number), withheld: None, peer: None };
    let notice: Vec<String> =
        reached.settings.recording.then(|| settings::RECORDING_NOTICE.to_owned()).into_iter().collect();
    let machine = Machine::Out(Box::new(Outbound::new(contact, wanted.language.clone(), notice)));
    let mut call = Call::new(Arc::clone(phone), reached, machine, who, Phone::inbox(), None);
    call.language = wanted.language;
    let arrival = Arrival { resumes: wanted.ticket, ..call.arrival(contact, None) };
    let call = call.of_contact(contact);
    if let Err(problem) = phone.parts.desk.originate(arrival, wanted.agent).await {
        phone.leave(contact, &call.view);
        return Err(problem);
    }
    call.launch();
    Ok(contact)
}

/// What remains to be done once a call is over: a callback that reached nobody is tried again, by the
/// desk's rule.
pub async fn follow_up(call: &Call) {
    let (Some(promise), Some(contact)) = (call.promise, call.contact) else { return };
    if call.answered || !matches!(call.machine, Machine::Out(_)) {
        return;
    }
    let more = promise.tries > 0 && promise.tries <= i64::from(call.settings.callback_tries);
    let next = call.phone.now() + Millis::from_secs(i64::from(call.settings.callback_pause_s));
    if more {
        call.note_promise("again", Some(next)).await;
    } else {
        call.note_promise("given_up", None).await;
    }
    tracing::info!(%contact, again = more, "a callback reached nobody");
}

/// Makes the ticket of a message that was recorded when the program ended; nobody knows any more who spoke.
///
/// # Errors
/// As [`crate::desk::Desk::leave`].
pub async fn leave_found(phone: &Arc<Phone>, contact: ContactId, desk: DeskId) -> Result<(), Problem> {
    let reached = Reached::of(phone, desk).await?;
    let who = Who { direction: Direction::In, number: None, withheld: Some("unavailable"), peer: None };
    let machine = Machine::In(Box::new(Control::new(reached.settings.plan(), false, phone.now())));
    let call = Call::new(Arc::clone(phone), reached, machine, who, Phone::inbox(), None);
    phone.parts.desk.leave(call.arrival(contact, None)).await.map(drop)
}

/// Puts a callback that reached nobody into the line again, in its old place.
///
/// # Errors
/// `desk_closed` (it is tried later), or the store's failure.
pub async fn again(phone: &Arc<Phone>, row: &store::CallRow) -> Result<(), Problem> {
    let earlier: ContactId = row.contact_id.parse().map_err(|_| Problem::internal())?;
    let desk: DeskId = row.desk_id.parse().map_err(|_| Problem::internal())?;
    let reached = Reached::of(phone, desk).await?;
    let before = {
        let mut tx = phone.parts.db.read().await?;
        store::contact(&mut tx, earlier).await?.ok_or_else(Problem::not_found)?
    };
    let contact = ContactId::compose(phone.now(), phone.parts.chance.bits());
    let who = Who { direction: Direction::Out, number: row.number.clone(), withheld: None, peer: None };
    let asked_at = Timestamp(row.callback_at.unwrap_or(row.started_at));
    let tries = row.callback_tries;
    let to_be_called = (reached, who, before.language.clone());
    let call = promised(Arc::clone(phone), to_be_called, contact, asked_at, tries);
    let carried = Carried { call: call.new_call(), asked_at, tries, earlier };
    let arrival = Arrival {
        extra: Some(Arc::new(carried)),
        topic: before.topic,
        resumes: before.ticket_id.and_then(|id| id.parse().ok()),
        arrived_at: Some(Timestamp(before.arrived_at)),
        ..blank(contact, desk, &before.language, &call.who)
    };
    if let Err(problem) = phone.parts.desk.arrive(arrival).await {
        phone.leave(contact, &call.view);
        return Err(problem);
    }
    call.launch();
    Ok(())
}

/// Moves a promise from one contact to the next, in the transaction of the arrival.
struct Carried {
    call: NewCall,
    asked_at: Timestamp,
    tries: i64,
    earlier: ContactId,
}

impl ArrivalExtra for Carried {
    fn write<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            self.call.write(tx, contact, at).await?;
            store::carry_callback(tx, contact, self.asked_at, self.tries).await?;
            store::set_callback(tx, self.earlier, "done", self.tries, None).await
        })
    }
}

/// A call of a visitor's browser: gives the answer to its offer; the call goes on by itself.
///
/// # Errors
/// `bad_offer`, `busy`, or the store's failure.
pub async fn web(phone: &Arc<Phone>, desk: DeskId, offer: &str) -> Result<String, Problem> {
    let reached = Reached::of(phone, desk).await?;
    let (outbox, inbox) = Phone::inbox();
    let made = End::web(phone, offer, &outbox).await;
    let (end, answer) = made.map_err(|error| crate::phone::exchange::refused(&error))?;
    let who = Who { direction: Direction::Web, number: None, withheld: None, peer: None };
    let call = answered(Arc::clone(phone), reached, who, Some(end), (outbox, inbox)).await;
    call.launch();
    Ok(answer)
}
