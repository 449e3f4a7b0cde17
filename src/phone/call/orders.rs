//! What agents and supervisors do in a call beyond the desk's own commands: a third party, keys,
//! listening in.

use std::sync::Arc;

use serde::Deserialize;
use tokio::task::AbortHandle;
use utoipa::ToSchema;

use crate::desk::ports::Reader;
use crate::desk::protocol::{ClientCommand, TransferTo};
use crate::kernel::ids::AccountId;
use crate::kernel::problem::Problem;
use crate::kernel::time::Millis;
use crate::media::FRAME_MS;
use crate::media::dtmf::{Encoder, KEY_MS, Key};
use crate::media::rewriter::SourceId;
use crate::media::rtp::Header;
use crate::phone::end::End;
use crate::phone::line::Line;
use crate::phone::sound::leg::{Kind, Leg};
use crate::phone::sound::new_source;
use crate::phone::trunk::{CallId, Dial, HangUp, TrunkError, TrunkEvent};

use super::control::Input;
use super::run::Call;
use super::view::{CallView, CallerState, Party, PartyKind, PartyState};

/// Keys of one order; more are refused.
pub const KEYS_MAX: usize = 32;
/// Supervisors in one call.
pub const WATCHERS_MAX: usize = 4;
/// Between two keys.
const KEY_GAP: Millis = Millis(100);

/// How a supervisor takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Hears everybody, heard by nobody.
    Listen,
    /// Heard by the agent only.
    Whisper,
    /// Heard by all.
    Barge,
}

/// Whom an agent consults.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Whom {
    /// An agent who is available; connected at once, after a tone.
    Agent { agent: AccountId },
    /// An outside number.
    Number { number: String },
}

/// See the module.
#[derive(Debug)]
pub enum Order {
    /// The caller hears music while the agent talks to somebody else.
    Consult(Whom),
    CancelConsult,
    /// All three talk.
    Merge,
    /// The agent leaves, the two others stay.
    Complete(Reader),
    /// The caller goes to an outside number at once.
    Forward(String),
    Drop,
    Keys(String),
    Redial,
    /// Whether the recording goes on or is paused.
    Record(bool),
    /// `None` ends it.
    Supervise(AccountId, Option<Mode>),
}

enum Far {
    Number { end: Box<End>, number: String },
    Agent(Arc<Line>),
}

/// The third party of a call.
pub struct Third {
    far: Far,
    pub talking: bool,
    /// The caller does not hear it.
    pub private: bool,
}

impl Third {
    pub(super) fn leg(&self) -> &Arc<Leg> {
        match &self.far {
            Far::Number { end, .. } => &end.leg,
            Far::Agent(line) => &line.leg,
        }
    }

    pub(super) fn call(&self) -> Option<CallId> {
        match &self.far {
            Far::Number { end, .. } => end.call(),
            Far::Agent(_) => None,
        }
    }

    pub(super) fn is_leg(&self, source: SourceId) -> bool {
        self.leg().source() == source
    }

    fn party(&self) -> Party {
        let (kind, account, number) = match &self.far {
            Far::Number { number, .. } => (PartyKind::Number, None, Some(number.clone())),
            Far::Agent(line) => (PartyKind::Agent, Some(line.account), None),
        };
        let state = if self.talking { PartyState::Talking } else { PartyState::Ringing };
        Party { id: THIRD.to_owned(), kind, account, number, state }
    }
}

/// The id of the third party; there is one at most.
const THIRD: &str = "third";

/// A supervisor in a call.
pub struct Watcher {
    pub line: Arc<Line>,
    pub mode: Mode,
}

impl Call {
    /// Carries out an order.
    ///
    /// # Errors
    /// `wrong_state`, `no_route`, `bad_number`, `busy`, `line_down` and the like.
    pub(super) async fn carry_out(&mut self, order: Order) -> Result<(), Problem> {
        match order {
            Order::Consult(whom) => self.consult(whom).await,
            Order::CancelConsult | Order::Drop => {
                self.third.is_some().then(|| self.drop_third()).ok_or_else(wrong_state)
            }
            Order::Merge => self.merge(),
            Order::Complete(who) => self.complete(who).await,
            Order::Forward(number) => self.forward(number).await,
            Order::Keys(keys) => self.keys(&keys),
            Order::Redial => {
                self.feed(Input::Redial);
                Ok(())
            }
            Order::Record(on) => self.pause_recording(!on),
            Order::Supervise(account, mode) => self.supervise(account, mode),
        }
    }

    async fn consult(&mut self, whom: Whom) -> Result<(), Problem> {
        if self.third.is_some() || !self.bridged {
            return Err(wrong_state());
        }
        let far = match whom {
            Whom::Number { number } => self.call_third(number).await?,
            Whom::Agent { agent } => {
                let line = self.phone.line(agent);
                if !line.is_up() {
                    return Err(Problem::conflict("line_down"));
                }
                Far::Agent(line)
            }
        };
        let talking = matches!(far, Far::Agent(_));
        self.third = Some(Third { far, talking, private: true });
        if !talking {
            self.ring_tone();
        }
        self.wire();
        self.music();
        Ok(())
    }

    /// Dials a number for this call, showing the desk's own.
    pub(super) async fn dial_out(&self, number: String) -> Result<End, Problem> {
        let phone = &self.phone;
        let through = self.route().ok_or_else(|| Problem::conflict("no_route"))?;
        let mut end = End::carrier(phone, None, &self.outbox).await.map_err(|_| busy())?;
        let sdp = end.describe(&phone.parts.clock, None).map_err(|_| busy())?;
        let dial = Dial { through, number, shown: self.settings.shown.clone(), sdp };
        let call = phone.dial(dial, &self.outbox).map_err(|error| not_dialled(&error))?;
        end.dialled(call);
        Ok(end)
    }

    async fn call_third(&self, number: String) -> Result<Far, Problem> {
        let end = Box::new(self.dial_out(number.clone()).await?);
        Ok(Far::Number { end, number })
    }

    /// What happens at the third party's end.
    pub(super) fn third_event(&mut self, event: TrunkEvent) {
        let phone = Arc::clone(&self.phone);
        let Some(Third { far: Far::Number { end, .. }, talking, .. }) = &mut self.third else { return };
        if end.settle(&phone, &event) {
            return;
        }
        match event {
            TrunkEvent::Answered { sdp, .. } => {
                if end.apply(&phone.parts.clock, &sdp).is_err() {
                    return self.drop_third();
                }
                *talking = true;
                self.tone = None;
                if self.alone {
                    self.sound = None;
                }
                self.wire();
            }
            TrunkEvent::Refused { .. } | TrunkEvent::Ended { .. } | TrunkEvent::Cancelled { .. } => {
                let alone = self.alone;
                self.drop_third();
                match &self.agent {
                    Some(agent) if !alone => self.busy_tone(agent.line.account),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The third party is out; the agent has the caller back.
    pub(super) fn drop_third(&mut self) {
        let Some(third) = self.third.take() else { return };
        self.tone = None;
        match &third.far {
            Far::Number { end, .. } => end.hang_up(&self.phone, HangUp::Normal),
            Far::Agent(line) => line.leg.point(crate::phone::sound::leg::Ear::Nobody),
        }
        if self.alone {
            // The two were alone: the caller's call ends with the other's.
            self.alone = false;
            self.cause = "third_left";
            if let Some(end) = self.caller.take() {
                end.hang_up(&self.phone, HangUp::Normal);
            }
            return;
        }
        if self.bridged {
            self.sound = None;
        }
        self.wire();
    }

    fn merge(&mut self) -> Result<(), Problem> {
        let third = self.third.as_mut().filter(|third| third.talking).ok_or_else(wrong_state)?;
        third.private = false;
        self.sound = None;
        self.wire();
        Ok(())
    }

    async fn complete(&mut self, who: Reader) -> Result<(), Problem> {
        let contact = self.contact.ok_or_else(wrong_state)?;
        match self.third.as_ref().filter(|third| third.talking).map(|third| &third.far) {
            None => Err(wrong_state()),
            Some(Far::Agent(line)) => {
                // The desk moves the contact: the other agent takes it as any other, and counts for it.
                let to = TransferTo::Agent { agent: line.account };
                self.drop_third();
                self.phone.parts.desk.act(who, ClientCommand::Transfer { contact, to }).await
            }
            Some(Far::Number { .. }) => self.leave_alone().await,
        }
    }

    /// The agent is done; the caller and the third party go on without.
    async fn leave_alone(&mut self) -> Result<(), Problem> {
        let contact = self.contact.ok_or_else(wrong_state)?;
        self.alone = true;
        if let Err(problem) = self.phone.parts.desk.transferred_outside(contact).await {
            self.alone = false;
            return Err(problem);
        }
        if let Some(third) = &mut self.third {
            third.private = false;
            if third.talking {
                self.sound = None;
            }
        }
        self.tone = None;
        self.watchers.clear();
        self.wire();
        Ok(())
    }

    async fn forward(&mut self, number: String) -> Result<(), Problem> {
        if self.third.is_some() || !self.bridged {
            return Err(wrong_state());
        }
        let far = self.call_third(number).await?;
        self.third = Some(Third { far, talking: false, private: true });
        self.wire();
        self.music();
        let done = self.leave_alone().await;
        if done.is_err() {
            self.drop_third();
        }
        done
    }

    /// Sends keys to whom the agent talks to.
    fn keys(&mut self, keys: &str) -> Result<(), Problem> {
        let wanted: Option<Vec<Key>> = keys.chars().map(Key::of_char).collect();
        let wanted = wanted.filter(|keys| (1..=KEYS_MAX).contains(&keys.len()));
        let wanted = wanted.ok_or_else(|| Problem::invalid("invalid_input").field("keys", "invalid"))?;
        let leg = match (&self.third, &self.caller) {
            (Some(third), _) if third.private => Arc::clone(third.leg()),
            (_, Some(end)) => Arc::clone(&end.leg),
            _ => return Err(wrong_state()),
        };
        press(leg, wanted, self.phone.parts.clock.clone());
        Ok(())
    }

    fn supervise(&mut self, account: AccountId, mode: Option<Mode>) -> Result<(), Problem> {
        let agent = self.agent.as_ref().ok_or_else(wrong_state)?;
        if agent.line.account == account {
            return Err(wrong_state());
        }
        self.watchers.retain(|watcher| {
            let other = watcher.line.account != account;
            if !other {
                watcher.line.leg.point(crate::phone::sound::leg::Ear::Nobody);
            }
            other
        });
        if let Some(mode) = mode {
            if self.watchers.len() >= WATCHERS_MAX {
                return Err(busy());
            }
            let line = self.phone.line(account);
            if !line.is_up() {
                return Err(Problem::conflict("line_down"));
            }
            self.watchers.push(Watcher { line, mode });
        }
        self.wire();
        Ok(())
    }

    /// The way out to the telephone network.
    pub(super) fn route(&self) -> Option<String> {
        self.phone.route(self.settings.through.as_deref())
    }

    /// How the call stands, but for the caller's own state.
    pub(super) fn describe(&self) -> CallView {
        let mut parties: Vec<Party> = self.agent.iter().map(|agent| party(agent.line.account)).collect();
        parties.extend(self.third.iter().map(Third::party));
        parties.extend(self.watchers.iter().map(|watcher| Party {
            id: watcher.line.account.to_string(),
            kind: PartyKind::Supervisor,
            account: Some(watcher.line.account),
            number: None,
            state: match watcher.mode {
                Mode::Listen => PartyState::Listening,
                Mode::Whisper => PartyState::Whispering,
                Mode::Barge => PartyState::Talking,
            },
        }));
        CallView {
            contact: self.contact,
            direction: self.who.direction,
            number: self.who.number.clone(),
            withheld: self.who.withheld.map(str::to_owned),
            caller: CallerState::default(),
            parties,
            private_with: self.is_private().then(|| THIRD.to_owned()),
            recording: self.recording(),
            callback: self.promised(),
        }
    }
}

/// The agent whose call it is.
fn party(account: AccountId) -> Party {
    let id = account.to_string();
    Party { id, kind: PartyKind::Agent, account: Some(account), number: None, state: PartyState::Talking }
}

/// Sends keys to a leg, one after the other.
fn press(leg: Arc<Leg>, keys: Vec<Key>, clock: crate::kernel::clock::Clock) -> AbortHandle {
    let task = tokio::spawn(async move {
        let source = new_source();
        let (mut seq, mut due) = (0_u16, clock.now());
        for (n, key) in (0_u32..).zip(keys) {
            let ts = n.wrapping_mul(8 * 400);
            for step in Encoder::new(key, KEY_MS) {
                let head = Header { marker: step.marker, pt: 0, seq, ts, ssrc: 0 };
                seq = seq.wrapping_add(1);
                leg.say(source, &head, Kind::Event, &step.payload, clock.now());
                due = due + Millis(FRAME_MS);
                clock.sleep_until(due).await;
            }
            due = due + KEY_GAP;
            clock.sleep_until(due).await;
        }
    });
    task.abort_handle()
}

/// 409: not now.
pub(super) const fn wrong_state() -> Problem {
    Problem::conflict("wrong_state")
}

/// 503: no room.
fn busy() -> Problem {
    Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "busy")
}

/// Why a number was not dialled, for people.
fn not_dialled(error: &TrunkError) -> Problem {
    match error {
        TrunkError::BadNumber => Problem::invalid("invalid_input").field("number", "invalid"),
        TrunkError::NoRoute => Problem::conflict("no_route"),
        _ => busy(),
    }
}
