//! Who hears whom, from how the call stands.

use std::sync::Arc;

use crate::phone::sound::leg::{Ear, Leg, join};
use crate::phone::sound::play::play;
use crate::phone::sound::room::Room;

use super::orders::Mode;
use super::run::Call;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Caller,
    Agent,
    Third,
    Supervisor(Mode),
}

/// Whether `listener` hears `speaker`.
const fn hears(listener: Role, speaker: Role) -> bool {
    match (listener, speaker) {
        (_, Role::Supervisor(Mode::Listen)) => false,
        // A whisper is for the agent, and for supervisors beside.
        (Role::Caller | Role::Third, Role::Supervisor(Mode::Whisper)) => false,
        _ => true,
    }
}

impl Call {
    /// The agent talks to the third party while the caller hears music.
    pub(super) fn is_private(&self) -> bool {
        self.third.as_ref().is_some_and(|third| third.private)
    }

    fn seats(&self) -> Vec<(Arc<Leg>, Role)> {
        let mut seats = Vec::new();
        let third = self.third.as_ref().filter(|third| third.talking).map(|third| Arc::clone(third.leg()));
        if let Some(end) = &self.caller
            && (self.alone && third.is_some() || self.bridged && !self.is_private())
        {
            seats.push((Arc::clone(&end.leg), Role::Caller));
        }
        if let Some(agent) = self.agent.as_ref().filter(|_| !self.alone)
            && (self.bridged || self.is_private())
        {
            seats.push((Arc::clone(&agent.line.leg), Role::Agent));
        }
        seats.extend(third.map(|leg| (leg, Role::Third)));
        if !self.alone {
            seats.extend(self.watchers.iter().map(|w| (Arc::clone(&w.line.leg), Role::Supervisor(w.mode))));
        }
        seats
    }

    /// Brings the legs in line with how the call stands: two are joined packet by packet, more are mixed.
    pub(super) fn wire(&mut self) {
        let seats = self.seats();
        self.room = None;
        for leg in self.legs() {
            leg.point(Ear::Nobody);
        }
        match &seats[..] {
            [] | [_] => {}
            [(one, _), (other, _)] if self.watchers.is_empty() => join(one, other),
            _ => {
                let room = Room::open(&self.phone.parts.clock);
                for (leg, _) in &seats {
                    if !room.enter(leg) {
                        tracing::error!("a room is full");
                    }
                }
                for (listener, l) in &seats {
                    for (speaker, s) in &seats {
                        room.hears(listener, speaker, hears(*l, *s));
                    }
                }
                self.room = Some(room);
            }
        }
        self.listen(&seats);
    }

    /// The recording hears the caller, and whoever she hears; nobody while she hears nobody, and nobody once
    /// the desk has left the call.
    fn listen(&self, seats: &[(Arc<Leg>, Role)]) {
        let Some(recorder) = &self.recorder else { return };
        let legs = |wanted: fn(Role) -> bool| -> Vec<Arc<Leg>> {
            seats.iter().filter(|(_, role)| wanted(*role)).map(|(leg, _)| Arc::clone(leg)).collect()
        };
        let left = if self.alone { Vec::new() } else { legs(|role| role == Role::Caller) };
        let right = if left.is_empty() {
            Vec::new()
        } else {
            legs(|role| role != Role::Caller && hears(Role::Caller, role))
        };
        recorder.listen(&left, &right);
    }

    /// Every leg of this call.
    fn legs(&self) -> Vec<Arc<Leg>> {
        let caller = self.caller.iter().map(|end| Arc::clone(&end.leg));
        let agent = self.agent.iter().map(|agent| Arc::clone(&agent.line.leg));
        let third = self.third.iter().map(|third| Arc::clone(third.leg()));
        let watchers = self.watchers.iter().map(|watcher| Arc::clone(&watcher.line.leg));
        caller.chain(agent).chain(third).chain(watchers).collect()
    }

    /// The agent hears it ring at the other side.
    pub(super) fn ring_tone(&mut self) {
        if let Some(agent) = &self.agent {
            let sound = vec![super::tones::ringing()];
            self.tone = Some(play(&agent.line.leg, sound, true, &self.phone.parts.clock));
        }
    }

    /// The agent hears that nobody answered.
    pub(super) fn busy_tone(&mut self, agent: crate::kernel::ids::AccountId) {
        self.attend(agent);
        if let Some(agent) = &self.agent {
            let sound = vec![super::tones::busy()];
            self.tone = Some(play(&agent.line.leg, sound, false, &self.phone.parts.clock));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_is_heard_by_whom_the_mode_says() {
        let (listen, whisper, barge) =
            (Role::Supervisor(Mode::Listen), Role::Supervisor(Mode::Whisper), Role::Supervisor(Mode::Barge));
        for role in [Role::Caller, Role::Agent, Role::Third] {
            assert!(!hears(role, listen) && hears(listen, role));
            assert!(hears(role, barge) && hears(barge, role) && hears(whisper, role));
        }
        assert!(hears(Role::Agent, whisper) && !hears(Role::Caller, whisper) && !hears(Role::Third, whisper));
        assert!(hears(Role::Caller, Role::Agent) && hears(Role::Agent, Role::Third));
    }
}
