//! Walks the whole chain and finds the first row that does not fit.

use std::fmt;

use crate::kernel::db::{Db, DbError, Tx};
use crate::on_db;

use super::{Anchor, GENESIS, Row, anchor};

/// Rows read at a time.
pub const VERIFY_PAGE: i64 = 1000;

/// What is wrong, at the first place where it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The row's content does not give its hash, or its id is another one.
    Altered { seq: i64 },
    /// The row names another hash before it than its neighbour has: a row was put in or exchanged.
    Unchained { seq: i64 },
    /// The row that should stand here is gone.
    Missing { seq: i64 },
    /// Rows after this one are gone: the anchor knows of more.
    TailMissing { last: i64, anchored: i64 },
    /// The row stands behind the end that the anchor knows, or differs from it there.
    BeyondAnchor { seq: i64 },
    /// There are rows, but no readable anchor.
    NoAnchor,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { seq } => write!(f, "row {seq} was altered"),
            Self::Unchained { seq } => write!(f, "row {seq} does not follow the row before it"),
            Self::Missing { seq } => write!(f, "row {seq} is missing"),
            Self::TailMissing { last, anchored } => {
                write!(f, "the rows after {last} are missing: the trail reached {anchored}")
            }
            Self::BeyondAnchor { seq } => write!(f, "row {seq} does not fit the recorded end of the trail"),
            Self::NoAnchor => f.write_str("the recorded end of the trail is missing"),
        }
    }
}

/// The outcome of [`verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Rows that were looked at.
    pub rows: i64,
    pub anchor: Option<Anchor>,
    /// The first fault; `None` when the trail is whole.
    pub fault: Option<Fault>,
}

/// Checks every row of the trail at one moment, a page at a time.
///
/// # Errors
/// When the store fails.
pub async fn verify(db: &Db) -> Result<Verdict, DbError> {
    let mut tx = db.read().await?;
    let anchor = anchor(&mut tx).await?;
    let mut end = Anchor { seq: 0, hash: GENESIS.to_owned() };
    let mut rows = 0;
    loop {
        let page = page(&mut tx, end.seq).await?;
        if page.is_empty() {
            let fault = tail_fault(&end, anchor.as_ref());
            return Ok(Verdict { rows, anchor, fault });
        }
        for row in page {
            rows += 1;
            if let Some(fault) = row_fault(&end, &row) {
                return Ok(Verdict { rows, anchor, fault: Some(fault) });
            }
            end = Anchor { seq: row.seq, hash: row.hash };
        }
    }
}

async fn page(tx: &mut Tx, after: i64) -> Result<Vec<Row>, DbError> {
    // The first page begins before row 1: a row put in with number 0 or less must be seen too.
    let after = if after == 0 { i64::MIN } else { after };
    Ok(on_db!(tx, |conn| sqlx::query_as(
        "SELECT seq, id, at, actor, role, action, object_kind, object_id, detail, previous, hash
         FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2"
    )
    .bind(after)
    .bind(VERIFY_PAGE)
    .fetch_all(conn)
    .await)?)
}

fn row_fault(end: &Anchor, row: &Row) -> Option<Fault> {
    let seq = row.seq;
    if seq > end.seq + 1 {
        Some(Fault::Missing { seq: end.seq + 1 })
    } else if seq <= end.seq || row.previous != end.hash {
        Some(Fault::Unchained { seq })
    } else if row.hash != row.expected_hash() || row.id != row.expected_id() {
        Some(Fault::Altered { seq })
    } else {
        None
    }
}

fn tail_fault(end: &Anchor, anchor: Option<&Anchor>) -> Option<Fault> {
    match anchor {
        None if end.seq == 0 => None,
        None => Some(Fault::NoAnchor),
        Some(anchor) if anchor.seq > end.seq => {
            Some(Fault::TailMissing { last: end.seq, anchored: anchor.seq })
        }
        Some(anchor) if anchor != end => Some(Fault::BeyondAnchor { seq: end.seq }),
        Some(_) => None,
    }
}
