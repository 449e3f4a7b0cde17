//! The tones of the Japanese telephone network (NTT: 400 Hz; ITU-T E.180 Supplement 2).

use std::sync::{Arc, OnceLock};

use crate::media::g711::Law;
use crate::media::tone::{SILENCE_DBOV, Tone, encode};

const HZ: f64 = 400.0;
const DBOV: f64 = -22.0;

fn pattern(on_ms: u32, off_ms: u32, times: usize) -> Arc<[u8]> {
    let on = Tone { hz: HZ, dbov: DBOV, ms: on_ms, fade_ms: 5 }.render();
    let off = Tone { hz: HZ, dbov: SILENCE_DBOV, ms: off_ms, fade_ms: 0 }.render();
    let samples: Vec<i16> = (0..times).flat_map(|_| on.iter().chain(&off).copied()).collect();
    encode(&samples, Law::Mu)
}

/// Ringing at the other side: one second on, two off.
pub fn ringing() -> Arc<[u8]> {
    static SOUND: OnceLock<Arc<[u8]>> = OnceLock::new();
    Arc::clone(SOUND.get_or_init(|| pattern(1000, 2000, 1)))
}

/// Busy, or not answered: half a second on, half off, four times.
pub fn busy() -> Arc<[u8]> {
    static SOUND: OnceLock<Arc<[u8]>> = OnceLock::new();
    Arc::clone(SOUND.get_or_init(|| pattern(500, 500, 4)))
}
