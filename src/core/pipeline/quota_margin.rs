//! How long a request may take to be counted: the time for which a domain keeps its quota free for a request
//! that is on its way.
//!
//! A service counts a request somewhere between its start and its answer. Until it is known when, the answer
//! is the only proof, and each second loses the latency of one answer. So the margin is learned: it shrinks
//! while the quota is used fully and nothing is throttled, and grows at once when something is.
//!
//! Knows nothing of requests and rates. What always holds: the margin is between [`SHORTEST`] and [`LONGEST`].

use std::time::Duration;

use crate::core::time::Moment;

/// The longest time from the start of a request until the service counts it: a busy machine and opening a
/// connection may take that long.
pub(super) const LONGEST: Duration = Duration::from_millis(500);

/// What the margin is multiplied by in a step.
const STEP: f64 = 0.6;

/// What is always kept: it costs a hundredth of the quota, and requests on a quiet network differ by less.
const SHORTEST: Duration = Duration::from_millis(10);

/// What a margin that was too short at least grows by, after it has doubled.
const GROWTH: Duration = Duration::from_millis(4);

/// The time between two steps until something is throttled for the first time, and after that if this replica
/// has the whole quota. It takes two steps until the margin is as short again as when it was too short.
const FIRST_PACE: Duration = Duration::from_secs(15);
const LATER_PACE: Duration = Duration::from_mins(1);

/// The smallest share of the quota that slows the pace down.
const SMALLEST_SHARE: f64 = 0.01;

#[derive(Debug)]
pub(super) struct Margin {
    length: Duration,
    /// The longest time from a request to its answer since the last step, but no longer than the margin.
    answered_within: Duration,
    stepped: Moment,
    /// When it was last too short.
    grown: Option<Moment>,
    /// The time between two steps once it was too short: a minute for all replicas together.
    later_pace: Duration,
    learns: bool,
}

impl Margin {
    /// The margin of a replica with this share of the quota, 0 to 1.
    pub(super) fn new(share: f64) -> Self {
        let mut margin = Self {
            length: LONGEST,
            answered_within: Duration::ZERO,
            stepped: Moment::START,
            grown: None,
            later_pace: LATER_PACE,
            learns: true,
        };
        margin.share(share);
        margin
    }

    /// A margin that stays the longest.
    pub(super) fn fixed() -> Self {
        Self { learns: false, ..Self::new(1.0) }
    }

    /// Sets this replica's share of the quota. Each replica learns for itself, so with a smaller share it
    /// takes its steps more slowly.
    pub(super) fn share(&mut self, share: f64) {
        self.later_pace = LATER_PACE.div_f64(share.clamp(SMALLEST_SHARE, 1.0));
    }

    /// The time after its start by which a request is taken to be counted.
    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// Waits with the next step, because the circumstances have changed.
    pub(super) fn wait(&mut self, now: Moment) {
        self.stepped = now;
    }

    /// Registers the answer to a request that took so long.
    pub(super) fn answered(&mut self, took: Duration) {
        self.answered_within = self.answered_within.max(took.min(self.length));
    }

    /// Registers a request that started as soon as the margin allowed. Only such requests show whether it can
    /// be shorter.
    pub(super) fn used(&mut self, now: Moment) {
        let pace = if self.grown.is_some() { self.later_pace } else { FIRST_PACE };
        // Without an answer since the last step, nothing has been learned.
        if !self.learns || now < self.stepped + pace || self.answered_within.is_zero() {
            return;
        }
        self.length = self.answered_within.mul_f64(STEP).max(SHORTEST);
        self.answered_within = Duration::ZERO;
        self.stepped = now;
    }

    /// Registers a request that was throttled although the domain kept its quota. Returns whether a margin
    /// that was too short explains it. It does so once in the time of a step at most: if a longer one did not
    /// help, the rate is too high.
    pub(super) fn throttled(&mut self, now: Moment) -> bool {
        if self.length == LONGEST {
            return false;
        }
        let explains = self.grown.is_none_or(|grown| grown + self.later_pace <= now);
        self.length = (self.length * 2 + GROWTH).min(LONGEST);
        self.answered_within = Duration::ZERO;
        self.stepped = now;
        self.grown = Some(now);
        explains
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    /// A margin after so many seconds of requests, each answered after this many milliseconds.
    fn after(seconds: u64, latency: u64) -> Margin {
        let mut margin = Margin::new(1.0);
        use_fully(&mut margin, 1..seconds, latency);
        margin
    }

    fn use_fully(margin: &mut Margin, seconds: std::ops::Range<u64>, latency: u64) {
        for second in seconds {
            margin.answered(Duration::from_millis(latency));
            margin.used(at(second));
        }
    }

    #[test]
    fn it_shrinks_from_the_latency_while_nothing_is_throttled() {
        assert_eq!(after(15, 60).length(), LONGEST);
        assert_eq!(after(16, 60).length(), Duration::from_millis(36));
        assert!(after(31, 60).length() < Duration::from_millis(22));
        assert_eq!(after(300, 60).length(), SHORTEST);
    }

    #[test]
    fn it_stays_while_there_are_no_answers() {
        let mut margin = Margin::new(1.0);
        margin.used(at(50));
        assert_eq!(margin.length(), LONGEST);
    }

    #[test]
    fn a_fixed_one_learns_nothing() {
        let mut margin = Margin::fixed();
        use_fully(&mut margin, 1..300, 60);
        assert_eq!(margin.length(), LONGEST);
        assert!(!margin.throttled(at(300)));
    }

    #[test]
    fn it_grows_at_once_and_then_shrinks_slowly() {
        let mut margin = after(300, 60);
        assert!(margin.throttled(at(300)), "it was too short");
        let grown = SHORTEST * 2 + GROWTH;
        assert_eq!(margin.length(), grown);
        use_fully(&mut margin, 301..360, 60);
        assert_eq!(margin.length(), grown);
        use_fully(&mut margin, 360..362, 60);
        assert_eq!(margin.length(), grown.mul_f64(STEP));
    }

    #[test]
    fn a_replica_with_a_third_of_the_quota_takes_its_steps_three_times_as_slowly() {
        let mut margin = after(300, 60);
        margin.share(1.0 / 3.0);
        margin.throttled(at(300));
        let grown = SHORTEST * 2 + GROWTH;
        use_fully(&mut margin, 301..480, 60);
        assert_eq!(margin.length(), grown);
        use_fully(&mut margin, 480..482, 60);
        assert_eq!(margin.length(), grown.mul_f64(STEP));
    }

    #[test]
    fn throttling_that_goes_on_has_another_reason() {
        let mut margin = after(300, 60);
        assert!(margin.throttled(at(300)));
        assert!(!margin.throttled(at(301)));
        assert!(margin.throttled(at(361)));
        for second in 362..372 {
            margin.throttled(at(second));
        }
        assert_eq!(margin.length(), LONGEST);
        assert!(!margin.throttled(at(1000)), "the longest cannot be too short");
    }
}
