//! The real binary as a process of its own: how soon it is ready, and how much memory it takes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::support::client::Person;
use crate::table::{self, Times};

const BINARY: &str = env!("CARGO_BIN_EXE_madoguchi");

const STARTS: usize = 5;
const YEARS: usize = 3;

/// Working days of a year.
const YEAR: &str = "242";

/// The program, serving.
pub struct Program {
    pub address: SocketAddr,
    child: Child,
    /// From the start of the process to the first answer of `/readyz`.
    pub took: Duration,
}

impl Program {
    /// Starts it on the database `url`, with its data in `folder`, and waits until it is ready.
    pub async fn start(folder: &Path, url: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let begun = Instant::now();
        let mut child = command(folder, url)
            .arg("serve")
            .env("MADOGUCHI_HTTP__LISTEN", address.to_string())
            .env("MADOGUCHI_PHONE__LISTEN", "")
            // Every visitor comes from an address of her own.
            .env("MADOGUCHI_HTTP__TRUSTED_PROXIES", "127.0.0.1")
            .env("MADOGUCHI_LOG__FILTER", "warn,madoguchi::app=info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        loop {
            let line = lines.next_line().await.expect("a line").expect("it does not end before it serves");
            if line.contains("serving") {
                break;
            }
        }
        Person::new(address).get("/readyz").await.ok();
        let took = begun.elapsed();
        // A full pipe would hold the program up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { address, child, took }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub async fn end(mut self) {
        self.child.kill().await.expect("it ends");
    }
}

fn command(folder: &Path, url: &str) -> Command {
    let mut command = Command::new(BINARY);
    command
        .env("MADOGUCHI_DATA__DIR", folder.join("data"))
        .env("MADOGUCHI_DATA__DATABASE_URL", url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Memory of a process that is in RAM now, in KiB.
pub fn resident_kib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its resident memory");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

pub async fn run() {
    let folder = tempfile::tempdir().expect("a folder for the data");
    let url = format!("sqlite:{}", folder.path().join("bench.sqlite").display());
    for step in ["migrate", "demo"] {
        let done = command(folder.path(), &url).arg(step).status().await.expect("the program runs");
        assert!(done.success(), "madoguchi {step}");
    }
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let program = Program::start(folder.path(), &url).await;
        starts.push(program.took);
        memory.push(resident_kib(program.pid()));
        program.end().await;
    }
    memory.sort_unstable_by(f64::total_cmp);
    let start = Times::of(starts).at(50);
    table::alone(
        &format!("from the start of the process to ready, demo data, SQLite (median of {STARTS})"),
        &table::span(start),
    );
    let mib = memory[STARTS / 2] / 1024.0;
    table::alone(&format!("resident memory when ready (median of {STARTS})"), &format!("{mib:.0} MiB"));
    let bytes = std::fs::metadata(BINARY).expect("the binary").len();
    let mib = table::real(usize::try_from(bytes / 1024).expect("a size")) / 1024.0;
    table::alone("size of the binary, console and language models inside", &format!("{mib:.0} MiB"));
    year(folder.path(), &url).await;
}

async fn year(folder: &Path, url: &str) {
    let mut times = Vec::new();
    for _ in 0..YEARS {
        let begun = Instant::now();
        let done = command(folder, url).args(["simulate", "--days", YEAR, "--json"]).status().await;
        assert!(done.expect("the program runs").success(), "madoguchi simulate");
        times.push(begun.elapsed());
    }
    table::alone(
        &format!(
            "a year of 40 contacts a day in the simulator, {YEAR} days, process included (median of {YEARS})"
        ),
        &table::span(Times::of(times).at(50)),
    );
}
