//! What makes the engine fast: agents by profile, waiting contacts by ask, and how well they fit.
//!
//! A *profile* is everything about an agent that matters to a fit; an *ask* is everything about a contact
//! that
//! does. Both are few however many agents and contacts there are, so their fit is worked out once for each
//! pair. The index knows nothing of time and rules; the rest of the engine keeps it true.

use std::collections::{BTreeMap, BTreeSet};

use super::order::{Idleness, Rank};
use super::{Capacity, Channel, Level, Ring, Skill, SkillLevel, Verdict};
use crate::kernel::ids::{AccountId, DeskId};
use crate::kernel::time::Millis;

/// Asks that are remembered without a waiting contact, to save working out their fits again.
const IDLE_ASKS_MAX: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProfileId(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AskId(u32);

/// What matters of an agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProfileKey {
    /// Sorted.
    pub(super) desks: Vec<DeskId>,
    /// Sorted by skill, one level each.
    pub(super) skills: Vec<SkillLevel>,
    pub(super) capacity: Capacity,
    pub(super) translation: bool,
    /// The longest contact that still fits before the next reservation; [`UNBOUND`] without one.
    pub(super) headroom: Millis,
}

/// No reservation limits the agent.
pub(super) const UNBOUND: Millis = Millis(i64::MAX);

/// What matters of a contact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AskKey {
    pub(super) desk: DeskId,
    pub(super) channel: Channel,
    /// Sorted, without repetition.
    pub(super) wanted: Vec<Skill>,
}

/// What the settings say about an ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AskTerms {
    /// How long before a reservation such a contact may begin at the latest.
    pub(super) lead: Millis,
    pub(super) partners: Vec<DeskId>,
}

/// How well a profile fits an ask; the greater the better. The order of fields is the rule: the own desk,
/// then
/// without translation, then the levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fit {
    own_desk: bool,
    direct: bool,
    pub(super) level: u8,
}

#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) key: ProfileKey,
    pub(super) members: BTreeSet<AccountId>,
    /// Members who are not offline.
    pub(super) staff: u32,
    /// Members whose own wish is to be available (they may be busy).
    pub(super) working: u32,
    /// Members who could be offered a contact now, by channel.
    pub(super) free: [BTreeSet<Idleness>; 3],
    /// The asks it fits, with the first ring in which it does.
    pub(super) asks: Vec<(AskId, Ring)>,
}

#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) key: AskKey,
    pub(super) terms: AskTerms,
    /// Contacts that anybody who fits may take, by ring.
    pub(super) lines: [BTreeSet<Rank>; 3],
    /// All waiting contacts, with those that await their preferred agent alone.
    pub(super) all: BTreeSet<Rank>,
    /// The profiles that fit in any ring, the best fit first.
    pub(super) fits: Vec<(Fit, ProfileId, Ring)>,
    /// How many of those profiles have staff.
    pub(super) staffed: u32,
}

/// Whether the staffing of an ask changed, and to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Staffing {
    pub(super) ask: AskId,
    pub(super) staffed: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) profiles: BTreeMap<ProfileId, Profile>,
    pub(super) asks: BTreeMap<AskId, Ask>,
    profile_ids: BTreeMap<ProfileKey, ProfileId>,
    ask_ids: BTreeMap<AskKey, AskId>,
    last_id: u32,
}

/// Works out whether and how well `profile` fits, or the first thing that it lacks. Reservations are left
/// out.
pub(super) fn fit(ask: &AskKey, partners: &[DeskId], profile: &ProfileKey) -> Result<(Ring, Fit), Verdict> {
    let own_desk = profile.desks.binary_search(&ask.desk).is_ok();
    if !own_desk && !partners.iter().any(|d| profile.desks.binary_search(d).is_ok()) {
        return Err(Verdict::OtherDesk);
    }
    if profile.capacity.of(ask.channel) == 0 {
        return Err(Verdict::NoChannel);
    }
    let mut ring = if own_desk { Ring::Own } else { Ring::Partner };
    let mut direct = true;
    let mut level = 0;
    for skill in &ask.wanted {
        match (level_of(profile, *skill), skill) {
            (Some(has), _) => level += has.get(),
            (None, Skill::Language { .. }) if !profile.translation => {
                return Err(Verdict::LacksSkill { skill: *skill });
            }
            (None, Skill::Language { .. }) => {
                direct = false;
                ring = ring.max(Ring::Translation);
            }
            (None, Skill::Topic { .. }) => ring = ring.max(Ring::Translation),
        }
    }
    Ok((ring, Fit { own_desk, direct, level }))
}

fn level_of(profile: &ProfileKey, skill: Skill) -> Option<Level> {
    let at = profile.skills.binary_search_by_key(&skill, |s| s.skill).ok()?;
    profile.skills.get(at).map(|s| s.level)
}

impl Index {
    pub(super) const fn new() -> Self {
        Self {
            profiles: BTreeMap::new(),
            asks: BTreeMap::new(),
            profile_ids: BTreeMap::new(),
            ask_ids: BTreeMap::new(),
            last_id: 0,
        }
    }

    fn next_id(&mut self) -> u32 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }

    /// The ask with this key, made if it is new.
    pub(super) fn ask(&mut self, key: AskKey, terms: AskTerms) -> AskId {
        if let Some(id) = self.ask_ids.get(&key) {
            return *id;
        }
        if self.asks.len() >= IDLE_ASKS_MAX {
            self.forget_idle_asks();
        }
        let id = AskId(self.next_id());
        let mut fits = Vec::new();
        let mut staffed = 0;
        for (profile_id, profile) in &mut self.profiles {
            if let Ok((ring, fit)) = fit(&key, &terms.partners, &profile.key) {
                fits.push((fit, *profile_id, ring));
                profile.asks.push((id, ring));
                staffed += u32::from(profile.staff > 0);
            }
        }
        fits.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        self.ask_ids.insert(key.clone(), id);
        let ask = Ask { key, terms, lines: Default::default(), all: BTreeSet::new(), fits, staffed };
        self.asks.insert(id, ask);
        id
    }

    fn forget_idle_asks(&mut self) {
        let asks = &mut self.asks;
        self.ask_ids.retain(|_, id| asks.get(id).is_some_and(|ask| !ask.all.is_empty()));
        asks.retain(|_, ask| !ask.all.is_empty());
        for profile in self.profiles.values_mut() {
            profile.asks.retain(|(id, _)| asks.contains_key(id));
        }
    }

    /// Adds the agent to the profile with this key, made if it is new. The agent counts as offline until
    /// [`Self::count`] says otherwise.
    pub(super) fn join(&mut self, key: &ProfileKey, agent: AccountId) -> ProfileId {
        let id = match self.profile_ids.get(key) {
            Some(id) => *id,
            None => self.new_profile(key),
        };
        if let Some(profile) = self.profiles.get_mut(&id) {
            profile.members.insert(agent);
        }
        id
    }

    fn new_profile(&mut self, key: &ProfileKey) -> ProfileId {
        let id = ProfileId(self.next_id());
        let mut asks = Vec::new();
        for (ask_id, ask) in &mut self.asks {
            if let Ok((ring, fit)) = fit(&ask.key, &ask.terms.partners, key) {
                let at = ask.fits.partition_point(|(f, p, _)| *f > fit || (*f == fit && *p < id));
                ask.fits.insert(at, (fit, id, ring));
                asks.push((*ask_id, ring));
            }
        }
        let profile = Profile {
            key: key.clone(),
            members: BTreeSet::new(),
            staff: 0,
            working: 0,
            free: Default::default(),
            asks,
        };
        self.profile_ids.insert(key.clone(), id);
        self.profiles.insert(id, profile);
        id
    }

    /// Takes the agent out; an empty profile is forgotten. The agent must have been counted out before.
    pub(super) fn leave(&mut self, id: ProfileId, agent: AccountId) {
        let Some(profile) = self.profiles.get_mut(&id) else { return };
        profile.members.remove(&agent);
        if !profile.members.is_empty() {
            return;
        }
        if let Some(profile) = self.profiles.remove(&id) {
            self.profile_ids.remove(&profile.key);
            for (ask, _) in profile.asks {
                if let Some(ask) = self.asks.get_mut(&ask) {
                    ask.fits.retain(|(_, p, _)| *p != id);
                }
            }
        }
    }

    /// Counts a member in or out. Answers with the asks that gained their first or lost their last staff.
    pub(super) fn count(&mut self, id: ProfileId, staff: Step, working: Step) -> Vec<Staffing> {
        let mut changed = Vec::new();
        let Some(profile) = self.profiles.get_mut(&id) else { return changed };
        profile.working = working.apply(profile.working);
        let before = profile.staff > 0;
        profile.staff = staff.apply(profile.staff);
        let after = profile.staff > 0;
        if before == after {
            return changed;
        }
        for (ask_id, _) in &profile.asks {
            let Some(ask) = self.asks.get_mut(ask_id) else { continue };
            let was = ask.staffed > 0;
            ask.staffed = if after { ask.staffed + 1 } else { ask.staffed.saturating_sub(1) };
            if was != (ask.staffed > 0) {
                changed.push(Staffing { ask: *ask_id, staffed: !was });
            }
        }
        changed
    }

    /// The best agent whom anybody's contact of this ask and ring may be offered to. Adds the profiles looked
    /// at to `work`.
    pub(super) fn best_agent(&self, ask: &Ask, ring: Ring, work: &mut u64) -> Option<AccountId> {
        let channel = ask.key.channel.index();
        let mut best: Option<(Fit, Idleness)> = None;
        for (fit, profile, first_ring) in &ask.fits {
            *work += 1;
            if best.is_some_and(|(found, _)| found > *fit) {
                break;
            }
            if *first_ring > ring {
                continue;
            }
            let Some(profile) = self.profiles.get(profile) else { continue };
            if profile.key.headroom < ask.terms.lead {
                continue;
            }
            if let Some(first) = profile.free[channel].first()
                && best.is_none_or(|(_, found)| *first < found)
            {
                best = Some((*fit, *first));
            }
        }
        best.map(|(_, idleness)| idleness.agent)
    }

    /// The first contact in line that an agent of this profile, free on these channels, may take. Adds the
    /// asks
    /// looked at to `work`.
    pub(super) fn best_contact(&self, profile: &Profile, free: [bool; 3], work: &mut u64) -> Option<Rank> {
        let mut best: Option<Rank> = None;
        for (ask, first_ring) in &profile.asks {
            *work += 1;
            let Some(ask) = self.asks.get(ask) else { continue };
            if !free[ask.key.channel.index()] || profile.key.headroom < ask.terms.lead {
                continue;
            }
            for line in &ask.lines[first_ring.index()..] {
                if let Some(first) = line.first()
                    && best.is_none_or(|found| *first < found)
                {
                    best = Some(*first);
                }
            }
        }
        best
    }
}

/// A change of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Up,
    Down,
    Stay,
}

impl Step {
    pub(super) const fn between(before: bool, after: bool) -> Self {
        match (before, after) {
            (false, true) => Self::Up,
            (true, false) => Self::Down,
            (true, true) | (false, false) => Self::Stay,
        }
    }

    const fn apply(self, n: u32) -> u32 {
        match self {
            Self::Up => n + 1,
            Self::Down => n.saturating_sub(1),
            Self::Stay => n,
        }
    }
}
