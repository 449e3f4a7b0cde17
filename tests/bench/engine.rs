//! The engine alone, without store and network: how many inputs it takes in a second.

use madoguchi::kernel::ids::{AccountId, ContactId, DeskId};
use madoguchi::kernel::time::{Millis, Timestamp};
use madoguchi::routing::{
    AgentSetup, Arrival, Capacity, Channel, DeskConfig, Input, Output, PoolConfig, Router, Wish,
};
use tokio::time::Instant;

use crate::table;

const DESK: DeskId = DeskId(1);

/// Rounds before the clock starts, and rounds that count. A round: one talk ends, one contact arrives, and
/// every offer and claim that follows is answered.
const WARM: u128 = 100_000;
const ROUNDS: u128 = 1_000_000;

pub fn run() {
    for (agents, waiting) in [(3, 10), (1_000, 10), (10_000, 10), (1_000, 100_000)] {
        let rate = inputs_per_second(agents, waiting);
        let what = format!(
            "engine, {} agents who all talk and {} contacts waiting: inputs a second (talks end, contacts \
             arrive, offers are accepted, claims are won; no store)",
            table::count(table::real(agents)),
            table::count(table::real(waiting)),
        );
        table::alone(&what, &format!("{}/s", table::count(rate)));
    }
}

fn inputs_per_second(agents: usize, waiting: usize) -> f64 {
    let mut bench = Bench::new(agents as u128, waiting as u128);
    bench.rounds(WARM);
    let begun = Instant::now();
    let inputs = bench.rounds(ROUNDS);
    table::real(inputs) / table::seconds(begun)
}

struct Bench {
    router: Router,
    now: Timestamp,
    ended: u128,
    arrived: u128,
}

impl Bench {
    fn new(agents: u128, waiting: u128) -> Self {
        let router = Router::new(PoolConfig::default());
        let mut bench = Self { router, now: Timestamp(1_000_000), ended: 0, arrived: 0 };
        let config = DeskConfig {
            wrap_up_limit: Millis::ZERO,
            queue_limit: u32::MAX,
            max_wait: None,
            translation_after: None,
            partner_after: None,
            ..DeskConfig::default()
        };
        bench.tell(Input::DeskConfigured { desk: DESK, config: Box::new(config) });
        bench.tell(Input::DeskOpened { desk: DESK });
        for n in 1..=agents {
            let agent = AccountId(n);
            bench.tell(Input::AgentUpsert(AgentSetup {
                agent,
                desks: vec![DESK],
                skills: Vec::new(),
                capacity: Capacity { phone: 1, meeting: 0, chat: 0 },
                translation: false,
            }));
            bench.tell(Input::SocketBack { agent });
            bench.tell(Input::SetState { agent, wish: Wish::Available });
        }
        for _ in 0..agents + waiting {
            bench.arrive();
        }
        bench
    }

    /// Gives the number of inputs.
    fn rounds(&mut self, rounds: u128) -> usize {
        let mut inputs = 0;
        for _ in 0..rounds {
            // First come, first served: the oldest talk is always one that goes on.
            self.ended += 1;
            inputs += self.tell(Input::Ended { contact: ContactId(self.ended) });
            inputs += self.arrive();
        }
        inputs
    }

    fn arrive(&mut self) -> usize {
        self.arrived += 1;
        let arrival = Arrival {
            contact: ContactId(self.arrived),
            desk: DESK,
            channel: Channel::Phone,
            wanted: Vec::new(),
            priority: 0,
            arrived_at: self.now,
            preferred: None,
            reservation: None,
        };
        self.tell(Input::Arrived(arrival))
    }

    /// Hands the engine one input and answers what it asks; gives the number of inputs that took.
    fn tell(&mut self, input: Input) -> usize {
        self.now = Timestamp(self.now.0 + 1);
        self.router.handle(self.now, input);
        let mut inputs = 1;
        while let Some(output) = self.router.poll() {
            let answer = match output {
                Output::Offer { offer, agent, .. } => Input::Accepted { offer, agent },
                Output::Claim { offer, contact, .. } => Input::ClaimWon { offer, contact },
                _ => continue,
            };
            self.router.handle(self.now, answer);
            inputs += 1;
        }
        inputs
    }
}
