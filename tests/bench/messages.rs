//! Chat messages that are acknowledged, which means on disk, in a second.

use futures_util::future::join_all;
use madoguchi::kernel::clock::{Chance, Clock};
use madoguchi::kernel::db::{Db, DbError, Tx, WRITE_BATCH_MAX};
use madoguchi::kernel::ids::MessageId;
use madoguchi::kernel::time::Timestamp;
use madoguchi::on_db;
use serde_json::json;
use tokio::time::Instant;

use crate::crowd;
use crate::net::Line;
use crate::support::TestDb;
use crate::support::server::TestServer;
use crate::table;

/// Everybody has one message under way at a time.
const VISITORS: usize = 1000;

/// Messages of each visitor before the clock starts, and while it runs. Together no more than the program
/// takes from one visitor at once.
const WARM: usize = 4;
const EACH: usize = 16;

const BODY: &str = "Công ty chưa trả lương tháng trước cho tôi, tôi phải làm gì?";

pub async fn run() {
    on(TestDb::sqlite().await, "SQLite").await;
    match TestDb::postgres().await {
        Some(db) => on(db, "PostgreSQL").await,
        None => table::note("no PostgreSQL: its row is left out"),
    }
}

async fn on(db: TestDb, name: &str) {
    let mut server = TestServer::start(db, crowd::options()).await;
    table::note(&format!("{name}: a thousand visitors begin"));
    let visitors = crowd::begin_all(server.address, 0..VISITORS).await;
    let mut lines = crowd::enter(server.address, &visitors).await;
    table::note(&format!("{name}: they write"));
    join_all(lines.iter_mut().map(|line| say(line, 0..WARM))).await;
    let begun = Instant::now();
    join_all(lines.iter_mut().map(|line| say(line, WARM..WARM + EACH))).await;
    let through = table::real(VISITORS * EACH) / table::seconds(begun);
    drop(lines);
    server.stop().await;

    table::note(&format!("{name}: the same rows without the program"));
    let contacts: Vec<String> = visitors.into_iter().map(|visitor| visitor.contact).collect();
    let raw = raw(&server.db, contacts).await;
    server.finish().await;
    table::beside(
        &format!(
            "chat messages a second on {name}: {VISITORS} visitors' sockets, one message of {} bytes under \
             way in each, {} counted at their acknowledgement, after the commit",
            BODY.len(),
            table::count(table::real(VISITORS * EACH))
        ),
        &format!("{}/s", table::count(through)),
        &format!(
            "{}/s: the same rows into the same table, {WRITE_BATCH_MAX} inserts in a transaction, one \
             transaction after the other",
            table::count(raw)
        ),
        through / raw,
    );
}

async fn say(line: &mut Line, numbers: std::ops::Range<usize>) {
    for n in numbers {
        let id = format!("m{n}");
        line.say(json!({ "type": "send", "client_id": id, "body": BODY }).to_string()).await;
        loop {
            let text = line.heard().await;
            assert!(!text.contains("\"refused\""), "{text}");
            if text.contains("\"ack\"") {
                break;
            }
        }
    }
}

/// Rows a second with nothing but the database and its driver.
async fn raw(db: &Db, contacts: Vec<String>) -> f64 {
    let rows = VISITORS * EACH / WRITE_BATCH_MAX * WRITE_BATCH_MAX;
    let chance = Chance::system();
    let mut contacts = contacts.into_iter().cycle();
    let mut written = 0;
    let mut begun = Instant::now();
    for batch in 0..(VISITORS * WARM + rows) / WRITE_BATCH_MAX {
        if batch == VISITORS * WARM / WRITE_BATCH_MAX {
            begun = Instant::now();
            written = 0;
        }
        let whose: Vec<String> = contacts.by_ref().take(WRITE_BATCH_MAX).collect();
        let (chance, at) = (chance.clone(), Clock::system().now());
        let unit = db.write(move |tx| {
            Box::pin(async move {
                for (n, contact) in whose.iter().enumerate() {
                    insert(tx, contact, format!("raw{batch}.{n}"), at, &chance).await?;
                }
                Ok::<_, DbError>(())
            })
        });
        unit.await.expect("the rows are written");
        written += WRITE_BATCH_MAX;
    }
    table::real(written) / table::seconds(begun)
}

async fn insert(
    tx: &mut Tx,
    contact: &str,
    client_id: String,
    at: Timestamp,
    chance: &Chance,
) -> Result<(), DbError> {
    let id = MessageId::compose(at, chance.bits()).to_string();
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO messages (id, contact_id, seq, sender, client_id, body, language,
                language_confidence, language_method, at)
             VALUES ($1, $2, 1000000, 'visitor', $3, $4, 'vi', 0.99, 'script', $5)",
        )
        .bind(&id)
        .bind(contact)
        .bind(&client_id)
        .bind(BODY)
        .bind(at.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}
