//! SDP (RFC 8866) and offer/answer (RFC 3264) for the carrier's leg: one audio line of plain RTP with G.711
//! and telephone-event. Every other line is refused in its place.
//!
//! [`parse`] reads a description; [`Session`] is our side of one dialog.

mod parse;
mod session;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

pub use parse::parse;
pub use session::{Agreed, Session};

use super::g711::Law;

/// Bytes of the longest description that is read; a longer one is [`SdpError::TooLarge`].
pub const SDP_MAX: usize = 16 * 1024;
/// Media lines of one description; more is [`SdpError::TooLarge`].
pub const LINES_MAX: usize = 16;
/// Formats kept of one media line; later ones are ignored.
pub const FORMATS_MAX: usize = 64;

/// Why a description cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    #[error("the description is too large")]
    TooLarge,
    #[error("not SDP: {0}")]
    Syntax(&'static str),
    #[error("no audio over plain RTP")]
    NoAudio,
    #[error("no codec in common")]
    NoCodec,
    #[error("the media address is not one to send to")]
    Address,
    #[error("the answer does not fit the offer: {0}")]
    Mismatch(&'static str),
}

impl SdpError {
    /// The SIP answer to a request that carried it: 400 for bytes that are no SDP, 413 for too many, 488 for
    /// what we cannot take (RFC 3261 §21.4.26). To a broken *answer* there is no reply: end the call.
    #[must_use]
    pub const fn sip_status(&self) -> u16 {
        match self {
            Self::Syntax(_) => 400,
            Self::TooLarge => 413,
            Self::NoAudio | Self::NoCodec | Self::Address | Self::Mismatch(_) => 488,
        }
    }
}

/// Which way media flows, seen from the side that says it (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    #[must_use]
    pub const fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow seen from the other side.
    #[must_use]
    pub const fn turned(self) -> Self {
        Self::of(self.receives(), self.sends())
    }

    /// Only what both allow.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self::of(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// Where a `c=` line points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    Ip(IpAddr),
    /// A host name; we look nothing up.
    Name,
}

/// What a format is, from its static number or its `a=rtpmap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Voice(Law),
    /// telephone-event at 8 kHz (RFC 4733).
    Event,
    Other,
}

/// One `m=` line with what belongs to it; session-level values are already filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, …
    pub kind: String,
    /// 0 means refused or not wanted.
    pub port: u16,
    pub proto: String,
    /// The formats as written, to be given back when the line is refused.
    pub formats: String,
    /// The formats that are payload types, in the order of preference.
    pub codecs: Vec<(u8, Codec)>,
    pub connection: Option<Connection>,
    pub direction: Direction,
    /// Milliseconds of a packet that the writer would like to receive.
    pub ptime_ms: Option<u16>,
    /// `a=rtcp` (RFC 3605): port and, when given, address.
    pub rtcp: Option<(u16, Option<IpAddr>)>,
}

impl Media {
    /// Whether it is an audio line that we can take: plain RTP and not switched off.
    #[must_use]
    pub fn is_plain_audio(&self) -> bool {
        self.kind == "audio" && self.port != 0 && self.proto == "RTP/AVP"
    }

    /// The first voice format, or the first of the preferred law when there is one.
    #[must_use]
    pub fn voice(&self, prefer: Option<Law>) -> Option<(u8, Law)> {
        let mut voices = self.codecs.iter().filter_map(|(pt, codec)| match codec {
            Codec::Voice(law) => Some((*pt, *law)),
            Codec::Event | Codec::Other => None,
        });
        let first = voices.next()?;
        if prefer.is_none_or(|law| law == first.1) {
            return Some(first);
        }
        Some(voices.find(|(_, law)| Some(*law) == prefer).unwrap_or(first))
    }

    /// The payload type of telephone-event.
    #[must_use]
    pub fn event(&self) -> Option<u8> {
        self.codecs.iter().find(|(_, codec)| *codec == Codec::Event).map(|(pt, _)| *pt)
    }

    /// Where its writer wants RTP and RTCP. `None` is the old way to hold a call, `c=0.0.0.0`
    /// (RFC 3264 §8.4).
    ///
    /// # Errors
    /// [`SdpError::Syntax`] without `c=`; [`SdpError::Address`] for a host name, a multicast address, or a
    /// family other than `like`'s.
    pub fn far(&self, like: IpAddr) -> Result<Option<(SocketAddr, SocketAddr)>, SdpError> {
        let ip = match self.connection {
            None => return Err(SdpError::Syntax("no c= line")),
            Some(Connection::Name) => return Err(SdpError::Address),
            Some(Connection::Ip(ip)) => ip,
        };
        if ip.is_unspecified() {
            return Ok(None);
        }
        let usable = |ip: IpAddr| {
            let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
            !ip.is_multicast() && !broadcast && ip.is_ipv4() == like.is_ipv4()
        };
        if !usable(ip) {
            return Err(SdpError::Address);
        }
        let (port, other) = self.rtcp.unwrap_or((self.port.saturating_add(1), None));
        let rtcp =
            SocketAddr::new(other.filter(|ip| usable(*ip) && !ip.is_unspecified()).unwrap_or(ip), port);
        Ok(Some((SocketAddr::new(ip, self.port), rtcp)))
    }
}

/// A description, as far as a call needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The first `t=` line's two numbers; an answer repeats them (RFC 3264 §6).
    pub time: (u64, u64),
    pub media: Vec<Media>,
}
