//! `madoguchi demo-day`: a lively day through the public interfaces.
//!
//! Visitors of many languages come at random moments, ask, wait, talk, give up or leave a message, as
//! pages do: over HTTP and WebSockets. Where the passwords of the demo are at hand, its agents answer too;
//! one of them is left for whoever watches.

mod agent;
mod net;
mod visitor;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::kernel::clock::Chance;

use net::Server;
use words::Words;

/// How long the server may take to answer for the first time.
const START_WAIT: Duration = Duration::from_secs(60);

/// How long conversations may go on after the last arrival.
const EVENING: Duration = Duration::from_secs(60);

/// Options of `madoguchi demo-day`.
#[derive(Args, Clone, Debug)]
pub struct DemoDayArgs {
    /// The running server, by plain HTTP.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// How long the day lasts, in minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// Visitors of the whole day.
    #[arg(long, default_value_t = 120)]
    visitors: u32,
    /// What `madoguchi demo` wrote; the agents in it answer too when the file is there.
    #[arg(long, default_value = "var/demo-accounts.txt")]
    accounts: PathBuf,
    /// The sign-in name that is left for you; empty: nobody's.
    #[arg(long, default_value = "sato")]
    leave: String,
}

/// What happened so far.
#[derive(Default)]
struct Tally {
    came: AtomicU32,
    answered: AtomicU32,
    gave_up: AtomicU32,
    left: AtomicU32,
    /// Refused by the server, or the line broke.
    failed: AtomicU32,
}

impl Tally {
    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let read = |count: &AtomicU32| count.load(Ordering::Relaxed);
        writeln!(
            out,
            "came {}  answered {}  gave up {}  left a message {}  failed {}",
            read(&self.came),
            read(&self.answered),
            read(&self.gave_up),
            read(&self.left),
            read(&self.failed)
        )
    }
}

/// What all players share.
struct Stage {
    server: Server,
    words: Words,
    chance: Chance,
    tally: Tally,
}

impl Stage {
    /// A random length of time with this mean, as memoryless waits are (at most ten times the mean).
    fn random(&self, mean: Duration) -> Duration {
        // 53 bits are what a double holds; never zero, so that the logarithm is finite.
        let dice = u32::try_from(self.chance.below(1_000_000) + 1).unwrap_or(1);
        mean.mul_f64((-(f64::from(dice) / 1_000_000.0).ln()).min(10.0))
    }

    /// A time between `from` and `to` seconds.
    fn between(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from * 1000 + self.chance.below((to - from).max(1) * 1000))
    }

    fn one_in(&self, n: u64) -> bool {
        self.chance.below(n) == 0
    }

    /// One of `items`.
    fn pick<'a, T>(&self, items: &'a [T]) -> Option<&'a T> {
        let place = self.chance.below(u64::try_from(items.len()).unwrap_or(u64::MAX));
        items.get(usize::try_from(place).unwrap_or_default())
    }
}

/// Plays the day.
///
/// # Errors
/// When the server cannot be reached, or its desks take no chats now.
pub async fn run(args: &DemoDayArgs) -> anyhow::Result<()> {
    let chance = Chance::system();
    let stage = Arc::new(Stage {
        server: Server::at(&args.url)?,
        words: Words::load()?,
        chance,
        tally: Tally::default(),
    });
    let status = tokio::time::timeout(START_WAIT, first_answer(&stage.server))
        .await
        .with_context(|| format!("{} does not answer", args.url))?;
    let desks: Vec<String> = open_desks(&status);
    anyhow::ensure!(!desks.is_empty(), "no desk takes chats now: see the opening hours");
    let mut players = JoinSet::new();
    let agents = accounts(&args.accounts, &args.leave);
    say(|out| {
        writeln!(
            out,
            "{} visitors in {} minutes; {} agents answer",
            args.visitors,
            args.minutes,
            agents.len()
        )
    })?;
    for (login, password) in agents {
        players.spawn(agent::play(Arc::clone(&stage), login, password));
    }
    let day = Duration::from_secs(u64::from(args.minutes.max(1)) * 60);
    let mut visitors = JoinSet::new();
    tokio::select! {
        () = arrivals(&stage, &desks, day / args.visitors.max(1), &mut visitors) => {}
        () = tokio::time::sleep(day) => {}
    }
    let _ = tokio::time::timeout(EVENING, async { while visitors.join_next().await.is_some() {} }).await;
    visitors.shutdown().await;
    players.shutdown().await;
    say(|out| stage.tally.write(out))
}

async fn first_answer(server: &Server) -> Value {
    loop {
        if let Ok(status) = server.visitor(0).get("/api/v1/chat/status").await {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn open_desks(status: &Value) -> Vec<String> {
    let desks = status["desks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let open = desks.iter().filter(|desk| desk["open"] == true);
    open.filter_map(|desk| desk["slug"].as_str().map(str::to_owned)).collect()
}

/// Lets visitors in, at random moments `pause` apart on average, until it is dropped.
async fn arrivals(stage: &Arc<Stage>, desks: &[String], pause: Duration, visitors: &mut JoinSet<()>) {
    let mut number = 0_u32;
    loop {
        tokio::time::sleep(stage.random(pause)).await;
        let Some(desk) = stage.pick(desks) else { return };
        number = number.wrapping_add(1);
        visitors.spawn(visitor::play(Arc::clone(stage), number, desk.clone()));
        while visitors.try_join_next().is_some() {}
        if number.is_multiple_of(20) && say(|out| stage.tally.write(out)).is_err() {
            return;
        }
    }
}

/// The agents of the file that `madoguchi demo` wrote: sign-in name and password.
fn accounts(file: &Path, leave: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    agents_in(&text).filter(|(login, _)| login != leave).collect()
}

fn agents_in(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (login, password, role) = (words.next()?, words.next()?, words.next()?);
        (role == "agent").then(|| (login.to_owned(), password.to_owned()))
    })
}

/// Tells on standard output how it goes.
fn say(write: impl FnOnce(&mut std::io::StdoutLock<'static>) -> std::io::Result<()>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    write(&mut out)?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_found_in_what_the_demo_wrote() {
        let text = "sign in as  password             role                       name, languages\n\
                    sato        aaaa-bbbb            agent (対応者)   佐藤 花子 ja\n\
                    supervisor  cccc-dddd            supervisor (監督者)\n";
        let found: Vec<_> = agents_in(text).collect();
        assert_eq!(found, [("sato".to_owned(), "aaaa-bbbb".to_owned())]);
    }

    #[test]
    fn only_open_desks_are_visited() {
        let status = serde_json::json!({ "desks": [
            { "slug": "workers", "open": true }, { "slug": "companies", "open": false },
        ] });
        assert_eq!(open_desks(&status), ["workers"]);
    }
}
