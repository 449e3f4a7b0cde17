//! The only file that may ask which database it is talking to in order to choose SQL text.

use super::{Conn, Held, Tx};

impl Tx {
    /// Appended to a `SELECT` whose rows this transaction is about to change.
    ///
    /// PostgreSQL locks the rows; SQLite has one writer and needs nothing.
    #[must_use]
    pub const fn for_update(&self) -> &'static str {
        match self.held {
            Held::Sqlite(_) => "",
            Held::Postgres(_) => " FOR UPDATE",
        }
    }

    /// The connection, for [`crate::on_db!`].
    pub fn conn(&mut self) -> Conn<'_> {
        match &mut self.held {
            Held::Sqlite(tx) => Conn::Sqlite(tx),
            Held::Postgres(tx) => Conn::Postgres(tx),
        }
    }
}

/// Runs one body of `sqlx` calls on whichever database a [`Tx`] belongs to.
///
/// ```ignore
/// on_db!(tx, |conn| sqlx::query("UPDATE pools SET name = $1").bind(name).execute(conn).await)
/// ```
#[macro_export]
macro_rules! on_db {
    ($tx:expr, |$conn:ident| $body:expr) => {
        match $tx.conn() {
            $crate::kernel::db::Conn::Sqlite($conn) => $body,
            $crate::kernel::db::Conn::Postgres($conn) => $body,
        }
    };
}
