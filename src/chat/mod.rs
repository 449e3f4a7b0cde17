//! Chat: visitors' pages and sockets, messages, the widget, messages left without waiting.
//!
//! Owns the table `messages` and the visitor's columns of `contacts` (token, names, marks, satisfaction).
//! A conversation is opened by its token and by nothing else. The desk's task decides what becomes of a
//! contact; messages do not pass through it: they are stored here, each with its event, and acknowledged
//! after the commit.

mod begin;
mod feed;
pub mod http;
pub mod limits;
mod port;
mod presence;
pub mod protocol;
mod reception;
mod socket;
mod store;
mod stream;
mod talk;
mod text;
mod transcript;

pub use begin::FIRST_CLIENT_ID;
pub use port::ChatPort;
