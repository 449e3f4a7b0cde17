//! The offer, judged and cut down before the library sees it (RFC 8866, RFC 8829, RFC 8839, RFC 8842).
//!
//! An offer comes from a browser, or from whoever claims to be one. Only lines that an audio connection needs
//! are passed on. Candidates are not: the server is reachable itself and learns the browser's address from
//! its authenticated checks (peer-reflexive, RFC 8445 §7.3.1.3), so an offer cannot make it knock at other
//! doors.
//!
//! Neither side says `a=ptime`: 20 ms is the default of G.711 (RFC 3551 §4.5), and an answer that says it
//! makes Chromium refuse to change the law by `RTCRtpSender.setParameters` (seen with 156).

use super::{PCMA, PCMU, PeerError};

/// Lines of an offer; Chromium's audio offer has about 60.
const MAX_LINES: usize = 400;
/// Characters of one line.
const MAX_LINE: usize = 1024;
/// `a=ssrc` lines that are passed on; a browser sends four or fewer per track.
const MAX_SSRC_LINES: usize = 8;
/// Dynamic payload types (RFC 3551 §6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// An offer that may be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// What the library gets to read.
    pub(super) text: String,
    /// The browser's number for telephone-event/8000, when it has one.
    pub(super) dtmf: Option<u8>,
}

/// What was found on the way; each must be there in the end.
#[derive(Default)]
struct Found {
    ufrag: bool,
    pwd: bool,
    fingerprint: bool,
    mid: bool,
    mux: bool,
    ssrc_lines: usize,
}

/// Judges `sdp` and keeps what is needed.
pub(super) fn read(sdp: &str, max_bytes: usize) -> Result<Offer, PeerError> {
    if sdp.len() > max_bytes {
        return Err(PeerError::TooLarge { bytes: sdp.len(), max: max_bytes });
    }
    let lines = split(sdp)?;
    let media: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("m=")).collect();
    let [media] = media[..] else { return Err(PeerError::NotOneAudio) };
    let formats = formats(media)?;
    let dtmf = lines.iter().find_map(|line| telephone_event(line, &formats));
    let kept: Vec<u8> =
        formats.into_iter().filter(|pt| [PCMU, PCMA].contains(pt) || Some(*pt) == dtmf).collect();

    let mut found = Found::default();
    let mut text = String::with_capacity(sdp.len());
    for line in lines {
        if line.starts_with("m=") {
            text.push_str("m=audio 9 UDP/TLS/RTP/SAVPF");
            for pt in &kept {
                text.push(' ');
                text.push_str(&pt.to_string());
            }
        } else if is_needed(line, &kept, &mut found)? {
            text.push_str(line);
        } else {
            continue;
        }
        text.push_str("\r\n");
    }
    found.all()?;
    Ok(Offer { text, dtmf })
}

/// The lines, when each is `x=…` of printable characters and the first is the version (RFC 8866 §5).
fn split(sdp: &str) -> Result<Vec<&str>, PeerError> {
    let lines: Vec<&str> = sdp.lines().take(MAX_LINES + 1).collect();
    for (i, line) in lines.iter().enumerate() {
        let b = line.as_bytes();
        let shaped = b.len() > 2 && b[0].is_ascii_lowercase() && b[1] == b'=' && b.len() <= MAX_LINE;
        let first = i > 0 || *line == "v=0";
        if !shaped || !first || line.chars().any(char::is_control) || i == MAX_LINES {
            return Err(PeerError::NotSdp { line: i + 1 });
        }
    }
    if lines.is_empty() { Err(PeerError::NotSdp { line: 1 }) } else { Ok(lines) }
}

/// The payload types of `audio <port> UDP/TLS/RTP/SAVPF <pt>…`.
fn formats(media: &str) -> Result<Vec<u8>, PeerError> {
    let mut words = media.split(' ');
    if words.next() != Some("audio") || words.next().and_then(|port| port.parse::<u16>().ok()).is_none() {
        return Err(PeerError::NotOneAudio);
    }
    if words.next() != Some("UDP/TLS/RTP/SAVPF") {
        return Err(PeerError::Lacks("UDP/TLS/RTP/SAVPF"));
    }
    let mut formats: Vec<u8> = words.filter_map(|pt| pt.parse().ok()).filter(|pt| *pt < 128).collect();
    let mut seen = [false; 128];
    formats.retain(|pt| !std::mem::replace(&mut seen[usize::from(*pt)], true));
    if formats.contains(&PCMU) || formats.contains(&PCMA) { Ok(formats) } else { Err(PeerError::NoG711) }
}

/// The payload type when `line` maps it to telephone-event/8000 (RFC 4733 §2.4.1).
fn telephone_event(line: &str, formats: &[u8]) -> Option<u8> {
    let (pt, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
    let pt = pt.parse().ok().filter(|pt| DYNAMIC.contains(pt) && formats.contains(pt))?;
    let name = name.strip_suffix("/1").unwrap_or(name);
    name.eq_ignore_ascii_case("telephone-event/8000").then_some(pt)
}

/// Whether the library needs this line; takes note of what must not be missing.
fn is_needed(line: &str, kept: &[u8], found: &mut Found) -> Result<bool, PeerError> {
    let Some(attribute) = line.strip_prefix("a=") else {
        return Ok(["v=", "o=", "s=", "t=", "c="].iter().any(|start| line.starts_with(start)));
    };
    let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    let of_kept = || {
        let pt = value.split(' ').next().and_then(|pt| pt.parse::<u8>().ok());
        pt.is_some_and(|pt| kept.contains(&pt))
    };
    match name {
        // RFC 8839 §5.4
        "ice-ufrag" => found.ufrag = good(value, 4, 256, is_ice).ok_or(PeerError::Lacks("ice-ufrag"))?,
        "ice-pwd" => found.pwd = good(value, 22, 256, is_ice).ok_or(PeerError::Lacks("ice-pwd"))?,
        // RFC 8122 §5: 32 bytes as hex pairs
        "fingerprint" => {
            let hex = value.split_once(' ').filter(|(hash, _)| hash.eq_ignore_ascii_case("sha-256"));
            let hex = hex.map_or("", |(_, hex)| hex);
            let is_hex = |c: char| c.is_ascii_hexdigit() || c == ':';
            found.fingerprint = good(hex, 95, 95, is_hex).ok_or(PeerError::Lacks("a sha-256 fingerprint"))?;
        }
        "mid" => {
            let is_token = |c: char| c.is_ascii_graphic();
            found.mid = good(value, 1, 64, is_token).ok_or(PeerError::Lacks("mid"))?;
        }
        "rtcp-mux" => found.mux = true,
        "rtpmap" | "fmtp" => return Ok(of_kept()),
        "ssrc" => {
            found.ssrc_lines += 1;
            return Ok(found.ssrc_lines <= MAX_SSRC_LINES);
        }
        "group" | "setup" | "ice-options" | "msid" | "sendrecv" | "sendonly" | "recvonly" => {}
        _ => return Ok(false),
    }
    Ok(true)
}

/// RFC 8839 §5.4: ice-char.
fn is_ice(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '+' || c == '/'
}

fn good(value: &str, min: usize, max: usize, fits: impl Fn(char) -> bool) -> Option<bool> {
    ((min..=max).contains(&value.len()) && value.chars().all(fits)).then_some(true)
}

impl Found {
    fn all(&self) -> Result<(), PeerError> {
        let needs = [
            (self.ufrag, "ice-ufrag"),
            (self.pwd, "ice-pwd"),
            (self.fingerprint, "a sha-256 fingerprint"),
            (self.mid, "mid"),
            (self.mux, "rtcp-mux"),
        ];
        needs.iter().find(|(there, _)| !there).map_or(Ok(()), |(_, what)| Err(PeerError::Lacks(what)))
    }
}

/// The value of an attribute in the library's answer.
pub(super) fn attribute<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
}
