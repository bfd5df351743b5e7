//! Several destinations: what they share, and what one of them may not do to the others.

use std::num::NonZeroU32;

use super::*;
use crate::core::{
    event::{Origin, Portions},
    route::config::{RouteConfig, Unrouted},
    units::text::DestinationName,
};

mod draining;
mod letters;
mod stalls;
mod tenants;

/// The settings that a test may change for a pipeline with several destinations. The client `d1` routes to
/// the second one, and `both` to the first two.
struct Plan {
    domains: Vec<QuotaConfig>,
    destinations: Vec<(usize, DispatcherConfig)>,
    unrouted: Unrouted,
    max_bytes: usize,
    letter_bytes: usize,
    circuit_breaker: Option<CircuitBreakerConfig>,
}

impl Bench {
    /// Creates a pipeline with a destination in each of these domains.
    fn several(domains: &[usize], change: impl FnOnce(&mut Plan)) -> Self {
        let count = domains.iter().max().map_or(0, |last| last + 1);
        let mut plan = Plan {
            domains: vec![QuotaConfig::default(); count],
            destinations: domains.iter().map(|domain| (*domain, dispatcher())).collect(),
            unrouted: Unrouted::DeadLetter,
            max_bytes: 1 << 20,
            letter_bytes: 1 << 20,
            circuit_breaker: None,
        };
        for (index, (_, destination)) in plan.destinations.iter_mut().enumerate() {
            destination.name = format!("d{index}").into();
        }
        change(&mut plan);
        Self::of(plan.pipeline())
    }

    /// Reads a record with one event of a client for an endpoint.
    fn read_of(&mut self, ownership: Ownership, endpoint: u8, client: &str) -> i64 {
        let id = format!("{}:{client}", self.next_offset);
        self.read_as(ownership, Mapped::Deliver(vec![of_client(client, delivery(endpoint, &id))]))
    }

    /// Answers every request that is sent within `time`, each destination in its own way.
    fn answer_for(&mut self, time: Duration, answer: impl Fn(usize, &Request) -> Answer) {
        let until = self.now + time;
        while self.now < until {
            self.pass_to_wake(until.since(self.now));
            while !self.requests.is_empty() {
                self.answer(|request| answer(usize::from(request.destination.0), request));
            }
        }
    }

    fn bytes_kept(&self) -> usize {
        self.pipeline.snapshot().bytes_outstanding
    }

    fn is_paused(&self, ownership: Ownership) -> bool {
        self.paused.everything || self.paused.partitions.contains(&ownership)
    }

    fn in_flight(&self, destination: usize) -> usize {
        self.requests.iter().filter(|request| usize::from(request.destination.0) == destination).count()
    }

    fn codes(&self) -> Vec<&'static str> {
        self.letters.iter().map(|letter| letter.refusal.code.0).collect()
    }
}

impl Plan {
    fn pipeline(self) -> Pipeline {
        let name = |index: usize| -> DestinationName { format!("d{index}").parse().expect("a name") };
        let names: Vec<_> = (0..self.destinations.len()).map(name).collect();
        let route = |client: String, to: Vec<DestinationName>| RouteConfig {
            client: vec![Box::from(client)].into(),
            to: to.into(),
            ..RouteConfig::default()
        };
        let each = names.iter().map(|name| route(name.as_str().to_owned(), vec![name.clone()]));
        let routes: Vec<_> = each.chain([route("both".to_owned(), names[..2].to_vec())]).collect();
        Pipeline::new(PipelineConfig {
            domains: self.domains,
            destinations: self.destinations,
            router: Router::new(&names, &routes, Some(self.unrouted)).expect("valid routes"),
            backoff: backoff(),
            circuit_breaker: self.circuit_breaker,
            max_bytes: self.max_bytes,
            letter_bytes: self.letter_bytes,
            commit_interval: Duration::from_secs(2),
            revoke_timeout: Duration::from_secs(10),
            tails: Switch::On,
            jitter: Jitter::Longest,
        })
    }
}

fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(500), Duration::from_secs(30))
}

fn dispatcher() -> DispatcherConfig {
    DispatcherConfig {
        name: "one".into(),
        encoder: Box::new(Whole(|_| 100)),
        batch: BatchConfig { linger: Span(Duration::ZERO), ..BatchConfig::default() },
        backoff: backoff(),
        give_up: None,
        spill: None,
        cap: None,
    }
}

fn of_client(client: &str, delivery: Delivery) -> Delivery {
    let origin = Origin { client: Some(client.into()), ..Origin::default() };
    Delivery { origin: Some(Arc::new(origin)), ..delivery }
}

/// Answers so that the first destination is held and the others accept everything.
fn first_held(destination: usize, request: &Request) -> Answer {
    if destination == 0 { Answer::Hold(Code("forbidden")) } else { accept(request) }
}

fn all_well(_: usize, request: &Request) -> Answer {
    accept(request)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn an_event_to_two_destinations_settles_when_both_have_taken_it() {
    let mut bench = Bench::several(&[0, 1], |_| {});
    bench.read_of(A, 1, "both");
    assert_eq!(bench.requests.iter().map(|it| it.destination.0).collect::<Vec<_>>(), [0, 1]);
    bench.answer(accept);
    assert_eq!(bench.outstanding(), 1);
    bench.answer(accept);
    assert_eq!((bench.outstanding(), bench.bytes_kept()), (0, 0));
    assert_eq!(bench.pipeline.snapshot().records.accepted, 1);
}

#[test]
fn a_refusal_by_one_destination_keeps_no_other() {
    let mut bench = Bench::several(&[0, 1], |_| {});
    bench.read_of(A, 1, "both");
    bench.answer(each(Outcome::Refused(refusal())));
    assert_eq!((bench.codes(), bench.outstanding()), (vec![BAD.0], 1));
    bench.write_letters(WriteOutcome::Written);
    assert_eq!(bench.outstanding(), 1, "the other has not answered");
    bench.answer(accept);
    assert_eq!((bench.outstanding(), bench.bytes_kept()), (0, 0));
    assert_eq!(bench.pipeline.snapshot().records.dead_lettered.get(&BAD), Some(&1));
}

#[test]
fn events_on_no_route_are_one_dead_letter_or_are_left_out() {
    let read = |unrouted, clients: &[&str]| {
        let mut bench = Bench::several(&[0, 1], |plan| plan.unrouted = unrouted);
        let deliveries = clients.iter().zip(0..);
        let deliveries = deliveries.map(|(client, n)| of_client(client, delivery(n, &n.to_string())));
        bench.read_as(A, Mapped::Deliver(deliveries.collect()));
        bench
    };
    let mut bench = read(Unrouted::DeadLetter, &["x", "d1", "y"]);
    assert_eq!((bench.codes(), bench.requests.len()), (vec!["unrouted"], 1));
    bench.answer(accept);
    assert_eq!(bench.outstanding(), 1);
    bench.write_letters(WriteOutcome::Written);
    assert_eq!((bench.outstanding(), bench.bytes_kept()), (0, 0));

    let mut bench = read(Unrouted::Ignore, &["x", "d1"]);
    bench.answer(accept);
    assert_eq!((bench.outstanding(), bench.letters.len()), (0, 0));
    assert_eq!(bench.pipeline.snapshot().records.accepted, 1);

    let bench = read(Unrouted::Ignore, &["x"]);
    assert_eq!((bench.outstanding(), bench.bytes_kept()), (0, 0));
    assert_eq!(bench.pipeline.snapshot().records.ignored.get(&Code("unrouted")), Some(&1));
}

#[test]
fn a_held_destination_stops_only_partitions_with_its_records() {
    let mut bench = Bench::several(&[0, 1], |plan| plan.max_bytes = 20_000);
    for endpoint in 0..100 {
        if bench.is_paused(A) {
            break;
        }
        bench.read_of(A, endpoint, "d0");
        bench.answer_for(Duration::from_millis(10), first_held);
    }
    assert_eq!(bench.paused, Paused { everything: false, partitions: vec![A] });
    // Records that were read before the pause wait behind it, no matter where they go.
    bench.read_of(A, 200, "d1");
    bench.answer_for(seconds(10), first_held);
    let before = bench.outstanding();
    for endpoint in 0..50 {
        assert!(!bench.is_paused(B));
        bench.read_of(B, endpoint, "d1");
        bench.answer_for(seconds(1), first_held);
    }
    assert_eq!(bench.outstanding(), before, "all of the other partition is settled");
    bench.answer_for(seconds(60), all_well);
    assert_eq!((bench.outstanding(), bench.bytes_kept(), bench.is_paused(A)), (0, 0, false));
}

/// A record with events of these clients, in portions of two.
fn in_portions(clients: &[&str]) -> Mapped {
    let deliveries = clients.iter().zip(0..);
    let deliveries = deliveries.map(|(client, n)| of_client(client, delivery(n, &n.to_string())));
    let deliveries: Vec<_> = deliveries.collect();
    let size = (deliveries.len(), 50);
    Mapped::InPortions(Portions::new(2, size, std::iter::empty(), deliveries.into_iter(), None))
}

#[test]
fn portions_wait_for_their_destination_and_their_partition_with_them() {
    let mut bench = Bench::several(&[0, 1], |plan| plan.max_bytes = 20_000);
    bench.read_as(A, in_portions(&["d0"; 100]));
    assert_eq!(bench.paused, Paused { everything: false, partitions: vec![A] });
    bench.answer_for(seconds(10), first_held);
    let kept = bench.bytes_kept();
    assert!((8000..20_000).contains(&kept), "{kept}");
    for endpoint in 0..50 {
        bench.read_of(B, endpoint, "d1");
        bench.answer_for(seconds(1), first_held);
    }
    assert_eq!((bench.outstanding(), bench.bytes_kept()), (1, kept));
    bench.answer_for(seconds(60), all_well);
    assert_eq!((bench.outstanding(), bench.bytes_kept(), bench.is_paused(A)), (0, 0, false));
}

#[test]
fn the_memory_of_an_event_is_free_when_it_is_accepted_although_its_record_has_further_portions() {
    let mut bench = Bench::several(&[0, 1], |plan| plan.max_bytes = 20_000);
    bench.read_as(A, in_portions(&["d0"; 250]));
    let mut sent = 0;
    while sent < 120 {
        bench.wait_for_request();
        sent += ids(&bench.answer(accept)).len();
        assert!(!bench.paused.everything, "after {sent} events");
        assert!(bench.bytes_kept() < 20_000, "{} after {sent} events", bench.bytes_kept());
    }
    assert!(sent < 250);
    // The destination is held halfway, and the other one goes on.
    for endpoint in 0..50 {
        bench.read_of(B, endpoint, "d1");
        bench.answer_for(seconds(1), first_held);
        assert!(!bench.is_paused(B));
    }
    assert_eq!(bench.outstanding(), 1);
    bench.answer_for(seconds(600), all_well);
    assert_eq!((bench.outstanding(), bench.bytes_kept(), bench.is_paused(A)), (0, 0, false));
}

#[test]
fn the_memory_of_refused_portions_is_that_of_their_letters() {
    let mut bench = Bench::several(&[0, 1], |plan| plan.max_bytes = 20_000);
    bench.read_as(A, in_portions(&["d0"; 250]));
    let refused = |_, request: &Request| each(Outcome::Refused(refusal()))(request);
    for _ in 0..600 {
        bench.answer_for(seconds(1), refused);
        assert!(bench.bytes_kept() < 22_000, "{}", bench.bytes_kept());
        bench.write_letters(WriteOutcome::Written);
    }
    assert_eq!((bench.outstanding(), bench.bytes_kept(), bench.is_paused(A)), (0, 0, false));
}

#[test]
fn portions_on_no_route_are_named_in_dead_letters_or_left_out() {
    let clients = ["x", "y", "d1", "d1", "x", "y", "z"];
    let mut bench = Bench::several(&[0, 1], |_| {});
    bench.read_as(A, in_portions(&clients));
    assert_eq!((bench.codes(), bench.requests.len()), (vec!["unrouted"; 3], 1));
    let named = bench.letters.iter().map(|letter| letter.selection.events.len());
    assert_eq!(named.collect::<Vec<_>>(), [2, 2, 1]);
    bench.answer(accept);
    assert_eq!(bench.write_letters(WriteOutcome::Written), 3);
    bench.answer_for(seconds(10), all_well);
    assert_eq!((bench.outstanding(), bench.bytes_kept()), (0, 0));

    let mut bench = Bench::several(&[0, 1], |plan| plan.unrouted = Unrouted::Ignore);
    bench.read_as(A, in_portions(&clients));
    bench.answer_for(seconds(10), all_well);
    bench.read_as(A, in_portions(&["x"; 7]));
    assert_eq!((bench.outstanding(), bench.bytes_kept()), (0, 0));
    let records = bench.pipeline.snapshot().records;
    assert_eq!((records.accepted, records.ignored.get(&Code("unrouted"))), (1, Some(&1)));
}

#[test]
fn portions_on_no_route_wait_until_their_letters_are_written() {
    let mut bench = Bench::several(&[0, 1], |plan| plan.max_bytes = 4_000);
    bench.read_as(A, in_portions(&["x"; 250]));
    let kept = bench.bytes_kept();
    assert!(kept < 5_000, "{kept}");
    while bench.write_letters(WriteOutcome::Written) > 0 {}
    assert_eq!((bench.outstanding(), bench.bytes_kept(), bench.is_paused(A)), (0, 0, false));
}

#[test]
fn what_waits_for_room_goes_on_in_the_order_of_its_partition() {
    let mut bench = Bench::several(&[0, 1], |plan| plan.max_bytes = 10_000);
    for _ in 0..20 {
        bench.read_of(A, 1, "d0");
        bench.answer_for(Duration::from_millis(10), first_held);
    }
    assert!(bench.is_paused(A));
    let mut sent = Vec::new();
    bench.wait_for_request();
    while bench.outstanding() > 0 {
        if bench.requests.is_empty() {
            bench.wait_for_request();
        }
        let request = bench.answer(accept);
        sent.extend(
            ids(&request).iter().map(|id| id.trim_end_matches(":d0").parse::<i64>().expect("an offset")),
        );
    }
    assert_eq!(sent, (0..20).collect::<Vec<_>>());
}

#[test]
fn a_held_destination_ends_with_half_of_the_memory() {
    let mut bench = Bench::several(&[0, 1], |plan| plan.max_bytes = 100_000);
    for endpoint in 0..250 {
        bench.read_of(A, endpoint, "d0");
        bench.answer_for(Duration::from_millis(1), first_held);
        if bench.is_paused(A) {
            break;
        }
    }
    let bytes = bench.pipeline.snapshot().destinations[0].bytes;
    assert!((40_000..=50_000).contains(&bytes), "{bytes}");
    assert!(!bench.paused.everything);
}

#[test]
fn what_waits_for_room_never_pauses_everything_for_good() {
    let mut bench = Bench::several(&[0, 1], |plan| plan.max_bytes = 20_000);
    // Some of the records are kept, and others come from a fetch that was on its way. Together they take over
    // three quarters of the memory.
    for endpoint in 0..17 {
        bench.read_of(A, endpoint, "d0");
        bench.answer_for(Duration::from_millis(1), first_held);
    }
    // One large record for the other destination fills the memory for a moment.
    let many = (0..4).map(|n| of_client("d1", delivery(n, &format!("large{n}"))));
    bench.read_as(B, Mapped::Deliver(many.collect()));
    assert!(bench.paused.everything, "{}", bench.bytes_kept());
    bench.answer_for(seconds(5), first_held);
    assert!(bench.bytes_kept() > 15_000, "{}", bench.bytes_kept());
    assert_eq!(bench.paused, Paused { everything: false, partitions: vec![A] });
}

#[test]
fn an_empty_destination_always_admits_one_record() {
    let mut bench = Bench::several(&[0, 1], |plan| plan.max_bytes = 4000);
    let many = (0..10).map(|n| of_client("d0", delivery(n, &n.to_string())));
    bench.read_as(A, Mapped::Deliver(many.collect()));
    assert!(bench.bytes_kept() > 4000);
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    // This record was already on its way when everything was paused.
    bench.read_of(B, 1, "d1");
    assert_eq!(bench.in_flight(1), 1);
    bench.read_of(B, 2, "d1");
    assert!(bench.paused.partitions.contains(&B), "it has one, and there is no room");
}

#[test]
fn a_destination_is_not_full_once_those_that_waited_are_released() {
    let spill = Some(seconds(20));
    let mut bench = Bench::several(&[0, 1], |plan| {
        plan.max_bytes = 10_000;
        plan.destinations[0].1.spill = spill;
    });
    for endpoint in 0..12 {
        bench.read_of(A, endpoint, "d0");
    }
    bench.read_of(B, 100, "d0");
    assert!(bench.is_paused(A) || bench.is_paused(B));
    // The partitions of the records that wait for room go elsewhere.
    bench.handle(Input::Lost(vec![A, B]));
    assert_eq!(bench.paused.partitions, []);
    assert!(!bench.pipeline.snapshot().destinations[0].full, "nobody waits for room any more");
}

fn spilling(kind: fn(&Request) -> Answer) -> Bench {
    let breaker = CircuitBreakerConfig { share: 0.5, window: NonZeroUsize::new(4).expect("not 0") };
    let mut bench = Bench::several(&[0, 1], |plan| {
        plan.circuit_breaker = Some(breaker);
        let (_, first) = &mut plan.destinations[0];
        (first.spill, first.batch.linger) = (Some(seconds(20)), Span(seconds(1)));
    });
    for endpoint in 0..12 {
        bench.read_of(A, endpoint, "d0");
        bench.read_of(A, endpoint, "d1");
    }
    bench.answer_for(
        Duration::from_secs(20),
        |destination, request| {
            if destination == 0 { kind(request) } else { accept(request) }
        },
    );
    bench
}

#[test]
fn a_destination_that_is_held_for_too_long_spills_all_but_a_probe() {
    let mut bench = spilling(|_| Answer::Hold(Code("forbidden")));
    assert_eq!((bench.letters.len(), bench.outstanding()), (0, 12), "its time has not come");
    bench.answer_for(seconds(2), first_held);
    assert_eq!(bench.codes(), vec!["spilled"; 11]);
    assert!(bench.transitions.contains(&Transition::Spilling { destination: DestinationId(0) }));
    assert_eq!(bench.write_letters(WriteOutcome::Written), 11);
    assert_eq!(bench.holds(), [("destination", "forbidden")], "no circuit is open");
    assert_eq!((bench.outstanding(), bench.pipeline.snapshot().sends.events_spilled), (1, 11));
    // Later events are spilled as well, except one. It has not been denied yet, so it is the next probe.
    bench.read_of(A, 50, "d0");
    bench.answer_for(seconds(1), first_held);
    assert_eq!(bench.write_letters(WriteOutcome::Written), 1);
    let spilling = Transition::Spilling { destination: DestinationId(0) };
    let told = bench.transitions.iter().filter(|transition| **transition == spilling);
    assert_eq!(told.count(), 1, "a hold tells of it once");
    bench.wait_for_request();
    assert_eq!(ids(&bench.answer(accept)), ["24:d0"]);
    assert_eq!((bench.holds(), bench.outstanding(), bench.bytes_kept()), (vec![], 0, 0));
}

#[test]
fn a_spill_without_a_hold_does_not_hide_that_of_the_next_hold() {
    let mut bench = Bench::several(&[0, 1], |plan| {
        plan.max_bytes = 10_000;
        plan.destinations[0].1.spill = Some(seconds(20));
    });
    for endpoint in 0..100 {
        if !bench.is_paused(A) {
            bench.read_of(A, endpoint, "d0");
        }
    }
    bench.pass(seconds(20));
    let spilling = Transition::Spilling { destination: DestinationId(0) };
    let spills = |bench: &Bench| bench.transitions.iter().filter(|it| **it == spilling).count();
    assert_eq!((spills(&bench), bench.holds().len()), (1, 0));
    while !bench.requests.is_empty() || bench.write_letters(WriteOutcome::Written) > 0 {
        bench.answer_for(seconds(1), all_well);
    }
    for endpoint in 100..104 {
        bench.read_of(A, endpoint, "d0");
    }
    bench.answer_for(seconds(60), |_, _| Answer::Hold(Code("forbidden")));
    assert_eq!((spills(&bench), bench.holds().len()), (2, 1));
}

/// The destination `d0` has been held for so long that it spills, and the events for `d1` fill the memory.
#[track_caller]
fn held_while_another_fills_the_memory() -> Bench {
    let mut bench = Bench::several(&[0, 1], |plan| {
        plan.max_bytes = 20_000;
        plan.destinations[0].1.spill = Some(seconds(1));
    });
    bench.read_of(A, 0, "d0");
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    bench.pass(seconds(1));
    for endpoint in 1..100 {
        if !bench.is_paused(B) {
            bench.read_of(B, endpoint, "d1");
        }
    }
    assert!(bench.is_paused(B), "the memory is full");
    bench
}

#[test]
fn a_held_destination_that_spills_keeps_no_partition_waiting_when_others_fill_the_memory() {
    let mut bench = held_while_another_fills_the_memory();
    bench.read_as(A, in_portions(&["d0"; 50]));
    while bench.paused.partitions.contains(&A) {
        bench.pass(Duration::from_millis(1));
        assert!(!bench.codes().is_empty(), "it does not wait for the memory");
        bench.write_letters(WriteOutcome::Written);
    }
    bench.pass(Duration::from_millis(1));
    let snapshot = bench.pipeline.snapshot();
    let (spilled, probes) = (snapshot.sends.events_spilled, snapshot.destinations[0].events);
    assert!(spilled + probes as u64 == 51 && probes <= 2, "{spilled} and {probes}");
}

#[test]
fn what_a_record_in_portions_spills_is_bounded_while_its_letters_are_not_written() {
    let mut bench = held_while_another_fills_the_memory();
    bench.read_as(A, in_portions(&["d0"; 50]));
    for _ in 0..100 {
        bench.pass(Duration::from_millis(1));
    }
    assert!(bench.codes().len() <= 3, "{:?}", bench.codes());
    for _ in 0..100 {
        bench.write_letters(WriteOutcome::Written);
        bench.pass(Duration::from_millis(1));
    }
    assert_eq!(
        bench.pipeline.snapshot().sends.events_spilled,
        49,
        "a probe is left of 51, and another one is due"
    );
}

#[test]
fn what_is_in_quarantine_spills_too() {
    let mut bench = spilling(|_| Answer::Refused(refusal()));
    assert_eq!(bench.holds(), [("destination", BAD.0)]);
    assert_eq!((bench.letters.len(), bench.outstanding()), (0, 12));
    bench.answer_for(seconds(30), |destination, request| {
        if destination == 0 { Answer::Refused(refusal()) } else { accept(request) }
    });
    assert_eq!(bench.codes(), vec!["spilled"; 11]);
    bench.write_letters(WriteOutcome::Written);
    bench.answer_for(seconds(60), all_well);
    assert_eq!((bench.holds(), bench.outstanding(), bench.bytes_kept()), (vec![], 0, 0));
}

#[test]
fn a_probe_that_is_itself_at_fault_makes_way_for_another() {
    let mut bench = spilling(|_| Answer::Refused(refusal()));
    let is_poison = |request: &Request| ids(request) == ["0:d0"] || ids(request).len() > 1;
    let poisoned = |_: usize, request: &Request| {
        if is_poison(request) { Answer::Refused(refusal()) } else { accept(request) }
    };
    // Only one event is left, and it is refused again and again.
    bench.answer_for(seconds(2), |_, _| Answer::Refused(refusal()));
    bench.answer_for(seconds(60), poisoned);
    bench.read_of(A, 50, "d0");
    bench.answer_for(seconds(60), poisoned);
    assert_eq!(bench.holds(), []);
}

#[test]
fn a_queued_probe_that_is_denied_makes_way_for_another() {
    let mut bench = spilling(|_| Answer::Refused(refusal()));
    bench.answer_for(seconds(2), |_, _| Answer::Refused(refusal()));
    let denied = |_: usize, request: &Request| {
        if ids(request) == ["24:d0"] { Answer::Denied(refusal()) } else { accept(request) }
    };
    // The refused events are spilled, and the new one is denied again and again.
    bench.read_of(A, 50, "d0");
    bench.answer_for(seconds(60), denied);
    assert_eq!(bench.holds(), [("destination", BAD.0)]);
    bench.read_of(A, 51, "d0");
    bench.answer_for(seconds(60), denied);
    assert_eq!(bench.holds(), []);
}

#[test]
fn what_is_in_flight_spills_after_its_answer() {
    let mut bench = Bench::several(&[0, 1], |plan| plan.destinations[0].1.spill = Some(seconds(20)));
    bench.read_of(A, 1, "d0");
    bench.pass(Duration::from_millis(100));
    bench.read_of(A, 2, "d0");
    let slow = bench.requests.remove(0);
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    bench.answer_for(seconds(25), first_held);
    assert_eq!(bench.letters.len(), 0, "one waits as the probe, one is in flight");
    bench.finish(&slow, Answer::unknown(DOWN));
    assert_eq!(bench.codes(), ["spilled"]);
    assert!(bench.letters[0].selection.includes("1:d0"), "the oldest is the probe");
}

#[test]
fn a_destination_is_capped_within_its_domain() {
    let cap = QuotaConfig { requests_per_second: 2.0, ..QuotaConfig::default() };
    let mut bench = Bench::several(&[0, 0], |plan| {
        for (_, config) in &mut plan.destinations {
            config.batch.max_events = NonZeroUsize::MIN;
        }
        plan.destinations[1].1.cap = Some(cap);
    });
    for endpoint in 0..100 {
        bench.read_of(A, endpoint, "d0");
        bench.read_of(B, endpoint, "d1");
    }
    bench.answer_for(seconds(5), all_well);
    let snapshot = bench.pipeline.snapshot();
    let sent = |destination: usize| snapshot.destinations[destination].sends.accepted[0];
    assert!((9..=11).contains(&sent(1)), "{}", sent(1));
    assert!((60..=66).contains(&sent(0)), "the other has the rest: {}", sent(0));
}

#[test]
fn a_destination_leaves_half_of_what_its_domain_has_in_flight_to_one_that_waits() {
    let mut bench = Bench::several(&[0, 0], |plan| {
        plan.domains[0].in_flight = NonZeroU32::new(4).expect("not 0");
        for (_, config) in &mut plan.destinations {
            config.batch.max_events = NonZeroUsize::MIN;
        }
    });
    for endpoint in 0..30 {
        bench.read_of(A, endpoint, "d0");
    }
    bench.pass(seconds(1));
    bench.read_of(B, 0, "d0");
    while bench.in_flight(0) < 4 {
        bench.pass(Duration::from_millis(100));
    }
    for endpoint in 0..30 {
        bench.read_of(B, endpoint, "d1");
    }
    // Everything that becomes free goes to the destination that waits, up to one half.
    bench.answer(accept);
    bench.pass(Duration::from_millis(100));
    bench.answer(accept);
    bench.pass(Duration::from_millis(100));
    assert_eq!((bench.in_flight(0), bench.in_flight(1)), (2, 2));
    bench.answer(accept);
    bench.pass(Duration::from_millis(100));
    assert_eq!((bench.in_flight(0), bench.in_flight(1)), (2, 2));
}

#[test]
fn destinations_of_a_domain_take_turns() {
    let mut bench = Bench::several(&[0, 0, 0], |plan| {
        for (_, config) in &mut plan.destinations {
            config.batch.max_events = NonZeroUsize::MIN;
        }
    });
    for endpoint in 0..30 {
        bench.read_of(A, endpoint, "d0");
    }
    for endpoint in 0..5 {
        bench.read_of(A, endpoint, "d1");
        bench.read_of(A, endpoint, "d2");
    }
    bench.requests.clear();
    let mut sent = Vec::new();
    while sent.len() < 9 {
        bench.pass(Duration::from_millis(100));
        sent.extend(bench.requests.iter().skip(sent.len()).map(|request| request.destination.0));
    }
    assert_eq!(sent, [1, 2, 0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn throttling_slows_its_own_domain_and_no_other() {
    let mut bench = Bench::several(&[0, 0, 1], |_| {});
    bench.read_of(A, 1, "d0");
    bench.answer(|_| Answer::Throttled { retry_after: Some(seconds(5)) });
    bench.read_of(A, 1, "d1");
    bench.read_of(A, 1, "d2");
    assert_eq!((bench.in_flight(1), bench.in_flight(2)), (0, 1));
    let speeds: Vec<_> = bench.pipeline.snapshot().destinations.iter().map(|it| it.quota.speed).collect();
    assert_eq!(speeds, [0.5, 0.5, 1.0]);
    bench.answer(accept);
    bench.pass(seconds(5));
    bench.pass(seconds(1));
    assert_eq!(bench.in_flight(0) + bench.in_flight(1), 2);
}

#[test]
fn memory_comes_back_to_nothing() {
    let mut bench = Bench::several(&[0, 1, 1], |plan| plan.max_bytes = 20_000);
    for endpoint in 0..30 {
        for client in ["d0", "both", "d2", "nowhere"] {
            bench.read_of(if endpoint % 2 == 0 { A } else { B }, endpoint, client);
        }
        bench.answer_for(Duration::from_millis(50), first_held);
        bench.write_letters(WriteOutcome::Written);
    }
    assert!(bench.bytes_kept() > 10_000);
    bench.handle(Input::Lost(vec![B]));
    bench.answer_for(seconds(120), all_well);
    bench.write_letters(WriteOutcome::Written);
    let snapshot = bench.pipeline.snapshot();
    assert_eq!((snapshot.records_outstanding, snapshot.bytes_outstanding), (0, 0));
    let kept = snapshot.destinations.iter().map(|it| (it.events, it.bytes, it.full));
    assert_eq!(kept.collect::<Vec<_>>(), [(0, 0, false); 3]);
}

#[test]
fn a_redriven_event_goes_to_the_destination_that_refused_it_alone() {
    let mut bench = Bench::several(&[0, 1], |_| {});
    let redrive = |bench: &mut Bench, send: Vec<Selection>| {
        let redriven = Some(Arc::new(crate::core::redrive::tests::redriven(send)));
        let mapped =
            Mapped::Deliver(vec![of_client("both", delivery(1, "a")), of_client("both", delivery(2, "b"))]);
        let record = Record { redriven, ..record(A, bench.next_offset) };
        bench.next_offset += 1;
        bench.handle(Input::Records(vec![(record, mapped, Vec::new())]));
        let mut sent = Vec::new();
        while bench.outstanding() > 0 {
            bench.wait_for_request();
            let request = bench.answer(accept);
            sent.extend(ids(&request).iter().map(|id| format!("{id} to d{}", request.destination.0)));
        }
        sent.sort();
        sent
    };
    let one = |destination: &str, event: &str| Selection::one(destination.into(), event.into());
    assert_eq!(redrive(&mut bench, vec![one("d1", "a")]), ["a to d1"]);
    assert_eq!(redrive(&mut bench, vec![one("d1", "a"), one("d0", "b")]), ["a to d1", "b to d0"]);
    let anywhere = Selection { destination: None, events: vec!["b".into()] };
    assert_eq!(redrive(&mut bench, vec![anywhere]), ["b to d0", "b to d1"]);
    assert_eq!(bench.letters.len(), 0);
}

#[test]
fn an_event_that_was_not_routed_is_named_without_a_destination() {
    let mut bench = Bench::several(&[0, 1], |_| {});
    let events = ["a", "b"].map(|id| of_client("none", delivery(1, id)));
    bench.read_as(A, Mapped::Deliver(events.into()));
    assert_eq!(
        bench.letters[0].selection,
        Selection { destination: None, events: vec!["a".into(), "b".into()] }
    );
    assert_eq!(bench.codes(), ["unrouted"]);
}
