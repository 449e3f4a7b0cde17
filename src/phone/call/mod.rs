//! One call: what the caller hears, and who she talks to.

pub mod begin;
pub mod control;
mod desk;
pub mod orders;
pub mod outbound;
pub mod recording;
pub mod run;
pub mod spoken;
#[cfg(test)]
mod tests;
mod tones;
pub mod view;
mod wire;
