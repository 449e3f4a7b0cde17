//! What an administrator sets for signing in: the row `security` of `settings`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::problem::Problem;
use crate::kernel::time::Millis;
use crate::on_db;

/// The row's name.
pub const NAME: &str = "security";

/// Range of [`SecuritySettings::idle_min`]: below it people are thrown out while they read, above it a
/// screen that somebody left stays open for most of a day.
pub const IDLE_MIN_RANGE: std::ops::RangeInclusive<i64> = 5..=480;

/// Range of [`SecuritySettings::absolute_h`].
pub const ABSOLUTE_H_RANGE: std::ops::RangeInclusive<i64> = 1..=24;

/// Rules of signing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SecuritySettings {
    /// Minutes without a request after which a session ends, 5 to 480.
    pub idle_min: i64,
    /// Hours after which a session ends in any case, 1 to 24.
    pub absolute_h: i64,
    /// Everybody signs in with a second factor, not only supervisors and administrators.
    pub totp_for_all: bool,
}

impl Default for SecuritySettings {
    fn default() -> Self {
        Self { idle_min: 30, absolute_h: 12, totp_for_all: false }
    }
}

impl SecuritySettings {
    /// Refuses what lies outside the ranges.
    ///
    /// # Errors
    /// 400 `settings_invalid`, with `out_of_range` at each field at fault.
    pub fn check(&self) -> Result<(), Problem> {
        let mut problem = Problem::invalid("settings_invalid");
        if !IDLE_MIN_RANGE.contains(&self.idle_min) {
            problem = problem.field("idle_min", "out_of_range");
        }
        if !ABSOLUTE_H_RANGE.contains(&self.absolute_h) {
            problem = problem.field("absolute_h", "out_of_range");
        }
        if problem.fields.is_empty() { Ok(()) } else { Err(problem) }
    }

    /// How long a session may rest.
    #[must_use]
    pub const fn idle(&self) -> Millis {
        Millis::from_mins(self.idle_min)
    }

    /// How long a session may last.
    #[must_use]
    pub const fn absolute(&self) -> Millis {
        Millis::from_mins(self.absolute_h * 60)
    }

    /// What the text of the row says; the defaults when there is none or it cannot be read.
    #[must_use]
    pub(super) fn from_text(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok())
            .filter(|s: &Self| s.check().is_ok())
            .unwrap_or_default()
    }

    /// The settings and the version to name when changing them; version 0 when they were never changed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load(tx: &mut Tx) -> Result<(Self, i64), DbError> {
        let row: Option<(String, i64)> =
            on_db!(tx, |conn| sqlx::query_as("SELECT value, version FROM settings WHERE name = $1")
                .bind(NAME)
                .fetch_optional(conn)
                .await)?;
        Ok(row.map_or((Self::default(), 0), |(text, version)| (Self::from_text(Some(&text)), version)))
    }

    /// Keeps these settings when they still stand at `version`, and answers whether they did.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn save(&self, tx: &mut Tx, version: i64) -> Result<bool, DbError> {
        let text = serde_json::json!(self).to_string();
        let sql = if version == 0 {
            "INSERT INTO settings (name, value, version) VALUES ($1, $2, $3 + 1)
             ON CONFLICT (name) DO NOTHING"
        } else {
            "UPDATE settings SET value = $2, version = version + 1 WHERE name = $1 AND version = $3"
        };
        let rows = on_db!(tx, |conn| sqlx::query(sql)
            .bind(NAME)
            .bind(&text)
            .bind(version)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        if rows == 1 {
            tx.settings_changed();
        }
        Ok(rows == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_or_is_out_of_range_gives_the_defaults() {
        let text = r#"{"idle_min":10,"totp_for_all":true}"#;
        let read = SecuritySettings::from_text(Some(text));
        assert_eq!(read, SecuritySettings { idle_min: 10, absolute_h: 12, totp_for_all: true });
        for bad in [None, Some(""), Some("{"), Some(r#"{"idle_min":0}"#), Some(r#"{"absolute_h":900}"#)] {
            assert_eq!(SecuritySettings::from_text(bad), SecuritySettings::default(), "{bad:?}");
        }
        let refused = SecuritySettings { idle_min: 0, absolute_h: 25, totp_for_all: false }.check();
        assert_eq!(refused.unwrap_err().fields.len(), 2);
    }
}
