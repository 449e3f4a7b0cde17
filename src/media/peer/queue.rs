//! Events for a reader who may be slow for a moment: bounded, the oldest audio goes first, nothing else ever.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{PeerEvent, Sink};

#[derive(Debug)]
pub(super) struct Queue {
    ring: Mutex<Ring>,
    filled: Notify,
    /// Events kept at most; state changes are few and are kept beyond it.
    room: usize,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<PeerEvent>,
    dropped: u64,
    /// `Closed` has been put in, or nobody reads any more.
    ended: bool,
}

impl Queue {
    pub(super) fn new(room: usize) -> Self {
        let ring = Ring { events: VecDeque::with_capacity(room), ..Ring::default() };
        Self { ring: Mutex::new(ring), filled: Notify::new(), room }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // Nothing panics under the lock.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Queue {
    fn take(&self, event: PeerEvent) {
        let mut ring = self.lock();
        if ring.ended {
            return;
        }
        if ring.events.len() >= self.room
            && let Some(oldest) = ring.events.iter().position(|e| matches!(e, PeerEvent::Audio(_)))
        {
            ring.events.remove(oldest);
            ring.dropped += 1;
        }
        ring.ended = event == PeerEvent::Closed;
        ring.events.push_back(event);
        drop(ring);
        self.filled.notify_one();
    }
}

/// The events of one connection, for one reader.
#[derive(Debug)]
pub struct PeerEvents(Arc<Queue>);

impl PeerEvents {
    pub(super) const fn new(queue: Arc<Queue>) -> Self {
        Self(queue)
    }

    /// The next event; `None` after [`PeerEvent::Closed`]. Loses nothing when dropped half-way.
    pub async fn recv(&mut self) -> Option<PeerEvent> {
        loop {
            {
                let mut ring = self.0.lock();
                if let Some(event) = ring.events.pop_front() {
                    return Some(event);
                }
                if ring.ended {
                    return None;
                }
            }
            self.0.filled.notified().await;
        }
    }

    /// The next event if there is one already.
    pub fn try_recv(&mut self) -> Option<PeerEvent> {
        self.0.lock().events.pop_front()
    }
}

impl Drop for PeerEvents {
    fn drop(&mut self) {
        let mut ring = self.0.lock();
        ring.ended = true;
        ring.events = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Packet;
    use super::*;
    use bytes::Bytes;

    fn audio(sequence: u16) -> PeerEvent {
        let payload = Bytes::from_static(&[0xff; 160]);
        PeerEvent::Audio(Packet { payload_type: 0, sequence, timestamp: 0, marker: false, payload })
    }

    #[tokio::test]
    async fn a_slow_reader_loses_the_oldest_audio_and_no_state() {
        let queue = Arc::new(Queue::new(3));
        let mut events = PeerEvents::new(Arc::clone(&queue));
        queue.take(PeerEvent::Connected);
        for sequence in 0..5 {
            queue.take(audio(sequence));
        }
        queue.take(PeerEvent::Closed);
        queue.take(audio(9));
        assert_eq!(queue.dropped(), 4);
        assert_eq!(events.recv().await, Some(PeerEvent::Connected));
        assert_eq!(events.recv().await, Some(audio(4)));
        assert_eq!(events.recv().await, Some(PeerEvent::Closed));
        assert_eq!(events.recv().await, None);
    }

    #[tokio::test]
    async fn a_reader_who_left_is_not_collected_for() {
        let queue = Arc::new(Queue::new(3));
        drop(PeerEvents::new(Arc::clone(&queue)));
        queue.take(audio(1));
        assert!(queue.lock().events.is_empty());
    }
}
