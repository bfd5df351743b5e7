//! Tests of the rate limiter: its pace against services that count in different ways.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Range};

use fastrand::Rng;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::core::{pipeline::quota_margin::LONGEST, record::Ownership};

mod throttling;

fn at(ms: u64) -> Moment {
    Moment::after_start(Duration::from_millis(ms))
}

fn quota(rate: f64, owned: usize, total: usize) -> Quota {
    let mut quota = Quota::new(QuotaConfig { requests_per_second: rate, ..QuotaConfig::default() });
    own(&mut quota, Moment::START, 0..owned, total);
    quota
}

/// Makes it own these of `total` partitions from `now` on.
fn own(quota: &mut Quota, now: Moment, numbers: Range<usize>, total: usize) {
    let assignment =
        |number| Assignment::new(Ownership(0), "a".into(), i32::try_from(number).expect("a few"));
    let owned: Vec<_> = numbers.map(assignment).collect();
    quota.own(now, &Partitions::new(vec![("a".into(), total)]), &owned);
}

/// Whether the margin shrinks with what the answers teach.
#[derive(Clone, Copy)]
enum Learning {
    On,
    Off,
}

/// Sends as fast as allowed for the ten seconds after its first second, and answers each request after
/// `latency`. Returns the start times.
fn starts(
    quota: &mut Quota,
    learning: Learning,
    latency: Duration,
    late: impl Fn(usize) -> Duration,
) -> Vec<Moment> {
    let (mut now, mut starts) = (at(1000), Vec::new());
    let mut flying: VecDeque<Moment> = VecDeque::new();
    while now < at(11_000) {
        if let Learning::Off = learning {
            quota.margin = Margin::new(1.0);
        }
        let next = quota.next_start().map(|start| start.max(now) + late(starts.len()));
        let answer = flying.front().map(|start| *start + latency);
        match (next, answer) {
            (next, Some(answer)) if next.is_none_or(|next| answer <= next) => {
                now = now.max(answer);
                let started = flying.pop_front().expect("there is one in flight");
                quota.finish(now, started);
            }
            (Some(next), _) => {
                now = next;
                quota.start(now);
                flying.push_back(now);
                starts.push(now);
            }
            (None, _) => panic!("nothing in flight and nothing may start"),
        }
    }
    starts
}

#[track_caller]
fn check_filled(rate: f64, share: (usize, usize), latency_ms: u64, expected: Range<usize>) {
    let mut quota = quota(rate, share.0, share.1);
    let latency = Duration::from_millis(latency_ms);
    let sent = starts(&mut quota, Learning::Off, latency, |_| Duration::ZERO).len();
    assert!(expected.contains(&sent), "{sent} requests in ten seconds");
}

/// When a server counts the requests with these starts: each one `after` this many milliseconds.
fn arrivals(starts: &[Moment], after: impl Fn(usize) -> u64) -> Vec<Moment> {
    let arrival = |(index, start): (usize, &Moment)| *start + Duration::from_millis(after(index));
    starts.iter().enumerate().map(arrival).collect()
}

fn no_second_sees_a_sixteenth(mut counted: Vec<Moment>) -> bool {
    counted.sort_unstable();
    counted.windows(16).all(|window| window[15].since(window[0]) >= SECOND)
}

#[test]
fn the_quota_is_filled_but_for_the_latency_of_an_answer_if_nothing_was_learned() {
    check_filled(15.0, (1, 1), 2, 148..152);
    check_filled(15.0, (1, 1), 50, 141..148);
    check_filled(15.0, (1, 1), 300, 113..122);
    check_filled(15.0, (1, 1), 900, 98..110);
    check_filled(15.0, (1, 3), 20, 49..52);
    check_filled(15.0, (1, 30), 20, 5..7);
    check_filled(15.0, (1, 2), 20, 76..81);
    check_filled(2.5, (1, 1), 20, 19..22);
    check_filled(1000.0, (1, 1), 10, 9500..10_002);
}

#[test]
fn a_replica_without_partitions_sends_nothing() {
    assert_eq!(quota(15.0, 0, 8).next_start(), None);
}

#[test]
fn at_least_one_request_may_be_in_flight() {
    assert_eq!(quota(15.0, 1, 100).in_flight_cap(), 1);
}

#[test]
fn a_gain_of_partitions_waits_until_their_last_owner_is_forgotten() {
    let mut quota = quota(15.0, 1, 3);
    own(&mut quota, at(5000), 0..2, 3);
    assert_eq!(quota.next_start(), Some(at(6000)));
    own(&mut quota, at(7000), 0..1, 3);
    assert_eq!(quota.next_start(), Some(at(6000)), "a loss frees nothing and costs nothing");
}

#[test]
fn partitions_that_bring_more_than_others_are_a_gain_as_well() {
    let mut quota = Quota::new(QuotaConfig::default());
    own(&mut quota, at(1000), 3..4, 4);
    let before = quota.nominal_rate();
    own(&mut quota, at(5000), 0..1, 4);
    assert!(before < quota.nominal_rate(), "the first of four brings four requests a second, not {before}");
    assert_eq!(quota.next_start(), Some(at(6000)));
}

#[test]
fn a_gain_of_partitions_ends_the_spacing_of_the_smaller_part() {
    let mut quota = quota(15.0, 1, 1000);
    quota.start(at(1000));
    quota.finish(at(1020), at(1000));
    assert!(quota.next_start() > Some(at(60_000)));
    own(&mut quota, at(2000), 0..1000, 1000);
    assert_eq!(quota.next_start(), Some(at(3000)));
}

#[test]
fn throttling_slows_down_at_once_and_recovers_slowly() {
    let mut quota = quota(15.0, 1, 1);
    quota.start(at(1000));
    quota.start(at(1067));
    quota.finish(at(1100), at(1000));
    quota.slow_down(at(1100), SLOWER);
    quota.pause(at(1100), Duration::from_millis(400));
    assert!((quota.rate() - 7.5).abs() < 0.01);
    assert!(!quota.knew_slowing(at(1067)), "the other one had started before that");
    quota.pause(at(1110), Duration::from_millis(300));
    assert_eq!(quota.next_start(), Some(at(1500)));
    quota.start(at(6500));
    assert!((quota.rate() - 11.25).abs() < 0.1, "{}", quota.rate());
    quota.start(at(20_000));
    assert!((quota.rate() - 15.0).abs() < 0.01);
}

#[test]
fn what_was_counted_and_what_flies_are_told_in_one_order() {
    let mut quota = quota(15.0, 1, 1);
    for start in [1000, 1100, 1200, 1300] {
        quota.start(at(start));
    }
    quota.finish(at(1650), at(1100));
    quota.finish(at(1650), at(1300));
    assert_eq!(quota.counts().collect::<Vec<_>>(), [1500, 1600, 1650, 1700].map(at));
}

/// How a service counts the requests of a second.
#[derive(Clone, Copy)]
enum Counting {
    /// No second has more than the rate.
    SlidingSecond,
    /// A bucket of one second's requests that is filled at the rate.
    TokenBucket,
}

/// A service with a quota of 15 requests per second.
struct Service {
    counting: Counting,
    accepted: VecDeque<Moment>,
    tokens: f64,
    filled: Moment,
}

impl Service {
    fn new(counting: Counting) -> Self {
        Self { counting, accepted: VecDeque::new(), tokens: 15.0, filled: Moment::START }
    }

    /// Whether it takes a request that arrives now.
    fn takes(&mut self, now: Moment) -> bool {
        match self.counting {
            Counting::SlidingSecond => {
                while self.accepted.pop_front_if(|accepted| *accepted + SECOND <= now).is_some() {}
                let takes = self.accepted.len() < 15;
                self.accepted.extend(takes.then_some(now));
                takes
            }
            Counting::TokenBucket => {
                let filled = self.tokens + 15.0 * now.since(self.filled).as_secs_f64();
                (self.tokens, self.filled) = (filled.min(15.0), now);
                let takes = self.tokens >= 1.0;
                self.tokens -= f64::from(u8::from(takes));
                takes
            }
        }
    }
}

/// What happens to the request of a replica, in the order of events at the same time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Answered { replica: usize, started: Moment, throttled: bool },
    Arrives { replica: usize, started: Moment },
    MayStart { replica: usize },
}

/// Replicas that send as fast as they may for ten minutes, each request on its way there and back for so many
/// milliseconds. Returns how much of the quota was used after the first minute, and how many requests were
/// throttled in all.
fn filled(counting: Counting, replicas: usize, there: Range<u64>, back: Range<u64>) -> (f64, usize) {
    let (mut rng, mut service) = (Rng::with_seed(7), Service::new(counting));
    let mut domains: Vec<_> = (0..replicas)
        .map(|replica| {
            let mut domain = QuotaDomain::new(QuotaConfig::default());
            own(&mut domain.quota, Moment::START, replica * 4..(replica + 1) * 4, replicas * 4);
            domain
        })
        .collect();
    let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
    let mut due: BinaryHeap<_> =
        (0..replicas).map(|replica| Reverse((at(1000), Happens::MayStart { replica }))).collect();
    let mut planned = vec![at(1000); replicas];
    let (mut accepted, mut refusals, end) = (0_u32, 0, at(601_000));
    while let Some(Reverse((now, happens))) = due.pop().filter(|Reverse((now, _))| *now < end) {
        let replica = match happens {
            // Another time was planned since.
            Happens::MayStart { replica } if planned[replica] != now => continue,
            Happens::MayStart { replica } => {
                if domains[replica].quota.next_start().is_some_and(|start| start <= now) {
                    domains[replica].start(now, DestinationId(0));
                    let arrives = now + Duration::from_millis(rng.u64(there.clone()));
                    due.push(Reverse((arrives, Happens::Arrives { replica, started: now })));
                }
                replica
            }
            Happens::Arrives { replica, started } => {
                let throttled = !service.takes(now);
                refusals += usize::from(throttled);
                accepted += u32::from(!throttled && now >= at(61_000));
                let answered = now + Duration::from_millis(rng.u64(back.clone()));
                due.push(Reverse((answered, Happens::Answered { replica, started, throttled })));
                continue;
            }
            Happens::Answered { replica, started, throttled } => {
                let domain = &mut domains[replica];
                domain.quota.finish(now, started);
                if throttled {
                    domain.throttled(now, started, Duration::ZERO, &backoff, 0.5);
                } else {
                    domain.recover(started);
                }
                replica
            }
        };
        if let Some(start) = domains[replica].quota.next_start() {
            planned[replica] = start.max(now);
            due.push(Reverse((planned[replica], Happens::MayStart { replica })));
        }
    }
    (f64::from(accepted) / (15.0 * 540.0), refusals)
}

#[track_caller]
fn check_learned(replicas: usize, there: Range<u64>, back: Range<u64>, expected: f64) {
    for (counting, name) in [(Counting::SlidingSecond, "sliding"), (Counting::TokenBucket, "bucket")] {
        let (used, throttles) = filled(counting, replicas, there.clone(), back.clone());
        assert!(used >= expected, "{used} of the quota is used, {name}");
        assert!(throttles <= 10, "{throttles} requests were throttled in ten minutes, {name}");
    }
}

#[test]
fn the_quota_is_filled_once_the_margin_is_learned() {
    check_learned(1, 1..2, 1..2, 0.98);
    check_learned(1, 25..30, 30..35, 0.98);
    check_learned(1, 28..38, 30..35, 0.98);
    check_learned(1, 140..150, 100..250, 0.98);
    check_learned(3, 18..22, 18..22, 0.95);
    check_learned(3, 15..25, 15..25, 0.95);
}

#[test]
fn requests_that_do_not_fill_the_quota_teach_nothing() {
    let mut quota = quota(15.0, 1, 1);
    for second in 1..60 {
        quota.start(at(second * 1000));
        quota.finish(at(second * 1000 + 60), at(second * 1000));
    }
    assert_eq!(quota.margin.length(), LONGEST);
}

#[test]
fn requests_without_an_answer_teach_nothing() {
    let mut quota = quota(15.0, 1, 1);
    let mut now = at(1000);
    // As many as may be in flight hang for ten seconds, again and again.
    for _ in 0..20 {
        while let Some(start) = quota.next_start() {
            now = now.max(start);
            quota.start(now);
        }
        let started = *quota.in_flight.front().expect("some are in flight");
        now = now.max(started + Duration::from_secs(10));
        quota.finish(now, started);
    }
    assert_eq!(quota.margin.length(), LONGEST);
}

proptest! {
    /// For all latencies and timer delays, no sixteenth request starts in a second, whatever was learned.
    #[test]
    fn invariant_5_no_more_requests_start_in_a_second_than_the_rate(
        latency in 1_u64..2000,
        late in vec(0_u64..40, 1..20),
    ) {
        let mut quota = quota(15.0, 1, 1);
        let late = |index: usize| Duration::from_millis(late[index % late.len()]);
        let starts = starts(&mut quota, Learning::On, Duration::from_millis(latency), late);
        prop_assert!(no_second_sees_a_sixteenth(starts));
    }

    /// Before anything is learned, no second has a sixteenth request, no matter when within a request's
    /// flight (up to half a second) the server counts it.
    #[test]
    fn invariant_5_no_second_sees_more_than_the_rate(
        latency in 1_u64..2000,
        late in vec(0_u64..40, 1..20),
        arrival in vec(0_u64..500, 1..20),
    ) {
        let mut quota = quota(15.0, 1, 1);
        let late = |index: usize| Duration::from_millis(late[index % late.len()]);
        let starts = starts(&mut quota, Learning::Off, Duration::from_millis(latency), late);
        let arrival = |index: usize| arrival[index % arrival.len()].min(latency);
        prop_assert!(no_second_sees_a_sixteenth(arrivals(&starts, arrival)));
    }

    /// The same holds for several replicas together, no matter how their phases differ.
    #[test]
    fn invariant_5_no_second_sees_more_than_the_rate_of_several_replicas(
        owned in prop_oneof![Just(vec![1, 1]), Just(vec![1; 4]), Just(vec![2, 2, 3]), Just(vec![5; 3])],
        phases in vec(0_u64..1000, 5),
        latency in 1_u64..300,
        arrival in vec(0_u64..300, 1..20),
    ) {
        let total = owned.iter().sum();
        let mut counted = Vec::new();
        let mut first = 0;
        for (replica, owned) in owned.into_iter().enumerate() {
            let mut quota = Quota::new(QuotaConfig::default());
            own(&mut quota, Moment::START, first..first + owned, total);
            first += owned;
            let latency_of = Duration::from_millis(latency);
            let starts = starts(&mut quota, Learning::Off, latency_of, |_| Duration::ZERO);
            let arrival = |index: usize| {
                phases[replica] + arrival[(index + replica) % arrival.len()].min(latency)
            };
            counted.extend(arrivals(&starts, arrival));
        }
        prop_assert!(no_second_sees_a_sixteenth(counted));
    }
}
