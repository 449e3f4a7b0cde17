//! Sentences for problem codes: Japanese and English for everyone, and the visitors' own languages
//! where their texts have one.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::tag::LangTag;
use super::texts::Texts;

const TABLE: &str = include_str!("problems.toml");

#[derive(Debug, Deserialize)]
struct Sentence {
    ja: String,
    en: String,
}

fn table() -> &'static BTreeMap<String, Sentence> {
    static PARSED: OnceLock<BTreeMap<String, Sentence>> = OnceLock::new();
    // A table that does not parse fails the test below, so an empty one never ships.
    PARSED.get_or_init(|| toml::from_str(TABLE).unwrap_or_default())
}

/// The codes that have a sentence.
pub fn codes() -> impl Iterator<Item = &'static str> {
    table().keys().map(String::as_str)
}

/// The sentence for `code` in `language` (a BCP 47 tag), its `{placeholders}` filled from `params`.
///
/// Falls back to English for a language without a sentence of its own, and to the general sentence for
/// a code without one.
#[must_use]
pub fn sentence(code: &str, params: &BTreeMap<&'static str, String>, language: &str) -> String {
    let japanese = language == "ja" || language == "ja-JP";
    let english = language == "en" || language.starts_with("en-");
    let row = table().get(code);
    let has_own_row = (japanese || english) && row.is_some();
    if !has_own_row
        && let Ok(tag) = language.parse::<LangTag>()
        && let Some(own) = visitors(&tag, code, params)
    {
        return own;
    }
    let row = row.or_else(|| table().get("internal"));
    fill(row.map_or("", |row| if japanese { &row.ja } else { &row.en }), params)
}

/// The sentence in the visitors' own texts, when their language has texts and the texts have the code.
fn visitors(tag: &LangTag, code: &str, params: &BTreeMap<&'static str, String>) -> Option<String> {
    let texts = Texts::get(tag);
    if texts.tag().language() != tag.language() {
        return None;
    }
    let keys = [format!("error_{code}"), format!("limit_{code}")];
    let key = keys.iter().find(|key| texts.t(key) != key.as_str())?;
    let values: Vec<(&str, &str)> = params.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Some(texts.fill(key, &values).into_owned())
}

fn fill(template: &str, params: &BTreeMap<&'static str, String>) -> String {
    params.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_stands_in_both_languages_with_the_same_places() {
        let parsed: BTreeMap<String, Sentence> = toml::from_str(TABLE).unwrap();
        assert!(parsed.len() > 10);
        for (code, row) in parsed {
            let places = |text: &str| {
                let mut found: Vec<_> = text.split('{').skip(1).filter_map(|p| p.split('}').next()).collect();
                found.sort_unstable();
                found.join(",")
            };
            assert!(!row.ja.is_empty() && !row.en.is_empty(), "{code}");
            assert_eq!(places(&row.ja), places(&row.en), "{code}");
        }
    }

    #[test]
    fn values_are_filled_in_and_unknown_codes_still_say_something() {
        let params = BTreeMap::from([("seconds", "30".to_owned())]);
        assert!(sentence("rate_limited", &params, "en").contains("30 seconds"));
        assert!(!sentence("no_such_code", &params, "ja").is_empty());
        let long = BTreeMap::from([("max", "4000".to_owned())]);
        let vietnamese = sentence("message_too_long", &long, "vi");
        assert!(vietnamese.contains("4000") && vietnamese != sentence("message_too_long", &long, "en"));
    }
}
