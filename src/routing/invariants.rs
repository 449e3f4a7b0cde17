//! What must hold between any two inputs. For tests and for debugging: it walks through everything.

use std::collections::{BTreeMap, BTreeSet};

use super::agent::Agent;
use super::contact::{Contact, Phase};
use super::index::{self, UNBOUND};
use super::order::Rank;
use super::router::Router;
use super::timers::TimerKey;
use super::{CHAT_CAPACITY_MAX, Channel};
use crate::kernel::ids::{AccountId, ContactId};

type Check = Result<(), String>;

/// Fails with the message unless the condition holds.
macro_rules! hold {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}

impl Router {
    /// Whether every index agrees with the truth and every promise of the module holds.
    ///
    /// # Errors
    /// What is broken, in words.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.check_contacts()?;
        self.check_agents()?;
        self.check_index()?;
        self.check_timers()?;
        self.check_no_match_is_left()
    }

    /// One owner for each contact, known to both sides.
    fn check_contacts(&self) -> Check {
        for (id, contact) in &self.contacts {
            hold!(contact.arrival.contact == *id, "{id} is filed under another name");
            match contact.phase {
                Phase::Arriving => return Err(format!("{id} is stuck between two steps")),
                Phase::Waiting(_) => self.check_waiting(*id, contact)?,
                Phase::Offered { offer, agent, expires_at } => {
                    hold!(expires_at > self.now, "{offer} outlived its deadline");
                    hold!(self.timers.at(TimerKey::Offer(offer)) == Some(expires_at), "{offer} has no timer");
                    self.check_offer(*id, offer, agent)?;
                }
                Phase::Claiming { offer, agent, .. } => {
                    hold!(self.timers.at(TimerKey::Offer(offer)).is_none(), "{offer} runs out while claimed");
                    if self.agents.contains_key(&agent) {
                        self.check_offer(*id, offer, agent)?;
                    }
                }
                Phase::Active { agent, .. } => {
                    let held = self.agents.get(&agent).is_some_and(|a| a.active.contains(id));
                    hold!(held, "{agent} does not know of {id} in talk");
                }
                Phase::WrapUp { agent, until, .. } => {
                    let held = self.agents.get(&agent).is_some_and(|a| a.wrapping.contains(id));
                    hold!(held, "{agent} does not know of {id} in wrap-up");
                    hold!(self.timers.at(TimerKey::WrapUp(*id)) == Some(until), "wrap-up of {id} has no end");
                }
            }
        }
        let offered = self.contacts.values().filter(|c| is_offered(c)).count();
        hold!(offered == self.offers.len(), "{offered} contacts offered, {} offers", self.offers.len());
        Ok(())
    }

    fn check_offer(&self, id: ContactId, offer: crate::kernel::ids::OfferId, agent: AccountId) -> Check {
        hold!(self.offers.get(&offer) == Some(&id), "{offer} is not known as the offer of {id}");
        let held = self.agents.get(&agent).is_some_and(|a| a.offer == Some(offer));
        hold!(held, "{agent} does not know of {offer}");
        Ok(())
    }

    fn check_waiting(&self, id: ContactId, contact: &Contact) -> Check {
        let Some(place) = contact.place() else { return Err(format!("{id} waits nowhere")) };
        let Some(desk) = self.desks.get(&contact.arrival.desk) else {
            return Err(format!("{id} waits at no desk"));
        };
        hold!(desk.open || desk.config.serve_out_at_closing, "{id} waits at a closed desk");
        let (arrival, step) = (&contact.arrival, desk.config.ageing_step);
        let rank = Rank::new(id, arrival.arrived_at, arrival.priority, step, contact.boosted);
        hold!(place.rank == rank, "{id} has a stale rank");
        let line = self.lines.get(&(arrival.desk, arrival.channel));
        hold!(line.is_some_and(|l| l.contains(&rank)), "{id} is missing from the line");
        let Some(ask) = self.index.asks.get(&place.ask) else { return Err(format!("{id} has no ask")) };
        let same = ask.key.desk == arrival.desk
            && ask.key.channel == arrival.channel
            && ask.key.wanted == arrival.wanted;
        hold!(same, "{id} is filed under another ask");
        for (ring, line) in ask.lines.iter().enumerate() {
            let expected = !place.alone && ring == place.ring.index();
            hold!(line.contains(&rank) == expected, "{id} is in the wrong line");
        }
        hold!(ask.all.contains(&rank), "{id} is missing from its ask");
        let unstaffed = ask.staffed == 0;
        let watched = self.timers.at(TimerKey::Unstaffed(place.ask)).is_some();
        hold!(unstaffed == watched, "{id}: unstaffed {unstaffed}, watched {watched}");
        if let Some(limit) = desk.config.max_wait {
            hold!(self.now < contact.waiting_since + super::config::positive(limit), "{id} waits too long");
        }
        Ok(())
    }

    fn check_agents(&self) -> Check {
        for (id, agent) in &self.agents {
            let mut load = super::agent::Load::default();
            for contact in &agent.active {
                let Some(found) = self.contacts.get(contact) else {
                    return Err(format!("{id} talks with a ghost"));
                };
                hold!(
                    matches!(found.phase, Phase::Active { agent, .. } if agent == *id),
                    "{contact}: two owners"
                );
                load.add(found.arrival.channel);
            }
            for contact in &agent.wrapping {
                let phase = self.contacts.get(contact).map(|c| &c.phase);
                let own = matches!(phase, Some(Phase::WrapUp { agent, .. }) if agent == id);
                hold!(own, "{id} wraps up {contact}, which is not its own");
            }
            if let Some(offer) = agent.offer {
                let contact = self.offers.get(&offer).and_then(|c| self.contacts.get(c));
                hold!(contact.is_some_and(is_offered), "{id} is offered nothing by {offer}");
            }
            hold!(load == agent.load, "{id}: the load is miscounted");
            let voices = load.of(Channel::Phone) + load.of(Channel::Meeting);
            hold!(voices <= 1, "{id} talks twice at once");
            hold!(load.of(Channel::Chat) <= CHAT_CAPACITY_MAX, "{id} chats too much");
            hold!(agent.shown == agent.derive_shown(&self.pool), "{id} shows a stale state");
            let offline = agent.stance == super::agent::Stance::Offline;
            hold!(!offline || !agent.engaged(), "{id} is offline with contacts");
            self.check_filing(agent)?;
        }
        Ok(())
    }

    fn check_filing(&self, agent: &Agent) -> Check {
        let id = agent.id();
        let Some(filing) = agent.filing else { return Err(format!("{id} is not filed")) };
        let Some(profile) = self.index.profiles.get(&filing.profile) else {
            return Err(format!("{id} has no profile"));
        };
        hold!(profile.key == agent.profile_key(filing.headroom), "{id} has a stale profile");
        hold!(profile.members.contains(&id), "{id} is no member of its profile");
        hold!(
            agent.bookings.is_empty() == (self.timers.at(TimerKey::Booking(id)).is_none()),
            "{id}: booking"
        );
        hold!(!agent.bookings.is_empty() || filing.headroom == UNBOUND, "{id} is kept for nothing");
        let channels = agent.free_channels(&self.pool);
        for (channel, free) in channels.iter().enumerate() {
            let listed = profile.free[channel].contains(&agent.idleness());
            hold!(listed == *free, "{id}: free {free}, listed {listed}");
        }
        hold!(agent.paused == self.timers.at(TimerKey::Pause(id)).is_some(), "{id} pauses without end");
        for rank in &agent.awaiting {
            let alone = self.contacts.get(&rank.contact).and_then(Contact::place).is_some_and(|p| p.alone);
            hold!(alone, "{} does not wait for {id} alone", rank.contact);
        }
        Ok(())
    }

    /// Counts in the index are those that a fresh count gives, and nothing is listed that does not exist.
    fn check_index(&self) -> Check {
        let mut free = BTreeMap::new();
        for agent in self.agents.values() {
            let Some(filing) = agent.filing else { continue };
            for (channel, is_free) in agent.free_channels(&self.pool).into_iter().enumerate() {
                *free.entry((filing.profile, channel)).or_insert(0) += usize::from(is_free);
            }
        }
        for (id, profile) in &self.index.profiles {
            let members = || profile.members.iter().filter_map(|m| self.agents.get(m)?.filing);
            hold!(members().count() == profile.members.len(), "a profile counts ghosts");
            hold!(members().filter(|f| f.staff).count() == profile.staff as usize, "staff is miscounted");
            hold!(members().filter(|f| f.working).count() == profile.working as usize, "work is miscounted");
            for (channel, set) in profile.free.iter().enumerate() {
                let expected = free.get(&(*id, channel)).copied().unwrap_or(0);
                hold!(set.len() == expected, "{} listed as free, {expected} are", set.len());
            }
        }
        let mut waiting: usize = 0;
        for (id, ask) in &self.index.asks {
            waiting += ask.all.len();
            let mut fits = Vec::new();
            let mut staffed = 0;
            for (profile_id, profile) in &self.index.profiles {
                if let Ok((ring, fit)) = index::fit(&ask.key, &ask.terms.partners, &profile.key) {
                    fits.push((fit, *profile_id, ring));
                    staffed += u32::from(profile.staff > 0);
                    hold!(profile.asks.contains(&(*id, ring)), "a profile does not know its ask");
                }
            }
            fits.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
            hold!(fits == ask.fits, "the fits of an ask are stale");
            hold!(staffed == ask.staffed, "the staff of an ask is miscounted");
        }
        let truly = self.contacts.values().filter(|c| c.place().is_some()).count();
        hold!(truly == waiting, "{truly} wait, {waiting} are filed");
        let lined: usize = self.lines.values().map(BTreeSet::len).sum();
        hold!(truly == lined, "{truly} wait, {lined} are in line");
        Ok(())
    }

    fn check_timers(&self) -> Check {
        hold!(self.timers.consistent(), "the timers disagree with themselves");
        hold!(self.timers.next().is_none_or(|at| at > self.now), "a timer is overdue");
        for key in self.timers.keys() {
            let alive = match key {
                TimerKey::Offer(offer) => self.offers.contains_key(&offer),
                TimerKey::WrapUp(id)
                | TimerKey::MaxWait(id)
                | TimerKey::Preferred(id)
                | TimerKey::Widen(id) => self.contacts.contains_key(&id),
                TimerKey::Grace(id) | TimerKey::Pause(id) | TimerKey::Booking(id) => {
                    self.agents.contains_key(&id)
                }
                TimerKey::Unstaffed(ask) => {
                    self.index.asks.get(&ask).is_some_and(|a| a.staffed == 0 && !a.all.is_empty())
                }
            };
            hold!(alive, "{key:?} runs for nothing");
        }
        Ok(())
    }

    /// Nobody waits whom somebody could take: the promise on which the dispatch rests.
    fn check_no_match_is_left(&self) -> Check {
        hold!(self.new_contacts.is_empty() && self.new_agents.is_empty(), "a dispatch was left undone");
        for ask in self.index.asks.values() {
            for (ring, line) in
                [super::Ring::Own, super::Ring::Translation, super::Ring::Partner].iter().zip(&ask.lines)
            {
                let mut work = 0;
                let agent = self.index.best_agent(ask, *ring, &mut work);
                if let (Some(first), Some(agent)) = (line.first(), agent) {
                    return Err(format!("{} waits although {agent} is free", first.contact));
                }
            }
        }
        Ok(())
    }
}

fn is_offered(contact: &Contact) -> bool {
    matches!(contact.phase, Phase::Offered { .. } | Phase::Claiming { .. })
}
