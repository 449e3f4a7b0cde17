//! Keys: telephone-event in RTP (RFC 4733), and the two bodies of SIP INFO that older exchanges send.

use super::rtp::{Packet, seq_after, ts_after};
use super::{FRAME, FRAME_MS, PER_MS};
use crate::kernel::time::Millis;

/// Milliseconds of a key that says no length of its own.
pub const KEY_MS: Millis = Millis(160);
/// Milliseconds of the shortest key that is written; a shorter one is made as long (Q.24 asks for 40).
pub const KEY_MIN: Millis = Millis(40);
/// Milliseconds of the longest key that is written or believed; longer is cut. One RTP event can hold 8191
/// ms.
pub const KEY_MAX: Millis = Millis(8000);
/// How often the last packet of a key is sent (RFC 4733 §2.5.1.4).
const ENDS: u8 = 3;
/// −10 dBm0, as most telephones do.
const VOLUME: u8 = 10;
/// Bytes of the longest INFO body that is read.
const INFO_MAX: usize = 256;
/// Ticks (50 ms); a broken sender moves the timestamp of one key by less, a person presses no two so fast.
const SAME_KEY_MAX: u32 = 50 * PER_MS;

const SIGNS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// One of the sixteen keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u8);

impl Key {
    /// The key of an event code (RFC 4733 §3.2); `None` for events that are no key.
    #[must_use]
    pub const fn of_code(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// The key of a character: `0`–`9`, `*`, `#`, `A`–`D` in either case.
    #[must_use]
    pub fn of_char(sign: char) -> Option<Self> {
        let at = SIGNS.iter().position(|s| *s == sign.to_ascii_uppercase())?;
        u8::try_from(at).ok().map(Self)
    }

    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    #[must_use]
    pub fn sign(self) -> char {
        SIGNS.get(usize::from(self.0)).copied().unwrap_or('0')
    }
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    ssrc: u32,
    seq: u16,
    ts: u32,
    code: u8,
    duration: u16,
    ended: bool,
}

/// Hears the keys of one incoming stream. A key is reported once, at its first packet that arrives: lost
/// starts, lost ends and repeated ends change nothing. Events that are no keys are passed over.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    last: Option<Heard>,
}

impl Decoder {
    /// Takes a telephone-event packet; returns a key when it is a new one.
    ///
    /// A packet belongs to the key before it when it has its timestamp, or when it comes late. Two more are
    /// joined: the next segment of a key longer than 8 s (RFC 4733 §2.5.1.3), and the packets of senders that
    /// wrongly move the timestamp within a key.
    pub fn take(&mut self, packet: &Packet<'_>) -> Option<Key> {
        let (&[code, flags, d0, d1], _) = packet.payload.split_first_chunk::<4>()?;
        let now = Heard {
            ssrc: packet.head.ssrc,
            seq: packet.head.seq,
            ts: packet.head.ts,
            code,
            duration: u16::from_be_bytes([d0, d1]),
            ended: flags & 0x80 != 0,
        };
        match &mut self.last {
            Some(last) if last.ssrc == now.ssrc => {
                if last.ts == now.ts && last.code == code {
                    if seq_after(now.seq, last.seq) > 0 {
                        last.seq = now.seq;
                    }
                    last.duration = last.duration.max(now.duration);
                    last.ended |= now.ended;
                    return None;
                }
                if seq_after(now.seq, last.seq) <= 0 && ts_after(now.ts, last.ts) <= 0 {
                    return None;
                }
                let joined = last.continues_in(&now, packet.head.marker);
                *last = now;
                if joined {
                    return None;
                }
            }
            _ => self.last = Some(now),
        }
        Key::of_code(code)
    }
}

impl Heard {
    fn continues_in(&self, next: &Self, marker: bool) -> bool {
        let moved = next.ts.wrapping_sub(self.ts);
        let segment =
            moved == u32::from(u16::MAX) || moved == u32::from(self.duration) && self.duration > 0x8000;
        let crept = moved <= SAME_KEY_MAX && (next.duration > self.duration || next.ended);
        // A sender that creeps also creeps through its repeated ends.
        let repeated = self.ended && next.ended && next.duration == self.duration && moved <= SAME_KEY_MAX;
        self.code == next.code && !marker && (repeated || !self.ended && (segment || crept))
    }
}

/// One packet of a key that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The RTP marker: set on the first packet.
    pub marker: bool,
    /// How much of the key has sounded, as the payload says.
    pub duration: Millis,
    /// Set on the last three.
    pub end: bool,
    /// The four bytes of RFC 4733 §2.3.
    pub payload: [u8; 4],
}

/// The packets of one key, in order. Send one every 20 ms, all with the timestamp of the first and each with
/// the next sequence number.
#[derive(Clone, Debug)]
pub struct Encoder {
    key: Key,
    total: u16,
    sounded: u16,
    ends: u8,
}

impl Encoder {
    /// A key of a length between [`KEY_MIN`] and [`KEY_MAX`], rounded up to whole 20 ms.
    #[must_use]
    pub fn new(key: Key, length: Millis) -> Self {
        let ms = length.clamp(KEY_MIN, KEY_MAX).0;
        let frames = u16::try_from(ms.cast_unsigned().div_ceil(FRAME_MS.cast_unsigned())).unwrap_or(1);
        let frame = u16::try_from(FRAME).unwrap_or(0);
        Self { key, total: frames.saturating_mul(frame), sounded: 0, ends: 0 }
    }
}

impl Iterator for Encoder {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.ends == ENDS {
            return None;
        }
        let marker = self.sounded == 0;
        self.sounded = self.sounded.saturating_add(u16::try_from(FRAME).unwrap_or(0)).min(self.total);
        let end = self.sounded == self.total;
        self.ends += u8::from(end);
        let [d0, d1] = self.sounded.to_be_bytes();
        Some(Step {
            marker,
            duration: Millis(i64::from(self.sounded) / i64::from(PER_MS)),
            end,
            payload: [self.key.code(), u8::from(end) << 7 | VOLUME, d0, d1],
        })
    }
}

/// Why the body of an INFO request is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    #[error("not a body of keys")]
    MediaType,
    #[error("the body names no key")]
    Body,
}

impl InfoError {
    /// The SIP answer: 415 or 400.
    #[must_use]
    pub const fn sip_status(self) -> u16 {
        match self {
            Self::MediaType => 415,
            Self::Body => 400,
        }
    }
}

/// Reads `application/dtmf-relay` (lines `Signal=5`, `Duration=160` in ms) and `application/dtmf` (the sign
/// alone, or the same lines). Numbers 10 to 15 mean `*`, `#`, `A`–`D`. No RFC: as exchanges write it.
///
/// # Errors
/// [`InfoError`].
pub fn info(content_type: &str, body: &[u8]) -> Result<(Key, Millis), InfoError> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let relay = kind.eq_ignore_ascii_case("application/dtmf-relay");
    if !relay && !kind.eq_ignore_ascii_case("application/dtmf") {
        return Err(InfoError::MediaType);
    }
    if body.len() > INFO_MAX {
        return Err(InfoError::Body);
    }
    let text = std::str::from_utf8(body).map_err(|_| InfoError::Body)?;
    let (mut key, mut length) = (None, KEY_MS);
    for line in text.lines() {
        match line.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("signal") => key = key.or(sign(value)),
            Some((name, value)) if name.trim().eq_ignore_ascii_case("duration") => {
                let ms = value.trim().parse().map_or(KEY_MS, Millis);
                length = ms.clamp(KEY_MIN, KEY_MAX);
            }
            None if !relay => key = key.or(sign(line)),
            _ => {}
        }
    }
    key.map(|key| (key, length)).ok_or(InfoError::Body)
}

fn sign(value: &str) -> Option<Key> {
    let value = value.trim();
    let mut chars = value.chars();
    match (chars.next(), chars.next()) {
        (Some(sign), None) => Key::of_char(sign),
        _ => value.parse().ok().and_then(Key::of_code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::Chance;
    use crate::media::rtp::Header;

    fn key(sign: char) -> Key {
        Key::of_char(sign).unwrap()
    }

    fn packets(signs: &str) -> Vec<(Header, [u8; 4])> {
        let (mut seq, mut out) = (65_530_u16, Vec::new());
        for (n, sign) in signs.chars().enumerate() {
            let ts = (u32::MAX - 3000).wrapping_add(u32::try_from(n).unwrap() * 1600);
            for step in Encoder::new(key(sign), Millis(100)) {
                seq = seq.wrapping_add(1);
                out.push((Header { marker: step.marker, pt: 101, seq, ts, ssrc: 1 }, step.payload));
            }
        }
        out
    }

    fn heard<'a>(packets: impl IntoIterator<Item = &'a (Header, [u8; 4])>) -> String {
        let mut decoder = Decoder::default();
        let keys =
            packets.into_iter().filter_map(|(head, payload)| decoder.take(&Packet { head: *head, payload }));
        keys.map(Key::sign).collect()
    }

    #[test]
    fn a_key_is_written_as_the_rfc_draws_it() {
        let steps: Vec<_> = Encoder::new(key('#'), Millis(50)).collect();
        let brief: Vec<_> = steps.iter().map(|s| (s.marker, s.end, s.duration.0)).collect();
        assert_eq!(
            brief,
            [(true, false, 20), (false, false, 40), (false, true, 60), (false, true, 60), (false, true, 60)]
        );
        assert_eq!((steps[0].payload, steps[4].payload), ([11, 10, 0, 160], [11, 0x8a, 1, 0xe0]));
        assert_eq!(Encoder::new(key('1'), Millis(i64::MAX)).count(), 402);
        assert_eq!(Encoder::new(key('1'), Millis(-5)).count(), 4);
    }

    #[test]
    fn every_key_is_heard_once_whatever_is_lost() {
        let all = "0123456789*#ABCD5500";
        let sent = packets(all);
        assert_eq!(heard(&sent), all);
        for seed in 0..200 {
            let chance = Chance::seeded(seed);
            // Of each key at least one packet arrives; some come twice, some trade places.
            let mut got: Vec<(Header, [u8; 4])> = Vec::new();
            for one in sent.chunks(7) {
                let keep = usize::try_from(chance.below(7)).unwrap();
                for (n, packet) in one.iter().enumerate() {
                    let times = if n == keep { 1 + chance.below(2) } else { chance.below(3) };
                    got.extend((0..times).map(|_| *packet));
                }
                let swap = got.len().saturating_sub(2);
                if got.len() >= 2 && got[swap].0.ts == got[swap + 1].0.ts {
                    got.swap(swap, swap + 1);
                }
            }
            assert_eq!(heard(&got), all, "seed {seed}");
        }
    }

    #[test]
    fn a_straggler_of_an_older_key_is_no_new_one() {
        let sent = packets("12");
        let order = [0, 1, 2, 7, 3, 8, 6, 9, 13];
        assert_eq!(heard(order.iter().map(|n| &sent[*n])), "12");
    }

    #[test]
    fn long_keys_and_creeping_timestamps_are_joined() {
        let head = |seq, ts| Header { pt: 101, seq, ts, ssrc: 1, marker: false };
        let payload =
            |end: u8, duration: u16| [5, end << 7, duration.to_be_bytes()[0], duration.to_be_bytes()[1]];
        let long = [(head(1, 0), payload(0, u16::MAX)), (head(2, 65_535), payload(0, 160))];
        assert_eq!(heard(&long), "5");
        let creeping: Vec<_> =
            (1..8_u16)
                .map(|n| (head(n, u32::from(n) * 160), payload(u8::from(n > 4), n.min(5) * 160)))
                .chain((1..8).map(|n| {
                    (head(n + 7, 4000 + u32::from(n) * 160), payload(u8::from(n > 4), n.min(5) * 160))
                }))
                .collect();
        assert_eq!(heard(&creeping), "55");
        let other = Header { ssrc: 2, ..head(1, 0) };
        assert_eq!(heard(&[long[0], (other, payload(0, 160))]), "55", "another sender");
        assert_eq!(heard(&[(head(1, 0), [36, 0, 0, 1])]), "", "a fax tone");
    }

    #[test]
    fn info_bodies() {
        let relay =
            |body: &str| info("application/dtmf-relay", body.as_bytes()).map(|(k, ms)| (k.sign(), ms.0));
        assert_eq!(relay("Signal=5\r\nDuration=160\r\n"), Ok(('5', 160)));
        assert_eq!(relay("signal= *\nduration = 5"), Ok(('*', 40)));
        assert_eq!(relay("Signal=11\r\nDuration=x"), Ok(('#', 160)));
        assert_eq!(relay("Signal=d"), Ok(('D', 160)));
        for bad in ["", "5", "Signal=", "Signal=16", "Signal=E", "Duration=100", &"Signal=5".repeat(60)] {
            assert_eq!(relay(bad), Err(InfoError::Body), "{bad}");
        }
        let plain = |body: &str| info("Application/DTMF; x=y", body.as_bytes()).map(|(k, _)| k.sign());
        assert_eq!((plain("7\r\n"), plain("10"), plain("Signal=3")), (Ok('7'), Ok('*'), Ok('3')));
        assert_eq!(info("text/plain", b"5"), Err(InfoError::MediaType));
        assert_eq!((InfoError::MediaType.sip_status(), InfoError::Body.sip_status()), (415, 400));
    }

    #[test]
    fn random_bytes_never_panic() {
        let chance = Chance::seeded(4);
        let mut decoder = Decoder::default();
        for _ in 0..20_000 {
            let bytes = chance.bytes::<24>();
            if let Ok(packet) = Packet::parse(&bytes) {
                let _ = decoder.take(&packet);
            }
            let _ = info("application/dtmf", &bytes);
        }
    }
}
