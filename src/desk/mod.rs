//! The desk: the shell around the pure routing engine.
//!
//! Owns the event log, the rows of contacts, offers and agents' states, the opening hours, the live board
//! and the agents' sockets. Features (chat, tickets …) plug in through [`ports`]; the desk knows none of
//! them. [`Desk`] is the handle that everybody else holds.

pub mod board;
pub mod calendar;
pub mod events;
mod handle;
pub mod http;
pub mod log;
pub mod ports;
pub mod protocol;
pub mod settings;
pub mod watch;
mod wishes;
pub mod words;

pub use handle::{Correction, Desk, Door, OfferRecord, Parts, Placed, Standing};
pub use wishes::{language_wish, topic_wish};
