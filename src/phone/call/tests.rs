//! Calls told as stories: what happens, and what the caller gets.

use crate::kernel::ids::{AccountId, ContactId};
use crate::kernel::time::{Millis, Timestamp};
use crate::phone::menu::{Choice, Chosen, Menu};
use crate::phone::record::MESSAGE_MAX;
use crate::routing::DivertReason;

use super::control::{CONFIRM_WAIT, Control, Input, KEY_WAIT, Output, Plan};

const CONTACT: ContactId = ContactId(7);
const AGENT: AccountId = AccountId(3);

struct Story {
    control: Control,
    now: Timestamp,
    wake: Option<Timestamp>,
}

impl Story {
    fn with(callable: bool, voicemail: bool) -> Self {
        let key =
            |key, language: &str| Choice { key, language: Some(language.into()), topic: None, then: None };
        let language = Menu {
            say: vec!["menu_language@ja".into(), "menu_language@en".into()],
            choices: vec![key('1', "ja"), key('2', "en")],
        };
        let plan = Plan {
            greeting: vec!["greeting".into(), "recording_notice".into()],
            menus: vec![language],
            language: "ja".into(),
            announce_every: Millis::from_secs(30),
            callback: true,
            voicemail,
        };
        let now = Timestamp(1_000_000);
        let mut story = Self { control: Control::new(plan, callable, now), now, wake: None };
        story.drain();
        story
    }

    /// Somebody who shows her number.
    fn begin() -> Self {
        Self::with(true, false)
    }

    fn drain(&mut self) -> Vec<Output> {
        let mut done = Vec::new();
        while let Some(output) = self.control.poll() {
            match output {
                Output::Wake(at) => self.wake = Some(at),
                Output::NoWake => self.wake = None,
                other => done.push(other),
            }
        }
        done
    }

    /// What comes of `input`: prompts as `name.language`, everything else by its name.
    #[expect(clippy::needless_pass_by_value, reason = "a story tells its inputs in place")]
    fn after(&mut self, input: Input) -> Vec<String> {
        self.control.handle(self.now, &input);
        self.drain().into_iter().flat_map(text).collect()
    }

    /// Time passes until the machine wakes.
    fn wait(&mut self) -> Vec<String> {
        self.now = self.wake.expect("a waking is wanted");
        self.after(Input::Woke)
    }

    /// As far as the desk's line.
    fn in_line(&mut self) {
        self.after(Input::Confirmed);
        self.after(Input::Said);
        self.after(Input::Key('1'));
        self.after(Input::Placed(CONTACT));
    }

    fn talking(&mut self) {
        self.in_line();
        assert_eq!(self.after(Input::Accepted(AGENT)), ["bridge"]);
    }
}

fn text(output: Output) -> Vec<String> {
    match output {
        Output::Say(said) => said.into_iter().map(|s| format!("{}.{}", s.name, s.language)).collect(),
        Output::Arrive(Chosen { language, .. }) => vec![format!("arrive {}", language.unwrap_or_default())],
        Output::Music => vec!["music".into()],
        Output::Bridge(_) => vec!["bridge".into()],
        Output::AskStanding(_) => vec!["standing?".into()],
        Output::TakeCallback(_) => vec!["callback!".into()],
        Output::Leave(_) => vec!["leave".into()],
        Output::HangUp => vec!["hang up".into()],
        Output::Dial(_) => vec!["dial".into()],
        Output::Unreached(_) => vec!["unreached".into()],
        Output::Beep => vec!["beep".into()],
        Output::Record => vec!["record".into()],
        Output::StopRecording => vec!["stop".into()],
        Output::Wake(_) | Output::NoWake => Vec::new(),
    }
}

#[test]
fn a_caller_is_greeted_chooses_a_language_and_talks() {
    let mut story = Story::begin();
    assert_eq!(story.after(Input::Confirmed), ["greeting.ja", "recording_notice.ja"]);
    assert_eq!(story.after(Input::Said), ["menu_language.ja", "menu_language.en"]);
    assert_eq!(story.after(Input::Key('2')), ["please_wait.en", "arrive en"]);
    assert_eq!(story.after(Input::Said), ["music"]);
    assert!(story.after(Input::Placed(CONTACT)).is_empty());
    assert_eq!(story.after(Input::Accepted(AGENT)), ["bridge"]);
    assert_eq!(story.after(Input::Ended), ["hang up"]);
    assert!(story.control.is_over());
}

#[test]
fn an_answer_that_is_never_confirmed_is_greeted_all_the_same() {
    let mut story = Story::begin();
    assert_eq!(story.wake, Some(Timestamp(1_000_000 + CONFIRM_WAIT.0)));
    assert_eq!(story.wait()[0], "greeting.ja");
    assert!(story.after(Input::Confirmed).is_empty(), "once is enough");
}

#[test]
fn silence_and_wrong_keys_lead_to_a_person_too() {
    let mut story = Story::begin();
    story.after(Input::Confirmed);
    story.after(Input::Said);
    assert_eq!(story.after(Input::Key('9')), ["invalid_key.ja", "menu_language.ja", "menu_language.en"]);
    story.after(Input::Said);
    assert_eq!(story.wake, Some(Timestamp(story.now.0 + KEY_WAIT.0)));
    assert_eq!(story.wait()[0], "invalid_key.ja");
    story.after(Input::Said);
    assert_eq!(story.wait(), ["please_wait.ja", "arrive ja"]);
}

#[test]
fn the_place_and_the_wait_are_spoken_but_not_over_an_offer() {
    let mut story = Story::begin();
    story.in_line();
    assert_eq!(story.wait(), ["standing?"]);
    let stands = Input::Stands { position: Some(3), expected_wait: Some(Millis::from_secs(200)) };
    assert_eq!(story.after(stands), ["position_3.ja", "wait_5.ja", "callback_offer.ja"]);
    assert_eq!(story.after(Input::Said), ["music"]);
    assert_eq!(story.wait(), ["standing?"]);
    assert!(story.after(Input::Stands { position: Some(0), expected_wait: None }).is_empty());
}

#[test]
fn a_callback_keeps_the_place_and_ends_the_call() {
    let mut story = Story::begin();
    story.in_line();
    assert_eq!(story.after(Input::Key('1')), ["callback!"]);
    assert!(story.after(Input::Diverted(DivertReason::Chosen)).is_empty(), "its own goodbye follows");
    assert_eq!(story.after(Input::CallbackTaken), ["callback_taken.ja", "goodbye.ja"]);
    assert_eq!(story.after(Input::Said), ["hang up"]);
    assert!(story.after(Input::HungUp).is_empty(), "the contact is not left twice");
}

#[test]
fn a_withheld_number_cannot_be_called_back() {
    let mut story = Story::with(false, false);
    story.in_line();
    assert_eq!(story.after(Input::Key('1')), ["callback_no_number.ja", "waiting_again.ja"]);
    story.wait();
    let stands = Input::Stands { position: Some(1), expected_wait: None };
    assert_eq!(story.after(stands), ["position_1.ja"]);
}

#[test]
fn hold_transfer_and_a_lost_agent_bring_music_and_a_person_again() {
    let mut story = Story::begin();
    story.talking();
    assert_eq!(story.after(Input::Held), ["held.ja"]);
    assert_eq!(story.after(Input::Said), ["music"]);
    assert_eq!(story.after(Input::Unheld), ["bridge"]);
    assert_eq!(story.after(Input::Requeued { lost: true }), ["agent_lost.ja"]);
    assert_eq!(story.after(Input::Said), ["music"]);
    assert_eq!(story.after(Input::Accepted(AGENT)), ["bridge"]);
    assert_eq!(story.after(Input::Requeued { lost: false }), ["transferring.ja"]);
}

#[test]
fn a_desk_that_is_closed_says_so_and_ends_the_call() {
    for (reason, prompt) in [
        (DivertReason::DeskClosed, "closed.ja"),
        (DivertReason::NoAgent, "no_agent.ja"),
        (DivertReason::QueueFull, "overload.ja"),
    ] {
        let mut story = Story::begin();
        story.after(Input::Confirmed);
        story.after(Input::Said);
        story.after(Input::Key('1'));
        assert_eq!(story.after(Input::Refused(reason)), [prompt, "goodbye.ja"]);
        assert_eq!(story.after(Input::Said), ["hang up"]);
    }
}

#[test]
fn hanging_up_at_any_moment_leaves_nothing_behind() {
    let mut story = Story::begin();
    assert!(story.after(Input::HungUp).is_empty());
    assert!(story.control.is_over());

    let mut story = Story::begin();
    story.after(Input::Confirmed);
    story.after(Input::Said);
    story.after(Input::Key('1'));
    assert!(story.after(Input::HungUp).is_empty());
    assert_eq!(story.after(Input::Placed(CONTACT)), ["leave"], "the desk was being asked");

    for further in [None, Some(Input::Accepted(AGENT)), Some(Input::Held)] {
        let mut story = Story::begin();
        story.in_line();
        if let Some(input) = further.clone() {
            story.after(Input::Accepted(AGENT));
            story.after(input);
        }
        assert_eq!(story.after(Input::HungUp), ["leave"], "{further:?}");
        assert_eq!(story.wake, None);
        for late in [Input::Said, Input::Woke, Input::Key('1'), Input::Ended, Input::Accepted(AGENT)] {
            assert!(story.after(late).is_empty());
        }
    }
}

/// As far as the message of a caller whom the desk turned away.
fn speaking() -> Story {
    let mut story = Story::with(true, true);
    story.control.shut(DivertReason::DeskClosed);
    story.after(Input::Confirmed);
    let said = story.after(Input::Said);
    assert_eq!(said, ["closed.ja", "closed.en", "voicemail.ja", "voicemail.en"]);
    assert_eq!(story.after(Input::Said), ["beep"]);
    assert_eq!(story.after(Input::Said), ["record"]);
    story
}

#[test]
fn a_message_ends_by_key_by_silence_and_by_its_length() {
    let mut story = speaking();
    assert!(story.after(Input::Key('1')).is_empty());
    assert_eq!(story.wake, Some(Timestamp(story.now.0 + MESSAGE_MAX.0)));
    assert_eq!(story.after(Input::Key('#')), ["stop"]);
    assert_eq!(story.wake, None);
    assert_eq!(story.after(Input::Kept { voiced: true }), ["voicemail_saved.ja", "goodbye.ja"]);
    assert_eq!(story.after(Input::Said), ["hang up"]);

    let mut story = speaking();
    assert_eq!(story.after(Input::Quiet), ["stop"]);
    assert!(story.after(Input::Quiet).is_empty(), "once");
    assert_eq!(story.after(Input::Kept { voiced: false }), ["goodbye.ja"], "nothing was saved");

    let mut story = speaking();
    assert_eq!(story.wait(), ["stop"]);
}

#[test]
fn hanging_up_ends_a_message_and_nothing_else_does() {
    let mut story = speaking();
    for other in [Input::Ended, Input::Diverted(DivertReason::DeskClosed), Input::Said] {
        assert!(story.after(other).is_empty(), "the desk has closed its contact");
    }
    assert_eq!(story.after(Input::HungUp), ["stop"]);
    assert!(story.control.is_over() && story.after(Input::Kept { voiced: true }).is_empty());
}

#[test]
fn whoever_waited_in_vain_may_leave_a_message_in_her_language() {
    let mut story = Story::with(false, true);
    story.after(Input::Confirmed);
    story.after(Input::Said);
    story.after(Input::Key('2'));
    story.after(Input::Placed(CONTACT));
    let said = story.after(Input::Diverted(DivertReason::MaxWait));
    assert_eq!(said, ["overload.en", "voicemail.en"]);
    assert!(story.after(Input::Ended).is_empty());
    assert_eq!(story.after(Input::Said), ["beep"]);
    assert!(story.after(Input::HungUp).is_empty(), "nothing was recorded yet, and the contact is closed");

    let mut story = Story::with(true, true);
    story.in_line();
    story.after(Input::Key('1'));
    story.after(Input::Diverted(DivertReason::Chosen));
    assert_eq!(story.after(Input::CallbackTaken), ["callback_taken.ja", "goodbye.ja"]);
}
