//! Folding: the form in which texts are compared and searched.
//!
//! Two spellings that a person takes for the same word fold to the same text: width and case
//! (NFKC, lower case), hiragana and katakana, Latin, Greek and Cyrillic letters with and without
//! diacritics, older forms of kanji that live on in names (髙, 﨑), and the ways to write a company's
//! form (株式会社, ㈱, （株）). Marks that carry vowels or tones (Thai, Khmer, Burmese, Devanagari, the
//! voicing marks of kana) stay.

use unicode_normalization::UnicodeNormalization;

/// Longest text that is folded, in characters; what follows is not searchable.
pub const FOLD_MAX: usize = 40_000;

/// Words of one search; further ones are ignored.
pub const TERMS_MAX: usize = 8;

/// The character that makes `%`, `_` and itself plain in a `LIKE` pattern of ours.
pub const LIKE_ESCAPE: char = '!';

/// The company forms as people write them, each with the short form they all fold to.
const COMPANY_FORMS: [(&str, &str); 9] = [
    ("株式会社", "(株)"),
    ("有限会社", "(有)"),
    ("合同会社", "(同)"),
    ("合資会社", "(資)"),
    ("合名会社", "(名)"),
    ("一般社団法人", "(一社)"),
    ("公益社団法人", "(公社)"),
    ("一般財団法人", "(一財)"),
    ("公益財団法人", "(公財)"),
];

/// Digits from which on a number that begins with Japan's country code cannot be a national one: `81` and
/// the nine digits of a number without its trunk prefix.
const JAPAN_DIGITS_MIN: usize = 11;

/// Two ways to write one telephone number have the same key, in digits alone: `+81 3…`, `813…` and `03…` are
/// one number (ITU-T E.164, Japan's trunk prefix 0), a foreign one is itself with or without its plus.
/// Empty when there is no digit.
#[must_use]
pub fn number_key(text: &str) -> String {
    let folded = fold(text);
    let digits: String = folded.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("81") {
        Some(rest) if folded.starts_with('+') || digits.len() >= JAPAN_DIGITS_MIN => {
            format!("0{}", rest.trim_start_matches('0'))
        }
        _ => digits,
    }
}

/// Folds `text` for searching. Folding twice changes nothing more.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let decomposed = text.chars().take(FOLD_MAX).nfkc().flat_map(char::to_lowercase).nfkd();
    for c in decomposed.filter(|c| !is_dropped(*c)) {
        push_plain(&mut plain, c);
    }
    let mut folded = String::with_capacity(plain.len());
    for c in plain.nfc().map(fold_one) {
        if !(c == ' ' && (folded.is_empty() || folded.ends_with(' '))) {
            folded.push(c);
        }
    }
    folded.truncate(folded.trim_end().len());
    for (long, short) in COMPANY_FORMS {
        if folded.contains(long) {
            folded = folded.replace(long, short);
        }
    }
    folded
}

/// The words of a search, folded, each of which must be found; at most [`TERMS_MAX`].
#[must_use]
pub fn terms(query: &str) -> Vec<String> {
    fold(query).split(' ').filter(|t| !t.is_empty()).take(TERMS_MAX).map(str::to_owned).collect()
}

/// An organisation's name without its company form, spaces and punctuation, to find the same one again.
///
/// Empty when nothing is left.
#[must_use]
pub fn organisation_key(name: &str) -> String {
    let mut folded = fold(name);
    for (_, short) in COMPANY_FORMS {
        folded = folded.replace(short, "");
    }
    folded.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// A `LIKE` pattern that finds `folded` anywhere; use it with `ESCAPE '!'`.
#[must_use]
pub fn contains_pattern(folded: &str) -> String {
    format!("%{}%", escaped(folded))
}

/// A `LIKE` pattern that finds what begins with `text`; use it with `ESCAPE '!'`.
#[must_use]
pub fn prefix_pattern(text: &str) -> String {
    format!("{}%", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if matches!(c, '%' | '_') || c == LIKE_ESCAPE {
            out.push(LIKE_ESCAPE);
        }
        out.push(c);
    }
    out
}

/// Diacritics of European scripts, and characters that show nothing (zero width, direction, control).
fn is_dropped(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
        || (c.is_control() && !c.is_whitespace())
}

/// Letters that Unicode does not take apart.
fn push_plain(out: &mut String, c: char) {
    match c {
        'đ' | 'ð' => out.push('d'),
        'ø' => out.push('o'),
        'ł' => out.push('l'),
        'ħ' => out.push('h'),
        'ı' => out.push('i'),
        'ß' => out.push_str("ss"),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'þ' => out.push_str("th"),
        'ς' => out.push('σ'),
        other => out.push(other),
    }
}

fn fold_one(c: char) -> char {
    match c {
        // Katakana lies 0x60 above hiragana.
        'ァ'..='ヶ' | 'ヽ' | 'ヾ' => u32::from(c).checked_sub(0x60).and_then(char::from_u32).unwrap_or(c),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '、' | '，' => ',',
        '。' => '.',
        c if c.is_whitespace() => ' ',
        c => plain_kanji(c),
    }
}

/// Older and variant forms of kanji that are common in names, as the form of everyday use.
const fn plain_kanji(c: char) -> char {
    match c {
        '髙' => '高',
        '﨑' | '嵜' | '㟢' => '崎',
        '濱' | '濵' => '浜',
        '邊' | '邉' => '辺',
        '齋' | '齊' | '斎' => '斉',
        '澤' => '沢',
        '廣' => '広',
        '國' => '国',
        '眞' => '真',
        '德' => '徳',
        '嶋' | '嶌' => '島',
        '櫻' => '桜',
        '惠' => '恵',
        '榮' => '栄',
        '條' => '条',
        '瀨' => '瀬',
        '瀧' => '滝',
        '龍' => '竜',
        '寶' => '宝',
        '會' => '会',
        '學' => '学',
        '實' => '実',
        '應' => '応',
        '豐' => '豊',
        '鐵' => '鉄',
        '黑' => '黒',
        '靑' => '青',
        '淸' => '清',
        '曾' => '曽',
        '彌' => '弥',
        '埜' => '野',
        '冨' => '富',
        '峯' => '峰',
        '槇' => '槙',
        '舘' => '館',
        '𠮷' => '吉',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_key_however_it_is_written() {
        for same in [
            "03-6838-0058",
            "+81 3 6838 0058",
            "81368380058",
            "０３（６８３８）００５８",
            "+81 (0)3-6838-0058",
        ] {
            assert_eq!(number_key(same), "0368380058", "{same}");
        }
        assert_eq!(number_key("819012345678"), "09012345678");
        assert_eq!(number_key("+84 3 6838 0058"), number_key("84368380058"));
        assert_ne!(number_key("+84 3 6838 0058"), "0368380058");
        assert_eq!(number_key("81-2345"), "812345", "too short to be of another country");
        assert_eq!((number_key(""), number_key("anonymous")), (String::new(), String::new()));
    }

    #[test]
    fn spellings_of_one_name_fold_to_one_text() {
        for (a, b) in [
            ("Nguyễn Thị Đào", "NGUYEN THI DAO"),
            ("㈱山﨑製作所", "株式会社山崎製作所"),
            ("（株）髙橋", "株式会社高橋"),
            ("ﾔﾏﾀﾞ　ﾀﾛｳ", "やまだ たろう"),
            ("ＡＢＣ－１２３", "abc-123"),
            ("İstanbul", "istanbul"),
            ("Straße", "STRASSE"),
            ("か\u{3099}いこく", "がいこく"),
            ("渡邉 𠮷男", "渡辺　吉男"),
            ("a\u{202E}b\u{200B}c", "abc"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} / {b}");
        }
    }

    #[test]
    fn marks_that_carry_sound_stay() {
        assert_ne!(fold("か"), fold("が"));
        assert_ne!(fold("ขาว"), fold("ข้าว"));
        assert_eq!(fold("ที่"), "ที่");
        assert_eq!(fold("ကျေးဇူး"), "ကျေးဇူး");
        assert_eq!(fold("नमस्ते"), "नमस्ते");
        assert_eq!(fold("ខ្មែរ"), "ខ្មែរ");
    }

    #[test]
    fn folding_again_changes_nothing() {
        for text in
            ["㍿ﾔﾏｻﾞｷ  ＆ Ｃｏ．", "Đặng–Văn\u{3000}\t B", "ΣΊΣΥΦΟΣ", "﨑髙德", "株式会社", "", "  ", "ﷺ"]
        {
            let once = fold(text);
            assert_eq!(fold(&once), once, "{text}");
        }
    }

    #[test]
    fn wildcards_in_a_search_are_plain_characters() {
        assert_eq!(contains_pattern("100%_!"), "%100!%!_!!%");
        assert_eq!(prefix_pattern("r8-"), "r8-%");
        assert_eq!(terms("  ﾔﾏﾀﾞ　太郎 "), ["やまだ", "太郎"]);
        assert_eq!(terms(&"x ".repeat(100)).len(), TERMS_MAX);
    }

    #[test]
    fn the_company_form_does_not_tell_organisations_apart() {
        let key = organisation_key("株式会社 山崎製作所");
        assert_eq!(key, organisation_key("山﨑製作所㈱"));
        assert_eq!(key, organisation_key("（株）山崎・製作所"));
        assert_ne!(key, organisation_key("山崎鉄工所"));
        assert_eq!(organisation_key("株式会社"), "");
    }
}
