//! Requests and events with an unknown outcome are retried with growing delays, and one that keeps failing
//! alone is isolated.

use super::*;

#[test]
fn what_nobody_knows_of_is_sent_again_without_end_and_ever_later() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    let mut waits = Vec::new();
    for _ in 0..12 {
        bench.answer(|_| Answer::unknown(DOWN));
        waits.push(bench.wait_for_request().as_secs());
    }
    assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]);
    bench.answer(accept);
    assert_eq!(bench.outstanding(), 0);
}

#[test]
fn what_asks_to_be_sent_later_is_not_sent_before() {
    for (asked, waited) in [(3, 3), (86_400, 30)] {
        let mut bench = Bench::new();
        bench.read(A, &[1]);
        let retry_after = Duration::from_secs(asked);
        bench.answer(|_| Answer::Unknown { code: DOWN, retry_after: Some(retry_after) });
        assert_eq!(bench.wait_for_request(), Duration::from_secs(waited));
        bench.answer(accept);
        assert_eq!(bench.outstanding(), 0);
    }
}

/// For ten minutes, fails each request that contains one of the events and accepts the others, while new
/// events keep coming.
fn fail_alone(bench: &mut Bench, culprits: &[&str]) {
    for round in 0..20 {
        bench.read(B, &[100 + round]);
        let until = bench.now + Duration::from_secs(30);
        while bench.now < until {
            bench.pass_to_wake(until.since(bench.now));
            while !bench.requests.is_empty() {
                bench.answer(|request| {
                    let fails = ids(request).iter().any(|id| culprits.contains(id));
                    if fails { Answer::unknown(DOWN) } else { accept(request) }
                });
            }
        }
    }
}

#[test]
fn a_request_that_fails_while_others_succeed_is_halved_to_the_culprit() {
    let mut bench = Bench::patient();
    bench.read_together(8);
    fail_alone(&mut bench, &["5:0"]);
    assert_eq!(bench.outstanding(), 1);
    assert_eq!(bench.holds(), [("event", "keeps_failing")]);
}

#[test]
fn a_culprit_is_given_up_only_where_that_is_set() {
    let mut bench = Bench::with(|config| {
        config.give_up = Some(Duration::from_mins(2));
        config.batch.linger = Span(Duration::from_secs(1));
    });
    bench.read_together(2);
    fail_alone(&mut bench, &["1:0"]);
    assert_eq!(bench.letters.iter().map(|letter| letter.refusal.code.0).collect::<Vec<_>>(), ["given_up"]);
}

#[test]
fn an_outage_does_not_count_against_an_event_that_is_missing_once() {
    let mut bench = Bench::new();
    bench.read(A, &[1, 2]);
    for _ in 0..8 {
        bench.answer(|_| Answer::unknown(DOWN));
        bench.wait_for_request();
    }
    bench.answer(|_| Answer::Results { outcomes: vec![Outcome::Accepted], endpoints_refused: Vec::new() });
    assert_eq!(bench.holds(), []);
    assert!(bench.wait_for_request() <= Duration::from_millis(500), "as after a first failure");
}

/// Fails every event of each request for this many minutes, although the requests are answered.
fn fail_each(bench: &mut Bench, minutes: u64, failed: &Answer) {
    let until = bench.now + Duration::from_mins(minutes);
    while bench.now < until {
        bench.pass_to_wake(until.since(bench.now));
        while !bench.requests.is_empty() {
            bench.answer(|_| failed.clone());
        }
    }
}

#[test]
fn answers_that_take_nothing_for_long_give_no_event_up_and_hold_none() {
    for outcomes in [vec![Outcome::Again(DOWN); 4], Vec::new()] {
        let mut bench = Bench::with(|config| config.give_up = Some(Duration::from_mins(2)));
        for endpoint in 0..4 {
            bench.read(A, &[endpoint, endpoint + 10, endpoint + 20, endpoint + 30]);
        }
        let failed = Answer::Results { outcomes, endpoints_refused: Vec::new() };
        fail_each(&mut bench, 10, &failed);
        assert_eq!((bench.letters.len(), bench.holds()), (0, vec![]));
        while bench.outstanding() > 0 {
            bench.wait_for_request();
            bench.answer(accept);
        }
        assert_eq!(bench.holds(), []);
    }
}

#[test]
fn an_outage_between_its_failures_is_not_a_row_of_failures_of_one_event() {
    let mut bench = Bench::patient();
    bench.read(A, &[1]);
    for round in 0..8 {
        // Other events of its request are accepted four times in a row, and then everything fails.
        bench.read(A, &[10 + round]);
        bench.pass(Duration::from_secs(30));
        let alone = round % 5 != 4;
        while !bench.requests.is_empty() {
            bench.answer(|request| {
                let outcome = |id: &&str| match *id {
                    "0:0" => Outcome::Again(DOWN),
                    _ => Outcome::Accepted,
                };
                let outcomes = ids(request).iter().map(outcome).collect();
                if alone {
                    Answer::Results { outcomes, endpoints_refused: Vec::new() }
                } else {
                    Answer::unknown(DOWN)
                }
            });
        }
    }
    assert_eq!(bench.holds(), []);
}

#[test]
fn an_event_that_kept_failing_and_was_then_refused_leaves_no_hold_when_its_partition_goes() {
    let mut bench = Bench::patient();
    bench.read_together(2);
    bench.answer(|_| Answer::Refused(refusal()));
    fail_alone(&mut bench, &["0:0", "1:0"]);
    assert_eq!(bench.holds(), [("event", "keeps_failing")]);
    bench.wait_for_request();
    bench.answer(|_| Answer::Refused(refusal()));
    bench.handle(Input::Lost(vec![A]));
    assert_eq!((bench.outstanding(), bench.holds()), (0, vec![]));
}
