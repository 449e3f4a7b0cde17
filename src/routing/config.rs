//! Settings of a pool and of a desk. Every length of time is in milliseconds and has a documented default.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Channel;
use crate::kernel::ids::DeskId;
use crate::kernel::time::{Millis, Timestamp};

/// Chats that one agent can be given at once; a larger setting counts as this one.
pub const CHAT_CAPACITY_MAX: u8 = 6;

/// The highest priority of a contact; a higher one counts as this one.
pub const PRIORITY_MAX: u8 = 9;

/// Skills that one contact may ask for; more are rejected ([`super::Rejection::TooMany`]).
pub(super) const WANTED_MAX: usize = 8;

/// Skills that one agent may have; more are rejected.
pub(super) const SKILLS_MAX: usize = 64;

/// Desks that one agent may serve, and partners of one desk; more are rejected.
pub(super) const DESKS_MAX: usize = 64;

/// The shortest time for anything that runs out. Guards against a setting of zero that would make the engine
/// chase its own tail.
pub(super) const SHORTEST: Millis = Millis(1);

/// Rules that all desks of a pool share, because agents are shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PoolConfig {
    /// Whether an agent who is chatting may still be offered a call or a meeting. Default: no.
    pub chat_interruptible_by_call: bool,
    /// How long an agent who declined an offer, or from whom a contact was taken, is offered nothing, so that
    /// the contact reaches the next agent and does not bounce. Default: 10 s.
    pub decline_pause: Millis,
    /// How long before a reservation its agent is kept free. Default: 10 min.
    pub reservation_hold: Millis,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            chat_interruptible_by_call: false,
            decline_pause: Millis::from_secs(10),
            reservation_hold: Millis::from_mins(10),
        }
    }
}

/// One length of time for each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PerChannel {
    pub phone: Millis,
    pub meeting: Millis,
    pub chat: Millis,
}

impl PerChannel {
    /// The value for `channel`.
    #[must_use]
    pub const fn of(&self, channel: Channel) -> Millis {
        match channel {
            Channel::Phone => self.phone,
            Channel::Meeting => self.meeting,
            Channel::Chat => self.chat,
        }
    }
}

/// The rules of one desk. A missing field in stored JSON takes its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeskConfig {
    /// How long an offer rings before it goes to the next agent. Default: 20 s.
    pub offer_ttl: Millis,
    /// How long the work after a contact may take; zero closes the contact at once. Default: 5 min.
    pub wrap_up_limit: Millis,
    /// What one extension adds. Default: 5 min.
    pub wrap_up_extension: Millis,
    /// How often one wrap-up may be extended. Default: 3.
    pub wrap_up_extensions_max: u8,
    /// How long an agent's lost connection is waited for before their contacts go back to the queue. An agent
    /// who serves several desks gets the longest of them. Default: 60 s.
    pub socket_grace: Millis,
    /// How many milliseconds of waiting one level of priority is worth. Default: 5 min.
    pub ageing_step: Millis,
    /// Waiting after which [`super::Ring::Translation`] opens; `null`: never. Default: 30 s.
    pub translation_after: Option<Millis>,
    /// Waiting after which [`super::Ring::Partner`] opens; `null`: never. Default: 2 min.
    pub partner_after: Option<Millis>,
    /// Desks whose agents help out in the last ring. Default: none.
    pub partner_desks: Vec<DeskId>,
    /// How long a contact may wait for its preferred agent alone, if that agent is about to be free.
    /// Default: 20 s.
    pub preferred_wait: Millis,
    /// Waiting after which the inquirer is told and diverted; `null`: never. Default: 30 min.
    pub max_wait: Option<Millis>,
    /// How long contacts wait while nobody who could take them is signed in. Default: 60 s.
    pub no_agent_grace: Millis,
    /// Contacts that may wait at this desk; a further arrival is diverted. Default: 200.
    pub queue_limit: u32,
    /// Whether contacts that already wait when the desk closes are served to the end; else they are told and
    /// diverted. Default: no.
    pub serve_out_at_closing: bool,
    /// How long a contact is expected to take, wrap-up included: for the expected wait, and to keep agents
    /// free
    /// for their reservations. Default: 15 min by phone, 30 min by meeting, 20 min by chat.
    pub expected_handling: PerChannel,
    /// An answer within this time counts for the service level. Default: 20 s.
    pub service_level_threshold: Millis,
}

impl Default for DeskConfig {
    fn default() -> Self {
        Self {
            offer_ttl: Millis::from_secs(20),
            wrap_up_limit: Millis::from_mins(5),
            wrap_up_extension: Millis::from_mins(5),
            wrap_up_extensions_max: 3,
            socket_grace: Millis::from_secs(60),
            ageing_step: Millis::from_mins(5),
            translation_after: Some(Millis::from_secs(30)),
            partner_after: Some(Millis::from_mins(2)),
            partner_desks: Vec::new(),
            preferred_wait: Millis::from_secs(20),
            max_wait: Some(Millis::from_mins(30)),
            no_agent_grace: Millis::from_secs(60),
            queue_limit: 200,
            serve_out_at_closing: false,
            expected_handling: PerChannel {
                phone: Millis::from_mins(15),
                meeting: Millis::from_mins(30),
                chat: Millis::from_mins(20),
            },
            service_level_threshold: Millis::from_secs(20),
        }
    }
}

impl DeskConfig {
    /// When a contact that waits since `since` reaches each ring beyond the first.
    pub(super) fn widens(&self, since: Timestamp) -> [(super::Ring, Option<Timestamp>); 2] {
        [
            (super::Ring::Translation, self.translation_after.map(|d| since + d)),
            (super::Ring::Partner, self.partner_after.map(|d| since + d)),
        ]
    }
}

/// At least [`SHORTEST`].
pub(super) fn positive(length: Millis) -> Millis {
    length.max(SHORTEST)
}
