//! One contact, from its arrival in the engine to the end of its wrap-up.

use super::index::AskId;
use super::order::Rank;
use super::{Arrival, Channel, ContactState, Outcome, Ring};
use crate::kernel::ids::{AccountId, OfferId};
use crate::kernel::time::Timestamp;

/// Where the contact stands, with what belongs to that moment only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// In no index: between two steps of one input, never between inputs.
    Arriving,
    Waiting(Place),
    /// Before an agent, who has not answered.
    Offered {
        offer: OfferId,
        agent: AccountId,
        expires_at: Timestamp,
    },
    /// Accepted; the store is being asked.
    Claiming {
        offer: OfferId,
        agent: AccountId,
        expires_at: Timestamp,
    },
    Active {
        agent: AccountId,
        held: bool,
    },
    WrapUp {
        agent: AccountId,
        until: Timestamp,
        extensions: u8,
        ended_at: Timestamp,
        outcome: Outcome,
    },
}

/// The place of a waiting contact in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) ask: AskId,
    pub(super) ring: Ring,
    pub(super) rank: Rank,
    /// Filed with its preferred agent in this lane.
    pub(super) lane: Option<(AccountId, Lane)>,
    /// Waits for the preferred agent alone: in no line that others serve.
    pub(super) alone: bool,
}

/// Contacts that prefer one agent are filed by channel, and those with a reservation apart: only they get
/// through while the agent is kept for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub(super) channel: Channel,
    pub(super) reserved: bool,
}

impl Lane {
    pub(super) const ALL: [Self; 6] = [
        Self { channel: Channel::Phone, reserved: false },
        Self { channel: Channel::Meeting, reserved: false },
        Self { channel: Channel::Chat, reserved: false },
        Self { channel: Channel::Phone, reserved: true },
        Self { channel: Channel::Meeting, reserved: true },
        Self { channel: Channel::Chat, reserved: true },
    ];

    pub(super) const fn index(self) -> usize {
        self.channel.index() + if self.reserved { 3 } else { 0 }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Contact {
    /// `wanted` is sorted without repetition; `preferred` goes once that agent has had the chance.
    pub(super) arrival: Arrival,
    /// When the present wait began.
    pub(super) waiting_since: Timestamp,
    pub(super) accepted_at: Option<Timestamp>,
    pub(super) boosted: bool,
    pub(super) insists: bool,
    /// Until when the contact may wait for its preferred agent alone.
    pub(super) awaits_until: Option<Timestamp>,
    pub(super) phase: Phase,
}

impl Contact {
    /// A contact that has just come in and is in no index yet.
    pub(super) const fn arriving(arrival: Arrival, now: Timestamp, awaits_until: Option<Timestamp>) -> Self {
        Self {
            arrival,
            waiting_since: now,
            accepted_at: None,
            boosted: false,
            insists: false,
            awaits_until,
            phase: Phase::Arriving,
        }
    }

    pub(super) const fn state(&self) -> ContactState {
        match self.phase {
            Phase::Arriving => ContactState::Arriving,
            Phase::Waiting(_) => ContactState::Waiting,
            Phase::Offered { .. } | Phase::Claiming { .. } => ContactState::Offered,
            Phase::Active { held: false, .. } => ContactState::Active,
            Phase::Active { held: true, .. } => ContactState::Held,
            Phase::WrapUp { .. } => ContactState::WrapUp,
        }
    }

    pub(super) const fn place(&self) -> Option<Place> {
        match self.phase {
            Phase::Waiting(place) => Some(place),
            _ => None,
        }
    }
}
