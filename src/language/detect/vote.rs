//! Scripts that several languages share: lingua, whatlang and our own lists vote.

use lingua::{Language, LanguageDetector, LanguageDetectorBuilder};
use whatlang::Lang;

use crate::language::tag::{LangTag, tags};

use super::clean::{Cleaned, is_evidence, is_name, words};
use super::lexicon::{Lexicon, Scores};
use super::{Detected, Method, UnknownReason, Writing, known};

/// Weight of lingua's log-probability against the lists' log-odds.
const LINGUA_WEIGHT: f32 = 1.3;
/// Floor under lingua's probabilities, so that a strong list can overrule it.
const LINGUA_FLOOR: f32 = 0.002;
/// What a language that lingua does not know gets in place of lingua's probability.
const LINGUA_ABSENT: f32 = 0.06;
/// Weight of whatlang's confidence (0–1) for its winner.
const WHATLANG_WEIGHT: f32 = 2.0;
/// The language that the visitor chose gets this much: it decides between close candidates only.
const PRIOR_WEIGHT: f32 = 1.0;
/// Scores are divided by this before they become probabilities: hand-made weights overstate.
const TEMPERATURE: f32 = 0.9;
/// A softmax probability from which a language is reported (as confidence 0.5).
const ANSWER_FROM: f32 = 0.36;
/// How much of the confidence a tie between Indonesian and Malay costs.
const TWIN_DOUBT: f32 = 0.4;
/// Temperature between those two, whose words overlap so much that each feature proves less.
const TWIN_TEMPERATURE: f32 = 3.0;

/// A script's lexicon with the tag of each language; languages to reject have none.
struct Panel {
    lexicon: Lexicon,
    tags: Vec<Option<LangTag>>,
}

impl Panel {
    fn new(source: &'static str) -> Self {
        let lexicon = Lexicon::parse(source);
        let tags = lexicon.languages().iter().map(|code| desk_tag(code)).collect();
        Self { lexicon, tags }
    }

    fn index(&self, code: &str) -> Option<usize> {
        self.lexicon.languages().iter().position(|l| *l == code)
    }
}

fn desk_tag(code: &str) -> Option<LangTag> {
    const REPORTED: [LangTag; 18] = [
        tags::EN,
        tags::VI,
        tags::ID,
        tags::MS,
        tags::FIL,
        tags::ES,
        tags::PT,
        tags::UZ_LATN,
        tags::JA_LATN,
        tags::HI_LATN,
        tags::NE_LATN,
        tags::BN_LATN,
        tags::KY,
        tags::MN,
        tags::TG,
        tags::UZ_CYRL,
        tags::HI,
        tags::NE,
    ];
    REPORTED.into_iter().chain([tags::UR]).find(|t| t.as_str() == code)
}

/// Models and lists of the shared scripts.
pub struct Voters {
    latin_model: LanguageDetector,
    arabic_model: LanguageDetector,
    latin: Panel,
    cyrillic: Panel,
    devanagari: Panel,
    arabic: Panel,
}

impl Voters {
    /// Loads lingua's models and parses the lists.
    pub fn new() -> Self {
        let model = |languages: &[Language]| {
            LanguageDetectorBuilder::from_languages(languages).with_preloaded_language_models().build()
        };
        Self {
            latin_model: model(&[
                Language::English,
                Language::Vietnamese,
                Language::Indonesian,
                Language::Malay,
                Language::Tagalog,
                Language::Spanish,
                Language::Portuguese,
            ]),
            arabic_model: model(&[Language::Urdu, Language::Persian, Language::Arabic]),
            latin: Panel::new(include_str!("words/latin.txt")),
            cyrillic: Panel::new(include_str!("words/cyrillic.txt")),
            devanagari: Panel::new(include_str!("words/devanagari.txt")),
            arabic: Panel::new(include_str!("words/arabic.txt")),
        }
    }

    /// Decides between the languages of one of the four shared scripts.
    pub fn decide(&self, writing: Writing, cleaned: &Cleaned, prior: Option<&LangTag>) -> Detected {
        let all = words(&cleaned.text);
        let evidence: Vec<String> = all.iter().filter(|w| is_evidence(w)).cloned().collect();
        let letters: usize = evidence.iter().map(|w| w.chars().count()).sum();
        if letters == 0 {
            return Detected::unknown(UnknownReason::NoLetters);
        }
        let panel = match writing {
            Writing::Cyrillic => &self.cyrillic,
            Writing::Devanagari => &self.devanagari,
            Writing::Arabic => &self.arabic,
            _ => &self.latin,
        };
        let mut scores = panel.lexicon.score(&evidence);
        let mut method = Method::Vote;
        let text = evidence.join(" ");
        match writing {
            Writing::Latin => self.add_latin(&text, panel, &mut scores),
            Writing::Arabic => add_lingua(&self.arabic_model, &text, panel, &mut scores),
            Writing::Devanagari => {
                add_whatlang(
                    &text,
                    panel,
                    &mut scores,
                    &[(Lang::Hin, "hi"), (Lang::Nep, "ne"), (Lang::Mar, "mr")],
                );
            }
            _ => method = Method::Words,
        }
        add_prior(panel, prior, &mut scores);
        let mut doubt = 1.0;
        if writing == Writing::Latin && evidence.iter().all(|w| is_name(w) || w.chars().count() < 3) {
            doubt = doubt_of_names(&evidence);
        } else if writing == Writing::Latin && scores.known_words == 0 {
            doubt = if letters < 5 { 0.6 } else { 0.9 };
        }
        choose(panel, writing, &scores, method, doubt)
    }

    fn add_latin(&self, text: &str, panel: &Panel, scores: &mut Scores) {
        add_lingua(&self.latin_model, text, panel, scores);
        let known = [
            (Lang::Eng, "en"),
            (Lang::Vie, "vi"),
            (Lang::Ind, "id"),
            (Lang::Ind, "ms"),
            (Lang::Tgl, "fil"),
            (Lang::Por, "pt"),
            (Lang::Spa, "es"),
            (Lang::Uzb, "uz-Latn"),
        ];
        add_whatlang(text, panel, scores, &known);
    }
}

/// Words of one or two letters may make a sentence ("tôi ở"); beside a name they are an initial or a
/// particle of it.
fn doubt_of_names(evidence: &[String]) -> f32 {
    if evidence.iter().any(|w| is_name(w)) { 0.0 } else { 0.9 }
}

fn add_lingua(model: &LanguageDetector, text: &str, panel: &Panel, scores: &mut Scores) {
    let found = model.compute_language_confidence_values(text);
    let mut given = vec![LINGUA_ABSENT; scores.by_language.len()];
    for (language, probability) in found {
        let code = match language {
            Language::Tagalog => "fil".to_owned(),
            other => other.iso_code_639_1().to_string(),
        };
        if let Some(at) = panel.index(&code) {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a probability; its digits beyond f32 do not matter"
            )]
            let probability = probability as f32;
            given[at] = probability.max(LINGUA_FLOOR);
        }
    }
    for (score, probability) in scores.by_language.iter_mut().zip(given) {
        *score += LINGUA_WEIGHT * probability.ln();
    }
}

fn add_whatlang(text: &str, panel: &Panel, scores: &mut Scores, known: &[(Lang, &str)]) {
    let allowed = known.iter().map(|(lang, _)| *lang).collect();
    let Some(info) = whatlang::Detector::with_allowlist(allowed).detect(text) else { return };
    // A language may stand for two: whatlang has no Malay and calls it Indonesian.
    let codes = known.iter().filter(|(lang, _)| *lang == info.lang()).map(|(_, code)| *code);
    for at in codes.filter_map(|c| panel.index(c)) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a confidence of 0–1; its digits beyond f32 do not matter"
        )]
        let confidence = info.confidence() as f32;
        scores.by_language[at] += WHATLANG_WEIGHT * (0.25 + 0.75 * confidence);
    }
}

fn add_prior(panel: &Panel, prior: Option<&LangTag>, scores: &mut Scores) {
    let Some(prior) = prior else { return };
    for (tag, score) in panel.tags.iter().zip(&mut scores.by_language) {
        if tag.is_some_and(|t| t.language() == prior.language()) {
            *score += PRIOR_WEIGHT;
        }
    }
}

/// The best language and its confidence from a softmax over the scores.
///
/// Indonesian and Malay are one routing group: their probabilities are added, and how far one leads the
/// other only decides whether the group's confidence counts for the tag in half or in full.
fn choose(panel: &Panel, writing: Writing, scores: &Scores, method: Method, doubt: f32) -> Detected {
    let best = scores.by_language.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    let Some((at, top)) = best else { return Detected::unknown(UnknownReason::Unsure) };
    let share = |score: &f32| ((score - top) / TEMPERATURE).exp();
    let sum: f32 = scores.by_language.iter().map(share).sum();
    let Some(tag) = panel.tags[at] else { return Detected::unknown(UnknownReason::OtherLanguage) };
    let twin = match tag {
        tags::ID => panel.index("ms"),
        tags::MS => panel.index("id"),
        _ => None,
    };
    let mut confidence = calibrated(doubt / sum);
    if let Some(twin) = twin {
        let behind = scores.by_language[twin] - top;
        let group = calibrated(doubt * (1.0 + (behind / TEMPERATURE).exp()) / sum);
        confidence = group * (1.0 - TWIN_DOUBT * (behind / TWIN_TEMPERATURE).exp());
    }
    known(tag, writing, confidence, method)
}

/// A softmax probability as a confidence: [`ANSWER_FROM`] becomes 0.5, 1 stays 1.
fn calibrated(probability: f32) -> f32 {
    1.0 - (1.0 - probability) * 0.5 / (1.0 - ANSWER_FROM)
}
