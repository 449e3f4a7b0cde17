//! The writer's promises, on SQLite; `tests/it/store.rs` repeats what matters on both databases.

use super::{Db, DbError, Tx};
use crate::kernel::bus::{Bus, Notice};
use crate::kernel::ids::PoolId;
use crate::on_db;

async fn fresh() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("t.sqlite").display());
    let db = Db::open(&url, Bus::local()).await.unwrap();
    db.migrate().await.unwrap();
    (dir, db)
}

async fn put(tx: &mut Tx, name: &str, value: i64) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query("INSERT INTO counters (name, value) VALUES ($1, $2)")
        .bind(name)
        .bind(value)
        .execute(conn)
        .await
        .map(drop))
    .map_err(DbError::from)
}

async fn count(db: &Db) -> i64 {
    let mut tx = db.read().await.unwrap();
    on_db!(tx, |conn| sqlx::query_scalar("SELECT COUNT(*) FROM counters").fetch_one(conn).await).unwrap()
}

#[tokio::test]
async fn one_failing_unit_undoes_only_itself() {
    let (_dir, db) = fresh().await;
    let mut waiting = Vec::new();
    for i in 0..100_i64 {
        let db = db.clone();
        waiting.push(tokio::spawn(async move {
            // Every tenth name is taken already: the unique constraint refuses it.
            let name = if i % 10 == 9 { "taken".to_owned() } else { format!("n{i}") };
            db.write::<_, DbError, _>(move |tx| Box::pin(async move { put(tx, &name, i).await })).await
        }));
    }
    let mut refused = 0;
    for task in waiting {
        if let Err(error) = task.await.unwrap() {
            assert!(error.is_unique_violation(), "{error}");
            refused += 1;
        }
    }
    assert_eq!(refused, 9);
    assert_eq!(count(&db).await, 91);
}

#[tokio::test]
async fn a_panicking_unit_is_undone_and_the_writer_lives_on() {
    let (_dir, db) = fresh().await;
    let outcome = db
        .write::<(), DbError, _>(|tx| {
            Box::pin(async move {
                put(tx, "half", 1).await?;
                panic!("in the middle")
            })
        })
        .await;
    assert!(matches!(outcome, Err(DbError::Panicked)));
    db.write::<_, DbError, _>(|tx| Box::pin(async move { put(tx, "whole", 1).await })).await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn only_what_was_committed_is_announced() {
    let (_dir, db) = fresh().await;
    let mut heard = db.bus().subscribe();
    let pool = PoolId(7);
    let failed = db
        .write::<(), DbError, _>(move |tx| {
            Box::pin(async move {
                tx.appended(pool, 1);
                Err(DbError::Busy)
            })
        })
        .await;
    assert!(failed.is_err());
    db.write::<_, DbError, _>(move |tx| {
        Box::pin(async move {
            tx.appended(pool, 1);
            tx.appended(pool, 2);
            Ok(())
        })
    })
    .await
    .unwrap();
    assert_eq!(heard.recv().await.unwrap(), Notice::Appended { pool, seq: 2 });
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn after_closing_writers_are_told() {
    let (_dir, db) = fresh().await;
    db.close().await;
    let outcome = db.write::<_, DbError, _>(|tx| Box::pin(async move { put(tx, "late", 1).await })).await;
    assert!(matches!(outcome, Err(DbError::Stopped)));
}

#[tokio::test]
async fn a_mistyped_folder_is_an_error_not_a_new_database() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("nowhere/t.sqlite").display());
    let error = Db::open(&url, Bus::local()).await.unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
    assert!(matches!(Db::open("mysql://x", Bus::local()).await, Err(DbError::Url)));
}
