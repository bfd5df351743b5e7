//! Tests of the invariants, one per test, which are named by number. The simulation checks the same in every
//! order of events.

use super::*;

impl Bench {
    /// Lets this many minutes pass, and answers every request that is sent meanwhile.
    fn live(&mut self, minutes: u64, answer: impl Fn(&Request) -> Answer) {
        let until = self.now + Duration::from_mins(minutes);
        while self.now < until {
            self.pass_to_wake(until.since(self.now));
            while !self.requests.is_empty() {
                self.answer(&answer);
            }
        }
    }
}

fn down(_: &Request) -> Answer {
    Answer::unknown(DOWN)
}

#[test]
fn invariant_2_the_position_never_goes_back_and_is_of_an_ownership_of_today() {
    let mut bench = Bench::with(|config| config.batch.max_events = NonZeroUsize::MIN);
    for endpoint in 0..4 {
        bench.read(A, &[endpoint]);
        bench.pass(Duration::from_millis(100));
    }
    // The last request is answered first.
    bench.requests.reverse();
    for _ in 0..3 {
        bench.answer(accept);
        bench.pass(Duration::from_secs(3));
    }
    assert_eq!(bench.commits, [], "the first is not settled");
    let again = Assignment::new(Ownership(7), "a".into(), 0);
    bench.handle(Input::Assigned(vec![again]));
    bench.answer(accept);
    bench.handle(committed(A, 1, false));
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.commits, [], "a completion of an earlier ownership changes nothing");
    bench.handle(Input::Records(vec![(record(Ownership(7), 9), Mapped::Ignored(Code("x")), Vec::new())]));
    bench.handle(Input::Records(vec![(record(Ownership(7), 5), Mapped::Ignored(Code("x")), Vec::new())]));
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.commits, [(Ownership(7), 10)]);
}

#[test]
fn invariant_3_a_record_is_outstanding_from_its_reading_until_all_of_it_is_settled() {
    let mut bench = Bench::new();
    let garbage = Refusal { code: Code("not_json"), message: String::new() };
    let entries = vec![Entry { key: "key".into(), value: "value".into() }];
    bench.read_with(A, Mapped::Partly(vec![delivery(1, "a"), delivery(2, "b")], garbage), entries);
    let (write, _) = bench.writes.remove(0);
    assert_eq!((bench.outstanding(), bench.requests.len(), bench.letters.len()), (1, 0, 0), "is written of");
    bench.handle(Input::EntriesFinished(write, crate::core::write_outcome::WriteOutcome::Written));
    assert_eq!((bench.outstanding(), bench.requests.len(), bench.letters.len()), (1, 1, 1), "is sent");
    bench.answer(|_| Answer::Results {
        outcomes: vec![Outcome::Accepted, Outcome::Again(DOWN)],
        endpoints_refused: Vec::new(),
    });
    assert_eq!(bench.outstanding(), 1, "is sent again");
    bench.wait_for_request();
    bench.answer(accept);
    assert_eq!(bench.outstanding(), 1, "its dead letter is being written");
    bench.write_letters(WriteOutcome::Written);
    assert_eq!(bench.outstanding(), 0);
}

#[test]
fn invariant_4_an_endpoint_is_in_one_request_at_a_time_and_its_events_go_in_order() {
    let mut bench = Bench::with(|config| config.batch.max_events = NonZeroUsize::new(2).expect("not 0"));
    for _ in 0..6 {
        bench.read(A, &[1]);
    }
    let mut sent = Vec::new();
    for answered in 0..12 {
        bench.wait_for_request();
        bench.pass(Duration::from_secs(2));
        assert_eq!(bench.requests.len(), 1, "the endpoint is in flight");
        sent.extend(ids(&bench.requests[0]).into_iter().map(str::to_owned));
        bench.answer(if answered % 2 == 0 { down } else { accept });
        if bench.outstanding() == 0 {
            break;
        }
    }
    let mut first: Vec<String> = Vec::new();
    for id in sent {
        if !first.contains(&id) {
            first.push(id);
        }
    }
    assert_eq!(first, ["0:0", "1:0", "2:0", "3:0", "4:0", "5:0"]);
}

#[test]
fn invariant_6_what_is_outstanding_is_bounded_however_long_the_destination_is_down() {
    let mut bench = Bench::with(|config| config.max_bytes = usize::MAX);
    let most = 15 * 5 * 100;
    for round in 0..3 * most {
        if !bench.paused.everything {
            bench.read(A, &[u8::try_from(round % 200).expect("small"), 201]);
        }
        if round % 5000 == 0 {
            bench.live(5, down);
        }
        assert!(bench.pipeline.snapshot().events_outstanding <= most + 1, "more than one record too many");
    }
    assert!(bench.paused.everything, "the bound was not reached");
}

#[test]
fn invariant_7_after_an_outage_of_any_kind_every_record_is_settled() {
    let failures: [fn(&Request) -> Answer; 5] = [
        down,
        |_| Answer::Hold(Code("forbidden")),
        |_| Answer::Throttled { retry_after: Some(Duration::from_mins(1)) },
        |request| each(Outcome::Again(DOWN))(request),
        |_| Answer::Results { outcomes: Vec::new(), endpoints_refused: Vec::new() },
    ];
    for failure in failures {
        let mut bench = Bench::patient();
        bench.read_together(9);
        bench.live(60, failure);
        assert_eq!(bench.outstanding(), 9);
        bench.live(10, accept);
        assert_eq!((bench.outstanding(), bench.letters.len(), bench.holds()), (0, 0, vec![]));
    }
}

#[test]
fn invariant_8_a_drain_commits_nothing_that_was_not_settled() {
    for (failure, stops) in [(Answer::unknown(DOWN), false), (Answer::Hold(Code("forbidden")), true)] {
        let mut bench = Bench::with(|config| config.batch.max_events = NonZeroUsize::MIN);
        for endpoint in 0..3 {
            bench.read(A, &[endpoint]);
        }
        bench.handle(Input::Drain);
        bench.answer(accept);
        bench.live(1, |_| failure.clone());
        assert_eq!(bench.stopped, stops, "only a person could help, or it goes on until its deadline");
        assert_eq!(bench.pipeline.finish(), Summary { commits: vec![Commit::at(A, 1)], unsettled: 2 });
        bench.live(60, accept);
        assert_eq!((bench.requests.len(), bench.pipeline.snapshot().records.accepted), (0, 1));
    }
}
