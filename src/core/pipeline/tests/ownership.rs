//! Partitions that are revoked, lost and assigned anew, the drain, and inputs after the end.

use super::*;

#[test]
fn a_revoked_partition_is_released_when_it_is_settled() {
    let mut bench = Bench::with(|config| config.batch.linger = Span(Duration::from_mins(1)));
    bench.read(A, &[1]);
    bench.read(B, &[2]);
    bench.handle(Input::Revoking(vec![A]));
    assert_eq!(ids(&bench.requests[0])[0], "0:0", "it does not wait for others, and goes first");
    assert_eq!(bench.released, []);
    bench.answer(accept);
    assert_eq!(bench.released, [(A, Some(1))]);
}

#[test]
fn events_of_revoked_partitions_go_first_lowest_offsets_first_whatever_their_age() {
    let mut bench = Bench::with(|config| {
        config.batch.max_events = NonZeroUsize::MIN;
        config.quota.in_flight = std::num::NonZeroU32::MIN;
    });
    bench.read(B, &[0]);
    // By age: 1:0 of B, then its lane's 4:0 of A; 2:0 of B; 3:0 of A.
    bench.read(B, &[1]);
    bench.read(B, &[2]);
    bench.read(A, &[3]);
    bench.read(A, &[1]);
    bench.handle(Input::Revoking(vec![A]));
    let mut sent = Vec::new();
    while bench.outstanding() > 0 {
        bench.wait_for_request();
        sent.extend(ids(&bench.answer(accept)).into_iter().map(str::to_owned));
    }
    assert_eq!(sent, ["0:0", "3:0", "1:0", "4:0", "2:0"]);
}

#[test]
fn partitions_that_are_revoked_together_keep_their_part_of_the_quota_until_all_are_drained() {
    let mut bench = Bench::new();
    bench.read(B, &[2]);
    bench.handle(Input::Revoking(vec![A, B]));
    assert_eq!(bench.released, [], "one is settled, the other is not");
    assert!((bench.pipeline.snapshot().quota.share - 1.0).abs() < 0.01);
    bench.answer(accept);
    assert_eq!(bench.released, [(A, None), (B, Some(1))]);
}

#[test]
fn a_revoked_partition_is_released_unsettled_after_the_timeout() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.handle(Input::Revoking(vec![A]));
    bench.pass(Duration::from_millis(9_999));
    assert_eq!(bench.released, []);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.released, [(A, None)]);
    assert_eq!(bench.pipeline.snapshot().records.released, 1);
    // The late answer changes nothing except the count of accepted events.
    bench.answer(accept);
    assert_eq!(bench.pipeline.snapshot().records.accepted, 0);
}

#[test]
fn during_a_hold_a_revoked_partition_is_released_at_once() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    bench.handle(Input::Revoking(vec![A]));
    assert_eq!(bench.released, [(A, None)]);
}

#[test]
fn a_lost_partition_is_not_committed() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(accept);
    bench.read(A, &[1]);
    bench.wait_for_request();
    bench.answer(accept);
    bench.handle(Input::Lost(vec![A]));
    bench.pass(Duration::from_secs(10));
    assert_eq!((bench.commits, bench.released), (vec![(A, 1)], vec![]), "the second record is not committed");
}

#[test]
fn a_partition_assigned_anew_ends_its_earlier_ownership() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    let again = Assignment::new(Ownership(7), "a".into(), 0);
    bench.handle(Input::Assigned(vec![again]));
    bench.answer(accept);
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.commits, [], "a completion of the earlier ownership changes nothing");
    bench.handle(Input::Records(vec![(record(A, 5), Mapped::Ignored(Code("x")), Vec::new())]));
    assert_eq!(bench.pipeline.snapshot().records.stale, 1);
}

#[test]
fn a_drain_ends_when_all_is_settled() {
    let mut bench = Bench::with(|config| config.batch.linger = Span(Duration::from_mins(1)));
    bench.read(A, &[1]);
    bench.handle(Input::Drain);
    assert!(bench.paused.everything && !bench.stopped);
    bench.answer(accept);
    assert!(bench.stopped);
    assert_eq!(bench.pipeline.finish(), Summary { commits: vec![Commit::at(A, 1)], unsettled: 0 });
}

#[test]
fn a_drain_during_a_hold_ends_when_nothing_is_in_flight() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.read(A, &[2]);
    bench.pass(Duration::from_millis(67));
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    bench.handle(Input::Drain);
    assert!(!bench.stopped, "one request is in flight");
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    assert!(bench.stopped);
    assert_eq!(bench.pipeline.finish().unsettled, 2);
}

#[test]
fn after_the_end_nothing_is_sent_and_written() {
    let mut bench = Bench::patient();
    bench.garbage(A);
    bench.write_letters(WriteOutcome::Again(Code("timeout")));
    bench.read(A, &[1]);
    bench.pass(Duration::from_secs(1));
    bench.read(A, &[2, 3]);
    bench.write_letters(WriteOutcome::Again(Code("timeout")));
    assert_eq!(bench.pipeline.finish().unsettled, 3);
    bench.answer(|_| Answer::unknown(DOWN));
    bench.pass(Duration::from_mins(1));
    // The source may not know of the end yet.
    let late = Assignment::new(Ownership(7), "a".into(), 0);
    bench.handle(Input::Assigned(vec![late]));
    bench.handle(Input::Records(vec![(
        record(Ownership(7), 0),
        Mapped::Deliver(vec![delivery(4, "late")]),
        Vec::new(),
    )]));
    bench.pass(Duration::from_mins(1));
    assert_eq!((bench.requests.len(), bench.letters.len(), bench.commits.len()), (0, 0, 0));
    assert_eq!((bench.pipeline.next_wake(), bench.pipeline.snapshot().events_outstanding), (None, 0));
}

#[test]
fn what_was_in_flight_at_the_end_is_counted() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    assert_eq!(bench.pipeline.finish().unsettled, 1);
    bench.answer(accept);
    assert_eq!(bench.pipeline.snapshot().sends.accepted.iter().sum::<u64>(), 1);
    assert_eq!(bench.pipeline.snapshot().records.accepted, 0, "it was given up");
}

#[test]
fn a_partition_whose_records_cannot_be_read_is_a_hold_until_they_can_be_or_it_is_gone() {
    let mut bench = Bench::new();
    let broken = Code("bad_compression");
    bench.handle(Input::Unreadable(A, Some(broken)));
    bench.handle(Input::Unreadable(B, Some(broken)));
    let hold = bench.pipeline.holds().remove(0);
    assert_eq!(
        (hold.cause, hold.code, hold.topic.as_deref(), hold.partition),
        ("unreadable", broken, Some("a"), Some(0))
    );
    bench.read(A, &[1]);
    bench.answer(accept);
    assert_eq!(bench.holds().len(), 2, "what was read before is delivered");
    bench.handle(Input::Unreadable(A, None));
    assert_eq!(bench.holds(), [("unreadable", "bad_compression")]);
    bench.handle(Input::Lost(vec![B]));
    assert_eq!(bench.holds(), []);
    bench.handle(Input::Unreadable(B, Some(broken)));
    assert_eq!(bench.holds(), [], "it is not owned any more");
}

#[test]
fn what_cannot_be_read_is_committed_although_the_first_record_behind_it_is_not_settled() {
    let mut bench = Bench::new();
    bench.read(B, &[2]);
    bench.answer(accept);
    assert_eq!(bench.commits, [(B, 1)], "the next commit is due in a while");
    bench.handle(Input::Passed(vec![(A, 4)]));
    bench.next_offset = 4;
    bench.read(A, &[1]);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.commits[1..], [(A, 4)]);
}

#[test]
fn what_cannot_be_read_is_committed_behind_the_records_before_it() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.handle(Input::Passed(vec![(A, 4)]));
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.commits, [], "a record before it is not settled");
    bench.answer(accept);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.commits, [(A, 4)]);
    bench.handle(Input::Passed(vec![(A, 6), (B, 3)]));
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.commits[1..], [(A, 6), (B, 3)]);
}
