use super::*;
use crate::kernel::clock::Chance;
use crate::media::tone::{Tone, level, level_at};

const LAW: Law = Law::Mu;

fn head(n: u32) -> Header {
    Header { marker: n == 0, pt: 0, seq: 0, ts: (u32::MAX - 3000).wrapping_add(n * 160), ssrc: 1 }
}

/// Packet `n` of an endless 400 Hz tone (eight whole periods in 20 ms).
fn packet() -> Vec<u8> {
    let tone = Tone { hz: 400.0, dbov: -15.0, ms: 20, fade_ms: 0 }.render();
    tone.into_iter().map(|s| LAW.encode(s)).collect()
}

/// Plays `count` frames; before frame `n` the packets that `due` names arrive.
fn play(jitter: &mut Jitter, count: u32, mut due: impl FnMut(u32) -> Vec<u32>) -> (Vec<i16>, Vec<Made>) {
    let (mut sound, mut made, packet) = (Vec::new(), Vec::new(), packet());
    for n in 0..count {
        for which in due(n) {
            jitter.push(&head(which), LAW, &packet);
        }
        let mut frame = [0; FRAME];
        made.push(jitter.pull(&mut frame));
        sound.extend(frame);
    }
    (sound, made)
}

fn step_max(sound: &[i16]) -> i32 {
    sound.windows(2).map(|w| (i32::from(w[0]) - i32::from(w[1])).abs()).max().unwrap_or(0)
}

#[test]
fn sound_comes_out_in_order_after_the_delay() {
    let mut jitter = Jitter::new(DELAY);
    // Each pair trades places, and each packet comes twice.
    let (sound, made) = play(&mut jitter, 50, |n| if n % 2 == 0 { vec![n + 1, n, n] } else { vec![] });
    assert_eq!(made[..2], [Made::Silence; 2]);
    assert!(made[4..].iter().all(|m| *m == Made::Whole), "{made:?}");
    assert!((level_at(&sound[800..], 400.0) + 15.0).abs() < 0.1);
    assert!(step_max(&sound) < 3000);
    assert_eq!((jitter.counts().resets, jitter.counts().late), (0, 0));
}

#[test]
fn a_loss_fades_without_a_click_and_long_ones_are_silent() {
    let mut jitter = Jitter::new(DELAY);
    let (sound, made) =
        play(&mut jitter, 60, |n| if [20, 30, 31, 32].contains(&n) { vec![] } else { vec![n] });
    let lost: Vec<_> =
        made.iter().enumerate().filter(|(_, m)| **m == Made::Concealed).map(|(n, _)| n).collect();
    assert_eq!(lost, [23, 33, 34, 35]);
    let frame = |n: usize| level(&sound[n * FRAME..(n + 1) * FRAME]);
    assert!(frame(23) > -25.0 && frame(33) > -25.0 && frame(34) < -100.0 && frame(35) < -100.0);
    assert!(step_max(&sound) < 3500, "{}", step_max(&sound));
    assert_eq!(jitter.counts().concealed, 4);
}

#[test]
fn jitter_within_the_delay_is_not_heard() {
    for seed in 0..20 {
        let chance = Chance::seeded(seed);
        let mut jitter = Jitter::new(DELAY);
        let at: Vec<u32> =
            (0..300).map(|n| n + if n == 0 { 0 } else { u32::try_from(chance.below(4)).unwrap() }).collect();
        let (_, made) =
            play(&mut jitter, 290, |n| (0..300).filter(|k| at[usize::try_from(*k).unwrap()] == n).collect());
        assert!(made[4..].iter().all(|m| *m == Made::Whole), "seed {seed}: {:?}", jitter.counts());
    }
}

#[test]
fn drifting_clocks_are_followed() {
    // In parts per thousand: the sender is faster, or slower.
    for speed in [1001_u64, 999] {
        let mut jitter = Jitter::new(DELAY);
        let mut sent = 0;
        let (sound, made) = play(&mut jitter, 15_000, |n| {
            let until = u32::try_from(u64::from(n + 1) * speed / 1000).unwrap();
            let due = (sent..until).collect();
            sent = until;
            due
        });
        let counts = jitter.counts();
        let lost = made[10..].iter().filter(|m| **m != Made::Whole).count();
        assert_eq!((lost, counts.resets, counts.late), (0, 0, 0), "{speed}: {counts:?}");
        assert!(if speed > 1000 { counts.shrunk } else { counts.stretched } > 30, "{speed}: {counts:?}");
        assert!(step_max(&sound[1600..]) < 3000);
    }
}

#[test]
fn a_pause_a_new_sender_and_a_moved_time_line_begin_anew() {
    let mut jitter = Jitter::new(DELAY);
    // The sender stops for two seconds and goes on as if nothing had been.
    let (_, made) = play(&mut jitter, 200, |n| match n {
        0..50 => vec![n],
        150.. => vec![n - 100],
        _ => vec![],
    });
    assert_eq!(made[100], Made::Silence);
    assert!(made[155..].iter().all(|m| *m == Made::Whole));
    // Another sender, at another time.
    let other = Header { ssrc: 2, ts: 77, ..head(1) };
    jitter.push(&other, LAW, &packet());
    assert_eq!(jitter.counts().resets, 1);
    // It goes back by a second without a marker: five packets are lost on it.
    let mut frame = [0; FRAME];
    for n in 0..20_u32 {
        let ts = 77_u32.wrapping_sub(8000).wrapping_add(n * 160);
        jitter.push(&Header { ts, marker: false, ..other }, LAW, &packet());
        jitter.pull(&mut frame);
    }
    assert_eq!((jitter.counts().resets, jitter.counts().late), (2, 4));
    assert_eq!(jitter.pull(&mut frame), Made::Whole);
}

#[test]
fn a_key_is_silence_and_no_loss() {
    let mut jitter = Jitter::new(DELAY);
    let packet = packet();
    let mut made = Vec::new();
    for n in 0..60_u32 {
        if (20..28).contains(&n) {
            jitter.push_event(&head(20), u16::try_from((n - 19) * 160).unwrap());
        } else {
            jitter.push(&head(n), LAW, &packet);
        }
        made.push(jitter.pull(&mut [0; FRAME]));
    }
    assert!(made[4..].iter().all(|m| *m == Made::Whole), "{made:?}");
    assert_eq!(jitter.counts().late, 0);
}

#[test]
fn nothing_panics_whatever_comes() {
    for seed in 0..40 {
        let chance = Chance::seeded(seed);
        let mut jitter = Jitter::new(Millis(i64::from(chance.bytes::<1>()[0])));
        let mut ts = u32::from_be_bytes(chance.bytes());
        for _ in 0..2000 {
            let jump = [160, 160, 160, 0, 1, 4000, u32::MAX - 500, u32::from_be_bytes(chance.bytes())];
            ts = ts.wrapping_add(jump[usize::try_from(chance.below(8)).unwrap()]);
            let ssrc = u32::from(chance.below(50) == 0);
            let head = Header { marker: chance.below(9) == 0, pt: 0, seq: 0, ts, ssrc };
            match chance.below(4) {
                0 => jitter.push_event(&head, u16::from_be_bytes(chance.bytes())),
                1 => {
                    jitter.pull(&mut [0; FRAME]);
                }
                _ => jitter.push(&head, Law::A, &vec![1; usize::try_from(chance.below(700)).unwrap()]),
            }
        }
    }
}
