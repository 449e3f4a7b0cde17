//! One caller's way through the desk, as a pure machine: what happens goes in, what to do comes out.
//!
//! No sound, no socket, no clock: the task that owns a call ([`super`]) plays, bridges, asks the desk
//! and wakes the machine. The machine decides what the caller hears and when the call ends, so that
//! every turn of a call can be told as a test.

use std::collections::VecDeque;

use crate::kernel::ids::{AccountId, ContactId};
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::DivertReason;

use super::super::menu::{Chosen, Menu, Turn, Walk};
use super::super::record::MESSAGE_MAX;
use super::spoken::{self, Say};
use super::view::CallerState;

/// How long a menu waits for a key after it was said.
pub const KEY_WAIT: Millis = Millis::from_secs(6);

/// How long the far side may take to confirm our answer before its sound is played anyway.
pub const CONFIRM_WAIT: Millis = Millis::from_secs(4);

/// Keys kept that were pressed before they were asked for; later ones are forgotten.
pub const AHEAD_MAX: usize = 8;

/// The prompt that nobody may skip.
const NOTICE: &str = "recording_notice";

/// The key that ends a message.
const MESSAGE_END: char = '#';

/// How a message is asked for.
const VOICEMAIL: &str = "voicemail";

/// How a desk wants its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Said first; `recording_notice` among them when calls are recorded.
    pub greeting: Vec<String>,
    pub menus: Vec<Menu>,
    /// The language until one is chosen.
    pub language: String,
    /// Place and expected wait are spoken this often.
    pub announce_every: Millis,
    /// Whether a caller may leave the line and be called back.
    pub callback: bool,
    /// Whether a caller may leave a message when the desk takes no call.
    pub voicemail: bool,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The far side confirmed our answer: sound goes both ways.
    Confirmed,
    /// A key, by whichever way it came.
    Key(char),
    /// What was to be said was said to its end.
    Said,
    /// The moment named by [`Output::Wake`] has come.
    Woke,
    /// The desk took the contact into its line.
    Placed(ContactId),
    /// The desk takes no contact now.
    Refused(DivertReason),
    /// How the contact stands, as asked for by [`Output::AskStanding`].
    Stands {
        position: Option<u32>,
        expected_wait: Option<Millis>,
    },
    /// An agent took the contact.
    Accepted(AccountId),
    /// Back in the line; `lost` when the agent's line was cut.
    Requeued {
        lost: bool,
    },
    Held,
    Unheld,
    /// The desk sends the contact away.
    Diverted(DivertReason),
    /// The desk's side ended the contact.
    Ended,
    /// The callback was noted.
    CallbackTaken,
    /// The message of the caller has gone silent, or cannot be recorded further.
    Quiet,
    /// The recording of the message ended; `voiced` when there is something to hear.
    Kept {
        voiced: bool,
    },
    /// The called one answered.
    Reached,
    /// Nobody answered the call that was made.
    Unreached,
    /// The agent wants to try again.
    Redial,
    /// The caller is gone.
    HungUp,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Say these, one after the other; whatever was heard before stops. `Said` follows at the end.
    Say(Vec<Say>),
    /// Music until something else is asked for.
    Music,
    /// The caller hears the agent and the agent hears the caller.
    Bridge(AccountId),
    /// Take the contact into the desk's line.
    Arrive(Chosen),
    /// Tell how the contact stands.
    AskStanding(ContactId),
    /// The waiting caller wants to be called back: note it, she keeps her place.
    TakeCallback(ContactId),
    /// The caller has left the line or the talk.
    Leave(ContactId),
    /// Call the number; the agent hears it ring.
    Dial(AccountId),
    /// The agent hears that nobody answered.
    Unreached(AccountId),
    /// The tone before a message. `Said` follows at the end.
    Beep,
    /// Record what the caller says now: her message.
    Record,
    /// End the recording of the message. `Kept` follows.
    StopRecording,
    /// End the call.
    HangUp,
    /// Wake the machine then; replaces any earlier wish.
    Wake(Timestamp),
    /// No waking is wanted any more.
    NoWake,
}

#[derive(Clone, Debug)]
enum Stage {
    /// The answer is on its way.
    Answering,
    Greeting,
    Menu(Walk),
    /// The desk is asked to take the contact.
    Arriving,
    Waiting(ContactId),
    /// The way out was said and a key is waited for, or was taken: the desk is asked.
    Leaving(ContactId),
    Talking(ContactId, AccountId),
    Held(ContactId, AccountId),
    /// The caller hears that she may leave a message.
    Offering,
    Beeping,
    /// She speaks.
    Message,
    Saving,
    /// The last words are said, then the call ends.
    Farewell,
    Over,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Control {
    plan: Plan,
    stage: Stage,
    language: String,
    /// Whether the caller's number can be called back.
    callable: bool,
    /// The desk takes no calls now: said after the greeting.
    shut: Option<DivertReason>,
    /// Keys pressed before they were asked for.
    ahead: VecDeque<char>,
    outputs: VecDeque<Output>,
}

impl Control {
    /// A call that was just answered. `callable`: its number is shown and can be dialled.
    #[must_use]
    pub fn new(plan: Plan, callable: bool, now: Timestamp) -> Self {
        let language = plan.language.clone();
        let mut control = Self {
            plan,
            stage: Stage::Answering,
            language,
            callable,
            shut: None,
            ahead: VecDeque::new(),
            outputs: VecDeque::new(),
        };
        control.wake_in(now, CONFIRM_WAIT);
        control
    }

    /// The desk takes no calls: the caller hears why after the greeting, instead of the menus.
    pub const fn shut(&mut self, reason: DivertReason) {
        self.shut = Some(reason);
    }

    /// What the caller is doing, for consoles.
    #[must_use]
    pub const fn standing(&self) -> CallerState {
        match self.stage {
            Stage::Answering
            | Stage::Greeting
            | Stage::Menu(_)
            | Stage::Arriving
            | Stage::Offering
            | Stage::Beeping
            | Stage::Message
            | Stage::Saving => CallerState::Menu,
            Stage::Waiting(_) | Stage::Leaving(_) => CallerState::Waiting,
            Stage::Talking(..) => CallerState::Talking,
            Stage::Held(..) => CallerState::Held,
            Stage::Farewell | Stage::Over => CallerState::Gone,
        }
    }

    /// Takes what happened; then drain [`Self::poll`].
    pub fn handle(&mut self, now: Timestamp, input: &Input) {
        match *input {
            Input::HungUp => self.gone(),
            Input::Confirmed => self.confirmed(),
            Input::Key(key) => self.key(now, key),
            Input::Said => self.said(now),
            Input::Woke => self.woke(now),
            Input::Placed(contact) => self.placed(now, contact),
            Input::Refused(reason) | Input::Diverted(reason) => self.sent_away(reason),
            Input::Stands { position, expected_wait } => self.announce(position, expected_wait),
            Input::Accepted(agent) => self.accepted(agent),
            Input::Requeued { lost } => self.requeued(now, lost),
            Input::Held => self.held(),
            Input::Unheld => self.unheld(),
            Input::Ended => self.ended(),
            Input::Quiet => self.message_over(),
            Input::Kept { voiced } => self.kept(voiced),
            // Of calls that the desk makes.
            Input::Reached | Input::Unreached | Input::Redial => {}
            Input::CallbackTaken => self.farewell(&["callback_taken", "goodbye"]),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether the call is over and nothing more will be asked for.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// The language the caller hears.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    fn confirmed(&mut self) {
        if matches!(self.stage, Stage::Answering) {
            self.stage = Stage::Greeting;
            self.put(Output::NoWake);
            let greeting = self.plan.greeting.clone();
            self.say(&greeting);
        }
    }

    fn key(&mut self, now: Timestamp, key: char) {
        match &mut self.stage {
            // Who knows the way need not hear it; the notice of a recording is heard by all.
            Stage::Greeting if self.shut.is_none() => {
                self.ahead.extend((self.ahead.len() < AHEAD_MAX).then_some(key));
                if !self.plan.greeting.iter().any(|name| name == NOTICE) {
                    self.said(now);
                }
            }
            Stage::Menu(walk) => {
                let turn = walk.key(key);
                self.turn(now, turn);
            }
            Stage::Waiting(contact) if self.plan.callback && key == '1' => {
                let contact = *contact;
                if self.callable {
                    self.stage = Stage::Leaving(contact);
                    self.put(Output::TakeCallback(contact));
                } else {
                    self.say(&["callback_no_number", "waiting_again"]);
                }
            }
            Stage::Message if key == MESSAGE_END => self.message_over(),
            _ => {}
        }
    }

    fn said(&mut self, now: Timestamp) {
        match &self.stage {
            Stage::Greeting if self.shut.is_some() => self.turn_away(),
            Stage::Greeting => {
                let (walk, turn) = Walk::new(&self.plan.menus);
                self.stage = Stage::Menu(walk);
                self.turn(now, turn);
                while let (Stage::Menu(_), Some(key)) = (&self.stage, self.ahead.pop_front()) {
                    self.key(now, key);
                }
            }
            Stage::Menu(_) => self.wake_in(now, KEY_WAIT),
            Stage::Arriving | Stage::Waiting(_) | Stage::Leaving(_) | Stage::Held(..) => {
                self.put(Output::Music);
            }
            Stage::Talking(_, agent) => {
                let agent = *agent;
                self.put(Output::Bridge(agent));
            }
            Stage::Offering => {
                self.stage = Stage::Beeping;
                self.put(Output::Beep);
            }
            Stage::Beeping => {
                self.stage = Stage::Message;
                self.wake_in(now, MESSAGE_MAX);
                self.put(Output::Record);
            }
            Stage::Farewell => self.over(),
            Stage::Answering | Stage::Message | Stage::Saving | Stage::Over => {}
        }
    }

    fn woke(&mut self, now: Timestamp) {
        match &mut self.stage {
            Stage::Answering => self.confirmed(),
            Stage::Menu(walk) => {
                let turn = walk.silence();
                self.turn(now, turn);
            }
            Stage::Waiting(contact) => {
                let contact = *contact;
                self.wake_in(now, self.plan.announce_every);
                self.put(Output::AskStanding(contact));
            }
            Stage::Message => self.message_over(),
            _ => {}
        }
    }

    fn turn(&mut self, now: Timestamp, turn: Turn) {
        if let Stage::Menu(walk) = &self.stage
            && let Some(language) = &walk.chosen().language
        {
            self.language.clone_from(language);
        }
        self.put(Output::NoWake);
        match turn {
            Turn::Say { prompts, again } => {
                let names: Vec<String> =
                    again.then(|| "invalid_key".to_owned()).into_iter().chain(prompts).collect();
                self.say(&names);
            }
            Turn::Done(chosen) => {
                self.stage = Stage::Arriving;
                self.say(&["please_wait"]);
                let language = Some(chosen.language.unwrap_or_else(|| self.plan.language.clone()));
                self.put(Output::Arrive(Chosen { language, ..chosen }));
                let _ = now;
            }
        }
    }

    fn placed(&mut self, now: Timestamp, contact: ContactId) {
        match self.stage {
            Stage::Arriving => {
                self.stage = Stage::Waiting(contact);
                self.wake_in(now, self.plan.announce_every);
            }
            // She hung up while the desk was asked.
            Stage::Over => self.put(Output::Leave(contact)),
            _ => {}
        }
    }

    fn announce(&mut self, position: Option<u32>, expected_wait: Option<Millis>) {
        // Nothing is spoken over an offer that rings: the talk may begin at any moment.
        if let (Stage::Waiting(_), Some(place)) = (&self.stage, position)
            && place > 0
        {
            let mut names = vec![spoken::position(place).to_owned()];
            names.extend(expected_wait.map(|wait| spoken::wait(wait).to_owned()));
            if self.plan.callback && self.callable {
                names.push("callback_offer".to_owned());
            }
            self.say(&names);
        }
    }

    fn accepted(&mut self, agent: AccountId) {
        if let Stage::Waiting(contact) | Stage::Leaving(contact) = self.stage {
            self.stage = Stage::Talking(contact, agent);
            self.put(Output::NoWake);
            self.put(Output::Bridge(agent));
        }
    }

    fn requeued(&mut self, now: Timestamp, lost: bool) {
        if let Stage::Talking(contact, _) | Stage::Held(contact, _) = self.stage {
            self.stage = Stage::Waiting(contact);
            self.say(&[if lost { "agent_lost" } else { "transferring" }]);
            self.wake_in(now, self.plan.announce_every);
        }
    }

    fn held(&mut self) {
        if let Stage::Talking(contact, agent) = self.stage {
            self.stage = Stage::Held(contact, agent);
            self.say(&["held"]);
        }
    }

    fn unheld(&mut self) {
        if let Stage::Held(contact, agent) = self.stage {
            self.stage = Stage::Talking(contact, agent);
            self.put(Output::Bridge(agent));
        }
    }

    fn sent_away(&mut self, reason: DivertReason) {
        match self.stage {
            // A callback that was taken says its own goodbye; a message goes on, whatever the desk does.
            Stage::Leaving(_) | Stage::Farewell | Stage::Over => {}
            Stage::Offering | Stage::Beeping | Stage::Message | Stage::Saving => {}
            _ if self.plan.voicemail => self.offer_message(&[spoken::reason(reason), VOICEMAIL]),
            _ => self.farewell(&[spoken::reason(reason), "goodbye"]),
        }
    }

    /// Said before anybody chose a language: in the desk's own, and in English.
    fn turn_away(&mut self) {
        let name = spoken::reason(self.shut.unwrap_or(DivertReason::DeskClosed));
        let english = format!("{name}@en");
        if self.plan.voicemail {
            self.offer_message(&[name, &english, VOICEMAIL, "voicemail@en"]);
        } else {
            self.farewell(&[name, &english, "goodbye"]);
        }
    }

    fn offer_message(&mut self, names: &[&str]) {
        self.stage = Stage::Offering;
        self.put(Output::NoWake);
        self.say(names);
    }

    fn message_over(&mut self) {
        if matches!(self.stage, Stage::Message) {
            self.stage = Stage::Saving;
            self.put(Output::NoWake);
            self.put(Output::StopRecording);
        }
    }

    fn kept(&mut self, voiced: bool) {
        match self.stage {
            Stage::Saving if voiced => self.farewell(&["voicemail_saved", "goodbye"]),
            Stage::Saving => self.farewell(&["goodbye"]),
            _ => {}
        }
    }

    fn ended(&mut self) {
        match self.stage {
            Stage::Talking(..) | Stage::Held(..) => self.over(),
            Stage::Farewell | Stage::Leaving(_) | Stage::Over => {}
            Stage::Offering | Stage::Beeping | Stage::Message | Stage::Saving => {}
            _ => self.farewell(&["goodbye"]),
        }
    }

    fn farewell(&mut self, names: &[&str]) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        self.stage = Stage::Farewell;
        self.put(Output::NoWake);
        self.say(names);
    }

    fn over(&mut self) {
        self.stage = Stage::Over;
        self.put(Output::NoWake);
        self.put(Output::HangUp);
    }

    fn gone(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        self.outputs.clear();
        self.put(Output::NoWake);
        if matches!(stage, Stage::Message) {
            self.put(Output::StopRecording);
        }
        if let Stage::Waiting(contact)
        | Stage::Leaving(contact)
        | Stage::Talking(contact, _)
        | Stage::Held(contact, _) = stage
        {
            self.put(Output::Leave(contact));
        }
    }

    fn say(&mut self, names: &[impl AsRef<str>]) {
        let said = names.iter().map(|name| Say::of(name.as_ref(), &self.language)).collect();
        self.put(Output::Say(said));
    }

    fn wake_in(&mut self, now: Timestamp, length: Millis) {
        self.put(Output::Wake(Timestamp(now.0.saturating_add(length.0))));
    }

    fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}
