//! The breaker of one topic: when most of what it brings is refused, that is not the records' fault, and
//! writing the topic to the dead letters would only move the damage.
//!
//! Knows nothing of dead letters and paused. What always holds: while the breaker is on, at most one refusal
//! is let through in each pause.

use std::{collections::VecDeque, time::Duration};

use crate::core::{pipeline::config::CircuitBreakerConfig, time::Moment};

/// Looks back on the last records of a topic that were finished, by whatever stage.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    window: VecDeque<bool>,
    length: usize,
    /// More refusals than this in the window put the breaker on.
    tolerated: usize,
    refused: usize,
    pause: Duration,
    /// When the next refusal is let through, while the breaker is on.
    next_through: Option<Moment>,
}

impl CircuitBreaker {
    /// A breaker that lets one refusal through in each `pause` while it is on.
    pub(super) fn new(config: CircuitBreakerConfig, pause: Duration) -> Self {
        let length = config.window.get();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of 0 to 1 of a small number"
        )]
        let tolerated = (config.share * length as f64) as usize;
        Self { window: VecDeque::new(), length, tolerated, refused: 0, pause, next_through: None }
    }

    /// A record was finished without a refusal. Returns whether that released the breaker.
    pub(super) fn pass(&mut self) -> bool {
        self.finish(false);
        let released = self.is_on() && self.refused <= self.tolerated;
        if released {
            self.next_through = None;
        }
        released
    }

    /// Whether a record that is refused may go to the dead letters now; if not, it waits.
    pub(super) fn admit(&mut self, now: Moment) -> bool {
        if self.next_through.is_some_and(|next| now < next) {
            return false;
        }
        self.finish(true);
        // A window that has not been filled yet counts as filled with records that passed: the first
        // record of a topic may be a bad one without stopping it.
        if self.refused > self.tolerated {
            self.next_through = Some(now + self.pause);
        }
        true
    }

    pub(super) fn is_on(&self) -> bool {
        self.next_through.is_some()
    }

    /// When the next refusal is let through, while the breaker is on.
    pub(super) fn next_through(&self) -> Option<Moment> {
        self.next_through
    }

    fn finish(&mut self, refused: bool) {
        self.window.push_back(refused);
        self.refused += usize::from(refused);
        if self.window.len() > self.length && self.window.pop_front() == Some(true) {
            self.refused -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    /// Finishes records at second 0 as `history` says (`x` refused, `.` passed); returns what became of
    /// each (`X` let through, `w` waits).
    #[track_caller]
    fn check(history: &str, expected: &str, on: bool) -> CircuitBreaker {
        let config = CircuitBreakerConfig { share: 0.5, window: NonZeroUsize::new(4).expect("not 0") };
        let mut breaker = CircuitBreaker::new(config, Duration::from_secs(30));
        let became: String = (history.chars())
            .map(|record| match record {
                '.' => {
                    breaker.pass();
                    '.'
                }
                _ if breaker.admit(at(0)) => 'X',
                _ => 'w',
            })
            .collect();
        assert_eq!((became.as_str(), breaker.is_on()), (expected, on));
        breaker
    }

    #[test]
    fn more_than_the_share_puts_it_on() {
        check("x", "X", false);
        check("xx", "XX", false);
        check("xxx", "XXX", true);
        check("xxxxx", "XXXww", true);
        check(".x.x.x.x", ".X.X.X.X", false);
    }

    #[test]
    fn passing_records_release_it() {
        check("xxx.", "XXX.", true);
        check("xxx..", "XXX..", false);
        check("xxx..x", "XXX..X", false);
    }

    #[test]
    fn one_refusal_is_let_through_in_each_pause() {
        let mut breaker = check("xxxx", "XXXw", true);
        assert!(!breaker.admit(at(29)));
        assert!(breaker.admit(at(30)));
        assert!(!breaker.admit(at(31)));
        assert!(breaker.admit(at(60)));
    }
}
