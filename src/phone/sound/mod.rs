//! Who hears what: legs, what is played into them, and the rooms where more than two talk.

pub mod leg;
pub mod play;
pub mod room;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::media::rewriter::SourceId;

/// A number for a new source of sound; never given twice while the program runs.
pub fn new_source() -> SourceId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    SourceId(NEXT.fetch_add(1, Ordering::Relaxed))
}
