//! The table of `docs/PERFORMANCE.md`: every figure measured in this one run, with the optimised build, and
//! beside it what it is compared with. `./scripts/bench` runs it. Nothing is judged here: it prints.

// Tells clippy that this is a test, too: it may unwrap and print.
#![cfg(test)]

mod bare;
mod crowd;
mod engine;
mod memory;
mod messages;
mod net;
mod offers;
mod program;
#[expect(dead_code, reason = "the stories use what the bench does not")]
#[path = "../it/support/mod.rs"]
mod support;
mod table;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, buffer] = arguments.as_slice()
        && first == bare::ARGUMENT
    {
        return bare::be(buffer.parse().expect("bytes of the reading buffer")).await;
    }
    // Parts by name, all without one; cargo adds an option of its own.
    let wanted: Vec<&str> = arguments.iter().map(String::as_str).filter(|a| !a.starts_with('-')).collect();
    let wants = |part: &str| wanted.is_empty() || wanted.contains(&part);
    table::head();
    if wants("engine") {
        engine::run();
    }
    if wants("offers") {
        offers::run().await;
    }
    if wants("messages") {
        messages::run().await;
    }
    if wants("memory") {
        memory::run().await;
    }
    if wants("program") {
        program::run().await;
    }
}
