//! The law of the cost: an input costs no more than log n steps in agents and waiting contacts.
//!
//! Counted, not timed.

use crate::kernel::ids::{AccountId, ContactId, DeskId};
use crate::kernel::time::Timestamp;
use crate::routing::order::tally;
use crate::routing::{
    AgentSetup, Arrival, Capacity, Channel, DeskConfig, Input, Output, PoolConfig, Router, Wish,
};

const DESK: DeskId = DeskId(1);

fn agent(n: u128) -> AgentSetup {
    AgentSetup {
        agent: AccountId(n),
        desks: vec![DESK],
        skills: Vec::new(),
        capacity: Capacity { phone: 1, meeting: 0, chat: 0 },
        translation: false,
    }
}

fn arrival(n: u128, at: Timestamp) -> Input {
    Input::Arrived(Arrival {
        contact: ContactId(n),
        desk: DESK,
        channel: Channel::Phone,
        wanted: Vec::new(),
        priority: 0,
        arrived_at: at,
        preferred: None,
        reservation: None,
    })
}

/// Hands the engine one input, answers every offer and claim, and gives the number of inputs that took.
fn tell(router: &mut Router, now: Timestamp, input: Input) -> u64 {
    let mut inputs = 1;
    router.handle(now, input);
    while let Some(output) = router.poll() {
        let answer = match output {
            Output::Offer { offer, agent, .. } => Input::Accepted { offer, agent },
            Output::Claim { offer, contact, .. } => Input::ClaimWon { offer, contact },
            _ => continue,
        };
        router.handle(now, answer);
        inputs += 1;
    }
    inputs
}

/// Steps for each input while one talk ends and one contact arrives, again and again, with `agents` who all
/// talk and `waiting` contacts in line.
fn steps_per_input(agents: u128, waiting: u128) -> f64 {
    let mut router = Router::new(PoolConfig::default());
    let mut now = Timestamp(1_000_000);
    let config = DeskConfig {
        wrap_up_limit: crate::kernel::time::Millis::ZERO,
        queue_limit: u32::MAX,
        max_wait: None,
        translation_after: None,
        partner_after: None,
        ..DeskConfig::default()
    };
    tell(&mut router, now, Input::DeskConfigured { desk: DESK, config: Box::new(config) });
    tell(&mut router, now, Input::DeskOpened { desk: DESK });
    for n in 1..=agents {
        let id = AccountId(n);
        tell(&mut router, now, Input::AgentUpsert(agent(n)));
        tell(&mut router, now, Input::SocketBack { agent: id });
        tell(&mut router, now, Input::SetState { agent: id, wish: Wish::Available });
    }
    for n in 1..=agents + waiting {
        now = Timestamp(now.0 + 1);
        tell(&mut router, now, arrival(n, now));
    }
    tally::take();
    let (before, mut inputs) = (router.work(), 0);
    for round in 1..=200 {
        now = Timestamp(now.0 + 1);
        inputs += tell(&mut router, now, Input::Ended { contact: ContactId(round) });
        inputs += tell(&mut router, now, arrival(agents + waiting + round, now));
    }
    let steps = tally::take() + (router.work() - before);
    f64::from(u32::try_from(steps).unwrap()) / f64::from(u32::try_from(inputs).unwrap())
}

#[test]
fn an_input_costs_no_more_than_the_logarithm() {
    let small = steps_per_input(200, 200);
    let more_agents = steps_per_input(10_000, 200);
    let more_waiting = steps_per_input(200, 50_000);
    // Under six and under eight doublings: each may add a few steps to each of the handful of sets that an
    // input touches. Linear growth would be fifty or two hundred and fifty times.
    assert!(more_agents < small * 3.0, "agents: {small} steps, then {more_agents}");
    assert!(more_waiting < small * 3.0, "waiting: {small} steps, then {more_waiting}");
}
