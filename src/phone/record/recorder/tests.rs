//! Recorders on legs that are spoken into by hand, on a clock that stands until it is moved.

use std::path::Path;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;

use super::*;
use crate::kernel::bus::Bus;
use crate::media::g711::Law;
use crate::media::peer;
use crate::media::tone::{self, Tone};
use crate::on_db;
use crate::security::keys::InstallKey;

const CONTACT: ContactId = ContactId(7);
const DESK: DeskId = DeskId(8);

struct Room {
    parts: Parts,
    at: u32,
    _dir: tempfile::TempDir,
}

/// Somebody on a leg, who sounds like one tone.
struct Voice {
    leg: Arc<Leg>,
    sound: Arc<[u8]>,
}

impl Voice {
    fn new(parts: &Parts, hz: f64) -> Self {
        let tone = Tone { hz, dbov: -20.0, ms: 20_000, fade_ms: 0 };
        Self { leg: Leg::browser(&parts.chance).0, sound: tone::encode(&tone.render(), Law::Mu) }
    }

    fn speak(&self, frame: u32, now: Timestamp) {
        let begin = usize::try_from(frame).unwrap() * 160;
        self.leg.hear_browser(
            &peer::Packet {
                marker: false,
                payload_type: Law::Mu.pt(),
                sequence: u16::try_from(frame).unwrap(),
                timestamp: frame * 160,
                payload: Bytes::copy_from_slice(&self.sound[begin..begin + 160]),
            },
            now,
        );
    }
}

impl Room {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::at(dir.path().to_owned().as_path(), dir).await
    }

    async fn at(vault: &Path, dir: tempfile::TempDir) -> Self {
        let url = format!("sqlite:{}", dir.path().join("madoguchi.db").display());
        let db = Db::open(&url, Bus::local()).await.unwrap();
        db.migrate().await.unwrap();
        let (clock, chance) = (Clock::manual(Timestamp(1_000_000)), Chance::seeded(3));
        let vault = Vault::new(vault, InstallKey::from_bytes([4; 32]), chance.clone());
        let parts = Parts { db, clock, chance, lifecycle: Lifecycle::default(), vault };
        Self { parts, at: 0, _dir: dir }
    }

    async fn begin(&self, kind: Kind) -> (Recorder, Arc<[AtomicUsize; 2]>) {
        let told: Arc<[AtomicUsize; 2]> = Arc::default();
        let telling = Arc::clone(&told);
        let tell = move |turn| {
            telling[usize::from(turn == Turn::Quiet)].fetch_add(1, Ordering::Relaxed);
        };
        (Recorder::start(&self.parts, (CONTACT, DESK, kind), tell).await.unwrap(), told)
    }

    /// So many seconds go by while these speak.
    async fn pass(&mut self, seconds: u32, voices: &[&Voice]) {
        for _ in 0..seconds * 50 {
            for voice in voices {
                voice.speak(self.at, self.parts.clock.now());
            }
            self.at += 1;
            self.parts.clock.advance(Millis(FRAME_MS));
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn row(&self, id: RecordingId) -> (String, i64, i64, Vec<u8>, String) {
        let mut tx = self.parts.db.read().await.unwrap();
        on_db!(tx, |conn| sqlx::query_as(
            "SELECT state, ms, bytes, peaks, pauses FROM phone_recordings WHERE id = $1"
        )
        .bind(id.to_string())
        .fetch_one(conn)
        .await)
        .unwrap()
    }

    /// Both channels of a recording.
    fn sound(&self, id: RecordingId) -> [Vec<i16>; 2] {
        let mut reader = self.parts.vault.open(id).unwrap();
        let mut sides = [Vec::new(), Vec::new()];
        for number in 0..reader.chunks() {
            for (n, byte) in reader.chunk(number).unwrap().0.iter().enumerate() {
                sides[n % 2].push(Law::Mu.decode(*byte));
            }
        }
        sides
    }
}

/// Whether a tone is heard in a stretch of sound, from second to second.
fn hears(sound: &[i16], hz: f64, from: usize, to: usize) -> bool {
    tone::level_at(&sound[from * 8000..to * 8000], hz) > -30.0
}

#[tokio::test]
async fn the_caller_is_on_the_left_and_whom_she_hears_on_the_right() {
    let mut room = Room::open().await;
    let [caller, agent, third] = [400.0, 1000.0, 1700.0].map(|hz| Voice::new(&room.parts, hz));
    let (recorder, told) = room.begin(Kind::Call).await;
    let leg = |voice: &Voice| Arc::clone(&voice.leg);
    recorder.listen(&[leg(&caller)], &[leg(&agent)]);
    room.pass(3, &[&caller, &agent]).await;
    recorder.listen(&[leg(&caller)], &[leg(&agent), leg(&third)]);
    room.pass(2, &[&caller, &agent, &third]).await;
    // Held: nobody hears anybody, whatever is said.
    recorder.listen(&[], &[]);
    room.pass(2, &[&caller, &agent, &third]).await;
    let id = recorder.id;
    assert_eq!(recorder.stop(&room.parts.clock).await, Heard { voice: Millis(4940), failed: false });

    let [left, right] = room.sound(id);
    assert_eq!((left.len(), right.len()), (7 * 8000, 7 * 8000));
    assert!(hears(&left, 400.0, 1, 5) && !hears(&left, 1000.0, 1, 5) && !hears(&left, 1700.0, 1, 5));
    assert!(hears(&right, 1000.0, 1, 5) && !hears(&right, 400.0, 1, 5));
    assert!(!hears(&right, 1700.0, 1, 3) && hears(&right, 1700.0, 4, 5));
    assert!(tone::level(&left[5 * 8000 + 400..]) < -70.0 && tone::level(&right[5 * 8000 + 400..]) < -70.0);

    let (state, ms, bytes, peaks, pauses) = room.row(id).await;
    assert_eq!((state.as_str(), ms, pauses.as_str()), ("done", 7000, "[]"));
    assert_eq!(u64::try_from(bytes).unwrap(), room.parts.vault.open(id).unwrap().length());
    assert_eq!((peaks.len(), peaks[350 - 1]), (350, 0), "a step for each 20 ms");
    assert!(peaks[100] > 20);
    assert!(told.iter().all(|count| count.load(Ordering::Relaxed) == 0));
}

#[tokio::test]
async fn what_is_said_in_a_pause_is_left_out_and_its_place_is_known() {
    let mut room = Room::open().await;
    let [caller, secret] = [400.0, 1700.0].map(|hz| Voice::new(&room.parts, hz));
    let (recorder, _) = room.begin(Kind::Call).await;
    recorder.listen(&[Arc::clone(&caller.leg)], &[Arc::clone(&secret.leg)]);
    room.pass(2, &[&caller]).await;
    recorder.pause(true);
    assert!(recorder.is_paused());
    room.pass(2, &[&caller, &secret]).await;
    recorder.pause(false);
    room.pass(2, &[&caller]).await;
    let id = recorder.id;
    recorder.stop(&room.parts.clock).await;
    let (state, ms, _, _, pauses) = room.row(id).await;
    assert_eq!((state.as_str(), ms, pauses.as_str()), ("done", 4000, "[2000]"));
    let [left, right] = room.sound(id);
    assert!(hears(&left, 400.0, 1, 4));
    assert!(tone::level_at(&right[..], 1700.0) < -50.0, "nothing of the pause is kept");
}

#[tokio::test]
async fn a_disk_that_fails_is_told_once_and_noted() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("blocked");
    std::fs::write(&blocked, "a file where the folder should be").unwrap();
    let mut room = Room::at(&blocked, dir).await;
    let caller = Voice::new(&room.parts, 400.0);
    let (recorder, told) = room.begin(Kind::Call).await;
    recorder.listen(&[Arc::clone(&caller.leg)], &[]);
    while !recorder.has_failed() {
        tokio::task::yield_now().await;
    }
    room.pass(8, &[&caller]).await;
    let id = recorder.id;
    assert!(recorder.stop(&room.parts.clock).await.failed);
    assert_eq!(told[0].load(Ordering::Relaxed), 1);
    let (state, ms, bytes, _, _) = room.row(id).await;
    assert_eq!((state.as_str(), ms, bytes), ("failed", 0, 0));
}

#[tokio::test]
async fn a_message_that_goes_silent_is_told() {
    let mut room = Room::open().await;
    let caller = Voice::new(&room.parts, 400.0);
    let (recorder, told) = room.begin(Kind::Message).await;
    recorder.listen(&[Arc::clone(&caller.leg)], &[]);
    room.pass(1, &[&caller]).await;
    room.pass(9, &[]).await;
    assert_eq!(told[1].load(Ordering::Relaxed), 0);
    room.pass(2, &[]).await;
    assert_eq!(told[1].load(Ordering::Relaxed), 1);
    let heard = recorder.stop(&room.parts.clock).await;
    assert!((900..=1100).contains(&heard.voice.0) && !heard.failed, "{heard:?}");
}

#[tokio::test]
async fn a_leg_that_another_recording_took_stays_with_it() {
    let mut room = Room::open().await;
    let agent = Voice::new(&room.parts, 1000.0);
    let (first, _) = room.begin(Kind::Call).await;
    first.listen(&[], &[Arc::clone(&agent.leg)]);
    let (second, _) = room.begin(Kind::Call).await;
    second.listen(&[], &[Arc::clone(&agent.leg)]);
    first.stop(&room.parts.clock).await;
    room.pass(2, &[&agent]).await;
    let id = second.id;
    drop(second);
    room.parts.lifecycle.stop().await;
    assert!(hears(&room.sound(id)[1], 1000.0, 1, 2), "a recorder that is dropped keeps what was heard");
    assert_eq!(room.row(id).await.0, "done");
}
