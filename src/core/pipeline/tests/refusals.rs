//! Refused requests: their culprits are isolated, or there is a hold if there are none.

use super::*;

/// Refuses the request if it contains one of the events.
fn refuse_any(culprits: &[&str]) -> impl Fn(&Request) -> Answer {
    move |request| {
        let is_guilty = ids(request).iter().any(|id| culprits.contains(id));
        if is_guilty { Answer::Refused(refusal()) } else { accept(request) }
    }
}

/// A bench whose first request was refused: its two halves are in flight, and behind another request, which started
/// after them, in `requests`.
fn halves_behind_another() -> Bench {
    let mut bench = Bench::patient();
    bench.read_together(2);
    bench.answer(|_| Answer::Refused(refusal()));
    bench.pass(Duration::from_millis(100));
    bench.read(A, &[7]);
    bench.pass(Duration::from_secs(1));
    bench.pass(Duration::from_millis(100));
    assert_eq!(bench.requests.len(), 3);
    bench.requests.rotate_right(1);
    bench
}

#[test]
fn a_refused_request_is_split_until_the_culprit_stands_alone() {
    let mut bench = Bench::patient();
    bench.read_together(16);
    let mut requests = 0;
    while bench.outstanding() > 0 {
        bench.write_letters(WriteOutcome::Written);
        if bench.outstanding() > 0 {
            bench.wait_for_request();
            bench.answer(refuse_any(&["11:0"]));
            requests += 1;
        }
    }
    assert_eq!(bench.pipeline.snapshot().records.dead_lettered.get(&BAD), Some(&1));
    assert_eq!(bench.pipeline.snapshot().records.accepted, 15);
    assert!(requests <= 9, "{requests} requests for one culprit of sixteen");
}

#[test]
fn a_single_refused_event_is_dead_lettered() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(|_| Answer::Refused(refusal()));
    assert_eq!(bench.letters.len(), 1);
    assert_eq!(bench.holds(), []);
}

#[test]
fn all_refused_with_one_code_is_a_hold_and_no_dead_letters() {
    let mut bench = Bench::patient();
    bench.read_together(4);
    while bench.holds().is_empty() {
        bench.wait_for_request();
        bench.answer(|_| Answer::Refused(refusal()));
    }
    assert_eq!(bench.holds(), [("destination", "bad_request")]);
    // The set-up was at fault, so everything is delivered.
    while bench.outstanding() > 0 {
        bench.wait_for_request();
        bench.answer(accept);
    }
    assert_eq!((bench.letters.len(), bench.holds().len()), (0, 0));
}

#[test]
fn another_event_that_is_taken_during_the_hold_convicts_the_refused_ones() {
    let mut bench = Bench::patient();
    bench.read_together(2);
    let guilty = refuse_any(&["0:0", "1:0"]);
    while bench.holds().is_empty() {
        bench.wait_for_request();
        bench.answer(&guilty);
    }
    bench.read(A, &[7]);
    while bench.outstanding() > 0 {
        bench.write_letters(WriteOutcome::Written);
        if bench.outstanding() > 0 {
            bench.wait_for_request();
            bench.answer(&guilty);
        }
    }
    let records = bench.pipeline.snapshot().records;
    assert_eq!((records.accepted, records.dead_lettered.get(&BAD)), (1, Some(&2)));
}

#[test]
fn one_refusal_of_a_request_whose_other_events_went_unanswered_is_no_hold() {
    let mut bench = Bench::patient();
    bench.read(A, &[1]);
    bench.read(B, &[2]);
    bench.wait_for_request();
    bench.answer(|_| Answer::Refused(refusal()));
    bench.wait_for_request();
    assert_eq!(ids(&bench.requests[0]), ["0:0"]);
    bench.answer(|_| Answer::Refused(refusal()));
    bench.handle(Input::Lost(vec![B]));
    assert_eq!(bench.holds(), []);
    bench.wait_for_request();
    assert_eq!(ids(&bench.answer(accept)), ["0:0"]);
    assert_eq!((bench.letters.len(), bench.outstanding()), (0, 0));
}

#[test]
fn one_refusal_of_a_request_whose_other_events_were_throttled_is_no_hold() {
    let mut bench = Bench::patient();
    bench.read_together(2);
    bench.wait_for_request();
    bench.answer(|_| Answer::Refused(refusal()));
    bench.wait_for_request();
    assert_eq!(ids(&bench.answer(|_| Answer::Refused(refusal()))), ["0:0"]);
    bench.wait_for_request();
    assert_eq!(ids(&bench.answer(each(Outcome::Throttled))), ["1:0"]);
    assert_eq!(bench.holds(), []);
    while bench.outstanding() > 0 {
        bench.wait_for_request();
        bench.answer(accept);
    }
    assert_eq!((bench.letters.len(), bench.holds().len()), (0, 0));
}

#[test]
fn all_refused_with_one_code_during_a_hold_for_the_set_up_become_no_dead_letters() {
    let mut bench = halves_behind_another();
    // The last request is answered with a hold because of the set-up, and then the two halves are refused.
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    bench.answer(|_| Answer::Refused(refusal()));
    bench.answer(|_| Answer::Refused(refusal()));
    assert_eq!(bench.holds(), [("destination", "forbidden")]);
    for _ in 0..20 {
        bench.wait_for_request();
        bench.answer(|request| {
            let other = ids(request).contains(&"2:0");
            if other { Answer::unknown(DOWN) } else { Answer::Refused(refusal()) }
        });
    }
    assert_eq!((bench.letters.len(), bench.holds()), (0, vec![("destination", "bad_request")]));
    while bench.outstanding() > 0 {
        bench.wait_for_request();
        bench.answer(accept);
    }
    assert_eq!((bench.letters.len(), bench.holds().len()), (0, 0));
}

#[test]
fn events_that_wait_in_quarantine_are_tried_during_a_hold_after_refusals() {
    let mut bench = Bench::patient();
    let guilty = ["0:0", "1:0", "2:0"];
    bench.read_together(2);
    bench.read(A, &[10, 11, 12]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.requests.len(), 2);
    bench.answer(refuse_any(&guilty));
    bench.answer(refuse_any(&guilty));
    // Nothing more is read.
    for _ in 0..40 {
        bench.write_letters(WriteOutcome::Written);
        if bench.outstanding() > 0 {
            bench.wait_for_request();
            bench.answer(refuse_any(&guilty));
        }
    }
    let sends = bench.pipeline.snapshot().sends;
    assert_eq!((bench.holds(), bench.outstanding(), sends.accepted.iter().sum::<u64>()), (vec![], 0, 2));
    assert_eq!(bench.pipeline.snapshot().records.dead_lettered.get(&BAD), Some(&3));
}

#[test]
fn a_request_that_waits_in_quarantine_is_tried_to_its_end_during_a_hold() {
    // The events of one endpoint are only told apart by halving.
    for (endpoints, leave) in [([10, 11], true), ([10, 10], true), ([10, 10], false)] {
        let mut bench = Bench::patient();
        let guilty = ["0:0", "1:0", "2:0"];
        bench.read_together(2);
        bench.read(B, &endpoints);
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.requests.len(), 2);
        bench.answer(refuse_any(&guilty));
        bench.answer(refuse_any(&guilty));
        while bench.holds().is_empty() {
            bench.wait_for_request();
            bench.answer(refuse_any(&guilty));
        }
        // Those that led to the hold may leave.
        if leave {
            bench.handle(Input::Lost(vec![A]));
        }
        for _ in 0..40 {
            bench.write_letters(WriteOutcome::Written);
            if bench.outstanding() > 0 {
                bench.wait_for_request();
                bench.answer(refuse_any(&guilty));
            }
        }
        assert_eq!((bench.holds(), bench.outstanding()), (vec![], 0), "{endpoints:?}, {leave}");
        assert_eq!(bench.pipeline.snapshot().sends.accepted.iter().sum::<u64>(), 1);
    }
}

#[test]
fn what_was_taken_before_all_were_refused_with_one_code_proves_nothing() {
    let mut bench = halves_behind_another();
    // The first half is throttled, and starts again after the other request was accepted.
    assert_eq!(ids(&bench.answer(accept)), ["2:0"]);
    bench.answer(|_| Answer::Throttled { retry_after: None });
    bench.answer(|_| Answer::Refused(refusal()));
    while bench.holds().is_empty() {
        bench.wait_for_request();
        bench.answer(|_| Answer::Refused(refusal()));
    }
    assert_eq!((bench.holds(), bench.letters.len()), (vec![("destination", "bad_request")], 0));
}

#[test]
fn all_refused_with_one_code_while_another_request_is_taken_are_refused_without_a_hold() {
    let mut bench = halves_behind_another();
    let guilty = ["0:0", "1:0"];
    assert_eq!(ids(&bench.answer(accept)), ["2:0"]);
    while bench.outstanding() > 0 {
        assert_eq!(bench.holds(), []);
        bench.write_letters(WriteOutcome::Written);
        if bench.outstanding() > 0 {
            bench.wait_for_request();
            bench.answer(refuse_any(&guilty));
        }
    }
    assert_eq!(bench.pipeline.snapshot().records.dead_lettered.get(&BAD), Some(&2));
}
