//! What visitors read on the chat page, in the widget and when they leave a message: one small file per
//! language.
//!
//! The files stand in `texts/*.toml`, are part of the binary and are parsed once. `reviewed = false` marks
//! a draft that no native reader has checked yet; the page says so (`draft_notice`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::tag::{LangTag, tags};

/// Languages with texts, in the order of the chooser, each with its file.
const SOURCES: [(LangTag, &str); 11] = [
    (tags::JA, include_str!("texts/ja.toml")),
    (tags::JA_EASY, include_str!("texts/ja-x-easy.toml")),
    (tags::VI, include_str!("texts/vi.toml")),
    (tags::ID, include_str!("texts/id.toml")),
    (tags::EN, include_str!("texts/en.toml")),
    (tags::FIL, include_str!("texts/fil.toml")),
    (tags::TH, include_str!("texts/th.toml")),
    (tags::ZH_HANS, include_str!("texts/zh-Hans.toml")),
    (tags::MY, include_str!("texts/my.toml")),
    (tags::KM, include_str!("texts/km.toml")),
    (tags::NE, include_str!("texts/ne.toml")),
];

static ALL: LazyLock<Vec<Texts>> =
    LazyLock::new(|| SOURCES.iter().map(|(tag, source)| parse(*tag, source)).collect());

/// The texts of one language.
#[derive(Debug)]
pub struct Texts {
    tag: LangTag,
    reviewed: bool,
    texts: BTreeMap<String, String>,
}

impl Texts {
    /// Texts of a language: of the tag itself, else of its language (`pt-BR` like `pt`, `zh-Hant` like
    /// `zh-Hans`), else English.
    pub fn get(tag: &LangTag) -> &'static Self {
        static NONE: Texts = Texts { tag: tags::EN, reviewed: true, texts: BTreeMap::new() };
        let find = |wanted: &dyn Fn(&Self) -> bool| ALL.iter().find(|t| wanted(t));
        find(&|t| t.tag == *tag)
            .or_else(|| find(&|t| t.tag.language() == tag.language()))
            .or_else(|| find(&|t| t.tag == tags::EN))
            .unwrap_or(&NONE)
    }

    /// Tags of all languages that have texts, in the order of the chooser.
    pub fn languages() -> impl Iterator<Item = LangTag> {
        SOURCES.iter().map(|(tag, _)| *tag)
    }

    /// The language of these texts: the value for the page's `lang` attribute.
    pub fn tag(&self) -> LangTag {
        self.tag
    }

    /// Whether a native reader has checked them.
    pub fn reviewed(&self) -> bool {
        self.reviewed
    }

    /// A text by its key. An unknown key (a slip of the pen, kept out by tests) yields the key itself.
    pub fn t<'a>(&'a self, key: &'a str) -> &'a str {
        self.texts.get(key).map_or(key, String::as_str)
    }

    /// A text with its placeholders `{name}` filled in. Values are put in as they are: escape them where
    /// they are shown.
    pub fn fill<'a>(&'a self, key: &'a str, values: &[(&str, &str)]) -> Cow<'a, str> {
        let text = self.t(key);
        if values.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len() + 16);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let value = after.split_once('}').and_then(|(name, tail)| {
                values.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value, tail))
            });
            match value {
                Some((value, tail)) => {
                    out.push_str(value);
                    rest = tail;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        Cow::Owned(out)
    }

    /// The sentence for an error code of the visitors' API (`error_CODE`); the generic one for any other
    /// code.
    pub fn error(&self, code: &str, values: &[(&str, &str)]) -> String {
        let key = format!("error_{code}");
        let known = if self.texts.contains_key(&key) { key.as_str() } else { "error_generic" };
        self.fill(known, values).into_owned()
    }

    /// The name of a topic by its number (1–15, 99); the name of "other matters" for an unknown number.
    pub fn topic(&self, number: u8) -> &str {
        self.texts.get(&format!("topic_{number}")).map_or_else(|| self.t("topic_99"), String::as_str)
    }

    /// All texts as a JSON object for the page's script, with `lang`, `dir` and `reviewed`.
    pub fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "lang": self.tag,
            "dir": self.tag.direction(),
            "reviewed": self.reviewed,
            "texts": self.texts,
        })
    }
}

/// Parses one file: `reviewed` and the keys. A broken file yields no texts; a unit test keeps the shipped
/// ones whole.
fn parse(tag: LangTag, source: &str) -> Texts {
    let table: toml::Table = source.parse().unwrap_or_default();
    let reviewed = table.get("reviewed").and_then(toml::Value::as_bool).unwrap_or(false);
    let texts = table
        .into_iter()
        .filter_map(|(key, value)| match value {
            toml::Value::String(text) => Some((key, text)),
            _ => None,
        })
        .collect();
    Texts { tag, reviewed, texts }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn every_file_has_the_same_keys_and_placeholders() {
        let english = Texts::get(&tags::EN);
        assert!(english.texts.len() > 100);
        for texts in ALL.iter() {
            let keys: BTreeSet<&String> = texts.texts.keys().collect();
            let wanted: BTreeSet<&String> = english.texts.keys().collect();
            let differing: Vec<_> = wanted.symmetric_difference(&keys).collect();
            assert!(differing.is_empty(), "{}: {differing:?}", texts.tag);
            for (key, text) in &texts.texts {
                assert!(!text.trim().is_empty(), "{} {key} is empty", texts.tag);
                assert_eq!(placeholders(text), placeholders(english.t(key)), "{} {key}", texts.tag);
                assert!(!text.contains(['<', '>', '\n']), "{} {key} has mark-up", texts.tag);
            }
        }
    }

    #[test]
    fn each_language_is_its_own() {
        for (tag, _) in SOURCES {
            assert_eq!(Texts::get(&tag).tag, tag);
            assert_eq!(Texts::get(&tag).reviewed, tag == tags::JA || tag == tags::EN);
            let same =
                ALL.iter().filter(|t| t.t("who_question") == Texts::get(&tag).t("who_question")).count();
            assert_eq!(same, 1, "{tag} repeats another language");
        }
    }

    #[test]
    fn languages_without_texts_fall_back() {
        let tag = |text: &str| text.parse::<LangTag>().unwrap();
        assert_eq!(Texts::get(&tag("zh-Hant")).tag, tags::ZH_HANS);
        assert_eq!(Texts::get(&tag("ja-JP")).tag, tags::JA);
        assert_eq!(Texts::get(&tag("uz")).tag, tags::EN);
        assert_eq!(Texts::get(&tag("tl")).tag, tags::FIL);
    }

    #[test]
    fn placeholders_are_filled_once() {
        let english = Texts::get(&tags::EN);
        assert!(english.fill("wait_about", &[("minutes", "7")]).contains('7'));
        assert!(english.fill("wait_about", &[("minutes", "{minutes}")]).contains("{minutes}"));
        assert!(english.fill("wait_about", &[("other", "7")]).contains("{minutes}"));
    }

    #[test]
    fn errors_and_topics_have_a_fallback() {
        let english = Texts::get(&tags::EN);
        assert_eq!(english.error("not_found", &[]), english.t("error_not_found"));
        assert!(english.error("never_heard_of", &[("trace", "abc")]).contains("abc"));
        assert_eq!(english.topic(7), english.t("topic_7"));
        assert_eq!(english.topic(200), english.t("topic_99"));
    }

    #[test]
    fn the_page_gets_everything_as_json() {
        let json = Texts::get(&tags::JA_EASY).as_json();
        assert_eq!(json["lang"], "ja-x-easy");
        assert_eq!(json["dir"], "ltr");
        assert!(json["texts"]["send"].is_string());
    }
}
