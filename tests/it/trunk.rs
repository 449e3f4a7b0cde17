//! The trunk against real far ends: sipp, Kamailio, baresip and raw sockets.

// Tells clippy that helpers beside the tests are tests too: they may unwrap.
#![cfg(test)]

mod calls;
mod hostile;
mod outgoing;
mod provider;
mod secure;
mod sessions;
mod support;
