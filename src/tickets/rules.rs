//! What the fields of a ticket may hold: checked and brought into their stored form, without a database.

use jiff::civil::Date;

use crate::desk::words::{Inquirer, text_of};
use crate::kernel::problem::Problem;
use crate::language::LangTag;

use super::content::Content;
use super::{Fields, Warning};

/// Characters of the summary; a longer one is refused with `too_long`, like every text below.
pub const SUMMARY_MAX: usize = 4_000;
/// Characters of the answer.
pub const ANSWER_MAX: usize = 10_000;
/// Characters of the basis.
pub const BASIS_MAX: usize = 2_000;
/// Characters of the referral.
pub const REFERRAL_MAX: usize = 1_000;
/// Characters of the name of a person or an organisation.
pub const NAME_MAX: usize = 200;
/// Characters of a mail address or telephone number (RFC 5321 §4.5.3.1.3).
pub const REPLY_TO_MAX: usize = 254;
/// Topics of one ticket; more are refused with `too_many`.
pub const TOPICS_MAX: usize = 20;
/// Characters of a note or a reply.
pub const NOTE_MAX: usize = 4_000;
/// Characters of a sender's own id or the name of an editor.
pub const CLIENT_ID_MAX: usize = 40;
/// Years a due day may lie in; others are refused with `range`.
pub const DUE_YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;

/// ISO 3166-1 alpha-2, officially assigned codes.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN \
    BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC \
    EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR \
    HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT \
    LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP \
    NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL \
    SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE \
    VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Refused fields, each with the code of its reason, in the order they were met.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Faults(Vec<(&'static str, &'static str)>);

impl Faults {
    pub(super) fn add(&mut self, field: &'static str, code: &'static str) {
        self.0.push((field, code));
    }

    /// Keeps a checked value, or notes why it is refused.
    fn keep<T>(&mut self, field: &'static str, place: &mut T, checked: Result<T, &'static str>) {
        match checked {
            Ok(value) => *place = value,
            Err(code) => self.add(field, code),
        }
    }

    /// `invalid_input` with every fault, when there is one.
    pub(super) fn answer(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(self
            .0
            .into_iter()
            .fold(Problem::invalid("invalid_input"), |p, (field, code)| p.field(field, code)))
    }
}

/// `before` with the `fields` that were sent, in their stored form. What is refused stays as it was.
///
/// Whether desk, owner and topics exist is for the store to say.
pub(super) fn apply(before: &Content, fields: &Fields, faults: &mut Faults) -> Content {
    let mut after = before.clone();
    apply_texts(&mut after, fields, faults);
    apply_codes(&mut after, fields, faults);
    if let Some(desk) = fields.desk {
        after.desk_id = desk.to_string();
    }
    if let Some(status) = fields.status {
        after.status = text_of(status);
    }
    if let Some(result) = fields.result {
        after.result = text_of(result);
    }
    if let Some(urgency) = fields.urgency {
        after.urgency = text_of(urgency);
    }
    after.anonymous = fields.anonymous.unwrap_or(after.anonymous);
    after.sensitive = fields.sensitive.unwrap_or(after.sensitive);
    after.reply_waiting = fields.reply_waiting.unwrap_or(after.reply_waiting);
    check_closing(before, &after, faults);
    after
}

fn apply_texts(after: &mut Content, fields: &Fields, faults: &mut Faults) {
    let texts: [(&'static str, &Option<String>, &mut String, usize, bool); 7] = [
        ("summary", &fields.summary, &mut after.summary, SUMMARY_MAX, true),
        ("answer", &fields.answer, &mut after.answer, ANSWER_MAX, true),
        ("basis", &fields.basis, &mut after.basis, BASIS_MAX, true),
        ("referral", &fields.referral, &mut after.referral, REFERRAL_MAX, true),
        ("inquirer_name", &fields.inquirer_name, &mut after.inquirer_name, NAME_MAX, false),
        ("organisation", &fields.organisation, &mut after.organisation, NAME_MAX, false),
        ("reply_to", &fields.reply_to, &mut after.reply_to, REPLY_TO_MAX, false),
    ];
    for (name, sent, place, most, many_lines) in texts {
        if let Some(sent) = sent {
            faults.keep(name, place, text(sent, most, many_lines));
        }
    }
}

fn apply_codes(after: &mut Content, fields: &Fields, faults: &mut Faults) {
    if let Some(sent) = &fields.inquirer {
        let word = sent.parse::<Inquirer>().map(|word| word.as_str().to_owned()).map_err(|_| "unknown");
        faults.keep("inquirer", &mut after.inquirer, word);
    }
    if let Some(sent) = &fields.corporate_number {
        faults.keep("corporate_number", &mut after.corporate_number, corporate_number(sent));
    }
    if let Some(sent) = &fields.prefecture {
        faults.keep("prefecture", &mut after.prefecture, prefecture(sent));
    }
    if let Some(sent) = &fields.nationality {
        faults.keep("nationality", &mut after.nationality, nationality(sent));
    }
    if let Some(sent) = &fields.language {
        let tag = sent.parse::<LangTag>().map(|tag| tag.as_str().to_owned()).map_err(|_| "unknown");
        faults.keep("language", &mut after.language, tag);
    }
    if let Some(sent) = &fields.due_on {
        faults.keep("due_on", &mut after.due_on, day(sent));
    }
    if let Some(sent) = &fields.owner {
        after.owner_id = (!sent.is_empty()).then(|| sent.clone());
    }
    if let Some(sent) = &fields.topics {
        let mut topics = sent.clone();
        topics.sort_unstable();
        topics.dedup();
        let checked = if topics.len() > TOPICS_MAX { Err("too_many") } else { Ok(topics) };
        faults.keep("topics", &mut after.topics, checked);
    }
}

/// A closed ticket says what it was about: figures are made from its topics, and whoever is asked again
/// reads its summary.
fn check_closing(before: &Content, after: &Content, faults: &mut Faults) {
    if after.status != "closed" {
        return;
    }
    let closes = before.status != "closed";
    let incomplete = after.topics.is_empty() || after.summary.is_empty();
    if closes && incomplete {
        faults.add("status", "incomplete");
    }
    if !closes && after.topics.is_empty() && !before.topics.is_empty() {
        faults.add("topics", "needed_when_closed");
    }
    if !closes && after.summary.is_empty() && !before.summary.is_empty() {
        faults.add("summary", "needed_when_closed");
    }
}

/// A text without spaces at its ends and without characters that show nothing; line breaks as `\n`.
pub(super) fn text(sent: &str, most: usize, many_lines: bool) -> Result<String, &'static str> {
    let plain = sent.replace("\r\n", "\n");
    let plain = if many_lines { plain.trim_end() } else { plain.trim() };
    let allowed = |c: char| !c.is_control() || (many_lines && matches!(c, '\n' | '\t'));
    if !plain.chars().all(allowed) {
        return Err("character");
    }
    if plain.chars().count() > most { Err("too_long") } else { Ok(plain.to_owned()) }
}

/// A sender's own id for what it sends.
pub(super) fn client_id(sent: &str) -> Result<&str, Problem> {
    let good = (1..=CLIENT_ID_MAX).contains(&sent.len()) && sent.bytes().all(|b| b.is_ascii_graphic());
    if good { Ok(sent) } else { Err(Problem::invalid("invalid_input").field("client_id", "invalid")) }
}

/// The text of a note or a reply.
pub(super) fn body(sent: &str) -> Result<String, Problem> {
    let refused = |code| Problem::invalid("invalid_input").field("body", code);
    let body = text(sent, NOTE_MAX, true).map_err(refused)?;
    if body.trim().is_empty() { Err(refused("required")) } else { Ok(body) }
}

/// 法人番号: 13 digits of any width, with or without separators, whose first is their check digit
/// (平成26年財務省令第70号: 9 − Σ(digit × 1 or 2, alternating from the right) mod 9).
fn corporate_number(sent: &str) -> Result<String, &'static str> {
    let plain = half_width(sent);
    if plain.is_empty() {
        return Ok(plain);
    }
    let digits: Vec<u32> = plain.chars().map(|c| c.to_digit(10)).collect::<Option<_>>().ok_or("digits")?;
    match digits.split_first() {
        Some((check, base)) if base.len() == 12 => {
            let sum: u32 = base.iter().rev().zip([1, 2].into_iter().cycle()).map(|(d, q)| d * q).sum();
            if *check == 9 - sum % 9 { Ok(plain) } else { Err("check_digit") }
        }
        _ if is_individual_number(&digits) => Err("individual_number"),
        _ => Err("length"),
    }
}

/// Digits and letters at half width, without spaces and hyphens.
fn half_width(sent: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    sent.chars().take(NAME_MAX).nfkc().filter(|c| !c.is_whitespace() && !is_hyphen(*c)).collect()
}

const fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | 'ー')
}

fn prefecture(sent: &str) -> Result<String, &'static str> {
    match sent.parse::<u8>() {
        _ if sent.is_empty() => Ok(String::new()),
        Ok(1..=47) if sent.len() == 2 && !sent.starts_with('+') => Ok(sent.to_owned()),
        _ => Err("unknown"),
    }
}

fn nationality(sent: &str) -> Result<String, &'static str> {
    let code = sent.to_ascii_uppercase();
    let known = code.is_empty() || COUNTRIES.split_ascii_whitespace().any(|country| country == code);
    if known { Ok(code) } else { Err("unknown") }
}

fn day(sent: &str) -> Result<Option<String>, &'static str> {
    if sent.is_empty() {
        return Ok(None);
    }
    let day: Date = sent.parse().map_err(|_| "day")?;
    let plain = day.to_string();
    // The parser knows longer forms (a time, a sign before the year); the table holds one.
    if plain != sent {
        return Err("day");
    }
    if DUE_YEARS.contains(&day.year()) { Ok(Some(plain)) } else { Err("range") }
}

/// What looks like a 個人番号 in the texts of a ticket.
pub(super) fn warnings(content: &Content) -> Vec<Warning> {
    let texts = [
        ("summary", &content.summary),
        ("answer", &content.answer),
        ("basis", &content.basis),
        ("referral", &content.referral),
        ("inquirer_name", &content.inquirer_name),
        ("organisation", &content.organisation),
    ];
    let found = texts.into_iter().filter(|(_, text)| holds_individual_number(text));
    found
        .map(|(field, _)| Warning { field: field.to_owned(), code: "individual_number".to_owned() })
        .collect()
}

/// Whether `text` holds exactly twelve digits in a row, of any width and in groups or not, whose check
/// digit fits. A number behind a plus sign is a telephone's.
fn holds_individual_number(text: &str) -> bool {
    use unicode_normalization::UnicodeNormalization as _;
    let (mut run, mut gap, mut before) = (Vec::new(), 0_u8, ' ');
    let mut after_plus = false;
    for c in text.chars().nfkc().chain(['.']) {
        if let Some(digit) = c.to_digit(10) {
            if run.is_empty() {
                after_plus = before == '+';
            }
            run.push(digit);
            gap = 0;
        } else if !run.is_empty() && gap == 0 && (c == ' ' || is_hyphen(c)) {
            gap = 1;
        } else {
            if !after_plus && is_individual_number(&run) {
                return true;
            }
            run.clear();
        }
        before = c;
    }
    false
}

/// Twelve digits of which the last is the check digit (平成26年総務省令第85号: 11 − Σ(digit × weight) mod 11,
/// weights 2 to 7 and 2 to 6 from the right; 0 when the remainder is 0 or 1).
fn is_individual_number(digits: &[u32]) -> bool {
    let Some((check, base)) = digits.split_last().filter(|(_, base)| base.len() == 11) else { return false };
    let weights = (2..=7).chain(2..=6);
    let rest = base.iter().rev().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
    *check == if rest <= 1 { 0 } else { 11 - rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corporate_numbers_are_known_by_their_check_digit() {
        for good in ["7123456789012", "4000012090001", "４０００-０１２０-９０００１", " 4000 0120 9000 1 "]
        {
            assert_eq!(corporate_number(good).map(|n| n.len()), Ok(13), "{good}");
        }
        assert_eq!(corporate_number(""), Ok(String::new()));
        for (bad, code) in [
            ("4000012090002", "check_digit"),
            ("123456789018", "individual_number"),
            ("123456789012", "length"),
            ("12345", "length"),
            ("40000120900O1", "digits"),
            ("4000012090001' --", "digits"),
        ] {
            assert_eq!(corporate_number(bad), Err(code), "{bad}");
        }
    }

    #[test]
    fn individual_numbers_are_found_in_any_dress_and_telephones_are_not() {
        for yes in
            ["番号は123456789018です", "1234 5678 9018", "１２３４－５６７８－９０１８", "x:123456789018"]
        {
            assert!(holds_individual_number(yes), "{yes}");
        }
        for no in ["123456789012", "4000012090001", "+123456789018", "1234567890181", "1234  56789018", ""] {
            assert!(!holds_individual_number(no), "{no}");
        }
    }

    #[test]
    fn codes_and_days_are_checked() {
        assert_eq!(prefecture("13"), Ok("13".to_owned()));
        for bad in ["0", "00", "48", "1", "+1", "１３"] {
            assert_eq!(prefecture(bad), Err("unknown"), "{bad}");
        }
        assert_eq!(nationality("vn"), Ok("VN".to_owned()));
        assert_eq!(nationality("XX"), Err("unknown"));
        assert_eq!(COUNTRIES.split_ascii_whitespace().count(), 249);
        assert_eq!(day("2026-11-30"), Ok(Some("2026-11-30".to_owned())));
        assert_eq!(day(""), Ok(None));
        for bad in ["2026-02-30", "2026-11-30T10:00", "+002026-11-30", "20261130", "明日"] {
            assert_eq!(day(bad), Err("day"), "{bad}");
        }
        assert_eq!(day("1999-12-31"), Err("range"));
    }

    #[test]
    fn texts_keep_their_lines_and_lose_what_shows_nothing() {
        assert_eq!(text(" a\r\nb \n", 10, true), Ok(" a\nb".to_owned()));
        assert_eq!(text(" a ", 1, false), Ok("a".to_owned()));
        assert_eq!(text("a\nb", 10, false), Err("character"));
        assert_eq!(text("a\0b", 10, true), Err("character"));
        assert_eq!(text(&"👩‍🏭".repeat(2), 6, true), Ok("👩‍🏭👩‍🏭".to_owned()));
        assert_eq!(text("あいう", 2, true), Err("too_long"));
        assert!(client_id("").is_err() && client_id(&"x".repeat(41)).is_err() && client_id("a b").is_err());
        assert_eq!(body(" \n ").unwrap_err().fields["body"], "required");
    }

    #[test]
    fn a_ticket_closes_when_it_says_what_it_was_about() {
        let open = Content { status: "open".to_owned(), ..Content::default() };
        let close = Fields { status: Some(super::super::Status::Closed), ..Fields::default() };
        let mut faults = Faults::default();
        apply(&open, &close, &mut faults);
        assert_eq!(faults.answer().unwrap_err().fields["status"], "incomplete");
        let whole =
            Fields { topics: Some(vec!["t1".to_owned()]), summary: Some("s".to_owned()), ..close.clone() };
        let mut faults = Faults::default();
        let closed = apply(&open, &whole, &mut faults);
        assert_eq!(faults, Faults::default());
        let emptied = Fields { summary: Some(String::new()), ..Fields::default() };
        let mut faults = Faults::default();
        apply(&closed, &emptied, &mut faults);
        assert_eq!(faults.answer().unwrap_err().fields["summary"], "needed_when_closed");
    }
}
