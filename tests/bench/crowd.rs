//! Many people: agents written into the store with their sessions, visitors who begin over HTTP and wait.
//!
//! No limit of the program is lifted for them. Each visitor comes from an address of her own, as through a
//! proxy; the desk's queue is as long as its settings say.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt as _;
use madoguchi::desk::settings::DeskSettings;
use madoguchi::kernel::clock::{Chance, Clock};
use madoguchi::kernel::db::{Db, DbError, Tx};
use madoguchi::kernel::ids::{AccountId, SessionId};
use madoguchi::kernel::time::{Millis, Timestamp};
use madoguchi::on_db;
use madoguchi::routing::DeskConfig;
use madoguchi::security::tokens;
use serde_json::json;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::net::{AT_ONCE, Line};
use crate::support::client::Person;
use crate::support::server::Options;
use crate::support::visitor::Visitor;

/// Settings under which thousands may wait for as long as a measurement takes, and offers ring as long.
pub fn patient() -> DeskSettings {
    let long = Millis::from_mins(60);
    let routing = DeskConfig {
        offer_ttl: long,
        socket_grace: long,
        no_agent_grace: long,
        queue_limit: 100_000,
        max_wait: None,
        translation_after: None,
        partner_after: None,
        ..DeskConfig::default()
    };
    DeskSettings { routing, ..DeskSettings::default() }
}

/// A server with such a desk, which believes what 127.0.0.1 says about addresses.
pub fn options() -> Options {
    Options {
        desk: patient(),
        variables: vec![("MADOGUCHI_HTTP__TRUSTED_PROXIES".to_owned(), "127.0.0.1".to_owned())],
        ..Options::default()
    }
}

/// An agent as her browser knows her.
#[derive(Clone)]
pub struct Agent {
    pub id: AccountId,
    pub cookie: String,
}

/// Writes `count` agents like `template`, signed in and available, into the store of a program that does not
/// run at the moment: they come back within their grace period.
pub async fn agents(db: &Db, template: AccountId, count: usize) -> Vec<Agent> {
    let (now, chance) = (Clock::system().now(), Chance::system());
    let made: Vec<(Agent, String)> = (0..count)
        .map(|_| {
            let token = tokens::fresh(&chance);
            let id = AccountId::compose(now, chance.bits());
            (Agent { id, cookie: format!("madoguchi={token}") }, token)
        })
        .collect();
    let written = made.clone();
    let unit = db.write(move |tx| {
        Box::pin(async move {
            for (agent, token) in &written {
                write(tx, template, agent.id, token, now, &chance).await?;
            }
            Ok::<_, DbError>(())
        })
    });
    unit.await.expect("the agents are written");
    made.into_iter().map(|(agent, _)| agent).collect()
}

async fn write(
    tx: &mut Tx,
    template: AccountId,
    id: AccountId,
    token: &str,
    now: Timestamp,
    chance: &Chance,
) -> Result<(), DbError> {
    run(
        tx,
        "INSERT INTO accounts (id, pool_id, login, name, role, ui_language, desks, skills, capacity,
             translation, password_hash, password_must_change, totp_secret, totp_confirmed, totp_last_step,
             failed_count, locked_until, active, created_at, version)
         SELECT $2, pool_id, $2, $2, role, ui_language, desks, skills, capacity, translation, password_hash,
             password_must_change, totp_secret, totp_confirmed, totp_last_step, failed_count, locked_until,
             active, created_at, version
         FROM accounts WHERE id = $1",
        &[&template.to_string(), &id.to_string()],
        now,
    )
    .await?;
    run(
        tx,
        "INSERT INTO agent_states (account_id, pool_id, state, since, idle_since, connected)
         SELECT id, pool_id, 'available', $2, $2, TRUE FROM accounts WHERE id = $1",
        &[&id.to_string()],
        now,
    )
    .await?;
    let session = SessionId::compose(now, chance.bits()).to_string();
    let csrf = tokens::hash(&tokens::derived(token, "csrf"));
    run(
        tx,
        "INSERT INTO sessions (id, secret_hash, csrf_hash, account_id, stage, created_at, last_seen_at,
             expires_at)
         VALUES ($1, $2, $3, $4, 'done', $5, $5, $5 + 36000000)",
        &[&session, &tokens::hash(token), &csrf, &id.to_string()],
        now,
    )
    .await
}

/// One statement; the time is its last value.
async fn run(tx: &mut Tx, sql: &'static str, texts: &[&str], at: Timestamp) -> Result<(), DbError> {
    let timed = sql.contains(&format!("${}", texts.len() + 1));
    on_db!(tx, |conn| {
        let mut query = sqlx::query(sql);
        for text in texts {
            query = query.bind(*text);
        }
        if timed {
            query = query.bind(at.0);
        }
        query.execute(conn).await.map(drop)
    })?;
    Ok(())
}

/// Somebody at the desk's door, number `n`, sharing the browser of `person`.
pub fn visitor(person: &Person, n: usize) -> Visitor {
    let address = format!("10.{}.{}.{}", n / 65_536, n / 256 % 256, n % 256);
    Visitor { person: person.clone(), address, token: String::new(), contact: String::new() }
}

/// Begins to wait.
pub async fn begin(person: &Person, n: usize) -> Visitor {
    let mut visitor = visitor(person, n);
    visitor.begin(&format!("page-of-the-bench-{n}"), &json!({})).await;
    visitor
}

/// Visitors with these numbers begin to wait.
pub async fn begin_all(address: SocketAddr, numbers: std::ops::Range<usize>) -> Vec<Visitor> {
    let person = Person::new(address);
    futures_util::stream::iter(numbers)
        .map(|n| {
            let person = person.clone();
            async move { begin(&person, n).await }
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// Opens the socket of each visitor and says hello.
pub async fn enter(address: SocketAddr, visitors: &[Visitor]) -> Vec<Line> {
    futures_util::stream::iter(visitors)
        .map(|visitor| async move {
            let mut line = Line::open(address, "/ws/visitor", "").await;
            line.say(json!({ "type": "hello", "token": visitor.token }).to_string()).await;
            line.until("\"welcome\"").await;
            line
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// Opens the socket of each agent, says hello, and hands every further text to `heard`.
pub async fn come_to_work<F>(address: SocketAddr, agents: &[Agent], heard: Arc<F>)
where
    F: Fn(&Agent, &Utf8Bytes) + Send + Sync + 'static,
{
    let opening = futures_util::stream::iter(agents.to_vec()).map(|agent| async move {
        let mut line = Line::open(address, "/ws/agent", &agent.cookie).await;
        line.say(r#"{"type":"hello"}"#).await;
        line.until("\"welcome\"").await;
        (agent, line)
    });
    let mut opened = opening.buffer_unordered(AT_ONCE);
    while let Some((agent, mut line)) = opened.next().await {
        let heard = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Some(text) = line.try_heard().await {
                heard(&agent, &text);
            }
        });
    }
}
