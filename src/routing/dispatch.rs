//! The match: which waiting contact is offered to which agent.
//!
//! Between inputs no waiting contact has an agent who may take it: otherwise it would have been offered. So
//! after an input only contacts that newly wait, and agents that are newly free, can be part of a match, and
//! only they are looked at ([`Router::new_contacts`], [`Router::new_agents`]). The first in line of all those
//! matches goes first, which gives the same decisions as a search through everybody.

use std::collections::BTreeSet;

use super::agent::Agent;
use super::config::positive;
use super::contact::{Lane, Phase, Place};
use super::index::UNBOUND;
use super::order::Rank;
use super::router::Router;
use super::timers::TimerKey;
use super::{Output, Rule};
use crate::kernel::ids::{AccountId, ContactId, OfferId};

impl Router {
    /// Makes every offer that can be made now.
    pub(super) fn dispatch(&mut self) {
        // Each newly free agent with the first contact for it. Offers made meanwhile outdate entries; that is
        // found out when an entry comes first.
        let mut wants: BTreeSet<(Rank, AccountId)> = BTreeSet::new();
        loop {
            while let Some(agent) = self.new_agents.pop_first() {
                wants.extend(self.first_for(agent).map(|rank| (rank, agent)));
            }
            let by_agent = self.valid_want(&mut wants);
            let by_contact = self.valid_contact(by_agent);
            let Some((rank, agent, rule)) = by_contact.or_else(|| {
                let rank = by_agent?;
                self.agent_for(rank).map(|(agent, rule)| (rank, agent, rule))
            }) else {
                return;
            };
            self.offer(rank.contact, agent, rule);
        }
    }

    /// The first in line of what the newly free agents could take.
    fn valid_want(&mut self, wants: &mut BTreeSet<(Rank, AccountId)>) -> Option<Rank> {
        loop {
            let (rank, agent) = wants.pop_first()?;
            let current = self.first_for(agent);
            if current == Some(rank) {
                wants.insert((rank, agent));
                return Some(rank);
            }
            wants.extend(current.map(|rank| (rank, agent)));
        }
    }

    /// The first newly waiting contact that has an agent, if it comes before `other`.
    fn valid_contact(&mut self, other: Option<Rank>) -> Option<(Rank, AccountId, Rule)> {
        loop {
            let rank = *self.new_contacts.first()?;
            if other.is_some_and(|other| other < rank) {
                return None;
            }
            if let Some((agent, rule)) = self.agent_for(rank) {
                return Some((rank, agent, rule));
            }
            self.new_contacts.remove(&rank);
        }
    }

    /// The first contact in line that this agent may take now.
    fn first_for(&mut self, id: AccountId) -> Option<Rank> {
        let agent = self.agents.get(&id)?;
        let filing = agent.filing?;
        let free = filing.free?.channels;
        let profile = self.index.profiles.get(&filing.profile)?;
        let mut first = self.index.best_contact(profile, free, &mut self.work);
        for lane in Lane::ALL {
            if let Some(rank) = agent.preferring[lane.index()].first()
                && self.preferred_is_free(agent, lane)
                && first.is_none_or(|found| *rank < found)
            {
                first = Some(*rank);
            }
        }
        first
    }

    /// Whether a contact that prefers this agent, filed in this lane, may be offered to it now.
    pub(super) fn preferred_is_free(&self, agent: &Agent, lane: Lane) -> bool {
        let Some(filing) = agent.filing else { return false };
        let free = filing.free.is_some_and(|slot| slot.channels[lane.channel.index()]);
        free && (lane.reserved || filing.headroom == UNBOUND)
    }

    /// Who gets this waiting contact now, and by which rule.
    fn agent_for(&mut self, rank: Rank) -> Option<(AccountId, Rule)> {
        let place = self.contacts.get(&rank.contact)?.place()?;
        if let Some((preferred, lane)) = place.lane
            && let Some(agent) = self.agents.get(&preferred)
            && self.preferred_is_free(agent, lane)
        {
            return Some((preferred, if lane.reserved { Rule::Reserved } else { Rule::Preferred }));
        }
        if place.alone {
            return None;
        }
        self.best_for(place).map(|agent| (agent, Rule::BestFit))
    }

    fn best_for(&mut self, place: Place) -> Option<AccountId> {
        let ask = self.index.asks.get(&place.ask)?;
        self.index.best_agent(ask, place.ring, &mut self.work)
    }

    /// Puts the contact before the agent. Both must be known, the contact waiting, the agent without an
    /// offer.
    pub(super) fn offer(&mut self, id: ContactId, agent: AccountId, rule: Rule) {
        let Some(why) = self.explain_offer(id, agent, rule) else { return };
        self.unqueue(id);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let ttl = self
            .desks
            .get(&contact.arrival.desk)
            .map_or_else(|| super::DeskConfig::default().offer_ttl, |desk| desk.config.offer_ttl);
        self.counter += 1;
        let offer = OfferId::compose(self.now, u128::from(self.counter));
        let expires_at = self.now + positive(ttl);
        contact.phase = Phase::Offered { offer, agent, expires_at };
        self.offers.insert(offer, id);
        self.timers.set(TimerKey::Offer(offer), expires_at);
        self.emit(Output::Offer { offer, contact: id, agent, expires_at, why: Box::new(why) });
        if let Some(agent) = self.agents.get_mut(&agent) {
            agent.offer = Some(offer);
        }
        self.refresh_agent(agent);
    }
}
