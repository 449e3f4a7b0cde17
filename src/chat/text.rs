//! What people type, made safe to store: one form of line break, no control characters, within limits.

use crate::kernel::problem::Problem;
use crate::language::tag::desk_language;
use crate::language::{LangTag, detect};

use super::limits::{CLIENT_ID_MAX, MESSAGE_MAX, NAME_MAX, REPLY_TO_MAX, SECRET_ID_MIN};

/// Line breaks become `\n`; other control characters but the tab go (PostgreSQL takes no NUL); blanks at
/// both ends go.
fn plain(text: &str) -> String {
    let one_break = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = one_break.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
    kept.trim().to_owned()
}

/// A message as it is stored.
///
/// # Errors
/// `message_empty` or `message_too_long`.
pub(super) fn message(text: &str) -> Result<String, Problem> {
    // A character has at most 4 bytes: what is longer need not be counted.
    let too_long = || Problem::invalid("message_too_long").with("max", MESSAGE_MAX);
    if text.len() > MESSAGE_MAX * 4 * 2 {
        return Err(too_long());
    }
    let kept = plain(text);
    if kept.is_empty() {
        return Err(Problem::invalid("message_empty"));
    }
    if kept.chars().count() > MESSAGE_MAX { Err(too_long()) } else { Ok(kept) }
}

/// A line that may be left out.
fn line(text: Option<&str>, field: &'static str, max: usize) -> Result<Option<String>, Problem> {
    let kept = plain(text.unwrap_or_default()).replace(['\n', '\t'], " ");
    if kept.chars().count() > max {
        return Err(Problem::invalid("invalid_input").field(field, "too_long"));
    }
    Ok((!kept.is_empty()).then_some(kept))
}

/// The name a visitor gives herself.
///
/// # Errors
/// `invalid_input` at `display_name`.
pub(super) fn display_name(text: Option<&str>) -> Result<Option<String>, Problem> {
    line(text, "display_name", NAME_MAX)
}

/// Where an answer may go.
///
/// # Errors
/// `invalid_input` at `reply_to`.
pub(super) fn reply_to(text: Option<&str>) -> Result<String, Problem> {
    line(text, "reply_to", REPLY_TO_MAX).map(Option::unwrap_or_default)
}

/// The sender's own id of a message.
///
/// # Errors
/// `invalid_input` at `client_id`.
pub(super) fn client_id(text: &str) -> Result<(), Problem> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if (1..=CLIENT_ID_MAX).contains(&text.len()) && text.bytes().all(good) {
        return Ok(());
    }
    Err(Problem::invalid("invalid_input").field("client_id", "invalid"))
}

/// The id from which a conversation's token is made.
///
/// # Errors
/// `invalid_input` at `client_id`.
pub(super) fn secret_id(text: &str) -> Result<(), Problem> {
    if text.len() < SECRET_ID_MIN {
        return Err(Problem::invalid("invalid_input").field("client_id", "too_short"));
    }
    client_id(text)
}

/// A language of the desk.
///
/// # Errors
/// `invalid_input` at `language`.
pub(super) fn language(text: &str) -> Result<LangTag, Problem> {
    let tag = text.parse::<LangTag>().ok().filter(|tag| desk_language(tag).is_some());
    tag.ok_or_else(|| Problem::invalid("invalid_input").field("language", "unknown"))
}

/// What a detection leaves in a message's row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spoken {
    pub language: Option<String>,
    pub confidence: Option<f64>,
    /// What decided, and the version of the rules: `vote/1`.
    pub method: Option<String>,
}

impl Spoken {
    /// What `detected` says.
    pub(super) fn of(detected: &detect::Detected) -> Self {
        match detected {
            detect::Detected::Known { tag, confidence, method, .. } => Self {
                language: Some(tag.as_str().to_owned()),
                confidence: Some(f64::from(*confidence)),
                method: Some(format!("{}/{}", method.as_str(), detect::VERSION)),
            },
            detect::Detected::Unknown { .. } => Self::default(),
        }
    }
}

/// The family name: what stands before the first blank of an account's name.
pub(super) fn family_name(name: &str) -> String {
    name.split_whitespace().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cleaned_and_measured_in_characters() {
        assert_eq!(message(" a\r\nb\rc\u{0}\u{7}\u{85}\td \n").unwrap(), "a\nb\nc\td");
        assert_eq!(message(&"あ".repeat(MESSAGE_MAX)).unwrap().chars().count(), MESSAGE_MAX);
        for (bad, code) in [
            ("あ".repeat(MESSAGE_MAX + 1), "message_too_long"),
            ("a".repeat(1_000_000), "message_too_long"),
            (String::new(), "message_empty"),
            (" \u{3000}\n\u{0}".to_owned(), "message_empty"),
        ] {
            assert_eq!(message(&bad).unwrap_err().code, code);
        }
    }

    #[test]
    fn names_and_ids_keep_their_limits() {
        assert_eq!(display_name(Some(" Mai\nNguyen ")).unwrap().as_deref(), Some("Mai Nguyen"));
        assert_eq!(display_name(Some("  ")).unwrap(), None);
        assert!(display_name(Some(&"n".repeat(NAME_MAX + 1))).is_err());
        assert!(client_id("a-1_B").is_ok());
        for bad in ["", "a b", "あ", "a\u{0}", &"a".repeat(CLIENT_ID_MAX + 1)] {
            assert!(client_id(bad).is_err(), "{bad:?}");
        }
        assert!(secret_id("short").is_err() && secret_id("0123456789abcdef").is_ok());
        assert!(language("vi").is_ok() && language("de").is_err() && language("<b>").is_err());
        assert_eq!((family_name("佐藤　花子"), family_name("")), ("佐藤".to_owned(), String::new()));
    }
}
