//! What a receiver can tell about a stream from its headers (RFC 3550 §A.1, §A.3, §A.8).

use std::time::Duration;

/// Samples per millisecond of G.711.
const RATE_PER_MS: f64 = 8.0;
/// A step further than this is taken for a restart of the stream, not for loss (RFC 3550 §A.1).
const MAX_STEP: u16 = 3000;

/// Counts one inbound stream.
#[derive(Debug, Default)]
pub(super) struct Reception {
    received: u64,
    /// First and highest sequence number, extended by wraps; `None` before the first packet.
    span: Option<(i64, i64)>,
    /// Loss of the stream before its last restart.
    lost_before: i64,
    received_before: u64,
    /// Arrival minus timestamp of the last audio packet, in samples.
    transit: Option<f64>,
    jitter: f64,
}

impl Reception {
    /// Takes one packet in. `at` is its arrival on any steady clock; `audio` is false for telephone events,
    /// whose timestamp stands still (RFC 4733 §2.2).
    pub(super) fn packet(&mut self, sequence: u16, timestamp: u32, at: Duration, audio: bool) {
        self.received += 1;
        self.span = Some(match self.span {
            None => (i64::from(sequence), i64::from(sequence)),
            Some((first, highest)) => self.extend(first, highest, sequence),
        });
        if audio {
            self.arrival(timestamp, at);
        }
    }

    fn extend(&mut self, first: i64, highest: i64, sequence: u16) -> (i64, i64) {
        let low = u16::try_from(highest & 0xffff).unwrap_or_default();
        let ahead = sequence.wrapping_sub(low);
        let behind = low.wrapping_sub(sequence);
        if ahead < MAX_STEP {
            (first, highest + i64::from(ahead))
        } else if behind < MAX_STEP {
            (first, highest)
        } else {
            // The packet itself belongs to the new stream.
            self.lost_before = self.lost_in(first, highest, self.received - 1);
            self.received_before = self.received - 1;
            (i64::from(sequence), i64::from(sequence))
        }
    }

    fn arrival(&mut self, timestamp: u32, at: Duration) {
        let transit = at.as_secs_f64() * 1000.0 * RATE_PER_MS - f64::from(timestamp);
        if let Some(last) = self.transit {
            let step = (transit - last).abs();
            // A jump of a second is a new talk spurt with a new clock, not jitter.
            if step < RATE_PER_MS * 1000.0 {
                self.jitter += (step - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }

    fn lost_in(&self, first: i64, highest: i64, received: u64) -> i64 {
        let here = i64::try_from(received - self.received_before).unwrap_or(i64::MAX);
        self.lost_before + (highest - first + 1) - here
    }

    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    pub(super) fn lost(&self) -> i64 {
        self.span.map_or(0, |(first, highest)| self.lost_in(first, highest, self.received))
    }

    pub(super) fn jitter_ms(&self) -> f64 {
        self.jitter / RATE_PER_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(reception: &mut Reception, sequences: impl IntoIterator<Item = u16>) {
        for (i, sequence) in sequences.into_iter().enumerate() {
            let at = Duration::from_millis(20 * i as u64);
            reception.packet(sequence, 160 * u32::try_from(i).unwrap(), at, true);
        }
    }

    #[test]
    fn gaps_count_late_packets_mend_and_wraps_go_on() {
        let mut reception = Reception::default();
        feed(&mut reception, [65533, 65534, 1, 0, 2]);
        assert_eq!((reception.received(), reception.lost()), (5, 1));
        feed(&mut reception, [65535]);
        assert_eq!(reception.lost(), 0);
        assert!(reception.jitter_ms() < 50.0);
    }

    #[test]
    fn a_restarted_stream_is_not_loss() {
        let mut reception = Reception::default();
        feed(&mut reception, [10, 12]);
        feed(&mut reception, [40_000, 40_001, 40_003]);
        assert_eq!((reception.received(), reception.lost()), (5, 2));
    }

    #[test]
    fn jitter_follows_the_arrivals() {
        let mut reception = Reception::default();
        for i in 0..500_u16 {
            let late = if i % 2 == 0 { 0 } else { 5 };
            let at = Duration::from_millis(u64::from(i) * 20 + late);
            reception.packet(i, u32::from(i) * 160, at, true);
            reception.packet(i, 7, at, false);
        }
        assert!((reception.jitter_ms() - 5.0).abs() < 0.5, "{}", reception.jitter_ms());
    }
}
