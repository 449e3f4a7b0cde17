//! What is tried on each input. cargo-fuzz runs it from `fuzz_targets`, the program's own tests from
//! `tests/it/fuzz.rs`. A body panics when something that must hold does not.

use std::net::SocketAddr;
use std::sync::OnceLock;

use madoguchi::kernel::clock::Clock;
use madoguchi::kernel::time::Timestamp;
use madoguchi::media::rtp::{Header, Packet};
use madoguchi::media::sdp::{Direction, SdpError, Session};
use madoguchi::media::{dtmf, rtcp, rtp as sound, sdp as description, wav as file};
use madoguchi::phone::trunk::{Judge, Judged};

/// An answer without a state may be longer than the request by so much: status line, tag, `received`,
/// `Allow`.
const ANSWER_MORE: usize = 300;

/// A session description: read, answered, and taken as an answer. What we answer, we can read.
pub fn sdp(bytes: &[u8]) {
    let here = SocketAddr::from(([192, 0, 2, 1], 40_000));
    let mut session = Session::new(1, here, None);
    if let Ok((_, answer)) = session.answer(bytes) {
        let read = description::parse(answer.as_bytes());
        assert!(matches!(read, Ok(_) | Err(SdpError::TooLarge)), "{read:?}: {answer}");
        let offer = session.offer(Direction::SendOnly);
        assert_eq!(offer.matches("m=").count(), answer.matches("m=").count(), "{offer}");
        // Again in the same session, where lines may not vanish.
        let _ = session.answer(bytes);
    }
    let mut calling = Session::new(2, here, None);
    let _ = calling.offer(Direction::SendRecv);
    let _ = calling.apply_answer(bytes);
}

/// A datagram on the port of a leg: as RTP, and as RTCP.
pub fn rtp(bytes: &[u8]) {
    if let Ok((head, range)) = Header::parse(bytes) {
        assert!(range.start >= sound::HEADER && range.end <= bytes.len(), "{range:?}");
        let packet = Packet::parse(bytes).expect("what has a header is a packet");
        let again = packet.to_vec();
        assert_eq!(Packet::parse(&again), Ok(packet));
        let mut datagram = bytes.to_vec();
        let moved = head.put_before(&mut datagram, &range).expect("the payload lies behind a header");
        assert_eq!(moved, again);
    }
    if let Ok(packets) = rtcp::parse(bytes) {
        assert!(packets.len() * 4 <= bytes.len());
    }
    let _ = sound::is_rtcp(bytes);
}

/// A datagram or a stream at the trunk's gate, from a peer and from a stranger.
pub fn sip(bytes: &[u8]) {
    static JUDGE: OnceLock<Judge> = OnceLock::new();
    let clock = || Clock::manual(Timestamp(1_700_000_000_000));
    let judge = JUDGE.get_or_init(|| Judge::new(clock()).expect("the configuration is right"));
    for stranger in [false, true] {
        let judged = judge.datagram(bytes, stranger);
        if let Judged::Answered(answer) = &judged {
            assert!(answer.starts_with(b"SIP/2.0 ") && answer.ends_with(b"\r\n\r\n"));
            assert!(answer.len() <= bytes.len() + ANSWER_MORE, "an answer of {} bytes", answer.len());
        }
        assert!(!stranger || !matches!(judged, Judged::Passed { .. }), "a stranger reached the stack");
    }
    let _ = judge.stream(bytes);
}

/// Keys: the first line is the media type and the rest the body of an INFO; all of it also as
/// telephone-events.
pub fn keys(bytes: &[u8]) {
    let line = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let (kind, body) = bytes.split_at(line);
    let _ = dtmf::info(&String::from_utf8_lossy(kind), body.get(1..).unwrap_or_default());
    let mut decoder = dtmf::Decoder::default();
    for piece in bytes.chunks(sound::HEADER + 4) {
        if let Ok(packet) = Packet::parse(piece) {
            let _ = decoder.take(&packet);
        }
    }
}

/// A WAV file that somebody uploads as a prompt.
pub fn wav(bytes: &[u8]) {
    if let Ok(samples) = file::read(bytes) {
        // One byte of sound is at most one sample, and no rate below 8 kHz is read.
        assert!(samples.len() <= bytes.len(), "{} samples", samples.len());
    }
}
