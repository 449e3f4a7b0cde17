//! Drives the engine and the naive model side by side under random inputs, and compares after every step.
//!
//! A failing seed is printed; it goes into [`KEPT_SEEDS`] and stays there.

use super::model::{Model, Phase, Said};
use super::random::Random;
use crate::kernel::time::Timestamp;
use crate::routing::{ContactImage, Image, Input, Output, PhaseImage, Router};

/// Inputs in one story.
const STEPS: usize = 2_500;

/// Seeds that once failed.
const KEPT_SEEDS: &[u64] = &[];

fn translate(output: &Output) -> Option<Said> {
    Some(match *output {
        Output::Offer { offer, contact, agent, expires_at, .. } => {
            Said::Offer(offer, contact, agent, expires_at)
        }
        Output::OfferEnded { offer, contact, agent, reason } => {
            Said::OfferEnded(offer, contact, agent, reason)
        }
        Output::Claim { offer, contact, agent } => Said::Claim(offer, contact, agent),
        Output::Started { contact, agent, waited, .. } => Said::Started(contact, agent, waited),
        Output::Held { contact, held } => Said::Held(contact, held),
        Output::Requeued { contact, from, reason, head } => Said::Requeued(contact, from, reason, head),
        Output::RingWidened { contact, ring } => Said::RingWidened(contact, ring),
        Output::WrapUpStarted { contact, agent, until } => Said::WrapUpStarted(contact, agent, until),
        Output::WrapUpExtended { contact, agent, until } => Said::WrapUpExtended(contact, agent, until),
        Output::WrapUpEnded { contact, agent, timed_out } => Said::WrapUpEnded(contact, agent, timed_out),
        Output::Divert { contact, reason } => Said::Divert(contact, reason),
        Output::Closed { contact, outcome, waited, handled } => {
            Said::Closed(contact, outcome, waited, handled)
        }
        Output::Rejected { reason, .. } => Said::Rejected(reason),
        Output::Corrected { .. } | Output::AgentState { .. } | Output::Explain(_) => return None,
    })
}

fn same_phase(found: &PhaseImage, expected: Phase) -> bool {
    match (found, expected) {
        (PhaseImage::Waiting, Phase::Waiting) => true,
        (
            PhaseImage::Offered { offer, agent, expires_at },
            Phase::Offered { offer: o, agent: a, expires_at: e }
            | Phase::Claiming { offer: o, agent: a, expires_at: e },
        ) => (*offer, *agent, *expires_at) == (o, a, e),
        (PhaseImage::Active { agent, held }, Phase::Active { agent: a, held: h }) => {
            (*agent, *held) == (a, h)
        }
        (
            PhaseImage::WrapUp { agent, until, extensions, .. },
            Phase::WrapUp { agent: a, until: u, extensions: x, .. },
        ) => (*agent, *until, *extensions) == (a, u, x),
        _ => false,
    }
}

fn compare(image: &Image, model: &Model) -> Result<(), String> {
    if image.contacts.len() != model.contacts.len() || image.agents.len() != model.agents.len() {
        return Err("other contacts or agents".to_owned());
    }
    for found in &image.contacts {
        let ContactImage { arrival, waiting_since, accepted_at, boosted, phase, .. } = found;
        let Some(expected) = model.contacts.get(&arrival.contact) else {
            return Err(format!("{} is unknown to the model", arrival.contact));
        };
        let same = *arrival == expected.arrival
            && (*waiting_since, *accepted_at, *boosted)
                == (expected.waiting_since, expected.accepted_at, expected.boosted)
            && same_phase(phase, expected.phase);
        if !same {
            return Err(format!("contact: found {found:?}, expected {expected:?}"));
        }
    }
    for found in &image.agents {
        let id = found.setup.agent;
        let Some(expected) = model.agents.get(&id) else { return Err(format!("{id} is unknown")) };
        let same = found.setup == expected.setup
            && (found.state, found.reason) == model.shown(id)
            && (found.pending, found.idle_since, found.paused_until)
                == (expected.pending, expected.idle_since, expected.paused_until);
        if !same {
            return Err(format!("agent: found {found:?}, expected {expected:?}"));
        }
    }
    Ok(())
}

/// One story: engine and model see the same inputs at the same times.
struct Story {
    router: Router,
    model: Option<Model>,
    random: Random,
    now: Timestamp,
    recent: Vec<String>,
    answered: u64,
}

impl Story {
    fn new(seed: u64, everything: bool) -> Self {
        let mut random = Random::new(seed, everything);
        let pool = random.pool();
        Self {
            router: Router::new(pool.clone()),
            model: (!everything).then(|| Model::new(pool)),
            random,
            now: Timestamp(1_000_000_000),
            recent: Vec::new(),
            answered: 0,
        }
    }

    fn step(&mut self, input: Input) -> Result<(), String> {
        self.recent.push(format!("{} {input:?}", self.now.0));
        if self.recent.len() > 12 {
            self.recent.remove(0);
        }
        let expected = self.model.as_mut().map(|model| model.handle(self.now, &input));
        self.router.handle(self.now, input);
        let mut said = Vec::new();
        while let Some(output) = self.router.poll() {
            if let Output::Claim { offer, contact, .. } = output {
                self.random.claims.push((offer, contact));
            }
            self.answered += u64::from(matches!(output, Output::Started { .. }));
            said.extend(translate(&output));
        }
        self.router.check_invariants()?;
        if let (Some(mut expected), Some(model)) = (expected, &self.model) {
            said.sort_unstable();
            expected.sort_unstable();
            if said != expected {
                return Err(format!("said {said:#?}\nexpected {expected:#?}"));
            }
            compare(&self.router.image(), model)?;
        }
        Ok(())
    }

    fn tell(&mut self, steps: usize) -> Result<(), String> {
        for input in self.random.opening() {
            self.step(input)?;
        }
        for _ in 0..steps {
            self.now = self.random.later(self.now, self.router.next_wake());
            let image = self.router.image();
            let input = self.random.input(self.now, &image);
            self.step(input)?;
            if self.model.is_none() && self.random.one_in(200) {
                self.restart()?;
            }
        }
        self.drain()
    }

    /// A restart from plain data must be whole, and go on.
    fn restart(&mut self) -> Result<(), String> {
        let pool = self.random.pool();
        self.router = Router::restore(pool, self.router.image(), self.now);
        self.random.claims.clear();
        // What ran out while the engine was away comes with the first input.
        self.router.handle(self.now, Input::Tick);
        while let Some(output) = self.router.poll() {
            drop(output);
        }
        self.router.check_invariants()
    }

    /// An idle engine drains: when everybody answers and nobody comes, every contact ends.
    fn drain(&mut self) -> Result<(), String> {
        for _ in 0..100_000 {
            if self.router.size().0 == 0 {
                return Ok(());
            }
            let image = self.router.image();
            let claim = self.random.claims.pop();
            let answer = claim.map(|(offer, contact)| Input::ClaimWon { offer, contact }).or_else(|| {
                image.contacts.iter().find_map(|c| match c.phase {
                    PhaseImage::Active { .. } => Some(Input::Ended { contact: c.arrival.contact }),
                    PhaseImage::WrapUp { .. } => Some(Input::WrapUpDone { contact: c.arrival.contact }),
                    PhaseImage::Offered { offer, agent, .. } => Some(Input::Accepted { offer, agent }),
                    PhaseImage::Waiting => None,
                })
            });
            let input = match (answer, self.router.next_wake()) {
                (Some(answer), _) => answer,
                (None, Some(wake)) => {
                    self.now = wake;
                    Input::Tick
                }
                // Nothing runs out and nobody is there: whoever waits without a limit gives up.
                (None, None) => Input::GaveUp { contact: image.contacts[0].arrival.contact },
            };
            self.step(input)?;
        }
        Err("the engine does not drain".to_owned())
    }
}

fn tell_all(seeds: impl Iterator<Item = u64>, everything: bool, steps: usize) {
    let mut answered = 0;
    for seed in seeds {
        let mut story = Story::new(seed, everything);
        if let Err(fault) = story.tell(steps) {
            panic!("seed {seed}: {fault}\nlast inputs:\n{}", story.recent.join("\n"));
        }
        answered += story.answered;
        if let Some(model) = &story.model {
            assert_eq!(model.talks_in_all(), 0);
        }
    }
    // A story in which nobody talks proves little.
    assert!(answered > 1_000, "only {answered} contacts were answered");
}

/// Four times 100 stories of 2,500 inputs: a million steps, on as many cores as there are.
#[test]
fn the_engine_does_what_the_model_says_1() {
    tell_all(KEPT_SEEDS.iter().copied().chain(0..100), false, STEPS);
}

#[test]
fn the_engine_does_what_the_model_says_2() {
    tell_all(100..200, false, STEPS);
}

#[test]
fn the_engine_does_what_the_model_says_3() {
    tell_all(200..300, false, STEPS);
}

#[test]
fn the_engine_does_what_the_model_says_4() {
    tell_all(300..400, false, STEPS);
}

/// Reservations, preferred agents and restarts as well; without a model, but with every invariant.
#[test]
fn every_promise_holds_with_reservations_preferences_and_restarts() {
    tell_all(1_000..1_080, true, STEPS);
}
