//! Tells the language of a message.
//!
//! The way of a message: clean → script → for scripts of one language that is the answer; for Latin,
//! Cyrillic, Arabic and Devanagari a vote of lingua and whatlang (where they know the languages) and our
//! own lists of words, endings and letters. Detection is advice: what the visitor chose is a weight here
//! (`prior`) and stays in use until she accepts another ([`Conversation`]).

mod clean;
mod conversation;
mod han;
mod lexicon;
mod script;
mod vote;

pub use clean::MAX_CHARS;
pub use conversation::{Conversation, SWITCH_AFTER, SWITCH_CONFIDENCE, Suggestion};
pub use script::Writing;

use serde::Serialize;

use crate::language::tag::{LangTag, routing_group, tags};
use clean::{Cleaned, clean};
use han::{Han, HanLists};
use vote::Voters;

/// Version of the rules and lists, stored with each message so that old detections can be told from new
/// ones.
pub const VERSION: u16 = 1;
/// Fewer letters than this are no evidence.
pub const MIN_LETTERS: usize = 3;
/// A guess below this confidence is reported as unknown.
pub const MIN_CONFIDENCE: f32 = 0.5;
/// Confidence when the script alone decides, for a text of only that script.
const SCRIPT_CONFIDENCE: f32 = 0.99;

/// The language of a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Detected {
    Known {
        tag: LangTag,
        #[serde(skip)]
        script: Writing,
        /// 0.5 to 1; from 0.8 on the guess is right in at least 98 of 100 cases.
        confidence: f32,
        method: Method,
        /// Burmese in the legacy Zawgyi encoding: show a hint, search and display are broken.
        zawgyi: bool,
    },
    Unknown {
        reason: UnknownReason,
    },
}

impl Detected {
    /// The tag and confidence, if known.
    pub fn known(&self) -> Option<(LangTag, f32)> {
        match self {
            Self::Known { tag, confidence, .. } => Some((*tag, *confidence)),
            Self::Unknown { .. } => None,
        }
    }

    /// An unknown language with its reason.
    pub fn unknown(reason: UnknownReason) -> Self {
        Self::Unknown { reason }
    }
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The script has one language.
    Script,
    /// The script's letters or characters (Han lists).
    Letters,
    /// Our word lists, alone.
    Words,
    /// lingua or whatlang together with our word lists.
    Vote,
}

impl Method {
    /// Name under which a method is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Letters => "letters",
            Self::Words => "words",
            Self::Vote => "vote",
        }
    }
}

/// Why no language is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownReason {
    /// Nothing but numbers, links, emoji, names or acronyms.
    NoLetters,
    /// Fewer than [`MIN_LETTERS`] letters.
    TooShort,
    /// Evidence below [`MIN_CONFIDENCE`].
    Unsure,
    /// A language, or a script, that the desk does not have.
    OtherLanguage,
}

/// Loaded models and lists. Costs some tens of megabytes and tenths of a second: make one and share it.
pub struct Detector {
    voters: Voters,
    han: HanLists,
}

impl Detector {
    /// Loads every model and list; the first call of [`Detector::detect`] is then as fast as the rest.
    pub fn new() -> Self {
        let detector = Self { voters: Voters::new(), han: HanLists::new() };
        detector.warm_up();
        detector
    }

    /// Runs one message of each voting script, so that nothing is left to be loaded lazily.
    pub fn warm_up(&self) {
        for text in
            ["I have a question about my work", "میرا ایک سوال ہے", "मलाई मद्दत चाहियो", "Менде суроо бар"]
        {
            self.detect(text, None);
        }
    }

    /// Detects the language of a message; `prior` is the language that the visitor chose, a weight that
    /// decides only between close candidates. Takes any text, reads at most [`MAX_CHARS`] characters, never
    /// fails.
    pub fn detect(&self, text: &str, prior: Option<&LangTag>) -> Detected {
        let cleaned = clean(text);
        let Some((writing, percent)) = script::dominant(&cleaned.text) else {
            return Detected::unknown(UnknownReason::NoLetters);
        };
        let minimum = if matches!(writing, Writing::HanKana | Writing::Hangul) { 2 } else { MIN_LETTERS };
        if cleaned.letters < minimum {
            return Detected::unknown(UnknownReason::TooShort);
        }
        match writing {
            Writing::Latin | Writing::Cyrillic | Writing::Arabic | Writing::Devanagari => {
                self.voters.decide(writing, &cleaned, prior)
            }
            Writing::HanKana => self.chinese_or_japanese(&cleaned, percent, prior),
            _ => one_language(writing, &cleaned.text, percent),
        }
    }

    fn chinese_or_japanese(&self, cleaned: &Cleaned, percent: usize, prior: Option<&LangTag>) -> Detected {
        let kana =
            cleaned.text.chars().any(|c| matches!(c, '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}'));
        let wants_japanese = prior.is_some_and(|p| routing_group(p) == tags::JA);
        let (tag, method, confidence) = match (kana, self.han.judge(&cleaned.text)) {
            (true, _) => (tags::JA, Method::Script, SCRIPT_CONFIDENCE),
            (false, Han::Japanese) => (tags::JA, Method::Letters, 0.9),
            (false, Han::Simplified) => (tags::ZH_HANS, Method::Letters, 0.97),
            (false, Han::Traditional) if wants_japanese && cleaned.letters <= 8 => {
                (tags::JA, Method::Letters, 0.6)
            }
            (false, Han::Traditional) => (tags::ZH_HANT, Method::Letters, 0.95),
            (false, Han::Undecided) if wants_japanese => (tags::JA, Method::Letters, 0.7),
            (false, Han::Undecided) => match prior.filter(|p| p.language() == "zh") {
                Some(chosen) => (*chosen, Method::Letters, 0.85),
                None => (tags::ZH, Method::Letters, 0.75),
            },
        };
        known(tag, Writing::HanKana, confidence * certainty(percent), method)
    }
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

/// Scripts that are as good as a language.
fn one_language(writing: Writing, text: &str, percent: usize) -> Detected {
    let tag = match writing {
        Writing::Hangul => tags::KO,
        Writing::Thai => tags::TH,
        Writing::Lao => tags::LO,
        Writing::Khmer => tags::KM,
        Writing::Myanmar => tags::MY,
        Writing::Sinhala => tags::SI,
        Writing::Tamil => tags::TA,
        Writing::Bengali if !script::is_assamese(text) => tags::BN,
        _ => return Detected::unknown(UnknownReason::OtherLanguage),
    };
    let mut detected = known(tag, writing, SCRIPT_CONFIDENCE * certainty(percent), Method::Script);
    if let Detected::Known { zawgyi, .. } = &mut detected {
        *zawgyi = writing == Writing::Myanmar && script::is_zawgyi(text);
    }
    detected
}

/// 1 for a text of one script, a little less for a mixture (0.93 at 30 %).
fn certainty(percent: usize) -> f32 {
    let share = f32::from(u8::try_from(percent.min(100)).unwrap_or(100)) / 100.0;
    0.9 + 0.1 * share
}

/// A known language, or unknown when the confidence is too low.
fn known(tag: LangTag, script: Writing, confidence: f32, method: Method) -> Detected {
    if confidence < MIN_CONFIDENCE {
        return Detected::unknown(UnknownReason::Unsure);
    }
    Detected::Known { tag, script, confidence: confidence.min(1.0), method, zawgyi: false }
}

#[cfg(test)]
mod tests;
