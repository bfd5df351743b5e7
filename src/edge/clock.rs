//! The process's clock, for the edges: the pure part is given [`Moment`]s.

use std::time::Duration;

use tokio::time::Instant;

use crate::core::time::{Moment, Timestamp};

/// Counts from the start of the process; stands still where tokio's clock is paused.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The present.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn now(&self) -> Moment {
        Moment::after_start(Instant::now().saturating_duration_since(self.origin))
    }

    /// The wall-clock time.
    #[must_use]
    pub fn wall() -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }

    /// When `moment` is, for a timer.
    #[must_use]
    pub fn instant(&self, moment: Moment) -> Instant {
        // Further away than a timer can be set is never.
        let never = Duration::from_hours(24 * 365);
        self.origin + moment.elapsed().min(never)
    }

    /// When the process started.
    #[must_use]
    pub fn origin(&self) -> Instant {
        self.origin
    }
}
