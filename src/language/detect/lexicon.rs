//! A naive scorer over hand-written words, beginnings, endings and letter groups.
//!
//! The lists stand in `words/*.txt` as `LANGUAGE[,LANGUAGE] WEIGHT: features`. Each feature found in a text
//! adds its weight to its language. The weights are rough log-odds; a feature listed under several
//! languages decides nothing between them.

use std::collections::HashMap;

/// At most this many occurrences of one letter group count, so that a long text does not outweigh its
/// words.
const MAX_GROUP_HITS: usize = 3;
/// Endings and beginnings have at most this many characters.
const MAX_AFFIX_CHARS: usize = 6;

/// What a language gets for one feature.
type Weights = Vec<(usize, f32)>;

/// The lists of one script.
pub struct Lexicon {
    languages: Vec<&'static str>,
    words: HashMap<&'static str, Weights>,
    endings: HashMap<&'static str, Weights>,
    beginnings: HashMap<&'static str, Weights>,
    groups: Vec<(&'static str, usize, f32)>,
}

/// The score of each language of the lexicon, and how much of the text was known.
pub struct Scores {
    /// In the order of [`Lexicon::languages`].
    pub by_language: Vec<f32>,
    /// Words of the text that stand in some list as whole words.
    pub known_words: usize,
}

impl Lexicon {
    /// Reads a list. Lines that do not have the form are passed over; a unit test keeps the shipped ones
    /// whole.
    pub fn parse(source: &'static str) -> Self {
        let mut lexicon = Self {
            languages: Vec::new(),
            words: HashMap::new(),
            endings: HashMap::new(),
            beginnings: HashMap::new(),
            groups: Vec::new(),
        };
        for (languages, weight, features) in source.lines().filter_map(parse_line) {
            for language in languages.split(',') {
                let at = lexicon.language_index(language);
                for feature in features.split_whitespace() {
                    lexicon.add(feature, at, weight);
                }
            }
        }
        lexicon
    }

    /// Codes of the languages, in the order of the scores.
    pub fn languages(&self) -> &[&'static str] {
        &self.languages
    }

    fn language_index(&mut self, language: &'static str) -> usize {
        self.languages.iter().position(|l| *l == language).unwrap_or_else(|| {
            self.languages.push(language);
            self.languages.len() - 1
        })
    }

    fn add(&mut self, feature: &'static str, language: usize, weight: f32) {
        if let Some(group) = feature.strip_prefix('~') {
            self.groups.push((group, language, weight));
            return;
        }
        let (map, key) = if let Some(ending) = feature.strip_prefix('-') {
            (&mut self.endings, ending)
        } else if let Some(beginning) = feature.strip_suffix('-') {
            (&mut self.beginnings, beginning)
        } else {
            (&mut self.words, feature)
        };
        let weights = map.entry(key).or_default();
        match weights.iter_mut().find(|(l, _)| *l == language) {
            Some((_, old)) => *old = old.max(weight),
            None => weights.push((language, weight)),
        }
    }

    /// Scores lower-case words. A known whole word counts by its weight, any other by its affixes.
    pub fn score(&self, words: &[String]) -> Scores {
        let mut scores = Scores { by_language: vec![0.0; self.languages.len()], known_words: 0 };
        for word in words {
            let bare = word.replace(['-', '\''], "");
            let listed = self.words.get(word.as_str()).or_else(|| self.words.get(bare.as_str()));
            if let Some(weights) = listed {
                scores.known_words += 1;
                add_all(&mut scores.by_language, weights);
            }
            self.score_affixes(word, listed, &mut scores.by_language);
        }
        let text = words.join(" ");
        for (group, language, weight) in &self.groups {
            let hits = text.matches(group).take(MAX_GROUP_HITS).count();
            scores.by_language[*language] += [0.0, 1.0, 1.7, 2.2][hits] * weight;
        }
        scores
    }

    /// For each language the longest listed ending and beginning of a word; a language that lists the whole
    /// word gets nothing more.
    fn score_affixes(&self, word: &str, listed: Option<&Weights>, scores: &mut [f32]) {
        let mut best = vec![(0.0_f32, 0.0_f32); scores.len()];
        let starts: Vec<usize> = word.char_indices().map(|(at, _)| at).skip(1).collect();
        for at in starts.iter().rev().take(MAX_AFFIX_CHARS).rev() {
            for (language, weight) in self.endings.get(&word[*at..]).into_iter().flatten() {
                if best[*language].0 < *weight {
                    best[*language].0 = *weight;
                }
            }
        }
        for at in starts.iter().take(MAX_AFFIX_CHARS) {
            for (language, weight) in self.beginnings.get(&word[..*at]).into_iter().flatten() {
                if best[*language].1 < *weight {
                    best[*language].1 = *weight;
                }
            }
        }
        for (language, (ending, beginning)) in best.into_iter().enumerate() {
            if !listed.is_some_and(|w| w.iter().any(|(l, _)| *l == language)) {
                scores[language] += ending + beginning;
            }
        }
    }
}

fn add_all(scores: &mut [f32], weights: &Weights) {
    for (language, weight) in weights {
        scores[*language] += weight;
    }
}

fn parse_line(line: &'static str) -> Option<(&'static str, f32, &'static str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (head, features) = line.split_once(':')?;
    let (language, weight) = head.split_once(' ')?;
    Some((language, weight.trim().parse().ok()?, features))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# a comment\nxx 3: foo bar-\nxx 1: -ing\nyy 2: foo -g ~oo\n";

    fn score(words: &[&str]) -> Vec<f32> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        Lexicon::parse(LIST).score(&words).by_language
    }

    #[test]
    fn words_beginnings_endings_and_groups_add_up() {
        assert_eq!(score(&["foo"]), [3.0, 4.0]);
        assert_eq!(score(&["barn"]), [3.0, 0.0]);
        assert_eq!(score(&["going"]), [1.0, 2.0]);
        assert_eq!(score(&["zzz"]), [0.0, 0.0]);
    }

    #[test]
    fn an_affix_is_shorter_than_its_word() {
        assert_eq!(score(&["ing"]), [0.0, 2.0]);
        assert_eq!(score(&["bar"]), [0.0, 0.0]);
    }

    #[test]
    fn letter_groups_are_counted_up_to_a_limit() {
        assert_eq!(score(&["oo"; 3])[1], score(&["oo"; 30])[1]);
    }

    #[test]
    fn the_shipped_lists_are_whole() {
        for source in [
            include_str!("words/latin.txt"),
            include_str!("words/cyrillic.txt"),
            include_str!("words/devanagari.txt"),
            include_str!("words/arabic.txt"),
        ] {
            for line in source.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
                let (language, weight, features) = parse_line(line).unwrap();
                assert!((0.1..=5.0).contains(&weight), "{language} {weight}");
                assert!(features.split_whitespace().count() > 1, "{line}");
            }
        }
    }
}
