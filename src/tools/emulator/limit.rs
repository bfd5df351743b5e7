//! The quota as Pinpoint counts it: requests in a sliding second, and requests in flight.
//!
//! Knows nothing of what a request contains. Keeps the peaks, with or without a quota, so that a client's
//! pace can be checked afterwards.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

use crate::core::time::Moment;

/// The quota of one account and region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    /// How many requests are accepted in any second, wherever it begins.
    pub requests_per_second: usize,
    /// How many requests are served at the same time.
    pub in_flight: usize,
}

impl Default for Quota {
    /// The quota of an account for which it was never raised.
    fn default() -> Self {
        Self { requests_per_second: 15, in_flight: 15 }
    }
}

/// Counts requests against a quota.
#[derive(Debug, Default)]
pub(super) struct Limit {
    /// When the requests of the last second arrived.
    arrived: VecDeque<Moment>,
    /// When the accepted ones among them arrived.
    taken: VecDeque<Moment>,
    in_flight: usize,
    pub(super) max_per_second: usize,
    pub(super) max_in_flight: usize,
}

impl Limit {
    /// Counts a request that arrives, which is in flight until it leaves. Returns whether it
    /// is within the quota, if there is one.
    pub(super) fn arrive(&mut self, quota: Option<Quota>, now: Moment) -> bool {
        for times in [&mut self.arrived, &mut self.taken] {
            while times.front().is_some_and(|time| now.since(*time) >= Duration::from_secs(1)) {
                times.pop_front();
            }
        }
        self.arrived.push_back(now);
        self.in_flight += 1;
        self.max_per_second = self.max_per_second.max(self.arrived.len());
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
        let taken = quota.is_none_or(|quota| {
            self.taken.len() < quota.requests_per_second && self.in_flight <= quota.in_flight
        });
        if taken {
            self.taken.push_back(now);
        }
        taken
    }

    /// Ends a request: it was answered, or its client is gone.
    pub(super) fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(super) fn reset(&mut self) {
        (self.max_per_second, self.max_in_flight) = (0, self.in_flight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets requests arrive at these milliseconds. Each leaves before the next arrives.
    #[track_caller]
    fn check(per_second: usize, arrivals: &[(u64, bool)], max_per_second: usize) {
        let quota = Some(Quota { requests_per_second: per_second, in_flight: 1 });
        let mut limit = Limit::default();
        for (ms, expected) in arrivals {
            let now = Moment::after_start(Duration::from_millis(*ms));
            assert_eq!(limit.arrive(quota, now), *expected, "at {ms} ms");
            limit.leave();
        }
        assert_eq!(limit.max_per_second, max_per_second);
        assert_eq!(limit.max_in_flight, 1);
    }

    #[test]
    fn no_second_takes_more_than_the_quota() {
        check(2, &[(0, true), (500, true), (999, false), (1000, true), (1499, false), (1500, true)], 4);
        check(1, &[(0, true), (1000, true), (1999, false), (2000, true)], 2);
    }

    #[test]
    fn requests_in_flight_are_capped() {
        let quota = Some(Quota { requests_per_second: 9, in_flight: 2 });
        let mut limit = Limit::default();
        assert_eq!([(); 3].map(|()| limit.arrive(quota, Moment::START)), [true, true, false]);
        limit.leave();
        limit.leave();
        assert!(limit.arrive(quota, Moment::START));
        assert_eq!(limit.max_in_flight, 3);
    }

    #[test]
    fn without_a_quota_everything_is_taken_and_counted() {
        let mut limit = Limit::default();
        assert!((0..100).all(|_| limit.arrive(None, Moment::START)));
        assert_eq!((limit.max_per_second, limit.max_in_flight), (100, 100));
        limit.reset();
        assert_eq!((limit.max_per_second, limit.max_in_flight), (0, 100));
    }
}
