//! A naive reference for the engine: the same rules over plain lists, searched through anew at every step.
//!
//! It knows neither indexes nor timers in advance, so it cannot forget to keep one up to date. Left out, and
//! checked by the rules' own tests instead: reservations and preferred agents.

mod acts;

use std::collections::BTreeMap;

use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId};
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::{
    AgentSetup, AgentState, Arrival, AwayReason, Channel, DeskConfig, DivertReason, Input, OfferEnd, Outcome,
    PoolConfig, Rejection, RequeueReason, Ring, Skill, Wish,
};

pub(super) const CHANNELS: [Channel; 3] = [Channel::Phone, Channel::Meeting, Channel::Chat];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    Offline,
    Available,
    Away(AwayReason),
    NotAnswering,
}

impl From<Wish> for Stance {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::Available => Self::Available,
            Wish::Away { reason } => Self::Away(reason),
            Wish::Offline => Self::Offline,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) setup: AgentSetup,
    pub(super) stance: Stance,
    pub(super) pending: Option<Wish>,
    pub(super) connected: bool,
    pub(super) idle_since: Timestamp,
    pub(super) paused_until: Option<Timestamp>,
    grace_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting,
    Offered { offer: OfferId, agent: AccountId, expires_at: Timestamp },
    Claiming { offer: OfferId, agent: AccountId, expires_at: Timestamp },
    Active { agent: AccountId, held: bool },
    WrapUp { agent: AccountId, until: Timestamp, extensions: u8, ended_at: Timestamp, outcome: Outcome },
}

#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub(super) arrival: Arrival,
    pub(super) waiting_since: Timestamp,
    pub(super) accepted_at: Option<Timestamp>,
    pub(super) boosted: bool,
    pub(super) phase: Phase,
    ring: Ring,
    widens_at: Option<Timestamp>,
    max_wait_at: Option<Timestamp>,
}

/// What the engine must have said, in whatever order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    Offer(OfferId, ContactId, AccountId, Timestamp),
    OfferEnded(OfferId, ContactId, AccountId, OfferEnd),
    Claim(OfferId, ContactId, AccountId),
    Started(ContactId, AccountId, Millis),
    Held(ContactId, bool),
    Requeued(ContactId, Option<AccountId>, RequeueReason, bool),
    RingWidened(ContactId, Ring),
    WrapUpStarted(ContactId, AccountId, Timestamp),
    WrapUpExtended(ContactId, AccountId, Timestamp),
    WrapUpEnded(ContactId, AccountId, bool),
    Divert(ContactId, DivertReason),
    Closed(ContactId, Outcome, Millis, Millis),
    Rejected(Rejection),
}

/// Contacts that wait for the same things.
type Ask = (DeskId, Channel, Vec<Skill>);

#[derive(Clone, Debug)]
pub(super) struct Model {
    now: Timestamp,
    pool: PoolConfig,
    counter: u64,
    pub(super) desks: BTreeMap<DeskId, (DeskConfig, bool)>,
    pub(super) agents: BTreeMap<AccountId, Agent>,
    pub(super) contacts: BTreeMap<ContactId, Contact>,
    unstaffed: BTreeMap<Ask, Timestamp>,
    said: Vec<Said>,
}

/// What runs out, in the order in which equal times are served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Offer(OfferId, ContactId),
    WrapUp(ContactId),
    Grace(AccountId),
    Pause(AccountId),
    MaxWait(ContactId),
    Unstaffed(Ask),
    Widen(ContactId),
}

type Act = Result<(), Rejection>;

fn positive(length: Millis) -> Millis {
    length.max(Millis(1))
}

impl Model {
    pub(super) fn new(pool: PoolConfig) -> Self {
        Self {
            now: Timestamp(i64::MIN),
            pool,
            counter: 0,
            desks: BTreeMap::new(),
            agents: BTreeMap::new(),
            contacts: BTreeMap::new(),
            unstaffed: BTreeMap::new(),
            said: Vec::new(),
        }
    }

    pub(super) fn handle(&mut self, now: Timestamp, input: &Input) -> Vec<Said> {
        self.now = self.now.max(now);
        while let Some((_, due)) = self.due().into_iter().filter(|(at, _)| *at <= self.now).min() {
            self.run_out(due);
            self.settle();
        }
        self.dispatch();
        if let Err(reason) = self.apply(input.clone()) {
            self.said.push(Said::Rejected(reason));
        }
        self.settle();
        self.dispatch();
        std::mem::take(&mut self.said)
    }

    fn due(&self) -> Vec<(Timestamp, Due)> {
        let mut due = Vec::new();
        for (id, contact) in &self.contacts {
            match contact.phase {
                Phase::Offered { offer, expires_at, .. } => due.push((expires_at, Due::Offer(offer, *id))),
                Phase::WrapUp { until, .. } => due.push((until, Due::WrapUp(*id))),
                Phase::Waiting => {
                    due.extend(contact.max_wait_at.map(|at| (at, Due::MaxWait(*id))));
                    due.extend(contact.widens_at.map(|at| (at, Due::Widen(*id))));
                }
                _ => {}
            }
        }
        for (id, agent) in &self.agents {
            due.extend(agent.grace_until.map(|at| (at, Due::Grace(*id))));
            due.extend(agent.paused_until.map(|at| (at, Due::Pause(*id))));
        }
        due.extend(self.unstaffed.iter().map(|(ask, at)| (*at, Due::Unstaffed(ask.clone()))));
        due
    }

    fn run_out(&mut self, due: Due) {
        match due {
            Due::Offer(_, contact) => self.offer_expired(contact),
            Due::WrapUp(contact) => self.wrap_up_over(contact, true),
            Due::Grace(agent) => {
                self.agents.get_mut(&agent).unwrap().grace_until = None;
                self.dismiss(agent, OfferEnd::SocketLost, RequeueReason::SocketLost);
            }
            Due::Pause(agent) => self.agents.get_mut(&agent).unwrap().paused_until = None,
            Due::MaxWait(contact) => self.divert(contact, DivertReason::MaxWait),
            Due::Unstaffed(ask) => {
                self.unstaffed.remove(&ask);
                for contact in self.waiting_for(&ask) {
                    self.divert(contact, DivertReason::NoAgent);
                }
            }
            Due::Widen(contact) => self.widen(contact),
        }
    }

    // ── what is true of agents and contacts ──

    pub(super) fn load(&self, agent: AccountId, channel: Channel) -> u8 {
        let talks = self.contacts.values().filter(|c| {
            c.arrival.channel == channel && matches!(c.phase, Phase::Active { agent: a, .. } if a == agent)
        });
        u8::try_from(talks.count()).unwrap()
    }

    fn wraps_up(&self, agent: AccountId) -> bool {
        self.contacts.values().any(|c| matches!(c.phase, Phase::WrapUp { agent: a, .. } if a == agent))
    }

    fn talks(&self, agent: AccountId) -> bool {
        CHANNELS.iter().any(|c| self.load(agent, *c) > 0)
    }

    fn has_offer(&self, agent: AccountId) -> bool {
        self.contacts.values().any(|c| {
            matches!(c.phase, Phase::Offered { agent: a, .. }
                | Phase::Claiming { agent: a, .. } if a == agent)
        })
    }

    fn ringing(&self, agent: AccountId) -> Option<ContactId> {
        let rings = |c: &Contact| matches!(c.phase, Phase::Offered { agent: a, .. } if a == agent);
        self.contacts.iter().find(|(_, c)| rings(c)).map(|(id, _)| *id)
    }

    fn has_room(&self, agent: AccountId, channel: Channel) -> bool {
        let capacity = self.agents[&agent].setup.capacity;
        let chats = self.load(agent, Channel::Chat);
        let talking = self.load(agent, Channel::Phone) + self.load(agent, Channel::Meeting) > 0;
        match channel {
            Channel::Chat => !talking && chats < capacity.chat,
            voice => {
                !talking && capacity.of(voice) > 0 && (chats == 0 || self.pool.chat_interruptible_by_call)
            }
        }
    }

    fn ready(&self, id: AccountId) -> bool {
        let agent = &self.agents[&id];
        agent.stance == Stance::Available
            && agent.connected
            && agent.pending.is_none()
            && !self.wraps_up(id)
            && !self.has_offer(id)
    }

    /// The world's view of an agent.
    pub(super) fn shown(&self, id: AccountId) -> (AgentState, Option<AwayReason>) {
        let agent = &self.agents[&id];
        match agent.stance {
            Stance::Offline => (AgentState::Offline, None),
            Stance::Away(reason) => (AgentState::Away, Some(reason)),
            Stance::NotAnswering => (AgentState::NotAnswering, None),
            Stance::Available if self.wraps_up(id) => (AgentState::WrapUp, None),
            Stance::Available if !self.talks(id) => (AgentState::Available, None),
            Stance::Available => {
                let room = CHANNELS.iter().any(|c| self.has_room(id, *c));
                let free = room && agent.pending.is_none();
                (if free { AgentState::Available } else { AgentState::Busy }, None)
            }
        }
    }

    /// In which ring, and how well, the agent fits these wishes: own desk, without translation, levels.
    fn fit(&self, ask: &Ask, id: AccountId) -> Option<(Ring, (bool, bool, u8))> {
        let (desk, channel, wanted) = ask;
        let setup = &self.agents[&id].setup;
        let own = setup.desks.contains(desk);
        let partners = self.desks.get(desk).map(|(c, _)| c.partner_desks.clone()).unwrap_or_default();
        if !own && !partners.iter().any(|d| setup.desks.contains(d)) || setup.capacity.of(*channel) == 0 {
            return None;
        }
        let (mut ring, mut direct, mut level) = (if own { Ring::Own } else { Ring::Partner }, true, 0);
        for skill in wanted {
            match setup.skills.iter().filter(|s| s.skill == *skill).map(|s| s.level.get()).max() {
                Some(has) => level += has,
                None if matches!(skill, Skill::Language { .. }) && !setup.translation => return None,
                None => {
                    direct &= !matches!(skill, Skill::Language { .. });
                    ring = ring.max(Ring::Translation);
                }
            }
        }
        Some((ring, (own, direct, level)))
    }

    fn ask_of(contact: &Contact) -> Ask {
        (contact.arrival.desk, contact.arrival.channel, contact.arrival.wanted.clone())
    }

    fn waiting_for(&self, ask: &Ask) -> Vec<ContactId> {
        let waits = |c: &Contact| c.phase == Phase::Waiting && Self::ask_of(c) == *ask;
        self.contacts.iter().filter(|(_, c)| waits(c)).map(|(id, _)| *id).collect()
    }

    /// Everybody who waits, in the order of the line.
    fn line(&self) -> Vec<ContactId> {
        let mut line: Vec<_> = self.contacts.iter().filter(|(_, c)| c.phase == Phase::Waiting).collect();
        line.sort_by_key(|(id, c)| {
            let step = self.desks[&c.arrival.desk].0.ageing_step.0.max(0);
            let worth = Millis(step.saturating_mul(i64::from(c.arrival.priority)));
            (!c.boosted, c.arrival.arrived_at - worth, c.arrival.arrived_at, **id)
        });
        line.into_iter().map(|(id, _)| *id).collect()
    }

    fn best_agent(&self, id: ContactId) -> Option<AccountId> {
        let contact = &self.contacts[&id];
        let ask = Self::ask_of(contact);
        let free = |a: &AccountId| {
            self.ready(*a)
                && self.agents[a].paused_until.is_none()
                && self.has_room(*a, contact.arrival.channel)
        };
        let fitting = self.agents.keys().filter(|a| free(a)).filter_map(|a| {
            let (ring, fit) = self.fit(&ask, *a)?;
            (ring <= contact.ring).then_some((fit, *a))
        });
        let load = |a: AccountId| CHANNELS.iter().map(|c| self.load(a, *c)).sum::<u8>();
        fitting
            .min_by_key(|(fit, a)| (std::cmp::Reverse(*fit), load(*a), self.agents[a].idle_since, *a))
            .map(|(_, a)| a)
    }

    // ── what is done ──

    fn dispatch(&mut self) {
        while let Some((contact, agent)) =
            self.line().into_iter().find_map(|c| self.best_agent(c).map(|a| (c, a)))
        {
            self.offer(contact, agent);
            self.settle();
        }
    }

    fn offer(&mut self, id: ContactId, agent: AccountId) {
        self.leave_line(id);
        self.counter += 1;
        let offer = OfferId::compose(self.now, u128::from(self.counter));
        let contact = self.contacts.get_mut(&id).unwrap();
        let ttl =
            self.desks.get(&contact.arrival.desk).map_or(DeskConfig::default().offer_ttl, |d| d.0.offer_ttl);
        let expires_at = self.now + positive(ttl);
        contact.phase = Phase::Offered { offer, agent, expires_at };
        self.said.push(Said::Offer(offer, id, agent, expires_at));
    }

    /// Wishes that waited for the last contact come true; lines without staff are watched.
    fn settle(&mut self) {
        let ids: Vec<_> = self.agents.keys().copied().collect();
        for id in ids {
            if !self.talks(id) && !self.wraps_up(id) && !self.has_offer(id) {
                let agent = self.agents.get_mut(&id).unwrap();
                if let Some(wish) = agent.pending.take() {
                    agent.stance = wish.into();
                }
            }
        }
        let waiting = self.contacts.values().filter(|c| c.phase == Phase::Waiting);
        let asks: std::collections::BTreeSet<Ask> = waiting.map(Self::ask_of).collect();
        self.unstaffed.retain(|ask, _| asks.contains(ask));
        for ask in asks {
            let staffed = self
                .agents
                .iter()
                .any(|(id, a)| a.stance != Stance::Offline && self.fit(&ask, *id).is_some());
            if staffed {
                self.unstaffed.remove(&ask);
            } else {
                let due = self.now + positive(self.desks[&ask.0].0.no_agent_grace);
                self.unstaffed.entry(ask).or_insert(due);
            }
        }
    }

    /// The contact no longer waits: a line that is empty then is watched anew when somebody comes.
    fn leave_line(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get(&id).filter(|c| c.phase == Phase::Waiting) else { return };
        let ask = Self::ask_of(contact);
        if self.waiting_for(&ask) == [id] {
            self.unstaffed.remove(&ask);
        }
    }

    fn enqueue(&mut self, id: ContactId) {
        let now = self.now;
        let contact = self.contacts.get_mut(&id).unwrap();
        let since = contact.waiting_since;
        let door = self.desks.get(&contact.arrival.desk);
        let Some((config, _)) = door.filter(|(config, open)| *open || config.serve_out_at_closing) else {
            return self.divert(id, DivertReason::DeskClosed);
        };
        let limit = config.max_wait.map(|limit| since + positive(limit));
        if limit.is_some_and(|at| at <= now) {
            return self.divert(id, DivertReason::MaxWait);
        }
        contact.ring = ring_at(config, since, now);
        contact.widens_at = next_ring(config, since, now);
        contact.max_wait_at = limit;
        contact.phase = Phase::Waiting;
    }

    fn widen(&mut self, id: ContactId) {
        let contact = self.contacts.get_mut(&id).unwrap();
        let config = &self.desks[&contact.arrival.desk].0;
        let ring = contact.ring.max(ring_at(config, contact.waiting_since, self.now));
        contact.widens_at = next_ring(config, contact.waiting_since, self.now);
        if ring != contact.ring {
            contact.ring = ring;
            self.said.push(Said::RingWidened(id, ring));
        }
    }

    fn requeue(&mut self, id: ContactId, from: Option<AccountId>, reason: RequeueReason, head: bool) {
        let contact = self.contacts.get_mut(&id).unwrap();
        contact.waiting_since = self.now;
        contact.boosted = head;
        self.said.push(Said::Requeued(id, from, reason, head));
        self.enqueue(id);
    }

    fn divert(&mut self, id: ContactId, reason: DivertReason) {
        self.said.push(Said::Divert(id, reason));
        self.close(id, Outcome::Diverted, self.now);
    }

    fn close(&mut self, id: ContactId, outcome: Outcome, ended_at: Timestamp) {
        self.leave_line(id);
        let contact = self.contacts.remove(&id).unwrap();
        let waited = contact.accepted_at.unwrap_or(ended_at).since(contact.arrival.arrived_at);
        let handled = contact.accepted_at.map_or(Millis::ZERO, |at| ended_at.since(at));
        self.said.push(Said::Closed(id, outcome, waited, handled));
    }

    /// Ends the offer of a contact, whatever stage it is at; answers with its agent.
    fn end_offer(&mut self, id: ContactId, reason: OfferEnd) -> Option<AccountId> {
        match self.contacts.get(&id)?.phase {
            Phase::Offered { offer, agent, .. } | Phase::Claiming { offer, agent, .. } => {
                self.said.push(Said::OfferEnded(offer, id, agent, reason));
                Some(agent)
            }
            _ => None,
        }
    }

    fn offer_expired(&mut self, id: ContactId) {
        let agent = self.end_offer(id, OfferEnd::Expired).unwrap();
        let agent = self.agents.get_mut(&agent).unwrap();
        if agent.stance == Stance::Available {
            agent.stance = Stance::NotAnswering;
        }
        self.enqueue(id);
    }

    fn pause(&mut self, agent: AccountId) {
        let until = self.now + positive(self.pool.decline_pause);
        self.agents.get_mut(&agent).unwrap().paused_until = Some(until);
    }

    fn free_from_agent(&mut self, agent: AccountId) {
        if let Some(agent) = self.agents.get_mut(&agent) {
            agent.idle_since = self.now;
        }
    }

    fn wrap_up_over(&mut self, id: ContactId, timed_out: bool) {
        let Phase::WrapUp { agent, ended_at, outcome, .. } = self.contacts[&id].phase else { return };
        self.free_from_agent(agent);
        self.said.push(Said::WrapUpEnded(id, agent, timed_out));
        self.close(id, outcome, ended_at);
    }

    fn begin_wrap_up(&mut self, id: ContactId, outcome: Outcome) -> Act {
        let now = self.now;
        let contact = self.contacts.get_mut(&id).ok_or(Rejection::UnknownContact)?;
        let Phase::Active { agent, .. } = contact.phase else { return Err(Rejection::WrongState) };
        let desk = self.desks.get(&contact.arrival.desk);
        let limit = desk.map_or(DeskConfig::default().wrap_up_limit, |d| d.0.wrap_up_limit);
        if limit <= Millis::ZERO {
            self.free_from_agent(agent);
            self.close(id, outcome, now);
            return Ok(());
        }
        let until = now + limit;
        contact.phase = Phase::WrapUp { agent, until, extensions: 0, ended_at: now, outcome };
        self.said.push(Said::WrapUpStarted(id, agent, until));
        Ok(())
    }

    fn dismiss(&mut self, id: AccountId, offer: OfferEnd, reason: RequeueReason) {
        let agent = self.agents.get_mut(&id).unwrap();
        agent.stance = Stance::Offline;
        agent.pending = None;
        let ringing = self.ringing(id);
        let own = |phase: &Phase| match phase {
            Phase::Active { agent, .. } | Phase::WrapUp { agent, .. } => *agent == id,
            _ => false,
        };
        let held: Vec<_> = self.contacts.iter().filter(|(_, c)| own(&c.phase)).map(|(i, _)| *i).collect();
        for contact in held {
            if let Phase::WrapUp { .. } = self.contacts[&contact].phase {
                self.wrap_up_over(contact, false);
            } else {
                self.free_from_agent(id);
                self.requeue(contact, Some(id), reason, true);
            }
        }
        if let Some(contact) = ringing {
            self.end_offer(contact, offer);
            self.enqueue(contact);
        }
    }

    fn hand_back(&mut self, id: ContactId, agent: AccountId, reason: RequeueReason, head: bool) {
        self.free_from_agent(agent);
        self.pause(agent);
        self.requeue(id, Some(agent), reason, head);
    }

    /// New rules: everybody who waits lines up anew.
    fn line_up(&mut self) {
        self.unstaffed.clear();
        let waiting: Vec<_> =
            self.contacts.iter().filter(|(_, c)| c.phase == Phase::Waiting).map(|(id, _)| *id).collect();
        for contact in waiting {
            self.enqueue(contact);
        }
    }
}

/// The widest ring that a wait since `since` has reached.
fn ring_at(config: &DeskConfig, since: Timestamp, now: Timestamp) -> Ring {
    let reached = |after: Option<Millis>| after.is_some_and(|length| since + length <= now);
    if reached(config.partner_after) {
        Ring::Partner
    } else if reached(config.translation_after) {
        Ring::Translation
    } else {
        Ring::Own
    }
}

fn next_ring(config: &DeskConfig, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let times = [config.translation_after, config.partner_after];
    times.into_iter().flatten().map(|length| since + length).filter(|at| *at > now).min()
}
