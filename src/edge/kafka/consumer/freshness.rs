//! Whether librdkafka's positions are those of the latest assignment.
//!
//! librdkafka resets a position on a thread of its own, so `position` may return that of an earlier assignment
//! for a while. Only time in which the poll loop has run counts: when a process that stood still goes on,
//! librdkafka's thread has not run either.

use std::time::{Duration, Instant};

/// How long `position` may return that of an earlier assignment: many times what librdkafka's thread needs.
const STALE: Duration = Duration::from_secs(2);

/// The longest time between two turns that counts: twice what an idle turn takes.
const TURN: Duration = Duration::from_millis(100);

#[derive(Default)]
pub(super) struct Freshness {
    /// The counted time since the last assignment.
    age: Duration,
    last_turn: Option<Instant>,
}

impl Freshness {
    /// Registers an assignment.
    pub(super) fn assigned(&mut self) {
        self.age = Duration::ZERO;
    }

    /// Registers a turn of the poll loop.
    pub(super) fn turn(&mut self, now: Instant) {
        let passed = self.last_turn.map(|last| now.saturating_duration_since(last)).unwrap_or_default();
        self.age = self.age.saturating_add(passed.min(TURN));
        self.last_turn = Some(now);
    }

    /// Whether positions are those of the latest assignment.
    pub(super) fn is_fresh(&self) -> bool {
        self.age >= STALE
    }
}

#[cfg(test)]
mod tests {
    use super::{super::heartbeat::now, *};

    #[test]
    fn positions_are_fresh_once_the_loop_has_run_for_a_while() {
        let (mut freshness, mut time) = (Freshness::default(), now());
        let mut turn = |freshness: &mut Freshness, passed| {
            time += passed;
            freshness.turn(time);
        };
        turn(&mut freshness, Duration::ZERO);
        for _ in 0..40 {
            assert!(!freshness.is_fresh());
            turn(&mut freshness, STALE / 40);
        }
        assert!(freshness.is_fresh());
        freshness.assigned();
        assert!(!freshness.is_fresh());
        turn(&mut freshness, 10 * STALE);
        assert!(!freshness.is_fresh(), "the process stood still");
    }
}
