//! Language tags (the subset of BCP 47, RFC 5646, that a desk needs) and the list of desk languages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest accepted tag in ASCII bytes; a longer one is refused, never cut.
pub const MAX_TAG_BYTES: usize = 15;

/// A validated tag: language (2–3 letters), then optionally script (4 letters), region (2 letters or 3
/// digits) and private use (`x-` and subtags of 1–8 letters or digits). Letter case is made canonical
/// (`zh-Hans`, `pt-BR`); the deprecated `tl`, `in` and `iw` become `fil`, `id` and `he`. Small, `Copy`,
/// ordered by its text.
///
/// ```
/// use madoguchi::language::tag::LangTag;
/// assert_eq!("ZH-hans".parse::<LangTag>().unwrap().as_str(), "zh-Hans");
/// assert!("x".parse::<LangTag>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LangTag {
    bytes: [u8; MAX_TAG_BYTES],
    len: u8,
}

/// Why a text is not a language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    #[error("a language tag has 2 to {MAX_TAG_BYTES} ASCII letters, digits and hyphens")]
    Length,
    #[error("not a language tag: expected a form like ja, zh-Hans, pt-BR or ja-x-easy")]
    Form,
}

impl LangTag {
    /// A tag whose text stands in this crate and is known to be canonical.
    const fn known(text: &str) -> Self {
        let from = text.as_bytes();
        let mut bytes = [0; MAX_TAG_BYTES];
        let mut len: u8 = 0;
        while (len as usize) < from.len() && (len as usize) < MAX_TAG_BYTES {
            bytes[len as usize] = from[len as usize];
            len += 1;
        }
        Self { bytes, len }
    }

    /// The canonical text, for example `zh-Hans`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("und")
    }

    /// The language subtag alone: `zh` of `zh-Hans`, `ja` of `ja-x-easy`.
    pub fn language(&self) -> &str {
        self.as_str().split('-').next().unwrap_or("und")
    }

    /// `rtl` for tags whose script runs from right to left (Urdu, Persian, Arabic, Hebrew …), else `ltr`.
    pub fn direction(&self) -> Direction {
        let latin_or_cyrillic = self.as_str().contains("-Latn") || self.as_str().contains("-Cyrl");
        match self.language() {
            "ar" | "fa" | "he" | "ps" | "sd" | "ug" | "ur" | "yi" if !latin_or_cyrillic => Direction::Rtl,
            _ => Direction::Ltr,
        }
    }
}

/// Writing direction, spelled as HTML's `dir` attribute spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Ltr,
    Rtl,
}

impl Direction {
    /// Value of HTML's `dir` attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
        }
    }
}

impl FromStr for LangTag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        if text.len() < 2 || text.len() > MAX_TAG_BYTES || !text.is_ascii() {
            return Err(TagError::Length);
        }
        let mut parts = text.split('-').peekable();
        let mut out = parts.next().unwrap_or_default().to_ascii_lowercase();
        if !(2..=3).contains(&out.len()) || !out.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(TagError::Form);
        }
        match out.as_str() {
            "tl" => out = "fil".to_owned(),
            "in" => out = "id".to_owned(),
            "iw" => out = "he".to_owned(),
            _ => {}
        }
        if let Some(script) = parts.next_if(|p| p.len() == 4 && p.bytes().all(|b| b.is_ascii_alphabetic())) {
            let (head, tail) = script.split_at(1);
            out = format!("{out}-{}{}", head.to_ascii_uppercase(), tail.to_ascii_lowercase());
        }
        let region = |p: &&str| {
            (p.len() == 2 && p.bytes().all(|b| b.is_ascii_alphabetic()))
                || (p.len() == 3 && p.bytes().all(|b| b.is_ascii_digit()))
        };
        if let Some(region) = parts.next_if(region) {
            out = format!("{out}-{}", region.to_ascii_uppercase());
        }
        if let Some(x) = parts.next() {
            let private: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
            let good =
                |p: &String| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
            if !x.eq_ignore_ascii_case("x") || private.is_empty() || !private.iter().all(good) {
                return Err(TagError::Form);
            }
            out = format!("{out}-x-{}", private.join("-"));
        }
        if out.len() > MAX_TAG_BYTES { Err(TagError::Length) } else { Ok(Self::known(&out)) }
    }
}

impl fmt::Display for LangTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for LangTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for LangTag {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LangTag {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Tags used by name in the code.
pub mod tags {
    use super::LangTag;

    pub const JA: LangTag = LangTag::known("ja");
    /// やさしい日本語 (plain Japanese). BCP 47 has no registered subtag for it, so it is a private-use one.
    pub const JA_EASY: LangTag = LangTag::known("ja-x-easy");
    pub const JA_LATN: LangTag = LangTag::known("ja-Latn");
    pub const EN: LangTag = LangTag::known("en");
    pub const VI: LangTag = LangTag::known("vi");
    pub const ID: LangTag = LangTag::known("id");
    pub const MS: LangTag = LangTag::known("ms");
    pub const FIL: LangTag = LangTag::known("fil");
    pub const TH: LangTag = LangTag::known("th");
    pub const LO: LangTag = LangTag::known("lo");
    pub const KM: LangTag = LangTag::known("km");
    pub const MY: LangTag = LangTag::known("my");
    pub const NE: LangTag = LangTag::known("ne");
    pub const NE_LATN: LangTag = LangTag::known("ne-Latn");
    pub const HI: LangTag = LangTag::known("hi");
    pub const HI_LATN: LangTag = LangTag::known("hi-Latn");
    pub const BN: LangTag = LangTag::known("bn");
    pub const BN_LATN: LangTag = LangTag::known("bn-Latn");
    pub const SI: LangTag = LangTag::known("si");
    pub const TA: LangTag = LangTag::known("ta");
    pub const UR: LangTag = LangTag::known("ur");
    /// Uzbek; the Latin script is its default since the reform of 1993, so `uz` and `uz-Latn` are one
    /// group.
    pub const UZ: LangTag = LangTag::known("uz");
    pub const UZ_LATN: LangTag = LangTag::known("uz-Latn");
    pub const UZ_CYRL: LangTag = LangTag::known("uz-Cyrl");
    pub const KY: LangTag = LangTag::known("ky");
    pub const TG: LangTag = LangTag::known("tg");
    pub const MN: LangTag = LangTag::known("mn");
    /// Chinese whose characters do not tell simplified from traditional.
    pub const ZH: LangTag = LangTag::known("zh");
    pub const ZH_HANS: LangTag = LangTag::known("zh-Hans");
    pub const ZH_HANT: LangTag = LangTag::known("zh-Hant");
    pub const KO: LangTag = LangTag::known("ko");
    pub const PT: LangTag = LangTag::known("pt");
    pub const ES: LangTag = LangTag::known("es");
}

/// A language in which the desk works, as the language chooser and the console show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeskLanguage {
    pub tag: LangTag,
    /// The language's own name in its own script.
    pub native_name: &'static str,
    pub english_name: &'static str,
    pub japanese_name: &'static str,
    pub direction: Direction,
}

const fn desk(
    tag: LangTag,
    native_name: &'static str,
    english_name: &'static str,
    japanese_name: &'static str,
) -> DeskLanguage {
    DeskLanguage { tag, native_name, english_name, japanese_name, direction: Direction::Ltr }
}

/// Every desk language in the order of the chooser: first the eleven that have texts of their own
/// (`language::texts`), then those that can be detected and routed.
pub const DESK_LANGUAGES: &[DeskLanguage] = &[
    desk(tags::JA, "日本語", "Japanese", "日本語"),
    desk(tags::JA_EASY, "やさしい日本語", "Plain Japanese", "やさしい日本語"),
    desk(tags::VI, "Tiếng Việt", "Vietnamese", "ベトナム語"),
    desk(tags::ID, "Bahasa Indonesia", "Indonesian", "インドネシア語"),
    desk(tags::EN, "English", "English", "英語"),
    desk(tags::FIL, "Filipino", "Filipino", "フィリピノ語"),
    desk(tags::TH, "ไทย", "Thai", "タイ語"),
    desk(tags::ZH_HANS, "简体中文", "Chinese (simplified)", "中国語（簡体字）"),
    desk(tags::MY, "မြန်မာ", "Burmese", "ミャンマー語"),
    desk(tags::KM, "ខ្មែរ", "Khmer", "カンボジア語（クメール語）"),
    desk(tags::NE, "नेपाली", "Nepali", "ネパール語"),
    desk(tags::MN, "Монгол", "Mongolian", "モンゴル語"),
    desk(tags::SI, "සිංහල", "Sinhala", "シンハラ語"),
    desk(tags::BN, "বাংলা", "Bengali", "ベンガル語"),
    desk(tags::LO, "ລາວ", "Lao", "ラオス語"),
    DeskLanguage {
        tag: tags::UR,
        native_name: "اردو",
        english_name: "Urdu",
        japanese_name: "ウルドゥー語",
        direction: Direction::Rtl,
    },
    desk(tags::UZ, "Oʻzbekcha", "Uzbek", "ウズベク語"),
    desk(tags::KY, "Кыргызча", "Kyrgyz", "キルギス語"),
    desk(tags::TG, "Тоҷикӣ", "Tajik", "タジク語"),
    desk(tags::TA, "தமிழ்", "Tamil", "タミル語"),
    desk(tags::HI, "हिन्दी", "Hindi", "ヒンディー語"),
    desk(tags::MS, "Bahasa Melayu", "Malay", "マレー語"),
    desk(tags::KO, "한국어", "Korean", "韓国語"),
    desk(tags::ZH_HANT, "繁體中文", "Chinese (traditional)", "中国語（繁体字）"),
    desk(tags::PT, "Português", "Portuguese", "ポルトガル語"),
    desk(tags::ES, "Español", "Spanish", "スペイン語"),
];

/// The desk language that a tag belongs to: itself, or its routing group's first entry, else none.
pub fn desk_language(tag: &LangTag) -> Option<&'static DeskLanguage> {
    DESK_LANGUAGES
        .iter()
        .find(|d| d.tag == *tag)
        .or_else(|| DESK_LANGUAGES.iter().find(|d| routing_group(&d.tag) == routing_group(tag)))
}

/// The tag under which contacts are matched with agents' language skills.
///
/// Indonesian and Malay share `id` (short messages are often valid in both, and speakers understand each
/// other); Chinese in any script is `zh`; a script, region or plain-language variant counts as its
/// language.
pub fn routing_group(tag: &LangTag) -> LangTag {
    match tag.language() {
        "ms" => tags::ID,
        language => LangTag::known(language),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> LangTag {
        text.parse().unwrap()
    }

    #[test]
    fn tags_are_made_canonical() {
        for (given, canonical) in [
            ("JA", "ja"),
            ("zh-hANS", "zh-Hans"),
            ("pt-br", "pt-BR"),
            ("es-419", "es-419"),
            ("ja-X-Easy", "ja-x-easy"),
            ("uz-cyrl-UZ", "uz-Cyrl-UZ"),
            ("tl", "fil"),
            ("in", "id"),
        ] {
            assert_eq!(tag(given).as_str(), canonical);
        }
    }

    #[test]
    fn malformed_tags_are_refused() {
        for bad in [
            "",
            "j",
            "japanese",
            "ja_JP",
            "ja-",
            "-ja",
            "ja--JP",
            "ja-x",
            "ja-x-",
            "日本",
            "ja-JP-JP",
            "a1",
            "ja-x-123456789",
        ] {
            assert!(bad.parse::<LangTag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn json_holds_the_plain_text() {
        assert_eq!(serde_json::to_string(&tags::JA_EASY).unwrap(), "\"ja-x-easy\"");
        assert_eq!(serde_json::from_str::<LangTag>("\"zh-hans\"").unwrap(), tags::ZH_HANS);
        assert!(serde_json::from_str::<LangTag>("\"<script>\"").is_err());
    }

    #[test]
    fn desk_languages_are_unique_canonical_and_named() {
        let mut seen = std::collections::BTreeSet::new();
        for d in DESK_LANGUAGES {
            assert!(seen.insert(d.tag), "{} twice", d.tag);
            assert_eq!(tag(d.tag.as_str()), d.tag, "the constant is canonical");
            assert!(!d.native_name.is_empty() && !d.english_name.is_empty() && !d.japanese_name.is_empty());
            assert_eq!(d.direction, d.tag.direction());
        }
        assert_eq!(desk_language(&tags::UR).unwrap().direction, Direction::Rtl);
        assert_eq!(desk_language(&tags::UZ_CYRL).unwrap().tag, tags::UZ);
        assert_eq!(desk_language(&tag("pt-BR")).unwrap().tag, tags::PT);
        assert!(desk_language(&tag("de")).is_none());
    }

    #[test]
    fn indonesian_and_malay_are_routed_together() {
        assert_eq!(routing_group(&tags::MS), routing_group(&tags::ID));
        assert_eq!(routing_group(&tags::ZH_HANT), routing_group(&tags::ZH_HANS));
        assert_eq!(routing_group(&tags::JA_EASY), tags::JA);
        assert_ne!(routing_group(&tags::PT), routing_group(&tags::ES));
    }
}
