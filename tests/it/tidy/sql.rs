//! SQL is written once: only the database's own folder knows which database it is; migrations come in pairs.

use std::collections::BTreeSet;

use super::none;
use super::tree::{File, code_only, files};

/// Where the two databases may be told apart.
const HOME: &str = "src/kernel/db/";

/// Names that exist once per database.
const TELLING: &[&str] = &[
    "Conn::Sqlite",
    "Conn::Postgres",
    "SqlitePool",
    "SqliteConnection",
    "PgPool",
    "PgConnection",
    "sqlx::Sqlite",
    "sqlx::Postgres",
    "sqlx::sqlite",
    "sqlx::postgres",
];

fn kind_breaches(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|f| f.is(&["rs"])) {
        if !file.path.starts_with("src/") || file.path.starts_with(HOME) {
            continue;
        }
        let code = code_only(&file.text);
        for ((number, line), bare) in file.lines().zip(code.lines()) {
            let asks =
                bare.contains(".kind()") && ["\"sqlite\"", "\"postgres\""].iter().any(|k| line.contains(k));
            if asks || TELLING.iter().any(|name| bare.contains(name)) {
                breaches.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    breaches
}

fn pair_breaches(paths: &[&str]) -> Vec<String> {
    let names = |folder: &str| -> BTreeSet<&str> {
        paths.iter().filter_map(|p| p.strip_prefix("migrations/")?.strip_prefix(folder)).collect()
    };
    let (sqlite, postgres) = (names("sqlite/"), names("postgres/"));
    if sqlite.is_empty() {
        return vec!["no migrations were found".to_owned()];
    }
    sqlite.symmetric_difference(&postgres).map(|name| format!("{name} stands in one folder only")).collect()
}

#[test]
fn only_the_database_folder_tells_databases_apart() {
    none(
        &kind_breaches(files()),
        "Write one text that both databases take, run it through on_db!, and put what must differ into \
         src/kernel/db/dialect.rs.",
    );
}

#[test]
fn migrations_come_in_pairs() {
    let paths: Vec<&str> = files().iter().map(|f| f.path.as_str()).collect();
    none(&pair_breaches(&paths), "Write the same migration for both databases, under the same file name.");
}

#[test]
fn a_fork_by_database_is_found() {
    for code in [
        "match tx.conn() { Conn::Sqlite(c) => 1, _ => 2 }",
        "if db.kind() == \"sqlite\" { 1 } else { 2 }",
        "use sqlx::postgres::PgRow;",
    ] {
        assert_eq!(kind_breaches(&[File::of("src/chat/store.rs", code)]).len(), 1, "{code}");
        assert_eq!(kind_breaches(&[File::of("src/kernel/db/dialect.rs", code)]).len(), 0, "{code}");
    }
    let innocent = "// Conn::Sqlite\ninfo!(kind = db.kind());";
    assert!(kind_breaches(&[File::of("src/chat/store.rs", innocent)]).is_empty());
}

#[test]
fn a_lonely_migration_is_found() {
    let pair = ["migrations/sqlite/0001_a.sql", "migrations/postgres/0001_a.sql"];
    assert!(pair_breaches(&pair).is_empty());
    assert_eq!(pair_breaches(&[pair[0], pair[1], "migrations/sqlite/0002_b.sql"]).len(), 1);
    assert_eq!(pair_breaches(&[]).len(), 1);
}
