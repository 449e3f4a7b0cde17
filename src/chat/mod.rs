//! Chat: visitors' pages and sockets, messages, the widget, messages left without waiting.

pub mod http;
mod port;

pub use port::ChatPort;
