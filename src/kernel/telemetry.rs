//! Logs and figures about the program itself.
//!
//! Logs go to standard error. They carry codes, ids and durations, never names, texts, addresses or
//! secrets: a line that could name a person does not belong there.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Libraries that would write down what people say or dial, by the beginning of their targets, and the most
/// that is taken from them whatever the settings ask for. The SIP stack logs whole messages (numbers, names,
/// credentials) at `INFO`; the WebRTC crates (`rtc_ice`, `rtc_dtls`, …) log addresses and descriptions.
const MOST: [(&str, LevelFilter); 2] = [("rsipstack", LevelFilter::WARN), ("rtc", LevelFilter::ERROR)];

/// Starts logging. The first call wins: tests may start it more than once.
pub fn start_logging(filter: &str, json: bool) {
    if logger(filter, json, std::io::stderr).try_init().is_err() {
        tracing::debug!("logging was already started");
    }
}

/// What writes the log: the configured filter, and over it [`MOST`]. A filter that cannot be read counts as
/// `info`.
fn logger<W>(filter: &str, json: bool, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let configured = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // A layer of its own: among the directives of one filter the longest target would win, not the strictest.
    let most = Targets::new().with_default(LevelFilter::TRACE).with_targets(MOST);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = if json { lines.json().boxed() } else { lines.boxed() };
    tracing_subscriber::registry().with(lines).with(configured).with(most)
}

/// The figures behind `GET /metrics`.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    pub http_requests: Counter,
    pub http_errors: Counter,
    pub visitor_sockets: Gauge,
    pub agent_sockets: Gauge,
    pub contacts_waiting: Gauge,
    pub contacts_active: Gauge,
    pub agents_available: Gauge,
    pub engine_restores: Counter,
    pub messages_stored: Counter,
    pub event_seq: Gauge<i64, AtomicI64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("madoguchi");
        let mut counter = |name: &str, help: &str| {
            let metric = Counter::default();
            registry.register(name, help, metric.clone());
            metric
        };
        let http_requests = counter("http_requests", "HTTP requests answered");
        let http_errors = counter("http_errors", "HTTP requests answered with 5xx");
        let engine_restores = counter("engine_restores", "Times the engine was rebuilt from the store");
        let messages_stored = counter("messages_stored", "Chat messages committed");
        let mut gauge = |name: &str, help: &str| {
            let metric = Gauge::<i64, AtomicI64>::default();
            registry.register(name, help, metric.clone());
            metric
        };
        Self {
            http_requests,
            http_errors,
            engine_restores,
            messages_stored,
            visitor_sockets: gauge("visitor_sockets", "Visitors' sockets open now"),
            agent_sockets: gauge("agent_sockets", "Agents' sockets open now"),
            contacts_waiting: gauge("contacts_waiting", "Contacts waiting or offered now"),
            contacts_active: gauge("contacts_active", "Contacts being talked to now"),
            agents_available: gauge("agents_available", "Agents who can take a contact now"),
            event_seq: gauge("event_seq", "Latest sequence number of the event log"),
            registry: Arc::new(registry),
        }
    }
}

impl Metrics {
    /// The Prometheus text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        if encode(&mut out, &self.registry).is_err() {
            tracing::error!("the metrics could not be written");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;

    /// A log that stays in memory.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log(filter: &str, json: bool) -> String {
        let written = Written::default();
        let writer = written.clone();
        tracing::subscriber::with_default(logger(filter, json, move || writer.clone()), || {
            tracing::info!(target: "madoguchi::phone", "ours");
            tracing::info!(target: "rsipstack::transport::udp", "INVITE sip:0312345678");
            tracing::warn!(target: "rsipstack::dialog", "no ACK");
            tracing::warn!(target: "rtc_ice::agent", "192.0.2.1");
            tracing::error!(target: "rtc::peer_connection", "broken");
            let stack_logs = tracing::enabled!(target: "rsipstack::transport::udp", tracing::Level::INFO);
            assert!(!stack_logs, "the trunk does not start under {filter}");
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_setting_lets_whole_messages_into_the_log() {
        for filter in [
            "info",
            "trace",
            "rsipstack=trace,rtc=trace,info",
            "info,rsipstack::transport::udp=info,rtc_ice::agent=debug",
            "[{raw_message}]=trace,info",
            "=,=not a filter=",
        ] {
            for json in [false, true] {
                let log = log(filter, json);
                assert!(!log.contains("0312345678") && !log.contains("192.0.2.1"), "{filter}: {log}");
                assert!(
                    ["ours", "no ACK", "broken"].iter().all(|said| log.contains(said)),
                    "{filter}: {log}"
                );
            }
        }
        let quiet = log("error", false);
        assert!(!quiet.contains("ours") && !quiet.contains("no ACK") && quiet.contains("broken"), "{quiet}");
    }
}
