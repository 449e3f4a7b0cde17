//! Reading a description, line by line. Unknown lines and attributes are skipped (RFC 8866 §5).

use std::net::IpAddr;

use super::{Codec, Connection, Description, Direction, FORMATS_MAX, LINES_MAX, Media, SDP_MAX, SdpError};
use crate::media::g711::Law;

/// What may stand at the session and be overruled by a media line.
#[derive(Clone, Copy, Default)]
struct Defaults {
    connection: Option<Connection>,
    direction: Direction,
    ptime_ms: Option<u16>,
}

/// Reads a description. Lines end in CRLF or LF; text that is not UTF-8 is tolerated where it means nothing.
///
/// # Errors
/// [`SdpError::TooLarge`] and [`SdpError::Syntax`].
pub fn parse(bytes: &[u8]) -> Result<Description, SdpError> {
    if bytes.len() > SDP_MAX {
        return Err(SdpError::TooLarge);
    }
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    if lines.next() != Some("v=0") {
        return Err(SdpError::Syntax("it does not begin with v=0"));
    }
    let mut session = Defaults::default();
    let mut time = None;
    let mut has_origin = false;
    let mut media: Vec<Media> = Vec::new();
    for line in lines {
        let (kind, value) = line.split_once('=').ok_or(SdpError::Syntax("a line without ="))?;
        match kind {
            "o" => has_origin = true,
            "t" => time = time.or(Some(two_numbers(value)?)),
            "m" if media.len() == LINES_MAX => return Err(SdpError::TooLarge),
            "m" => media.push(media_line(value, session)?),
            "c" => {
                let connection = connection(value)?;
                match media.last_mut() {
                    Some(line) => line.connection = Some(connection),
                    None => session.connection = Some(connection),
                }
            }
            "a" => match media.last_mut() {
                Some(line) => media_attribute(line, value),
                None => session_attribute(&mut session, value),
            },
            kind if kind.len() == 1 => {}
            _ => return Err(SdpError::Syntax("a line's type is one letter")),
        }
    }
    if !has_origin {
        return Err(SdpError::Syntax("no o= line"));
    }
    Ok(Description { time: time.unwrap_or((0, 0)), media })
}

fn two_numbers(value: &str) -> Result<(u64, u64), SdpError> {
    let mut words = value.split_ascii_whitespace().map(|word| word.parse().ok());
    match (words.next().flatten(), words.next().flatten()) {
        (Some(from), Some(to)) => Ok((from, to)),
        _ => Err(SdpError::Syntax("t= wants two numbers")),
    }
}

fn connection(value: &str) -> Result<Connection, SdpError> {
    let mut words = value.split_ascii_whitespace();
    let (Some(net), Some(family), Some(address)) = (words.next(), words.next(), words.next()) else {
        return Err(SdpError::Syntax("c= wants three words"));
    };
    if net != "IN" {
        return Err(SdpError::Syntax("c= of another network"));
    }
    // A multicast address carries a time to live behind a slash.
    let address = address.split('/').next().unwrap_or(address);
    let parsed: Option<IpAddr> = address.parse().ok();
    match (family, parsed) {
        ("IP4", Some(ip)) if ip.is_ipv4() => Ok(Connection::Ip(ip)),
        ("IP6", Some(ip)) if ip.is_ipv6() => Ok(Connection::Ip(ip)),
        ("IP4" | "IP6", None) => Ok(Connection::Name),
        _ => Err(SdpError::Syntax("c= of a family that its address is not")),
    }
}

/// The characters of an RFC 8866 token, and the slash of a protocol's name.
fn is_token(word: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`{|}~/".contains(c);
    !word.is_empty() && word.chars().all(fits)
}

fn media_line(value: &str, session: Defaults) -> Result<Media, SdpError> {
    let mut words = value.split_ascii_whitespace();
    let (Some(kind), Some(port), Some(proto)) = (words.next(), words.next(), words.next()) else {
        return Err(SdpError::Syntax("m= wants four words"));
    };
    let formats: Vec<&str> = words.take(FORMATS_MAX).collect();
    if formats.is_empty() || ![kind, proto].into_iter().chain(formats.iter().copied()).all(is_token) {
        return Err(SdpError::Syntax("m= is no list of words"));
    }
    // "49170/2" means two pairs of ports: the first is ours.
    let port = port.split('/').next().and_then(|port| port.parse().ok());
    let codecs = formats.iter().filter_map(|word| word.parse::<u8>().ok().filter(|pt| *pt < 128));
    Ok(Media {
        kind: kind.to_owned(),
        port: port.ok_or(SdpError::Syntax("m= wants a port"))?,
        proto: proto.to_owned(),
        formats: formats.join(" "),
        codecs: codecs.map(|pt| (pt, Law::of_pt(pt).map_or(Codec::Other, Codec::Voice))).collect(),
        connection: session.connection,
        direction: session.direction,
        ptime_ms: session.ptime_ms,
        rtcp: None,
    })
}

fn direction(name: &str) -> Option<Direction> {
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
        .into_iter()
        .find(|direction| direction.name() == name)
}

fn ptime(value: &str) -> Option<u16> {
    value.trim().parse().ok().filter(|ms| (1..=200).contains(ms))
}

fn session_attribute(session: &mut Defaults, attribute: &str) {
    if let Some(direction) = direction(attribute) {
        session.direction = direction;
    } else if let Some(value) = attribute.strip_prefix("ptime:") {
        session.ptime_ms = ptime(value);
    }
}

fn media_attribute(line: &mut Media, attribute: &str) {
    if let Some(direction) = direction(attribute) {
        line.direction = direction;
        return;
    }
    match attribute.split_once(':') {
        Some(("ptime", value)) => line.ptime_ms = ptime(value).or(line.ptime_ms),
        Some(("rtpmap", value)) => rtpmap(line, value),
        Some(("rtcp", value)) => {
            let mut words = value.split_ascii_whitespace();
            let port = words.next().and_then(|port| port.parse().ok()).filter(|port| *port != 0);
            line.rtcp = port.map(|port| (port, words.nth(2).and_then(|ip| ip.parse().ok())));
        }
        _ => {}
    }
}

/// `0 PCMU/8000/1`: number, name, rate, channels (RFC 8866 §6.6). One that is broken is skipped.
fn rtpmap(line: &mut Media, value: &str) {
    let Some((pt, encoding)) = value.trim().split_once(char::is_whitespace) else { return };
    let Ok(pt) = pt.parse::<u8>() else { return };
    let mut parts = encoding.trim().split('/');
    let (name, rate, channels) = (parts.next().unwrap_or(""), parts.next(), parts.next().unwrap_or("1"));
    let codec = if rate != Some("8000") || channels != "1" {
        Codec::Other
    } else if name.eq_ignore_ascii_case("telephone-event") {
        Codec::Event
    } else {
        let law = Law::ALL.into_iter().find(|law| name.eq_ignore_ascii_case(law.name()));
        law.map_or(Codec::Other, Codec::Voice)
    };
    for (_, known) in line.codecs.iter_mut().filter(|(known, _)| *known == pt) {
        *known = codec;
    }
}
