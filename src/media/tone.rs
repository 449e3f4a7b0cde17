//! Sounds that this program makes itself, and the two measures that tell whether they arrive.
//!
//! Levels are in dBov: the root mean square against a full-scale square wave (RFC 6464 §4), so the loudest
//! sine has −3 dBov.

use std::f64::consts::{PI, SQRT_2};
use std::sync::Arc;

use super::g711::Law;
use super::rtp::Header;
use super::{FRAME, RATE, sample};

/// Milliseconds of the longest tone; longer is cut.
pub const TONE_MAX_MS: u32 = 60_000;
/// The level that [`level`] gives to silence.
pub const SILENCE_DBOV: f64 = -127.0;

/// A sine with a soft beginning and end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// 0 is a rest.
    pub hz: f64,
    pub dbov: f64,
    pub ms: u32,
    /// Of the beginning, and of the end; at most half of the tone.
    pub fade_ms: u32,
}

/// The beep before a message is recorded.
pub const BEEP: Tone = Tone { hz: 1000.0, dbov: -16.0, ms: 400, fade_ms: 10 };

impl Tone {
    /// The samples at 8 kHz.
    #[must_use]
    pub fn render(&self) -> Vec<i16> {
        let mut out = vec![0.0; samples(self.ms)];
        self.add_to(&mut out, 0);
        out.into_iter().map(sample).collect()
    }

    /// Adds the tone to a stretch of sound from sample `at` on; what lies behind the end is cut.
    fn add_to(&self, out: &mut [f64], at: usize) {
        let length = samples(self.ms);
        let fade = samples(self.fade_ms).min(length / 2);
        let peak = amplitude(self.dbov);
        for (n, place) in out.iter_mut().skip(at).take(length).enumerate() {
            let edge = n.min(length - 1 - n);
            let gain = if edge < fade { ease(edge, fade) } else { 1.0 };
            *place += gain * peak * (2.0 * PI * self.hz * seconds(n)).sin();
        }
    }
}

fn samples(ms: u32) -> usize {
    usize::try_from(ms.min(TONE_MAX_MS) * RATE / 1000).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "a minute has fewer samples than 2^52")]
fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(RATE)
}

/// A raised cosine from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a fade is far shorter than 2^52 samples")]
fn ease(at: usize, of: usize) -> f64 {
    0.5 - 0.5 * (PI * at as f64 / of as f64).cos()
}

/// The peak of a sine of that level.
fn amplitude(dbov: f64) -> f64 {
    10_f64.powf(dbov.min(0.0) / 20.0) * 32_768.0 * SQRT_2
}

/// Milliseconds of a quarter note of the hold music.
const BEAT_MS: u32 = 600;
/// Level of the melody at its onset; it rings out from there.
const MELODY_DBOV: f64 = -26.0;
const BASS_DBOV: f64 = -32.0;

/// Melody: semitones above C5 and length in half beats, written for this program in the scale C D E G A. Each
/// row is two bars of four; `None` rests.
const MELODY: [&[(Option<i32>, u32)]; 4] = [
    &[(Some(4), 3), (Some(7), 1), (Some(9), 2), (Some(7), 2), (Some(4), 3), (Some(2), 1), (Some(0), 4)],
    &[(Some(2), 2), (Some(4), 2), (Some(7), 3), (Some(4), 1), (Some(2), 6), (None, 2)],
    &[(Some(9), 3), (Some(12), 1), (Some(9), 2), (Some(7), 2), (Some(4), 2), (Some(7), 2), (Some(2), 4)],
    &[(Some(0), 2), (Some(2), 2), (Some(4), 2), (Some(-3), 2), (Some(0), 6), (None, 2)],
];

/// Bass: semitones above C4, one for each bar.
const BASS: [i32; 8] = [0, 0, 7, -5, 5, 0, -3, 0];

/// The hold music: eight bars of plain sines at 8 kHz that loop without a seam. Its length is a whole number
/// of frames. Render it once and share it.
#[must_use]
pub fn hold_music() -> Vec<i16> {
    let bars = u32::try_from(BASS.len()).unwrap_or(0);
    let mut out = vec![0.0; samples(bars * 4 * BEAT_MS).next_multiple_of(FRAME)];
    let mut at_ms = 0;
    for (pitch, halves) in MELODY.into_iter().flatten() {
        let ms = halves * BEAT_MS / 2;
        if let Some(pitch) = pitch {
            ring(&mut out, at_ms, ms, 523.25 * 2_f64.powf(f64::from(*pitch) / 12.0), MELODY_DBOV);
        }
        at_ms += ms;
    }
    for (bar, pitch) in (0..).zip(BASS) {
        let hz = 261.63 * 2_f64.powf(f64::from(pitch) / 12.0);
        // Root and fifth, two beats each.
        ring(&mut out, bar * 4 * BEAT_MS, 2 * BEAT_MS, hz, BASS_DBOV);
        ring(&mut out, (bar * 4 + 2) * BEAT_MS, 2 * BEAT_MS, hz * 1.5, BASS_DBOV);
    }
    out.into_iter().map(sample).collect()
}

/// A struck note: two partials that die away within its length.
fn ring(out: &mut [f64], at_ms: u32, ms: u32, hz: f64, dbov: f64) {
    let begin = samples(at_ms);
    let mut note = vec![0.0; samples(ms)];
    Tone { hz, dbov, ms, fade_ms: 15 }.add_to(&mut note, 0);
    Tone { hz: hz * 2.0, dbov: dbov - 14.0, ms, fade_ms: 15 }.add_to(&mut note, 0);
    for (n, (place, value)) in out.iter_mut().skip(begin).zip(&note).enumerate() {
        *place += value * (-1.6 * seconds(n)).exp();
    }
}

/// Plays an encoded sound as the packets of one source, once or for ever. Take one every 20 ms and send it
/// through a rewriter. The sound is shared: a hundred callers on hold hear one copy.
#[derive(Clone, Debug)]
pub struct Player {
    sound: Arc<[u8]>,
    law: Law,
    again: bool,
    at: usize,
    head: Header,
}

/// Encodes samples for a [`Player`].
#[must_use]
pub fn encode(samples: &[i16], law: Law) -> Arc<[u8]> {
    samples.iter().map(|sample| law.encode(*sample)).collect()
}

impl Player {
    /// `sound` is encoded in `law`. An `again` begins anew at its end.
    #[must_use]
    pub fn new(sound: Arc<[u8]>, law: Law, again: bool) -> Self {
        let head = Header { marker: true, pt: law.pt(), ..Header::default() };
        Self { sound, law, again, at: 0, head }
    }

    /// The next 20 ms; the last piece is filled up with silence. `None` at the end, and for a sound of no
    /// length.
    pub fn next_packet(&mut self) -> Option<(Header, [u8; FRAME])> {
        if self.at >= self.sound.len() && self.again {
            self.at = 0;
        }
        let rest = self.sound.get(self.at..).filter(|rest| !rest.is_empty())?;
        let mut frame = [self.law.silence(); FRAME];
        for (byte, from) in frame.iter_mut().zip(rest) {
            *byte = *from;
        }
        self.at += FRAME;
        let head = self.head;
        self.head.marker = false;
        self.head.seq = head.seq.wrapping_add(1);
        self.head.ts = head.ts.wrapping_add(160);
        Some((head, frame))
    }
}

/// The level of some samples in dBov; [`SILENCE_DBOV`] at the least, and for none.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a recording has fewer samples than 2^52")]
pub fn level(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    let rms = (sum / samples.len().max(1) as f64).sqrt();
    decibels(rms)
}

/// The level of one frequency in dBov (Goertzel's algorithm over the whole slice).
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a recording has fewer samples than 2^52")]
pub fn level_at(samples: &[i16], hz: f64) -> f64 {
    let turn = 2.0 * PI * hz / f64::from(RATE);
    let factor = 2.0 * turn.cos();
    let (mut one, mut two) = (0.0, 0.0);
    for value in samples {
        let next = f64::from(*value) + factor * one - two;
        (one, two) = (next, one);
    }
    let power = (one * one + two * two - factor * one * two).max(0.0);
    decibels(power.sqrt() * SQRT_2 / samples.len().max(1) as f64)
}

fn decibels(rms: f64) -> f64 {
    if rms > 0.0 { (20.0 * (rms / 32_768.0).log10()).max(SILENCE_DBOV) } else { SILENCE_DBOV }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_pitch_and_level() {
        for (hz, dbov) in [(400.0, -20.0), (1000.0, -10.0), (3000.0, -40.0)] {
            let mut sound = Tone { hz, dbov, ms: 500, fade_ms: 0 }.render();
            for law in [None, Some(Law::Mu), Some(Law::A)] {
                if let Some(law) = law {
                    for s in &mut sound {
                        *s = law.decode(law.encode(*s));
                    }
                }
                assert!((level(&sound) - dbov).abs() < 0.5, "{} {dbov} {law:?}", level(&sound));
                assert!((level_at(&sound, hz) - dbov).abs() < 0.5);
                assert!(level_at(&sound, hz * 0.7) < dbov - 25.0);
            }
        }
        assert_eq!((level(&[]), level(&[0; 9]), level_at(&[], 1.0)), (-127.0, -127.0, -127.0));
        assert!(level(&[i16::MIN; 9]).abs() < 0.001);
    }

    #[test]
    fn a_player_ends_or_begins_anew() {
        let sound = encode(&[1000; 200], Law::A);
        let mut once = Player::new(sound.clone(), Law::A, false);
        let (head, frame) = once.next_packet().unwrap();
        assert_eq!((head.marker, head.pt, head.seq, head.ts, frame[159]), (true, 8, 0, 0, sound[0]));
        let (head, frame) = once.next_packet().unwrap();
        assert_eq!((head.marker, head.seq, head.ts), (false, 1, 160));
        assert_eq!((frame[39], frame[40]), (sound[0], Law::A.silence()));
        assert_eq!(once.next_packet(), None);
        let mut again = Player::new(sound, Law::A, true);
        assert_eq!((0..99).filter_map(|_| again.next_packet()).last().map(|(head, _)| head.seq), Some(98));
        assert_eq!(Player::new(Arc::new([]), Law::A, true).next_packet(), None);
    }

    #[test]
    fn a_tone_is_soft_at_both_ends() {
        let beep = BEEP.render();
        assert_eq!((beep.len(), beep[0], beep[3199]), (3200, 0, 0));
        assert!(
            level(&beep[..20]) < -35.0 && level(&beep[3180..]) < -35.0 && level(&beep[200..3000]) > -17.0
        );
        let loud = Tone { hz: 1000.0, dbov: 0.0, ms: 20, fade_ms: 999_999 }.render();
        assert_eq!(loud.iter().max(), Some(&i16::MAX), "it saturates");
        assert_eq!(Tone { hz: 0.0, dbov: 0.0, ms: u32::MAX, fade_ms: 0 }.render().len(), 480_000);
    }

    #[test]
    fn the_hold_music_is_gentle_and_loops() {
        let music = hold_music();
        assert_eq!((music.len(), music.len() % FRAME), (153_600, 0));
        assert!((-40.0..-28.0).contains(&level(&music)), "{}", level(&music));
        assert!(music.iter().all(|s| s.unsigned_abs() < 8000), "never near the limit");
        let seam = (i32::from(music[0]) - i32::from(music[153_599])).abs();
        assert!(seam < 100, "{seam}");
        let step = music.windows(2).map(|w| (i32::from(w[0]) - i32::from(w[1])).abs()).max();
        assert!(step < Some(3500), "no click: {step:?}");
        let lengths: u32 = MELODY.iter().flat_map(|row| row.iter()).map(|(_, halves)| halves).sum();
        assert_eq!(lengths, 8 * 8, "the melody fills its bars");
    }
}
