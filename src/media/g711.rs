//! ITU-T G.711: μ-law and A-law, and from one to the other, by tables made at compile time.

use serde::{Deserialize, Serialize};

/// One of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Law {
    /// μ-law, `PCMU`: Japan and North America.
    #[serde(rename = "pcmu")]
    Mu,
    /// A-law, `PCMA`: the rest of the world.
    #[serde(rename = "pcma")]
    A,
}

static MU_LINEAR: [i16; 256] = linear_table(Law::Mu);
static A_LINEAR: [i16; 256] = linear_table(Law::A);
static MU_TO_A: [u8; 256] = cross_table(&MU_LINEAR, Law::A);
static A_TO_MU: [u8; 256] = cross_table(&A_LINEAR, Law::Mu);

impl Law {
    pub const ALL: [Self; 2] = [Self::Mu, Self::A];

    /// The static payload type (RFC 3551 §6).
    #[must_use]
    pub const fn pt(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    /// The law of a static payload type.
    #[must_use]
    pub const fn of_pt(pt: u8) -> Option<Self> {
        match pt {
            0 => Some(Self::Mu),
            8 => Some(Self::A),
            _ => None,
        }
    }

    /// The encoding name of RFC 3551.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mu => "PCMU",
            Self::A => "PCMA",
        }
    }

    /// The other law.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Mu => Self::A,
            Self::A => Self::Mu,
        }
    }

    /// The byte of a zero sample.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xff,
            Self::A => 0xd5,
        }
    }

    /// One sample to a byte. No table: the segment is a count of leading zeros.
    #[must_use]
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => mu(sample),
            Self::A => a(sample),
        }
    }

    /// One byte to a 16-bit sample.
    #[must_use]
    pub fn decode(self, byte: u8) -> i16 {
        self.linear()[usize::from(byte)]
    }

    fn linear(self) -> &'static [i16; 256] {
        match self {
            Self::Mu => &MU_LINEAR,
            Self::A => &A_LINEAR,
        }
    }

    /// Encodes as many samples as both slices hold and returns how many.
    pub fn encode_to(self, samples: &[i16], out: &mut [u8]) -> usize {
        for (byte, sample) in out.iter_mut().zip(samples) {
            *byte = self.encode(*sample);
        }
        out.len().min(samples.len())
    }

    /// Decodes as many bytes as both slices hold and returns how many.
    pub fn decode_to(self, bytes: &[u8], out: &mut [i16]) -> usize {
        let table = self.linear();
        for (sample, byte) in out.iter_mut().zip(bytes) {
            *sample = table[usize::from(*byte)];
        }
        out.len().min(bytes.len())
    }

    /// Turns bytes of this law into bytes of `to`, in place: each byte becomes the nearest of the other law.
    pub fn transcode(self, to: Self, bytes: &mut [u8]) {
        let table = match (self, to) {
            (Self::Mu, Self::A) => &MU_TO_A,
            (Self::A, Self::Mu) => &A_TO_MU,
            (Self::Mu, Self::Mu) | (Self::A, Self::A) => return,
        };
        for byte in bytes {
            *byte = table[usize::from(*byte)];
        }
    }
}

/// μ-law of a 16-bit sample: bias 132, eight segments of sixteen steps, all bits inverted.
#[expect(clippy::cast_possible_truncation, reason = "both fields are masked to their bits")]
const fn mu(sample: i16) -> u8 {
    let clipped = if sample.unsigned_abs() > 32_635 { 32_635 } else { sample.unsigned_abs() };
    let magnitude = clipped + 132;
    let segment = 8 - magnitude.leading_zeros();
    let step = (magnitude >> (segment + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (segment as u8) << 4 | step as u8)
}

/// A-law of a 16-bit sample: the two lowest segments share one step, even bits inverted.
#[expect(clippy::cast_possible_truncation, reason = "both fields are masked to their bits")]
const fn a(sample: i16) -> u8 {
    let (magnitude, sign) = if sample < 0 { (!sample, 0) } else { (sample, 0x80) };
    let magnitude = magnitude.cast_unsigned();
    let code = if magnitude < 256 {
        (magnitude >> 4) as u8
    } else {
        let segment = 8 - magnitude.leading_zeros();
        (segment as u8) << 4 | ((magnitude >> (segment + 3)) & 0x0f) as u8
    };
    (code | sign) ^ 0x55
}

const fn mu_linear(byte: u8) -> i16 {
    let byte = !byte;
    let segment = (byte >> 4) & 7;
    let magnitude = (((((byte & 0x0f) as i16) << 3) + 132) << segment) - 132;
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

const fn a_linear(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let segment = (byte >> 4) & 7;
    let step = ((byte & 0x0f) as i16) << 4;
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

const fn linear_table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match law {
            Law::Mu => mu_linear(byte),
            Law::A => a_linear(byte),
        };
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

const fn cross_table(from: &[i16; 256], to: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = to.encode(from[at]);
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (law, sample, byte) in [
            (Law::Mu, 0, 0xff),
            (Law::Mu, 32_767, 0x80),
            (Law::Mu, -32_768, 0x00),
            (Law::Mu, 8, 0xfe),
            (Law::Mu, -8, 0x7e),
            (Law::A, 0, 0xd5),
            (Law::A, -1, 0x55),
            (Law::A, 32_767, 0xaa),
            (Law::A, -32_768, 0x2a),
            (Law::A, 256, 0xc5),
        ] {
            assert_eq!(law.encode(sample), byte, "{law:?} {sample}");
        }
        assert_eq!((Law::Mu.decode(0x80), Law::Mu.decode(0x00), Law::Mu.decode(0xff)), (32_124, -32_124, 0));
        assert_eq!((Law::A.decode(0xaa), Law::A.decode(0x2a), Law::A.decode(0xd5)), (32_256, -32_256, 8));
        // The digital milliwatt, 1 kHz at 0 dBm0, one period (G.711 tables 5 and 6), has no direct current.
        for (law, period) in [
            (Law::Mu, [0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e]),
            (Law::A, [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4]),
        ] {
            assert_eq!(period.iter().map(|b| i32::from(law.decode(*b))).sum::<i32>(), 0);
        }
    }

    #[test]
    fn every_byte_survives_and_every_sample_comes_near() {
        for law in Law::ALL {
            assert_eq!(law.encode(0), law.silence());
            assert_eq!(Law::of_pt(law.pt()), Some(law));
            for byte in 0..=u8::MAX {
                let again = law.encode(law.decode(byte));
                // μ-law has two zeros.
                assert!(again == byte || law == Law::Mu && byte == 0x7f, "{law:?} {byte:#x}");
            }
            let mut before = i32::MIN;
            for sample in i16::MIN..=i16::MAX {
                let near = i32::from(law.decode(law.encode(sample)));
                let far = (near - i32::from(sample)).abs();
                assert!(far <= 8 + i32::from(sample.unsigned_abs()) / 31, "{law:?} {sample} {near}");
                assert!(near >= before, "{law:?} is not monotonous at {sample}");
                before = near;
            }
        }
    }

    #[test]
    fn crossing_keeps_the_sound() {
        for law in Law::ALL {
            let all: Vec<u8> = (0..=u8::MAX).collect();
            let mut there = all.clone();
            law.transcode(law.other(), &mut there);
            for (from, to) in all.iter().zip(&there) {
                let (from, to) = (i32::from(law.decode(*from)), i32::from(law.other().decode(*to)));
                assert!((from - to).abs() <= 8 + from.abs() / 31, "{law:?} {from} {to}");
            }
            let once = there.clone();
            law.other().transcode(law, &mut there);
            law.transcode(law.other(), &mut there);
            let moved = once.iter().zip(&there).filter(|(a, b)| a != b).count();
            assert_eq!(moved, 0, "a second crossing changes nothing more");
            law.transcode(law, &mut there);
            assert_eq!(Law::of_pt(9), None);
        }
    }

    #[test]
    fn slices_of_unlike_length() {
        let mut out = [0; 2];
        assert_eq!(Law::Mu.encode_to(&[0; 5], &mut out), 2);
        assert_eq!(out, [0xff; 2]);
        assert_eq!(Law::A.decode_to(&[0xd5], &mut [0; 3]), 1);
    }
}
