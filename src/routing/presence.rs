//! Agents: their settings, states and connections, and the one place that files them in the index.

use super::agent::{Agent, Filing, FreeSlot, Stance, normalised};
use super::config::positive;
use super::contact::Phase;
use super::index::{Step, UNBOUND};
use super::router::{Act, Router};
use super::timers::TimerKey;
use super::{AgentSetup, DeskConfig, OfferEnd, Outcome, Output, Rejection, RequeueReason, Wish};
use crate::kernel::ids::{AccountId, ContactId};
use crate::kernel::time::Millis;

impl Router {
    /// Brings everything that follows from the agent's own fields up to date: a wish that waited, the
    /// profile,
    /// the sets of free agents, the counts of staff, what the world sees. Call it after every change of an
    /// agent.
    pub(super) fn refresh_agent(&mut self, id: AccountId) {
        let headroom = self.headroom(id);
        let Some(agent) = self.agents.get_mut(&id) else { return };
        if !agent.engaged()
            && agent.offer.is_none()
            && let Some(wish) = agent.pending.take()
        {
            agent.stance = wish.into();
        }
        let channels = agent.free_channels(&self.pool);
        let free = channels.contains(&true).then(|| FreeSlot { key: agent.idleness(), channels });
        let staff = agent.stance != Stance::Offline;
        let working = agent.stance == Stance::Available;
        let shown = agent.derive_shown(&self.pool);
        if shown != agent.shown {
            if (shown.state, shown.reason) != (agent.shown.state, agent.shown.reason) {
                agent.since = self.now;
            }
            agent.shown = shown;
            self.tell_state(id);
        }
        self.file_agent(id, headroom, staff, working, free);
        self.release_if_hopeless(id);
    }

    fn file_agent(
        &mut self,
        id: AccountId,
        headroom: Millis,
        staff: bool,
        working: bool,
        free: Option<FreeSlot>,
    ) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let old = agent.filing.filter(|old| old.headroom == headroom);
        let profile = match old {
            Some(same) => same.profile,
            None => {
                let key = agent.profile_key(headroom);
                self.unfile_agent(id);
                self.index.join(&key, id)
            }
        };
        let (was_staff, was_working) = old.map_or((false, false), |f| (f.staff, f.working));
        let was_free = old.and_then(|f| f.free);
        if was_free != free
            && let Some(profile) = self.index.profiles.get_mut(&profile)
        {
            move_slot(&mut profile.free, was_free, free);
        }
        let steps = (Step::between(was_staff, staff), Step::between(was_working, working));
        for change in self.index.count(profile, steps.0, steps.1) {
            if change.staffed {
                self.timers.cancel(TimerKey::Unstaffed(change.ask));
            } else {
                self.watch_unstaffed(change.ask);
            }
        }
        if free.is_some() && (was_free != free || old.is_none()) {
            self.new_agents.insert(id);
        }
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.filing = Some(Filing { profile, headroom, staff, working, free });
        }
    }

    /// Takes the agent out of the index.
    pub(super) fn unfile_agent(&mut self, id: AccountId) {
        let Some(filing) = self.agents.get_mut(&id).and_then(|agent| agent.filing.take()) else { return };
        if let Some(profile) = self.index.profiles.get_mut(&filing.profile) {
            move_slot(&mut profile.free, filing.free, None);
        }
        let steps = (Step::between(filing.staff, false), Step::between(filing.working, false));
        for change in self.index.count(filing.profile, steps.0, steps.1) {
            self.watch_unstaffed(change.ask);
        }
        self.index.leave(filing.profile, id);
    }

    /// Contacts that wait for this agent alone wait for anybody as soon as it cannot be expected soon.
    fn release_if_hopeless(&mut self, id: AccountId) {
        let Some(agent) = self.agents.get(&id) else { return };
        let mut released = Vec::new();
        for rank in &agent.awaiting {
            let Some(contact) = self.contacts.get(&rank.contact) else { continue };
            let Some((_, lane)) = contact.place().and_then(|place| place.lane) else { continue };
            let hope = agent.about_to_be_free(contact.insists || lane.reserved);
            if !hope && !self.preferred_is_free(agent, lane) {
                released.push(rank.contact);
            }
        }
        for contact in released {
            self.release(contact);
        }
    }

    pub(super) fn tell_state(&mut self, id: AccountId) {
        let Some(agent) = self.agents.get(&id) else { return };
        let (shown, since) = (agent.shown, agent.since);
        self.emit(Output::AgentState {
            agent: id,
            state: shown.state,
            reason: shown.reason,
            since,
            pending: shown.pending,
        });
    }

    /// The longest contact that may still begin before the agent's next reservation, among the lengths that
    /// any
    /// desk's contacts have; and the timer for when that changes.
    fn headroom(&mut self, id: AccountId) -> Millis {
        let Some((starts_at, next)) = self.agents.get(&id).and_then(|a| a.bookings.first().copied()) else {
            return UNBOUND;
        };
        let ends_at = self.reservations.get(&next).map_or(starts_at, |r| r.ends_at);
        let left = Millis(starts_at.0.saturating_sub(self.now.0));
        let mut fits: Option<Millis> = None;
        let mut all = true;
        for lead in self.leads() {
            if lead <= left {
                fits = fits.max(Some(lead));
            } else {
                all = false;
            }
        }
        // The longest that fits is the first that will no longer.
        let changes_at = fits.map_or(ends_at, |lead| starts_at - lead + Millis(1));
        self.timers.set(TimerKey::Booking(id), changes_at.max(self.now + Millis(1)));
        if all { UNBOUND } else { fits.unwrap_or(Millis(-1)) }
    }

    /// How long before a reservation the contacts of each desk and channel may begin at the latest.
    fn leads(&self) -> impl Iterator<Item = Millis> + '_ {
        let hold = self.pool.reservation_hold;
        let times = self.desks.values().map(|desk| desk.config.expected_handling);
        times.flat_map(|t| [t.phone, t.meeting, t.chat]).map(move |t| t.max(hold)).chain([hold])
    }

    pub(super) fn agent_upsert(&mut self, setup: AgentSetup) -> Act {
        let setup = normalised(setup).ok_or(Rejection::TooMany)?;
        let (id, now) = (setup.agent, self.now);
        match self.agents.get_mut(&id) {
            None => {
                self.agents.insert(id, Agent::new(setup, now));
                self.tell_state(id);
            }
            Some(agent) => {
                agent.setup = setup;
                self.unfile_agent(id);
            }
        }
        self.refresh_agent(id);
        self.refile_preferring(id);
        Ok(())
    }

    /// Contacts that prefer this agent are placed anew: whether it fits may have changed.
    pub(super) fn refile_preferring(&mut self, id: AccountId) {
        let Some(agent) = self.agents.get(&id) else { return };
        let contacts: Vec<ContactId> = agent.preferring.iter().flatten().map(|r| r.contact).collect();
        for contact in contacts {
            self.refile(contact);
        }
    }

    pub(super) fn agent_removed(&mut self, id: AccountId) -> Act {
        if !self.agents.contains_key(&id) {
            return Err(Rejection::UnknownAgent);
        }
        self.dismiss(id, OfferEnd::Revoked, RequeueReason::AgentLeft);
        self.unfile_agent(id);
        let Some(agent) = self.agents.remove(&id) else { return Ok(()) };
        for key in [TimerKey::Grace(id), TimerKey::Pause(id), TimerKey::Booking(id)] {
            self.timers.cancel(key);
        }
        for (_, reservation) in agent.bookings {
            self.reservations.remove(&reservation);
        }
        for rank in agent.preferring.iter().flatten() {
            if let Some(contact) = self.contacts.get_mut(&rank.contact) {
                contact.arrival.preferred = None;
            }
            self.refile(rank.contact);
        }
        self.new_agents.remove(&id);
        Ok(())
    }

    /// The agent is gone: offline at once, wrap-ups closed, offer and talks back to the line. An offer that
    /// is
    /// being claimed is left to the claim's answer.
    fn dismiss(&mut self, id: AccountId, offer: OfferEnd, reason: RequeueReason) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        agent.stance = Stance::Offline;
        agent.pending = None;
        let offered = agent.offer;
        let wrapping: Vec<_> = agent.wrapping.iter().copied().collect();
        let active: Vec<_> = agent.active.iter().copied().collect();
        let offered = offered.and_then(|o| self.offers.get(&o).copied());
        self.refresh_agent(id);
        for contact in wrapping {
            self.wrap_up_over(contact, false);
        }
        for contact in active {
            self.free_from_agent(contact);
            self.requeue(contact, Some(id), reason, true);
        }
        if let Some(contact) = offered.filter(|c| self.is_ringing(*c)) {
            self.end_offer(contact, offer);
            self.enqueue(contact);
        }
        self.refresh_agent(id);
    }

    pub(super) fn is_ringing(&self, contact: ContactId) -> bool {
        self.contacts.get(&contact).is_some_and(|c| matches!(c.phase, Phase::Offered { .. }))
    }

    /// Takes the contact off its agent's hands (talk or wrap-up). The agent is not refreshed here.
    pub(super) fn free_from_agent(&mut self, id: ContactId) -> Option<AccountId> {
        let contact = self.contacts.get(&id)?;
        let (channel, now) = (contact.arrival.channel, self.now);
        let (Phase::Active { agent: holder, .. } | Phase::WrapUp { agent: holder, .. }) = contact.phase
        else {
            return None;
        };
        self.timers.cancel(TimerKey::WrapUp(id));
        if let Some(agent) = self.agents.get_mut(&holder) {
            if agent.active.remove(&id) {
                agent.load.remove(channel);
            }
            agent.wrapping.remove(&id);
            agent.idle_since = now;
        }
        Some(holder)
    }

    pub(super) fn set_state(&mut self, id: AccountId, wish: Wish) -> Act {
        let now = self.now;
        let agent = self.agents.get_mut(&id).ok_or(Rejection::UnknownAgent)?;
        let offer = agent.offer;
        let before = agent.shown;
        if wish == Wish::Available {
            if !agent.connected {
                return Err(Rejection::AgentNotReady);
            }
            if agent.stance != Stance::Available {
                agent.idle_since = now;
            }
            agent.stance = Stance::Available;
            agent.pending = None;
        } else {
            // Whoever walks away from a ringing offer has declined it.
            let ringing = offer.and_then(|o| self.offers.get(&o).copied()).filter(|c| self.is_ringing(*c));
            if let Some(contact) = ringing {
                self.end_offer(contact, OfferEnd::Declined);
                self.enqueue(contact);
            }
            let agent = self.agents.get_mut(&id).ok_or(Rejection::UnknownAgent)?;
            if agent.engaged() || agent.offer.is_some() {
                agent.pending = Some(wish);
            } else {
                agent.stance = wish.into();
                agent.pending = None;
            }
        }
        self.refresh_agent(id);
        if self.agents.get(&id).is_some_and(|agent| agent.shown == before) {
            self.tell_state(id);
        }
        Ok(())
    }

    pub(super) fn socket_lost(&mut self, id: AccountId) -> Act {
        let grace = self.socket_grace(id);
        let agent = self.agents.get_mut(&id).ok_or(Rejection::UnknownAgent)?;
        if agent.connected {
            agent.connected = false;
            self.timers.set(TimerKey::Grace(id), self.now + grace);
            self.refresh_agent(id);
        }
        Ok(())
    }

    /// The longest grace period of the agent's desks.
    pub(super) fn socket_grace(&self, id: AccountId) -> Millis {
        let desks = self.agents.get(&id).map_or(&[][..], |agent| &agent.setup.desks);
        let graces = desks.iter().filter_map(|desk| Some(self.desks.get(desk)?.config.socket_grace));
        positive(graces.max().unwrap_or_else(|| DeskConfig::default().socket_grace))
    }

    pub(super) fn socket_back(&mut self, id: AccountId) -> Act {
        let agent = self.agents.get_mut(&id).ok_or(Rejection::UnknownAgent)?;
        agent.connected = true;
        self.timers.cancel(TimerKey::Grace(id));
        self.refresh_agent(id);
        Ok(())
    }

    pub(super) fn grace_over(&mut self, id: AccountId) {
        self.dismiss(id, OfferEnd::SocketLost, RequeueReason::SocketLost);
    }

    pub(super) fn pause_over(&mut self, id: AccountId) {
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.paused = false;
        }
        self.refresh_agent(id);
    }

    pub(super) fn force_state(&mut self, id: AccountId, wish: Wish) -> Act {
        let agent = self.agents.get(&id).ok_or(Rejection::UnknownAgent)?;
        if wish == Wish::Offline {
            self.dismiss(id, OfferEnd::Revoked, RequeueReason::AgentLeft);
            return Ok(());
        }
        if wish == Wish::Available && !agent.connected {
            return Err(Rejection::AgentNotReady);
        }
        let wrapping: Vec<_> = agent.wrapping.iter().copied().collect();
        let ringing = agent.offer.and_then(|o| self.offers.get(&o).copied()).filter(|c| self.is_ringing(*c));
        let fresh = agent.stance != Stance::Available;
        if let Some(contact) = ringing.filter(|_| wish != Wish::Available) {
            self.end_offer(contact, OfferEnd::Revoked);
            self.enqueue(contact);
        }
        for contact in wrapping {
            self.wrap_up_over(contact, false);
        }
        let now = self.now;
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.stance = wish.into();
            agent.pending = None;
            agent.paused = false;
            if fresh {
                agent.idle_since = now;
            }
        }
        self.timers.cancel(TimerKey::Pause(id));
        self.refresh_agent(id);
        Ok(())
    }

    /// Closes the wrap-up of a contact.
    pub(super) fn wrap_up_over(&mut self, id: ContactId, timed_out: bool) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Phase::WrapUp { agent, ended_at, outcome, .. } = contact.phase else { return };
        self.free_from_agent(id);
        self.emit(Output::WrapUpEnded { contact: id, agent, timed_out });
        self.close(id, outcome, ended_at);
        self.refresh_agent(agent);
    }

    /// A talk is over: wrap-up, or closed at once where there is none.
    pub(super) fn begin_wrap_up(&mut self, id: ContactId, outcome: Outcome) -> Act {
        let now = self.now;
        let contact = self.contacts.get_mut(&id).ok_or(Rejection::UnknownContact)?;
        let Phase::Active { agent: holder, .. } = contact.phase else { return Err(Rejection::WrongState) };
        let desk = self.desks.get(&contact.arrival.desk);
        let limit = desk.map_or_else(|| DeskConfig::default().wrap_up_limit, |d| d.config.wrap_up_limit);
        if limit <= Millis::ZERO {
            self.free_from_agent(id);
            self.close(id, outcome, now);
            self.refresh_agent(holder);
            return Ok(());
        }
        let until = now + limit;
        contact.phase = Phase::WrapUp { agent: holder, until, extensions: 0, ended_at: now, outcome };
        let channel = contact.arrival.channel;
        if let Some(agent) = self.agents.get_mut(&holder) {
            agent.active.remove(&id);
            agent.load.remove(channel);
            agent.wrapping.insert(id);
        }
        self.timers.set(TimerKey::WrapUp(id), until);
        self.emit(Output::WrapUpStarted { contact: id, agent: holder, until });
        self.refresh_agent(holder);
        Ok(())
    }
}

/// Moves an agent between the sets of free agents of its profile.
fn move_slot(
    sets: &mut [std::collections::BTreeSet<super::order::Idleness>; 3],
    from: Option<FreeSlot>,
    to: Option<FreeSlot>,
) {
    for (channel, set) in sets.iter_mut().enumerate() {
        if let Some(slot) = from.filter(|slot| slot.channels[channel]) {
            set.remove(&slot.key);
        }
        if let Some(slot) = to.filter(|slot| slot.channels[channel]) {
            set.insert(slot.key);
        }
    }
}
