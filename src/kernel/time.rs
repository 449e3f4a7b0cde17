//! Time and chance as values.
//!
//! [`Timestamp`] and [`Millis`] are plain numbers, so the engine, the store and the wire agree on one
//! representation: milliseconds since 1970-01-01T00:00:00Z, in UTC, as a signed 64-bit integer.
//! The one place that asks the operating system is `kernel::clock`.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An instant: milliseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = i64, example = 1_795_478_400_000_i64)]
pub struct Timestamp(pub i64);

/// A length of time in milliseconds. Never negative when built by [`Timestamp::since`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = i64, example = 20_000_i64)]
pub struct Millis(pub i64);

impl Timestamp {
    /// The earliest instant this program deals with (1970-01-01T00:00:00Z).
    pub const EPOCH: Self = Self(0);

    /// How long ago `earlier` was; zero when it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        let d = self.0.saturating_sub(earlier.0);
        Millis(if d < 0 { 0 } else { d })
    }
}

impl Millis {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    #[must_use]
    pub const fn from_mins(mins: i64) -> Self {
        Self::from_secs(mins.saturating_mul(60))
    }

    /// Seconds, for people and for statistics.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "durations stay far below 2^52 ms")]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;
    fn add(self, rhs: Millis) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Self;
    fn sub(self, rhs: Millis) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

impl Add for Millis {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}
