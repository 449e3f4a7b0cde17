//! The command line. Thin: each command reads the settings and calls one function.

pub mod audit;
pub mod demo_day;
pub mod detect;
pub mod doctor;
pub mod simulate;
pub mod totp;

use std::io::Write;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::app;
use crate::config::Config;
use crate::kernel::bus::Bus;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::kernel::telemetry;

/// A self-hosted consultation desk: calls, meetings and chats in one queue.
#[derive(Parser, Debug)]
#[command(name = "madoguchi", version, about)]
pub struct Cli {
    /// Settings file; defaults to madoguchi.toml in the current folder when that exists.
    #[arg(long, global = true, env = "MADOGUCHI_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve the desk until Ctrl-C.
    Serve,
    /// Bring the database's schema up to date.
    Migrate,
    /// Make the first desks, accounts and texts; prints the passwords once.
    Demo(app::demo::DemoArgs),
    /// Play a lively day against a running server through its public interfaces.
    DemoDay(demo_day::DemoDayArgs),
    /// Drive the routing engine in virtual time and print the figures.
    Simulate(Box<simulate::SimulateArgs>),
    /// Read lines; print the language tag and the confidence of each.
    Detect,
    /// Print the code that a second factor's secret gives now.
    Totp(totp::TotpArgs),
    /// Check settings, ports, database, disk, clock and fonts.
    Doctor,
    /// Print the OpenAPI document.
    Openapi,
    /// Look after the audit trail.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
}

#[derive(Subcommand, Debug)]
enum AuditCommand {
    /// Recompute the hash chain and report the first row that does not fit.
    Verify,
}

/// Parses the command line and runs it.
///
/// # Errors
/// Whatever the command could not do, in words for the administrator.
pub async fn run() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    match cli.command {
        Command::Simulate(ref args) => return simulate::run(args, &mut out),
        Command::Detect => return detect::run(std::io::stdin().lock(), out),
        Command::Openapi => {
            out.write_all(crate::web::openapi::json()?.as_bytes())?;
            return Ok(());
        }
        Command::Totp(ref args) => return totp::run(args, &mut out),
        Command::DemoDay(ref args) => return demo_day::run(args).await,
        Command::Serve | Command::Migrate | Command::Demo(_) | Command::Doctor | Command::Audit { .. } => {}
    }
    let config = settings(cli.config)?;
    match cli.command {
        Command::Serve => app::serve(config).await,
        Command::Migrate => {
            let db = open(&config).await?;
            db.migrate().await?;
            db.close().await;
            writeln!(out, "the schema is up to date ({})", db.kind())?;
            Ok(())
        }
        Command::Demo(args) => app::demo::run(&config, &args, &mut out).await,
        Command::Doctor => doctor::run(&config, &mut out).await,
        Command::Audit { command: AuditCommand::Verify } => {
            let db = open(&config).await?;
            let verdict = audit::verify(&db, &mut out).await;
            db.close().await;
            verdict
        }
        _ => Ok(()),
    }
}

fn settings(file: Option<PathBuf>) -> anyhow::Result<Config> {
    let here = PathBuf::from("madoguchi.toml");
    let file = file.or_else(|| here.is_file().then_some(here));
    let config = Config::load(file.as_deref(), std::env::vars())?;
    telemetry::start_logging(&config.log.filter, config.log.format == crate::config::LogFormat::Json);
    Ok(config)
}

async fn open(config: &Config) -> anyhow::Result<Db> {
    app::prepare_data_dir(&config.data.dir)?;
    Ok(Db::open(&config.data.url(), Bus::local()).await?)
}

/// The operating system's clock and dice, for the commands that need them.
#[must_use]
pub fn world() -> (Clock, Chance) {
    (Clock::system(), Chance::system())
}
