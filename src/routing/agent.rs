//! One agent: the single state and the single capacity behind all channels.

use std::collections::BTreeSet;

use super::config::{CHAT_CAPACITY_MAX, DESKS_MAX, SKILLS_MAX};
use super::index::{ProfileId, ProfileKey};
use super::order::{Idleness, Rank};
use super::{AgentSetup, AgentState, AwayReason, Capacity, Channel, PoolConfig, SkillLevel, Verdict, Wish};
use crate::kernel::ids::{AccountId, ContactId, OfferId, ReservationId};
use crate::kernel::time::{Millis, Timestamp};

/// The agent's own stance. What the world sees ([`AgentState`]) follows from it and from the contacts.
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

/// Contacts in talk, by channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load([u8; 3]);

impl Load {
    pub(super) fn add(&mut self, channel: Channel) {
        self.0[channel.index()] = self.0[channel.index()].saturating_add(1);
    }

    pub(super) fn remove(&mut self, channel: Channel) {
        self.0[channel.index()] = self.0[channel.index()].saturating_sub(1);
    }

    pub(super) const fn of(self, channel: Channel) -> u8 {
        self.0[channel.index()]
    }

    pub(super) const fn total(self) -> u8 {
        self.0[0].saturating_add(self.0[1]).saturating_add(self.0[2])
    }

    /// Whether one more contact fits beside these: talking takes the whole person, chats go side by side.
    pub(super) const fn admits(self, capacity: Capacity, channel: Channel, interruptible: bool) -> bool {
        let talking = self.of(Channel::Phone) + self.of(Channel::Meeting) > 0;
        match channel {
            Channel::Phone | Channel::Meeting => {
                let quiet = interruptible || self.of(Channel::Chat) == 0;
                capacity.of(channel) > 0 && !talking && quiet
            }
            Channel::Chat => !talking && self.of(Channel::Chat) < capacity.chat,
        }
    }
}

/// The agent's place in the sets of free agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FreeSlot {
    pub(super) key: Idleness,
    pub(super) channels: [bool; 3],
}

/// What the world was last told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) state: AgentState,
    pub(super) reason: Option<AwayReason>,
    pub(super) pending: Option<Wish>,
}

/// How the agent is counted and filed in the index; written only by `Router::refresh_agent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filing {
    pub(super) profile: ProfileId,
    pub(super) headroom: Millis,
    pub(super) staff: bool,
    pub(super) working: bool,
    pub(super) free: Option<FreeSlot>,
}

#[derive(Clone, Debug)]
pub(super) struct Agent {
    /// Sorted and within the limits.
    pub(super) setup: AgentSetup,
    pub(super) stance: Stance,
    /// What becomes of the stance when the last contact is done.
    pub(super) pending: Option<Wish>,
    pub(super) connected: bool,
    /// In talk (or on hold).
    pub(super) active: BTreeSet<ContactId>,
    pub(super) wrapping: BTreeSet<ContactId>,
    pub(super) load: Load,
    /// The one offer that is out, or whose claim is.
    pub(super) offer: Option<OfferId>,
    /// When the last contact began or ended, or the agent became available.
    pub(super) idle_since: Timestamp,
    pub(super) paused: bool,
    /// Reservations ahead, by start.
    pub(super) bookings: BTreeSet<(Timestamp, ReservationId)>,
    /// Waiting contacts that prefer this agent, by lane (see `contact::Lane`).
    pub(super) preferring: [BTreeSet<Rank>; 6],
    /// Those among them that wait for this agent alone.
    pub(super) awaiting: BTreeSet<Rank>,
    pub(super) shown: Shown,
    pub(super) since: Timestamp,
    pub(super) filing: Option<Filing>,
}

impl Agent {
    pub(super) fn new(setup: AgentSetup, now: Timestamp) -> Self {
        let shown = Shown { state: AgentState::Offline, reason: None, pending: None };
        Self {
            setup,
            stance: Stance::Offline,
            pending: None,
            connected: false,
            active: BTreeSet::new(),
            wrapping: BTreeSet::new(),
            load: Load::default(),
            offer: None,
            idle_since: now,
            paused: false,
            bookings: BTreeSet::new(),
            preferring: Default::default(),
            awaiting: BTreeSet::new(),
            shown,
            since: now,
            filing: None,
        }
    }

    pub(super) const fn id(&self) -> AccountId {
        self.setup.agent
    }

    pub(super) const fn has_room(&self, channel: Channel, pool: &PoolConfig) -> bool {
        self.load.admits(self.setup.capacity, channel, pool.chat_interruptible_by_call)
    }

    /// In contact, in wrap-up: a wish to leave has to wait.
    pub(super) fn engaged(&self) -> bool {
        !self.active.is_empty() || !self.wrapping.is_empty()
    }

    /// May be offered something at all, room left aside: what stands in the way, if anything does.
    pub(super) fn obstacle(&self) -> Option<Verdict> {
        match self.stance {
            Stance::Offline => Some(Verdict::Offline),
            Stance::Away(_) => Some(Verdict::Away),
            Stance::NotAnswering => Some(Verdict::NotAnswering),
            Stance::Available if !self.connected => Some(Verdict::Disconnected),
            Stance::Available if !self.wrapping.is_empty() => Some(Verdict::WrapUp),
            Stance::Available if self.pending.is_some() => Some(Verdict::Leaving),
            Stance::Available if self.offer.is_some() => Some(Verdict::HasOffer),
            Stance::Available => None,
        }
    }

    /// The channels on which the agent could be offered a contact now, reservations left aside.
    pub(super) fn free_channels(&self, pool: &PoolConfig) -> [bool; 3] {
        if self.paused || self.obstacle().is_some() {
            return [false; 3];
        }
        Channel::ALL.map(|channel| self.has_room(channel, pool))
    }

    /// Worth waiting for a moment: in wrap-up or deciding on an offer; to one who insists, talking will do.
    pub(super) fn about_to_be_free(&self, insists: bool) -> bool {
        match self.obstacle() {
            Some(Verdict::WrapUp | Verdict::HasOffer) => self.pending.is_none(),
            None => insists,
            Some(_) => false,
        }
    }

    pub(super) fn derive_shown(&self, pool: &PoolConfig) -> Shown {
        let (state, reason) = match self.stance {
            Stance::Offline => (AgentState::Offline, None),
            Stance::Away(reason) => (AgentState::Away, Some(reason)),
            Stance::NotAnswering => (AgentState::NotAnswering, None),
            Stance::Available if !self.wrapping.is_empty() => (AgentState::WrapUp, None),
            Stance::Available if self.load.total() == 0 => (AgentState::Available, None),
            Stance::Available => {
                let room = Channel::ALL.iter().any(|c| self.has_room(*c, pool));
                let full = self.pending.is_some() || !room;
                (if full { AgentState::Busy } else { AgentState::Available }, None)
            }
        };
        Shown { state, reason, pending: self.pending }
    }

    pub(super) const fn idleness(&self) -> Idleness {
        Idleness { load: self.load.total(), idle_since: self.idle_since, agent: self.setup.agent }
    }

    pub(super) fn profile_key(&self, headroom: Millis) -> ProfileKey {
        ProfileKey {
            desks: self.setup.desks.clone(),
            skills: self.setup.skills.clone(),
            capacity: self.setup.capacity,
            translation: self.setup.translation,
            headroom,
        }
    }
}

/// Sorts, removes repetitions (the higher level counts) and bounds the capacities; `None` when a list is
/// longer
/// than its limit.
pub(super) fn normalised(mut setup: AgentSetup) -> Option<AgentSetup> {
    if setup.desks.len() > DESKS_MAX || setup.skills.len() > SKILLS_MAX {
        return None;
    }
    setup.desks.sort_unstable();
    setup.desks.dedup();
    setup.skills.sort_unstable_by(|a: &SkillLevel, b| a.skill.cmp(&b.skill).then(b.level.cmp(&a.level)));
    setup.skills.dedup_by_key(|s| s.skill);
    setup.capacity.phone = setup.capacity.phone.min(1);
    setup.capacity.meeting = setup.capacity.meeting.min(1);
    setup.capacity.chat = setup.capacity.chat.min(CHAT_CAPACITY_MAX);
    Some(setup)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Capacity = Capacity { phone: 1, meeting: 1, chat: 2 };

    fn load(channels: &[Channel]) -> Load {
        let mut load = Load::default();
        for c in channels {
            load.add(*c);
        }
        load
    }

    #[test]
    fn talking_takes_the_whole_person_and_chats_go_side_by_side() {
        use Channel::{Chat, Meeting, Phone};
        // (in contact, offered, fits by default, fits when calls may interrupt chats)
        let table: [(&[Channel], Channel, bool, bool); 9] = [
            (&[], Phone, true, true),
            (&[Phone], Phone, false, false),
            (&[Phone], Meeting, false, false),
            (&[Meeting], Chat, false, false),
            (&[Chat], Chat, true, true),
            (&[Chat, Chat], Chat, false, false),
            (&[Chat], Phone, false, true),
            (&[Chat, Chat], Meeting, false, true),
            (&[Chat, Phone], Phone, false, false),
        ];
        for (held, offered, by_default, interruptible) in table {
            assert_eq!(load(held).admits(ALL, offered, false), by_default, "{held:?} + {offered:?}");
            assert_eq!(
                load(held).admits(ALL, offered, true),
                interruptible,
                "{held:?} + {offered:?} (calls)"
            );
        }
    }

    #[test]
    fn a_channel_with_capacity_zero_is_never_taken() {
        let none = Capacity::default();
        assert!(Channel::ALL.iter().all(|c| !Load::default().admits(none, *c, true)));
    }
}
