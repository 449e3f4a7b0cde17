//! A conversation of more than two, or one that somebody listens in on: mixed every 20 ms.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

use crate::kernel::clock::Clock;
use crate::kernel::time::Millis;
use crate::media::jitter::{self, Jitter};
use crate::media::mixer::{Mixer, PartyId};
use crate::media::rewriter::SourceId;
use crate::media::rtp::Header;
use crate::media::{FRAME, FRAME_MS};

use super::leg::{Ear, Kind, Leg};
use super::new_source;

struct Seat {
    leg: Arc<Leg>,
    jitter: Jitter,
}

#[derive(Default)]
struct State {
    mixer: Mixer,
    seats: BTreeMap<u64, Seat>,
}

/// See the module. Dropping it stops the mixing.
pub struct Room {
    state: Mutex<State>,
    task: Mutex<Option<AbortHandle>>,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").finish_non_exhaustive()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

const fn party(leg: &Leg) -> PartyId {
    PartyId(leg.source().0)
}

impl Room {
    /// An empty room, mixing from now on.
    #[must_use]
    pub fn open(clock: &Clock) -> Arc<Self> {
        let room = Arc::new(Self { state: Mutex::default(), task: Mutex::default() });
        let (weak, clock) = (Arc::downgrade(&room), clock.clone());
        let task = tokio::spawn(async move {
            let source = new_source();
            let mut due = clock.now();
            let (mut seq, mut ts) = (0_u16, 0_u32);
            loop {
                due = due + Millis(FRAME_MS);
                clock.sleep_until(due).await;
                let Some(room) = weak.upgrade() else { return };
                let head = Header { marker: seq == 0, pt: 0, seq, ts, ssrc: 0 };
                (seq, ts) = (seq.wrapping_add(1), ts.wrapping_add(160));
                room.tick(source, &head, &clock);
            }
        });
        *room.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
        room
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seats a leg; it hears nobody yet. `false` when the room is full.
    pub fn enter(self: &Arc<Self>, leg: &Arc<Leg>) -> bool {
        let mut state = self.state();
        if state.seats.contains_key(&leg.source().0) {
            return true;
        }
        if !state.mixer.join(party(leg)) {
            return false;
        }
        let seat = Seat { leg: Arc::clone(leg), jitter: Jitter::new(jitter::DELAY) };
        state.seats.insert(leg.source().0, seat);
        drop(state);
        leg.point(Ear::Room(Arc::downgrade(self)));
        true
    }

    /// Says whether `listener` hears `speaker`.
    pub fn hears(&self, listener: &Leg, speaker: &Leg, hears: bool) {
        self.state().mixer.set_hears(party(listener), party(speaker), hears);
    }

    /// A packet of a leg that is seated here.
    pub fn hear(&self, from: SourceId, head: &Header, kind: Kind, payload: &[u8]) {
        let mut state = self.state();
        let Some(seat) = state.seats.get_mut(&from.0) else { return };
        match kind {
            Kind::Voice(law) => seat.jitter.push(head, law, payload),
            Kind::Event => {
                if let Some(&[d0, d1]) = payload.get(2..4) {
                    seat.jitter.push_event(head, u16::from_be_bytes([d0, d1]));
                }
            }
        }
    }

    fn tick(&self, source: SourceId, head: &Header, clock: &Clock) {
        let now = clock.now();
        let mut said = Vec::new();
        {
            let mut state = self.state();
            let State { mixer, seats } = &mut *state;
            let mut frame = [0; FRAME];
            for (id, seat) in seats.iter_mut() {
                seat.jitter.pull(&mut frame);
                mixer.push(PartyId(*id), &frame);
            }
            mixer.mix(|id, mix| {
                if let Some(seat) = seats.get(&id.0) {
                    let law = seat.leg.law();
                    let mut bytes = [0; FRAME];
                    law.encode_to(mix, &mut bytes);
                    said.push((Arc::clone(&seat.leg), law, bytes));
                }
            });
        }
        for (leg, law, bytes) in said {
            let head = Header { pt: law.pt(), ..*head };
            leg.say(source, &head, Kind::Voice(law), &bytes, now);
        }
    }
}
