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
use tracing_subscriber::EnvFilter;

/// Starts logging. The first call wins: tests may start it more than once.
pub fn start_logging(filter: &str, json: bool) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json { builder.json().try_init() } else { builder.try_init() };
    if started.is_err() {
        tracing::debug!("logging was already started");
    }
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
