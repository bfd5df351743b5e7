//! Denied requests: a hold while nothing is accepted; once others are, the culprit is isolated.

use super::*;

const FORBIDDEN: Code = Code("http_403");

fn denied() -> Answer {
    Answer::Denied(Refusal { code: FORBIDDEN, message: "answered 403".into() })
}

/// Denies a request that contains one of the events, and accepts the others.
fn deny_with<'a>(culprits: &'a [&str], denial: &'a Answer) -> impl Fn(&Request) -> Answer + 'a {
    move |request| {
        let is_denied = ids(request).iter().any(|id| culprits.contains(id));
        if is_denied { denial.clone() } else { accept(request) }
    }
}

/// Answers everything for this many seconds, while a new event comes in each second.
pub(super) fn live(bench: &mut Bench, seconds: u64, answer: impl Fn(&Request) -> Answer) {
    for second in 0..seconds {
        bench.read(B, &[100 + u8::try_from(second % 100).expect("small")]);
        let until = bench.now + Duration::from_secs(1);
        while bench.now < until {
            bench.pass_to_wake(until.since(bench.now));
            while !bench.requests.is_empty() {
                bench.answer(&answer);
            }
            bench.write_letters(WriteOutcome::Written);
        }
    }
}

#[test]
fn one_denied_payload_stops_nothing_and_becomes_a_dead_letter() {
    let mut bench = Bench::patient();
    bench.read_together(100);
    live(&mut bench, 120, deny_with(&["42:0"], &denied()));
    let records = bench.pipeline.snapshot().records;
    assert_eq!((records.accepted, records.dead_lettered.get(&FORBIDDEN)), (219, Some(&1)));
    assert_eq!(bench.holds(), []);
}

#[test]
fn a_denied_payload_is_found_though_nothing_else_is_waiting() {
    let mut bench = Bench::patient();
    bench.read_together(4);
    for _ in 0..200 {
        if bench.requests.is_empty() {
            bench.pass_to_wake(Duration::from_secs(30));
        } else {
            bench.answer(deny_with(&["1:0"], &denied()));
        }
    }
    assert_eq!(bench.outstanding(), 1);
    assert_eq!(
        (bench.pipeline.snapshot().records.accepted, bench.letters.len()),
        (3, 0),
        "nothing else is accepted"
    );
    assert_eq!(bench.holds(), [("destination", "http_403")]);
}

#[test]
fn many_denied_payloads_are_isolated_one_by_one() {
    let mut bench = Bench::patient();
    let culprits = ["3:0", "17:0", "18:0", "60:0", "99:0"];
    bench.read_together(100);
    live(&mut bench, 240, deny_with(&culprits, &denied()));
    let records = bench.pipeline.snapshot().records;
    assert_eq!((records.accepted, records.dead_lettered.get(&FORBIDDEN)), (335, Some(&5)));
}

#[test]
fn an_answer_about_the_caller_never_becomes_a_dead_letter() {
    let mut bench = Bench::patient();
    bench.read_together(10);
    live(&mut bench, 300, deny_with(&["4:0"], &Answer::Hold(Code("AccessDeniedException"))));
    assert_eq!((bench.letters.len(), bench.outstanding()), (0, 1));
    assert_eq!(bench.holds(), [("event", "keeps_failing")]);
    live(&mut bench, 60, accept);
    assert_eq!((bench.holds(), bench.outstanding()), (vec![], 0));
}

#[test]
fn a_denied_event_is_refused_only_after_five_times_with_others_accepted_in_between() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    let mut denials = 0;
    while bench.letters.is_empty() {
        bench.wait_for_request();
        let request = bench.answer(deny_with(&["0:0"], &denied()));
        denials += u32::from(ids(&request).contains(&"0:0"));
        if bench.requests.is_empty() {
            bench.read(B, &[2]);
            while let Some(index) = bench.requests.iter().position(|request| !ids(request).contains(&"0:0")) {
                let request = bench.requests.remove(index);
                let answer = accept(&request);
                bench.finish(&request, answer);
            }
        }
    }
    assert!((6..9).contains(&denials), "{denials} denials: a first one, and five with others in between");
    assert_eq!(bench.letters[0].refusal.code, FORBIDDEN);
}

#[test]
fn where_nothing_is_accepted_it_is_the_set_up_and_nothing_is_refused() {
    for denial in [denied(), Answer::Hold(Code("ExpiredTokenException"))] {
        let mut bench = Bench::patient();
        bench.read_together(100);
        // A code that was once about a request does not count forever.
        live(&mut bench, 60, deny_with(&["42:0"], &denial));
        live(&mut bench, 3600, |_| denial.clone());
        assert!(bench.letters.is_empty());
        assert_eq!(bench.holds().first().map(|hold| hold.0), Some("destination"));
        live(&mut bench, 200, accept);
        assert_eq!((bench.holds(), bench.outstanding()), (vec![], 0));
        assert_eq!(
            bench.pipeline.snapshot().records.dead_lettered.values().sum::<u64>(),
            u64::from(denial == denied())
        );
    }
}

#[test]
fn a_probe_that_is_refused_alone_while_the_set_up_is_in_doubt_is_no_dead_letter() {
    let mut bench = Bench::patient();
    bench.read_together(3);
    bench.answer(|_| denied());
    bench.wait_for_request();
    bench.answer(|_| Answer::Refused(refusal()));
    for _ in 0..100 {
        bench.pass_to_wake(Duration::from_secs(30));
        while !bench.requests.is_empty() {
            bench.answer(|_| Answer::Refused(refusal()));
        }
    }
    assert_eq!((bench.letters.len(), bench.holds()), (0, vec![("destination", "bad_request")]));
}

#[test]
fn later_events_of_its_endpoint_wait_for_a_denied_one() {
    let mut bench = Bench::patient();
    bench.read_together(2);
    for round in 0..300 {
        bench.read(A, &[if round % 2 == 0 { 1 } else { 9 }]);
        bench.pass_to_wake(Duration::from_secs(1));
        while !bench.requests.is_empty() {
            let request = bench.answer(deny_with(&["1:0"], &denied()));
            let of_one = request.endpoints.iter().find(|batch| &*batch.endpoint_id.0 == "1");
            let first = of_one.map(|batch| &*batch.events[0].id);
            assert!(
                first.is_none_or(|id| id == "1:0") || !bench.letters.is_empty(),
                "{first:?} overtakes 1:0"
            );
        }
    }
    assert_eq!(bench.letters.len(), 1);
}

#[test]
fn a_denied_probe_of_a_hold_after_refusals_does_not_keep_others_from_being_tried() {
    let mut bench = Bench::patient();
    bench.read_together(3);
    while bench.holds().is_empty() {
        bench.wait_for_request();
        bench.answer(|_| Answer::Refused(refusal()));
    }
    assert_eq!(bench.holds(), [("destination", BAD.0)]);
    let culprit = format!("{}:0", bench.read(B, &[100]));
    let denied = denied();
    live(&mut bench, 120, deny_with(&[&culprit], &denied));
    assert_eq!(bench.holds(), []);
}
