//! The program is killed at random moments under mixed load and started again on the same file: what was
//! acknowledged is there, once.
//!
//! Each round starts the real binary, looks whether everybody finds what was promised before the kill, lets
//! visitors, agents and a clerk work until a random number of acknowledgements has been counted, and sends
//! SIGKILL in the middle of whatever goes on. What had no answer is sent again in the next round.

mod actors;
mod program;

use std::collections::{BTreeMap, BTreeSet};

use madoguchi::kernel::bus::Bus;
use madoguchi::kernel::clock::Chance;
use madoguchi::kernel::db::{Db, Tx};
use madoguchi::on_db;
use madoguchi::security::audit;

use crate::support::client::Person;
use crate::support::seed::{self, AGENTS, PASSWORD};
use actors::{Agent, Clerk, Visitor};
use program::{Acks, Program};

/// How many times the program is killed, when it is not the default.
const KILLS: &str = "MADOGUCHI_TEST_KILLS";
const KILLS_DEFAULT: u64 = 20;

/// More than the agents can take together, so that some always wait.
const VISITORS: usize = 9;

/// Acknowledgements of one round before the kill.
const ACKS_MIN: u64 = 6;
const ACKS_MAX: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_the_program_keeps_every_promise() {
    let kills = std::env::var(KILLS).ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS_DEFAULT);
    let folder = tempfile::tempdir().expect("a folder for the data");
    let url = format!("sqlite:{}", folder.path().join("restart.sqlite").display());
    let db = Db::open(&url, Bus::local()).await.expect("the database opens");
    db.migrate().await.expect("the schema is applied");
    let seed = seed::fill(&db).await;
    db.close().await;

    let chance = Chance::system();
    let mut program = Program::new(folder.path(), &url).await;
    let mut visitors: Vec<_> = (0..VISITORS).map(Visitor::new).collect();
    let mut agents: Vec<_> = seed.agents.iter().map(|id| Agent::new(*id)).collect();
    let mut clerk = Clerk::default();
    let mut arrivals = BTreeMap::new();
    let (mut stood, mut returned) = (0, 0);
    for round in 0..=kills {
        program.start().await;
        if round == 0 {
            for (agent, login) in agents.iter_mut().zip(AGENTS) {
                let mut person = Person::new(program.address());
                person.sign_in(login, PASSWORD).await;
                agent.session = (person.cookie, person.csrf);
            }
            clerk.session.clone_from(&agents[0].session);
        }
        stood += check_line(&program, &url, &mut visitors, &mut arrivals).await;
        returned += agents.iter().map(|a| a.talks.len()).sum::<usize>();
        let acks = Acks::until(ACKS_MIN + chance.below(ACKS_MAX - ACKS_MIN));
        let address = program.address();
        let people = futures_util::future::join3(
            futures_util::future::join_all(visitors.iter_mut().map(|v| v.visit(address, &acks))),
            futures_util::future::join_all(agents.iter_mut().map(|a| a.work(address, &acks))),
            clerk.write(address, &acks, &chance),
        );
        tokio::join!(people, async {
            acks.reached().await;
            program.kill().await;
        });
    }
    let db = Db::open(&url, Bus::local()).await.expect("the database opens after the last kill");
    check_store(&db, &visitors, &agents, &clerk).await;
    db.close().await;
    let said: usize = visitors.iter().map(|v| v.said.len()).sum();
    let answered: usize = agents.iter().map(|a| a.said.len()).sum();
    let changed = clerk.kept.len();
    println!(
        "{kills} kills: {said} messages of visitors, {answered} of agents, {changed} tickets changed, \
         {stood} places in the line and {returned} talks looked at after a start"
    );
    let least = [said, answered, changed, stood, returned].into_iter().min();
    assert_ne!(least, Some(0), "there was something of every kind to lose");
}

/// Whoever waits keeps the arrival and therefore the place: nobody else is connected yet. Gives how
/// many wait.
async fn check_line(
    program: &Program,
    url: &str,
    visitors: &mut [Visitor],
    arrivals: &mut BTreeMap<String, i64>,
) -> usize {
    let mut line = Vec::new();
    let uncounted = Acks::until(u64::MAX);
    for visitor in visitors.iter_mut() {
        // Whoever had no answer to her beginning may stand in the line already: she asks again.
        if visitor.begins() {
            visitor.begin(program.address(), &uncounted).await.expect("nobody kills it now");
        }
    }
    for visitor in visitors {
        if let Some((contact, position)) = visitor.place(program.address()).await {
            line.push((position, contact));
        }
    }
    line.sort_unstable();
    let db = Db::open(url, Bus::local()).await.expect("the database opens beside the program");
    let mut tx = db.read().await.expect("a reader");
    let mut before = i64::MIN;
    for (place, (position, contact)) in line.iter().enumerate() {
        assert_eq!(usize::try_from(*position), Ok(place + 1), "places are 1, 2, 3 …: {line:?}");
        let arrived = number(&mut tx, "SELECT arrived_at FROM contacts WHERE id = $1", contact).await;
        assert_eq!(*arrivals.entry(contact.clone()).or_insert(arrived), arrived, "the arrival is kept");
        assert!(before <= arrived, "who came first stands first: {line:?}");
        before = arrived;
    }
    drop(tx);
    db.close().await;
    line.len()
}

async fn check_store(db: &Db, visitors: &[Visitor], agents: &[Agent], clerk: &Clerk) {
    let mut tx = db.read().await.expect("a reader");
    let stored = messages(&mut tx).await;
    let said = visitors.iter().flat_map(|v| &v.said).chain(agents.iter().flat_map(|a| &a.said));
    for promise in said {
        let found: Vec<_> = stored.iter().filter(|m| m.2 == promise.body).collect();
        assert_eq!(found.len(), 1, "{promise:?} is there once: {found:?}");
        let (contact, seq, _) = found[0];
        assert_eq!(*contact, promise.contact);
        // An agent may be gone before it hears the number of its own message.
        assert!(promise.seq == 0 || promise.seq == *seq, "{promise:?}");
    }
    let bodies: BTreeSet<_> = stored.iter().map(|m| &m.2).collect();
    assert_eq!(bodies.len(), stored.len(), "what was sent again is stored once");
    let begun: BTreeSet<_> = visitors.iter().flat_map(|v| &v.begun).collect();
    let contacts = number(&mut tx, "SELECT COUNT(*) FROM contacts WHERE id <> $1", "").await;
    let unanswered = visitors.iter().filter(|v| v.begins()).count();
    let known = i64::try_from(begun.len()).expect("few");
    let most = known + i64::try_from(unanswered).expect("few");
    assert!((known..=most).contains(&contacts), "{contacts} contacts for {known} to {most} beginnings");
    for agent in agents {
        for contact in &agent.talks {
            let sql = "SELECT COUNT(*) FROM contacts c JOIN accounts a ON a.id = c.agent_id WHERE c.id = $1";
            assert_eq!(number(&mut tx, sql, contact).await, 1, "{contact} has its agent");
        }
    }
    check_tickets(&mut tx, clerk).await;
    let seqs = "SELECT COUNT(*) - MAX(seq) FROM contact_events WHERE pool_id <> $1";
    assert_eq!(number(&mut tx, seqs, "").await, 0, "the log has no gaps");
    let without = "SELECT COUNT(*) FROM contacts WHERE ticket_id IS NULL AND id <> $1";
    assert_eq!(number(&mut tx, without, "").await, 0, "every contact has its ticket");
    drop(tx);
    let verdict = audit::verify(db).await.expect("the trail can be read");
    assert_eq!(verdict.fault, None, "the trail is whole");
}

/// A ticket holds what was acknowledged last, or what was sent after it; its versions are all there.
async fn check_tickets(tx: &mut Tx, clerk: &Clerk) {
    for (ticket, kept) in &clerk.kept {
        let row: (i64, String, String) = on_db!(tx, |conn| {
            sqlx::query_as("SELECT version, summary, folded FROM tickets WHERE id = $1")
                .bind(ticket)
                .fetch_one(conn)
                .await
        })
        .expect("the ticket is there");
        let (version, summary, folded) = row;
        let sent = clerk.sent.as_ref().filter(|sent| sent.0 == *ticket).map(|sent| sent.2.as_str());
        assert!(version == kept.0 || (version == kept.0 + 1 && sent == Some(&summary)), "{ticket}: {kept:?}");
        assert!(summary == kept.1 || sent == Some(&summary), "{ticket}: {kept:?} {summary}");
        assert!(folded.contains(&summary), "what is searched is what is read");
        let changes = number(tx, "SELECT COUNT(*) FROM ticket_changes WHERE ticket_id = $1", ticket).await;
        assert_eq!(changes, version - 1, "every version but the first names its change");
    }
}

/// Contact, number and text of every message.
async fn messages(tx: &mut Tx) -> Vec<(String, i64, String)> {
    on_db!(tx, |conn| {
        sqlx::query_as("SELECT contact_id, seq, body FROM messages WHERE sender <> 'system' ORDER BY seq")
            .fetch_all(conn)
            .await
    })
    .expect("the messages")
}

async fn number(tx: &mut Tx, sql: &'static str, value: &str) -> i64 {
    on_db!(tx, |conn| sqlx::query_scalar(sql).bind(value).fetch_one(conn).await).expect("a number")
}
