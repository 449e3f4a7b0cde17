//! The migrations of both databases make the same tables and columns.

use std::collections::BTreeSet;

use madoguchi::kernel::db::Db;
use madoguchi::on_db;

use crate::support::TestDb;

/// Table, column, declared type.
type Columns = BTreeSet<(String, String, String)>;

async fn columns(db: &Db, text: &'static str) -> Columns {
    let mut tx = db.read().await.expect("a reader");
    let rows: Vec<(String, String, String)> =
        on_db!(tx, |conn| sqlx::query_as(text).fetch_all(conn).await).expect("the columns");
    rows.into_iter().filter(|(table, _, _)| !table.starts_with('_')).collect()
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let Some(postgres) = TestDb::postgres().await else { return };
    let sqlite = TestDb::sqlite().await;
    let ours = columns(
        &sqlite.db,
        "SELECT m.name, p.name, LOWER(p.type) FROM sqlite_master m JOIN pragma_table_info(m.name) p
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'",
    )
    .await;
    let theirs = columns(
        &postgres.db,
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT)
         FROM information_schema.columns WHERE table_schema = current_schema()",
    )
    .await;
    sqlite.finish().await;
    postgres.finish().await;
    assert!(ours.iter().any(|(table, column, _)| table == "contacts" && column == "offer_id"));
    let differences: Vec<_> = ours.symmetric_difference(&theirs).collect();
    assert!(differences.is_empty(), "{differences:?}");
}
