//! The rate limiter of a quota domain (one AWS account and region): decides when its next request may start.
//!
//! Knows nothing of the content of requests. What always holds: in no second do more requests start than this
//! replica's share of the rate, in whole requests; the requests in flight stay within its share of the cap
//! (at least one); and request starts are spaced evenly (invariant 5). Requests that start within a second of
//! each other may arrive closer together: the learned margin keeps quota free for those on their way.

use std::{collections::VecDeque, iter, time::Duration};

use serde::Serialize;

use crate::core::{
    backoff::Backoff,
    destination::DestinationId,
    pipeline::{
        config::{QuotaConfig, Share},
        quota_margin::Margin,
        quota_share::{Partitions, QuotaShare},
        turns::Turns,
    },
    record::Assignment,
    time::Moment,
};

/// The window over which a service counts requests.
const SECOND: Duration = Duration::from_secs(1);

/// The maximum timer delay that is compensated for.
const LATE: Duration = Duration::from_millis(20);

/// The factor by which a throttled request lowers the speed, and the lowest speed.
const SLOWER: f64 = 0.5;
const SLOWEST: f64 = 0.05;

/// The fraction of the full speed that is regained in a second without throttling.
const FASTER_PER_SECOND: f64 = 0.05;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct QuotaStatus {
    /// This replica's share of the whole quota, 0 to 1.
    pub share: f64,
    /// The fraction of its share that this replica uses at present, 0 to 1. It is below 1 after throttling.
    pub speed: f64,
    pub requests_per_second: f64,
    /// The maximum number of requests in flight.
    #[serde(rename = "requests_in_flight_limit")]
    pub in_flight_cap: usize,
}

/// One quota domain and the destinations that share it, which take turns.
pub(super) struct QuotaDomain {
    pub(super) quota: Quota,
    /// The number of consecutive throttled requests, each started after the slowdown for the previous one.
    throttles: u32,
    pub(super) turns: Turns,
}

impl QuotaDomain {
    pub(super) fn new(config: QuotaConfig) -> Self {
        Self { quota: Quota::new(config), throttles: 0, turns: Turns::default() }
    }

    /// Handles a request that was throttled as a whole. Slows the domain down, unless the request started
    /// before the last slowdown, or a margin that was too short explains it. No request starts during the wait
    /// that the answer `asked` for. Returns whether throttling began with this request.
    pub(super) fn throttled(
        &mut self,
        now: Moment,
        started: Moment,
        asked: Duration,
        backoff: &Backoff,
        jitter: f64,
    ) -> bool {
        self.quota.pause(now, asked);
        // Requests that were in flight at the last slowdown met the same congestion that caused it.
        if !self.quota.knew_slowing(started) || self.quota.lengthen_margin(now) {
            return false;
        }
        self.throttles += 1;
        self.quota.slow_down(now, SLOWER);
        self.quota.pause(now, backoff.wait(self.throttles, jitter));
        self.throttles == 1
    }

    /// Handles a request that started at `started`, and of which `throttled` of `sent` events were throttled
    /// and others were not. Slows the domain down by that fraction, at most once a second, because such
    /// events also wait on their own.
    pub(super) fn throttled_partly(&mut self, now: Moment, started: Moment, throttled: usize, sent: usize) {
        if throttled == 0 || !self.quota.knew_slowing(started) {
            return;
        }
        if self.quota.slowed.is_none_or(|slowed| slowed + SECOND <= now) {
            #[expect(clippy::cast_precision_loss, reason = "a request has few events")]
            let share = throttled as f64 / sent.max(throttled) as f64;
            self.quota.slow_down(now, 1.0 - share);
        }
    }

    /// Handles a request that started at `started` and was not throttled as a whole.
    pub(super) fn recover(&mut self, started: Moment) {
        if self.quota.knew_slowing(started) {
            self.throttles = 0;
        }
    }

    pub(super) fn throttles(&self) -> u32 {
        self.throttles
    }

    /// Registers the start of a request of this destination.
    pub(super) fn start(&mut self, now: Moment, id: DestinationId) {
        self.quota.start(now);
        self.turns.sent(id);
    }
}

/// The rate limiter of one quota domain, or of one destination that is capped within it.
#[derive(Debug)]
pub(super) struct Quota {
    config: QuotaConfig,
    part: QuotaShare,
    /// The fraction of the share that is used; below 1 after throttling.
    speed: f64,
    speed_changed: Moment,
    /// When throttling last slowed it down.
    slowed: Option<Moment>,
    /// When the next request may start if only the spacing counts.
    next_slot: Moment,
    /// No request starts before this moment.
    not_before: Moment,
    /// The time that requests may take to be counted.
    margin: Margin,
    /// The start times of the requests in flight, oldest first.
    in_flight: VecDeque<Moment>,
    /// The latest times at which finished requests can have been counted, oldest first. Only those of the
    /// last second are kept.
    counted: VecDeque<Moment>,
}

impl Quota {
    /// The cap of one destination within its domain. It keeps quota free for each request until its answer:
    /// nobody says which cap a request was throttled by, so there is nothing to learn.
    pub(super) fn cap(config: QuotaConfig) -> Self {
        Self { margin: Margin::fixed(), ..Self::new(config) }
    }

    pub(super) fn new(config: QuotaConfig) -> Self {
        let share = match config.share {
            Share::Fixed(share) => share,
            Share::Partitions => 0.0,
        };
        Self {
            part: QuotaShare::of(config.requests_per_second, share),
            config,
            speed: 1.0,
            speed_changed: Moment::START,
            slowed: None,
            next_slot: Moment::START,
            not_before: Moment::START,
            margin: Margin::new(share),
            in_flight: VecDeque::new(),
            counted: VecDeque::new(),
        }
    }

    /// Sets this replica's share from the partitions that it owns, if it is configured that way. The former
    /// owner of a partition may have used its share until now, so no request starts in the second after a
    /// gain.
    pub(super) fn own<'a>(
        &mut self,
        now: Moment,
        partitions: &Partitions,
        owned: impl IntoIterator<Item = &'a Assignment>,
    ) {
        if self.config.share != Share::Partitions {
            return;
        }
        let part = partitions.part(self.config.requests_per_second, owned);
        let gained = part.rate > self.part.rate || part.share > self.part.share;
        self.part = part;
        self.margin.share(part.share);
        if gained {
            self.margin.wait(now);
            self.not_before = self.not_before.max(now + SECOND);
            // The wide spacing of a small share must not outlast that share.
            self.next_slot = self.next_slot.min(now + self.interval());
        }
    }

    /// When the next request may start; `None` if this depends on an answer or an assignment.
    pub(super) fn next_start(&self) -> Option<Moment> {
        if self.part.share <= 0.0 || self.in_flight.len() >= self.in_flight_cap() {
            return None;
        }
        let mut start = self.next_slot.max(self.not_before);
        let window = self.window();
        if self.counted.len() + self.in_flight.len() >= window {
            start = start.max(self.leaves_the_window(window)?);
        }
        Some(start)
    }

    /// When the oldest request leaves the full window of a second that must leave it before one more fits in.
    fn leaves_the_window(&self, window: usize) -> Option<Moment> {
        let excess = (self.counted.len() + self.in_flight.len()).checked_sub(window)?;
        Some(self.counts().nth(excess)? + SECOND)
    }

    /// Registers the start of a request.
    pub(super) fn start(&mut self, now: Moment) {
        self.recover(now);
        // It starts as soon as another one has left the window: the margin decided when.
        let left = self.leaves_the_window(self.window());
        if left.is_some_and(|left| left <= now && now.since(left) <= LATE) {
            self.margin.used(now);
        }
        self.forget(now);
        let interval = self.interval();
        let earliest = Moment::after_start(now.elapsed().saturating_sub(interval.min(LATE)));
        self.next_slot = self.next_slot.max(earliest) + interval;
        self.in_flight.push_back(now);
    }

    /// Registers that a request that started at `started` has been answered, or never will be.
    pub(super) fn finish(&mut self, now: Moment, started: Moment) {
        if let Some(index) = self.in_flight.iter().position(|start| *start == started) {
            self.in_flight.remove(index);
        }
        self.margin.answered(now.since(started));
        let counted = now.min(started + self.margin.length());
        let index = self.counted.partition_point(|other| *other <= counted);
        self.counted.insert(index, counted);
        self.forget(now);
    }

    /// Whether a request that started at `started` had the current pace, because it started after the last
    /// slowdown.
    pub(super) fn knew_slowing(&self, started: Moment) -> bool {
        self.slowed.is_none_or(|slowed| started >= slowed)
    }

    /// Lengthens the margin if requests at full speed were throttled. Returns whether this is remedy enough.
    fn lengthen_margin(&mut self, now: Moment) -> bool {
        if self.speed < 1.0 || !self.margin.throttled(now) {
            return false;
        }
        // Those in flight started with the shorter margin, too.
        self.slowed = Some(now);
        self.pause(now, self.margin.length());
        true
    }

    /// Slows down at once by the factor, because a request that started after the last slowdown was
    /// throttled.
    fn slow_down(&mut self, now: Moment, factor: f64) {
        self.recover(now);
        self.speed = (self.speed * factor).max(SLOWEST);
        self.slowed = Some(now);
        self.speed_changed = now;
    }

    /// Starts no requests for `wait`, and regains no speed until then.
    pub(super) fn pause(&mut self, now: Moment, wait: Duration) {
        self.recover(now);
        self.not_before = self.not_before.max(now + wait);
        self.speed_changed = now;
    }

    /// This replica's current rate, in requests per second.
    pub(super) fn rate(&self) -> f64 {
        self.part.rate * self.speed
    }

    /// This replica's rate when nothing is throttled, in requests per second: a whole number, or less than
    /// one.
    pub(super) fn nominal_rate(&self) -> f64 {
        self.part.rate
    }

    /// The maximum number of requests in flight.
    pub(super) fn in_flight_cap(&self) -> usize {
        // Without a rate, only the requests in flight can become fewer.
        let speed = if self.config.is_off() { self.speed } else { 1.0 };
        let cap = f64::from(self.config.in_flight.get()) * self.part.share * speed;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ cap ≤ 2^32")]
        let cap = cap as usize;
        cap.max(1)
    }

    pub(super) fn status(&self) -> QuotaStatus {
        QuotaStatus {
            share: self.part.share,
            speed: self.speed,
            requests_per_second: self.rate(),
            in_flight_cap: self.in_flight_cap(),
        }
    }

    fn interval(&self) -> Duration {
        Duration::try_from_secs_f64(1.0 / self.rate()).unwrap_or(Duration::MAX)
    }

    /// The maximum number of requests in one second.
    fn window(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive")]
        let window = self.part.rate as usize;
        window.max(1)
    }

    /// The latest times at which requests were, or will be, counted, oldest first.
    fn counts(&self) -> impl Iterator<Item = Moment> {
        let mut counted = self.counted.iter().copied().peekable();
        let mut flying = self.in_flight.iter().map(|start| *start + self.margin.length()).peekable();
        iter::from_fn(move || {
            let flies_first = |flying: &Moment| counted.peek().is_none_or(|counted| flying < counted);
            flying.next_if(flies_first).or_else(|| counted.next())
        })
    }

    /// Regains speed for the time that has passed without throttling.
    fn recover(&mut self, now: Moment) {
        if self.speed < 1.0 && now > self.not_before {
            let calm = now.since(self.speed_changed.max(self.not_before));
            self.speed = (self.speed + FASTER_PER_SECOND * calm.as_secs_f64()).min(1.0);
            self.speed_changed = now;
        }
    }

    fn forget(&mut self, now: Moment) {
        while self.counted.pop_front_if(|counted| *counted + SECOND <= now).is_some() {}
    }
}

#[cfg(test)]
mod tests;
