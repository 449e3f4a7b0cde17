//! Who calls: the number as the network vouches for it, or why it is withheld.
//!
//! P-Asserted-Identity (RFC 3325 §9.1) comes from the carrier and counts before From (RFC 3261 §20.20), which
//! the caller can write. `Privacy: id` (RFC 3325 §9.3, RFC 3323 §4.2) means that the number must not be
//! shown, even where the carrier sends it. Japanese carriers say in the display name why a number is missing
//! (TTC JJ-90.22: `Anonymous`, `Coin line/payphone`, `Unavailable`, `Interaction with other service`).

/// Longest number kept; E.164 has 15 digits, service prefixes and extensions a few more.
const NUMBER_MAX: usize = 32;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Digits, with a leading `+` when the network wrote one.
    Number(String),
    Withheld(Withheld),
}

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// 非通知: the caller does not want it shown.
    Anonymous,
    /// 公衆電話: a public telephone.
    Payphone,
    /// 通知圏外: the network could not bring it (abroad, other services).
    Unavailable,
}

/// The headers that say it, as they stand in the request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identity<'a> {
    pub asserted: Option<&'a str>,
    pub from: &'a str,
    pub privacy: Option<&'a str>,
}

impl Caller {
    pub(super) fn read(of: Identity<'_>) -> Self {
        let reason = display_name(of.from).as_deref().and_then(withheld);
        let private = of.privacy.is_some_and(|p| {
            p.split([';', ','])
                .any(|t| matches!(t.trim().to_ascii_lowercase().as_str(), "id" | "user" | "header"))
        });
        if private {
            return Self::Withheld(reason.unwrap_or(Withheld::Anonymous));
        }
        if let Some(reason) = reason {
            return Self::Withheld(reason);
        }
        let asserted = of.asserted.into_iter().flat_map(addresses).find_map(number_of);
        if let Some(number) = asserted {
            return Self::Number(number);
        }
        if of.from.to_ascii_lowercase().contains("anonymous") {
            return Self::Withheld(Withheld::Anonymous);
        }
        number_of(of.from).map_or(Self::Withheld(Withheld::Unavailable), Self::Number)
    }
}

fn withheld(display: &str) -> Option<Withheld> {
    let name = display.to_ascii_lowercase();
    if name.contains("anonymous") || name.contains("非通知") {
        Some(Withheld::Anonymous)
    } else if name.contains("payphone") || name.contains("coin line") || name.contains("公衆電話") {
        Some(Withheld::Payphone)
    } else if name.contains("unavailable") || name.contains("interaction with other service") {
        Some(Withheld::Unavailable)
    } else {
        None
    }
}

/// The display name of a name-addr, without quotes.
fn display_name(value: &str) -> Option<String> {
    let value = value.trim();
    if let Some(rest) = value.strip_prefix('"') {
        let mut name = String::new();
        let mut escaped = false;
        for c in rest.chars() {
            match c {
                _ if escaped => {
                    name.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => return Some(name),
                _ => name.push(c),
            }
        }
        return None;
    }
    let (name, _) = value.split_once('<')?;
    Some(name.trim().to_owned())
}

/// The members of a header that may list several addresses, split at commas outside quotes and brackets.
fn addresses(value: &str) -> Vec<&str> {
    let (mut out, mut start, mut quoted, mut inside) = (Vec::new(), 0, false, false);
    for (at, c) in value.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => inside = true,
            '>' if !quoted => inside = false,
            ',' if !quoted && !inside => {
                out.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(&value[start..]);
    out
}

/// The URI of a name-addr or addr-spec.
fn uri_of(value: &str) -> &str {
    let after_name = value.trim().strip_prefix('"').and_then(|r| r.rfind('"').map(|at| &r[at + 1..]));
    let value = after_name.unwrap_or(value).trim();
    match value.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map_or(rest, |(uri, _)| uri),
        None => value,
    }
}

/// The user part of an address in a header; for `tel:` the number.
pub(super) fn user_of(value: &str) -> Option<String> {
    let uri = uri_of(value);
    let (scheme, rest) = uri.split_once(':')?;
    let user = match scheme.trim().to_ascii_lowercase().as_str() {
        "tel" => rest,
        "sip" | "sips" => rest.split_once('@')?.0,
        _ => return None,
    };
    // Parameters of the user part (`;phone-context=…`, `;npdi`) and a password are no part of the number.
    let user = user.split([';', '?', ':']).next()?;
    Some(percent_decoded(user))
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match pair.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn number_of(value: &str) -> Option<String> {
    user_of(value).and_then(|user| number(&user))
}

/// A number in one form: visual separators (RFC 3966 §5.1.1) are dropped; `None` when it is no number.
pub(super) fn number(text: &str) -> Option<String> {
    let mut out = String::new();
    for (at, c) in text.trim().chars().enumerate() {
        match c {
            '0'..='9' | '*' | '#' => out.push(c),
            '+' if at == 0 => out.push(c),
            '-' | '.' | ' ' | '(' | ')' => {}
            _ => return None,
        }
    }
    (out.chars().any(|c| c.is_ascii_digit()) && out.len() <= NUMBER_MAX).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(asserted: Option<&str>, from: &str, privacy: Option<&str>) -> Caller {
        Caller::read(Identity { asserted, from, privacy })
    }

    #[test]
    fn the_carrier_counts_before_the_caller() {
        let from = "\"Taro\" <sip:0312345678@a>;tag=1";
        assert_eq!(read(None, from, None), Caller::Number("0312345678".into()));
        let pai = "\"a, b\" <sip:+81-90-1234-5678;npdi@ims.example;user=phone>, <tel:+819012345678>";
        assert_eq!(read(Some(pai), from, Some("none")), Caller::Number("+819012345678".into()));
        assert_eq!(read(Some("<tel:110>"), from, None), Caller::Number("110".into()));
    }

    #[test]
    fn a_withheld_number_stays_withheld() {
        let is = Caller::Withheld;
        let pai = Some("<sip:0312345678@a>");
        let anonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1";
        assert_eq!(read(None, anonymous, None), is(Withheld::Anonymous));
        assert_eq!(read(pai, anonymous, Some("id")), is(Withheld::Anonymous));
        assert_eq!(read(pai, "<sip:0312345678@a>;tag=1", Some("user;id")), is(Withheld::Anonymous));
        let coin = "\"Coin line/payphone\" <sip:anonymous@anonymous.invalid>;tag=1";
        assert_eq!(read(None, coin, Some("id")), is(Withheld::Payphone));
        assert_eq!(read(None, "\"公衆電話\" <sip:x@y>", None), is(Withheld::Payphone));
        assert_eq!(read(None, "Unavailable <sip:unavailable@a>;tag=1", None), is(Withheld::Unavailable));
        assert_eq!(read(None, "<sip:pbx@a>;tag=1", None), is(Withheld::Unavailable));
        assert_eq!(read(None, "", None), is(Withheld::Unavailable));
    }

    #[test]
    fn odd_users_are_read_or_refused() {
        assert_eq!(user_of("sip:%2b81312345678@a").as_deref(), Some("+81312345678"));
        assert_eq!(user_of("<sip:03;phone-context=+81@a>").as_deref(), Some("03"));
        assert_eq!(user_of("sip:a%"), None);
        assert_eq!(user_of("sip:%zz%@a").as_deref(), Some("%zz%"));
        assert_eq!(number("++81"), None);
        assert_eq!(number("03(1234) 56-78").as_deref(), Some("0312345678"));
        assert_eq!(number(&"9".repeat(33)), None);
    }
}
