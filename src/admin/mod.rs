//! Administration: desks and their hours, days that override them, topics, accounts, settings, the trail.
//!
//! Every change is checked, versioned and written to the audit trail in its own transaction; the engine
//! reads the settings anew after the commit. An administrator sees no content of cases.

pub mod accounts;
mod check;
pub mod days;
pub mod desks;
pub mod http;
pub mod settings;
pub mod topics;
pub mod trail;

use serde::Serialize;
use serde_json::Value;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, PoolId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::security::{Identity, audit};

pub use check::NAME_MAX;

/// A change that is being made: where, when, and by whom.
#[derive(Clone, Debug)]
pub struct Act {
    pub pool: PoolId,
    pub now: Timestamp,
    /// `None`: the program itself.
    person: Option<Identity>,
}

impl Act {
    /// What `person` does in their pool.
    #[must_use]
    pub const fn of(person: Identity, now: Timestamp) -> Self {
        Self { pool: person.pool, now, person: Some(person) }
    }

    /// What the program does by itself.
    #[must_use]
    pub const fn by_program(pool: PoolId, now: Timestamp) -> Self {
        Self { pool, now, person: None }
    }

    /// Whether the account is the one of the person who acts.
    fn is_by(&self, account: AccountId) -> bool {
        self.person.as_ref().is_some_and(|person| person.account == account)
    }

    /// Writes the act into the trail with what became different, and lets the engine read the settings
    /// anew after the commit.
    async fn record(
        &self,
        tx: &mut Tx,
        action: &'static str,
        object: (&'static str, &str),
        before: &Value,
        after: &Value,
    ) -> Result<(), DbError> {
        let (kind, id) = object;
        let entry = match &self.person {
            Some(person) => audit::Entry::of(person, action, kind, id),
            None => audit::Entry::system(action, kind, id),
        };
        audit::record(tx, self.now, entry.detail(audit::changes(before, after))).await?;
        tx.settings_changed();
        Ok(())
    }
}

/// 409: the thing is not what the change was made from any more; shows how it stands.
fn changed_elsewhere(current: &impl Serialize) -> Problem {
    Problem::conflict("changed_elsewhere").current(value_of(current))
}

/// There are as many as there may be.
fn limit_reached(max: usize) -> Problem {
    Problem::conflict("limit_reached").with("max", max)
}

/// A value of ours as JSON; null when it cannot be one.
fn value_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A row that this program cannot have written.
fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> DbError {
    DbError::Sqlx(sqlx::Error::Decode(Box::new(error)))
}
