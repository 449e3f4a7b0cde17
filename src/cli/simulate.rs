//! `madoguchi simulate`: the engine in virtual time.

use clap::Args;

/// Options of `madoguchi simulate`.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {}

/// Runs the simulation and prints its figures.
///
/// # Errors
/// When the options make no sense.
pub fn run(_args: &SimulateArgs) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
