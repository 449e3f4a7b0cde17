//! What people say on the demo day, language by language (`words.toml`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Stage;

const TABLE: &str = include_str!("words.toml");

/// The sayings of one language.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sayings {
    /// BCP 47.
    #[serde(skip)]
    pub tag: String,
    /// How many of the visitors speak it, in relation to the others.
    pub share: u32,
    pub names: Vec<String>,
    /// How a visitor begins.
    pub questions: Vec<String>,
    /// What a visitor adds, in order.
    pub follow_ups: Vec<String>,
    pub thanks: String,
    /// What an agent answers, in order; the last again and again.
    pub answers: Vec<String>,
}

/// All languages.
pub(super) struct Words(BTreeMap<String, Sayings>);

impl Words {
    /// Reads the table.
    pub fn load() -> anyhow::Result<Self> {
        let mut words: BTreeMap<String, Sayings> = toml::from_str(TABLE)?;
        for (tag, sayings) in &mut words {
            sayings.tag.clone_from(tag);
        }
        Ok(Self(words))
    }

    /// The sayings of a language, English for one that has none.
    pub fn of(&self, tag: &str) -> Option<&Sayings> {
        self.0.get(tag).or_else(|| self.0.get("en"))
    }

    /// The sayings of a visitor whom chance has sent.
    pub fn of_a_visitor(&self, stage: &Stage) -> Option<&Sayings> {
        let all: u32 = self.0.values().map(|sayings| sayings.share).sum();
        let mut place = stage.chance.below(u64::from(all));
        self.0.values().find(|sayings| {
            let share = u64::from(sayings.share);
            let here = place < share;
            place = place.saturating_sub(share);
            here
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_something_to_say() {
        let words = Words::load().unwrap();
        assert!(words.0.len() >= 10);
        for (tag, sayings) in &words.0 {
            let full = |texts: &[String]| !texts.is_empty() && texts.iter().all(|t| !t.trim().is_empty());
            assert!(full(&sayings.questions) && full(&sayings.follow_ups) && full(&sayings.answers), "{tag}");
            assert!(full(&sayings.names) && !sayings.thanks.is_empty() && sayings.share > 0, "{tag}");
            assert!(tag.parse::<crate::language::LangTag>().is_ok(), "{tag}");
        }
    }
}
