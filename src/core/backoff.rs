//! Exponential backoff with full jitter: the delays before retries.
//!
//! Only this file uses the crate `backoff` (unmaintained, RUSTSEC-2025-0012; chosen by the product's owner).
//! Its `ExponentialBackoff` reads a clock and draws a random number at each call. It is therefore called only
//! here, once, before anything starts, with its randomization switched off. The pure part then looks up the
//! results and multiplies them by a random number that the caller passes in ("full jitter").

use std::time::Duration;

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff as _};

/// The upper bounds of the delays before the first, second, … retry. The last one applies to all further
/// retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    waits: Vec<Duration>,
}

impl Backoff {
    /// A backoff that starts at `initial` and doubles until it reaches `max`.
    #[must_use]
    pub fn new(initial: Duration, max: Duration) -> Self {
        let mut backoff: ExponentialBackoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(initial.min(max))
            .with_multiplier(2.0)
            .with_randomization_factor(0.0)
            .with_max_interval(max)
            .with_max_elapsed_time(None)
            .build();
        let mut waits: Vec<Duration> = Vec::new();
        // 64 doublings turn a nanosecond into more than a thousand years, so the loop reaches `max` much
        // earlier.
        while waits.len() < 64 && waits.last().is_none_or(|last| *last < max) {
            waits.extend(backoff.next_backoff());
        }
        Self { waits }
    }

    /// Returns the delay after `failures` consecutive failures (1 is the first). It is the upper bound times
    /// `jitter`, a random number from 0 to 1 that the caller draws.
    #[must_use]
    pub fn wait(&self, failures: u32, jitter: f64) -> Duration {
        self.longest(failures).mul_f64(jitter.clamp(0.0, 1.0))
    }

    /// The upper bound of the delay after `failures` consecutive failures.
    #[must_use]
    pub fn longest(&self, failures: u32) -> Duration {
        let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        (self.waits.get(index).or(self.waits.last())).copied().unwrap_or_default()
    }

    /// The upper bound of all delays.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.waits.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(initial_ms: u64, max_ms: u64, expected_ms: &[u64]) {
        let backoff = Backoff::new(Duration::from_millis(initial_ms), Duration::from_millis(max_ms));
        let waits: Vec<_> = backoff.waits.iter().map(Duration::as_millis).collect();
        assert_eq!(waits, expected_ms.iter().map(|ms| u128::from(*ms)).collect::<Vec<_>>());
    }

    #[test]
    fn doubles_up_to_the_longest() {
        check(500, 30_000, &[500, 1000, 2000, 4000, 8000, 16_000, 30_000]);
        check(500, 500, &[500]);
        check(1000, 500, &[500]);
    }

    #[test]
    fn jitter_takes_a_part_and_the_last_wait_repeats() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));
        assert_eq!(backoff.wait(1, 0.5), Duration::from_millis(500));
        assert_eq!(backoff.wait(3, 1.0), Duration::from_secs(4));
        assert_eq!(backoff.wait(u32::MAX, 1.0), Duration::from_secs(4));
        assert_eq!(backoff.wait(0, 0.0), Duration::ZERO);
    }
}
