//! One outgoing RTP stream out of many incoming ones: hold music, an agent, another agent after a transfer.
//!
//! A receiver forgives much, but not a sequence number that goes back: it drops what follows without a word.
//! So each outgoing stream has one [`Rewriter`] for its whole life, and whatever is sent goes through it:
//!
//! - The SSRC never changes. The first sequence number lies in the lower half, because an early wrap breaks
//!   the guess of SRTP's rollover counter (RFC 3711 §3.3.1).
//! - A change of source continues with seq + 1, the marker, and ts + max(160, elapsed ms × 8).
//! - Within a source, its own steps are kept: a packet that was lost on the way here leaves a gap, so that
//!   the receiver's jitter buffer conceals it; a late packet fills the gap it left, once, and nothing else.
//!   No number is used twice, and nothing goes out below the number at which the source took over.
//! - An empty packet (a padding probe) is dropped and its number closed up, not left as a gap.

use super::rtp::{Header, seq_after, ts_after};
use super::{FRAME, ticks};
use crate::kernel::time::Timestamp;

/// A source within this server's life: a leg of one call, a piece of music for one call. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceId(pub u64);

/// Packets; a longer step forward within a source is a restart, not a loss.
const GAP_MAX: i16 = 100;
/// Packets; a later straggler is dropped. The width of the map of what was sent.
const LATE_MAX: i16 = 63;
/// Ticks (10 s); a timestamp further from what the clock says is a new time line.
const DRIFT_MAX: i64 = 80_000;

/// The one writer of an outgoing stream's headers.
#[derive(Clone, Debug)]
pub struct Rewriter {
    ssrc: u32,
    /// The highest sequence number sent, and the timestamp that went with the newest sound.
    seq: u16,
    ts: u32,
    /// When `ts` last moved: a key of 400 ms stands still, and what comes after it must not overlap it.
    last: Option<Timestamp>,
    source: Option<Source>,
    dropped: u64,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    id: SourceId,
    ssrc: u32,
    /// The highest sequence number and its timestamp, as they came in.
    seq: u16,
    ts: u32,
    seq_offset: u16,
    ts_offset: u32,
    /// Bit n: `seq - n` was sent, or may not be sent any more.
    sent: u64,
    /// What would follow a packet that was out of all order.
    stray: Option<u16>,
}

impl Rewriter {
    /// The three numbers come from chance; the upper half of `seq` is folded down.
    #[must_use]
    pub const fn new(ssrc: u32, seq: u16, ts: u32) -> Self {
        Self { ssrc, seq: seq & 0x7fff, ts, last: None, source: None, dropped: 0 }
    }

    /// The SSRC of the outgoing stream.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// How many packets were dropped: empty, late beyond use, twice, or out of all order.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The header to send a packet of `source` with, or `None` when it is not to be sent. The payload type is
    /// kept; the caller maps it. `payload_len` is in bytes, without padding.
    pub fn rewrite(
        &mut self,
        source: SourceId,
        head: &Header,
        payload_len: usize,
        now: Timestamp,
    ) -> Option<Header> {
        let out = match self.source {
            Some(known) if known.id == source && known.ssrc == head.ssrc => {
                self.follow(known, head, payload_len, now)
            }
            _ if payload_len == 0 => None,
            _ => Some(self.switch(source, head, now)),
        };
        if out.is_none() {
            self.dropped += 1;
        }
        out
    }

    fn switch(&mut self, id: SourceId, head: &Header, now: Timestamp) -> Header {
        self.seq = self.seq.wrapping_add(1);
        if let Some(last) = self.last {
            let frame = u32::try_from(FRAME).unwrap_or(0);
            self.ts = self.ts.wrapping_add(ticks(now.since(last)).max(frame));
        }
        self.last = Some(now);
        self.source = Some(Source {
            id,
            ssrc: head.ssrc,
            seq: head.seq,
            ts: head.ts,
            seq_offset: self.seq.wrapping_sub(head.seq),
            ts_offset: self.ts.wrapping_sub(head.ts),
            // Nothing before the change may follow it.
            sent: u64::MAX,
            stray: None,
        });
        Header { marker: true, pt: head.pt, seq: self.seq, ts: self.ts, ssrc: self.ssrc }
    }

    fn follow(&mut self, mut known: Source, head: &Header, len: usize, now: Timestamp) -> Option<Header> {
        let step = seq_after(head.seq, known.seq);
        if !(-LATE_MAX..=GAP_MAX).contains(&step) {
            return self.stray(known, head, len, now);
        }
        let drift = i64::from(ts_after(head.ts, known.ts));
        let elapsed = self.last.map_or(0, |last| now.since(last).0.saturating_mul(8));
        if step > 0 && len > 0 && !(-DRIFT_MAX..=elapsed.saturating_add(DRIFT_MAX)).contains(&drift) {
            return Some(self.switch(known.id, head, now));
        }
        if len == 0 {
            // Close up: what follows takes this number. A late one is simply not sent.
            if step > 0 {
                known.seq_offset = known.seq_offset.wrapping_sub(1);
                known.seq = head.seq;
                known.sent = u64::MAX;
                known.stray = None;
                let gap = u16::try_from(step - 1).unwrap_or(0);
                self.seq = self.seq.wrapping_add(gap);
                self.source = Some(known);
            }
            return None;
        }
        if step > 0 {
            known.sent = known.sent.checked_shl(u32::from(step.unsigned_abs())).unwrap_or(0) | 1;
            known.seq = head.seq;
            known.stray = None;
            self.seq = head.seq.wrapping_add(known.seq_offset);
            if drift > 0 {
                known.ts = head.ts;
                self.ts = head.ts.wrapping_add(known.ts_offset);
                self.last = Some(now);
            }
        } else {
            let bit = 1_u64 << step.unsigned_abs();
            if known.sent & bit != 0 {
                return None;
            }
            known.sent |= bit;
        }
        self.source = Some(known);
        Some(Header {
            marker: head.marker,
            pt: head.pt,
            seq: head.seq.wrapping_add(known.seq_offset),
            ts: head.ts.wrapping_add(known.ts_offset),
            ssrc: self.ssrc,
        })
    }

    /// A number out of all order: dropped, unless the one before it was followed by this one.
    fn stray(&mut self, mut known: Source, head: &Header, len: usize, now: Timestamp) -> Option<Header> {
        if known.stray == Some(head.seq) && len > 0 {
            return Some(self.switch(known.id, head, now));
        }
        known.stray = Some(head.seq.wrapping_add(1));
        self.source = Some(known);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::kernel::clock::Chance;

    const A: SourceId = SourceId(1);
    const B: SourceId = SourceId(2);

    fn head(ssrc: u32, seq: u16, ts: u32) -> Header {
        Header { marker: false, pt: 0, seq, ts, ssrc }
    }

    fn brief(out: Option<Header>) -> Option<(u16, u32, bool)> {
        out.map(|h| (h.seq, h.ts, h.marker))
    }

    #[test]
    fn a_change_of_source_continues() {
        let mut out = Rewriter::new(77, 0x8000 + 9, 1000);
        let mut send = |id, h, at| {
            let got = out.rewrite(id, &h, 160, Timestamp(at));
            assert!(got.is_none_or(|h| h.ssrc == 77));
            brief(got)
        };
        assert_eq!(send(A, head(1, 65_535, 5), 0), Some((10, 1000, true)));
        assert_eq!(send(A, head(1, 0, 165), 20), Some((11, 1160, false)), "through the source's wrap");
        assert_eq!(send(B, head(1, 0, 0), 21), Some((12, 1320, true)), "at least a frame");
        assert_eq!(send(B, head(1, 1, 160), 41), Some((13, 1480, false)));
        assert_eq!(send(A, head(1, 500, 9), 1041), Some((14, 1480 + 8000, true)), "a second of nothing");
        assert_eq!(send(A, head(2, 3, 3), 1061), Some((15, 9640, true)), "the same leg began anew");
        assert_eq!(send(A, head(2, 2, 0), 1062), None, "from before the change");
    }

    #[test]
    fn gaps_are_kept_and_late_packets_fill_them_once() {
        let mut out = Rewriter::new(7, 0, 0);
        let mut send =
            |n: u16| out.rewrite(A, &head(1, n, u32::from(n) * 160), 160, Timestamp(0)).map(|h| h.seq);
        let got: Vec<_> = [10, 11, 14, 13, 13, 14, 12, 9, 15, 400, 16, 600, 601, 17].map(&mut send).into();
        let want = [1, 2, 5, 4, 0, 0, 3, 0, 6, 0, 7, 0, 8, 0].map(|n| (n > 0).then_some(n));
        assert_eq!(got, want);
        assert_eq!(out.dropped(), 7 - 1);
    }

    #[test]
    fn empty_packets_leave_no_gap() {
        let mut out = Rewriter::new(7, 0, 0);
        let mut send = |n: u16, len| out.rewrite(A, &head(1, n, 0), len, Timestamp(0)).map(|h| h.seq);
        assert_eq!(send(1, 0), None, "no source begins with one");
        assert_eq!(send(2, 160), Some(1));
        for n in 3..11 {
            assert_eq!(send(n, 0), None);
        }
        assert_eq!(send(11, 160), Some(2));
        assert_eq!(send(7, 160), None, "its number was given away");
        assert_eq!(send(14, 0), None);
        assert_eq!(send(15, 160), Some(5), "12 and 13 were lost, 14 was empty");
    }

    #[test]
    fn keys_keep_their_timestamp_and_a_new_time_line_is_caught() {
        let mut out = Rewriter::new(7, 0, 0);
        let mut send = |n: u16, ts: u32, at| brief(out.rewrite(A, &head(1, n, ts), 4, Timestamp(at)));
        send(0, 0, 0);
        for n in 1..5 {
            assert_eq!(send(n, 160, i64::from(n) * 20), Some((n + 1, 160, false)));
        }
        assert_eq!(brief(out.clone().rewrite(B, &head(1, 1, 1), 160, Timestamp(100))), Some((6, 800, true)));
        let mut send = |n: u16, ts: u32, at| brief(out.rewrite(A, &head(1, n, ts), 4, Timestamp(at)));
        assert_eq!(send(5, 800, 100), Some((6, 800, false)));
        assert_eq!(send(6, 0x4000_0000, 120), Some((7, 960, true)));
        assert_eq!(send(7, 0x4000_0000 + 160, 140), Some((8, 1120, false)));
    }

    #[test]
    fn no_number_is_used_twice_whatever_comes() {
        for seed in 0..60 {
            let chance = Chance::seeded(seed);
            let mut out = Rewriter::new(7, u16::from_be_bytes(chance.bytes()), 0);
            let (mut used, mut newest, mut floor) = (HashSet::new(), None::<u16>, None::<u16>);
            let mut seqs = [0_u16, 40_000, 65_500];
            for n in 0..2_000_i64 {
                let k = usize::try_from(chance.below(3)).unwrap();
                let wander = [1, 1, 1, 1, 2, 5, u16::MAX, u16::MAX - 3, 500];
                let by = wander[usize::try_from(chance.below(if n % 50 == 0 { 9 } else { 8 })).unwrap()];
                seqs[k] = seqs[k].wrapping_add(by);
                let h = head(u32::try_from(k).unwrap(), seqs[k], u32::from(seqs[k]).wrapping_mul(160));
                let len = usize::try_from(chance.below(6)).unwrap() * 32;
                let run = SourceId((n / 40 % 2).cast_unsigned());
                let Some(got) = out.rewrite(run, &h, len, Timestamp(n * 7)) else { continue };
                assert!(len > 0 && used.insert(got.seq), "seed {seed}: {got:?} twice or empty");
                let ahead = newest.is_none_or(|newest| seq_after(got.seq, newest) > 0);
                if got.marker {
                    assert!(ahead, "seed {seed}: a change went back");
                    floor = Some(got.seq);
                }
                assert!(
                    floor.is_none_or(|floor| seq_after(got.seq, floor) >= 0),
                    "seed {seed}: below the change"
                );
                if ahead {
                    newest = Some(got.seq);
                }
            }
        }
    }
}
