//! The world around the engine in a simulation: inquirers who come and give up, agents who answer and talk.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::chance::Dice;
use super::figures::{Figures, OfChannel, Tally};
use super::{Scenario, SimAgent};
use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId};
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::{
    AgentSetup, Arrival, Capacity, Channel, DeskConfig, Input, Outcome, Output, Router, Skill, Wish,
};

const DESK: DeskId = DeskId(1);
const HOUR: Millis = Millis::from_mins(60);
const DAY_HOURS: i64 = 24;

/// What the world will do, in the order of time; equal times in the order in which they were planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Plan {
    /// The hour of the opening begins: its arrivals are drawn.
    Hour {
        day: u32,
        hour: u32,
    },
    Close,
    Arrive,
    Answer {
        offer: OfferId,
        agent: AccountId,
    },
    GiveUp {
        contact: ContactId,
    },
    TalkEnds {
        contact: ContactId,
    },
    WrapUpEnds {
        contact: ContactId,
    },
    /// A missed offer made the agent "not answering": the agent comes back.
    Return {
        agent: AccountId,
    },
}

/// A contact that is not over.
#[derive(Clone, Copy, Debug)]
struct Open {
    channel: Channel,
    started: Option<Timestamp>,
}

/// How long one agent has worked.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    /// Contacts in talk or wrap-up.
    contacts: u32,
    since: Timestamp,
}

pub(super) struct World<'a> {
    scenario: &'a Scenario,
    router: Router,
    dice: Dice,
    plans: BinaryHeap<Reverse<(Timestamp, u64, Plan)>>,
    planned: u64,
    contacts: u128,
    open: BTreeMap<ContactId, Open>,
    work: BTreeMap<AccountId, Work>,
    holders: BTreeMap<ContactId, AccountId>,
    worked: Millis,
    /// The part of `worked` outside the opening hours.
    overtime: Millis,
    closes_at: Timestamp,
    tallies: BTreeMap<Channel, Tally>,
}

impl<'a> World<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        let mut world = Self {
            scenario,
            router: Router::new(scenario.pool.clone()),
            dice: Dice::new(scenario.seed),
            plans: BinaryHeap::new(),
            planned: 0,
            contacts: 0,
            open: BTreeMap::new(),
            work: BTreeMap::new(),
            holders: BTreeMap::new(),
            worked: Millis::ZERO,
            overtime: Millis::ZERO,
            closes_at: Timestamp::EPOCH,
            tallies: BTreeMap::new(),
        };
        world.set_up();
        world
    }

    fn set_up(&mut self) {
        let start = Timestamp::EPOCH;
        // The wrap-up of the scenario ends it, never the limit.
        let wrap_up_limit = if self.scenario.wrap_up.is_some() { HOUR } else { Millis::ZERO };
        let config = DeskConfig { wrap_up_limit, ..self.scenario.desk.clone() };
        self.tell(start, Input::DeskConfigured { desk: DESK, config: Box::new(config) });
        for (number, agent) in (1_u128..).zip(&self.scenario.agents) {
            let id = AccountId(number);
            self.tell(start, Input::AgentUpsert(setup(id, agent)));
            self.tell(start, Input::SocketBack { agent: id });
            self.tell(start, Input::SetState { agent: id, wish: Wish::Available });
            self.work.insert(id, Work::default());
        }
        self.plan(start, Plan::Hour { day: 0, hour: 0 });
    }

    pub(super) fn run(mut self) -> Figures {
        while let Some(Reverse((at, _, plan))) = self.plans.peek().copied() {
            // What runs out in the engine comes before what happens at the same moment outside.
            match self.router.next_wake().filter(|wake| *wake <= at) {
                Some(wake) => self.tell(wake, Input::Tick),
                None => {
                    self.plans.pop();
                    self.carry_out(at, plan);
                }
            }
        }
        self.figures()
    }

    fn plan(&mut self, at: Timestamp, plan: Plan) {
        self.planned += 1;
        self.plans.push(Reverse((at, self.planned, plan)));
    }

    fn carry_out(&mut self, now: Timestamp, plan: Plan) {
        match plan {
            Plan::Hour { day, hour } => self.begin_hour(now, day, hour),
            Plan::Close => self.tell(now, Input::DeskClosed { desk: DESK }),
            Plan::Arrive => self.arrive(now),
            Plan::Answer { offer, agent } => self.tell(now, Input::Accepted { offer, agent }),
            Plan::GiveUp { contact } => {
                if self.open.get(&contact).is_some_and(|open| open.started.is_none()) {
                    self.tell(now, Input::GaveUp { contact });
                }
            }
            Plan::TalkEnds { contact } => self.tell(now, Input::Ended { contact }),
            Plan::WrapUpEnds { contact } => self.tell(now, Input::WrapUpDone { contact }),
            Plan::Return { agent } => self.tell(now, Input::SetState { agent, wish: Wish::Available }),
        }
    }

    fn begin_hour(&mut self, now: Timestamp, day: u32, hour: u32) {
        let hours = self.hours();
        if hour == 0 && (day == 0 || !self.scenario.continuous) {
            self.tell(now, Input::DeskOpened { desk: DESK });
            self.closes_at = now + Millis(HOUR.0 * i64::from(hours));
        }
        self.draw_arrivals(now, hour);
        let next = now + HOUR;
        if hour + 1 < hours {
            self.plan(next, Plan::Hour { day, hour: hour + 1 });
            return;
        }
        let (last, night) = (day + 1 == self.scenario.days, Millis(HOUR.0 * (DAY_HOURS - i64::from(hours))));
        if self.scenario.continuous {
            self.closes_at = next + Millis(HOUR.0 * i64::from(hours));
        } else {
            self.plan(next, Plan::Close);
        }
        if !last {
            let begins = if self.scenario.continuous { next } else { next + night };
            self.plan(begins, Plan::Hour { day: day + 1, hour: 0 });
        } else if self.scenario.continuous {
            self.closes_at = next;
        }
    }

    fn hours(&self) -> u32 {
        u32::try_from(self.scenario.hourly.len()).unwrap_or(1)
    }

    /// The arrivals of one hour: a Poisson process with the hour's rate.
    fn draw_arrivals(&mut self, from: Timestamp, hour: u32) {
        let weights = &self.scenario.hourly;
        let weight = weights.get(hour as usize).copied().unwrap_or(0.0);
        let expected = self.scenario.per_day * weight / weights.iter().sum::<f64>();
        if expected <= 0.0 {
            return;
        }
        let distance_s = HOUR.as_secs_f64() / expected;
        let mut at = from + self.dice.exponential(distance_s);
        while at < from + HOUR {
            self.plan(at, Plan::Arrive);
            at = at + self.dice.exponential(distance_s);
        }
    }

    fn arrive(&mut self, now: Timestamp) {
        self.contacts += 1;
        let contact = ContactId::compose(now, self.contacts);
        let channels = &self.scenario.channels;
        let place = self.dice.pick(channels.iter().map(|c| c.share));
        let Some(channel) = channels.get(place).map(|c| c.channel) else { return };
        let languages = &self.scenario.languages;
        let language = if languages.is_empty() {
            None
        } else {
            let place = self.dice.pick(languages.iter().map(|(_, share)| *share));
            languages.get(place).map(|(tag, _)| Skill::Language { tag: *tag })
        };
        self.open.insert(contact, Open { channel, started: None });
        self.tallies.entry(channel).or_default().offered();
        if let Some(patience) = self.scenario.patience {
            let gives_up = now + self.dice.length(patience);
            self.plan(gives_up, Plan::GiveUp { contact });
        }
        self.tell(
            now,
            Input::Arrived(Arrival {
                contact,
                desk: DESK,
                channel,
                wanted: language.into_iter().collect(),
                priority: 0,
                arrived_at: now,
                preferred: None,
                reservation: None,
            }),
        );
    }

    /// Tells the engine, and does what it asks for until it has nothing more to say.
    fn tell(&mut self, now: Timestamp, input: Input) {
        self.router.handle(now, input);
        while let Some(output) = self.router.poll() {
            self.perform(now, &output);
        }
    }

    fn perform(&mut self, now: Timestamp, output: &Output) {
        match *output {
            Output::Offer { offer, agent, expires_at, .. } => {
                if self.scenario.missed > 0.0 && self.dice.happens(self.scenario.missed) {
                    self.plan(expires_at + HOUR, Plan::Return { agent });
                } else {
                    self.plan(now + self.scenario.answer_delay, Plan::Answer { offer, agent });
                }
            }
            Output::Claim { offer, contact, .. } => self.tell(now, Input::ClaimWon { offer, contact }),
            Output::Started { contact, agent, waited, .. } => self.start(now, contact, agent, waited),
            Output::WrapUpStarted { contact, .. } => {
                let length = self.scenario.wrap_up.map_or(Millis::ZERO, |of| self.dice.length(of));
                self.plan(now + length, Plan::WrapUpEnds { contact });
            }
            Output::Closed { contact, outcome, .. } => self.close(now, contact, outcome),
            _ => {}
        }
    }

    fn start(&mut self, now: Timestamp, contact: ContactId, agent: AccountId, waited: Millis) {
        let length = self.dice.length(self.scenario.handling);
        self.plan(now + length, Plan::TalkEnds { contact });
        self.holders.insert(contact, agent);
        if let Some(open) = self.open.get_mut(&contact) {
            open.started = Some(now);
            self.tallies.entry(open.channel).or_default().answered(waited);
        }
        if let Some(work) = self.work.get_mut(&agent) {
            if work.contacts == 0 {
                work.since = now;
            }
            work.contacts += 1;
        }
    }

    fn close(&mut self, now: Timestamp, contact: ContactId, outcome: Outcome) {
        let Some(open) = self.open.remove(&contact) else { return };
        let tally = self.tallies.entry(open.channel).or_default();
        match (outcome, open.started) {
            (Outcome::Abandoned, _) => tally.abandoned(),
            (Outcome::Diverted, _) => tally.diverted(),
            (_, Some(started)) => tally.handled(now.since(started)),
            (_, None) => {}
        }
        let holder = self.holders.remove(&contact);
        if let Some(work) = holder.and_then(|agent| self.work.get_mut(&agent)) {
            work.contacts = work.contacts.saturating_sub(1);
            if work.contacts == 0 {
                self.worked = self.worked + now.since(work.since);
                self.overtime = self.overtime + now.since(work.since.max(self.closes_at));
            }
        }
    }

    fn figures(self) -> Figures {
        let scenario = self.scenario;
        let threshold = scenario.desk.service_level_threshold;
        let opening = HOUR.as_secs_f64() * f64::from(self.hours()) * f64::from(scenario.days);
        #[expect(clippy::cast_precision_loss, reason = "at most AGENTS_MAX")]
        let staffed = opening * scenario.agents.len() as f64 + self.overtime.as_secs_f64();
        let channels = self
            .tallies
            .iter()
            .map(|(channel, tally)| OfChannel { channel: *channel, counts: tally.clone().counts(threshold) });
        Figures {
            all: self.tallies.values().fold(Tally::default(), Tally::join).counts(threshold),
            occupancy: if staffed > 0.0 { self.worked.as_secs_f64() / staffed } else { 0.0 },
            agents: scenario.agents.len(),
            days: scenario.days,
            seed: scenario.seed,
            service_level_within_s: threshold.as_secs_f64(),
            channels: channels.collect(),
        }
    }
}

fn setup(agent: AccountId, sim: &SimAgent) -> AgentSetup {
    AgentSetup {
        agent,
        desks: vec![DESK],
        skills: sim.skills.clone(),
        capacity: Capacity { phone: 1, meeting: 1, chat: sim.chats },
        translation: sim.translation,
    }
}
