//! What an administrator sets for a desk and for a pool, as kept in `desks.settings` and `pools.settings`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::problem::Problem;
use crate::kernel::time::Millis;
use crate::routing::{Channel, DeskConfig, PRIORITY_MAX, PoolConfig};

/// Characters of one text of a desk; a longer one is refused.
pub const TEXT_MAX: usize = 2000;

/// Texts of a desk in all languages together; more are refused.
pub const TEXTS_MAX: usize = 200;

/// Languages of one desk; more are refused.
pub const LANGUAGES_MAX: usize = 40;

/// The longest length of time any setting may name: one day.
pub const LENGTH_MAX: Millis = Millis::from_mins(24 * 60);

/// The shortest time an offer may ring.
pub const OFFER_MIN: Millis = Millis::from_secs(5);

/// Settings of one desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeskSettings {
    /// The channels it answers.
    pub channels: Vec<Channel>,
    /// Languages offered to inquirers (BCP 47), in the order shown; empty: all that the program knows.
    pub languages: Vec<String>,
    /// Whether the topic an inquirer chose is asked for as a skill of the agent, besides her language.
    pub route_by_topic: bool,
    /// Priority of a contact from each kind of inquirer that shall not wait in plain order, 0 to 9.
    pub priorities: BTreeMap<String, u8>,
    pub routing: DeskConfig,
    /// The desk's own wording: key of the text (`greeting`, `closed` …) → language → text.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
}

impl Default for DeskSettings {
    fn default() -> Self {
        Self {
            channels: vec![Channel::Chat],
            languages: Vec::new(),
            route_by_topic: false,
            priorities: BTreeMap::new(),
            routing: DeskConfig::default(),
            texts: BTreeMap::new(),
        }
    }
}

impl DeskSettings {
    /// Refuses settings that would make the desk misbehave.
    ///
    /// # Errors
    /// `settings_invalid`, with the code of the reason at each field at fault.
    pub fn check(&self) -> Result<(), Problem> {
        let mut faults: Vec<(String, &'static str)> = Vec::new();
        let mut refuse = |field: &str, code| faults.push((field.to_owned(), code));
        if self.channels.is_empty() {
            refuse("channels", "required");
        }
        if self.languages.len() > LANGUAGES_MAX {
            refuse("languages", "too_many");
        }
        if self.languages.iter().any(|tag| tag.is_empty() || tag.len() > 15) {
            refuse("languages", "invalid");
        }
        if self.priorities.values().any(|p| *p > PRIORITY_MAX) {
            refuse("priorities", "out_of_range");
        }
        if self.texts.values().map(BTreeMap::len).sum::<usize>() > TEXTS_MAX {
            refuse("texts", "too_many");
        }
        if self.texts.values().flat_map(BTreeMap::values).any(|t| t.chars().count() > TEXT_MAX) {
            refuse("texts", "too_long");
        }
        self.check_lengths(&mut refuse);
        if faults.is_empty() {
            return Ok(());
        }
        Err(faults
            .into_iter()
            .fold(Problem::invalid("settings_invalid"), |p, (field, code)| p.field(field, code)))
    }

    fn check_lengths(&self, refuse: &mut impl FnMut(&str, &'static str)) {
        let r = &self.routing;
        let lengths = [
            ("routing.offer_ttl", r.offer_ttl, OFFER_MIN),
            ("routing.wrap_up_limit", r.wrap_up_limit, Millis::ZERO),
            ("routing.wrap_up_extension", r.wrap_up_extension, Millis::ZERO),
            ("routing.socket_grace", r.socket_grace, Millis::ZERO),
            ("routing.ageing_step", r.ageing_step, Millis::ZERO),
            ("routing.translation_after", r.translation_after.unwrap_or_default(), Millis::ZERO),
            ("routing.partner_after", r.partner_after.unwrap_or_default(), Millis::ZERO),
            ("routing.preferred_wait", r.preferred_wait, Millis::ZERO),
            ("routing.max_wait", r.max_wait.unwrap_or(OFFER_MIN), OFFER_MIN),
            ("routing.no_agent_grace", r.no_agent_grace, Millis::ZERO),
            ("routing.service_level_threshold", r.service_level_threshold, Millis::ZERO),
        ];
        for (field, length, least) in lengths {
            if length < least || length > LENGTH_MAX {
                refuse(field, "out_of_range");
            }
        }
    }
}

/// Settings of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PoolSettings {
    pub routing: PoolConfig,
    /// Contacts a day that the desk is built for; the board compares with it.
    pub target_per_day: i64,
    /// An answer within this time counts for the service level.
    pub service_level_ms: Millis,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { routing: PoolConfig::default(), target_per_day: 40, service_level_ms: Millis::from_secs(20) }
    }
}

impl PoolSettings {
    /// Refuses settings that would make the pool misbehave.
    ///
    /// # Errors
    /// `settings_invalid`, with the code of the reason at each field at fault.
    pub fn check(&self) -> Result<(), Problem> {
        let mut problem = Problem::invalid("settings_invalid");
        let within = |length: Millis| (Millis::ZERO..=LENGTH_MAX).contains(&length);
        if !within(self.routing.decline_pause) {
            problem = problem.field("routing.decline_pause", "out_of_range");
        }
        if !within(self.routing.reservation_hold) {
            problem = problem.field("routing.reservation_hold", "out_of_range");
        }
        if !within(self.service_level_ms) {
            problem = problem.field("service_level_ms", "out_of_range");
        }
        if !(1..=100_000).contains(&self.target_per_day) {
            problem = problem.field("target_per_day", "out_of_range");
        }
        if problem.fields.is_empty() { Ok(()) } else { Err(problem) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_accepted_and_survive_storage() {
        let settings = DeskSettings::default();
        assert_eq!(settings.check(), Ok(()));
        assert_eq!(PoolSettings::default().check(), Ok(()));
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<DeskSettings>(&json).unwrap(), settings);
        assert_eq!(serde_json::from_str::<DeskSettings>("{}").unwrap(), settings);
    }

    #[test]
    fn each_fault_is_named() {
        let mut settings = DeskSettings { channels: Vec::new(), ..DeskSettings::default() };
        settings.routing.offer_ttl = Millis(10);
        settings.routing.max_wait = Some(Millis(i64::MAX));
        let problem = settings.check().unwrap_err();
        let fields: Vec<_> = problem.fields.keys().map(String::as_str).collect();
        assert_eq!(fields, ["channels", "routing.max_wait", "routing.offer_ttl"]);
    }
}
