//! Audio on the wire: RTP, G.711, keys, SDP of the carrier's leg, tones, mixing, and the sockets.
//!
//! Nothing here knows a call, a desk or a browser: bytes, samples and addresses go in and come out. The time
//! is an argument. Every parser takes hostile bytes and answers with an error, never with a panic.
//! The phone channel is the only user.

pub mod dtmf;
pub mod far;
pub mod g711;
pub mod jitter;
pub mod mixer;
pub mod peer;
pub mod ports;
pub mod rewriter;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod socket;
pub mod tone;
pub mod wav;

/// Samples a second, on every leg that this floor handles.
pub const RATE: u32 = 8000;
/// RTP ticks and samples in one millisecond.
pub const PER_MS: u32 = 8;
/// Samples, and G.711 bytes, in one frame.
pub const FRAME: usize = 160;
/// Milliseconds in one frame.
pub const FRAME_MS: i64 = 20;

/// 20 ms of linear samples at 8 kHz, mono.
pub type Frame = [i16; FRAME];

/// The nearest 16-bit sample; saturates, and takes NaN for silence.
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, which is what a sample does")]
pub(crate) fn sample(value: f64) -> i16 {
    value.round() as i16
}

/// RTP ticks in a length of time, modulo 2^32 as RTP timestamps are.
pub(crate) fn ticks(length: crate::kernel::time::Millis) -> u32 {
    low32(u64::try_from(length.0).unwrap_or(0).wrapping_mul(u64::from(PER_MS)))
}

/// The low half of a number.
#[expect(clippy::cast_possible_truncation, reason = "the high half is cut on purpose")]
pub(crate) const fn low32(value: u64) -> u32 {
    value as u32
}
