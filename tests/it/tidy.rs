//! The house's own order, read off its files: who imports whom, how long things are, which words are left.
//!
//! Every rule is a test that says what to do, and has beside it a test that feeds it a bad snippet: a rule
//! that cannot fail guards nothing. Exceptions stand in lists that may only shrink.

mod links;
mod rooms;
mod sizes;
mod sql;
pub mod tree;
mod words;

/// Fails with every breach and the advice.
#[track_caller]
fn none(breaches: &[String], advice: &str) {
    assert!(breaches.is_empty(), "{} breach(es). {advice}\n  {}\n", breaches.len(), breaches.join("\n  "));
}
