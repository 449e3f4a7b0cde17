//! The task of one call: takes what happens, asks the machine, does what it says.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};

use crate::desk::watch::{ContactWatch, Signal};
use crate::kernel::clock::Clock;
use crate::kernel::ids::{AccountId, ContactId, DeskId};
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::problem::Problem;
use crate::kernel::time::{Millis, Timestamp};
use crate::media::dtmf;
use crate::media::rewriter::SourceId;
use crate::phone::end::{End, Shown};
use crate::phone::exchange::Phone;
use crate::phone::line::Line;
use crate::phone::prompts::{Library, Own};
use crate::phone::record::{Recorder, recorder};
use crate::phone::settings::PhoneDesk;
use crate::phone::sound::play::{Playing, play};
use crate::phone::sound::room::Room;
use crate::phone::store;
use crate::phone::trunk::{EndCause, HangUp, TrunkEvent};

use super::control::{Control, Input, Output};
use super::orders::{Order, Third, Watcher};
use super::outbound::Outbound;
use super::recording::Message;
use super::spoken::Say;
use super::view::{CallView, CallerState, Direction};

pub use super::begin::incoming;

/// How long the trunk may take to say goodbye when the program stops.
const GOODBYE: Millis = Millis::from_secs(6);

/// What can happen to a call.
#[derive(Debug)]
pub enum Happening {
    Trunk(TrunkEvent),
    /// The sound of this leg has stopped coming.
    Silent(SourceId),
    /// A visitor's browser is connected.
    WebUp,
    WebGone,
    Recording(recorder::Turn),
    Order(Order, oneshot::Sender<Result<(), Problem>>),
}

/// Who is called or calls.
#[derive(Clone, Debug)]
pub struct Who {
    pub direction: Direction,
    pub number: Option<String>,
    pub withheld: Option<&'static str>,
    /// Name of the carrier.
    pub peer: Option<String>,
}

/// Which way the call goes on.
pub enum Machine {
    In(Box<Control>),
    Out(Box<Outbound>),
}

impl Machine {
    fn handle(&mut self, now: Timestamp, input: &Input) {
        match self {
            Self::In(control) => control.handle(now, input),
            Self::Out(outbound) => outbound.handle(input),
        }
    }

    fn poll(&mut self) -> Option<Output> {
        match self {
            Self::In(control) => control.poll(),
            Self::Out(outbound) => outbound.poll(),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::In(control) => control.is_over(),
            Self::Out(outbound) => outbound.is_over(),
        }
    }

    fn standing(&self) -> CallerState {
        match self {
            Self::In(control) => control.standing(),
            Self::Out(outbound) => outbound.standing(),
        }
    }
}

/// The agent in a call.
pub(super) struct Agent {
    pub line: Arc<Line>,
    pub up: watch::Receiver<bool>,
}

/// A promised callback, as this call knows it.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    pub asked_at: Timestamp,
    pub tries: i64,
}

/// One call. See the module.
pub struct Call {
    pub(super) phone: Arc<Phone>,
    pub(super) desk: DeskId,
    pub(super) settings: PhoneDesk,
    pub(super) own: Own,
    pub(super) machine: Machine,
    pub(super) who: Who,
    pub(super) language: String,
    pub(super) outbox: mpsc::Sender<Happening>,
    pub(super) inbox: mpsc::Receiver<Happening>,
    pub(super) caller: Option<End>,
    pub(super) contact: Option<ContactId>,
    pub(super) watch: Option<ContactWatch>,
    pub(super) wake: Option<Timestamp>,
    /// What the caller hears of us.
    pub(super) sound: Option<Playing>,
    /// What the agent hears of us.
    pub(super) tone: Option<Playing>,
    pub(super) agent: Option<Agent>,
    /// The machine wants caller and agent to hear each other.
    pub(super) bridged: bool,
    pub(super) third: Option<Third>,
    pub(super) watchers: Vec<Watcher>,
    pub(super) room: Option<Arc<Room>>,
    /// The agent has handed the caller over to the third party.
    pub(super) alone: bool,
    pub(super) promise: Option<Promise>,
    pub(super) answered: bool,
    pub(super) cause: &'static str,
    pub(super) recorder: Option<Recorder>,
    /// The call was to be recorded, and it could not be begun.
    pub(super) unrecorded: bool,
    /// The message of a caller whom nobody answers.
    pub(super) message: Option<Message>,
    pub(super) view: Arc<Shown<CallView>>,
}

/// What the task wakes for.
enum Turn {
    Happened(Option<Happening>),
    Key(char),
    Said,
    ToneOver,
    Signal(Option<Signal>),
    Woke,
    LineMoved,
    Stop,
}

impl Call {
    /// Goes on by itself until the call is over.
    pub fn launch(self) {
        let lifecycle = self.phone.parts.lifecycle.clone();
        // Boxed: a call may launch another, and so be part of its own type.
        let work: BoxFuture<'static, ()> = Box::pin(self.run());
        lifecycle.spawn(work);
    }

    /// Goes on until the call is over.
    pub async fn run(mut self) {
        loop {
            self.drain().await;
            self.publish();
            if self.machine.is_over() && !self.alone {
                break;
            }
            match self.next().await {
                Turn::Happened(Some(happening)) => self.take(happening).await,
                // The sender lives in this call: it cannot be closed.
                Turn::Happened(None) => break,
                Turn::Key(key) => self.feed(Input::Key(key)),
                Turn::Said => {
                    self.sound = None;
                    self.feed(Input::Said);
                }
                Turn::ToneOver => self.tone = None,
                Turn::Signal(signal) => self.signal(signal).await,
                Turn::Woke => {
                    self.wake = None;
                    self.feed(Input::Woke);
                }
                Turn::LineMoved => self.line_moved(),
                // Nobody is on the telephone: the promise stands in the store for the next run.
                Turn::Stop => return,
            }
        }
        self.finish().await;
    }

    #[expect(clippy::needless_pass_by_value, reason = "an input is told once; callers build it in place")]
    pub(super) fn feed(&mut self, input: Input) {
        self.machine.handle(self.phone.now(), &input);
    }

    async fn next(&mut self) -> Turn {
        let (clock, lifecycle) = (self.phone.parts.clock.clone(), self.phone.parts.lifecycle.clone());
        // Whoever is on the trunk hears its goodbye.
        let carried = self.caller.as_ref().is_some_and(|end| end.call().is_some());
        let caller = self.caller.as_mut();
        let key = async {
            match caller {
                Some(end) => match end.keys.recv().await {
                    Some(key) => key,
                    None => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            happening = self.inbox.recv() => Turn::Happened(happening),
            key = key => Turn::Key(key),
            () = ended(self.sound.as_mut()) => Turn::Said,
            () = ended(self.tone.as_mut()) => Turn::ToneOver,
            signal = next_signal(self.watch.as_mut()) => Turn::Signal(signal),
            () = woken(&clock, self.wake) => Turn::Woke,
            () = moved(self.agent.as_mut()) => Turn::LineMoved,
            () = stopped(&lifecycle, &clock, carried) => Turn::Stop,
        }
    }

    async fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Trunk(event) => self.trunk_event(event).await,
            Happening::Silent(source) => self.silent(source),
            Happening::WebUp => self.feed(Input::Confirmed),
            Happening::WebGone => self.gone("far"),
            Happening::Recording(turn) => self.recording_turned(turn),
            Happening::Order(order, reply) => {
                let done = self.carry_out(order).await;
                self.drain().await;
                self.publish();
                // Whoever asked may have gone.
                let _ = reply.send(done);
            }
        }
    }

    /// The caller's side is gone.
    pub(super) fn gone(&mut self, cause: &'static str) {
        self.cause = cause;
        self.sound = None;
        if self.alone {
            self.alone = false;
        }
        self.caller = None;
        self.feed(Input::HungUp);
    }

    fn silent(&mut self, source: SourceId) {
        if self.caller.as_ref().is_some_and(|end| end.leg.source() == source) {
            tracing::warn!(contact = ?self.contact, "a caller's sound stopped coming: the call is ended");
            if let Some(end) = self.caller.take() {
                end.hang_up(&self.phone, HangUp::Failure);
            }
            self.gone("silent");
        } else if self.third.as_ref().is_some_and(|third| third.is_leg(source)) {
            self.drop_third();
        }
    }

    async fn trunk_event(&mut self, event: TrunkEvent) {
        let phone = Arc::clone(&self.phone);
        if self.third.as_ref().and_then(Third::call).is_some_and(|call| event.call() == Some(call)) {
            return self.third_event(event);
        }
        let Some(end) = self.caller.as_mut() else { return };
        if end.call().is_none_or(|call| event.call() != Some(call)) || end.settle(&phone, &event) {
            return;
        }
        match event {
            TrunkEvent::Acknowledged { answer, .. } => {
                if let Some(answer) = answer
                    && end.apply(&phone.parts.clock, &answer).is_err()
                {
                    end.hang_up(&phone, HangUp::Failure);
                    return self.gone("sdp");
                }
                self.feed(Input::Confirmed);
            }
            TrunkEvent::Info { content_type, body, .. } => {
                if let Ok((key, _)) = dtmf::info(&content_type, body.as_bytes()) {
                    self.feed(Input::Key(key.sign()));
                }
            }
            TrunkEvent::Answered { sdp, .. } => self.reached(&sdp).await,
            TrunkEvent::Refused { call, .. } => {
                phone.forget(call);
                self.unreached().await;
            }
            TrunkEvent::Ended { call, cause } => {
                phone.forget(call);
                self.gone(cause_text(cause));
            }
            TrunkEvent::Cancelled { call } => {
                phone.forget(call);
                self.gone("cancelled");
            }
            _ => {}
        }
    }

    /// The called one answered.
    async fn reached(&mut self, sdp: &str) {
        let phone = Arc::clone(&self.phone);
        let Some(end) = self.caller.as_mut() else { return };
        if end.apply(&phone.parts.clock, sdp).is_err() {
            end.hang_up(&phone, HangUp::Failure);
            return self.unreached().await;
        }
        self.tone = None;
        if self.promise.is_some() {
            self.note_promise("done", None).await;
        }
        self.feed(Input::Reached);
    }

    /// Nobody answered, or the way there failed.
    pub(super) async fn unreached(&mut self) {
        self.caller = None;
        self.tone = None;
        if let Some(promise) = &mut self.promise {
            promise.tries += 1;
            self.note_promise("waiting", None).await;
        }
        self.feed(Input::Unreached);
    }

    pub(super) async fn note_promise(&self, state: &'static str, next: Option<Timestamp>) {
        let (Some(contact), Some(promise)) = (self.contact, self.promise) else { return };
        let tries = promise.tries;
        let unit = self.phone.parts.db.write(move |tx| {
            Box::pin(async move { store::set_callback(tx, contact, state, tries, next).await })
        });
        if let Err(error) = unit.await {
            tracing::error!(%contact, %error, "a callback was not noted");
        }
    }

    fn line_moved(&mut self) {
        if !self.bridged || self.is_private() {
            return;
        }
        if self.agent.as_ref().is_some_and(|agent| agent.line.is_up()) {
            self.sound = None;
            self.wire();
        } else {
            self.music();
        }
    }

    /// Does what the machine wants.
    pub(super) async fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Say(says) => self.say(&says),
                Output::Music => self.music(),
                Output::Bridge(agent) => self.bridge(agent).await,
                Output::Arrive(chosen) => self.arrive(chosen).await,
                Output::AskStanding(contact) => {
                    if let Some(standing) = self.phone.parts.desk.standing(contact).await {
                        let (position, expected_wait) = (standing.position, standing.expected_wait);
                        self.feed(Input::Stands { position, expected_wait });
                    }
                }
                Output::TakeCallback(contact) => self.take_callback(contact).await,
                Output::Leave(contact) => {
                    // It may have ended in this moment.
                    let _ = self.phone.parts.desk.inquirer_ends(contact).await;
                }
                Output::Dial(agent) => self.dial(agent).await,
                Output::Unreached(agent) => self.busy_tone(agent),
                Output::Beep => self.beep(),
                Output::Record => self.record_message().await,
                Output::StopRecording => self.keep_message().await,
                Output::HangUp => self.hang_up(),
                Output::Wake(at) => self.wake = Some(at),
                Output::NoWake => self.wake = None,
            }
        }
    }

    fn hang_up(&mut self) {
        self.tone = None;
        if self.alone {
            return;
        }
        self.sound = None;
        if let Some(end) = self.caller.take() {
            end.hang_up(&self.phone, HangUp::Normal);
        }
    }

    fn say(&mut self, says: &[Say]) {
        self.bridged = false;
        self.wire();
        let Some(end) = &self.caller else { return };
        let library = Library::get();
        let sounds = says.iter().filter_map(|say| {
            let sound = library.sound(&self.own, &say.name, &say.language);
            if sound.is_none() {
                tracing::error!(prompt = say.name, language = say.language, "there is no such prompt");
            }
            sound.map(|sound| sound.ulaw)
        });
        self.sound = Some(play(&end.leg, sounds.collect(), false, &self.phone.parts.clock));
    }

    pub(super) fn music(&mut self) {
        let Some(end) = &self.caller else { return };
        let music = vec![Arc::clone(&self.phone.music)];
        self.sound = Some(play(&end.leg, music, true, &self.phone.parts.clock));
    }

    async fn bridge(&mut self, agent: AccountId) {
        self.attend(agent);
        self.bridged = true;
        self.tone = None;
        if self.agent.as_ref().is_some_and(|agent| agent.line.is_up()) {
            self.sound = None;
        } else {
            self.music();
        }
        self.wire();
        if !std::mem::replace(&mut self.answered, true)
            && let Some(contact) = self.contact
        {
            self.record(contact).await;
            let at = self.phone.now();
            let unit = self
                .phone
                .parts
                .db
                .write(move |tx| Box::pin(async move { store::mark(tx, contact, Some(at), None).await }));
            if let Err(error) = unit.await {
                tracing::error!(%contact, %error, "an answer was not noted");
            }
        }
    }

    /// Takes the agent's line into the call.
    pub(super) fn attend(&mut self, agent: AccountId) {
        if self.agent.as_ref().is_some_and(|now| now.line.account == agent) {
            return;
        }
        let line = self.phone.line(agent);
        let up = line.watch();
        self.agent = Some(Agent { line, up });
    }

    /// The agent is out of the call.
    pub(super) fn release(&mut self) {
        self.tone = None;
        self.bridged = false;
        if !self.alone {
            self.drop_third();
            self.watchers.clear();
        }
        self.wire();
        if let Some(agent) = self.agent.take() {
            agent.line.leg.point(crate::phone::sound::leg::Ear::Nobody);
        }
    }

    fn publish(&mut self) {
        let standing = match self.machine.standing() {
            CallerState::Talking if self.is_private() => CallerState::Held,
            CallerState::Talking if self.agent.as_ref().is_some_and(|agent| !agent.line.is_up()) => {
                CallerState::Music
            }
            standing => standing,
        };
        let view = CallView { caller: standing, ..self.describe() };
        if self.view.set(view)
            && let Some(contact) = self.contact
        {
            self.phone.parts.desk.stir(contact);
        }
    }

    /// The last things.
    async fn finish(mut self) {
        self.sound = None;
        self.hang_up();
        self.release();
        self.keep_message().await;
        self.recorder = None;
        let Some(contact) = self.contact else { return self.leave_trace().await };
        let (at, cause) = (self.phone.now(), self.cause);
        let unit = self.phone.parts.db.write(move |tx| {
            Box::pin(async move { store::mark(tx, contact, None, Some((at, cause))).await })
        });
        if let Err(error) = unit.await {
            tracing::error!(%contact, %error, "the end of a call was not noted");
        }
        self.phone.leave(contact, &self.view);
        self.phone.parts.desk.stir(contact);
        super::begin::follow_up(&self).await;
    }
}

/// The program stops, and whoever is on the trunk had time to hear its goodbye.
async fn stopped(lifecycle: &Lifecycle, clock: &Clock, carried: bool) {
    lifecycle.stopping().await;
    if carried {
        clock.sleep_until(clock.now() + GOODBYE).await;
    }
}

async fn woken(clock: &Clock, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn ended(playing: Option<&mut Playing>) {
    match playing {
        Some(playing) => playing.ended().await,
        None => std::future::pending().await,
    }
}

async fn next_signal(watch: Option<&mut ContactWatch>) -> Option<Signal> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

async fn moved(agent: Option<&mut Agent>) {
    match agent {
        // The sender lives in the line that the agent holds.
        Some(agent) => drop(agent.up.changed().await),
        None => std::future::pending().await,
    }
}

const fn cause_text(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Far => "far",
        EndCause::Ours => "ours",
        EndCause::NoAck => "no_ack",
        EndCause::SessionExpired => "session_expired",
        EndCause::Lost => "lost",
        EndCause::NotAnswered => "not_answered",
    }
}
