//! One recording as it is made: one task takes the sound, another brings it to the disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::{Db, DbError};
use crate::kernel::ids::{ContactId, DeskId, RecordingId};
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::time::{Millis, Timestamp};
use crate::media::FRAME_MS;
use crate::media::wav::Peaks;
use crate::phone::sound::leg::Leg;

use super::mix::{Pair, Sides};
use super::store::{self, Kind, New};
use super::vault::{CHUNK_BYTES, SECOND_BYTES, Vault, Writer};
use super::{KEEP, MESSAGE_QUIET};

/// Chunks that wait for the disk; when one more comes, the disk is too slow and the recording fails.
pub const BEHIND_MAX: usize = 4;

/// How long the disk may take at the end of a recording before nobody waits for it any more.
const STOP_WAIT: Millis = Millis::from_secs(10);

/// A recording that is further behind goes on from now.
const LATE_MAX: Millis = Millis::from_secs(2);

/// What a recorder needs.
#[derive(Clone, Debug)]
pub struct Parts {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub lifecycle: Lifecycle,
    pub vault: Vault,
}

/// What a recording tells its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It broke off; the call goes on.
    Failed,
    /// Nothing was said for [`MESSAGE_QUIET`].
    Quiet,
}

/// What came of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Of voice on the left.
    pub voice: Millis,
    pub failed: bool,
}

/// Milliseconds of so many bytes of sound.
#[must_use]
pub fn ms_of(bytes: usize) -> i64 {
    i64::try_from(bytes.saturating_mul(1000) / SECOND_BYTES).unwrap_or(i64::MAX)
}

struct Shared {
    sides: Mutex<Sides>,
    paused: AtomicBool,
    failed: AtomicBool,
    tell: Box<dyn Fn(Turn) + Send + Sync>,
}

impl Shared {
    fn sides(&self) -> MutexGuard<'_, Sides> {
        self.sides.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first time only.
    fn fail(&self, id: RecordingId, why: &dyn std::fmt::Display) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            tracing::error!(recording = %id, %why, "a recording broke off");
            self.sides().set(&[], &[]);
            (self.tell)(Turn::Failed);
        }
    }
}

/// See [`super`]. Dropping it ends the recording; what was heard is kept.
pub struct Recorder {
    pub id: RecordingId,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    heard: oneshot::Receiver<Heard>,
}

impl Recorder {
    /// Begins a recording, of nobody yet. `tell` hears what becomes of it; it must not block.
    ///
    /// # Errors
    /// When the store fails. A vault that cannot be written is told, not an error.
    pub async fn start(
        parts: &Parts,
        (contact, desk, kind): (ContactId, DeskId, Kind),
        tell: impl Fn(Turn) + Send + Sync + 'static,
    ) -> Result<Self, DbError> {
        let started_at = parts.clock.now();
        let id = RecordingId::compose(started_at, parts.chance.bits());
        let new = New { id, contact, desk, kind, started_at, delete_at: started_at + KEEP };
        parts.db.write(move |tx| Box::pin(async move { store::insert(tx, &new).await })).await?;
        let shared = Arc::new(Shared {
            sides: Mutex::default(),
            paused: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            tell: Box::new(tell),
        });
        let (stop, stopped) = oneshot::channel();
        let (told, heard) = oneshot::channel();
        let (chunks, waiting) = mpsc::channel(BEHIND_MAX);
        let take = Take { id, shared: Arc::clone(&shared), chunks, kind };
        let clock = parts.clock.clone();
        let begin = clock.now();
        parts.lifecycle.spawn(async move { take.run(&clock, begin, stopped).await });
        let (writing, sharing) = (parts.clone(), Arc::clone(&shared));
        parts.lifecycle.spawn(async move {
            // Whoever ended the recording may not wait for this.
            let _ = told.send(write(writing, id, sharing, waiting).await);
        });
        Ok(Self { id, shared, stop: Some(stop), heard })
    }

    /// Listens to these legs and to no other.
    pub fn listen(&self, left: &[Arc<Leg>], right: &[Arc<Leg>]) {
        if !self.has_failed() {
            self.shared.sides().set(left, right);
        }
    }

    /// Leaves out what is said until it goes on.
    pub fn pause(&self, paused: bool) {
        self.shared.paused.store(paused, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.shared.paused.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Ends the recording and tells what was heard once it is on disk, or after [`STOP_WAIT`] that it failed.
    pub async fn stop(mut self, clock: &Clock) -> Heard {
        drop(self.stop.take());
        let lost = Heard { failed: true, ..Heard::default() };
        tokio::select! {
            heard = &mut self.heard => heard.unwrap_or(lost),
            () = clock.sleep_until(clock.now() + STOP_WAIT) => lost,
        }
    }
}

/// On its way to the disk.
enum Step {
    Chunk { sound: Vec<u8>, after_pause: bool },
    End { peaks: Box<Peaks>, voice: Millis },
}

/// Takes the sound, every 20 ms.
struct Take {
    id: RecordingId,
    shared: Arc<Shared>,
    chunks: mpsc::Sender<Step>,
    kind: Kind,
}

#[derive(Default)]
struct Taken {
    sound: Vec<u8>,
    peaks: Peaks,
    paused: bool,
    after_pause: bool,
    voice: i64,
    quiet: i64,
}

impl Take {
    async fn run(self, clock: &Clock, begin: Timestamp, mut stopped: oneshot::Receiver<()>) {
        let mut taken = Taken { sound: Vec::with_capacity(CHUNK_BYTES), ..Taken::default() };
        let mut due = begin;
        loop {
            due = due + Millis(FRAME_MS);
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                () = clock.sleep_until(due) => {}
            }
            // The machine's clock was set, or it slept: time that nobody heard is not made up for.
            if clock.now().since(due) > LATE_MAX {
                due = clock.now();
            }
            let pair = self.shared.sides().pull();
            self.step(&mut taken, &pair);
        }
        // Nothing that was said up to now stays in a buffer.
        self.shared.sides().set(&[], &[]);
        self.flush(&mut taken);
        let end = Step::End { peaks: Box::new(taken.peaks), voice: Millis(taken.voice) };
        // The writer takes all there is, also when the recording has failed.
        let _ = self.chunks.send(end).await;
    }

    fn step(&self, taken: &mut Taken, pair: &Pair) {
        if self.shared.failed.load(Ordering::Relaxed) {
            return;
        }
        let paused = self.shared.paused.load(Ordering::Relaxed);
        if paused != std::mem::replace(&mut taken.paused, paused) && paused {
            self.flush(taken);
            taken.after_pause = true;
        }
        if paused {
            return;
        }
        pair.write_to(&mut taken.sound);
        taken.peaks.push(&pair.loudest());
        self.listen(taken, pair);
        if taken.sound.len() >= CHUNK_BYTES {
            self.flush(taken);
        }
    }

    /// Whether a message is still being spoken.
    fn listen(&self, taken: &mut Taken, pair: &Pair) {
        if pair.has_voice() {
            taken.voice += FRAME_MS;
            taken.quiet = 0;
        } else {
            taken.quiet += FRAME_MS;
            if self.kind == Kind::Message && taken.quiet == MESSAGE_QUIET.0 {
                (self.shared.tell)(Turn::Quiet);
            }
        }
    }

    fn flush(&self, taken: &mut Taken) {
        if taken.sound.is_empty() || self.shared.failed.load(Ordering::Relaxed) {
            return;
        }
        let sound = std::mem::replace(&mut taken.sound, Vec::with_capacity(CHUNK_BYTES));
        let step = Step::Chunk { sound, after_pause: std::mem::take(&mut taken.after_pause) };
        if self.chunks.try_send(step).is_err() {
            self.shared.fail(self.id, &"the disk is too slow");
        }
    }
}

/// Brings chunks to the disk until the end, and notes what came of it.
async fn write(parts: Parts, id: RecordingId, shared: Arc<Shared>, mut steps: mpsc::Receiver<Step>) -> Heard {
    let mut heard = Heard::default();
    let vault = parts.vault.clone();
    let mut file = blocking(move || vault.create(id)).await;
    let mut end = store::End::default();
    let mut sound_bytes = 0;
    loop {
        let writer = match file {
            Ok(writer) => Some(writer),
            Err(error) => {
                shared.fail(id, &error);
                None
            }
        };
        end.bytes = writer.as_ref().map_or(end.bytes, |w| i64::try_from(w.length()).unwrap_or(i64::MAX));
        match (steps.recv().await, writer) {
            (Some(Step::Chunk { sound, after_pause }), Some(mut writer)) => {
                let (length, at) = (sound.len(), ms_of(sound_bytes));
                file = blocking(move || writer.chunk(&sound, after_pause).map(|()| writer)).await;
                if file.is_ok() {
                    sound_bytes += length;
                    end.pauses.extend(after_pause.then_some(at));
                }
            }
            (Some(Step::Chunk { .. }), None) => file = Err(std::io::ErrorKind::BrokenPipe.into()),
            (Some(Step::End { peaks, voice }), _) => {
                end.peaks = peaks.bytes();
                heard.voice = voice;
                break;
            }
            (None, _) => break,
        }
    }
    end.ms = ms_of(sound_bytes);
    end.failed = shared.failed.load(Ordering::Relaxed);
    heard.failed = end.failed;
    let unit = parts.db.write(move |tx| Box::pin(async move { store::end(tx, id, &end).await }));
    if let Err(error) = unit.await {
        tracing::error!(recording = %id, %error, "the end of a recording was not noted");
        heard.failed = true;
    }
    heard
}

async fn blocking(
    work: impl FnOnce() -> std::io::Result<Writer> + Send + 'static,
) -> std::io::Result<Writer> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))
}

#[cfg(test)]
mod tests;
