//! A small play-out buffer: packets in as they come, 20 ms frames out in order. For mixing and recording; the
//! plain relay leaves this work to the browser.
//!
//! Sound lies at its RTP timestamp in a ring of samples. The play position runs a fixed delay behind. When
//! the two clocks drift apart, or the first packet was early or late, a frame is stretched or shrunk by 5 ms
//! with a cross-fade. What is missing is the last sound mirrored and faded, then silence.

use super::g711::Law;
use super::rtp::{Header, ts_after};
use super::{FRAME, Frame, PER_MS};
use crate::kernel::time::Millis;

/// The delay that is asked for when nothing else is said.
pub const DELAY: Millis = Millis(60);
/// The longest delay; a packet that is early by more begins anew.
pub const DELAY_MAX: Millis = Millis(200);

/// Samples in the ring; a power of two, so that timestamps wrap with it.
const RING: usize = 4096;
/// Samples behind the play position that stay readable, for cross-fades and mirrors.
const HISTORY: u32 = 2 * FRAME_TICKS;
/// Samples by which a frame is stretched or shrunk (5 ms).
const WARP: u32 = 40;
/// Packets over which the depth is averaged (about 2 s).
const WINDOW: u32 = 100;
/// Samples (20 ms); the average depth may be off the delay by so much.
const BAND: i64 = 160;
/// Frames; after so many without a packet the sender has stopped, and the next packet begins anew.
const IDLE_FRAMES: u32 = 25;
/// Packets late in a row that begin anew: the sender's time line has moved.
const LATE_RUN: u32 = 5;
/// Samples (2.5 ms) over which sound comes back after a loss.
const RETURN: usize = 20;
const FRAME_TICKS: u32 = 160;

/// What a frame is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// All of it came.
    Whole,
    /// Some or all of it was lost, and covered up.
    Concealed,
    /// Nothing was sent: before the first packet, or after the sender stopped.
    Silence,
}

/// Counts since the buffer began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub packets: u64,
    /// Came after their time, or lay before a new beginning.
    pub late: u64,
    pub concealed: u64,
    /// New beginnings after the first.
    pub resets: u64,
    pub stretched: u64,
    pub shrunk: u64,
}

/// The buffer of one source.
#[derive(Clone, Debug)]
pub struct Jitter {
    delay: u32,
    samples: Box<[i16]>,
    there: Box<[bool]>,
    /// The sender, and the timestamp that is played next; `None` before a beginning.
    playing: Option<(u32, u32)>,
    depth_sum: i64,
    depth_count: u32,
    warp: Option<Warp>,
    late_run: u32,
    idle: u32,
    /// How many samples were missing when the last frame ended; at first, so many that nothing is mirrored.
    hole: u32,
    /// How many samples have sounded since the last hole.
    back: usize,
    /// Something has sounded since the last beginning.
    sounded: bool,
    counts: Counts,
}

#[derive(Clone, Copy, Debug)]
enum Warp {
    Stretch,
    Shrink,
}

impl Jitter {
    /// A buffer with a delay between 20 ms and [`DELAY_MAX`].
    #[must_use]
    pub fn new(delay: Millis) -> Self {
        let ms = delay.clamp(Millis(20), DELAY_MAX).0;
        Self {
            delay: u32::try_from(ms).unwrap_or(60) * PER_MS,
            samples: vec![0; RING].into(),
            there: vec![false; RING].into(),
            playing: None,
            depth_sum: 0,
            depth_count: 0,
            warp: None,
            late_run: 0,
            idle: 0,
            hole: FRAME_TICKS,
            back: 0,
            sounded: false,
            counts: Counts::default(),
        }
    }

    /// The counts.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes a packet of sound. At most 60 ms of it are used.
    pub fn push(&mut self, head: &Header, law: Law, payload: &[u8]) {
        let mut decoded = [0; 480];
        let count = law.decode_to(payload, &mut decoded);
        let Some(sound) = decoded.get(..count).filter(|sound| !sound.is_empty()) else { return };
        self.counts.packets += 1;
        let depth = self.place(head);
        let Some((_, play)) = self.playing else { return };
        let end = ts_after(head.ts, play).saturating_add(i32::try_from(count).unwrap_or(0));
        if end <= 0 {
            self.counts.late += 1;
            return;
        }
        if let Some(depth) = depth {
            self.watch(depth);
        }
        self.idle = 0;
        for (ts, value) in (0..).zip(sound).map(|(n, value): (u32, _)| (head.ts.wrapping_add(n), *value)) {
            if ts_after(ts, play) >= 0 {
                self.set(ts, Some(value));
            }
        }
    }

    /// Takes a telephone-event (RFC 4733) of the same source, whose sound pauses for `duration` ticks from
    /// its timestamp on: that is silence, not loss.
    pub fn push_event(&mut self, head: &Header, duration: u16) {
        let Some((ssrc, play)) = self.playing else { return };
        if ssrc != head.ssrc {
            return;
        }
        self.idle = 0;
        self.late_run = 0;
        let from = if ts_after(head.ts, play) >= 0 { head.ts } else { play };
        let end = head.ts.wrapping_add(u32::from(duration)).wrapping_add(FRAME_TICKS);
        let count = u32::try_from(ts_after(end, from)).unwrap_or(0).min(DELAY_MAX_TICKS);
        for ts in (0..count).map(|n| from.wrapping_add(n)) {
            if self.get(ts).is_none() {
                self.set(ts, Some(0));
            }
        }
    }

    /// Makes 20 ms. Call it every 20 ms by one clock, whatever came.
    pub fn pull(&mut self, out: &mut Frame) -> Made {
        let Some((ssrc, play)) = self.playing else {
            *out = [0; FRAME];
            return Made::Silence;
        };
        self.idle += 1;
        if self.idle > IDLE_FRAMES {
            self.playing = None;
            *out = [0; FRAME];
            return Made::Silence;
        }
        let whole = (0..FRAME_TICKS + WARP).all(|n| self.get(play.wrapping_add(n)).is_some());
        let advance = match self.warp.filter(|_| whole && self.back >= RETURN) {
            Some(warp) => self.warped(out, play, warp),
            None => FRAME_TICKS,
        };
        let made = if advance == FRAME_TICKS { self.plain(out, play) } else { Made::Whole };
        let next = play.wrapping_add(advance);
        self.playing = Some((ssrc, next));
        for n in 0..advance {
            self.set(play.wrapping_sub(HISTORY).wrapping_add(n), None);
        }
        made
    }

    /// Finds where a packet belongs, and begins anew where it must. Gives how far ahead it lies, in samples.
    fn place(&mut self, head: &Header) -> Option<i64> {
        let Some((ssrc, play)) = self.playing else {
            self.begin(head);
            return None;
        };
        let ahead = ts_after(head.ts, play);
        if ahead < 0 {
            self.late_run += 1;
        } else {
            self.late_run = 0;
        }
        let moved = head.marker && ahead < 0 || self.late_run >= LATE_RUN;
        let early = i64::from(ahead) > i64::from(DELAY_MAX_TICKS + self.delay);
        if ssrc != head.ssrc || moved || early {
            self.counts.resets += 1;
            self.begin(head);
            return None;
        }
        Some(i64::from(ahead))
    }

    fn begin(&mut self, head: &Header) {
        self.there.fill(false);
        self.playing = Some((head.ssrc, head.ts.wrapping_sub(self.delay)));
        (self.depth_sum, self.depth_count, self.warp) = (0, 0, None);
        (self.late_run, self.idle) = (0, 0);
        (self.hole, self.back, self.sounded) = (FRAME_TICKS, 0, false);
    }

    /// Watches the drift: a packet should lie one delay ahead on average.
    fn watch(&mut self, depth: i64) {
        self.depth_sum += depth;
        self.depth_count += 1;
        if self.depth_count == WINDOW {
            let off = self.depth_sum / i64::from(WINDOW) - i64::from(self.delay);
            self.warp = if off > BAND {
                Some(Warp::Shrink)
            } else if off < -BAND {
                Some(Warp::Stretch)
            } else {
                None
            };
            (self.depth_sum, self.depth_count) = (0, 0);
        }
    }

    /// One frame that slides by [`WARP`] samples; gives how far the position moves.
    #[expect(clippy::cast_precision_loss, reason = "a frame is short")]
    fn warped(&mut self, out: &mut Frame, play: u32, warp: Warp) -> u32 {
        let (slid, advance) = match warp {
            Warp::Shrink => (play.wrapping_add(WARP), FRAME_TICKS + WARP),
            Warp::Stretch => (play.wrapping_sub(WARP), FRAME_TICKS - WARP),
        };
        for (n, value) in (0_u32..).zip(out.iter_mut()) {
            let here = f64::from(self.get(play.wrapping_add(n)).unwrap_or(0));
            let there = self.get(slid.wrapping_add(n)).map_or(here, f64::from);
            let share = f64::from(n) / FRAME as f64;
            *value = super::sample(here * (1.0 - share) + there * share);
        }
        match warp {
            Warp::Shrink => self.counts.shrunk += 1,
            Warp::Stretch => self.counts.stretched += 1,
        }
        self.warp = None;
        advance
    }

    /// One frame as it lies there, its holes covered.
    fn plain(&mut self, out: &mut Frame, play: u32) -> Made {
        let mut lost = 0;
        for (n, value) in (0_u32..).zip(out.iter_mut()) {
            let ts = play.wrapping_add(n);
            if let Some(sound) = self.get(ts) {
                *value = if self.back < RETURN { fade(sound, self.back, RETURN) } else { sound };
                self.back = self.back.saturating_add(1);
                (self.hole, self.sounded) = (0, true);
            } else {
                self.hole = self.hole.saturating_add(1);
                // The mirror of what was heard before the hole, dying away within a frame.
                let left = FRAME_TICKS.saturating_sub(self.hole);
                let heard = if left == 0 { None } else { self.get(ts.wrapping_sub(2 * self.hole - 1)) };
                *value = fade(heard.unwrap_or(0), usize::try_from(left).unwrap_or(0), FRAME);
                self.back = 0;
                lost += 1;
            }
        }
        if lost == 0 {
            Made::Whole
        } else if self.sounded {
            self.counts.concealed += 1;
            Made::Concealed
        } else {
            Made::Silence
        }
    }

    fn index(ts: u32) -> usize {
        usize::try_from(ts).unwrap_or(0) % RING
    }

    fn get(&self, ts: u32) -> Option<i16> {
        let at = Self::index(ts);
        self.samples.get(at).copied().filter(|_| self.there.get(at) == Some(&true))
    }

    fn set(&mut self, ts: u32, value: Option<i16>) {
        let at = Self::index(ts);
        if let (Some(sample), Some(there)) = (self.samples.get_mut(at), self.there.get_mut(at)) {
            *sample = value.unwrap_or(0);
            *there = value.is_some();
        }
    }
}

const DELAY_MAX_TICKS: u32 = 200 * PER_MS;

/// `value` × `part` / `of`.
fn fade(value: i16, part: usize, of: usize) -> i16 {
    let (part, of) = (i32::try_from(part).unwrap_or(0), i32::try_from(of).unwrap_or(1).max(1));
    i16::try_from(i32::from(value) * part / of).unwrap_or(value)
}

#[cfg(test)]
mod tests;
