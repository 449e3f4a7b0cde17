//! The desk: the shell around the pure routing engine.
//!
//! Owns the event log, the rows of contacts, offers and agents' states, the opening hours, the live board
//! and the agents' sockets. Features (chat, tickets …) plug in through [`ports`]; the desk knows none of
//! them. [`Desk`] is the handle that everybody else holds.

mod acts;
pub mod board;
pub mod calendar;
mod content;
mod day;
mod directory;
mod engine;
pub mod events;
mod feed;
mod figures;
mod handle;
pub mod http;
pub mod log;
mod pools;
pub mod ports;
pub mod protocol;
mod restore;
mod rows;
mod run;
pub mod settings;
mod setup;
mod socket;
mod task;
pub mod watch;
mod wishes;
pub mod words;

pub use handle::{Correction, Desk, Door, OfferRecord, Parts, Placed, Standing};
pub use wishes::{language_wish, topic_wish};
