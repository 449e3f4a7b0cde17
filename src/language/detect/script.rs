//! Which script a text is written in, and what the script alone tells.

use unicode_script::{Script, UnicodeScript};

use super::clean::is_letter;

/// A script other than Latin wins from this share of the letters, in percent: names, "SIM" and "LINE" in
/// Latin letters are normal in every language.
const WIN_PERCENT: usize = 30;

/// Writing systems that detection tells apart. Chinese characters and kana are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writing {
    Latin,
    Cyrillic,
    Arabic,
    Devanagari,
    Bengali,
    Sinhala,
    Tamil,
    Thai,
    Lao,
    Khmer,
    Myanmar,
    Hangul,
    HanKana,
    /// Any other script: a language the desk does not have.
    Other,
}

const ALL: [Writing; 14] = [
    Writing::HanKana,
    Writing::Hangul,
    Writing::Thai,
    Writing::Lao,
    Writing::Khmer,
    Writing::Myanmar,
    Writing::Sinhala,
    Writing::Tamil,
    Writing::Bengali,
    Writing::Devanagari,
    Writing::Arabic,
    Writing::Cyrillic,
    Writing::Other,
    Writing::Latin,
];

fn writing_of(c: char) -> Writing {
    match c.script() {
        Script::Latin => Writing::Latin,
        Script::Cyrillic => Writing::Cyrillic,
        Script::Arabic => Writing::Arabic,
        Script::Devanagari => Writing::Devanagari,
        Script::Bengali => Writing::Bengali,
        Script::Sinhala => Writing::Sinhala,
        Script::Tamil => Writing::Tamil,
        Script::Thai => Writing::Thai,
        Script::Lao => Writing::Lao,
        Script::Khmer => Writing::Khmer,
        Script::Myanmar => Writing::Myanmar,
        Script::Hangul => Writing::Hangul,
        Script::Han | Script::Hiragana | Script::Katakana | Script::Bopomofo => Writing::HanKana,
        _ => Writing::Other,
    }
}

/// The writing of a text and its share of the letters in percent; `None` without letters.
/// The most frequent script but Latin wins when it has 30 % of the letters, else Latin.
pub fn dominant(text: &str) -> Option<(Writing, usize)> {
    let mut counts = [0_usize; ALL.len()];
    let mut total = 0;
    for c in text.chars().filter(|c| is_letter(*c)) {
        let writing = writing_of(c);
        if let Some(at) = ALL.iter().position(|w| *w == writing) {
            counts[at] += 1;
            total += 1;
        }
    }
    if total == 0 {
        return None;
    }
    let percent = |n: usize| n * 100 / total;
    let foreign = ALL.iter().zip(counts).filter(|(w, _)| **w != Writing::Latin).max_by_key(|(_, n)| *n);
    match foreign {
        Some((writing, n)) if n > 0 && percent(n) >= WIN_PERCENT => Some((*writing, percent(n))),
        Some((writing, n)) if n > 0 && counts[ALL.len() - 1] == 0 => Some((*writing, percent(n))),
        _ => Some((Writing::Latin, percent(counts[ALL.len() - 1]))),
    }
}

/// Whether Burmese text is in the legacy Zawgyi encoding, which other systems show broken: letters of the
/// range that Zawgyi reuses for glyphs, a vowel sign E before its consonant, or a stacker without a
/// consonant after it.
pub fn is_zawgyi(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let mut signs = 0;
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|i| chars.get(i)).copied().unwrap_or(' ');
        let after = chars.get(at + 1).copied().unwrap_or(' ');
        let consonant = |c: char| matches!(c, '\u{1000}'..='\u{102A}' | '\u{103F}' | '\u{104E}');
        let medial = |c: char| matches!(c, '\u{103B}'..='\u{103E}');
        signs += match c {
            '\u{1060}'..='\u{1097}' => 2,
            '\u{1039}' if !consonant(after) => 2,
            '\u{1031}' if !(consonant(before) || medial(before)) => 1,
            '\u{103B}' if !consonant(before) && !medial(before) => 1,
            '\u{103A}' if consonant(before) && after == '\u{102C}' => 1,
            _ => 0,
        };
    }
    signs >= 1
}

/// Whether text in Bengali letters has the two letters that only Assamese uses.
pub fn is_assamese(text: &str) -> bool {
    text.contains(['ৰ', 'ৱ'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writing(text: &str) -> Writing {
        dominant(text).unwrap().0
    }

    #[test]
    fn each_script_is_recognised() {
        for (text, expected) in [
            ("salary", Writing::Latin),
            ("зарплата", Writing::Cyrillic),
            ("تنخواہ", Writing::Arabic),
            ("तलब", Writing::Devanagari),
            ("বেতন", Writing::Bengali),
            ("වැටුප", Writing::Sinhala),
            ("சம்பளம்", Writing::Tamil),
            ("เงินเดือน", Writing::Thai),
            ("ເງິນເດືອນ", Writing::Lao),
            ("ប្រាក់ខែ", Writing::Khmer),
            ("လစာ", Writing::Myanmar),
            ("월급", Writing::Hangul),
            ("給料", Writing::HanKana),
            ("ደመወዝ", Writing::Other),
        ] {
            assert_eq!(writing(text), expected, "{text}");
        }
        assert!(dominant("12 :) 👍").is_none());
    }

    #[test]
    fn another_script_wins_over_latin_from_thirty_percent() {
        assert_eq!(writing("residence card を失くした"), Writing::Latin);
        assert_eq!(writing("LINE で送ってもいいですか"), Writing::HanKana);
        assert_eq!(writing("visa မရသေးပါ"), Writing::Myanmar);
        assert_eq!(writing("abcdefg あいう"), Writing::HanKana);
        assert_eq!(writing("abcdefgh あいう"), Writing::Latin);
    }

    #[test]
    fn zawgyi_is_told_from_unicode() {
        assert!(is_zawgyi("ဝန္ထမ္းမ်ား ေက်နပ္မည္ဟု"));
        assert!(is_zawgyi("ပိုမိုေကာင္းမြန္ေအာင္"));
        assert!(!is_zawgyi("လစာ မရသေးပါ။ ဘာလုပ်ရမလဲ။"));
        assert!(!is_zawgyi("ကျွန်တော် အလုပ်ပြောင်းချင်ပါတယ်"));
        assert!(!is_zawgyi("မေတ္တာ သတ္တိ ဗုဒ္ဓ"));
    }

    #[test]
    fn assamese_letters_are_seen() {
        assert!(is_assamese("মই অসমৰ পৰা আহিছোঁ"));
        assert!(!is_assamese("আমি বেতন পাইনি"));
    }
}
