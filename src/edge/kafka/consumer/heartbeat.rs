//! The poll loop's heartbeat, and its clock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::core::time::Moment;

/// When the poll loop last took a turn.
#[derive(Debug)]
pub struct Heartbeat {
    origin: Instant,
    /// In milliseconds since the origin.
    last: AtomicU64,
}

impl Heartbeat {
    pub(super) fn new(origin: Instant) -> Self {
        let heartbeat = Self { origin, last: AtomicU64::new(0) };
        heartbeat.beat(now());
        heartbeat
    }

    /// The last beat, counted from the `origin` of `KafkaSource::start`.
    #[must_use]
    pub fn last(&self) -> Moment {
        Moment::after_start(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }

    pub(super) fn beat(&self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.origin).as_millis();
        self.last.store(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is an edge: the poll loop has deadlines of its own")]
pub(super) fn now() -> Instant {
    Instant::now()
}
