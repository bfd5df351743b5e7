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
        // Thirty years after the start are as good as never, and every system's clock counts that far.
        let never = Duration::from_hours(24 * 365 * 30);
        self.origin + moment.elapsed().min(never)
    }

    #[must_use]
    pub fn origin(&self) -> Instant {
        self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_timer_is_as_exact_after_years_as_at_the_start() {
        const STEP: Duration = Duration::from_secs(1);
        let clock = Clock::start();
        tokio::time::advance(Duration::from_hours(24 * 400)).await;
        assert_eq!(clock.instant(clock.now() + STEP), clock.origin + Duration::from_hours(24 * 400) + STEP);
        assert!(clock.instant(Moment::after_start(Duration::MAX)) > clock.origin);
    }
}
