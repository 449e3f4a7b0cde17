//! A call that the desk makes: a promised callback when its turn has come, or an agent's own. Pure, like
//! [`super::control`], and with the same outputs.

use std::collections::VecDeque;

use crate::kernel::ids::{AccountId, ContactId};

use super::control::{Input, Output};
use super::spoken::Say;
use super::view::CallerState;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In the desk's line, nobody on the telephone.
    Waiting,
    /// An agent hears it ring.
    Dialling(AccountId),
    /// Nobody answered; the agent may try again or end.
    Unreached(AccountId),
    /// The called one hears the notice before the agent.
    Notice(AccountId),
    Talking(AccountId),
    Held(AccountId),
    /// The called one waits for another agent.
    Back,
    Farewell,
    Over,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Outbound {
    contact: ContactId,
    stage: Stage,
    language: String,
    /// Said to the called one first.
    notice: Vec<String>,
    outputs: VecDeque<Output>,
}

impl Outbound {
    /// A contact that waits for an agent, who will then hear it ring.
    #[must_use]
    pub const fn new(contact: ContactId, language: String, notice: Vec<String>) -> Self {
        Self { contact, stage: Stage::Waiting, language, notice, outputs: VecDeque::new() }
    }

    /// Takes what happened; then drain [`Self::poll`].
    pub fn handle(&mut self, input: &Input) {
        match (self.stage, input) {
            (Stage::Waiting, Input::Accepted(agent)) => {
                self.stage = Stage::Dialling(*agent);
                self.outputs.push_back(Output::Dial(*agent));
            }
            (Stage::Back, Input::Accepted(agent)) => self.bridge(*agent),
            (Stage::Dialling(agent), Input::Reached) if self.notice.is_empty() => self.bridge(agent),
            (Stage::Dialling(agent), Input::Reached) => {
                self.stage = Stage::Notice(agent);
                let notice = self.notice.clone();
                self.say(&notice);
            }
            (Stage::Notice(agent), Input::Said) => self.bridge(agent),
            (Stage::Dialling(agent), Input::Unreached) => {
                self.stage = Stage::Unreached(agent);
                self.outputs.push_back(Output::Unreached(agent));
            }
            (Stage::Unreached(agent), Input::Redial) => {
                self.stage = Stage::Dialling(agent);
                self.outputs.push_back(Output::Dial(agent));
            }
            (Stage::Talking(agent), Input::Held) => {
                self.stage = Stage::Held(agent);
                self.say(&["held".to_owned()]);
            }
            (Stage::Held(agent), Input::Unheld) => self.bridge(agent),
            (Stage::Held(_) | Stage::Back, Input::Said) => self.outputs.push_back(Output::Music),
            (stage, Input::Requeued { lost }) => self.requeued(stage, *lost),
            (Stage::Farewell, Input::Said) | (_, Input::Ended) => self.over(),
            (_, Input::Diverted(_)) => self.sent_away(),
            (_, Input::HungUp) => self.gone(),
            _ => {}
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether the call is over and nothing more will be asked for.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether nobody was reached, or nobody yet.
    #[must_use]
    pub const fn is_unreached(&self) -> bool {
        matches!(self.stage, Stage::Unreached(_))
    }

    /// What the called one is doing, for consoles.
    #[must_use]
    pub const fn standing(&self) -> CallerState {
        match self.stage {
            Stage::Waiting | Stage::Back => CallerState::Waiting,
            Stage::Dialling(_) => CallerState::Ringing,
            Stage::Unreached(_) => CallerState::Unreached,
            Stage::Notice(_) | Stage::Talking(_) => CallerState::Talking,
            Stage::Held(_) => CallerState::Held,
            Stage::Farewell | Stage::Over => CallerState::Gone,
        }
    }

    fn bridge(&mut self, agent: AccountId) {
        self.stage = Stage::Talking(agent);
        self.outputs.push_back(Output::Bridge(agent));
    }

    fn requeued(&mut self, stage: Stage, lost: bool) {
        match stage {
            Stage::Dialling(_) | Stage::Unreached(_) => {
                // Nobody was reached yet: the call is made anew when the next agent has taken it.
                self.stage = Stage::Waiting;
                self.outputs.push_back(Output::HangUp);
            }
            Stage::Notice(_) | Stage::Talking(_) | Stage::Held(_) => {
                self.stage = Stage::Back;
                self.say(&[if lost { "agent_lost" } else { "transferring" }.to_owned()]);
            }
            Stage::Waiting | Stage::Back | Stage::Farewell | Stage::Over => {}
        }
    }

    fn sent_away(&mut self) {
        if self.stage == Stage::Back {
            self.stage = Stage::Farewell;
            self.say(&["overload".to_owned(), "goodbye".to_owned()]);
        } else {
            self.over();
        }
    }

    /// The called one hung up.
    fn gone(&mut self) {
        if !matches!(self.stage, Stage::Over | Stage::Farewell) {
            self.outputs.push_back(Output::Leave(self.contact));
        }
        self.stage = Stage::Over;
    }

    fn over(&mut self) {
        if self.stage != Stage::Over {
            self.stage = Stage::Over;
            self.outputs.push_back(Output::HangUp);
        }
    }

    fn say(&mut self, names: &[String]) {
        let said = names.iter().map(|name| Say::of(name, &self.language)).collect();
        self.outputs.push_back(Output::Say(said));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: AccountId = AccountId(3);

    fn after(call: &mut Outbound, input: &Input) -> Vec<Output> {
        call.handle(input);
        std::iter::from_fn(|| call.poll()).collect()
    }

    fn begin() -> Outbound {
        let mut call = Outbound::new(ContactId(7), "ja".into(), vec!["recording_notice".into()]);
        assert_eq!(after(&mut call, &Input::Accepted(AGENT)), [Output::Dial(AGENT)]);
        call
    }

    #[test]
    fn a_callback_is_dialled_when_an_agent_took_it_and_the_notice_comes_first() {
        let mut call = begin();
        assert!(matches!(after(&mut call, &Input::Reached)[..], [Output::Say(_)]));
        assert_eq!(after(&mut call, &Input::Said), [Output::Bridge(AGENT)]);
        assert!(matches!(after(&mut call, &Input::Held)[..], [Output::Say(_)]));
        assert_eq!(after(&mut call, &Input::Said), [Output::Music]);
        assert_eq!(after(&mut call, &Input::Unheld), [Output::Bridge(AGENT)]);
        assert_eq!(after(&mut call, &Input::HungUp), [Output::Leave(ContactId(7))]);
        assert!(call.is_over());
    }

    #[test]
    fn who_is_not_reached_may_be_tried_again() {
        let mut call = begin();
        assert_eq!(after(&mut call, &Input::Unreached), [Output::Unreached(AGENT)]);
        assert!(call.is_unreached());
        assert_eq!(after(&mut call, &Input::Redial), [Output::Dial(AGENT)]);
        assert_eq!(after(&mut call, &Input::Ended), [Output::HangUp]);
        assert!(call.is_over() && after(&mut call, &Input::Reached).is_empty());
    }

    #[test]
    fn a_lost_agent_costs_the_called_one_no_call() {
        let mut call = begin();
        assert_eq!(after(&mut call, &Input::Requeued { lost: true }), [Output::HangUp]);
        assert_eq!(after(&mut call, &Input::Accepted(AGENT)), [Output::Dial(AGENT)]);
        after(&mut call, &Input::Reached);
        after(&mut call, &Input::Said);
        assert!(matches!(after(&mut call, &Input::Requeued { lost: true })[..], [Output::Say(_)]));
        assert_eq!(after(&mut call, &Input::Said), [Output::Music]);
        assert_eq!(after(&mut call, &Input::Accepted(AGENT)), [Output::Bridge(AGENT)]);
    }
}
