//! Takes out of a message what says nothing about its language.

use unicode_normalization::UnicodeNormalization;
use unicode_script::{Script, UnicodeScript};

/// Characters of a message that are looked at; what follows is not read, since the first 2,000 decide.
pub const MAX_CHARS: usize = 2_000;
/// Words longer than this many characters are cut; no language of the desk has such words.
pub const MAX_WORD_CHARS: usize = 64;

/// Endings that make a token a file or host name.
const NAME_ENDINGS: &[&str] = &[
    "pdf", "jpg", "jpeg", "png", "gif", "heic", "doc", "docx", "xls", "xlsx", "csv", "txt", "zip", "mp3",
    "mp4", "mov", "com", "net", "org", "jp", "vn", "id", "ph", "th", "np", "io", "info", "html", "htm",
    "php", "exe", "apk",
];

/// Words that people of every language type: they prove nothing. Names, brands, and sounds.
const NEUTRAL_WORDS: &[&str] = &[
    "ok",
    "oke",
    "okay",
    "okey",
    "hmm",
    "hm",
    "mm",
    "uh",
    "ah",
    "oh",
    "eh",
    "lol",
    "lmao",
    "xd",
    "btw",
    "omg",
    "pls",
    "plz",
    "wow",
    "test",
    "zzz",
    "aaa",
    "wifi",
    "wi-fi",
    "sim",
    "line",
    "pdf",
    "pin",
    "app",
    "id",
    "sms",
    "gps",
    "usb",
    "atm",
    "email",
    "e-mail",
    "facebook",
    "messenger",
    "whatsapp",
    "viber",
    "zalo",
    "wechat",
    "kakao",
    "tiktok",
    "youtube",
    "google",
    "gmail",
    "instagram",
    "twitter",
    "toyota",
    "honda",
    "nissan",
    "suzuki",
    "mazda",
    "panasonic",
    "sony",
    "softbank",
    "docomo",
    "rakuten",
    "tokyo",
    "osaka",
    "nagoya",
    "kyoto",
    "fukuoka",
    "sapporo",
    "japan",
    "visa",
    "mr",
    "mrs",
    "ms",
];

/// Family and given names that make up a message like "Maria Santos"; on their own they are no evidence.
const NAMES: &[&str] = &[
    "nguyen",
    "tran",
    "pham",
    "hoang",
    "huynh",
    "phan",
    "dang",
    "bui",
    "tanaka",
    "sato",
    "suzuki",
    "yamada",
    "takahashi",
    "watanabe",
    "ito",
    "yamamoto",
    "nakamura",
    "kobayashi",
    "kato",
    "yoshida",
    "sasaki",
    "kimura",
    "maria",
    "jose",
    "juan",
    "santos",
    "cruz",
    "reyes",
    "garcia",
    "silva",
    "pereira",
    "oliveira",
    "rodriguez",
    "gonzalez",
    "fernandez",
    "lopez",
    "martinez",
    "ahmad",
    "ahmed",
    "mohammad",
    "muhammad",
    "mohamed",
    "siti",
    "budi",
    "dewi",
    "putri",
    "agus",
    "ram",
    "shrestha",
    "gurung",
    "thapa",
    "tamang",
    "kumar",
    "singh",
    "sharma",
    "khan",
    "aung",
    "htun",
    "kyaw",
    "john",
    "michael",
    "david",
    "anna",
    "anh",
    "van",
    "thi",
    "linh",
    "minh",
    "kim",
    "park",
    "lee",
    "chen",
    "wang",
    "zhang",
    "liu",
];

/// A message made ready for detection.
pub struct Cleaned {
    /// NFC, without links, addresses, mentions, numbers, control and format characters; words parted by one
    /// space.
    pub text: String,
    /// Letters of `text`, marks counted in.
    pub letters: usize,
}

/// Cleans a message. Reads at most [`MAX_CHARS`] characters, never fails.
pub fn clean(message: &str) -> Cleaned {
    let head: String = message.chars().take(MAX_CHARS).filter(|c| !is_format(*c)).nfc().collect();
    let shouting = is_shouting(&head);
    let mut text = String::with_capacity(head.len());
    for token in head.split(|c: char| c.is_whitespace() || c.is_control()) {
        if token.is_empty() || is_address(token) || is_code(token) || (!shouting && is_acronym(token)) {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.extend(token.chars().filter(|c| !c.is_numeric()));
    }
    let letters = text.chars().filter(|c| is_letter(*c)).count();
    Cleaned { text, letters }
}

/// Zero-width, direction and other invisible characters; they would part or hide words.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFF0}'..='\u{FFFD}' | '\u{E0000}'..='\u{E0FFF}')
}

/// A letter, or a mark that belongs to a script (vowel signs), but not a free combining accent.
pub fn is_letter(c: char) -> bool {
    !matches!(c.script(), Script::Common | Script::Inherited | Script::Unknown) && !c.is_numeric()
}

fn is_address(token: &str) -> bool {
    if token.contains("://") || token.starts_with("www.") || token.contains('@') || token.starts_with('#') {
        return true;
    }
    let trimmed = token.trim_matches(|c: char| !c.is_alphanumeric());
    match trimmed.rsplit_once('.') {
        Some((head, end)) => {
            !head.is_empty() && head.is_ascii() && NAME_ENDINGS.contains(&end.to_ascii_lowercase().as_str())
        }
        None => false,
    }
}

/// A token of Latin letters mixed with digits (`RC-2024-0019`, `3pm`). Other scripts keep the word beside a
/// number.
fn is_code(token: &str) -> bool {
    token.chars().any(char::is_numeric)
        && token.chars().all(|c| !is_letter(c) || matches!(c.script(), Script::Latin))
}

fn is_acronym(token: &str) -> bool {
    let letters: Vec<char> = token.chars().filter(|c| c.is_alphabetic()).collect();
    (2..=5).contains(&letters.len())
        && letters.iter().all(|c| c.script() == Script::Latin && c.is_uppercase())
}

/// A whole message in capitals (at least three words), whose words are then no acronyms.
fn is_shouting(text: &str) -> bool {
    text.split_whitespace().filter(|t| t.chars().any(char::is_alphabetic)).count() >= 3
        && !text.chars().any(char::is_lowercase)
}

/// The words of a cleaned text in lower case: letters, marks, and apostrophes and hyphens inside.
/// All apostrophes that Uzbek and French writers use become `'`.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = 0;
    for c in text.chars().chain(std::iter::once(' ')) {
        let c = match c {
            '’' | '‘' | 'ʻ' | 'ʼ' | '`' | '´' | '′' => '\'',
            '‐' | '‑' => '-',
            _ => c,
        };
        if is_letter(c) || (matches!(c, '\'' | '-') && !word.is_empty()) {
            if chars < MAX_WORD_CHARS {
                word.extend(c.to_lowercase());
                chars += 1;
            }
        } else if !word.is_empty() {
            let done = word.trim_end_matches(['-', '\'']);
            // Uzbek words may end in an apostrophe only after o or g, where it is part of the letter.
            let keep = if word.ends_with("o'") || word.ends_with("g'") { word.as_str() } else { done };
            words.push(keep.to_owned());
            word.clear();
            chars = 0;
        }
    }
    words
}

/// Whether a Latin word is evidence: not a name, brand, interjection, laughter or keyboard mashing.
pub fn is_evidence(word: &str) -> bool {
    !NEUTRAL_WORDS.contains(&word) && !is_noise_word(word)
}

/// Whether a word is a frequent personal name.
pub fn is_name(word: &str) -> bool {
    NAMES.contains(&word)
}

fn is_noise_word(word: &str) -> bool {
    let chars: Vec<char> = word.chars().collect();
    let one_letter = chars.len() >= 3 && chars.iter().all(|c| *c == chars[0]);
    let laughter = chars.len() >= 4
        && chars.len() <= 40
        && chars.iter().zip(chars.iter().skip(2)).all(|(a, b)| a == b)
        && matches!((chars[0], chars[1]), (_, 'h' | 'k') | ('h' | 'j' | 'k' | 'w', _));
    let keyboard = word.len() >= 4
        && ["qwertyuiop", "asdfghjkl", "zxcvbnm", "qazwsx"].iter().any(|row| row.contains(word));
    one_letter || laughter || keyboard
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_addresses_and_numbers_go() {
        assert_eq!(clean("see https://example.com/a?b=1 now").text, "see now");
        assert_eq!(clean("write to a@example.jp or @tanaka #4521").text, "write to or");
        assert_eq!(clean("scan.pdf www.example.co.jp RC-2024-0019 IMG_20261123.jpg").letters, 0);
        assert_eq!(clean("3月の給料は15,000円").text, "月の給料は,円");
        assert_eq!(clean("🙏🙏 😂 :) ①②③ ¥185,000").letters, 0);
    }

    #[test]
    fn invisible_characters_go() {
        assert_eq!(clean("he\u{200B}l\u{202E}lo\u{0000}you").text, "hello you");
    }

    #[test]
    fn text_is_composed() {
        assert_eq!(clean("co\u{0302}ng ty").text, "công ty");
    }

    #[test]
    fn acronyms_go_but_shouting_stays() {
        assert_eq!(clean("LINE SIM PDF and so").text, "and so");
        assert_eq!(clean("I NEED HELP NOW").text, "I NEED HELP NOW");
    }

    #[test]
    fn words_keep_inner_apostrophes() {
        assert_eq!(words("Menga yo‘q, bo’lgan don't go'"), ["menga", "yo'q", "bo'lgan", "don't", "go'"]);
        assert_eq!(words("mag-leave 'quoted' -x-"), ["mag-leave", "quoted", "x"]);
    }

    #[test]
    fn noise_words_are_no_evidence() {
        for noise in ["ok", "hahaha", "zzz", "qwerty", "asdfgh", "hmm", "toyota", "jajaja", "wkwkwk"] {
            assert!(!is_evidence(noise), "{noise}");
        }
        for word in ["hello", "nana", "mama", "papa", "salary"] {
            assert!(is_evidence(word), "{word}");
        }
        assert!(is_name("nguyen") && !is_name("thanks"));
    }

    #[test]
    fn only_the_first_characters_are_read() {
        assert_eq!(clean(&"a ".repeat(MAX_CHARS)).letters, MAX_CHARS / 2);
        assert_eq!(words(&"x".repeat(500))[0].len(), MAX_WORD_CHARS);
    }
}
