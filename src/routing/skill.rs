//! Skills: what a contact asks for and what an agent can take, as small values that copy and sort.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest tag, in bytes.
const TAG_BYTES_MAX: usize = 15;

/// A short ASCII name kept inline: a language tag (`vi`, `zh-Hans`, `ja-x-easy`) or a topic's key.
///
/// 1 to 15 characters of `A–Z a–z 0–9 - _`. Sorts as its text does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag {
    // Padded with zero bytes, which cannot occur in the text: array order is then text order.
    bytes: [u8; TAG_BYTES_MAX],
}

/// A text that cannot be a [`Tag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tag has 1 to 15 characters of A-Z, a-z, 0-9, '-' and '_'")]
pub struct TagError;

impl Tag {
    /// Checks and stores the text.
    ///
    /// # Errors
    /// [`TagError`] when it is empty, too long or holds another character.
    pub const fn new(text: &str) -> Result<Self, TagError> {
        let source = text.as_bytes();
        if source.is_empty() || source.len() > TAG_BYTES_MAX {
            return Err(TagError);
        }
        let mut bytes = [0; TAG_BYTES_MAX];
        let mut i = 0;
        while i < source.len() {
            let b = source[i];
            if !(b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return Err(TagError);
            }
            bytes[i] = b;
            i += 1;
        }
        Ok(Self { bytes })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let len = self.bytes.iter().position(|b| *b == 0).unwrap_or(TAG_BYTES_MAX);
        std::str::from_utf8(&self.bytes[..len]).unwrap_or_default()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Tag {
    type Err = TagError;
    fn from_str(s: &str) -> Result<Self, TagError> {
        Self::new(s)
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;
    fn try_from(s: String) -> Result<Self, TagError> {
        Self::new(&s)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.as_str().to_owned()
    }
}

impl utoipa::PartialSchema for Tag {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[A-Za-z0-9_-]{1,15}$"))
            .into()
    }
}

impl ToSchema for Tag {}

/// Something an agent can do and a contact can ask for. (The third kind of skill, the channel, is a
/// capacity: see [`super::Capacity`].)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Skill {
    /// Talks and reads this language. May be bridged by translation once the ring has widened.
    Language {
        /// BCP 47 tag.
        tag: Tag,
    },
    /// Knows this topic. A wish rather than a condition once the ring has widened.
    Topic {
        /// The topic's key.
        tag: Tag,
    },
}

impl Skill {
    /// The language skill for `tag`.
    ///
    /// # Errors
    /// [`TagError`] when `tag` is not a tag.
    pub const fn language(tag: &str) -> Result<Self, TagError> {
        match Tag::new(tag) {
            Ok(tag) => Ok(Self::Language { tag }),
            Err(e) => Err(e),
        }
    }

    /// The topic skill for `tag`.
    ///
    /// # Errors
    /// [`TagError`] when `tag` is not a tag.
    pub const fn topic(tag: &str) -> Result<Self, TagError> {
        match Tag::new(tag) {
            Ok(tag) => Ok(Self::Topic { tag }),
            Err(e) => Err(e),
        }
    }
}

/// How well an agent has a skill: 1 (gets by) to 5 (expert or native).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schema(value_type = u8)]
pub struct Level(u8);

impl Level {
    pub const LOWEST: Self = Self(1);
    pub const HIGHEST: Self = Self(5);

    /// The level nearest to `n` within 1–5.
    #[must_use]
    pub const fn clamped(n: u8) -> Self {
        Self(if n < 1 {
            1
        } else if n > 5 {
            5
        } else {
            n
        })
    }

    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Level {
    type Error = &'static str;
    fn try_from(n: u8) -> Result<Self, Self::Error> {
        if (1..=5).contains(&n) { Ok(Self(n)) } else { Err("a level is 1 to 5") }
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.0
    }
}

/// A skill of an agent with its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct SkillLevel {
    pub skill: Skill,
    pub level: Level,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_take_what_languages_and_topics_need_and_nothing_else() {
        for good in ["ja", "ja-x-easy", "zh-Hans", "fil", "visa_change", "a23456789012345"] {
            assert_eq!(Tag::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a234567890123456", "日本語", "a b", "a\0"] {
            assert_eq!(Tag::new(bad), Err(TagError), "{bad:?}");
        }
    }

    #[test]
    fn tags_sort_as_their_texts() {
        let mut texts = ["vi", "v", "zh-Hans", "id", "zh"];
        let mut tags = texts.map(|t| Tag::new(t).unwrap());
        texts.sort_unstable();
        tags.sort_unstable();
        assert_eq!(tags.map(|t| t.to_string()), texts.map(str::to_owned));
    }

    #[test]
    fn skills_travel_as_tagged_objects() {
        let json = r#"{"skill":{"type":"language","tag":"vi"},"level":4}"#;
        let read: SkillLevel = serde_json::from_str(json).unwrap();
        assert_eq!(read, SkillLevel { skill: Skill::language("vi").unwrap(), level: Level::clamped(4) });
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert!(serde_json::from_str::<SkillLevel>(&json.replace('4', "6")).is_err());
    }
}
