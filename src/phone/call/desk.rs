//! What the desk says about a call's contact, for the machine.

use crate::desk::events::Event;
use crate::desk::watch::Signal;
use crate::phone::store;
use crate::routing::{ContactState, RequeueReason};

use super::control::Input;
use super::run::Call;

impl Call {
    pub(super) async fn signal(&mut self, signal: Option<Signal>) {
        match signal {
            Some(Signal::Event(logged)) => self.desk_event(&logged.event),
            Some(Signal::Lagged) => self.catch_up().await,
            Some(Signal::Moved | Signal::Typing { .. }) => {}
            // The desk has stopped: the program ends, and the trunk says goodbye.
            None => self.watch = None,
        }
    }

    fn desk_event(&mut self, event: &Event) {
        let input = match event {
            Event::ContactAccepted { agent, .. } => Input::Accepted(*agent),
            Event::ContactHeld {} => Input::Held,
            Event::ContactUnheld {} => Input::Unheld,
            Event::ContactRequeued { reason, .. } => {
                self.release();
                Input::Requeued { lost: *reason == RequeueReason::SocketLost }
            }
            Event::ContactDiverted { reason } => Input::Diverted(*reason),
            Event::ContactEnded { .. } | Event::ContactClosed { .. } => {
                self.release();
                Input::Ended
            }
            _ => return,
        };
        self.feed(input);
    }

    /// Signals were lost: the engine says how it stands.
    async fn catch_up(&mut self) {
        let Some(contact) = self.contact else { return };
        match self.phone.parts.desk.standing(contact).await.map(|standing| standing.state) {
            None | Some(ContactState::WrapUp | ContactState::Closed) => self.feed(Input::Ended),
            Some(state @ (ContactState::Active | ContactState::Held)) => {
                let found = match self.phone.parts.db.read().await {
                    Ok(mut tx) => store::agent_of(&mut tx, contact).await.ok().flatten(),
                    Err(_) => None,
                };
                if let Some(agent) = found {
                    self.feed(Input::Accepted(agent));
                }
                self.feed(if state == ContactState::Held { Input::Held } else { Input::Unheld });
            }
            Some(_) => {}
        }
    }
}
