//! What happens to a contact: arrival, answer, talk, hand-over, end.

use super::config::{PRIORITY_MAX, WANTED_MAX, positive};
use super::contact::{Contact, Phase};
use super::index::{self, AskKey};
use super::router::{Act, Router};
use super::timers::TimerKey;
use super::{
    Arrival, DivertReason, OfferEnd, Outcome, Output, Rejection, RequeueReason, Skill, TransferTarget,
};
use crate::kernel::ids::{AccountId, ContactId, OfferId};
use crate::kernel::time::Timestamp;

impl Router {
    pub(super) fn arrived(&mut self, mut arrival: Arrival) -> Act {
        let (id, now) = (arrival.contact, self.now);
        if self.contacts.contains_key(&id) {
            return Err(Rejection::DuplicateContact);
        }
        let desk = self.desks.get(&arrival.desk).ok_or(Rejection::UnknownDesk)?;
        let (open, limit) = (desk.open, desk.config.queue_limit);
        arrival.wanted = normal_wishes(arrival.wanted)?;
        arrival.priority = arrival.priority.min(PRIORITY_MAX);
        let waiting =
            self.lines.range((arrival.desk, super::Channel::Phone)..=(arrival.desk, super::Channel::Chat));
        let waiting: usize = waiting.map(|(_, line)| line.len()).sum();
        let awaits_until = self.patience_for_preferred(&arrival);
        self.contacts.insert(id, Contact::arriving(arrival, now, awaits_until));
        if !open {
            self.divert(id, DivertReason::DeskClosed);
        } else if waiting >= limit as usize {
            self.divert(id, DivertReason::QueueFull);
        } else {
            self.enqueue(id);
        }
        Ok(())
    }

    /// Until when an arrival may wait for its preferred agent alone. Whoever comes early for a reservation
    /// may
    /// wait until a moment after its start.
    fn patience_for_preferred(&self, arrival: &Arrival) -> Option<Timestamp> {
        let preferred = arrival.preferred?;
        let wait = self.desks.get(&arrival.desk)?.config.preferred_wait;
        let reservation = arrival.reservation.and_then(|id| self.reservations.get(&id));
        let from =
            reservation.filter(|r| r.agent == preferred).map_or(self.now, |r| r.starts_at.max(self.now));
        Some(from + wait)
    }

    pub(super) fn skills_corrected(&mut self, id: ContactId, wanted: Vec<Skill>) -> Act {
        let contact = self.contacts.get_mut(&id).ok_or(Rejection::UnknownContact)?;
        contact.arrival.wanted = normal_wishes(wanted)?;
        let phase = contact.phase.clone();
        self.emit(Output::Corrected { contact: id });
        match phase {
            Phase::Waiting(_) => self.refile(id),
            Phase::Offered { agent, .. } if !self.still_fits(id, agent) => {
                self.end_offer(id, OfferEnd::Revoked);
                self.refresh_agent(agent);
                self.enqueue(id);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the agent could have been chosen for these wishes, in any ring.
    fn still_fits(&self, id: ContactId, agent: AccountId) -> bool {
        let (Some(contact), Some(agent)) = (self.contacts.get(&id), self.agents.get(&agent)) else {
            return false;
        };
        let Arrival { desk, channel, wanted, .. } = &contact.arrival;
        let key = AskKey { desk: *desk, channel: *channel, wanted: wanted.clone() };
        let partners = self.desks.get(desk).map_or(&[][..], |d| &d.config.partner_desks);
        index::fit(&key, partners, &agent.profile_key(index::UNBOUND)).is_ok()
    }

    pub(super) fn gave_up(&mut self, id: ContactId) -> Act {
        let contact = self.contacts.get(&id).ok_or(Rejection::UnknownContact)?;
        match contact.phase {
            Phase::Waiting(_) | Phase::Offered { .. } | Phase::Claiming { .. } => {
                self.drop_unanswered(id, Outcome::Abandoned);
                Ok(())
            }
            Phase::Active { .. } => self.begin_wrap_up(id, Outcome::Handled),
            Phase::Arriving | Phase::WrapUp { .. } => Err(Rejection::WrongState),
        }
    }

    pub(super) fn failed(&mut self, id: ContactId) -> Act {
        let contact = self.contacts.get(&id).ok_or(Rejection::UnknownContact)?;
        match contact.phase {
            Phase::Waiting(_) | Phase::Offered { .. } | Phase::Claiming { .. } => {
                self.drop_unanswered(id, Outcome::Failed);
                Ok(())
            }
            Phase::Active { .. } => self.begin_wrap_up(id, Outcome::Failed),
            Phase::Arriving | Phase::WrapUp { .. } => Err(Rejection::WrongState),
        }
    }

    /// The inquirer is gone before an answer.
    fn drop_unanswered(&mut self, id: ContactId, outcome: Outcome) {
        let agent = self.end_offer(id, OfferEnd::GaveUp);
        self.close(id, outcome, self.now);
        if let Some(agent) = agent {
            self.refresh_agent(agent);
        }
    }

    pub(super) fn chose_diversion(&mut self, id: ContactId) -> Act {
        let contact = self.contacts.get(&id).ok_or(Rejection::UnknownContact)?;
        if !matches!(contact.phase, Phase::Waiting(_) | Phase::Offered { .. }) {
            return Err(Rejection::WrongState);
        }
        let agent = self.end_offer(id, OfferEnd::GaveUp);
        self.divert(id, DivertReason::Chosen);
        if let Some(agent) = agent {
            self.refresh_agent(agent);
        }
        Ok(())
    }

    /// The contact of an offer that rings at this agent.
    fn ringing(&self, offer: OfferId, agent: AccountId) -> Result<ContactId, Rejection> {
        let id = *self.offers.get(&offer).ok_or(Rejection::UnknownOffer)?;
        let contact = self.contacts.get(&id).ok_or(Rejection::UnknownOffer)?;
        match contact.phase {
            Phase::Offered { agent: holder, .. } if holder == agent => Ok(id),
            Phase::Offered { .. } => Err(Rejection::NotYourOffer),
            _ => Err(Rejection::WrongState),
        }
    }

    pub(super) fn accepted(&mut self, offer: OfferId, agent: AccountId) -> Act {
        let id = self.ringing(offer, agent)?;
        self.timers.cancel(TimerKey::Offer(offer));
        if let Some(contact) = self.contacts.get_mut(&id)
            && let Phase::Offered { expires_at, .. } = contact.phase
        {
            contact.phase = Phase::Claiming { offer, agent, expires_at };
        }
        self.emit(Output::Claim { offer, contact: id, agent });
        Ok(())
    }

    pub(super) fn declined(&mut self, offer: OfferId, agent: AccountId) -> Act {
        let id = self.ringing(offer, agent)?;
        self.end_offer(id, OfferEnd::Declined);
        self.pause(agent);
        self.refresh_agent(agent);
        self.enqueue(id);
        Ok(())
    }

    /// Nobody answered: the next agent gets the contact, the silent one gets nothing more.
    pub(super) fn offer_expired(&mut self, offer: OfferId) {
        let Some(id) = self.offers.get(&offer).copied() else { return };
        let Some(agent) = self.end_offer(id, OfferEnd::Expired) else { return };
        if let Some(agent) = self.agents.get_mut(&agent)
            && agent.stance == super::agent::Stance::Available
        {
            agent.stance = super::agent::Stance::NotAnswering;
        }
        self.refresh_agent(agent);
        self.enqueue(id);
    }

    /// The contact and the agent of an offer whose claim is under way.
    fn claiming(&self, offer: OfferId, id: ContactId) -> Result<AccountId, Rejection> {
        let contact = self.contacts.get(&id).ok_or(Rejection::UnknownContact)?;
        match contact.phase {
            Phase::Claiming { offer: claimed, agent, .. } if claimed == offer => Ok(agent),
            _ => Err(Rejection::UnknownOffer),
        }
    }

    pub(super) fn claim_won(&mut self, offer: OfferId, id: ContactId) -> Act {
        let agent_id = self.claiming(offer, id)?;
        let now = self.now;
        self.offers.remove(&offer);
        let contact = self.contacts.get_mut(&id).ok_or(Rejection::UnknownContact)?;
        contact.phase = Phase::Active { agent: agent_id, held: false };
        contact.accepted_at.get_or_insert(now);
        contact.boosted = false;
        contact.insists = false;
        contact.awaits_until = None;
        contact.arrival.preferred = None;
        let waited = now.since(contact.arrival.arrived_at);
        let (channel, reservation) = (contact.arrival.channel, contact.arrival.reservation.take());
        self.emit(Output::Started { offer, contact: id, agent: agent_id, waited });
        if let Some(reservation) = reservation {
            self.forget_reservation(reservation);
        }
        match self.agents.get_mut(&agent_id) {
            // Gone between the click and the answer of the store.
            None => self.requeue(id, Some(agent_id), RequeueReason::AgentLeft, true),
            Some(agent) if agent.stance == super::agent::Stance::Offline => {
                agent.offer = None;
                self.requeue(id, Some(agent_id), RequeueReason::SocketLost, true);
            }
            Some(agent) => {
                agent.offer = None;
                agent.active.insert(id);
                agent.load.add(channel);
                agent.idle_since = now;
            }
        }
        self.refresh_agent(agent_id);
        Ok(())
    }

    pub(super) fn claim_lost(&mut self, offer: OfferId, id: ContactId) -> Act {
        let agent = self.claiming(offer, id)?;
        self.end_offer(id, OfferEnd::ClaimLost);
        self.refresh_agent(agent);
        let boosted = self.contacts.get(&id).is_some_and(|contact| contact.boosted);
        self.requeue(id, None, RequeueReason::ClaimLost, boosted);
        Ok(())
    }

    pub(super) fn talk_ended(&mut self, id: ContactId, outcome: Outcome) -> Act {
        self.begin_wrap_up(id, outcome)
    }

    pub(super) fn wrap_up_done(&mut self, id: ContactId) -> Act {
        let contact = self.contacts.get(&id).ok_or(Rejection::UnknownContact)?;
        if !matches!(contact.phase, Phase::WrapUp { .. }) {
            return Err(Rejection::WrongState);
        }
        self.wrap_up_over(id, false);
        Ok(())
    }

    pub(super) fn wrap_up_extend(&mut self, id: ContactId) -> Act {
        let contact = self.contacts.get_mut(&id).ok_or(Rejection::UnknownContact)?;
        let config = self.desks.get(&contact.arrival.desk).map(|d| &d.config);
        let (by, most) =
            config.map_or((super::config::SHORTEST, 0), |c| (c.wrap_up_extension, c.wrap_up_extensions_max));
        let Phase::WrapUp { agent, until, extensions, .. } = &mut contact.phase else {
            return Err(Rejection::WrongState);
        };
        if *extensions >= most {
            return Err(Rejection::ExtensionLimit);
        }
        *extensions += 1;
        *until = *until + positive(by);
        let (agent, until) = (*agent, *until);
        self.timers.set(TimerKey::WrapUp(id), until);
        self.emit(Output::WrapUpExtended { contact: id, agent, until });
        Ok(())
    }

    pub(super) fn set_held(&mut self, id: ContactId, hold: bool) -> Act {
        let contact = self.contacts.get_mut(&id).ok_or(Rejection::UnknownContact)?;
        match &mut contact.phase {
            Phase::Active { held, .. } if *held != hold => {
                *held = hold;
                self.emit(Output::Held { contact: id, held: hold });
                Ok(())
            }
            _ => Err(Rejection::WrongState),
        }
    }

    pub(super) fn transfer(&mut self, id: ContactId, to: TransferTarget) -> Act {
        let now = self.now;
        let contact = self.contacts.get(&id).ok_or(Rejection::UnknownContact)?;
        let Phase::Active { agent: from, .. } = contact.phase else { return Err(Rejection::WrongState) };
        let mut arrival = contact.arrival.clone();
        let mut awaits_until = None;
        match to {
            TransferTarget::Agent { agent } if agent == from => return Err(Rejection::WrongState),
            TransferTarget::Agent { agent } => {
                self.agents.get(&agent).ok_or(Rejection::UnknownAgent)?;
                arrival.preferred = Some(agent);
                awaits_until = self.desks.get(&arrival.desk).map(|d| now + d.config.preferred_wait);
            }
            TransferTarget::Desk { desk } => {
                let target = self.desks.get(&desk).ok_or(Rejection::UnknownDesk)?;
                if !target.open {
                    return Err(Rejection::WrongState);
                }
                arrival.desk = desk;
            }
            TransferTarget::Skills { wanted } => arrival.wanted = normal_wishes(wanted)?,
        }
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.arrival = arrival;
            contact.awaits_until = awaits_until;
            contact.insists = awaits_until.is_some();
        }
        self.hand_back(id, RequeueReason::Transferred, false);
        Ok(())
    }

    /// The agent in talk gives the contact up; it waits again, and this agent pauses so that it does not come
    /// straight back.
    fn hand_back(&mut self, id: ContactId, reason: RequeueReason, head: bool) {
        let Some(agent) = self.free_from_agent(id) else { return };
        self.pause(agent);
        self.refresh_agent(agent);
        self.requeue(id, Some(agent), reason, head);
    }

    pub(super) fn assign(&mut self, id: ContactId, agent_id: AccountId) -> Act {
        let contact = self.contacts.get(&id).ok_or(Rejection::UnknownContact)?;
        let agent = self.agents.get(&agent_id).ok_or(Rejection::UnknownAgent)?;
        let rung = match contact.phase {
            Phase::Waiting(_) => None,
            Phase::Offered { agent, .. } => Some(agent),
            _ => return Err(Rejection::WrongState),
        };
        if agent.obstacle().is_some() {
            return Err(Rejection::AgentNotReady);
        }
        if !agent.has_room(contact.arrival.channel, &self.pool) {
            return Err(Rejection::NoCapacity);
        }
        if let Some(rung) = rung {
            self.end_offer(id, OfferEnd::AcceptedElsewhere);
            self.refresh_agent(rung);
        }
        self.offer(id, agent_id, super::Rule::Supervisor);
        Ok(())
    }

    pub(super) fn pull_back(&mut self, id: ContactId) -> Act {
        let contact = self.contacts.get(&id).ok_or(Rejection::UnknownContact)?;
        match contact.phase {
            Phase::Active { .. } => self.hand_back(id, RequeueReason::PulledBack, true),
            Phase::Offered { agent, .. } => {
                self.end_offer(id, OfferEnd::Revoked);
                self.pause(agent);
                self.refresh_agent(agent);
                self.requeue(id, Some(agent), RequeueReason::PulledBack, true);
            }
            _ => return Err(Rejection::WrongState),
        }
        Ok(())
    }
}

/// Sorted, without repetition, within the limit.
fn normal_wishes(mut wanted: Vec<Skill>) -> Result<Vec<Skill>, Rejection> {
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.len() > WANTED_MAX { Err(Rejection::TooMany) } else { Ok(wanted) }
}
