//! The phone: from the carrier's trunk to the agent's browser, in the same queue as everything else.
//!
//! A call has one task ([`call::run`]) around a pure machine: the trunk's events, the desk's events, keys and
//! agents' orders go in, sound and commands come out. An agent has one standing line ([`line`]) that outlives
//! calls, pages and connections. [`exchange`] knows which calls and lines there are.

pub mod call;
pub mod config;
pub mod end;
pub mod exchange;
pub mod http;
pub mod line;
pub mod menu;
pub mod prompts;
pub mod record;
pub mod restore;
pub mod settings;
pub mod sound;
pub mod store;
pub mod trunk;

pub use exchange::Phone;
