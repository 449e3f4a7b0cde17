//! Why a contact went to an agent, or waits: the same value for the screen, the record and the tests.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::agent::Agent;
use super::contact::{Lane, Place};
use super::index::{self, Ask, Profile};
use super::router::Router;
use super::{Ring, Skill};
use crate::kernel::ids::{AccountId, ContactId};
use crate::kernel::time::{Millis, Timestamp};

/// Agents listed in one explanation; the others are only counted.
pub const CONSIDERED_MAX: usize = 16;

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The best fit among the free agents, then the least loaded, then the longest idle.
    BestFit,
    /// The agent that the contact prefers was free.
    Preferred,
    /// The agent of the reservation.
    Reserved,
    /// A supervisor decided.
    Supervisor,
    /// Waits for its preferred agent alone, for a short time.
    AwaitsPreferred,
    /// Nobody may take it now.
    Waits,
}

/// What was found about one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Verdict {
    /// Got the offer.
    Chosen,
    /// Could take it, but another comes first (or an earlier contact does).
    Free,
    /// Would fit, but in a wider ring.
    LaterRing {
        ring: Ring,
    },
    /// Serves neither the desk nor, as a partner, would help it.
    OtherDesk,
    /// Does not take this channel.
    NoChannel,
    /// Lacks this skill.
    LacksSkill {
        skill: Skill,
    },
    /// Kept for a reservation.
    Reserved {
        starts_at: Timestamp,
    },
    /// Has no room for this channel.
    NoRoom,
    Offline,
    Away,
    NotAnswering,
    WrapUp,
    /// Leaves after the current contacts.
    Leaving,
    /// Connection lost.
    Disconnected,
    /// Is being offered another contact.
    HasOffer,
    /// Declined a moment ago.
    Paused,
    /// Free, but the contact waits for its preferred agent.
    NotPreferred,
}

/// One agent in an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Considered {
    pub agent: AccountId,
    /// The sum of the levels for the wanted skills.
    pub level: u8,
    pub verdict: Verdict,
}

/// Who was considered for a contact, and why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    pub contact: ContactId,
    pub at: Timestamp,
    pub rule: Rule,
    pub ring: Ring,
    pub wanted: Vec<Skill>,
    pub waited: Millis,
    /// At most [`CONSIDERED_MAX`], the nearest to getting the contact first.
    pub considered: Vec<Considered>,
    /// Agents of the pool beyond those listed.
    pub more: u32,
}

impl Router {
    /// Why the contact waits and who would be next to take it; `None` unless it waits. (An offer carries
    /// its own
    /// explanation.)
    #[must_use]
    pub fn explain(&self, contact: ContactId, now: Timestamp) -> Option<Explanation> {
        let place = self.contacts.get(&contact)?.place()?;
        let rule = if place.alone { Rule::AwaitsPreferred } else { Rule::Waits };
        self.describe(contact, rule, Some(place), None, now)
    }

    /// Why this agent gets the contact. To be asked before the offer is made.
    pub(super) fn explain_offer(&self, id: ContactId, agent: AccountId, rule: Rule) -> Option<Explanation> {
        let place = self.contacts.get(&id)?.place();
        self.describe(id, rule, place, Some(agent), self.now)
    }

    fn describe(
        &self,
        id: ContactId,
        rule: Rule,
        place: Option<Place>,
        chosen: Option<AccountId>,
        now: Timestamp,
    ) -> Option<Explanation> {
        let contact = self.contacts.get(&id)?;
        let mut list = Vec::with_capacity(4);
        if let Some(place) = place
            && let Some(ask) = self.index.asks.get(&place.ask)
        {
            let survey = Survey { router: self, ask, place, chosen };
            survey.fill(&mut list);
        } else if let Some(agent) = chosen {
            list.push(Considered { agent, level: 0, verdict: Verdict::Chosen });
        }
        let more = u32::try_from(self.agents.len().saturating_sub(list.len())).unwrap_or(u32::MAX);
        Some(Explanation {
            contact: id,
            at: now,
            rule,
            ring: place.map_or(Ring::Own, |place| place.ring),
            wanted: contact.arrival.wanted.clone(),
            waited: now.since(contact.arrival.arrived_at),
            considered: list,
            more,
        })
    }
}

/// A look around for one contact: the chosen, then those who could take it, then those who could but for the
/// moment, then the rest, as far as the list goes.
struct Survey<'a> {
    router: &'a Router,
    ask: &'a Ask,
    place: Place,
    chosen: Option<AccountId>,
}

impl Survey<'_> {
    fn fill(&self, list: &mut Vec<Considered>) {
        let preferred = self.place.lane.map(|(agent, _)| agent);
        for agent in [self.chosen, preferred].into_iter().flatten() {
            self.add(agent, list);
        }
        let channel = self.ask.key.channel.index();
        let fitting = || self.ask.fits.iter().filter_map(|(_, id, _)| self.router.index.profiles.get(id));
        for profile in fitting() {
            self.add_all(profile.free[channel].iter().map(|free| free.agent), list);
        }
        for profile in fitting() {
            self.add_all(profile.members.iter().copied(), list);
        }
        for profile in self.router.index.profiles.values().filter(|p| self.lacks(p)) {
            self.add_all(profile.members.iter().copied(), list);
        }
    }

    fn lacks(&self, profile: &Profile) -> bool {
        index::fit(&self.ask.key, &self.ask.terms.partners, &profile.key).is_err()
    }

    fn add_all(&self, agents: impl Iterator<Item = AccountId>, list: &mut Vec<Considered>) {
        for agent in agents {
            if list.len() >= CONSIDERED_MAX {
                return;
            }
            self.add(agent, list);
        }
    }

    fn add(&self, id: AccountId, list: &mut Vec<Considered>) {
        let Some(agent) = self.router.agents.get(&id) else { return };
        if list.iter().any(|known| known.agent == id) {
            return;
        }
        let Some(profile) = agent.filing.and_then(|f| self.router.index.profiles.get(&f.profile)) else {
            return;
        };
        let found = index::fit(&self.ask.key, &self.ask.terms.partners, &profile.key);
        let level = found.as_ref().map_or(0, |(_, fit)| fit.level);
        let verdict = if self.chosen == Some(id) {
            Verdict::Chosen
        } else {
            found.map_or_else(|lack| lack, |(ring, _)| self.verdict(agent, profile, ring))
        };
        list.push(Considered { agent: id, level, verdict });
    }

    /// What stands between the contact and an agent who fits in `ring`.
    fn verdict(&self, agent: &Agent, profile: &Profile, ring: Ring) -> Verdict {
        let channel = self.ask.key.channel;
        if let Some(obstacle) = agent.obstacle() {
            return obstacle;
        }
        if agent.paused {
            return Verdict::Paused;
        }
        if !agent.has_room(channel, &self.router.pool) {
            return Verdict::NoRoom;
        }
        let redeemed = self.place.lane == Some((agent.id(), Lane { channel, reserved: true }));
        if profile.key.headroom < self.ask.terms.lead
            && !redeemed
            && let Some((starts_at, _)) = agent.bookings.first()
        {
            return Verdict::Reserved { starts_at: *starts_at };
        }
        if self.place.alone {
            return Verdict::NotPreferred;
        }
        if ring > self.place.ring { Verdict::LaterRing { ring } } else { Verdict::Free }
    }
}
