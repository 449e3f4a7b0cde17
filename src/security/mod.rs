//! Security: who signs in, how they prove it, what they may do, and the trail of what was done.
//!
//! Owns the tables `sessions` and `audit`, the sign-in columns of `accounts`, the row `security` of
//! `settings`, and the installation's key. Features take the extractors ([`Staff`], [`Agent`],
//! [`Supervisor`], [`Administrator`], [`OfficerOrAbove`]) into their handlers' signatures: what does not
//! ask for one is public. Who changes or opens a record writes an [`audit::Entry`] in the same
//! transaction.

pub mod audit;
mod client;
mod gate;
pub mod http;
mod identity;
pub mod json;
pub mod keys;
pub mod limits;
mod origin;
pub mod password;
pub mod sessions;
pub mod settings;
mod signin;
mod store;
pub mod tokens;
pub mod totp;

pub use client::{Client, TrustedProxies};
pub use gate::CSRF_HEADER;
pub use identity::{
    Administrator, Agent, Identity, OfficerOrAbove, Role, SignedIn, Staff, Stage, Supervisor, UnknownWord,
};
pub use origin::same_origin;
pub use sessions::{Sessions, end_all as end_sessions};
pub use settings::SecuritySettings;
