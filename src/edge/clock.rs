//! The process's clock, for the edges: the pure part gets [`Moment`]s as arguments.

use std::time::Duration;

use tokio::time::Instant;

use crate::core::time::{Moment, Timestamp};

/// Counts from the start of the process. Stands still while tokio's clock is paused.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn now(&self) -> Moment {
        Moment::after_start(Instant::now().saturating_duration_since(self.origin))
    }

    #[must_use]
    pub fn wall() -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }

    /// The point in time of `moment`, for a timer.
    #[must_use]
    pub fn instant(&self, moment: Moment) -> Instant {
        // A year from now is as good as never, and a timer can still be set to it.
        let never = Duration::from_hours(24 * 365);
        self.origin + moment.elapsed().min(never)
    }

    #[must_use]
    pub fn origin(&self) -> Instant {
        self.origin
    }
}
