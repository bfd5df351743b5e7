//! The guarantees of the session barrier, one per test: what waits, for what, how long, and what is left
//! over.

use super::*;
use crate::core::write_outcome::WriteOutcome;

const WRITTEN: WriteOutcome = WriteOutcome::Written;
const AGAIN: WriteOutcome = WriteOutcome::Again(Code("timeout"));
const REFUSED: WriteOutcome = WriteOutcome::Refused(Code("unknown_topic"));

impl Bench {
    /// Reads a record of `ownership` with one event for each of `endpoints` and an entry of the session
    /// table.
    fn read_gated(&mut self, ownership: Ownership, endpoints: &[u8]) -> i64 {
        let offset = self.next_offset;
        let delivery = |endpoint: &u8| delivery(*endpoint, &format!("{offset}:{endpoint}"));
        let mapped = Mapped::Deliver(endpoints.iter().map(delivery).collect());
        self.read_with(ownership, mapped, entries())
    }

    fn bytes(&self) -> usize {
        self.pipeline.snapshot().bytes_outstanding
    }
}

fn entries() -> Vec<Entry> {
    vec![Entry { key: "key".into(), value: "value".into() }]
}

fn garbage() -> Refusal {
    Refusal { code: Code("not_json"), message: String::new() }
}

fn partly(endpoint: u8) -> Mapped {
    Mapped::Partly(vec![delivery(endpoint, "readable")], garbage())
}

fn open_circuits() -> Bench {
    let breaker = CircuitBreakerConfig { share: 0.5, window: NonZeroUsize::new(2).expect("not 0") };
    Bench::with(|config| config.circuit_breaker = Some(breaker))
}

#[test]
fn events_are_sent_after_the_acknowledgement_of_their_entries() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.pass(Duration::from_mins(1));
    assert_eq!((bench.sent().len(), bench.writes.len(), bench.events()), (0, 1, 1));
    bench.finish_write(WRITTEN);
    assert_eq!(bench.sent(), ["0:1"]);
}

#[test]
fn a_record_without_entries_passes_an_empty_gate_at_once() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.finish_write(WRITTEN);
    bench.accept_all();
    bench.pass(Duration::from_secs(1));
    bench.read(A, &[2]);
    assert_eq!((bench.sent(), bench.writes.len()), (vec!["1:0"], 0));
}

#[test]
fn what_is_read_later_waits_behind_whatever_its_partition() {
    let mut bench = Bench::patient();
    bench.read_gated(A, &[1]);
    bench.read(B, &[2]);
    bench.read_gated(B, &[3]);
    bench.finish_nth_write(1, WRITTEN);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.sent().len(), 0);
    bench.finish_write(WRITTEN);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.sent(), ["0:1", "1:0", "2:3"]);
}

#[test]
fn a_record_is_not_committed_before_its_entries_are_acknowledged() {
    let mut bench = Bench::new();
    bench.read_with(A, Mapped::Ignored(Code("activity")), entries());
    bench.pass(Duration::from_secs(10));
    assert_eq!((bench.outstanding(), bench.commits.len()), (1, 0));
    bench.finish_write(WRITTEN);
    bench.pass(Duration::from_secs(10));
    assert_eq!((bench.outstanding(), bench.commits), (0, vec![(A, 1)]));
}

#[test]
fn an_ignored_record_with_entries_is_counted_once_as_ignored() {
    let mut bench = Bench::new();
    bench.read_with(A, Mapped::Ignored(Code("activity")), entries());
    bench.finish_write(WRITTEN);
    let records = bench.pipeline.snapshot().records;
    assert_eq!((records.accepted, records.ignored.get(&Code("activity"))), (0, Some(&1)));
}

#[test]
fn the_write_is_one_obligation_beside_the_events() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1, 2]);
    bench.finish_write(WRITTEN);
    bench.answer(|_| Answer::Results {
        outcomes: vec![Outcome::Accepted, Outcome::Again(DOWN)],
        endpoints_refused: Vec::new(),
    });
    assert_eq!(bench.outstanding(), 1);
    bench.accept_all();
    assert_eq!(bench.pipeline.snapshot().records.accepted, 1);
}

#[test]
fn a_refused_record_is_dead_lettered_after_its_entries_are_acknowledged() {
    let mut bench = Bench::new();
    bench.read_with(A, Mapped::Refused(garbage()), entries());
    assert_eq!(bench.letters.len(), 0);
    bench.finish_write(WRITTEN);
    assert_eq!((bench.letters.len(), bench.outstanding()), (1, 1));
    bench.write_letters(WriteOutcome::Written);
    assert_eq!((bench.outstanding(), bench.pipeline.snapshot().records.dead_lettered.len()), (0, 1));
}

#[test]
fn a_record_that_is_readable_in_part_needs_its_events_and_its_dead_letter() {
    for letter_first in [false, true] {
        let mut bench = Bench::new();
        bench.read_with(A, partly(1), entries());
        bench.finish_write(WRITTEN);
        assert_eq!((bench.sent(), bench.letters.len()), (vec!["readable"], 1));
        if letter_first {
            bench.write_letters(WriteOutcome::Written);
            assert_eq!(bench.outstanding(), 1);
            bench.answer(accept);
        } else {
            bench.answer(accept);
            assert_eq!(bench.outstanding(), 1);
            bench.write_letters(WriteOutcome::Written);
        }
        let records = bench.pipeline.snapshot().records;
        assert_eq!((records.accepted, records.dead_lettered.get(&Code("not_json"))), (0, Some(&1)));
        assert_eq!((bench.outstanding(), bench.bytes()), (0, 0));
    }
}

#[test]
fn the_brake_keeps_the_dead_letter_of_a_gated_record_and_not_its_events() {
    let mut bench = open_circuits();
    bench.garbage(A);
    bench.garbage(A);
    bench.write_letters(WriteOutcome::Written);
    bench.read_with(A, partly(1), entries());
    bench.finish_write(WRITTEN);
    assert_eq!((bench.sent(), bench.letters.len()), (vec!["readable"], 0));
    assert_eq!(bench.paused.partitions, [A]);
    bench.answer(accept);
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.write_letters(WriteOutcome::Written), 1);
    assert_eq!((bench.outstanding(), bench.paused.partitions.len()), (0, 0));
}

#[test]
fn a_gated_record_that_is_ignored_opens_the_brake() {
    let mut bench = open_circuits();
    for _ in 0..3 {
        bench.garbage(A);
    }
    bench.write_letters(WriteOutcome::Written);
    assert_eq!(bench.holds(), [("circuit_breaker", "mostly_refused")]);
    bench.read_with(A, Mapped::Ignored(Code("activity")), entries());
    assert_eq!(bench.holds(), [("circuit_breaker", "mostly_refused")]);
    bench.finish_write(WRITTEN);
    assert_eq!(bench.write_letters(WriteOutcome::Written), 1, "what waited goes through");
    assert_eq!((bench.holds(), bench.outstanding()), (vec![], 0));
}

#[test]
fn a_write_that_failed_is_repeated_without_end_and_ever_later() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    let mut waits = Vec::new();
    for _ in 0..9 {
        bench.finish_write(AGAIN);
        let started = bench.now;
        while bench.writes.is_empty() {
            assert!(bench.now.since(started) < Duration::from_mins(1), "it is not repeated");
            bench.pass_to_wake(Duration::from_mins(1));
        }
        assert!(bench.writes[0].1 == entries(), "other entries are written");
        waits.push(bench.now.since(started).as_millis());
    }
    assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    bench.finish_write(WRITTEN);
    assert_eq!((bench.sent(), bench.writes.len()), (vec!["0:1"], 0));
}

#[test]
fn two_writes_that_fail_at_once_are_both_repeated() {
    let mut bench = Bench::patient();
    bench.read_gated(A, &[1]);
    bench.read_gated(A, &[2]);
    bench.finish_write(AGAIN);
    bench.finish_write(AGAIN);
    bench.pass_to_wake(Duration::from_secs(1));
    assert_eq!(bench.writes.len(), 2);
    bench.finish_nth_write(1, WRITTEN);
    bench.finish_write(WRITTEN);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.sent(), ["0:1", "1:2"]);
}

#[test]
fn what_is_kept_comes_back_to_zero_and_is_not_counted_twice() {
    let mut bench = Bench::new();
    bench.read(A, &[1, 2]);
    let open = (bench.bytes(), bench.events());
    bench.answer(accept);
    bench.read_gated(A, &[1, 2]);
    assert!(bench.bytes() > open.0, "entries and a place cost something");
    assert_eq!(bench.events(), 2);
    bench.finish_write(WRITTEN);
    assert_eq!((bench.bytes(), bench.events()), open);
    bench.accept_all();
    assert_eq!((bench.bytes(), bench.events()), (0, 0));
}

#[test]
fn an_event_too_large_for_any_request_is_dead_lettered_after_the_gate() {
    let mut bench = Bench::with(|config| {
        config.encoder = Box::new(Whole(|_| 5_000_000));
        config.max_bytes = usize::MAX;
    });
    bench.read_gated(A, &[1]);
    assert_eq!(bench.letters.len(), 0);
    bench.finish_write(WRITTEN);
    bench.write_letters(WriteOutcome::Written);
    assert_eq!((bench.outstanding(), bench.bytes(), bench.events()), (0, 0, 0));
}

#[test]
fn events_at_the_gate_pause_intake() {
    let mut bench = Bench::with(|config| config.max_bytes = usize::MAX);
    for _ in 0..10_000 {
        if !bench.paused.everything {
            bench.read_gated(A, &[1]);
        }
    }
    assert_eq!(bench.events(), 15 * 5 * 100);
}

#[test]
fn records_that_become_nothing_pause_intake_at_the_gate_by_their_bytes() {
    let mut bench = Bench::with(|config| config.max_bytes = 10_000);
    bench.read_gated(A, &[1]);
    for _ in 0..1000 {
        if !bench.paused.everything {
            bench.read_as(A, Mapped::Ignored(Code("activity")));
        }
    }
    assert!((10_000..11_000).contains(&bench.bytes()), "{}", bench.bytes());
}

#[test]
fn a_lost_partition_leaves_nothing_at_the_gate() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.handle(Input::Lost(vec![A]));
    assert_eq!((bench.outstanding(), bench.bytes(), bench.events()), (0, 0, 0));
    assert_eq!(bench.pipeline.snapshot().records.released, 1);
    bench.read(B, &[2]);
    assert_eq!(bench.sent(), ["1:0"], "the barrier is open");
}

#[test]
fn a_failed_write_of_a_lost_partition_is_not_repeated() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.finish_write(AGAIN);
    bench.handle(Input::Lost(vec![A]));
    bench.pass(Duration::from_mins(1));
    assert_eq!((bench.writes.len(), bench.pipeline.next_wake()), (0, None));
}

#[test]
fn what_waited_behind_a_lost_record_goes_on_without_another_input() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.read(B, &[2]);
    bench.handle(Input::Lost(vec![A]));
    assert_eq!(bench.sent(), ["1:0"]);
}

#[test]
fn what_waited_behind_a_released_record_goes_on_without_another_input() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.read(B, &[2]);
    bench.handle(Input::Revoking(vec![A]));
    bench.pass(Duration::from_secs(10));
    assert_eq!((&*bench.released, bench.sent()), (&[(A, None)][..], vec!["1:0"]));
}

#[test]
fn what_settles_when_one_partition_is_released_releases_the_next() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.read_as(B, Mapped::Ignored(Code("activity")));
    bench.handle(Input::Revoking(vec![A]));
    bench.pass(Duration::from_secs(5));
    bench.handle(Input::Revoking(vec![B]));
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.released, [(A, None), (B, Some(2))]);
}

#[test]
fn the_late_end_of_a_write_changes_nothing_for_another_ownership() {
    for outcome in [WRITTEN, AGAIN, REFUSED] {
        let mut bench = Bench::new();
        bench.read_gated(A, &[1]);
        let again = Assignment::new(Ownership(7), "a".into(), 0);
        bench.handle(Input::Assigned(vec![again]));
        bench.handle(Input::Records(vec![(record(Ownership(7), 0), partly(1), entries())]));
        bench.finish_write(outcome);
        assert_eq!((bench.sent().len(), bench.letters.len(), bench.outstanding()), (0, 0, 1));
        assert_eq!((bench.holds(), bench.pipeline.next_wake()), (vec![], None));
        bench.finish_write(WRITTEN);
        assert_eq!(bench.sent(), ["readable"]);
    }
}

#[test]
fn events_of_a_partition_that_is_given_up_are_in_a_hurry_behind_the_gate_too() {
    let mut bench = Bench::with(|config| config.batch.linger = Span(Duration::from_mins(1)));
    bench.read(B, &[1]);
    bench.read_gated(A, &[1]);
    bench.handle(Input::Revoking(vec![A]));
    bench.finish_write(WRITTEN);
    assert_eq!(bench.sent(), ["0:0", "1:1"], "they share a lane with one that has time");
    bench.answer(accept);
    assert_eq!(bench.released, [(A, Some(2))]);
}

#[test]
fn a_refused_write_is_a_hold_until_it_is_acknowledged() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.finish_write(REFUSED);
    let code = Code("unknown_topic");
    assert_eq!(
        (bench.holds(), &*bench.transitions),
        (vec![("table", code.0)], &[Transition::TableHeld { code }][..])
    );
    bench.pass(Duration::from_millis(29_999));
    assert_eq!(bench.writes.len(), 0);
    bench.pass(Duration::from_millis(1));
    bench.finish_write(WRITTEN);
    assert_eq!((bench.holds(), bench.transitions.last()), (vec![], Some(&Transition::TableResumed { code })));
    assert_eq!(bench.sent(), ["0:1"]);
}

#[test]
fn a_hold_lasts_as_long_as_any_refused_write_waits_and_is_told_once() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.read_gated(A, &[2]);
    bench.finish_write(REFUSED);
    bench.finish_write(REFUSED);
    bench.pass(Duration::from_secs(30));
    bench.finish_write(WRITTEN);
    assert_eq!(bench.holds(), [("table", "unknown_topic")]);
    bench.finish_write(WRITTEN);
    assert_eq!((bench.holds(), bench.transitions.len()), (vec![], 2));
}

#[test]
fn a_hold_goes_with_the_partition_whose_write_was_refused() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.read_gated(B, &[2]);
    bench.read(B, &[3]);
    bench.finish_write(REFUSED);
    bench.handle(Input::Lost(vec![A]));
    assert_eq!(bench.holds(), []);
    bench.finish_write(WRITTEN);
    bench.accept_all();
    assert_eq!((bench.holds(), bench.bytes()), (vec![], 0));
}

#[test]
fn during_a_hold_of_the_table_a_revoked_partition_is_released_at_once() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.read(B, &[2]);
    bench.finish_write(REFUSED);
    bench.handle(Input::Revoking(vec![B]));
    assert_eq!(bench.released, [(B, None)]);
    assert_eq!(bench.holds(), [("table", "unknown_topic")]);
}

#[test]
fn a_drain_waits_for_writes_that_may_be_acknowledged() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.handle(Input::Drain);
    bench.finish_write(AGAIN);
    assert!(!bench.stopped, "it is written again");
    bench.pass_to_wake(Duration::from_secs(1));
    bench.finish_write(WRITTEN);
    bench.answer(accept);
    assert!(bench.stopped);
    assert_eq!(bench.pipeline.finish(), Summary { commits: vec![Commit::at(A, 1)], unsettled: 0 });
}

#[test]
fn a_drain_ends_when_the_table_is_on_hold() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.read(B, &[2]);
    bench.handle(Input::Drain);
    assert!(!bench.stopped, "a write is under way");
    bench.finish_write(REFUSED);
    assert!(bench.stopped);
    assert_eq!(bench.pipeline.finish().unsettled, 2);
}

#[test]
fn a_drain_settles_what_stands_before_a_refused_write() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.read_gated(A, &[2]);
    bench.finish_nth_write(1, REFUSED);
    bench.handle(Input::Drain);
    assert!(!bench.stopped, "the first write is under way");
    bench.finish_write(WRITTEN);
    bench.answer(accept);
    assert!(bench.stopped);
    assert_eq!(bench.pipeline.finish(), Summary { commits: vec![Commit::at(A, 1)], unsettled: 1 });
}

#[test]
fn after_the_end_an_acknowledgement_sends_nothing() {
    let mut bench = Bench::new();
    bench.read_gated(A, &[1]);
    bench.handle(Input::Drain);
    assert_eq!(bench.pipeline.finish().unsettled, 1);
    bench.finish_write(WRITTEN);
    assert_eq!((bench.sent().len(), bench.events(), bench.bytes()), (0, 0, 0));
}
