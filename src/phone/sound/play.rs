//! Sounds played into a leg: prompts one after the other, music for as long as it is wanted.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::kernel::clock::Clock;
use crate::kernel::time::Millis;
use crate::media::FRAME_MS;
use crate::media::g711::Law;
use crate::media::tone;

use super::leg::{Kind, Leg};
use super::new_source;

/// A pause between two prompts.
const PAUSE: Millis = Millis(200);

/// Something that is being played; dropping it stops it.
#[derive(Debug)]
pub struct Playing {
    task: AbortHandle,
    /// Resolves at the end; `None` once it was told.
    done: Option<oneshot::Receiver<()>>,
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Playing {
    /// Waits until everything was played; for ever for music, and after the end was told once.
    pub async fn ended(&mut self) {
        match &mut self.done {
            Some(done) => {
                let _ = done.await;
                self.done = None;
            }
            None => std::future::pending().await,
        }
    }
}

/// Plays sounds in μ-law at 8 kHz, one after the other; with `again` the last one repeats for ever.
#[must_use]
pub fn play(leg: &Arc<Leg>, sounds: Vec<Arc<[u8]>>, again: bool, clock: &Clock) -> Playing {
    let (leg, clock) = (Arc::clone(leg), clock.clone());
    let (told, done) = oneshot::channel();
    let task = tokio::spawn(async move {
        let source = new_source();
        let mut due = clock.now();
        let (mut seq, mut ts) = (0_u16, 0_u32);
        let count = sounds.len();
        for (n, sound) in sounds.into_iter().enumerate() {
            let mut player = tone::Player::new(sound, Law::Mu, again && n + 1 == count);
            while let Some((head, frame)) = player.next_packet() {
                // One source for all of them: their numbers go on.
                let mut head = head;
                (head.seq, head.ts) = (seq, ts);
                head.marker = seq == 0;
                (seq, ts) = (seq.wrapping_add(1), ts.wrapping_add(160));
                leg.say(source, &head, Kind::Voice(Law::Mu), &frame, clock.now());
                due = due + Millis(FRAME_MS);
                clock.sleep_until(due).await;
            }
            due = due + PAUSE;
            ts = ts.wrapping_add(8 * 200);
            clock.sleep_until(due).await;
        }
        let _ = told.send(());
    });
    Playing { task: task.abort_handle(), done: Some(done) }
}
