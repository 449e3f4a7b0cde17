//! What a contact asks for: its language, and its topic where the desk routes by it.

use crate::language::{LangTag, routing_group};
use crate::routing::{Skill, Tag};

/// The skill that answers in `language` (BCP 47); `None` when the text is no tag.
///
/// Tags that one speaker serves give one skill: Malay asks for `id`, any Chinese for `zh`.
#[must_use]
pub fn language_wish(language: &str) -> Option<Skill> {
    let tag: LangTag = language.parse().ok()?;
    Some(Skill::Language { tag: Tag::new(routing_group(&tag).as_str()).ok()? })
}

/// The skill that knows a topic (an id of `topics`); `None` when the id is too long to be a skill.
#[must_use]
pub fn topic_wish(topic: &str) -> Option<Skill> {
    Some(Skill::Topic { tag: Tag::new(topic).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_that_one_speaker_serves_are_one_wish() {
        assert_eq!(language_wish("zh-Hans"), language_wish("zh-Hant"));
        assert_eq!(language_wish("ja-x-easy"), language_wish("ja"));
        assert_ne!(language_wish("vi"), language_wish("th"));
        assert_eq!(language_wish("not a tag"), None);
    }
}
