//! The settings file `madoguchi.toml`, and how the environment overrides it.
//!
//! The defaults live in `config.default.toml` beside this file: every key stands there once, with its
//! unit and meaning, and that file is the reference an administrator reads. A key `section.key` is
//! overridden by the environment variable `MADOGUCHI_SECTION__KEY`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::phone::config::PhoneConfig;

/// The documented defaults.
pub const DEFAULT_TOML: &str = include_str!("config.default.toml");

const PREFIX: &str = "MADOGUCHI_";

/// Variables that belong to tests and scripts, not to the settings.
const NOT_SETTINGS: [&str; 2] = ["MADOGUCHI_TEST_", "MADOGUCHI_REQUIRE_"];

/// Why the settings cannot be used; the text tells the administrator what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{origin}: {message}")]
    Syntax { origin: String, message: String },
    #[error("{0}")]
    Rule(String),
}

/// Everything that can be set. Each part of the program is handed only its own section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data: DataConfig,
    pub http: HttpConfig,
    pub desk: DeskConfig,
    pub phone: PhoneConfig,
    pub log: LogConfig,
}

/// Where things are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Folder of the database file and the keys.
    pub dir: PathBuf,
    /// `sqlite:…` or `postgres://…`; empty means a SQLite file in `dir`.
    pub database_url: String,
}

impl DataConfig {
    /// The address to open, with the default filled in.
    #[must_use]
    pub fn url(&self) -> String {
        if self.database_url.is_empty() {
            format!("sqlite:{}", self.dir.join("madoguchi.sqlite").display())
        } else {
            self.database_url.clone()
        }
    }
}

/// The web server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    pub listen: SocketAddr,
    /// The address people type, without a slash at the end, e.g. `https://desk.example.go.jp`.
    pub public_url: String,
    /// PEM files; both or neither.
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// Addresses of reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// Sites that may embed the chat, e.g. `https://www.example.co.jp`.
    pub widget_origins: Vec<String>,
    /// Addresses that may read `/metrics`.
    pub metrics_from: Vec<std::net::IpAddr>,
}

impl HttpConfig {
    /// Whether browsers reach this installation through TLS, ended here or at a proxy.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.tls_certificate.is_some() || self.public_url.starts_with("https://")
    }
}

/// The installation as a whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskConfig {
    /// IANA name; days and opening hours are counted in it.
    pub time_zone: String,
}

/// What is written to standard error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// `tracing` filter, e.g. `info` or `madoguchi=debug,info`.
    pub filter: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// Reads defaults, then `file` (when given it must exist), then `variables`.
    ///
    /// # Errors
    /// Names the key, file or variable at fault.
    pub fn load(
        file: Option<&Path>,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = parse("config.default.toml", DEFAULT_TOML)?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            merge(&mut table, parse(&path.display().to_string(), &text)?);
        }
        for (name, value) in variables {
            override_from(&mut table, &name, &value)?;
        }
        let config: Self =
            toml::Value::Table(table).try_into().map_err(|e: toml::de::Error| syntax("settings", &e))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let rule = |text: &str| Err(ConfigError::Rule(text.to_owned()));
        if self.http.tls_certificate.is_some() != self.http.tls_key.is_some() {
            return rule("http.tls_certificate and http.tls_key are set together or not at all");
        }
        if self.http.public_url.ends_with('/') {
            return rule("http.public_url must not end with a slash");
        }
        if jiff::tz::TimeZone::get(&self.desk.time_zone).is_err() {
            return rule("desk.time_zone is not a known time zone, e.g. Asia/Tokyo");
        }
        self.phone.ready().map(drop).map_err(ConfigError::Rule)
    }

    /// The zone in which days are counted.
    #[must_use]
    pub fn zone(&self) -> jiff::tz::TimeZone {
        // `check` has proved that the name is known.
        jiff::tz::TimeZone::get(&self.desk.time_zone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

fn syntax(origin: &str, error: &toml::de::Error) -> ConfigError {
    ConfigError::Syntax { origin: origin.to_owned(), message: error.message().to_owned() }
}

fn parse(origin: &str, text: &str) -> Result<toml::Table, ConfigError> {
    text.parse().map_err(|e: toml::de::Error| ConfigError::Syntax {
        origin: origin.to_owned(),
        message: e.to_string(),
    })
}

fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(more)) => merge(inner, more),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn override_from(table: &mut toml::Table, name: &str, value: &str) -> Result<(), ConfigError> {
    let Some(path) = name.strip_prefix(PREFIX) else { return Ok(()) };
    let Some((section, key)) = path.split_once("__") else { return Ok(()) };
    if NOT_SETTINGS.iter().any(|n| name.starts_with(n)) {
        return Ok(());
    }
    let (section, key) = (section.to_lowercase(), key.to_lowercase());
    let place = table
        .get_mut(&section)
        .and_then(toml::Value::as_table_mut)
        .ok_or_else(|| ConfigError::Rule(format!("{name}: there is no section [{section}]")))?;
    // A list is written with commas; everything else keeps the type of its default.
    let value = match place.get(&key) {
        Some(toml::Value::Array(_)) => toml::Value::Array(
            value.split(',').map(str::trim).filter(|v| !v.is_empty()).map(Into::into).collect(),
        ),
        Some(toml::Value::Integer(_)) => value
            .parse()
            .map(toml::Value::Integer)
            .map_err(|_| ConfigError::Rule(format!("{name}: a whole number is wanted")))?,
        Some(toml::Value::Boolean(_)) => value
            .parse()
            .map(toml::Value::Boolean)
            .map_err(|_| ConfigError::Rule(format!("{name}: true or false is wanted")))?,
        _ => toml::Value::String(value.to_owned()),
    };
    place.insert(key, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load(None, vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn the_defaults_are_whole_and_local() {
        let config = load(&[]).unwrap();
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
        assert!(config.data.url().starts_with("sqlite:"));
        assert!(!config.http.is_secure());
    }

    #[test]
    fn a_variable_overrides_one_key() {
        let config = load(&[
            ("MADOGUCHI_HTTP__LISTEN", "127.0.0.1:9"),
            ("MADOGUCHI_HTTP__TRUSTED_PROXIES", "10.0.0.1, ::1"),
            ("MADOGUCHI_DATA__DATABASE_URL", "postgres://x/y"),
            ("MADOGUCHI_LOG__FILTER", "warn"),
            ("MADOGUCHI_TEST_POSTGRES_URL", "ignored"),
        ])
        .unwrap();
        assert_eq!(config.http.listen.port(), 9);
        assert_eq!(config.http.trusted_proxies.len(), 2);
        assert_eq!(config.data.url(), "postgres://x/y");
        assert_eq!(config.log.filter, "warn");
    }

    #[test]
    fn mistakes_are_named() {
        for (vars, word) in [
            (vec![("MADOGUCHI_HTP__LISTEN", "x")], "htp"),
            (vec![("MADOGUCHI_HTTP__LISTN", "x")], "listn"),
            (vec![("MADOGUCHI_HTTP__TLS_KEY", "k.pem")], "together"),
            (vec![("MADOGUCHI_DESK__TIME_ZONE", "Asia/Edo")], "time_zone"),
        ] {
            let error = load(&vars).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
