//! Throttled events among others that are accepted: they wait, and the quota domain slows down by their
//! share.

use std::{collections::VecDeque, num::NonZeroU32};

use fastrand::Rng;

use super::*;

#[test]
fn events_that_are_throttled_among_others_slow_the_domain_by_their_share() {
    let mut bench = Bench::patient();
    bench.read_together(100);
    bench.answer(|request| Answer::Results {
        outcomes: ids(request)
            .iter()
            .map(|id| if *id == "7:0" { Outcome::Throttled } else { Outcome::Accepted })
            .collect(),
        endpoints_refused: Vec::new(),
    });
    let speed = bench.pipeline.snapshot().quota.speed;
    assert!((speed - 0.99).abs() < 0.001, "{speed}");
    assert_eq!(bench.transitions, []);
    bench.read(A, &[200]);
    assert!(bench.wait_for_request() <= Duration::from_secs(1), "others wait for linger alone");
}

#[test]
fn an_event_that_is_throttled_alone_while_others_are_taken_is_one_events_trouble() {
    let mut bench = Bench::patient();
    bench.read_together(2);
    denials::live(&mut bench, 120, |request| Answer::Results {
        outcomes: ids(request)
            .iter()
            .map(|id| if *id == "1:0" { Outcome::Throttled } else { Outcome::Accepted })
            .collect(),
        endpoints_refused: Vec::new(),
    });
    assert_eq!((bench.outstanding(), bench.holds()), (1, vec![("event", "keeps_failing")]));
    assert!(bench.pipeline.snapshot().quota.speed > 0.9);
}

/// Sends 27,000 events. Each time, 3 % of the events are answered with 429, and so are 5 % of the requests.
#[test]
fn a_few_throttled_events_do_not_strangle_the_domain() {
    const LATENCY: Duration = Duration::from_millis(50);
    let mut bench = Bench::with(|config| {
        config.quota.requests_per_second = 150.0;
        config.quota.in_flight = NonZeroU32::new(150).expect("not 0");
        config.max_bytes = usize::MAX;
    });
    let mut rng = Rng::with_seed(7);
    let (mut flying, mut read, started) = (VecDeque::new(), 0_u32, bench.now);
    while read < 27_000 || bench.outstanding() > 0 {
        while read < 27_000 && !bench.paused.everything {
            let number = read;
            bench.read_as(A, Mapped::Deliver(vec![delivery_of(number)]));
            read += 1;
        }
        flying.extend(
            std::mem::take(&mut bench.requests).into_iter().map(|request| (bench.now + LATENCY, request)),
        );
        let wake = bench.pipeline.next_wake().unwrap_or(bench.now + LATENCY);
        let next = flying.front().map_or(wake, |(at, _)| wake.min(*at)).max(bench.now);
        bench.pass(next.since(bench.now).max(Duration::from_micros(100)));
        while let Some((_, request)) = flying.pop_front_if(|(at, _)| *at <= bench.now) {
            let answer = if rng.f64() < 0.05 {
                Answer::Throttled { retry_after: None }
            } else {
                let mut outcome = || if rng.f64() < 0.03 { Outcome::Throttled } else { Outcome::Accepted };
                let outcomes = ids(&request).iter().map(|_| outcome()).collect();
                Answer::Results { outcomes, endpoints_refused: Vec::new() }
            };
            bench.finish(&request, answer);
        }
    }
    let took = bench.now.since(started);
    assert!(took < Duration::from_mins(1), "{took:?}");
}

fn delivery_of(number: u32) -> Delivery {
    let mut delivery = delivery(0, &number.to_string());
    delivery.endpoint_id = EndpointId::new(&(number % 9000).to_string());
    delivery
}

#[test]
fn an_event_whose_shard_takes_nothing_is_neither_stuck_nor_given_up() {
    let mut bench = Bench::with(|config| config.give_up = Some(Duration::from_mins(1)));
    bench.read(A, &[1, 2]);
    let partly = |code| {
        move |request: &Request| {
            let outcomes = request.endpoints.iter().flat_map(|batch| {
                let outcome =
                    if &*batch.endpoint_id.0 == "2" { Outcome::Later(Code(code)) } else { Outcome::Accepted };
                vec![outcome; batch.events.len()]
            });
            Answer::Results { outcomes: outcomes.collect(), endpoints_refused: Vec::new() }
        }
    };
    bench.answer(partly("throttled"));
    for code in ["throttled", "message_timed_out"].repeat(20) {
        // Another endpoint's event is accepted each time.
        bench.read(B, &[1]);
        bench.pass(Duration::from_secs(31));
        while !bench.requests.is_empty() {
            bench.answer(partly(code));
        }
    }
    assert_eq!((bench.holds(), bench.letters.len()), (vec![], 0));
    bench.pass(Duration::from_secs(31));
    bench.answer(accept);
    assert_eq!(bench.outstanding(), 0);
}

#[test]
fn without_a_rate_partial_throttling_leaves_fewer_requests_in_flight() {
    let mut bench = Bench::with(|config| config.quota = QuotaConfig::off());
    let before = bench.pipeline.snapshot().quota.in_flight_cap;
    bench.read(A, &[1, 2]);
    bench.answer(|request| {
        let outcome = |index| if index == 0 { Outcome::Accepted } else { Outcome::Later(Code("throttled")) };
        let outcomes = (0..request.endpoints.len()).map(outcome).collect();
        Answer::Results { outcomes, endpoints_refused: Vec::new() }
    });
    let after = bench.pipeline.snapshot().quota.in_flight_cap;
    assert!(after < before, "{after} of {before}");
}
