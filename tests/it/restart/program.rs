//! The real binary as a process of its own, and the counter that decides when it dies.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use crate::support::server::PATIENCE;

/// The program on one file and one port.
pub struct Program {
    address: SocketAddr,
    variables: Vec<(&'static str, String)>,
    child: Option<Child>,
}

impl Program {
    pub async fn new(folder: &Path, url: &str) -> Self {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = free.local_addr().expect("an address");
        let variables = vec![
            ("MADOGUCHI_DATA__DIR", folder.join("data").display().to_string()),
            ("MADOGUCHI_DATA__DATABASE_URL", url.to_owned()),
            ("MADOGUCHI_HTTP__LISTEN", address.to_string()),
            ("MADOGUCHI_PHONE__LISTEN", String::new()),
            // Every visitor comes from an address of her own.
            ("MADOGUCHI_HTTP__TRUSTED_PROXIES", "127.0.0.1".to_owned()),
            ("MADOGUCHI_LOG__FILTER", "warn,madoguchi::app=info".to_owned()),
        ];
        Self { address, variables, child: None }
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it and waits until it says that it serves.
    pub async fn start(&mut self) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_madoguchi"))
            .arg("serve")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let serving = async {
            let mut before = Vec::new();
            loop {
                match lines.next_line().await.expect("a line of the log") {
                    Some(line) if line.contains("serving") => break,
                    Some(line) => before.push(line),
                    None => panic!("it ended before it served: {before:#?}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, serving).await.expect("it serves in time");
        // A full pipe would hold the program up; what it says after all is told when a test fails.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                println!("{line}");
            }
        });
        self.child = Some(child);
    }

    /// SIGKILL, and waits until the process is gone.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("the program is killed");
        }
    }
}

/// Counts acknowledgements up to the one at which the program dies.
pub struct Acks {
    left: AtomicU64,
    reached: Notify,
}

impl Acks {
    pub fn until(count: u64) -> Self {
        Self { left: AtomicU64::new(count), reached: Notify::new() }
    }

    /// One more.
    pub fn add(&self) {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left == Ok(1) {
            self.reached.notify_one();
        }
    }

    pub async fn reached(&self) {
        tokio::time::timeout(PATIENCE, self.reached.notified())
            .await
            .expect("enough is acknowledged in time");
    }
}
