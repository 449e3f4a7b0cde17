//! The inputs, one by one, as the naive model understands them.

use super::{Act, Agent, CHANNELS, Contact, Model, Phase, Said, Stance, positive};
use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId};
use crate::routing::{
    AgentSetup, Arrival, DeskConfig, DivertReason, Input, OfferEnd, Outcome, Rejection, RequeueReason, Ring,
    Skill, TransferTarget, Wish,
};

impl Model {
    pub(super) fn apply(&mut self, input: Input) -> Act {
        match input {
            Input::Arrived(arrival) => self.arrived(arrival),
            Input::SkillsCorrected { contact, wanted } => self.skills_corrected(contact, wanted),
            Input::GaveUp { contact } => self.leaves(contact, Outcome::Abandoned, Outcome::Handled),
            Input::Failed { contact } => self.leaves(contact, Outcome::Failed, Outcome::Failed),
            Input::ChoseDiversion { contact } => self.chose_diversion(contact),
            Input::Accepted { offer, agent } => self.accepted(offer, agent),
            Input::Declined { offer, agent } => self.declined(offer, agent),
            Input::ClaimWon { offer, contact } => self.claim_won(offer, contact),
            Input::ClaimLost { offer, contact } => self.claim_lost(offer, contact),
            Input::Ended { contact } => self.begin_wrap_up(contact, Outcome::Handled),
            Input::TransferredOutside { contact } => self.begin_wrap_up(contact, Outcome::Transferred),
            Input::WrapUpDone { contact } => self.wrap_up_done(contact),
            Input::WrapUpExtend { contact } => self.wrap_up_extend(contact),
            Input::Hold { contact } => self.set_held(contact, true),
            Input::Unhold { contact } => self.set_held(contact, false),
            Input::Transfer { contact, to } => self.transfer(contact, to),
            Input::AgentUpsert(setup) => self.agent_upsert(setup),
            Input::AgentRemoved { agent } => self.agent_removed(agent),
            Input::SetState { agent, wish } => self.set_state(agent, wish),
            Input::SocketLost { agent } => self.socket_lost(agent),
            Input::SocketBack { agent } => self.socket_back(agent),
            Input::DeskConfigured { desk, config } => self.desk_configured(desk, *config),
            Input::DeskRemoved { desk } => self.desk_removed(desk),
            Input::DeskOpened { desk } => self.open_door(desk),
            Input::DeskClosed { desk } => self.close_door(desk),
            Input::PoolConfigured { config } => {
                if self.pool != config {
                    self.pool = config;
                    self.line_up();
                }
                Ok(())
            }
            Input::Assign { contact, agent } => self.assign(contact, agent),
            Input::PullBack { contact } => self.pull_back(contact),
            Input::ForceState { agent, wish } => self.force_state(agent, wish),
            Input::Tick => Ok(()),
            Input::ReservationUpsert(_) | Input::ReservationCancelled { .. } => panic!("left out"),
        }
    }

    fn phase(&self, id: ContactId) -> Result<Phase, Rejection> {
        self.contacts.get(&id).map(|c| c.phase).ok_or(Rejection::UnknownContact)
    }

    fn arrived(&mut self, mut arrival: Arrival) -> Act {
        let id = arrival.contact;
        if self.contacts.contains_key(&id) {
            return Err(Rejection::DuplicateContact);
        }
        let (config, open) = self.desks.get(&arrival.desk).cloned().ok_or(Rejection::UnknownDesk)?;
        arrival.wanted = normal(arrival.wanted)?;
        let waits = |c: &&Contact| c.phase == Phase::Waiting && c.arrival.desk == arrival.desk;
        let full = self.contacts.values().filter(waits).count() >= config.queue_limit as usize;
        let contact = Contact {
            arrival,
            waiting_since: self.now,
            accepted_at: None,
            boosted: false,
            // In no line yet.
            phase: Phase::Active { agent: AccountId(0), held: false },
            ring: Ring::Own,
            widens_at: None,
            max_wait_at: None,
        };
        self.contacts.insert(id, contact);
        if !open {
            self.divert(id, DivertReason::DeskClosed);
        } else if full {
            self.divert(id, DivertReason::QueueFull);
        } else {
            self.enqueue(id);
        }
        Ok(())
    }

    fn skills_corrected(&mut self, id: ContactId, wanted: Vec<Skill>) -> Act {
        let phase = self.phase(id)?;
        let wanted = normal(wanted)?;
        self.leave_line(id);
        let contact = self.contacts.get_mut(&id).unwrap();
        contact.arrival.wanted = wanted;
        let ask = Self::ask_of(contact);
        match phase {
            Phase::Waiting => self.enqueue(id),
            Phase::Offered { agent, .. }
                if !self.agents.contains_key(&agent) || self.fit(&ask, agent).is_none() =>
            {
                self.end_offer(id, OfferEnd::Revoked);
                self.enqueue(id);
            }
            _ => {}
        }
        Ok(())
    }

    fn leaves(&mut self, id: ContactId, unanswered: Outcome, answered: Outcome) -> Act {
        match self.phase(id)? {
            Phase::Waiting | Phase::Offered { .. } | Phase::Claiming { .. } => {
                self.end_offer(id, OfferEnd::GaveUp);
                self.close(id, unanswered, self.now);
                Ok(())
            }
            Phase::Active { .. } => self.begin_wrap_up(id, answered),
            Phase::WrapUp { .. } => Err(Rejection::WrongState),
        }
    }

    fn chose_diversion(&mut self, id: ContactId) -> Act {
        match self.phase(id)? {
            Phase::Waiting | Phase::Offered { .. } => {
                self.end_offer(id, OfferEnd::GaveUp);
                self.divert(id, DivertReason::Chosen);
                Ok(())
            }
            _ => Err(Rejection::WrongState),
        }
    }

    /// The contact of an offer that rings at this agent, with the offer's end.
    fn rings_at(&self, offer: OfferId, agent: AccountId) -> Result<ContactId, Rejection> {
        for (id, contact) in &self.contacts {
            match contact.phase {
                Phase::Offered { offer: o, agent: a, .. } if o == offer => {
                    return if a == agent { Ok(*id) } else { Err(Rejection::NotYourOffer) };
                }
                Phase::Claiming { offer: o, .. } if o == offer => return Err(Rejection::WrongState),
                _ => {}
            }
        }
        Err(Rejection::UnknownOffer)
    }

    fn accepted(&mut self, offer: OfferId, agent: AccountId) -> Act {
        let id = self.rings_at(offer, agent)?;
        let contact = self.contacts.get_mut(&id).unwrap();
        if let Phase::Offered { expires_at, .. } = contact.phase {
            contact.phase = Phase::Claiming { offer, agent, expires_at };
        }
        self.said.push(Said::Claim(offer, id, agent));
        Ok(())
    }

    fn declined(&mut self, offer: OfferId, agent: AccountId) -> Act {
        let id = self.rings_at(offer, agent)?;
        self.end_offer(id, OfferEnd::Declined);
        self.pause(agent);
        self.enqueue(id);
        Ok(())
    }

    fn claiming(&self, offer: OfferId, id: ContactId) -> Result<AccountId, Rejection> {
        match self.phase(id)? {
            Phase::Claiming { offer: o, agent, .. } if o == offer => Ok(agent),
            _ => Err(Rejection::UnknownOffer),
        }
    }

    fn claim_won(&mut self, offer: OfferId, id: ContactId) -> Act {
        let agent = self.claiming(offer, id)?;
        let now = self.now;
        let contact = self.contacts.get_mut(&id).unwrap();
        contact.phase = Phase::Active { agent, held: false };
        contact.accepted_at.get_or_insert(now);
        contact.boosted = false;
        let waited = now.since(contact.arrival.arrived_at);
        self.said.push(Said::Started(id, agent, waited));
        match self.agents.get_mut(&agent) {
            None => self.requeue(id, Some(agent), RequeueReason::AgentLeft, true),
            Some(a) if a.stance == Stance::Offline => {
                self.requeue(id, Some(agent), RequeueReason::SocketLost, true);
            }
            Some(a) => a.idle_since = now,
        }
        Ok(())
    }

    fn claim_lost(&mut self, offer: OfferId, id: ContactId) -> Act {
        self.claiming(offer, id)?;
        self.end_offer(id, OfferEnd::ClaimLost);
        let boosted = self.contacts[&id].boosted;
        self.requeue(id, None, RequeueReason::ClaimLost, boosted);
        Ok(())
    }

    fn wrap_up_done(&mut self, id: ContactId) -> Act {
        let Phase::WrapUp { .. } = self.phase(id)? else { return Err(Rejection::WrongState) };
        self.wrap_up_over(id, false);
        Ok(())
    }

    fn wrap_up_extend(&mut self, id: ContactId) -> Act {
        let contact = self.contacts.get_mut(&id).ok_or(Rejection::UnknownContact)?;
        let desk = self.desks.get(&contact.arrival.desk);
        let Phase::WrapUp { agent, until, extensions, .. } = &mut contact.phase else {
            return Err(Rejection::WrongState);
        };
        let (config, _) = desk.ok_or(Rejection::ExtensionLimit)?;
        if *extensions >= config.wrap_up_extensions_max {
            return Err(Rejection::ExtensionLimit);
        }
        *extensions += 1;
        *until = *until + positive(config.wrap_up_extension);
        self.said.push(Said::WrapUpExtended(id, *agent, *until));
        Ok(())
    }

    fn set_held(&mut self, id: ContactId, hold: bool) -> Act {
        let contact = self.contacts.get_mut(&id).ok_or(Rejection::UnknownContact)?;
        match &mut contact.phase {
            Phase::Active { held, .. } if *held != hold => {
                *held = hold;
                self.said.push(Said::Held(id, hold));
                Ok(())
            }
            _ => Err(Rejection::WrongState),
        }
    }

    fn transfer(&mut self, id: ContactId, to: TransferTarget) -> Act {
        let Phase::Active { agent: from, .. } = self.phase(id)? else { return Err(Rejection::WrongState) };
        match to {
            TransferTarget::Agent { .. } => panic!("left out"),
            TransferTarget::Desk { desk } => {
                let (_, open) = self.desks.get(&desk).ok_or(Rejection::UnknownDesk)?;
                if !open {
                    return Err(Rejection::WrongState);
                }
                self.contacts.get_mut(&id).unwrap().arrival.desk = desk;
            }
            TransferTarget::Skills { wanted } => {
                self.contacts.get_mut(&id).unwrap().arrival.wanted = normal(wanted)?;
            }
        }
        self.hand_back(id, from, RequeueReason::Transferred, false);
        Ok(())
    }

    fn agent_upsert(&mut self, setup: AgentSetup) -> Act {
        let (id, now) = (setup.agent, self.now);
        match self.agents.get_mut(&id) {
            Some(agent) => agent.setup = setup,
            None => {
                let agent = Agent {
                    setup,
                    stance: Stance::Offline,
                    pending: None,
                    connected: false,
                    idle_since: now,
                    paused_until: None,
                    grace_until: None,
                };
                self.agents.insert(id, agent);
            }
        }
        Ok(())
    }

    fn agent_removed(&mut self, id: AccountId) -> Act {
        self.known(id)?;
        self.dismiss(id, OfferEnd::Revoked, RequeueReason::AgentLeft);
        self.agents.remove(&id);
        Ok(())
    }

    fn known(&self, id: AccountId) -> Result<&Agent, Rejection> {
        self.agents.get(&id).ok_or(Rejection::UnknownAgent)
    }

    fn set_state(&mut self, id: AccountId, wish: Wish) -> Act {
        let (now, connected) = (self.now, self.known(id)?.connected);
        if wish == Wish::Available {
            if !connected {
                return Err(Rejection::AgentNotReady);
            }
            let agent = self.agents.get_mut(&id).unwrap();
            if agent.stance != Stance::Available {
                agent.idle_since = now;
            }
            agent.stance = Stance::Available;
            agent.pending = None;
            return Ok(());
        }
        if let Some(contact) = self.ringing(id) {
            self.end_offer(contact, OfferEnd::Declined);
            self.enqueue(contact);
        }
        let engaged = self.talks(id) || self.wraps_up(id) || self.has_offer(id);
        let agent = self.agents.get_mut(&id).unwrap();
        if engaged {
            agent.pending = Some(wish);
        } else {
            agent.stance = wish.into();
            agent.pending = None;
        }
        Ok(())
    }

    fn force_state(&mut self, id: AccountId, wish: Wish) -> Act {
        let (now, agent) = (self.now, self.known(id)?);
        let fresh = agent.stance != Stance::Available;
        if wish == Wish::Offline {
            self.dismiss(id, OfferEnd::Revoked, RequeueReason::AgentLeft);
            return Ok(());
        }
        if wish == Wish::Available && !agent.connected {
            return Err(Rejection::AgentNotReady);
        }
        if let Some(contact) = self.ringing(id).filter(|_| wish != Wish::Available) {
            self.end_offer(contact, OfferEnd::Revoked);
            self.enqueue(contact);
        }
        let wraps = |c: &Contact| matches!(c.phase, Phase::WrapUp { agent, .. } if agent == id);
        let wrapping: Vec<_> =
            self.contacts.iter().filter(|(_, c)| wraps(c)).map(|(contact, _)| *contact).collect();
        for contact in wrapping {
            self.wrap_up_over(contact, false);
        }
        let agent = self.agents.get_mut(&id).unwrap();
        agent.stance = wish.into();
        agent.pending = None;
        agent.paused_until = None;
        if fresh {
            agent.idle_since = now;
        }
        Ok(())
    }

    fn socket_lost(&mut self, id: AccountId) -> Act {
        let graces = self.known(id)?.setup.desks.iter().filter_map(|d| self.desks.get(d));
        let grace = graces.map(|(config, _)| config.socket_grace).max();
        let until = self.now + positive(grace.unwrap_or(DeskConfig::default().socket_grace));
        let agent = self.agents.get_mut(&id).unwrap();
        if agent.connected {
            agent.connected = false;
            agent.grace_until = Some(until);
        }
        Ok(())
    }

    fn socket_back(&mut self, id: AccountId) -> Act {
        let agent = self.agents.get_mut(&id).ok_or(Rejection::UnknownAgent)?;
        agent.connected = true;
        agent.grace_until = None;
        Ok(())
    }

    fn desk_configured(&mut self, id: DeskId, config: DeskConfig) -> Act {
        match self.desks.get_mut(&id) {
            Some((old, _)) if *old == config => return Ok(()),
            Some((old, _)) => *old = config,
            None => {
                self.desks.insert(id, (config, false));
            }
        }
        self.line_up();
        Ok(())
    }

    fn desk_removed(&mut self, id: DeskId) -> Act {
        self.desks.remove(&id).ok_or(Rejection::UnknownDesk)?;
        self.line_up();
        Ok(())
    }

    fn open_door(&mut self, id: DeskId) -> Act {
        self.desks.get_mut(&id).ok_or(Rejection::UnknownDesk)?.1 = true;
        Ok(())
    }

    fn close_door(&mut self, id: DeskId) -> Act {
        let (config, open) = self.desks.get_mut(&id).ok_or(Rejection::UnknownDesk)?;
        *open = false;
        if config.serve_out_at_closing {
            return Ok(());
        }
        let waits = |c: &Contact| c.phase == Phase::Waiting && c.arrival.desk == id;
        let told: Vec<_> = self.contacts.iter().filter(|(_, c)| waits(c)).map(|(id, _)| *id).collect();
        for contact in told {
            self.divert(contact, DivertReason::DeskClosed);
        }
        Ok(())
    }

    fn assign(&mut self, id: ContactId, agent: AccountId) -> Act {
        let phase = self.phase(id)?;
        self.known(agent)?;
        if !matches!(phase, Phase::Waiting | Phase::Offered { .. }) {
            return Err(Rejection::WrongState);
        }
        if !self.ready(agent) {
            return Err(Rejection::AgentNotReady);
        }
        if !self.has_room(agent, self.contacts[&id].arrival.channel) {
            return Err(Rejection::NoCapacity);
        }
        self.end_offer(id, OfferEnd::AcceptedElsewhere);
        self.offer(id, agent);
        Ok(())
    }

    fn pull_back(&mut self, id: ContactId) -> Act {
        match self.phase(id)? {
            Phase::Active { agent, .. } => self.hand_back(id, agent, RequeueReason::PulledBack, true),
            Phase::Offered { agent, .. } => {
                self.end_offer(id, OfferEnd::Revoked);
                self.pause(agent);
                self.requeue(id, Some(agent), RequeueReason::PulledBack, true);
            }
            _ => return Err(Rejection::WrongState),
        }
        Ok(())
    }

    /// Talks of all agents together, for the driver's own checks.
    pub(in crate::routing::tests) fn talks_in_all(&self) -> u32 {
        self.agents.keys().flat_map(|a| CHANNELS.map(|c| u32::from(self.load(*a, c)))).sum()
    }
}

fn normal(mut wanted: Vec<Skill>) -> Result<Vec<Skill>, Rejection> {
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.len() > 8 { Err(Rejection::TooMany) } else { Ok(wanted) }
}
