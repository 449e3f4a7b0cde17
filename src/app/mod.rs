//! The composition root: reads the settings, builds every part, hands each what it needs, and runs.

pub mod demo;
mod hooks;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::desk::ports::Ports;
use crate::desk::{self, Desk};
use crate::kernel::bus::Bus;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::telemetry::Metrics;
use crate::language::Detector;
use crate::phone::record::{Vault, keep};
use crate::phone::{self, Phone};
use crate::security::TrustedProxies;
use crate::security::keys::InstallKey;
use crate::security::sessions::{self, Sessions};
use crate::web::{self, health::Health, trace::Tracer};
use crate::{admin, chat, texts, tickets};

pub use hooks::Hooks;

/// The world outside: time and chance. Tests hand in their own.
#[derive(Clone, Debug)]
pub struct World {
    pub clock: Clock,
    pub chance: Chance,
}

impl World {
    /// The operating system's.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Clock::system(), chance: Chance::system() }
    }
}

/// Makes the data folder (mode 0700) when it is absent.
///
/// # Errors
/// When it cannot be made.
pub fn prepare_data_dir(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("data.dir: cannot make {}", dir.display()))
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// When the settings, the store or the address cannot be used.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("http.listen: cannot use {}", config.http.listen))?;
    run(config, World::system(), listener, signal()).await
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// Builds every part and serves on `listener` until `stop` resolves; what was acknowledged is on disk then.
///
/// # Errors
/// When the settings or the store cannot be used.
pub async fn run(
    config: Config,
    world: World,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    prepare_data_dir(&config.data.dir)?;
    let tls = match (&config.http.tls_certificate, &config.http.tls_key) {
        (Some(certificate), Some(key)) => Some(web::listen::tls_config(certificate, key)?),
        _ => None,
    };
    let key = InstallKey::load_or_create(&config.data.dir, &world.chance)?;
    let db = Db::open(&config.data.url(), Bus::local()).await?;
    db.migrate().await?;
    let lifecycle = Lifecycle::default();
    let router = build(&config, world, key, db.clone(), lifecycle.clone()).await?;
    tracing::info!(listen = %listener.local_addr()?, database = db.kind(), "serving");
    let stopping = lifecycle.clone();
    let stopped = async move {
        stop.await;
        // Sockets end by themselves: a graceful end of the server waits for them.
        stopping.begin_stop();
    };
    web::listen::serve(listener, tls, router, stopped).await?;
    lifecycle.stop().await;
    db.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// What the desk calls at the turns of a contact's life.
fn ports(world: &World, db: &Db, zone: &TimeZone, detector: &Arc<Detector>, metrics: &Metrics) -> Ports {
    Ports {
        hooks: Arc::new(Hooks { chance: world.chance.clone(), zone: zone.clone() }),
        chat: Arc::new(chat::ChatPort {
            db: db.clone(),
            clock: world.clock.clone(),
            chance: world.chance.clone(),
            detector: Arc::clone(detector),
            metrics: metrics.clone(),
        }),
    }
}

fn sessions(config: &Config, world: &World, key: &InstallKey, db: &Db) -> Sessions {
    Sessions::new(sessions::Parts {
        db: db.clone(),
        clock: world.clock.clone(),
        chance: world.chance.clone(),
        key: key.clone(),
        secure: config.http.is_secure(),
        public_url: config.http.public_url.clone(),
    })
}

/// Tells languages apart; ready before the first visitor writes.
fn detector() -> Arc<Detector> {
    let detector = Arc::new(Detector::new());
    let warm = Arc::clone(&detector);
    tokio::task::spawn_blocking(move || warm.warm_up());
    detector
}

fn recording(
    config: &Config,
    (clock, chance): (&Clock, &Chance),
    key: &InstallKey,
    db: &Db,
    lifecycle: &Lifecycle,
) -> phone::record::Parts {
    phone::record::Parts {
        db: db.clone(),
        clock: clock.clone(),
        chance: chance.clone(),
        lifecycle: lifecycle.clone(),
        vault: Vault::new(&config.data.dir, key.clone(), chance.clone()),
    }
}

/// Closes the recordings of the last run and starts the phone, unless the settings switch it off.
async fn start_phone(
    config: &Config,
    recording: phone::record::Parts,
    desk: Desk,
) -> anyhow::Result<Option<Arc<Phone>>> {
    let phone::record::Parts { db, clock, chance, lifecycle, vault } = recording;
    keep::take_up(&db, &vault).await?;
    lifecycle.spawn(keep::run(db.clone(), vault.clone(), clock.clone(), lifecycle.clone()));
    let Some(config) = config.phone.ready().map_err(anyhow::Error::msg)? else { return Ok(None) };
    let parts = phone::exchange::Parts { db, clock, chance, desk, lifecycle, config, vault };
    Ok(Some(Phone::start(parts).await.context("phone")?))
}

async fn build(
    config: &Config,
    world: World,
    key: InstallKey,
    db: Db,
    lifecycle: Lifecycle,
) -> anyhow::Result<axum::Router> {
    let (zone, metrics) = (config.zone(), Metrics::default());
    let detector = detector();
    let ports = ports(&world, &db, &zone, &detector, &metrics);
    let sessions = sessions(config, &world, &key, &db);
    let World { clock, chance } = world;
    let desk = Desk::start(desk::Parts {
        db: db.clone(),
        clock: clock.clone(),
        chance: chance.clone(),
        zone: zone.clone(),
        ports: ports.clone(),
        lifecycle: lifecycle.clone(),
        metrics: metrics.clone(),
    })
    .await?;
    let recording = recording(config, (&clock, &chance), &key, &db, &lifecycle);
    let vault = recording.vault.clone();
    let phone = start_phone(config, recording, desk.clone()).await?;
    let parts = web::routes::Parts {
        tracer: Tracer { clock: clock.clone(), chance: chance.clone(), metrics: metrics.clone() },
        proxies: TrustedProxies::new(&config.http.trusted_proxies),
        public_url: config.http.public_url.clone(),
        widget_origins: config.http.widget_origins.clone(),
        secure: config.http.is_secure(),
        health: Health {
            db: db.clone(),
            desk: desk.clone(),
            metrics: metrics.clone(),
            metrics_from: config.http.metrics_from.clone(),
        },
        sessions: sessions.clone(),
        live: desk::http::Live {
            db: db.clone(),
            clock: clock.clone(),
            chance: chance.clone(),
            desk: desk.clone(),
            ports: ports.clone(),
            sessions,
            lifecycle: lifecycle.clone(),
            metrics: metrics.clone(),
        },
        chat: chat::http::Chat {
            db: db.clone(),
            clock: clock.clone(),
            chance: chance.clone(),
            zone: zone.clone(),
            desk: desk.clone(),
            detector,
            key: key.clone(),
            widget_origins: config.http.widget_origins.clone(),
            public_url: config.http.public_url.clone(),
            lifecycle,
            metrics,
        },
        phone: phone::http::calls::Calls { db: db.clone(), clock: clock.clone(), phone },
        tickets: tickets::http::Tickets {
            db: db.clone(),
            clock: clock.clone(),
            chance: chance.clone(),
            zone: zone.clone(),
            ports,
        },
        texts: texts::http::Texts { db: db.clone(), clock: clock.clone(), chance: chance.clone() },
        phone_admin: phone::http::PhoneAdmin { db: db.clone(), clock: clock.clone() },
        recordings: phone::http::recordings::Recordings { db: db.clone(), clock: clock.clone(), vault },
        admin: admin::http::Admin { db, clock, chance, zone, key },
    };
    Ok(web::routes::router(parts))
}
