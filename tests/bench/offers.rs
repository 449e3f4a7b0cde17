//! From a visitor's beginning to the card on an agent's screen, with a thousand agents at work.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::bare::{self, ALL};
use crate::net::{AT_ONCE, BUFFER, Line};
use crate::support::TestDb;
use crate::support::client::Person;
use crate::support::server::TestServer;
use crate::table::{self, Times};
use crate::{crowd, net};

const AGENTS: usize = 1000;
const WARM: usize = 50;
const TIMES: usize = 400;

/// How long the first and how long the last of those concerned waited, for each time.
struct Measured {
    first: Times,
    last: Times,
}

pub async fn run() {
    let (program, frame) = program().await;
    let echo = echo(frame).await;
    let everybody = everybody(frame).await;
    table::beside(
        &format!(
            "offer, {AGENTS} agents connected: from sending `POST /api/v1/chat` to the frame `offer_made` at \
             the socket of the agent it is for, commit on disk included; p50 / p99 of {TIMES}, one after the \
             other, SQLite"
        ),
        &program.first.text(),
        &format!(
            "{}: a text of the same {frame} bytes to a bare WebSocket server with {AGENTS} clients and back",
            echo.text()
        ),
        program.first.ratio(&echo),
    );
    table::beside(
        &format!("the same, until the last of the {AGENTS} agents' sockets has that frame"),
        &program.last.text(),
        &format!(
            "{}: the bare server sends such a text to all {AGENTS}, until the last has it",
            everybody.last.text()
        ),
        program.last.ratio(&everybody.last),
    );
}

/// Gives the times and the bytes of an offer's frame.
async fn program() -> (Measured, usize) {
    let mut server = TestServer::start(TestDb::sqlite().await, crowd::options()).await;
    server.stop().await;
    let agents = crowd::agents(&server.db, server.seed.agents[1], AGENTS).await;
    server.restart().await;
    table::note("a thousand agents come to work");
    let (offers, mut offered) = mpsc::unbounded_channel();
    let heard = move |agent: &crowd::Agent, text: &tokio_tungstenite::tungstenite::Utf8Bytes| {
        if text.contains("\"offer_made\"") {
            let mine = text.contains(&agent.id.to_string());
            let _ = offers.send((mine, Instant::now(), text.len()));
        }
    };
    crowd::come_to_work(server.address, &agents, Arc::new(heard)).await;
    table::note("visitors begin");
    let person = Person::new(server.address);
    let (mut first, mut last, mut frame) = (Vec::new(), Vec::new(), 0);
    for n in 0..WARM + TIMES {
        let begun = Instant::now();
        let (_, (mine, all, bytes)) = tokio::join!(crowd::begin(&person, n), told(&mut offered));
        if n >= WARM {
            first.push(mine - begun);
            last.push(all - begun);
            frame = bytes;
        }
    }
    server.finish().await;
    (Measured { first: Times::of(first), last: Times::of(last) }, frame)
}

/// Waits until every agent was told of one offer: when its own agent was, when the last one was, and how
/// many bytes it was told in.
async fn told(offered: &mut mpsc::UnboundedReceiver<(bool, Instant, usize)>) -> (Instant, Instant, usize) {
    let (mut own, mut last, mut bytes) = (None, None, 0);
    for _ in 0..AGENTS {
        let (mine, at, length) = offered.recv().await.expect("the agents are there");
        if mine {
            own = Some(at);
            bytes = length;
        }
        last = last.max(Some(at));
    }
    (own.expect("one of them is offered it"), last.expect("there are agents"), bytes)
}

async fn clients(address: SocketAddr) -> Vec<Line> {
    futures_util::stream::iter(0..AGENTS)
        .map(|_| net::Line::open(address, "/", ""))
        .buffered(AT_ONCE)
        .collect()
        .await
}

async fn echo(bytes: usize) -> Times {
    let mut clients = clients(bare::start(BUFFER).await).await;
    let text = "e".repeat(bytes);
    let mut times: Vec<Duration> = Vec::new();
    for n in 0..WARM + TIMES {
        let client = &mut clients[n * 7 % AGENTS];
        let begun = Instant::now();
        client.say(text.clone()).await;
        client.heard().await;
        if n >= WARM {
            times.push(begun.elapsed());
        }
    }
    Times::of(times)
}

async fn everybody(bytes: usize) -> Measured {
    let address = bare::start(BUFFER).await;
    let (hear, mut heard) = mpsc::unbounded_channel();
    for mut client in clients(address).await {
        let hear = hear.clone();
        tokio::spawn(async move {
            while client.try_heard().await.is_some() {
                let _ = hear.send(Instant::now());
            }
        });
    }
    let mut speaker = Line::open(address, "/", "").await;
    let text = format!("{ALL}{}", "e".repeat(bytes - ALL.len()));
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for n in 0..WARM + TIMES {
        let begun = Instant::now();
        speaker.say(text.clone()).await;
        let mut at = Vec::with_capacity(AGENTS);
        for _ in 0..AGENTS {
            at.push(heard.recv().await.expect("the clients are there"));
        }
        speaker.heard().await;
        if n >= WARM {
            first.push(*at.iter().min().expect("clients") - begun);
            last.push(*at.iter().max().expect("clients") - begun);
        }
    }
    Measured { first: Times::of(first), last: Times::of(last) }
}
