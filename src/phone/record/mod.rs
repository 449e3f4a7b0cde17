//! Recordings of calls, and messages of callers whom nobody answers.
//!
//! A [`Recorder`] listens in on the legs of one call, the caller on the left, whoever she hears on the
//! right, and hands chunks of sound to the [`vault`], away from the path of the sound. It belongs to the
//! call, not to an agent: holds and transfers only change whom it listens to. What the two do not say to
//! each other (a held agent, a private consultation, music) is not in it. Rows stand in
//! `phone_recordings`.

pub mod keep;
pub mod mix;
pub mod recorder;
pub mod store;
pub mod vault;

use crate::kernel::time::Millis;

pub use recorder::{Heard, Parts, Recorder};
pub use vault::Vault;

/// How long a recording is kept; then it is deleted by itself.
pub const KEEP: Millis = Millis::from_mins(180 * 24 * 60);

/// The longest message of a caller.
pub const MESSAGE_MAX: Millis = Millis::from_secs(120);

/// A message ends after so long a silence.
pub const MESSAGE_QUIET: Millis = Millis::from_secs(10);

/// Less voice than this is no message.
pub const MESSAGE_MIN: Millis = Millis::from_secs(1);
