//! What the stories share: a fresh database of either kind.
//!
//! `both_databases!` turns one story into two tests, one on a new SQLite file and one in a new PostgreSQL
//! schema, so that no store method is tried on one database only.

pub mod client;
pub mod house;
pub mod noise;
pub mod seed;
pub mod server;
pub mod visitor;

use std::sync::OnceLock;

use madoguchi::kernel::bus::Bus;
use madoguchi::kernel::clock::Chance;
use madoguchi::kernel::db::Db;

/// Names the PostgreSQL server of the tests: `postgres://user@host:port/database`.
pub const POSTGRES_URL: &str = "MADOGUCHI_TEST_POSTGRES_URL";

/// When `1`, a missing server fails the test instead of leaving it out.
pub const REQUIRE_POSTGRES: &str = "MADOGUCHI_REQUIRE_POSTGRES";

/// A migrated, empty database that goes away with [`TestDb::finish`].
pub struct TestDb {
    /// What `Db::open` and the program's `data.database_url` take.
    pub url: String,
    /// Opened and migrated.
    pub db: Db,
    keep: Keep,
}

enum Keep {
    /// The folder goes away with its owner.
    Sqlite {
        _folder: tempfile::TempDir,
    },
    Postgres {
        server: String,
        schema: String,
    },
}

impl TestDb {
    /// A new file in a folder of its own.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the database");
        let url = format!("sqlite:{}", folder.path().join("madoguchi.db").display());
        Self { db: open(&url).await, url, keep: Keep::Sqlite { _folder: folder } }
    }

    /// A new schema on the tests' server; `None` when no server is named and none is required.
    pub async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var(POSTGRES_URL) else {
            let required = std::env::var(REQUIRE_POSTGRES).is_ok_and(|v| v == "1");
            assert!(!required, "{REQUIRE_POSTGRES}=1, but {POSTGRES_URL} names no server");
            println!("left out: {POSTGRES_URL} names no PostgreSQL server");
            return None;
        };
        let schema = format!("test_{:032x}", chance().bits());
        run(&server, format!("CREATE SCHEMA {schema}")).await;
        let joint = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{joint}options[search_path]={schema}");
        Some(Self { db: open(&url).await, url, keep: Keep::Postgres { server, schema } })
    }

    /// Closes the database and removes it.
    pub async fn finish(self) {
        self.db.close().await;
        if let Keep::Postgres { server, schema } = &self.keep {
            run(server, format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    }
}

/// Unrepeatable chance for names that must not meet another run's.
fn chance() -> &'static Chance {
    static CHANCE: OnceLock<Chance> = OnceLock::new();
    CHANCE.get_or_init(Chance::system)
}

async fn open(url: &str) -> Db {
    let db = Db::open(url, Bus::local()).await.expect("the database opens");
    db.migrate().await.expect("the schema is applied");
    db
}

async fn run(server: &str, statement: String) {
    use sqlx::Connection as _;
    let mut conn = sqlx::PgConnection::connect(server).await.expect("the PostgreSQL server answers");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut conn).await.expect("the statement is run");
    conn.close().await.expect("the connection closes");
}

/// Runs `story` on a database of its own and removes it, also after a failure.
pub async fn with_database<F>(test_db: TestDb, story: impl FnOnce(Db, String) -> F)
where
    F: Future<Output = ()>,
{
    use futures_util::FutureExt as _;
    let outcome =
        std::panic::AssertUnwindSafe(story(test_db.db.clone(), test_db.url.clone())).catch_unwind().await;
    test_db.finish().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Makes two tests of one story, `NAME::sqlite` and `NAME::postgres`.
///
/// ```ignore
/// both_databases! {
///     async fn a_row_comes_back(db: Db) { … }
/// }
/// ```
#[macro_export]
macro_rules! both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident: Db) $body:block)*) => {$(
        $(#[$meta])*
        async fn $name($db: madoguchi::kernel::db::Db) $body

        // A module may bear the name of a function: they live in different namespaces.
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                let test_db = $crate::support::TestDb::sqlite().await;
                $crate::support::with_database(test_db, |db, _url| super::$name(db)).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(test_db) = $crate::support::TestDb::postgres().await {
                    $crate::support::with_database(test_db, |db, _url| super::$name(db)).await;
                }
            }
        }
    )*};
}
