//! Points in time. They are passed as arguments, because the pure part never reads a clock.

use std::{ops::Add, time::Duration};

use serde::{Deserialize, Serialize};

/// A point on the process's monotonic clock, counted from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    pub const START: Self = Self(Duration::ZERO);

    #[must_use]
    pub const fn after_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// The time from `earlier` to this point, or zero if this point is not after `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The time since the start.
    #[must_use]
    pub const fn elapsed(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// A point in wall-clock time: milliseconds since 1970-01-01T00:00:00Z, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// In whole seconds since 1970; the first or the last such second for a time before or after them.
    pub(in crate::core) fn second(self) -> u32 {
        u32::try_from(self.0.max(0) / 1000).unwrap_or(u32::MAX)
    }
}
