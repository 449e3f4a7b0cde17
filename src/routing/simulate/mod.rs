//! The engine in virtual time: arrivals, answers, talks and giving up, as fast as the machine can.
//!
//! [`run`] drives the same [`Router`] that serves the desk, with a clock of its own. Its use: how many agents
//! does a desk need, what does a change of rules do, and does the engine agree with queueing theory.

mod chance;
mod figures;
#[cfg(test)]
mod tests;
mod world;

use super::{Channel, DeskConfig, PoolConfig, SkillLevel, Tag};
use crate::kernel::time::Millis;

pub use chance::Length;
pub use figures::{Counts, Figures, OfChannel};

/// Agents in one run; more are refused.
pub const AGENTS_MAX: usize = 10_000;

/// Contacts expected in one run; more are refused, because their waits are kept in memory.
pub const CONTACTS_MAX: f64 = 20_000_000.0;

/// The longest opening of a day, in hours.
pub const HOURS_MAX: u32 = 24;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub agents: Vec<SimAgent>,
    /// Contacts expected on one day.
    pub per_day: f64,
    /// Relative weight of each opening hour; as many as the day has hours. Equal weights: an even day.
    pub hourly: Vec<f64>,
    pub days: u32,
    /// One long day without closing, instead of days that each start empty.
    pub continuous: bool,
    pub channels: Vec<ChannelShare>,
    /// Languages asked for, with their relative shares; empty: nobody asks for one.
    pub languages: Vec<(Tag, f64)>,
    /// From answer to the end of the talk.
    pub handling: Length,
    /// After the talk; `None`: the handling holds it already.
    pub wrap_up: Option<Length>,
    /// After which a waiting inquirer gives up; `None`: never.
    pub patience: Option<Length>,
    /// From the offer to the agent's answer.
    pub answer_delay: Millis,
    /// Share of the offers that an agent lets run out.
    pub missed: f64,
    pub desk: DeskConfig,
    pub pool: PoolConfig,
    pub seed: u64,
}

/// One agent of a run.
#[derive(Clone, Debug)]
pub struct SimAgent {
    pub skills: Vec<SkillLevel>,
    /// Chats side by side.
    pub chats: u8,
    pub translation: bool,
}

/// How much of all contacts comes over a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelShare {
    pub channel: Channel,
    /// Relative.
    pub share: f64,
}

/// Why a scenario cannot be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    #[error("there must be 1 to {AGENTS_MAX} agents")]
    Agents,
    #[error("a day has 1 to {HOURS_MAX} hours, with weights of zero or more, one of them above")]
    Hours,
    #[error("contacts a day times days must lie between 0 and 20,000,000, and there must be a day")]
    Contacts,
    #[error("shares must be zero or more, one of them above")]
    Shares,
    #[error("a share of missed offers lies between 0 and below 1")]
    Missed,
    #[error("lengths of time must not be negative, means must be above zero, a spread zero or more")]
    Lengths,
}

impl Scenario {
    fn check(&self) -> Result<(), ScenarioError> {
        let weights = |w: &mut dyn Iterator<Item = f64>| {
            let (mut sum, mut sound) = (0.0, true);
            for weight in w {
                sound &= weight.is_finite() && weight >= 0.0;
                sum += weight;
            }
            sound && sum > 0.0
        };
        if self.agents.is_empty() || self.agents.len() > AGENTS_MAX {
            return Err(ScenarioError::Agents);
        }
        if self.hourly.len() > HOURS_MAX as usize || !weights(&mut self.hourly.iter().copied()) {
            return Err(ScenarioError::Hours);
        }
        let expected = self.per_day * f64::from(self.days);
        if self.days == 0 || !(0.0..=CONTACTS_MAX).contains(&expected) {
            return Err(ScenarioError::Contacts);
        }
        let languages = self.languages.is_empty() || weights(&mut self.languages.iter().map(|(_, s)| *s));
        if !weights(&mut self.channels.iter().map(|c| c.share)) || !languages {
            return Err(ScenarioError::Shares);
        }
        if !(0.0..1.0).contains(&self.missed) {
            return Err(ScenarioError::Missed);
        }
        let lengths = [Some(self.handling), self.wrap_up, self.patience];
        let sound = |length: &Length| match length {
            Length::Fixed(at) => *at >= Millis::ZERO,
            Length::Exponential(mean) => *mean > Millis::ZERO,
            Length::LogNormal { mean, cv } => *mean > Millis::ZERO && cv.is_finite() && *cv >= 0.0,
        };
        if self.answer_delay < Millis::ZERO || !lengths.iter().flatten().all(sound) {
            return Err(ScenarioError::Lengths);
        }
        Ok(())
    }
}

/// Runs the scenario to its end: the last contact is over.
///
/// # Errors
/// When the scenario makes no sense.
pub fn run(scenario: &Scenario) -> Result<Figures, ScenarioError> {
    scenario.check()?;
    Ok(world::World::new(scenario).run())
}
