//! The audit trail proves itself: whatever is altered, removed or put in shows.

use madoguchi::kernel::db::{Db, DbError};
use madoguchi::kernel::time::Timestamp;
use madoguchi::on_db;
use madoguchi::security::audit::{self, Entry, Fault, Row};
use serde_json::json;

use crate::both_databases;

async fn run(db: &Db, statements: Vec<String>) {
    db.write::<(), DbError, _>(move |tx| {
        Box::pin(async move {
            for sql in statements {
                on_db!(tx, |conn| sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(conn).await.map(drop))?;
            }
            Ok(())
        })
    })
    .await
    .expect("the statements run");
}

async fn fill(db: &Db, rows: i64) {
    let acts = (0..rows).map(|n| async move {
        db.write::<i64, DbError, _>(move |tx| {
            let entry = Entry::system("ticket.read", "ticket", format!("tkt_{n}")).detail(json!({ "n": n }));
            Box::pin(audit::record(tx, Timestamp(1000 + n), entry))
        })
        .await
        .expect("the entry is kept")
    });
    let mut places = futures_util::future::join_all(acts).await;
    places.sort_unstable();
    assert_eq!(places, (1..=rows).collect::<Vec<_>>(), "one chain without gaps, however many write at once");
}

async fn fault(db: &Db) -> Option<Fault> {
    audit::verify(db).await.expect("the trail is read").fault
}

/// Puts the trail back to what it was.
async fn repair(db: &Db) {
    let tables = ["audit", "settings"];
    run(
        db,
        tables
            .iter()
            .flat_map(|t| [format!("DELETE FROM {t}"), format!("INSERT INTO {t} SELECT * FROM {t}_whole")])
            .collect(),
    )
    .await;
    assert_eq!(fault(db).await, None);
}

both_databases! {
    async fn every_change_of_the_trail_is_found(db: Db) {
        assert_eq!(fault(&db).await, None, "an empty trail is whole");
        fill(&db, 5).await;
        run(&db, ["audit", "settings"].iter().map(|t| format!("CREATE TABLE {t}_whole AS SELECT * FROM {t}"))
            .collect()).await;
        repair(&db).await;
        let copy = "INSERT INTO audit SELECT seq + 1, 'aud_x', at, actor, role, action, object_kind,
            object_id, detail, previous, hash FROM audit WHERE seq = 5";
        for (forgery, found) in [
            ("UPDATE audit SET detail = 'x' WHERE seq = 3", Fault::Altered { seq: 3 }),
            ("UPDATE audit SET at = at + 1 WHERE seq = 3", Fault::Altered { seq: 3 }),
            ("UPDATE audit SET actor = 'acc_y' WHERE seq = 1", Fault::Altered { seq: 1 }),
            ("UPDATE audit SET id = 'aud_z' WHERE seq = 5", Fault::Altered { seq: 5 }),
            ("UPDATE audit SET previous = '' WHERE seq = 4", Fault::Unchained { seq: 4 }),
            ("DELETE FROM audit WHERE seq = 3", Fault::Missing { seq: 3 }),
            ("DELETE FROM audit WHERE seq = 1", Fault::Missing { seq: 1 }),
            ("DELETE FROM audit WHERE seq > 3", Fault::TailMissing { last: 3, anchored: 5 }),
            ("DELETE FROM audit", Fault::TailMissing { last: 0, anchored: 5 }),
            ("DELETE FROM settings WHERE name = 'audit_anchor'", Fault::NoAnchor),
            ("UPDATE audit SET seq = 0 WHERE seq = 1", Fault::Unchained { seq: 0 }),
            (copy, Fault::Unchained { seq: 6 }),
        ] {
            run(&db, vec![forgery.to_owned()]).await;
            assert_eq!(fault(&db).await, Some(found), "{forgery}");
            repair(&db).await;
        }
    }

    async fn a_forger_who_knows_the_rule_fails_at_the_next_row_or_at_the_end(db: Db) {
        fill(&db, 5).await;
        run(&db, ["audit", "settings"].iter().map(|t| format!("CREATE TABLE {t}_whole AS SELECT * FROM {t}"))
            .collect()).await;
        for (seq, found) in [(3, Fault::Unchained { seq: 4 }), (5, Fault::BeyondAnchor { seq: 5 })] {
            let mut row: Row = {
                let mut tx = db.read().await.unwrap();
                on_db!(tx, |conn| sqlx::query_as("SELECT * FROM audit WHERE seq = $1").bind(seq)
                    .fetch_one(conn).await).unwrap()
            };
            row.object_id = "tkt_other".to_owned();
            row.hash = row.expected_hash();
            run(&db, vec![format!(
                "UPDATE audit SET object_id = 'tkt_other', hash = '{}', id = '{}' WHERE seq = {seq}",
                row.hash, row.expected_id()
            )]).await;
            assert_eq!(fault(&db).await, Some(found));
            repair(&db).await;
        }
    }
}
