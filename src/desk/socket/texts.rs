//! Each event as it goes over the wire, written once for all sockets.

use std::sync::{Mutex, PoisonError};

use axum::extract::ws::Utf8Bytes;

use crate::kernel::ids::PoolId;

use crate::desk::events::LoggedEvent;
use crate::desk::protocol::ServerEvent;

/// Events whose text is kept; a socket that is further behind writes its own.
const KEPT: usize = 512;

struct Written {
    pool: PoolId,
    seq: i64,
    text: Utf8Bytes,
}

/// The latest events' texts. The first socket that needs one writes it, the others share it.
pub(super) struct Texts {
    slots: Box<[Mutex<Option<Written>>]>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { slots: (0..KEPT).map(|_| Mutex::new(None)).collect() }
    }
}

impl Texts {
    /// The `event` frame of an event.
    pub fn of(&self, pool: PoolId, logged: &LoggedEvent) -> Utf8Bytes {
        let place = usize::try_from(logged.seq).unwrap_or_default() % KEPT;
        let Some(slot) = self.slots.get(place) else { return write(logged) };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = slot.as_ref().filter(|w| w.pool == pool && w.seq == logged.seq) {
            return known.text.clone();
        }
        let text = write(logged);
        *slot = Some(Written { pool, seq: logged.seq, text: text.clone() });
        text
    }
}

fn write(logged: &LoggedEvent) -> Utf8Bytes {
    text_of(&ServerEvent::Event { logged: logged.clone() })
}

/// A frame as text.
pub(super) fn text_of(event: &ServerEvent) -> Utf8Bytes {
    // Frames are plain data: writing one cannot fail.
    serde_json::to_string(event).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::events::Event;
    use crate::kernel::ids::AccountId;
    use crate::kernel::time::Timestamp;

    #[test]
    fn a_text_is_written_once_and_never_mistaken_for_another() {
        let texts = Texts::default();
        let logged = |seq| LoggedEvent {
            seq,
            at: Timestamp(1),
            contact: None,
            event: Event::AgentConnected { agent: AccountId(1) },
        };
        let first = texts.of(PoolId(1), &logged(3));
        assert_eq!(first.as_ptr(), texts.of(PoolId(1), &logged(3)).as_ptr(), "shared, not written again");
        assert!(first.contains("\"seq\":3"));
        let far = 3 + i64::try_from(KEPT).unwrap();
        assert!(texts.of(PoolId(1), &logged(far)).contains(&format!("\"seq\":{far}")));
        assert_ne!(first.as_ptr(), texts.of(PoolId(2), &logged(3)).as_ptr());
        assert_eq!(first, texts.of(PoolId(1), &logged(3)));
    }
}
