//! What a recording is made of: a buffer for each leg that is listened in on, two channels out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::media::g711::Law;
use crate::media::jitter::{self, Jitter};
use crate::media::rtp::Header;
use crate::media::wav::Coding;
use crate::media::{FRAME, Frame};
use crate::phone::sound::leg::{Leg, Tap};

/// The loudest sample of a frame that is still silence: about −36 dBov, above the noise of a line.
const QUIET_PEAK: u16 = 512;

/// Listens to one leg.
#[derive(Debug)]
struct Ear(Mutex<Jitter>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tap for Ear {
    fn voice(&self, head: &Header, law: Law, payload: &[u8]) {
        lock(&self.0).push(head, law, payload);
    }

    fn event(&self, head: &Header, payload: &[u8]) {
        if let Some(&[d0, d1]) = payload.get(2..4) {
            lock(&self.0).push_event(head, u16::from_be_bytes([d0, d1]));
        }
    }
}

/// A leg that is listened in on; dropping it ends that.
struct Seat {
    leg: Arc<Leg>,
    ear: Arc<Ear>,
    tap: Arc<dyn Tap>,
}

impl Seat {
    fn take(leg: &Arc<Leg>) -> Self {
        let ear = Arc::new(Ear(Mutex::new(Jitter::new(jitter::DELAY))));
        let tap: Arc<dyn Tap> = Arc::<Ear>::clone(&ear);
        leg.tap(Some(Arc::clone(&tap)));
        Self { leg: Arc::clone(leg), ear, tap }
    }

    fn pull(&self) -> Frame {
        let mut frame = [0; FRAME];
        lock(&self.ear.0).pull(&mut frame);
        frame
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leg.untap(&self.tap);
    }
}

/// Both channels of 20 ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub left: Frame,
    pub right: Frame,
}

impl Pair {
    /// Appends it to a chunk: G.711 μ-law, left and right in turn.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        Coding::G711(Law::Mu).interleave(&self.left, &self.right, out);
    }

    /// For the picture: of each moment the louder channel.
    #[must_use]
    pub fn loudest(&self) -> Frame {
        let mut out = self.left;
        for (value, right) in out.iter_mut().zip(&self.right) {
            if right.unsigned_abs() > value.unsigned_abs() {
                *value = *right;
            }
        }
        out
    }

    /// Whether somebody speaks on the left.
    #[must_use]
    pub fn has_voice(&self) -> bool {
        self.left.iter().any(|value| value.unsigned_abs() > QUIET_PEAK)
    }
}

/// Who is listened in on.
#[derive(Default)]
pub struct Sides {
    left: Vec<Seat>,
    right: Vec<Seat>,
}

impl std::fmt::Debug for Sides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sides({}, {})", self.left.len(), self.right.len())
    }
}

impl Sides {
    /// Listens to these legs and to no other; what is in the buffer of one that stays is kept.
    pub fn set(&mut self, left: &[Arc<Leg>], right: &[Arc<Leg>]) {
        for (seats, wanted) in [(&mut self.left, left), (&mut self.right, right)] {
            seats.retain(|seat| wanted.iter().any(|leg| Arc::ptr_eq(leg, &seat.leg)));
            for leg in wanted {
                if !seats.iter().any(|seat| Arc::ptr_eq(leg, &seat.leg)) {
                    seats.push(Seat::take(leg));
                }
            }
        }
    }

    /// The next 20 ms. Call it every 20 ms.
    #[must_use]
    pub fn pull(&self) -> Pair {
        Pair { left: sum(&self.left), right: sum(&self.right) }
    }
}

fn sum(seats: &[Seat]) -> Frame {
    seats.iter().map(Seat::pull).reduce(together).unwrap_or([0; FRAME])
}

fn together(mut one: Frame, other: Frame) -> Frame {
    for (value, more) in one.iter_mut().zip(&other) {
        *value = value.saturating_add(*more);
    }
    one
}
