//! `madoguchi doctor`: looks at everything the program needs and says what to mend.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;

use jiff::Timestamp as Instant;

use crate::config::Config;
use crate::kernel::bus::Bus;
use crate::kernel::clock::Clock;
use crate::kernel::db::Db;

/// Less free space than this (bytes) is a warning: a day of chats needs a few megabytes, a backup more.
pub const DISK_FREE_WARN: u64 = 2 * 1024 * 1024 * 1024;

/// Less free space than this (bytes) is a failure: SQLite needs room for its write-ahead log.
pub const DISK_FREE_MIN: u64 = 200 * 1024 * 1024;

/// A clock before this moment (2026-01-01) was never set.
const CLOCK_EARLIEST: i64 = 1_767_225_600_000;

/// Where Debian and others keep fonts.
const FONT_FOLDERS: [&str; 3] = ["/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/texmf/fonts"];

enum Finding {
    Good(String),
    Warn(String),
    Bad(String),
}

/// Prints one line for each check.
///
/// # Errors
/// When at least one check failed, so that a script can branch on the exit code.
pub async fn run(config: &Config, out: &mut impl Write) -> anyhow::Result<()> {
    let findings = [
        ("settings", Finding::Good(format!("read; time zone {}", config.desk.time_zone))),
        ("address", address(config)),
        ("tls", tls(config)),
        ("database", database(config).await),
        ("disk", disk(&config.data.dir)),
        ("keys", keys(&config.data.dir)),
        ("clock", clock()),
        ("fonts", fonts()),
    ];
    let mut bad = 0;
    for (name, finding) in &findings {
        let (mark, text) = match finding {
            Finding::Good(text) => ("ok  ", text),
            Finding::Warn(text) => ("warn", text),
            Finding::Bad(text) => {
                bad += 1;
                ("FAIL", text)
            }
        };
        writeln!(out, "{mark}  {name:<9} {text}")?;
    }
    anyhow::ensure!(bad == 0, "{bad} of {} checks failed", findings.len());
    Ok(())
}

fn address(config: &Config) -> Finding {
    let address = config.http.listen;
    match TcpListener::bind(address) {
        Ok(_) => Finding::Good(format!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Finding::Warn(format!(
            "{address} is in use: by a running madoguchi, or set http.listen to another port"
        )),
        Err(error) => {
            Finding::Bad(format!("{address}: {error}; set http.listen to an address of this machine"))
        }
    }
}

fn tls(config: &Config) -> Finding {
    let local = config.http.listen.ip().is_loopback();
    match (&config.http.tls_certificate, &config.http.tls_key) {
        (Some(certificate), Some(key)) => match crate::web::listen::tls_config(certificate, key) {
            Ok(_) => Finding::Good("certificate and key fit".to_owned()),
            Err(error) => Finding::Bad(format!("{error:#}")),
        },
        _ if local || config.http.is_secure() => Finding::Good("ended elsewhere or not needed".to_owned()),
        _ => Finding::Warn(
            "the server listens beyond this machine without TLS: set http.tls_certificate and http.tls_key, \
             or put a proxy before it"
                .to_owned(),
        ),
    }
}

async fn database(config: &Config) -> Finding {
    if config.data.database_url.is_empty() && !config.data.dir.is_dir() {
        return Finding::Warn(format!("{} does not exist yet; serve makes it", config.data.dir.display()));
    }
    match Db::open(&config.data.url(), Bus::local()).await {
        Ok(db) => {
            let answer = db.read().await.map(drop);
            db.close().await;
            match answer {
                Ok(()) => Finding::Good(format!("{} answers", db.kind())),
                Err(error) => Finding::Bad(format!("{error}; see data.database_url")),
            }
        }
        Err(error) => Finding::Bad(format!("{error}; see data.database_url and data.dir")),
    }
}

fn disk(dir: &Path) -> Finding {
    let place = if dir.is_dir() { dir } else { Path::new(".") };
    match rustix::fs::statvfs(place) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{} MiB free in {}", free / 1024 / 1024, place.display());
            if free < DISK_FREE_MIN {
                Finding::Bad(format!("{text}: make room, or point data.dir elsewhere"))
            } else if free < DISK_FREE_WARN {
                Finding::Warn(text)
            } else {
                Finding::Good(text)
            }
        }
        Err(error) => Finding::Bad(format!("{}: {error}", place.display())),
    }
}

fn keys(dir: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    let file = dir.join("keys/install.key");
    match std::fs::metadata(&file) {
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            Finding::Bad(format!("{} can be read by others: chmod 600 it", file.display()))
        }
        Ok(_) => Finding::Good(format!("{} is private", file.display())),
        Err(_) => Finding::Good("not made yet; the first start makes it".to_owned()),
    }
}

fn clock() -> Finding {
    let now = Clock::system().now();
    match Instant::from_millisecond(now.0) {
        Ok(_) if now.0 < CLOCK_EARLIEST => {
            Finding::Bad(format!("the clock says {now}: set it, and keep it set with NTP"))
        }
        Ok(_) => Finding::Good(format!("{now} (UTC)")),
        Err(error) => Finding::Bad(error.to_string()),
    }
}

fn fonts() -> Finding {
    let found = FONT_FOLDERS.iter().any(|folder| holds_japanese(Path::new(folder), 0));
    if found {
        Finding::Good("a Japanese font is installed".to_owned())
    } else {
        Finding::Warn(
            "no Japanese font on this machine: printed forms will need one (Debian: fonts-noto-cjk)"
                .to_owned(),
        )
    }
}

/// Folders nested deeper than this are not searched.
const FONT_DEPTH_MAX: u8 = 4;

fn holds_japanese(folder: &Path, depth: u8) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let known = ["cjk", "notosansjp", "ipag", "ipaex", "takao", "vlgothic", "mplus"];
        if known.iter().any(|k| name.contains(k)) {
            return true;
        }
        depth < FONT_DEPTH_MAX && entry.path().is_dir() && holds_japanese(&entry.path(), depth + 1)
    })
}
