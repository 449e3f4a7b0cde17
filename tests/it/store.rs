//! The contract of the store: the same stories on both databases.

use madoguchi::kernel::db::{Db, DbError};
use madoguchi::on_db;

use crate::both_databases;

async fn count(db: &Db, name: &str) -> i64 {
    let mut tx = db.read().await.expect("a reader");
    let (n,): (i64,) = on_db!(tx, |conn| {
        sqlx::query_as("SELECT COUNT(*) FROM counters WHERE name = $1")
            .bind(name.to_owned())
            .fetch_one(conn)
            .await
    })
    .expect("the count");
    n
}

async fn insert(tx: &mut madoguchi::kernel::db::Tx, name: &'static str) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query("INSERT INTO counters (name, value) VALUES ($1, $2)")
            .bind(name)
            .bind(1_i64)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

both_databases! {
    async fn a_unit_that_breaks_a_constraint_spoils_no_other(db: Db) {
        let writes = (0..8).map(|n| {
            let db = db.clone();
            async move {
                let name = if n % 2 == 0 { "twin" } else { ["a", "b", "c", "d"][n / 2] };
                db.write(move |tx| Box::pin(insert(tx, name))).await
            }
        });
        let outcomes = futures_util::future::join_all(writes).await;
        let refused = outcomes.iter().filter(|o| matches!(o, Err(e) if e.is_unique_violation())).count();
        assert_eq!(refused, 3, "one twin stays, three are refused: {outcomes:?}");
        assert_eq!(count(&db, "twin").await, 1);
        for name in ["a", "b", "c", "d"] {
            assert_eq!(count(&db, name).await, 1, "{name}");
        }
    }
}
