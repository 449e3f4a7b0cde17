//! A first look at raw SIP bytes, before the stack sees them: is this a message at all, is it whole, and if
//! not, which answer does it get without any state being kept (RFC 3261 §8.2, §18.3).

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

/// More header lines than this is an attack, not a call.
const HEADER_LINES_MAX: usize = 200;

/// What this program answers to; the value of every `Allow`.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE";

/// Methods the stack below can read. Others get 405 here.
const READABLE: [&str; 14] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];

/// The start line and headers of one message, borrowed from its bytes.
pub(super) struct Head<'a> {
    pub start: Start<'a>,
    headers: Vec<(&'static str, Cow<'a, str>)>,
    /// Where the body begins.
    pub body_at: usize,
}

pub(super) enum Start<'a> {
    Request { method: &'a str, uri: &'a str, version: &'a str },
    Response,
}

/// Long names of the headers that matter here, with their compact forms (RFC 3261 §7.3.3).
const NAMES: [(&str, &str); 9] = [
    ("via", "v"),
    ("from", "f"),
    ("to", "t"),
    ("call-id", "i"),
    ("cseq", "cseq"),
    ("contact", "m"),
    ("content-length", "l"),
    ("max-forwards", "max-forwards"),
    ("record-route", "record-route"),
];

/// Where the head ends: the index after the empty line.
pub(super) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
}

impl<'a> Head<'a> {
    /// Reads the head; `None` when the bytes are not SIP at all, which gets silence.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let body_at = head_end(bytes)?;
        let text = std::str::from_utf8(&bytes[..body_at - 4]).ok()?;
        let mut lines = text.split("\r\n");
        let start = read_start(lines.next()?)?;
        let mut headers: Vec<(&'static str, Cow<'a, str>)> = Vec::new();
        let mut known = false;
        for (count, line) in lines.enumerate() {
            // A bare CR or LF would let the stack see other headers than are seen here.
            if count == HEADER_LINES_MAX || line.contains(['\r', '\n', '\0']) {
                return None;
            }
            if line.starts_with([' ', '\t']) {
                if let (true, Some((_, value))) = (known, headers.last_mut()) {
                    let value = value.to_mut();
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            let (name, value) = line.split_once(':')?;
            let name = name.trim();
            let found = NAMES
                .iter()
                .find(|(long, short)| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short));
            known = found.is_some();
            if let Some((long, _)) = found {
                headers.push((long, Cow::Borrowed(value.trim())));
            }
        }
        Some(Self { start, headers, body_at })
    }

    /// All values of a header, by its long name in lower case.
    fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> + 's {
        self.headers.iter().filter(move |(n, _)| *n == name).map(|(_, v)| v.as_ref())
    }

    fn one(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(n, _)| *n == name);
        let first = all.next()?;
        all.next().is_none().then_some(first.1.as_ref())
    }

    /// The announced length of the body; `Err` when the header lies or is doubled.
    pub fn length(&self) -> Result<Option<usize>, ()> {
        if self.all("content-length").next().is_none() {
            return Ok(None);
        }
        match self.one("content-length").map(str::parse::<u32>) {
            Some(Ok(n)) => usize::try_from(n).map(Some).map_err(|_| ()),
            _ => Err(()),
        }
    }

    pub fn method(&self) -> Option<&'a str> {
        match self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response => None,
        }
    }

    /// What every message must have (RFC 3261 §8.1.1) and this program can serve; `Err` is the response code.
    pub fn check(&self, body: usize) -> Result<(), u16> {
        if self.all("via").next().is_none() || self.one("to").is_none() || self.one("call-id").is_none() {
            return Err(400);
        }
        if !self.one("from").is_some_and(has_tag) {
            return Err(400);
        }
        let mut values = ["via", "from", "to", "contact"].into_iter().flat_map(|name| self.all(name));
        if values.any(has_open_quote) || self.all("via").any(has_gap) {
            return Err(400);
        }
        let (seq, of) = self.one("cseq").and_then(|v| v.split_once([' ', '\t'])).ok_or(400_u16)?;
        // RFC 3261 §8.1.1.5: less than 2^31.
        if seq.parse::<u32>().ok().filter(|n| *n < 1 << 31).is_none() {
            return Err(400);
        }
        match self.length() {
            Ok(Some(n)) if n > body => return Err(400),
            Err(()) => return Err(400),
            Ok(_) => {}
        }
        let Start::Request { method, uri, version } = self.start else { return Ok(()) };
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(505);
        }
        if of.trim() != method || self.all("max-forwards").any(|v| v.parse::<u8>().is_err()) {
            return Err(400);
        }
        if !READABLE.contains(&method) {
            return Err(405);
        }
        // RFC 3261 §19.1.1: neither brackets nor headers belong into the target of a request.
        let host = uri.rsplit('@').next().unwrap_or(uri);
        if uri.contains(['<', '>', '"']) || host.contains('?') {
            return Err(400);
        }
        let scheme = uri.split_once(':').map(|(s, _)| s.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("sip" | "sips" | "tel")) {
            return Err(416);
        }
        if method == "INVITE" && self.one("contact").is_none() {
            return Err(400);
        }
        Ok(())
    }

    /// An answer for which nothing is remembered (RFC 3261 §8.2.7); `None` when the request cannot be
    /// answered.
    pub fn answer(&self, code: u16, from: SocketAddr, extra: &str) -> Option<Vec<u8>> {
        let method = self.method()?;
        let (call_id, cseq, to) = (self.one("call-id")?, self.one("cseq")?, self.one("to")?);
        let sender = self.one("from")?;
        if method == "ACK" {
            return None;
        }
        let mut vias = self.all("via");
        let mut out = format!("SIP/2.0 {code} {}\r\nVia: {}\r\n", reason(code), received(vias.next()?, from));
        for via in vias {
            out.push_str(&["Via: ", via, "\r\n"].concat());
        }
        let to = if has_tag(to) {
            to.to_owned()
        } else {
            let mut tag = DefaultHasher::new();
            (call_id, sender, cseq).hash(&mut tag);
            format!("{to};tag={:016x}", tag.finish())
        };
        out.push_str(
            &[
                "From: ",
                sender,
                "\r\nTo: ",
                &to,
                "\r\nCall-ID: ",
                call_id,
                "\r\nCSeq: ",
                cseq,
                "\r\n",
                extra,
                "Content-Length: 0\r\n\r\n",
            ]
            .concat(),
        );
        Some(out.into_bytes())
    }
}

fn read_start(line: &str) -> Option<Start<'_>> {
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let code = rest.get(..3)?.parse::<u16>().ok()?;
        return (100..700).contains(&code).then_some(Start::Response);
    }
    let mut parts = line.split(' ');
    let (method, uri, version) = (parts.next()?, parts.next()?, parts.next()?);
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    let sound = parts.next().is_none() && !method.is_empty() && method.bytes().all(token) && !uri.is_empty();
    (sound && version.get(..4)?.eq_ignore_ascii_case("SIP/")).then_some(Start::Request {
        method,
        uri,
        version,
    })
}

/// A quoted string that does not end (RFC 3261 §25.1).
fn has_open_quote(value: &str) -> bool {
    let (mut open, mut escaped) = (false, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if open => escaped = true,
            '"' => open = !open,
            _ => {}
        }
    }
    open
}

/// A list of Vias with a place where none stands.
fn has_gap(vias: &str) -> bool {
    vias.split(',').any(|via| via.trim_start().is_empty() || via.trim_start().starts_with(';'))
}

fn has_tag(value: &str) -> bool {
    let after = value.rfind('>').map_or(value, |at| &value[at..]);
    after.split(';').skip(1).any(|p| {
        p.trim()
            .split_once('=')
            .is_some_and(|(k, v)| k.trim().eq_ignore_ascii_case("tag") && !v.trim().is_empty())
    })
}

/// RFC 3261 §18.2.1 and RFC 3581 §4: the top Via as it goes back, with the address it really came from.
fn received(via: &str, from: SocketAddr) -> String {
    let (top, rest) = match via.find(',') {
        Some(at) => via.split_at(at),
        None => (via, ""),
    };
    let kept: Vec<&str> = top
        .split(';')
        .filter(|p| {
            let name = p.trim().split('=').next().unwrap_or_default();
            !name.eq_ignore_ascii_case("rport") && !name.eq_ignore_ascii_case("received")
        })
        .collect();
    format!("{};received={};rport={}{rest}", kept.join(";"), from.ip().to_canonical(), from.port())
}

pub(super) const fn reason(code: u16) -> &'static str {
    match code {
        400 => "Bad Request",
        403 => "Forbidden",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Request Entity Too Large",
        416 => "Unsupported URI Scheme",
        480 => "Temporarily Unavailable",
        481 => "Call Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        503 => "Service Unavailable",
        505 => "Version Not Supported",
        603 => "Decline",
        _ => "Refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\n\
        v: SIP/2.0/UDP c;rport;branch=z9hG4bK1, SIP/2.0/UDP d\r\n\
        f: <sip:x@y>;tag=1\r\nt: <sip:a@b>\r\ni: 1\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n";

    #[test]
    fn compact_forms_and_folds_are_read() {
        let folded = OPTIONS.replace("f: <sip:x@y>", "f:\r\n <sip:x@y>");
        let head = Head::read(folded.as_bytes()).unwrap();
        assert_eq!(head.check(0), Ok(()));
        let answer = head.answer(403, "192.0.2.1:99".parse().unwrap(), "").unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.contains("Via: SIP/2.0/UDP c;branch=z9hG4bK1;received=192.0.2.1;rport=99, SIP/2.0/UDP d")
        );
        assert!(answer.contains("To: <sip:a@b>;tag="));
    }

    #[test]
    fn each_fault_has_its_code() {
        let code = |from: &str, to: &str| {
            let text = OPTIONS.replace(from, to);
            assert_ne!(text, OPTIONS);
            Head::read(text.as_bytes()).map(|h| h.check(text.len() - h.body_at))
        };
        assert_eq!(code("l: 0", "l: 7"), Some(Err(400)));
        assert_eq!(code("l: 0", "l: -1"), Some(Err(400)));
        assert_eq!(code("t: <", "t: \"a <"), Some(Err(400)));
        assert_eq!(code("t: <", "t: \"a \\\" \" <"), Some(Ok(())));
        assert_eq!(code("c;rport", "c;,;,"), Some(Err(400)));
        assert_eq!(code("sip:a@b SIP", "<sip:a@b> SIP"), Some(Err(400)));
        assert_eq!(code("sip:a@b SIP", "sip:a@b?Route=x SIP"), Some(Err(400)));
        assert_eq!(code("sip:a@b SIP", "sip:a?c@b SIP"), Some(Ok(())));
        assert_eq!(code(";tag=1", ""), Some(Err(400)));
        assert_eq!(code("CSeq: 1", "CSeq: 4294967296"), Some(Err(400)));
        assert_eq!(code("1 OPTIONS", "1 INVITE"), Some(Err(400)));
        assert_eq!(code("sip:a@b SIP", "mailto:a@b SIP"), Some(Err(416)));
        assert_eq!(code("SIP/2.0\r\nv", "SIP/7.0\r\nv"), Some(Err(505)));
        assert_eq!(code("sip:a@b SIP/2.0", "SIP/2.0"), None);
        let odd = OPTIONS.replace("OPTIONS", "DANCE");
        assert_eq!(Head::read(odd.as_bytes()).unwrap().check(0), Err(405));
    }
}
