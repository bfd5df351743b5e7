//! The recent errors, for the status page: what went wrong, how often and when.
//!
//! Knows nothing of where errors come from. Holds only codes, and has a bounded size.

use std::collections::VecDeque;

use crate::core::{code::Code, time::Moment};

/// How many different errors are remembered.
const CAPACITY: usize = 20;

/// The recent errors, each kind once.
#[derive(Debug, Default)]
pub struct RecentErrors {
    /// Ordered by when they were last seen, the oldest first.
    errors: VecDeque<RecentError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecentError {
    /// The part that saw it.
    pub(super) component: &'static str,
    pub(super) code: Code,
    /// How often it was seen since the first time.
    pub(super) count: u64,
    pub(super) first: Moment,
    pub(super) last: Moment,
}

impl RecentErrors {
    /// Notes an error that `component` (`source`, `destination`, `dead_letters`, …) has seen.
    pub fn note(&mut self, now: Moment, component: &'static str, code: Code) {
        let known = self.errors.iter().position(|error| error.component == component && error.code == code);
        let known = known.and_then(|index| self.errors.remove(index));
        let known = known.unwrap_or(RecentError { component, code, count: 0, first: now, last: now });
        if self.errors.len() == CAPACITY {
            self.errors.pop_front();
        }
        self.errors.push_back(RecentError { count: known.count + 1, last: now, ..known });
    }

    /// The errors, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &RecentError> {
        self.errors.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Notes these (component, code), a second apart, and compares (code, count, first, last).
    #[track_caller]
    fn check(noted: &[(&'static str, &'static str)], expected: &[(&str, u64, u64, u64)]) {
        let mut errors = RecentErrors::default();
        for (second, (component, code)) in (0..).zip(noted) {
            errors.note(Moment::after_start(Duration::from_secs(second)), component, Code(code));
        }
        let seconds = |moment: Moment| moment.elapsed().as_secs();
        let seen = errors.newest_first().map(|it| (it.code.0, it.count, seconds(it.first), seconds(it.last)));
        assert_eq!(seen.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_kind_is_there_once_and_the_newest_comes_first() {
        check(&[], &[]);
        check(&[("a", "x"), ("a", "y")], &[("y", 1, 1, 1), ("x", 1, 0, 0)]);
        check(&[("a", "x"), ("a", "y"), ("a", "x")], &[("x", 2, 0, 2), ("y", 1, 1, 1)]);
        check(&[("a", "x"), ("b", "x")], &[("x", 1, 1, 1), ("x", 1, 0, 0)]);
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let codes: Vec<&'static str> = (0..=CAPACITY).map(|number| &*format!("{number}").leak()).collect();
        let mut errors = RecentErrors::default();
        for code in &codes {
            errors.note(Moment::START, "a", Code(code));
        }
        let kept: Vec<_> = errors.newest_first().map(|error| error.code.0).collect();
        let expected: Vec<_> = codes[1..].iter().rev().copied().collect();
        assert_eq!(kept, expected);
        // A known error needs no additional room.
        errors.note(Moment::START, "a", Code(codes[1]));
        assert_eq!(errors.newest_first().count(), CAPACITY);
        assert_eq!(errors.newest_first().next().map(|error| error.count), Some(2));
    }
}
