//! The trunk against real far ends: sipp, Kamailio, baresip and raw sockets.

mod calls;
mod hostile;
mod outgoing;
mod provider;
mod secure;
mod sessions;
mod support;
mod torture;
