//! WAV files: prompts that an administrator uploads, and recordings that we write.
//!
//! Reading turns any common PCM file into 8 kHz mono; it computes for a second or two at the limits, so call
//! it where blocking is allowed. Writing streams, and puts the lengths in at the end.

use std::f64::consts::PI;
use std::io::{self, Seek, SeekFrom, Write};

use super::g711::Law;
use super::{Frame, RATE, sample};

/// Bytes of the largest file that is read.
pub const WAV_MAX: usize = 64 * 1024 * 1024;
/// Seconds of the longest sound that is read.
pub const SECONDS_MAX: u32 = 600;
/// The sampling rates that are read, in Hz.
pub const RATES: std::ops::RangeInclusive<u32> = 8000..=48_000;
/// Steps of a [`Peaks`] picture; when it is full, two become one.
pub const PEAKS_MAX: usize = 2000;

/// Why a file cannot be used; each is a sentence for the administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    #[error("the file is larger than {WAV_MAX} bytes")]
    TooLarge,
    #[error("not a WAV file")]
    NoWav,
    #[error("the file has no sound in it")]
    Empty,
    #[error("neither PCM of 8, 16 or 24 bits nor G.711 (format {format}, {bits} bits)")]
    Coding { format: u16, bits: u16 },
    #[error("{0} channels; one or two are read")]
    Channels(u16),
    #[error("{0} Hz; 8000 to 48000 are read")]
    Rate(u32),
    #[error("longer than {SECONDS_MAX} seconds")]
    TooLong,
}

#[derive(Clone, Copy)]
struct Shape {
    format: u16,
    channels: u16,
    rate: u32,
    bits: u16,
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let (two, _) = bytes.get(at..)?.split_first_chunk::<2>()?;
    Some(u16::from_le_bytes(*two))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    let (four, _) = bytes.get(at..)?.split_first_chunk::<4>()?;
    Some(u32::from_le_bytes(*four))
}

/// Reads a WAV file into 8 kHz mono samples. Two channels are averaged. A data chunk that claims more than
/// the file holds is read as far as it goes.
///
/// # Errors
/// [`WavError`].
pub fn read(bytes: &[u8]) -> Result<Vec<i16>, WavError> {
    if bytes.len() > WAV_MAX {
        return Err(WavError::TooLarge);
    }
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err(WavError::NoWav);
    }
    let (mut shape, mut at) = (None, 12_usize);
    while let (Some(name), Some(size)) = (bytes.get(at..at + 4), long(bytes, at + 4)) {
        let begin = at + 8;
        let end = begin.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
        let body = bytes.get(begin..end.min(bytes.len())).unwrap_or_default();
        match (name, shape) {
            (b"fmt ", _) => shape = Some(read_shape(body)?),
            (b"data", Some(shape)) => return sound(shape, body),
            _ => {}
        }
        // A chunk of odd size is followed by a byte of nothing.
        at = end.saturating_add(end % 2).min(bytes.len());
    }
    Err(if shape.is_some() { WavError::Empty } else { WavError::NoWav })
}

fn read_shape(body: &[u8]) -> Result<Shape, WavError> {
    let fields = (word(body, 0), word(body, 2), long(body, 4), word(body, 14));
    let (Some(mut format), Some(channels), Some(rate), Some(bits)) = fields else {
        return Err(WavError::NoWav);
    };
    if format == 0xfffe {
        format = word(body, 24).unwrap_or(format);
    }
    if !matches!((format, bits), (1, 8 | 16 | 24) | (6 | 7, 8)) {
        return Err(WavError::Coding { format, bits });
    }
    if !(1..=2).contains(&channels) {
        return Err(WavError::Channels(channels));
    }
    if !RATES.contains(&rate) {
        return Err(WavError::Rate(rate));
    }
    Ok(Shape { format, channels, rate, bits })
}

fn sound(shape: Shape, body: &[u8]) -> Result<Vec<i16>, WavError> {
    let width = usize::from(shape.bits / 8);
    let channels = usize::from(shape.channels);
    let length = body.len() / (width * channels);
    if length == 0 {
        return Err(WavError::Empty);
    }
    if length > usize::try_from(SECONDS_MAX.saturating_mul(shape.rate)).unwrap_or(usize::MAX) {
        return Err(WavError::TooLong);
    }
    let one = |bytes: &[u8]| -> f32 {
        match (shape.format, bytes) {
            (6, [byte]) => f32::from(Law::A.decode(*byte)),
            (7, [byte]) => f32::from(Law::Mu.decode(*byte)),
            (_, [byte]) => (f32::from(*byte) - 128.0) * 256.0,
            (_, [low, high]) => f32::from(i16::from_le_bytes([*low, *high])),
            (_, [low, mid, high]) => f32::from(i16::from_le_bytes([*mid, *high])) + f32::from(*low) / 256.0,
            _ => 0.0,
        }
    };
    let mono: Vec<f32> = body
        .chunks_exact(width * channels)
        .map(|all| all.chunks_exact(width).map(one).sum::<f32>() / f32::from(shape.channels))
        .collect();
    if shape.rate == RATE {
        return Ok(mono.into_iter().map(|value| sample(value.into())).collect());
    }
    Ok(resample(&mono, shape.rate))
}

/// Zero crossings of the filter to each side, in samples at 8 kHz: 64 in all give a slope of 700 Hz.
const LOBES: u32 = 32;
/// Where the filter has lost half, in Hz: flat to 3300, below −70 dB from 4000 on.
const CUTOFF_HZ: f64 = 3650.0;

/// Windowed-sinc resampling from `rate` (at least 8 kHz) to 8 kHz, one set of weights for each phase, made
/// when it is first needed: a short sound of an odd rate has thousands that are not.
fn resample(input: &[f32], rate: u32) -> Vec<i16> {
    let shared = gcd(rate, RATE);
    // Output n lies at input n × step / phases.
    let (step, phases) = (u64::from(rate / shared), u64::from(RATE / shared));
    let mut table: Vec<Vec<f32>> = (0..phases).map(|_| Vec::new()).collect();
    let half = reach(rate);
    let count = (input.len() as u64 * phases).div_ceil(step);
    let mut out = Vec::new();
    for at in (0..count).map(|n| n * step) {
        let (centre, phase) = (index(at / phases), at % phases);
        let Some(weights) = table.get_mut(index(phase)) else { break };
        if weights.is_empty() {
            *weights = filter(phase, phases, rate);
        }
        // Weight k belongs to input centre + k + 1 − half.
        let near = input.get((centre + 1).saturating_sub(half)..).unwrap_or_default();
        let skip = half.saturating_sub(centre + 1);
        let sum: f32 = weights.iter().skip(skip).zip(near).map(|(w, s)| w * s).sum();
        out.push(sample(sum.into()));
    }
    out
}

fn index(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// Inputs that the filter reaches to each side.
fn reach(rate: u32) -> usize {
    usize::try_from((LOBES * rate).div_ceil(RATE)).unwrap_or(0)
}

/// The weights for an output that lies `phase / phases` behind an input; they add up to one.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "small numbers; f32 is enough"
)]
fn filter(phase: u64, phases: u64, rate: u32) -> Vec<f32> {
    let half = i32::try_from(reach(rate)).unwrap_or(0);
    let reach = f64::from(half);
    let rate = f64::from(rate);
    let behind = phase as f64 / phases as f64;
    let raw: Vec<f64> = (1 - half..=half)
        .map(|k| {
            let x = f64::from(k) - behind;
            let turn = 2.0 * CUTOFF_HZ / rate * x;
            let sinc = if turn.abs() < 1e-9 { 1.0 } else { (PI * turn).sin() / (PI * turn) };
            let place = (x / reach).clamp(-1.0, 1.0);
            // Blackman's window.
            sinc * (0.42 + 0.5 * (PI * place).cos() + 0.08 * (2.0 * PI * place).cos())
        })
        .collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|weight| (weight / sum) as f32).collect()
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// How a recording is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Signed 16 bits, format 1.
    Pcm16,
    /// One byte a sample, format 6 (A-law) or 7 (μ-law).
    G711(Law),
}

/// What an unfinished file says of its length; players read to the end.
const UNKNOWN: u32 = u32::MAX;

impl Coding {
    const fn format(self) -> u16 {
        match self {
            Self::Pcm16 => 1,
            Self::G711(Law::A) => 6,
            Self::G711(Law::Mu) => 7,
        }
    }

    const fn width(self) -> u16 {
        match self {
            Self::Pcm16 => 2,
            Self::G711(_) => 1,
        }
    }

    /// The header of an 8 kHz file: 58 bytes, the same size whatever the length. `data` is in bytes; `None`
    /// while it is not known.
    #[must_use]
    pub fn header(self, channels: u16, data: Option<u32>) -> Vec<u8> {
        let block = self.width() * channels;
        let data_size = data.unwrap_or(UNKNOWN);
        let samples = data.map_or(UNKNOWN, |data| data / u32::from(block.max(1)));
        let mut out = Vec::with_capacity(58);
        out.extend(b"RIFF");
        out.extend(data.map_or(UNKNOWN, |data| data.saturating_add(50)).to_le_bytes());
        out.extend(b"WAVEfmt ");
        out.extend(18_u32.to_le_bytes());
        out.extend(self.format().to_le_bytes());
        out.extend(channels.to_le_bytes());
        out.extend(RATE.to_le_bytes());
        out.extend((RATE * u32::from(block)).to_le_bytes());
        out.extend(block.to_le_bytes());
        out.extend((self.width() * 8).to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out.extend(b"fact");
        out.extend(4_u32.to_le_bytes());
        out.extend(samples.to_le_bytes());
        out.extend(b"data");
        out.extend(data_size.to_le_bytes());
        out
    }

    /// Appends one frame of two channels, left and right in turn.
    pub fn interleave(self, left: &Frame, right: &Frame, out: &mut Vec<u8>) {
        for sample in left.iter().zip(right).flat_map(|(left, right)| [*left, *right]) {
            match self {
                Self::Pcm16 => out.extend(sample.to_le_bytes()),
                Self::G711(law) => out.push(law.encode(sample)),
            }
        }
    }
}

/// Writes a two-channel recording as it happens. A file that was never finished still plays.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    coding: Coding,
    data: u32,
    buffer: Vec<u8>,
}

impl<W: Write + Seek> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// The writer's.
    pub fn new(mut out: W, coding: Coding) -> io::Result<Self> {
        out.write_all(&coding.header(2, None))?;
        Ok(Self { out, coding, data: 0, buffer: Vec::new() })
    }

    /// Appends 20 ms: what the caller said, and what the agent said.
    ///
    /// # Errors
    /// The writer's; `FileTooLarge` at 4 GiB (37 hours of PCM).
    pub fn frame(&mut self, left: &Frame, right: &Frame) -> io::Result<()> {
        self.buffer.clear();
        self.coding.interleave(left, right, &mut self.buffer);
        let size = u32::try_from(self.buffer.len()).unwrap_or(u32::MAX);
        let data = self.data.checked_add(size).filter(|data| *data < UNKNOWN - 64);
        let data = data.ok_or(io::ErrorKind::FileTooLarge)?;
        self.out.write_all(&self.buffer)?;
        self.data = data;
        Ok(())
    }

    /// Puts the lengths into the header and hands the file back, flushed.
    ///
    /// # Errors
    /// The writer's.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&self.coding.header(2, Some(self.data)))?;
        self.out.seek(SeekFrom::End(0))?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The picture of a sound: its loudest sample in each of at most [`PEAKS_MAX`] equal steps, however long it
/// gets.
#[derive(Clone, Debug)]
pub struct Peaks {
    /// Samples in one step.
    step: usize,
    filled: usize,
    peaks: Vec<u16>,
}

impl Default for Peaks {
    fn default() -> Self {
        Self { step: super::FRAME, filled: 0, peaks: Vec::new() }
    }
}

impl Peaks {
    /// Adds samples.
    pub fn push(&mut self, samples: &[i16]) {
        for value in samples {
            if self.filled == 0 {
                if self.peaks.len() == PEAKS_MAX {
                    self.peaks = self.peaks.chunks(2).filter_map(|two| two.iter().max()).copied().collect();
                    self.step *= 2;
                }
                self.peaks.push(0);
            }
            if let Some(last) = self.peaks.last_mut() {
                *last = (*last).max(value.unsigned_abs());
            }
            self.filled = (self.filled + 1) % self.step;
        }
    }

    /// Milliseconds in one step.
    #[must_use]
    pub const fn step_ms(&self) -> usize {
        self.step / 8
    }

    /// The steps, 0 (silence) to 255 (full scale).
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.peaks.iter().map(|peak| u8::try_from(peak >> 7).unwrap_or(u8::MAX)).collect()
    }
}

#[cfg(test)]
mod tests;
