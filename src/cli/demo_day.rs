//! `madoguchi demo-day`: a lively day through the public interfaces.

use clap::Args;

/// Options of `madoguchi demo-day`.
#[derive(Args, Clone, Debug)]
pub struct DemoDayArgs {}

/// Plays the day.
///
/// # Errors
/// When the server cannot be reached.
pub async fn run(_args: &DemoDayArgs) -> anyhow::Result<()> {
    tokio::task::yield_now().await;
    anyhow::bail!("not built yet")
}
