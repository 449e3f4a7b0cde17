//! Our side of offer and answer within one dialog.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::{Description, Direction, Media, SdpError, parse};
use crate::media::g711::Law;

/// The payload type that our own offers give telephone-event.
const EVENT_PT: u8 = 101;
/// Milliseconds of a packet that we ask for; also what browsers send.
const PTIME_MS: u16 = 20;

/// What both sides settled on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Where RTP and RTCP go; `None` while the far side holds with `c=0.0.0.0`.
    pub far: Option<(SocketAddr, SocketAddr)>,
    pub law: Law,
    /// The law's payload type; static unless the far side mapped its own.
    pub pt: u8,
    /// telephone-event's payload type; `None` means keys come in the sound or by SIP INFO.
    pub event_pt: Option<u8>,
    /// What *we* may do: `sends()` false means that the far side holds the call.
    pub direction: Direction,
    /// Milliseconds of a packet that the far side asked for; we send 20 ms all the same.
    pub ptime_ms: Option<u16>,
}

/// A line of the description last exchanged; lines are never removed (RFC 3264 §8).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Ours,
    Refused { kind: String, proto: String, formats: String },
}

/// Our side of the dialog's descriptions: one session id, and a version that grows with each change.
#[derive(Clone, Debug)]
pub struct Session {
    id: u64,
    version: u64,
    local: SocketAddr,
    prefer: Option<Law>,
    lines: Vec<Line>,
    time: (u64, u64),
    wish: Direction,
    agreed: Option<Agreed>,
    /// What was written last, without the origin, to see whether anything changed.
    body: String,
}

impl Session {
    /// `id` is any number, e.g. the time; `local` is the address that the far side shall send RTP to.
    /// `prefer` chooses a law over the order of the far side's offer.
    #[must_use]
    pub fn new(id: u64, local: SocketAddr, prefer: Option<Law>) -> Self {
        Self {
            id: id >> 1,
            version: 0,
            local,
            prefer,
            lines: Vec::new(),
            time: (0, 0),
            wish: Direction::SendRecv,
            agreed: None,
            body: String::new(),
        }
    }

    /// What stands at the moment; `None` before the first exchange.
    #[must_use]
    pub const fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// Answers an offer, the first or a later one (re-INVITE, UPDATE). Returns what is agreed and the
    /// answer's text. When it fails, what was agreed before still stands (RFC 3264 §8).
    ///
    /// # Errors
    /// [`SdpError`]; [`SdpError::sip_status`] is the reply.
    pub fn answer(&mut self, offer: &[u8]) -> Result<(Agreed, String), SdpError> {
        let offer = parse(offer)?;
        if offer.media.len() < self.lines.len() {
            return Err(SdpError::Mismatch("the offer dropped a line"));
        }
        let (at, agreed) = self.choose(&offer)?;
        self.lines = offer.media.into_iter().enumerate().map(|(n, media)| line(media, n == at)).collect();
        self.time = offer.time;
        self.agreed = Some(agreed);
        let formats = Formats { voices: vec![(agreed.pt, agreed.law)], event: agreed.event_pt };
        Ok((agreed, self.text(&formats, agreed.direction)))
    }

    /// The first audio line that works; the error of the last that did not.
    fn choose(&self, offer: &Description) -> Result<(usize, Agreed), SdpError> {
        let mut error = SdpError::NoAudio;
        for (at, media) in offer.media.iter().enumerate().filter(|(_, media)| media.is_plain_audio()) {
            match self.settle(media) {
                Ok(agreed) => return Ok((at, agreed)),
                Err(e) => error = e,
            }
        }
        Err(error)
    }

    fn settle(&self, media: &Media) -> Result<Agreed, SdpError> {
        let far = media.far(self.local.ip())?;
        // Keep the law in the middle of a call when the far side still takes it.
        let prefer = self.agreed.map(|agreed| agreed.law).or(self.prefer);
        let (pt, law) = media.voice(prefer).ok_or(SdpError::NoCodec)?;
        // Whoever gives no address wants to receive nothing.
        let theirs = if far.is_none() { media.direction.both(Direction::SendOnly) } else { media.direction };
        Ok(Agreed {
            far,
            law,
            pt,
            event_pt: media.event(),
            direction: theirs.turned().both(self.wish),
            ptime_ms: media.ptime_ms,
        })
    }

    /// Writes an offer: the first, or a later one in the same session. `wish` is the direction that we want
    /// from now on; `SendOnly` or `Inactive` puts the far side on hold. The law in use stays.
    pub fn offer(&mut self, wish: Direction) -> String {
        self.wish = wish;
        if self.lines.is_empty() {
            self.lines.push(Line::Ours);
        }
        let formats = if let Some(agreed) = self.agreed {
            Formats { voices: vec![(agreed.pt, agreed.law)], event: agreed.event_pt }
        } else {
            let first = self.prefer.unwrap_or(Law::Mu);
            let voices = [first, first.other()].map(|law| (law.pt(), law)).to_vec();
            Formats { voices, event: Some(EVENT_PT) }
        };
        self.text(&formats, wish)
    }

    /// Takes the answer to our offer.
    ///
    /// # Errors
    /// [`SdpError`]; what was agreed before still stands.
    pub fn apply_answer(&mut self, answer: &[u8]) -> Result<Agreed, SdpError> {
        let answer = parse(answer)?;
        if answer.media.len() != self.lines.len() {
            return Err(SdpError::Mismatch("another number of lines"));
        }
        let ours = self.lines.iter().position(|line| *line == Line::Ours).unwrap_or(0);
        let media = answer.media.get(ours).ok_or(SdpError::NoAudio)?;
        if !media.is_plain_audio() {
            return Err(SdpError::NoAudio);
        }
        let agreed = self.settle(media)?;
        self.agreed = Some(agreed);
        Ok(agreed)
    }

    /// The text, with a version one higher than the last when anything but the origin differs (RFC 3264 §8).
    fn text(&mut self, formats: &Formats, direction: Direction) -> String {
        let mut body = String::new();
        let address = family(self.local.ip());
        let (from, to) = self.time;
        let _ = write!(body, "s=-\r\nc=IN {address}\r\nt={from} {to}\r\n");
        for line in &self.lines {
            match line {
                Line::Ours => formats.write(&mut body, self.local.port(), direction),
                Line::Refused { kind, proto, formats } => {
                    let _ = write!(body, "m={kind} 0 {proto} {formats}\r\n");
                }
            }
        }
        if body != self.body {
            self.version += 1;
            self.body.clone_from(&body);
        }
        format!("v=0\r\no=- {} {} IN {address}\r\n{body}", self.id, self.version)
    }
}

fn line(media: Media, ours: bool) -> Line {
    if ours {
        Line::Ours
    } else {
        Line::Refused { kind: media.kind, proto: media.proto, formats: media.formats }
    }
}

fn family(ip: IpAddr) -> String {
    if ip.is_ipv4() { format!("IP4 {ip}") } else { format!("IP6 {ip}") }
}

/// The formats of our own line.
struct Formats {
    voices: Vec<(u8, Law)>,
    event: Option<u8>,
}

impl Formats {
    fn write(&self, out: &mut String, port: u16, direction: Direction) {
        let _ = write!(out, "m=audio {port} RTP/AVP");
        for pt in self.voices.iter().map(|(pt, _)| *pt).chain(self.event) {
            let _ = write!(out, " {pt}");
        }
        for (pt, law) in &self.voices {
            let _ = write!(out, "\r\na=rtpmap:{pt} {}/8000", law.name());
        }
        if let Some(pt) = self.event {
            let _ = write!(out, "\r\na=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-15");
        }
        let _ = write!(out, "\r\na=ptime:{PTIME_MS}\r\na={}\r\n", direction.name());
    }
}
