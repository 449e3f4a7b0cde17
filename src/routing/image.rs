//! The engine as plain data: what the store holds, and what a restart needs.

use super::agent::{Agent, Stance, normalised};
use super::contact::{Contact, Phase};
use super::router::{Desk, Router};
use super::timers::TimerKey;
use super::{
    AgentSetup, AgentState, Arrival, AwayReason, DeskConfig, Outcome, PoolConfig, Reservation, Wish,
};
use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId};
use crate::kernel::time::Timestamp;

/// A desk with its door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskImage {
    pub desk: DeskId,
    pub config: DeskConfig,
    pub open: bool,
}

/// An agent as last seen by the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentImage {
    pub setup: AgentSetup,
    /// `busy` and `wrap_up` follow from the contacts; here they count as `available`.
    pub state: AgentState,
    pub reason: Option<AwayReason>,
    pub since: Timestamp,
    pub idle_since: Timestamp,
    pub pending: Option<Wish>,
    /// See [`super::PoolConfig::decline_pause`]; a store that does not keep it gives `None`.
    pub paused_until: Option<Timestamp>,
}

/// Where an open contact stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhaseImage {
    Waiting,
    Offered { offer: OfferId, agent: AccountId, expires_at: Timestamp },
    Active { agent: AccountId, held: bool },
    WrapUp { agent: AccountId, until: Timestamp, extensions: u8, ended_at: Timestamp, outcome: Outcome },
}

/// An open contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactImage {
    /// `preferred` is absent once that agent has declined or missed it.
    pub arrival: Arrival,
    /// When the present wait began: the arrival's handling, or the last return to the queue.
    pub waiting_since: Timestamp,
    /// First answer, if there was one.
    pub accepted_at: Option<Timestamp>,
    /// Was returned to the head of the queue.
    pub boosted: bool,
    /// A transfer to the preferred agent: waits for them even while they talk.
    pub insists: bool,
    /// Waits for its preferred agent alone until then, if that agent is about to be free.
    pub awaits_preferred_until: Option<Timestamp>,
    pub phase: PhaseImage,
}

/// Everything the engine needs to go on after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Makes offer ids unique: at least as large as at the last offer.
    pub counter: u64,
    pub desks: Vec<DeskImage>,
    pub agents: Vec<AgentImage>,
    pub contacts: Vec<ContactImage>,
    pub reservations: Vec<Reservation>,
}

impl Router {
    /// The engine as it was when `image` was taken, with every connection considered lost at `now`: talks
    /// stay
    /// with their agents, who have the grace period to come back, and open offers go on ringing. Drain
    /// [`Router::poll`] next: what became impossible meanwhile (a desk that closed) is diverted.
    ///
    /// Parts of the image that name unknown desks or agents are repaired: such a contact is diverted, or
    /// waits
    /// at the head of the queue.
    #[must_use]
    pub fn restore(pool: PoolConfig, image: Image, now: Timestamp) -> Self {
        let mut router = Self::new(pool);
        router.now = now;
        router.counter = image.counter;
        for DeskImage { desk, config, open } in image.desks {
            router.desks.insert(desk, Desk { config, open });
        }
        let mut told = Vec::new();
        for agent in image.agents {
            told.extend(router.restore_agent(agent));
        }
        for reservation in image.reservations {
            router.restore_reservation(reservation);
        }
        let mut waiting = Vec::new();
        for contact in image.contacts {
            let id = contact.arrival.contact;
            if router.restore_contact(contact) {
                waiting.push(id);
            }
        }
        for agent in told {
            router.refresh_agent(agent);
        }
        // What the world sees has not changed by the restart.
        router.out.clear();
        for id in waiting {
            router.enqueue(id);
        }
        router.unexplained.clear();
        router.dispatch();
        router
    }

    fn restore_agent(&mut self, image: AgentImage) -> Option<AccountId> {
        let mut agent = Agent::new(normalised(image.setup)?, self.now);
        let id = agent.id();
        agent.stance = match image.state {
            AgentState::Offline => Stance::Offline,
            AgentState::Available | AgentState::Busy | AgentState::WrapUp => Stance::Available,
            AgentState::Away => Stance::Away(image.reason.unwrap_or(AwayReason::Other)),
            AgentState::NotAnswering => Stance::NotAnswering,
        };
        agent.pending = image.pending;
        agent.shown =
            super::agent::Shown { state: image.state, reason: image.reason, pending: image.pending };
        agent.since = image.since;
        agent.idle_since = image.idle_since;
        agent.paused = image.paused_until.is_some_and(|until| until > self.now);
        if let Some(until) = image.paused_until.filter(|_| agent.paused) {
            self.timers.set(TimerKey::Pause(id), until);
        }
        let signed_in = agent.stance != Stance::Offline;
        self.agents.insert(id, agent);
        if signed_in {
            self.timers.set(TimerKey::Grace(id), self.now + self.socket_grace(id));
        }
        Some(id)
    }

    fn restore_reservation(&mut self, reservation: Reservation) {
        let (id, starts_at) = (reservation.reservation, reservation.starts_at);
        if let Some(agent) = self.agents.get_mut(&reservation.agent)
            && reservation.ends_at > self.now
        {
            agent.bookings.insert((starts_at, id));
            self.reservations.insert(id, reservation);
        }
    }

    /// Puts the contact back; answers whether it has to be queued.
    fn restore_contact(&mut self, image: ContactImage) -> bool {
        let id = image.arrival.contact;
        let channel = image.arrival.channel;
        let mut contact = Contact::arriving(image.arrival, image.waiting_since, image.awaits_preferred_until);
        contact.arrival.wanted.sort_unstable();
        contact.arrival.wanted.dedup();
        contact.accepted_at = image.accepted_at;
        contact.boosted = image.boosted;
        contact.insists = image.insists;
        let holder = match image.phase {
            PhaseImage::Waiting => None,
            PhaseImage::Offered { agent, .. }
            | PhaseImage::Active { agent, .. }
            | PhaseImage::WrapUp { agent, .. } => self.agents.get_mut(&agent),
        };
        let queued = match (image.phase, holder) {
            (PhaseImage::Waiting, _) => true,
            // The agent is unknown by now.
            (_, None) => {
                contact.boosted = true;
                true
            }
            (PhaseImage::Offered { offer, agent, expires_at }, Some(holder)) => {
                contact.phase = Phase::Offered { offer, agent, expires_at };
                holder.offer = Some(offer);
                self.offers.insert(offer, id);
                self.timers.set(TimerKey::Offer(offer), expires_at);
                false
            }
            (PhaseImage::Active { agent, held }, Some(holder)) => {
                contact.phase = Phase::Active { agent, held };
                holder.active.insert(id);
                holder.load.add(channel);
                false
            }
            (PhaseImage::WrapUp { agent, until, extensions, ended_at, outcome }, Some(holder)) => {
                contact.phase = Phase::WrapUp { agent, until, extensions, ended_at, outcome };
                holder.wrapping.insert(id);
                self.timers.set(TimerKey::WrapUp(id), until);
                false
            }
        };
        self.contacts.insert(id, contact);
        queued
    }

    /// All open contacts, agents and reservations as plain data: what [`Router::restore`] takes. A claim
    /// under
    /// way reads as the offer it came from.
    #[must_use]
    pub fn image(&self) -> Image {
        let desks = self.desks.iter();
        Image {
            counter: self.counter,
            desks: desks
                .map(|(id, d)| DeskImage { desk: *id, config: d.config.clone(), open: d.open })
                .collect(),
            agents: self.agents.values().map(|agent| self.agent_image(agent)).collect(),
            contacts: self.contacts.values().filter_map(contact_image).collect(),
            reservations: self.reservations.values().cloned().collect(),
        }
    }

    /// One open contact as plain data: what a store keeps of it.
    #[must_use]
    pub fn contact(&self, contact: ContactId) -> Option<ContactImage> {
        self.contacts.get(&contact).and_then(contact_image)
    }

    /// One agent as plain data.
    #[must_use]
    pub fn agent(&self, agent: AccountId) -> Option<AgentImage> {
        self.agents.get(&agent).map(|agent| self.agent_image(agent))
    }

    fn agent_image(&self, agent: &Agent) -> AgentImage {
        AgentImage {
            setup: agent.setup.clone(),
            state: agent.shown.state,
            reason: agent.shown.reason,
            since: agent.since,
            idle_since: agent.idle_since,
            pending: agent.pending,
            paused_until: self.timers.at(TimerKey::Pause(agent.id())),
        }
    }
}

fn contact_image(contact: &Contact) -> Option<ContactImage> {
    let phase = match contact.phase {
        Phase::Arriving => return None,
        Phase::Waiting(_) => PhaseImage::Waiting,
        Phase::Offered { offer, agent, expires_at } | Phase::Claiming { offer, agent, expires_at } => {
            PhaseImage::Offered { offer, agent, expires_at }
        }
        Phase::Active { agent, held } => PhaseImage::Active { agent, held },
        Phase::WrapUp { agent, until, extensions, ended_at, outcome } => {
            PhaseImage::WrapUp { agent, until, extensions, ended_at, outcome }
        }
    };
    Some(ContactImage {
        arrival: contact.arrival.clone(),
        waiting_since: contact.waiting_since,
        accepted_at: contact.accepted_at,
        boosted: contact.boosted,
        insists: contact.insists,
        awaits_preferred_until: contact.awaits_until,
        phase,
    })
}
