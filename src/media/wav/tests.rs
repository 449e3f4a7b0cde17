use std::io::Cursor;

use super::*;
use crate::kernel::clock::Chance;
use crate::media::FRAME;
use crate::media::tone::{Tone, level, level_at};

/// A file of `bits` with a sine of half scale in the left channel and, if there is one, the right.
fn file(rate: u32, bits: u16, channels: u16, hz: f64, ms: u32) -> Vec<u8> {
    let mut data = Vec::new();
    for n in 0..rate * ms / 1000 {
        let value = 0.5 * (2.0 * PI * hz * f64::from(n) / f64::from(rate)).sin();
        for _ in 0..channels {
            let whole = sample(value * 32_768.0);
            match bits {
                8 => data.push(u8::try_from((whole >> 8) + 128).unwrap()),
                16 => data.extend(whole.to_le_bytes()),
                _ => data.extend([&[0x40][..], &whole.to_le_bytes()].concat()),
            }
        }
    }
    wrap(1, channels, rate, bits, &data)
}

fn wrap(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut out = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
    out.extend([format.to_le_bytes(), channels.to_le_bytes()].concat());
    out.extend([rate.to_le_bytes(), [0; 4]].concat());
    out.extend([[0; 2], bits.to_le_bytes()].concat());
    out.extend(b"data");
    out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    out.extend(data);
    out
}

#[test]
fn every_rate_width_and_channel_is_read() {
    for rate in [8000, 8001, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000] {
        for (bits, channels) in [(8, 1), (16, 2), (24, 1), (24, 2)] {
            let sound = read(&file(rate, bits, channels, 1000.0, 500)).unwrap();
            assert!((3999..=4001).contains(&sound.len()), "{rate}: {}", sound.len());
            let middle = &sound[400..3600];
            let (got, whole) = (level_at(middle, 1000.0), level(middle));
            assert!((got + 9.03).abs() < 0.2, "{rate} {bits} {channels}: {got}");
            assert!((whole - got).abs() < 0.1, "{rate} {bits} {channels}: something else is in it");
        }
    }
}

#[test]
fn what_eight_kilohertz_cannot_hold_is_gone() {
    for (rate, hz) in [(16_000, 4500.0), (44_100, 5000.0), (48_000, 7000.0), (48_000, 15_000.0)] {
        let sound = read(&file(rate, 16, 1, hz, 500)).unwrap();
        let rest = level(&sound[400..3600]);
        assert!(rest < -70.0, "{rate} {hz}: {rest}");
    }
    let edge = read(&file(44_100, 16, 1, 3200.0, 500)).unwrap();
    assert!((level_at(&edge[400..3600], 3200.0) + 9.03).abs() < 0.5, "the telephone's band is whole");
}

#[test]
fn errors_say_what_is_wrong() {
    let sound = [0; 64];
    for (bytes, error) in [
        (vec![], WavError::NoWav),
        (b"RIFF\0\0\0\0WAVE".to_vec(), WavError::NoWav),
        (wrap(1, 1, 8000, 16, &[]), WavError::Empty),
        (wrap(3, 1, 8000, 32, &sound), WavError::Coding { format: 3, bits: 32 }),
        (wrap(1, 6, 8000, 16, &sound), WavError::Channels(6)),
        (wrap(1, 0, 8000, 16, &sound), WavError::Channels(0)),
        (wrap(1, 1, 96_000, 16, &sound), WavError::Rate(96_000)),
        (wrap(1, 1, 8000, 8, &vec![0; 8000 * 600 + 1]), WavError::TooLong),
        (vec![0; WAV_MAX + 1], WavError::TooLarge),
    ] {
        assert_eq!(read(&bytes), Err(error));
    }
    let mut long = wrap(1, 1, 8000, 16, &[1, 0, 2, 0]);
    let at = long.len() - 8;
    long[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(&long), Ok(vec![1, 2]), "a stream that was never finished");
}

#[test]
fn a_recording_is_written_and_read_again() {
    let tone = Tone { hz: 500.0, dbov: -10.0, ms: 1000, fade_ms: 0 }.render();
    for coding in [Coding::Pcm16, Coding::G711(Law::Mu), Coding::G711(Law::A)] {
        let mut writer = Writer::new(Cursor::new(Vec::new()), coding).unwrap();
        for frame in tone.chunks_exact(FRAME) {
            let frame: Frame = frame.try_into().unwrap();
            writer.frame(&frame, &frame).unwrap();
        }
        let unfinished = writer.out.clone().into_inner();
        let bytes = writer.finish().unwrap().into_inner();
        assert_eq!(bytes.len(), 58 + 8000 * 2 * usize::from(coding.width()));
        assert_eq!(usize::try_from(long(&bytes, 4).unwrap()).unwrap(), bytes.len() - 8);
        for bytes in [bytes, unfinished] {
            let sound = read(&bytes).unwrap();
            assert!((level_at(&sound, 500.0) + 10.0).abs() < 0.2 && sound.len() == 8000, "{coding:?}");
        }
    }
}

#[test]
fn peaks_stay_few() {
    let mut peaks = Peaks::default();
    peaks.push(&[0, -16_384, 5]);
    assert_eq!((peaks.bytes(), peaks.step_ms()), (vec![128], 20));
    let mut peaks = Peaks::default();
    for n in 0..5000 {
        peaks.push(&[if n < 2500 { i16::MIN } else { 0 }; FRAME]);
    }
    let bytes = peaks.bytes();
    assert_eq!((bytes.len(), peaks.step_ms()), (1250, 80));
    assert!(bytes[..625].iter().all(|b| *b == 255) && bytes[625..].iter().all(|b| *b == 0));
}

#[test]
fn random_bytes_never_panic() {
    let chance = Chance::seeded(5);
    let whole = file(11_025, 16, 2, 500.0, 3);
    for _ in 0..3000 {
        let mut bytes = whole.clone();
        for _ in 0..chance.below(4) {
            let at = usize::try_from(chance.below(64)).unwrap();
            bytes[at] = chance.bytes::<1>()[0];
        }
        bytes.truncate(usize::try_from(chance.below(200)).unwrap());
        let _ = read(&bytes);
    }
}
