//! RTP packets (RFC 3550 §5.1) as borrowed views, and what a receiver counts (RFC 3550 appendix A).

use std::ops::Range;

use super::{PER_MS, low32};
use crate::kernel::time::Timestamp;

/// Bytes in a header without contributing sources and extension.
pub const HEADER: usize = 12;
/// Bytes in the longest datagram that is read or written; a longer one is dropped and counted as bad.
pub const DATAGRAM_MAX: usize = 1500;
/// Bytes in the longest payload that [`Packet::write`] takes.
pub const PAYLOAD_MAX: usize = DATAGRAM_MAX - HEADER;

/// Why bytes are no RTP or RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    #[error("shorter than its header says")]
    Short,
    #[error("longer than any that we take")]
    Long,
    #[error("not version 2")]
    Version,
    #[error("padding longer than the payload, or of no length")]
    Padding,
    #[error("RTCP does not begin with a report")]
    Compound,
}

/// The fixed fields of a packet, in host order. `ts` counts 8 kHz ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    /// Payload type, 0–127.
    pub pt: u8,
    pub seq: u16,
    pub ts: u32,
    pub ssrc: u32,
}

/// A packet whose payload lies in the datagram it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub head: Header,
    /// Without padding; may be empty (a probe).
    pub payload: &'a [u8],
}

impl Header {
    /// Reads the fields and says where the payload lies: behind contributing sources and extension, before
    /// the padding. The start is never less than [`HEADER`], so a new header fits in front of it.
    ///
    /// # Errors
    /// [`RtpError`] when the bytes are no whole packet of version 2 (RFC 3550 §5.1, §5.3.1).
    pub fn parse(bytes: &[u8]) -> Result<(Self, Range<usize>), RtpError> {
        let Some((fixed, _)) = bytes.split_first_chunk::<HEADER>() else { return Err(RtpError::Short) };
        let [b0, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if b0 >> 6 != 2 {
            return Err(RtpError::Version);
        }
        let mut start = HEADER + usize::from(b0 & 0x0f) * 4;
        if b0 & 0x10 != 0 {
            let words = be16(bytes, start + 2).ok_or(RtpError::Short)?;
            start += 4 + usize::from(words) * 4;
        }
        let mut end = bytes.len();
        if start > end {
            return Err(RtpError::Short);
        }
        if b0 & 0x20 != 0 {
            let pad = usize::from(bytes.last().copied().unwrap_or(0));
            if pad == 0 || pad > end - start {
                return Err(RtpError::Padding);
            }
            end -= pad;
        }
        let head = Self {
            marker: b1 & 0x80 != 0,
            pt: b1 & 0x7f,
            seq: u16::from_be_bytes([s0, s1]),
            ts: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        };
        Ok((head, start..end))
    }

    /// The twelve bytes of this header: version 2, no padding, no extension, no contributing source.
    #[must_use]
    pub fn bytes(&self) -> [u8; HEADER] {
        let [s0, s1] = self.seq.to_be_bytes();
        let [t0, t1, t2, t3] = self.ts.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        [0x80, u8::from(self.marker) << 7 | self.pt & 0x7f, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }

    /// Puts this header in front of a payload that [`Header::parse`] found in `datagram`, and returns the
    /// new, shorter datagram: a relay without a copy. `None` when the range does not fit.
    pub fn put_before<'a>(&self, datagram: &'a mut [u8], payload: &Range<usize>) -> Option<&'a [u8]> {
        let begin = payload.start.checked_sub(HEADER)?;
        let out = datagram.get_mut(begin..payload.end)?;
        out.get_mut(..HEADER)?.copy_from_slice(&self.bytes());
        Some(out)
    }
}

impl<'a> Packet<'a> {
    /// A view of a datagram.
    ///
    /// # Errors
    /// As [`Header::parse`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtpError> {
        let (head, range) = Header::parse(bytes)?;
        Ok(Self { head, payload: bytes.get(range).unwrap_or_default() })
    }

    /// Writes the packet to `out` and returns how many bytes it took; `None` when it does not fit.
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let size = HEADER + self.payload.len();
        let (head, body) = out.get_mut(..size)?.split_at_mut(HEADER);
        head.copy_from_slice(&self.head.bytes());
        body.copy_from_slice(self.payload);
        Some(size)
    }

    /// The packet as bytes of its own; for tests and slow paths.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        [&self.head.bytes()[..], self.payload].concat()
    }
}

/// Whether a datagram that came to an RTP port is RTCP after all (RFC 5761 §4).
#[must_use]
pub fn is_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [b0, 192..=223, ..] if b0 >> 6 == 2)
}

/// Two bytes at `at`, big-endian.
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let (two, _) = bytes.get(at..)?.split_first_chunk::<2>()?;
    Some(u16::from_be_bytes(*two))
}

/// Four bytes at `at`, big-endian.
pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let (four, _) = bytes.get(at..)?.split_first_chunk::<4>()?;
    Some(u32::from_be_bytes(*four))
}

/// How far `to` lies after `from` on the circle of sequence numbers; negative when before.
#[must_use]
pub const fn seq_after(to: u16, from: u16) -> i16 {
    to.wrapping_sub(from).cast_signed()
}

/// How far `to` lies after `from` on the circle of timestamps; negative when before.
#[must_use]
pub const fn ts_after(to: u32, from: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

/// A step forward of more packets is a restart, not a loss (RFC 3550 A.1, MAX_DROPOUT).
const DROPOUT_MAX: u16 = 3000;
/// A packet later by more is a restart, not a straggler (RFC 3550 A.1, MAX_MISORDER).
const MISORDER_MAX: u16 = 100;

/// What a packet's sequence number said (RFC 3550 A.1, without probation: the socket has locked the sender).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// In order, perhaps after a gap.
    Forward,
    /// Late or a duplicate.
    Late,
    /// Out of all order; counted only if the next one follows it.
    Stray,
    /// The sender began anew; the statistics did too.
    Restart,
}

/// What one receiver knows about one sender (RFC 3550 A.1, A.3, A.8).
#[derive(Clone, Debug, Default)]
pub struct Reception {
    /// The sender; set by the first packet.
    pub ssrc: Option<u32>,
    base: u32,
    cycles: u32,
    max: u16,
    stray: Option<u16>,
    received: u32,
    expected_prior: u32,
    received_prior: u32,
    transit: Option<u32>,
    /// In sixteenths of a tick, as A.8 keeps it.
    jitter16: u32,
}

/// One look at a [`Reception`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub received: u32,
    pub expected: u32,
    /// Negative when packets came twice.
    pub lost: i64,
    /// Milliseconds, rounded down.
    pub jitter_ms: u32,
}

impl Reception {
    /// Counts a packet that arrived `at`. A new SSRC starts afresh. The arrival has a resolution of 1 ms, so
    /// the jitter of a perfect stream may read up to 1 ms.
    pub fn note(&mut self, head: &Header, at: Timestamp) -> Order {
        if self.ssrc != Some(head.ssrc) {
            self.begin(head);
            self.arrive(head, at);
            return Order::Restart;
        }
        let step = head.seq.wrapping_sub(self.max);
        let order = if step == 0 || step > u16::MAX - MISORDER_MAX {
            Order::Late
        } else if step < DROPOUT_MAX {
            if head.seq < self.max {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.max = head.seq;
            self.stray = None;
            Order::Forward
        } else if self.stray == Some(head.seq) {
            self.begin(head);
            Order::Restart
        } else {
            self.stray = Some(head.seq.wrapping_add(1));
            return Order::Stray;
        };
        self.arrive(head, at);
        order
    }

    fn begin(&mut self, head: &Header) {
        *self = Self {
            ssrc: Some(head.ssrc),
            base: u32::from(head.seq),
            max: head.seq,
            jitter16: if self.ssrc == Some(head.ssrc) { self.jitter16 } else { 0 },
            ..Self::default()
        };
    }

    fn arrive(&mut self, head: &Header, at: Timestamp) {
        self.received = self.received.wrapping_add(1);
        let arrival = low32(at.0.cast_unsigned().wrapping_mul(u64::from(PER_MS)));
        let transit = arrival.wrapping_sub(head.ts);
        if let Some(before) = self.transit.replace(transit) {
            let change = ts_after(transit, before).unsigned_abs();
            // A change of more than ten seconds is a new time line, not jitter.
            if change < 80_000 {
                self.jitter16 = self.jitter16 + change - ((self.jitter16 + 8) >> 4);
            }
        }
    }

    /// The highest sequence number with its count of cycles (RFC 3550 §6.4.1).
    #[must_use]
    pub const fn highest(&self) -> u32 {
        self.cycles.wrapping_add(self.max as u32)
    }

    /// Interarrival jitter in ticks.
    #[must_use]
    pub const fn jitter(&self) -> u32 {
        self.jitter16 >> 4
    }

    /// What was received since the sender began.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let expected =
            if self.ssrc.is_some() { self.highest().wrapping_sub(self.base).wrapping_add(1) } else { 0 };
        Totals {
            received: self.received,
            expected,
            lost: i64::from(expected) - i64::from(self.received),
            jitter_ms: self.jitter() / PER_MS,
        }
    }

    /// The share lost since the last call, in 1/256 (RFC 3550 A.3); starts a new interval.
    pub fn fraction_lost(&mut self) -> u8 {
        let Totals { expected, received, .. } = self.totals();
        let due = expected.wrapping_sub(self.expected_prior);
        let came = received.wrapping_sub(self.received_prior);
        (self.expected_prior, self.received_prior) = (expected, received);
        let lost = i64::from(due) - i64::from(came);
        if due == 0 || lost <= 0 { 0 } else { u8::try_from((lost << 8) / i64::from(due)).unwrap_or(u8::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::Chance;

    fn head(seq: u16, ts: u32) -> Header {
        Header { seq, ts, ssrc: 7, ..Header::default() }
    }

    #[test]
    fn a_packet_survives_the_wire() {
        let head = Header { marker: true, pt: 101, seq: 0xfffe, ts: 0xdead_beef, ssrc: 0x0102_0304 };
        let packet = Packet { head, payload: &[1, 2, 3] };
        let mut out = [0; 15];
        assert_eq!(packet.write(&mut out), Some(15));
        assert_eq!(packet.to_vec(), out);
        assert_eq!(out[..4], [0x80, 0xe5, 0xff, 0xfe]);
        assert_eq!(Packet::parse(&out), Ok(packet));
        assert_eq!(packet.write(&mut [0; 14]), None);
    }

    #[test]
    fn sources_extension_and_padding_are_skipped() {
        let mut bytes = vec![0xb2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend([9; 8]); // two contributing sources
        bytes.extend([0xbe, 0xde, 0, 1, 8, 8, 8, 8]); // extension of one word
        bytes.extend([5, 6, 0, 0, 3]); // two bytes and three of padding
        assert_eq!(Packet::parse(&bytes).unwrap().payload, [5, 6]);
        let (head, range) = Header::parse(&bytes).unwrap();
        let new = Header { seq: 99, ..head };
        let short = new.put_before(&mut bytes, &range).unwrap();
        assert_eq!(Packet::parse(short), Ok(Packet { head: new, payload: &[5, 6] }));
        assert_eq!(new.put_before(&mut bytes, &(5..9)), None);
        assert_eq!(new.put_before(&mut bytes, &(20..999)), None);
    }

    #[test]
    fn broken_packets_are_refused() {
        let fixed = |b0: u8, tail: &[u8]| [&[b0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], tail].concat();
        for (bytes, error) in [
            (vec![0x80; 11], RtpError::Short),
            (fixed(0x40, &[]), RtpError::Version),
            (fixed(0x81, &[1, 2, 3]), RtpError::Short),
            (fixed(0x90, &[0, 0, 0]), RtpError::Short),
            (fixed(0x90, &[0, 0, 0xff, 0xff, 1]), RtpError::Short),
            (fixed(0xa0, &[]), RtpError::Padding),
            (fixed(0xa0, &[7, 0]), RtpError::Padding),
            (fixed(0xa0, &[7, 3]), RtpError::Padding),
        ] {
            assert_eq!(Packet::parse(&bytes), Err(error), "{bytes:?}");
        }
        assert!(Packet::parse(&fixed(0xa0, &[7, 2])).unwrap().payload.is_empty(), "padding only");
    }

    #[test]
    fn random_bytes_never_panic() {
        let chance = Chance::seeded(1);
        for _ in 0..20_000 {
            let mut bytes = chance.bytes::<64>();
            bytes[0] = bytes[0] & 0x3f | 0x80;
            let bytes = &mut bytes[..usize::try_from(chance.below(65)).unwrap()];
            if let Ok((head, range)) = Header::parse(bytes) {
                assert!(range.start >= HEADER && range.start <= range.end && range.end <= bytes.len());
                let payload = bytes[range.clone()].to_vec();
                let out = head.put_before(bytes, &range).unwrap();
                assert_eq!(Packet::parse(out), Ok(Packet { head, payload: &payload }));
            }
        }
    }

    #[test]
    fn loss_and_order_are_counted_across_the_wrap() {
        let mut got = Reception::default();
        let mut at = 0;
        for n in 0..400_u32 {
            at += 20;
            let seq = 65_400_u16.wrapping_add(u16::try_from(n).unwrap());
            if n % 10 != 3 {
                let order = got.note(&head(seq, n * 160), Timestamp(at));
                assert_eq!(order, if n == 0 { Order::Restart } else { Order::Forward });
            }
        }
        assert_eq!(got.highest(), 65_400 + 399);
        assert_eq!(got.totals(), Totals { received: 360, expected: 400, lost: 40, jitter_ms: 0 });
        assert_eq!(got.fraction_lost(), 25);
        assert_eq!(got.fraction_lost(), 0, "a new interval");
        assert_eq!(got.note(&head(65_403, 480), Timestamp(at)), Order::Stray, "too old to be late");
        assert_eq!(got.note(&head(263, 399 * 160), Timestamp(at)), Order::Late);
        assert_eq!(got.totals().lost, 39);
    }

    #[test]
    fn a_restart_needs_two_in_a_row() {
        let mut got = Reception::default();
        got.note(&head(1, 0), Timestamp(0));
        assert_eq!(got.note(&head(30_000, 0), Timestamp(20)), Order::Stray);
        assert_eq!(got.note(&head(2, 160), Timestamp(20)), Order::Forward);
        assert_eq!(got.note(&head(40_000, 0), Timestamp(40)), Order::Stray);
        assert_eq!(got.note(&head(40_001, 160), Timestamp(60)), Order::Restart);
        assert_eq!(got.totals(), Totals { received: 1, expected: 1, lost: 0, jitter_ms: 0 });
        assert_eq!(got.note(&Header { ssrc: 8, ..head(5, 5) }, Timestamp(80)), Order::Restart);
    }

    #[test]
    fn jitter_follows_the_arrivals() {
        let mut even = Reception::default();
        let mut rough = Reception::default();
        for n in 0..500_u16 {
            let at = i64::from(n) * 20;
            let ts = u32::from(n) * 160;
            even.note(&head(n, ts), Timestamp(at));
            rough.note(&head(n, ts), Timestamp(at + if n % 2 == 0 { 0 } else { 10 }));
        }
        assert_eq!(even.jitter(), 0);
        assert!((76..=80).contains(&rough.jitter()), "10 ms each way: {}", rough.jitter());
    }
}
