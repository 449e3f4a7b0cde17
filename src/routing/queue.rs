//! The waiting line: how contacts enter it, leave it, return to it, and end.

use super::config::positive;
use super::contact::{Contact, Lane, Phase, Place};
use super::index::{self, AskId, AskKey, AskTerms};
use super::order::Rank;
use super::router::Router;
use super::timers::TimerKey;
use super::{DivertReason, OfferEnd, Outcome, Output, RequeueReason, Ring};
use crate::kernel::ids::{AccountId, ContactId};
use crate::kernel::time::{Millis, Timestamp};

/// What [`Router::place_of`] decided.
enum Entry {
    Place(Place),
    Turned(DivertReason),
}

impl Router {
    /// Puts a contact (in whatever phase, but in no index) into the line, or diverts it.
    pub(super) fn enqueue(&mut self, id: ContactId) {
        match self.place_of(id) {
            Some(Entry::Place(place)) => self.file(id, place),
            Some(Entry::Turned(reason)) => self.divert(id, reason),
            None => {}
        }
    }

    /// Works out where the contact has to wait.
    fn place_of(&mut self, id: ContactId) -> Option<Entry> {
        let contact = self.contacts.get(&id)?;
        let arrival = &contact.arrival;
        let Some(desk) = self.desks.get(&arrival.desk) else {
            return Some(Entry::Turned(DivertReason::DeskClosed));
        };
        if !desk.open && !desk.config.serve_out_at_closing {
            return Some(Entry::Turned(DivertReason::DeskClosed));
        }
        if desk.config.max_wait.is_some_and(|limit| self.now >= contact.waiting_since + positive(limit)) {
            return Some(Entry::Turned(DivertReason::MaxWait));
        }
        let mut ring = Ring::Own;
        for (wider, at) in desk.config.widens(contact.waiting_since) {
            if at.is_some_and(|at| at <= self.now) {
                ring = ring.max(wider);
            }
        }
        let (channel, since) = (arrival.channel, arrival.arrived_at);
        let rank = Rank::new(id, since, arrival.priority, desk.config.ageing_step, contact.boosted);
        let lead = desk.config.expected_handling.of(channel).max(self.pool.reservation_hold);
        let key = AskKey { desk: arrival.desk, channel, wanted: arrival.wanted.clone() };
        let partners = desk.config.partner_desks.clone();
        let lane = contact.arrival.preferred.and_then(|agent| {
            let key_of = self.agents.get(&agent)?.profile_key(index::UNBOUND);
            index::fit(&key, &partners, &key_of).ok()?;
            Some((agent, Lane { channel, reserved: self.redeems(&contact.arrival, agent) }))
        });
        let alone = lane.is_some_and(|(agent, lane)| self.awaits(contact, agent, lane));
        let ask = self.index.ask(key, AskTerms { lead, partners });
        Some(Entry::Place(Place { ask, ring, rank, lane, alone }))
    }

    /// Whether the arrival's reservation is one of this agent's.
    fn redeems(&self, arrival: &super::Arrival, agent: AccountId) -> bool {
        let reservation = arrival.reservation.and_then(|id| self.reservations.get(&id));
        reservation.is_some_and(|r| r.agent == agent)
    }

    /// Whether the contact waits for its preferred agent alone: it still may, the agent cannot take it now
    /// but
    /// soon will.
    fn awaits(&self, contact: &Contact, agent: AccountId, lane: Lane) -> bool {
        let Some(agent) = self.agents.get(&agent) else { return false };
        let insists = contact.insists || lane.reserved;
        contact.awaits_until.is_some_and(|until| self.now < until)
            && !self.preferred_is_free(agent, lane)
            && agent.about_to_be_free(insists)
    }

    /// Enters the contact in every set that belongs to its place, and starts the timers of waiting.
    fn file(&mut self, id: ContactId, place: Place) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.phase = Phase::Waiting(place);
        let (desk, channel) = (contact.arrival.desk, contact.arrival.channel);
        let (since, awaits_until) = (contact.waiting_since, contact.awaits_until);
        self.lines.entry((desk, channel)).or_default().insert(place.rank);
        if let Some((agent, lane)) = place.lane
            && let Some(agent) = self.agents.get_mut(&agent)
        {
            agent.preferring[lane.index()].insert(place.rank);
            if place.alone {
                agent.awaiting.insert(place.rank);
            }
        }
        let mut unstaffed = false;
        if let Some(ask) = self.index.asks.get_mut(&place.ask) {
            ask.all.insert(place.rank);
            if !place.alone {
                ask.lines[place.ring.index()].insert(place.rank);
            }
            unstaffed = ask.staffed == 0;
        }
        if unstaffed {
            self.watch_unstaffed(place.ask);
        }
        if place.alone
            && let Some(until) = awaits_until
        {
            self.timers.set(TimerKey::Preferred(id), until);
        }
        if !place.alone {
            self.new_contacts.insert(place.rank);
        }
        self.unexplained.insert(id);
        let Some(desk) = self.desks.get(&desk) else { return };
        if let Some(limit) = desk.config.max_wait {
            self.timers.set(TimerKey::MaxWait(id), since + positive(limit));
        }
        self.set_widening(id, since);
    }

    /// Starts the timer of the next ring, if there is one to come.
    pub(super) fn set_widening(&mut self, id: ContactId, since: Timestamp) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(desk) = self.desks.get(&contact.arrival.desk) else { return };
        let times = desk.config.widens(since).map(|(_, at)| at);
        if let Some(next) = times.into_iter().flatten().filter(|at| *at > self.now).min() {
            self.timers.set(TimerKey::Widen(id), next);
        }
    }

    /// Starts the time after which contacts that nobody could ever take are diverted.
    pub(super) fn watch_unstaffed(&mut self, ask: AskId) {
        let Some(found) = self.index.asks.get(&ask) else { return };
        if found.all.is_empty() || self.timers.at(TimerKey::Unstaffed(ask)).is_some() {
            return;
        }
        let grace = self.desks.get(&found.key.desk).map_or(Millis::ZERO, |d| d.config.no_agent_grace);
        self.timers.set(TimerKey::Unstaffed(ask), self.now + positive(grace));
    }

    /// Takes a waiting contact out of every set and stops the timers of waiting. The contact itself stays.
    pub(super) fn unqueue(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(place) = contact.place() else { return };
        let line = (contact.arrival.desk, contact.arrival.channel);
        if let Some(set) = self.lines.get_mut(&line) {
            set.remove(&place.rank);
            if set.is_empty() {
                self.lines.remove(&line);
            }
        }
        if let Some((agent, lane)) = place.lane
            && let Some(agent) = self.agents.get_mut(&agent)
        {
            agent.preferring[lane.index()].remove(&place.rank);
            agent.awaiting.remove(&place.rank);
        }
        if let Some(ask) = self.index.asks.get_mut(&place.ask) {
            ask.all.remove(&place.rank);
            ask.lines[place.ring.index()].remove(&place.rank);
            if ask.all.is_empty() {
                self.timers.cancel(TimerKey::Unstaffed(place.ask));
            }
        }
        self.new_contacts.remove(&place.rank);
        self.unexplained.remove(&id);
        for key in [TimerKey::MaxWait(id), TimerKey::Preferred(id), TimerKey::Widen(id)] {
            self.timers.cancel(key);
        }
    }

    /// Out of the line and in again, at the place that it has by now.
    pub(super) fn refile(&mut self, id: ContactId) {
        self.unqueue(id);
        self.enqueue(id);
    }

    /// A contact that waited for its preferred agent alone now waits for anybody.
    pub(super) fn release(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Phase::Waiting(place) = &mut contact.phase else { return };
        if !place.alone {
            return;
        }
        place.alone = false;
        let place = *place;
        self.timers.cancel(TimerKey::Preferred(id));
        if let Some(agent) = place.lane.and_then(|(agent, _)| self.agents.get_mut(&agent)) {
            agent.awaiting.remove(&place.rank);
        }
        if let Some(ask) = self.index.asks.get_mut(&place.ask) {
            ask.lines[place.ring.index()].insert(place.rank);
        }
        self.new_contacts.insert(place.rank);
    }

    /// Opens the ring that the waiting time has reached.
    pub(super) fn widen(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let (Some(mut place), since) = (contact.place(), contact.waiting_since) else { return };
        let Some(desk) = self.desks.get(&contact.arrival.desk) else { return };
        let before = place.ring;
        for (wider, at) in desk.config.widens(since) {
            if at.is_some_and(|at| at <= self.now) {
                place.ring = place.ring.max(wider);
            }
        }
        self.set_widening(id, since);
        if place.ring == before {
            return;
        }
        if let Some(ask) = self.index.asks.get_mut(&place.ask)
            && !place.alone
        {
            ask.lines[before.index()].remove(&place.rank);
            ask.lines[place.ring.index()].insert(place.rank);
            self.new_contacts.insert(place.rank);
        }
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.phase = Phase::Waiting(place);
        }
        self.emit(Output::RingWidened { contact: id, ring: place.ring });
    }

    /// The agent's hold on the contact is over; the contact waits again. `head`: before everybody who was not
    /// returned.
    pub(super) fn requeue(
        &mut self,
        id: ContactId,
        from: Option<AccountId>,
        reason: RequeueReason,
        head: bool,
    ) {
        let now = self.now;
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.waiting_since = now;
        contact.boosted = head;
        self.emit(Output::Requeued { contact: id, from, reason, head });
        self.enqueue(id);
    }

    /// Tells the inquirer that nobody will come, and closes.
    pub(super) fn divert(&mut self, id: ContactId, reason: DivertReason) {
        self.emit(Output::Divert { contact: id, reason });
        self.close(id, Outcome::Diverted, self.now);
    }

    /// Forgets a contact that no agent holds any more. `ended_at`: when the talk ended.
    pub(super) fn close(&mut self, id: ContactId, outcome: Outcome, ended_at: Timestamp) {
        self.unqueue(id);
        self.timers.cancel(TimerKey::WrapUp(id));
        let Some(contact) = self.contacts.remove(&id) else { return };
        let waited = contact.accepted_at.unwrap_or(ended_at).since(contact.arrival.arrived_at);
        let handled = contact.accepted_at.map_or(Millis::ZERO, |at| ended_at.since(at));
        self.emit(Output::Closed { contact: id, outcome, waited, handled });
    }

    /// Ends the offer of the contact, if one is out or being claimed; the agent is free of it. Answers with
    /// the
    /// agent. The contact is left in no index: the caller decides what becomes of it.
    pub(super) fn end_offer(&mut self, id: ContactId, reason: OfferEnd) -> Option<AccountId> {
        let contact = self.contacts.get_mut(&id)?;
        let (Phase::Offered { offer, agent, .. } | Phase::Claiming { offer, agent, .. }) = contact.phase
        else {
            return None;
        };
        if contact.arrival.preferred == Some(agent) {
            contact.arrival.preferred = None;
        }
        self.timers.cancel(TimerKey::Offer(offer));
        self.offers.remove(&offer);
        if let Some(agent) = self.agents.get_mut(&agent) {
            agent.offer = None;
        }
        self.emit(Output::OfferEnded { offer, contact: id, agent, reason });
        Some(agent)
    }

    /// The agent is offered nothing for a moment.
    pub(super) fn pause(&mut self, id: AccountId) {
        let until = self.now + positive(self.pool.decline_pause);
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.paused = true;
            self.timers.set(TimerKey::Pause(id), until);
        }
    }

    /// Does what has run out by now, in the order of time.
    pub(super) fn run_timers(&mut self) {
        while let Some(key) = self.timers.pop(self.now) {
            match key {
                TimerKey::Offer(offer) => self.offer_expired(offer),
                TimerKey::WrapUp(contact) => self.wrap_up_over(contact, true),
                TimerKey::Grace(agent) => self.grace_over(agent),
                TimerKey::Pause(agent) => self.pause_over(agent),
                TimerKey::Booking(agent) => self.booking_moved(agent),
                TimerKey::MaxWait(contact) => self.divert(contact, DivertReason::MaxWait),
                TimerKey::Unstaffed(ask) => self.unstaffed_too_long(ask),
                TimerKey::Preferred(contact) => self.release(contact),
                TimerKey::Widen(contact) => self.widen(contact),
            }
        }
    }

    fn unstaffed_too_long(&mut self, ask: AskId) {
        let Some(found) = self.index.asks.get(&ask) else { return };
        let waiting: Vec<_> = found.all.iter().map(|rank| rank.contact).collect();
        for contact in waiting {
            self.divert(contact, DivertReason::NoAgent);
        }
    }

    /// The owner learns why each contact that this input left waiting waits.
    pub(super) fn explain_waiting(&mut self) {
        while let Some(contact) = self.unexplained.pop_first() {
            if let Some(why) = self.explain(contact, self.now) {
                self.emit(Output::Explain(Box::new(why)));
            }
        }
    }
}
