//! The contact-centre engine: which contact goes to which agent, and why.
//!
//! # The law of this module
//!
//! [`Router`] is a value. It has no clock, no chance, no threads and no input or output of its own, and one
//! task owns it. Its owner calls [`Router::handle`] with the time and one [`Input`], then drains
//! [`Router::poll`] until it answers `None`, then sleeps until [`Router::next_wake`] or the next input:
//!
//! ```text
//! loop { router.handle(now, input); while let Some(output) = router.poll() { perform(output) } }
//! ```
//!
//! * **Total.** Every input is answered. An unknown id, or an act that does not fit the moment, becomes
//!   [`Output::Rejected`] with a reason; nothing panics and nothing is silently dropped.
//! * **Deterministic.** The same inputs at the same times give the same outputs, down to the ids of offers.
//! * **It proposes, the store decides.** An accepted offer becomes [`Output::Claim`]; the owner performs the
//!   compare-and-set and owes exactly one [`Input::ClaimWon`] or [`Input::ClaimLost`] for it.
//! * **Every contact ends once**, with [`Output::Closed`], unless it was rejected on arrival.
//!
//! # The rules in one paragraph
//!
//! Contacts wait in one order: the boosted first, then by arrival time minus what their priority is worth
//! ([`DeskConfig::ageing_step`] for each level, so everybody's turn comes), then by arrival, then by id.
//! Whenever a waiting contact and an agent who may take it exist, the first such contact in that order is
//! offered to its preferred agent if free, else to the best fitting one (own desk, own language, highest
//! sum of levels), among equals to the one with the fewest contacts, then the longest idle, then by id.
//! Who may take it widens with time ([`Ring`]). One presence covers all channels: an agent has one state, one
//! capacity and at most one offer at a time.
//!
//! # Cost
//!
//! Agents with the same skills, desks and capacities share a *profile*; contacts with the same desk,
//! channel, wishes and ring share a *class*. How well a profile fits a class is worked out once. An input
//! then
//! costs a few ordered-set operations, O(log n) in agents and waiting contacts, plus a walk over profiles or
//! classes, whose number does not grow with either. Only settings ([`Input::DeskConfigured`],
//! [`Input::PoolConfigured`]) touch everything.

mod acts;
mod agent;
mod config;
mod contact;
mod dispatch;
mod explain;
mod image;
mod index;
mod invariants;
mod io;
mod order;
mod presence;
mod queue;
mod router;
mod settings;
pub mod simulate;
mod skill;
#[cfg(test)]
mod tests;
mod timers;
mod types;

pub use config::{CHAT_CAPACITY_MAX, DeskConfig, PRIORITY_MAX, PerChannel, PoolConfig};
pub use explain::{CONSIDERED_MAX, Considered, Explanation, Rule, Verdict};
pub use image::{AgentImage, ContactImage, DeskImage, Image, PhaseImage};
pub use io::{AgentSetup, Arrival, Input, Output, Reservation, TransferTarget};
pub use router::{POSITION_MAX, Router};
pub use skill::{Level, Skill, SkillLevel, Tag, TagError};
pub use types::{
    AgentState, AwayReason, Capacity, Channel, ContactState, DivertReason, OfferEnd, Outcome, Rejection,
    RequeueReason, Ring, Wish,
};
