//! Chat: visitors' pages and sockets, messages, the widget, messages left without waiting.

pub mod http;
pub mod limits;
mod port;
pub mod protocol;

pub use port::ChatPort;
