//! The database: SQLite or PostgreSQL behind one type, one text of SQL, one writer with group commit.
//!
//! *Reading* takes a [`Tx`] from [`Db::read`]. *Writing* hands a closure to [`Db::write`]; the writer task
//! collects the closures that wait, runs each inside its own savepoint of one transaction, commits
//! once, and only then answers. So an answer means "on disk", many writers share one `fsync`, and one
//! failing closure undoes nobody else's work.
//!
//! Rows appended to an event log through [`Tx::appended`] are announced on the [`Bus`] after the commit
//! that made them durable, and not at all when it failed.

mod dialect;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};

use super::bus::{Bus, Notice};
use super::ids::{AccountId, PoolId};

pub use writer::{WRITE_BATCH_MAX, WRITE_QUEUE_MAX};

/// Connections that read at the same time; one more waits for its turn.
pub const READERS_MAX: u32 = 8;

/// How long a caller waits for a connection before it is told [`DbError::Busy`].
pub const ACQUIRE_WAIT: Duration = Duration::from_secs(10);

/// What the store can fail with.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("database: {0}")]
    Sqlx(sqlx::Error),
    #[error("migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// No connection, or no place in the write queue, within the time limit.
    #[error("the database is busy")]
    Busy,
    /// The writer has ended because the program stops.
    #[error("the database is closed")]
    Stopped,
    /// A unit of work panicked; it was rolled back.
    #[error("a unit of work panicked")]
    Panicked,
    /// Neither `sqlite:` nor `postgres:`.
    #[error("the database address must start with sqlite: or postgres:")]
    Url,
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            other => Self::Sqlx(other),
        }
    }
}

impl DbError {
    /// Whether a unique constraint refused the row (works on both databases).
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Sqlx(sqlx::Error::Database(e)) if e.is_unique_violation())
    }
}

/// A connection borrowed from a [`Tx`]; matched only by [`crate::on_db!`].
pub enum Conn<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

enum Held {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction. Dropped without [`Tx::commit`] it undoes itself.
pub struct Tx {
    held: Held,
    /// Log positions reached inside this transaction, announced after its commit.
    appended: Vec<(PoolId, i64)>,
    settings_changed: bool,
    /// Accounts whose sessions end with this transaction, announced after its commit.
    sessions_ended: Vec<AccountId>,
}

impl Tx {
    const fn new(held: Held) -> Self {
        Self { held, appended: Vec::new(), settings_changed: false, sessions_ended: Vec::new() }
    }

    /// Notes that the log of `pool` reaches `seq` once this transaction is committed.
    pub fn appended(&mut self, pool: PoolId, seq: i64) {
        self.appended.push((pool, seq));
    }

    /// Notes that settings changed; announced after the commit.
    pub const fn settings_changed(&mut self) {
        self.settings_changed = true;
    }

    /// Notes that sessions of `account` end; announced after the commit.
    pub fn sessions_ended(&mut self, account: AccountId) {
        self.sessions_ended.push(account);
    }

    async fn commit(self, bus: &Bus) -> Result<(), DbError> {
        match self.held {
            Held::Sqlite(tx) => tx.commit().await?,
            Held::Postgres(tx) => tx.commit().await?,
        }
        let mut latest = std::collections::BTreeMap::new();
        for (pool, seq) in self.appended {
            let top = latest.entry(pool).or_insert(seq);
            *top = (*top).max(seq);
        }
        for (pool, seq) in latest {
            bus.publish(Notice::Appended { pool, seq });
        }
        if self.settings_changed {
            bus.publish(Notice::SettingsChanged);
        }
        for account in self.sessions_ended {
            bus.publish(Notice::SessionsEnded { account });
        }
        Ok(())
    }

    async fn rollback(self) -> Result<(), DbError> {
        match self.held {
            Held::Sqlite(tx) => tx.rollback().await?,
            Held::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }

    async fn savepoint(&mut self, text: &'static str) -> Result<(), DbError> {
        crate::on_db!(self, |conn| sqlx::raw_sql(text).execute(conn).await.map(drop))?;
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite { readers: SqlitePool, writer: SqlitePool },
    Postgres(PgPool),
}

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pools: Pools,
    writer: writer::Writer,
    bus: Bus,
}

impl Db {
    /// Opens `url` (`sqlite:PATH` or `postgres://…`) and starts the writer task.
    ///
    /// A SQLite file is created when absent, in a folder that must exist: a mistyped path is an error,
    /// not a new empty database somewhere else.
    ///
    /// # Errors
    /// When the address is not understood or the database cannot be reached.
    pub async fn open(url: &str, bus: Bus) -> Result<Self, DbError> {
        let pools = if url.starts_with("sqlite:") {
            open_sqlite(url).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options = PgConnectOptions::from_str(url)?;
            let pool = PgPoolOptions::new()
                .max_connections(READERS_MAX + 2)
                .acquire_timeout(ACQUIRE_WAIT)
                .connect_with(options)
                .await?;
            Pools::Postgres(pool)
        } else {
            return Err(DbError::Url);
        };
        let writer = writer::Writer::start(pools.clone(), bus.clone());
        Ok(Self { pools, writer, bus })
    }

    /// Brings the schema up to date. Safe to call from several nodes at once.
    ///
    /// # Errors
    /// When a migration fails or an applied one was changed since.
    pub async fn migrate(&self) -> Result<(), DbError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => sqlx::migrate!("migrations/sqlite").run(writer).await?,
            Pools::Postgres(pool) => sqlx::migrate!("migrations/postgres").run(pool).await?,
        }
        Ok(())
    }

    /// `sqlite` or `postgres`, for people.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.pools {
            Pools::Sqlite { .. } => "sqlite",
            Pools::Postgres(_) => "postgres",
        }
    }

    /// The bus on which commits are announced.
    #[must_use]
    pub const fn bus(&self) -> &Bus {
        &self.bus
    }

    /// A transaction for reading: everything it sees belongs to one moment. Drop it when done.
    ///
    /// # Errors
    /// [`DbError::Busy`] when no connection is free within [`ACQUIRE_WAIT`].
    pub async fn read(&self) -> Result<Tx, DbError> {
        Ok(Tx::new(match &self.pools {
            Pools::Sqlite { readers, .. } => Held::Sqlite(readers.begin().await?),
            Pools::Postgres(pool) => {
                Held::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        }))
    }

    /// Runs `work` in the writer and answers after its commit.
    ///
    /// `work` may only talk to the transaction it is given: it runs while every other writer waits.
    /// When it returns an error its changes are undone and the error is handed back.
    ///
    /// ```ignore
    /// db.write(move |tx| Box::pin(async move { store::insert(tx, row).await })).await?;
    /// ```
    ///
    /// # Errors
    /// What `work` returned, or the store's own failure turned into `E`.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> futures_util::future::BoxFuture<'a, Result<T, E>> + Send + 'static,
    {
        self.writer.submit(work).await
    }

    /// Lets the writer finish what it holds and closes the connections.
    pub async fn close(&self) {
        self.writer.stop().await;
        match &self.pools {
            Pools::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(url: &str) -> Result<Pools, DbError> {
    let options = SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(ACQUIRE_WAIT);
    if let Some(folder) = options.get_filename().parent()
        && !folder.as_os_str().is_empty()
        && !Path::new(folder).is_dir()
    {
        return Err(DbError::Sqlx(sqlx::Error::Configuration(
            format!("the folder {} does not exist", folder.display()).into(),
        )));
    }
    // A file does not hang up: asking a connection whether it lives is a trip for nothing.
    let writer = SqlitePoolOptions::new()
        .test_before_acquire(false)
        .max_connections(1)
        .acquire_timeout(ACQUIRE_WAIT)
        .connect_with(options.clone())
        .await?;
    let readers = SqlitePoolOptions::new()
        .test_before_acquire(false)
        .max_connections(READERS_MAX)
        .acquire_timeout(ACQUIRE_WAIT)
        .connect_with(options.read_only(true).create_if_missing(false))
        .await?;
    Ok(Pools::Sqlite { readers, writer })
}
