//! The recording of a call, and the message of a caller whom nobody answers.

use std::sync::Arc;

use crate::kernel::ids::ContactId;
use crate::kernel::problem::Problem;
use crate::media::g711::Law;
use crate::media::tone::{self, BEEP};
use crate::phone::record::recorder::Turn;
use crate::phone::record::store::Kind;
use crate::phone::record::{MESSAGE_MIN, Recorder, keep};
use crate::phone::sound::play::play;

use super::control::Input;
use super::orders::wrong_state;
use super::run::{Call, Happening};
use super::view::RecordingState;

/// The message of a caller.
pub struct Message {
    recorder: Recorder,
    /// The contact that it is for.
    contact: ContactId,
    /// The contact is written once something was said: who shows no number and says nothing left nothing.
    to_leave: bool,
}

impl Call {
    /// Begins to record the talk, where the desk wants it.
    pub(super) async fn record(&mut self, contact: ContactId) {
        if !self.settings.recording {
            return;
        }
        self.recorder = self.recorder_of(contact, Kind::Call).await;
        self.unrecorded = self.recorder.is_none();
        self.wire();
    }

    async fn recorder_of(&self, contact: ContactId, kind: Kind) -> Option<Recorder> {
        let inbox = self.outbox.clone();
        // A full inbox: the view shows it with the next thing that happens.
        let tell = move |turn| drop(inbox.try_send(Happening::Recording(turn)));
        let begun = Recorder::start(&self.phone.parts.recording(), (contact, self.desk, kind), tell).await;
        begun.inspect_err(|error| tracing::error!(%contact, %error, "a recording was not begun")).ok()
    }

    /// How it stands with the recording, for consoles.
    pub(super) fn recording(&self) -> RecordingState {
        match &self.recorder {
            _ if self.unrecorded => RecordingState::Failed,
            None => RecordingState::Off,
            Some(recorder) if recorder.has_failed() => RecordingState::Failed,
            Some(recorder) if recorder.is_paused() => RecordingState::Paused,
            Some(_) => RecordingState::On,
        }
    }

    pub(super) fn pause_recording(&self, paused: bool) -> Result<(), Problem> {
        let recorder = self.recorder.as_ref().filter(|recorder| !recorder.has_failed());
        recorder.map(|recorder| recorder.pause(paused)).ok_or_else(wrong_state)
    }

    /// A recording tells; that it failed stands in the view, which is shown after every happening.
    pub(super) fn recording_turned(&mut self, turn: Turn) {
        match turn {
            Turn::Quiet => self.feed(Input::Quiet),
            Turn::Failed if self.message.is_some() => self.feed(Input::Quiet),
            Turn::Failed => {}
        }
    }

    pub(super) fn beep(&mut self) {
        let Some(end) = &self.caller else { return };
        let sound = vec![tone::encode(&BEEP.render(), Law::Mu)];
        self.sound = Some(play(&end.leg, sound, false, &self.phone.parts.clock));
    }

    /// Records what the caller says now. Who shows a number has left that by now, whatever she says.
    pub(super) async fn record_message(&mut self) {
        self.sound = None;
        let known = self.contact;
        let contact =
            known.unwrap_or_else(|| ContactId::compose(self.phone.now(), self.phone.parts.chance.bits()));
        let mut to_leave = known.is_none();
        if to_leave && self.who.number.is_some() && self.leave_message(contact).await {
            self.contact = Some(contact);
            to_leave = false;
        }
        let begun = self.recorder_of(contact, Kind::Message).await;
        let (Some(recorder), Some(end)) = (begun, &self.caller) else {
            return self.feed(Input::Quiet);
        };
        recorder.listen(&[Arc::clone(&end.leg)], &[]);
        self.message = Some(Message { recorder, contact, to_leave });
    }

    async fn leave_message(&self, contact: ContactId) -> bool {
        let left = self.phone.parts.desk.leave(self.arrival(contact, None)).await;
        if let Err(problem) = &left {
            tracing::error!(%contact, code = problem.code, "a message was not noted");
        }
        left.is_ok()
    }

    /// Ends the message, if one is being recorded; what says nothing is not kept.
    pub(super) async fn keep_message(&mut self) {
        let Some(Message { recorder, contact, to_leave }) = self.message.take() else {
            return self.feed(Input::Kept { voiced: false });
        };
        let id = recorder.id;
        let heard = recorder.stop(&self.phone.parts.clock).await;
        let mut voiced = heard.voice >= MESSAGE_MIN;
        if voiced && to_leave {
            voiced = self.leave_message(contact).await;
            self.contact = voiced.then_some(contact);
        }
        if !voiced && !heard.failed {
            let parts = &self.phone.parts;
            keep::discard(&parts.db, &parts.vault, id).await;
        }
        self.feed(Input::Kept { voiced: voiced && !heard.failed });
    }
}
