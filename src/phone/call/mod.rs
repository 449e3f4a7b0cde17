//! One call: what the caller hears, and who she talks to.

pub mod control;
pub mod spoken;
#[cfg(test)]
mod tests;
