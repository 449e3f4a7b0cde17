//! What the phone says: the recordings that come with the program, and those that a desk puts in their place.
//!
//! A prompt is known by its name; each language may have a sound for it. `texts.toml` holds the words of the
//! built-in ones, `VOICES.md` whose voices they are.

pub mod list;
pub mod own;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::language::LangTag;
use crate::media::RATE;

use super::menu::PROMPT_MAX;

/// Spoken where a language has no sound of its own.
pub const FALLBACK: &str = "en";

const TEXTS: &str = include_str!("texts.toml");

#[derive(RustEmbed)]
#[folder = "src/phone/prompts/ja"]
struct Ja;

#[derive(RustEmbed)]
#[folder = "src/phone/prompts/en"]
struct En;

#[derive(RustEmbed)]
#[folder = "src/phone/prompts/vi"]
struct Vi;

#[derive(RustEmbed)]
#[folder = "src/phone/prompts/id"]
struct Id;

#[derive(RustEmbed)]
#[folder = "src/phone/prompts/zh"]
struct Zh;

/// A sound that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// 8 kHz mono G.711 μ-law without a header.
    pub ulaw: Arc<[u8]>,
    /// BCP 47; what is spoken, which may not be what was asked for.
    pub language: String,
}

/// One built-in recording.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its words.
    pub text: String,
    /// Whose voice it is; see `VOICES.md`.
    pub voice: &'static str,
    pub ulaw: Arc<[u8]>,
}

/// Name of a prompt, then BCP 47.
pub type Key = (String, String);

/// A desk's own recordings. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Own(Arc<BTreeMap<Key, Arc<[u8]>>>);

impl FromIterator<(Key, Arc<[u8]>)> for Own {
    fn from_iter<T: IntoIterator<Item = (Key, Arc<[u8]>)>>(sounds: T) -> Self {
        Self(Arc::new(sounds.into_iter().collect()))
    }
}

impl Own {
    fn find(&self, name: &str, language: &str) -> Option<Sound> {
        let ulaw = self.0.get(&(name.to_owned(), language.to_owned()))?;
        Some(Sound { ulaw: Arc::clone(ulaw), language: language.to_owned() })
    }

    /// Whatever the desk recorded under this name.
    fn any(&self, name: &str) -> Option<Sound> {
        let ((_, language), ulaw) = self.0.iter().find(|((own, _), _)| own == name)?;
        Some(Sound { ulaw: Arc::clone(ulaw), language: language.clone() })
    }
}

/// The built-in recordings.
#[derive(Debug)]
pub struct Library(BTreeMap<Key, Recording>);

impl Library {
    /// The one library; read on first use.
    #[must_use]
    pub fn get() -> &'static Self {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        LIBRARY.get_or_init(Self::load)
    }

    fn load() -> Self {
        #[derive(Deserialize)]
        struct Language {
            #[serde(flatten)]
            texts: BTreeMap<String, toml::Value>,
        }
        // Texts that do not parse fail the test below, so a library without them never ships.
        let texts: BTreeMap<String, Language> = toml::from_str(TEXTS).unwrap_or_default();
        let text = |name: &str, language: &str| {
            let found = texts.get(language).and_then(|l| l.texts.get(name)).and_then(toml::Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let mut recordings = BTreeMap::new();
        let mut shelve = |language: &str, voice: &'static str, file: &str, bytes: Option<Arc<[u8]>>| {
            let (Some(name), Some(ulaw)) = (file.strip_suffix(".ulaw"), bytes) else { return };
            let recording = Recording { text: text(name, language), voice, ulaw };
            recordings.insert((name.to_owned(), language.to_owned()), recording);
        };
        Ja::iter().for_each(|f| shelve("ja", "HTS Voice NIT ATR503 M001 (Open JTalk)", &f, bytes::<Ja>(&f)));
        En::iter().for_each(|f| shelve("en", "en-us (eSpeak NG)", &f, bytes::<En>(&f)));
        Vi::iter().for_each(|f| shelve("vi", "vi (eSpeak NG)", &f, bytes::<Vi>(&f)));
        Id::iter().for_each(|f| shelve("id", "id (eSpeak NG)", &f, bytes::<Id>(&f)));
        Zh::iter().for_each(|f| shelve("zh", "cmn-latn-pinyin (eSpeak NG)", &f, bytes::<Zh>(&f)));
        Self(recordings)
    }

    /// The sound of the prompt `name` for a caller who speaks `language`: the desk's own in her language, the
    /// built-in one in it, the desk's own in English, the built-in English. `zh-Hans` is served by `zh` too.
    /// What no other language has is better heard in the desk's than not at all. `None`: there is no such
    /// prompt.
    #[must_use]
    pub fn sound(&self, own: &Own, name: &str, language: &str) -> Option<Sound> {
        let base = language.split('-').next().unwrap_or(language);
        let built_in = |language: &str| {
            let recording = self.recording(name, language)?;
            Some(Sound { ulaw: Arc::clone(&recording.ulaw), language: language.to_owned() })
        };
        own.find(name, language)
            .or_else(|| own.find(name, base))
            .or_else(|| built_in(language))
            .or_else(|| built_in(base))
            .or_else(|| own.find(name, FALLBACK))
            .or_else(|| built_in(FALLBACK))
            .or_else(|| own.any(name))
    }

    /// The built-in recording in exactly this language.
    #[must_use]
    pub fn recording(&self, name: &str, language: &str) -> Option<&Recording> {
        self.0.get(&(name.to_owned(), language.to_owned()))
    }

    /// Every built-in recording, by name and then by language.
    pub fn recordings(&self) -> impl Iterator<Item = (&Key, &Recording)> {
        self.0.iter()
    }

    /// The names of the built-in prompts.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.0.keys().map(|(name, _)| name.as_str()).collect()
    }
}

fn bytes<E: RustEmbed>(file: &str) -> Option<Arc<[u8]>> {
    E::get(file).map(|file| Arc::from(file.data.as_ref()))
}

/// Whether `name` can be the name of a prompt: lower-case letters, digits and `_`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=PROMPT_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A prompt as a setting names it: `name`, or `name@TAG` when it is always said in that language. `None` when
/// the text is neither.
#[must_use]
pub fn parse(said: &str) -> Option<(&str, Option<LangTag>)> {
    let (name, tag) = match said.split_once('@') {
        Some((name, tag)) => (name, Some(tag.parse().ok()?)),
        None => (said, None),
    };
    is_name(name).then_some((name, tag))
}

/// How long so many bytes of μ-law are heard, in seconds to the hundredth.
#[must_use]
pub fn seconds(bytes: usize) -> f64 {
    let hundredths = bytes.saturating_mul(100) / usize::try_from(RATE).unwrap_or(usize::MAX);
    f64::from(u32::try_from(hundredths).unwrap_or(u32::MAX)) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(sounds: &[(&str, &str, u8)]) -> Own {
        let key = |name: &str, language: &str| (name.to_owned(), language.to_owned());
        sounds.iter().map(|(name, language, byte)| (key(name, language), Arc::from([*byte]))).collect()
    }

    #[test]
    fn every_text_has_a_recording_and_every_recording_a_text() {
        let library = Library::get();
        let texts: BTreeMap<String, BTreeMap<String, toml::Value>> = toml::from_str(TEXTS).unwrap();
        let written: BTreeSet<Key> = texts
            .iter()
            .flat_map(|(language, texts)| texts.keys().map(move |name| (name.clone(), language.clone())))
            .filter(|(name, _)| name != "reviewed")
            .collect();
        let spoken: BTreeSet<Key> = library.recordings().map(|(key, _)| key.clone()).collect();
        assert_eq!(spoken, written);
        for ((name, language), recording) in library.recordings() {
            assert!(is_name(name), "{name}");
            assert!(language.parse::<LangTag>().is_ok() && !recording.text.is_empty(), "{name} {language}");
            assert!((0.5..30.0).contains(&seconds(recording.ulaw.len())), "{name} {language}");
            assert!(library.recording(name, FALLBACK).is_some(), "{name} can be said to everybody");
        }
    }

    #[test]
    fn a_prompt_is_said_in_the_nearest_language_and_the_desks_own_comes_first() {
        let library = Library::get();
        let spoken = |own: &Own, name: &str, language: &str| {
            library.sound(own, name, language).map(|s| (s.language.clone(), s.ulaw.len()))
        };
        let none = Own::default();
        let language = |own: &Own, tag: &str| spoken(own, "greeting", tag).unwrap().0;
        assert_eq!(language(&none, "vi"), "vi");
        assert_eq!(language(&none, "zh-Hans"), "zh");
        assert_eq!(language(&none, "ja-x-easy"), "ja");
        assert_eq!(language(&none, "km"), "en", "nothing is recorded in Khmer");
        assert_eq!(spoken(&none, "nothing", "ja"), None);

        let some = own(&[("greeting", "km", 1), ("greeting", "en", 2), ("map", "ja", 3)]);
        assert_eq!(spoken(&some, "greeting", "km"), Some(("km".into(), 1)));
        assert_eq!(spoken(&some, "greeting", "ne"), Some(("en".into(), 1)), "own English before built-in");
        assert!(spoken(&some, "greeting", "vi").unwrap().1 > 1, "built-in before own English");
        assert_eq!(spoken(&some, "map", "vi"), Some(("ja".into(), 1)), "better than silence");
    }

    #[test]
    fn names_are_plain_and_may_be_bound_to_a_language() {
        assert_eq!(parse("menu_language@zh-hans"), Some(("menu_language", "zh-Hans".parse().ok())));
        assert_eq!(parse("greeting"), Some(("greeting", None)));
        for bad in ["", "@ja", "greeting@", "greeting@x", "Greeting", "../greeting", "a b", "挨拶"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse(&"a".repeat(PROMPT_MAX + 1)), None);
        assert!((seconds(12_345) - 1.54).abs() < 1e-9);
    }
}
