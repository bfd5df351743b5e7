//! Tests of tails, one behaviour per test. The model tests what must hold in every order of events.

use std::ops::RangeInclusive;

use super::*;
use crate::core::time::Timestamp;
use crate::core::{record::CommittedPosition, source::Commit};

const FIRST: Ownership = Ownership(1);
const NEXT: Ownership = Ownership(2);

/// A ledger, and the records of the current ownership.
struct Bench {
    ledger: Ledger,
    ownership: Ownership,
    ids: BTreeMap<i64, RecordId>,
}

impl Bench {
    fn with(tails: Switch, ownership: Ownership, committed: Option<(i64, Option<Box<str>>)>) -> Self {
        let mut ledger = Ledger::new(tails);
        ledger.assign(assignment(ownership, committed));
        Self { ledger, ownership, ids: BTreeMap::new() }
    }

    fn new() -> Self {
        Self::with(Switch::On, FIRST, None)
    }

    /// Creates the ledger of the next process, which begins with this commit.
    fn after(commit: &Commit) -> Self {
        Self::with(Switch::On, NEXT, Some((commit.position, commit.metadata.clone())))
    }

    fn read_as(&mut self, offset: i64, value: &str) -> Read {
        let read = self.ledger.read(
            Record {
                ownership: self.ownership,
                topic: "topic".into(),
                partition: 0,
                offset,
                timestamp: Some(Timestamp(offset)),
                key: None,
                value: Some(value.as_bytes().into()),
                headers: Vec::new(),
                redriven: None,
            },
            Moment::START,
        );
        if let Read::New(id) = read {
            self.ledger.oblige(id, 1, 0);
            self.ids.insert(offset, id);
        }
        read
    }

    #[track_caller]
    fn read_new(&mut self, offsets: RangeInclusive<i64>) {
        for offset in offsets {
            assert!(matches!(self.read_as(offset, "value"), Read::New(_)), "{offset} is not new");
        }
    }

    #[track_caller]
    fn read_settled(&mut self, offsets: RangeInclusive<i64>) {
        for offset in offsets {
            assert_eq!(self.read_as(offset, "value"), Read::SettledBefore, "{offset}");
        }
    }

    #[track_caller]
    fn settle(&mut self, offsets: RangeInclusive<i64>) {
        for offset in offsets {
            let id = self.ids.remove(&offset).expect("it is outstanding");
            assert!(self.ledger.fulfil(id, 0).is_some());
        }
    }

    #[track_caller]
    fn take(&mut self) -> Commit {
        let mut commits = self.ledger.take_moved();
        assert_eq!(commits.len(), 1, "one is due");
        commits.remove(0)
    }

    fn release(&mut self) -> Option<Commit> {
        let reached = self.ledger.release(&[self.ownership].into());
        self.ledger.commits(reached).pop()
    }

    #[track_caller]
    fn check_counts(&self, consumed: u64, settled_before: u64, released: u64) {
        let counts = self.ledger.counts();
        let counted = (counts.consumed, counts.settled_before, counts.released);
        assert_eq!(counted, (consumed, settled_before, released));
    }
}

fn assignment(ownership: Ownership, committed: Option<(i64, Option<Box<str>>)>) -> Assignment {
    let committed = committed.map(|(position, metadata)| CommittedPosition { position, metadata });
    let assignment = Assignment::new(ownership, "topic".into(), 0);
    Assignment { committed, cluster: Some("cluster".into()), ..assignment }
}

/// Record 10 is stuck, 11 to 20 are settled, 21 is stuck, 22 to 30 are settled.
fn two_runs() -> Commit {
    let mut bench = Bench::new();
    bench.read_new(10..=30);
    bench.settle(11..=20);
    bench.settle(22..=30);
    bench.take()
}

#[test]
fn a_tail_is_due_while_nothing_before_it_was_ever_settled() {
    let mut bench = Bench::new();
    bench.read_new(10..=12);
    assert!(!bench.ledger.has_moved());
    bench.settle(12..=12);
    let commit = bench.take();
    assert_eq!((commit.position, commit.metadata.is_some()), (10, true));
    assert_eq!(bench.ledger.take_moved(), [], "it is not due twice");
    bench.ledger.committed(&[Commit::at(FIRST, 10)], false);
    assert_eq!(bench.take(), commit, "a refused commit is due again");
    assert_eq!(bench.release(), Some(commit), "and at release");
}

#[test]
fn invariant_12_what_a_tail_names_is_not_outstanding_again_and_counted_once() {
    let mut bench = Bench::after(&two_runs());
    bench.read_new(10..=10);
    bench.read_settled(11..=19);
    bench.check_counts(1, 0, 0);
    bench.read_settled(20..=20);
    bench.check_counts(11, 10, 0);
    bench.read_new(21..=21);
    bench.read_settled(22..=30);
    bench.read_new(31..=31);
    bench.check_counts(22, 19, 0);
    assert_eq!(bench.ledger.outstanding(), 3);
    assert_eq!(bench.read_as(15, "value"), Read::Dropped, "it is a re-delivery");
    assert_eq!(bench.ledger.counts().redelivered, 1);
}

#[test]
fn an_inherited_tail_is_carried_on_until_it_was_read_over() {
    let mut bench = Bench::after(&two_runs());
    assert_eq!(bench.ledger.take_moved(), [], "what is committed already is not due");
    bench.read_new(10..=10);
    bench.read_settled(11..=15);
    bench.settle(10..=10);
    let commit = bench.take();
    assert_eq!(commit.position, 11, "not past records whose run is not read to its end");
    bench.check_counts(1, 0, 0);
    assert_eq!(bench.release().as_ref(), Some(&commit));
    bench.check_counts(1, 0, 0);

    let mut third = Bench::after(&commit);
    third.read_settled(11..=20);
    assert_eq!(third.take().position, 21, "the run was read");
    third.read_new(21..=21);
    third.read_settled(22..=30);
    third.settle(21..=21);
    let last = third.take();
    assert_eq!((last.position, last.metadata), (31, None));
}

#[test]
fn a_run_that_is_read_becomes_one_with_those_beside_it() {
    let mut bench = Bench::after(&two_runs());
    bench.read_new(10..=10);
    bench.read_settled(11..=20);
    bench.read_new(21..=21);
    bench.settle(21..=21);
    bench.read_settled(22..=30);
    bench.read_new(31..=33);
    bench.settle(31..=32);
    assert_eq!(bench.ledger.settled_above(), 22);
    let commit = bench.take();
    let whole = Bench::after(&commit);
    assert_eq!(whole.ledger.settled_above(), 22);
    assert_eq!(whole.ledger.partitions()[&NEXT].offsets.tail().map(|tail| tail.runs.len()), None, "unread");
    bench.settle(10..=10);
    assert_eq!((bench.take().position, bench.ledger.settled_above()), (33, 0));
}

/// Reads the `unchanged` offsets as they were, and then `offset`, which is another record now.
#[track_caller]
fn check_void(commit: &Commit, unchanged: &[i64], offset: i64, position: i64) -> Bench {
    let mut bench = Bench::after(commit);
    for offset in unchanged {
        bench.read_as(*offset, "value");
    }
    assert_eq!(bench.read_as(offset, "another"), Read::Void { position });
    bench
}

#[test]
fn a_tail_of_another_log_is_void() {
    let commit = two_runs();
    let first_run: Vec<i64> = (10..20).collect();
    check_void(&commit, &[], 10, 10);
    check_void(&commit, &first_run, 20, 10);
    // The last record of the run does not exist.
    check_void(&commit, &first_run, 21, 10);
    check_void(&commit, &[10], 21, 10);
    check_void(&commit, &[], 40, 10);
    // The first run belongs to this log, the second one does not.
    let both: Vec<i64> = (10..30).collect();
    check_void(&commit, &both, 30, 10);
}

#[test]
fn a_run_with_more_records_than_were_settled_is_void() {
    let mut bench = Bench::new();
    for offset in [10, 11, 13, 15] {
        bench.read_as(offset, "value");
    }
    for offset in [11, 13, 15] {
        bench.settle(offset..=offset);
    }
    let commit = bench.take();
    let mut fewer = Bench::after(&commit);
    fewer.read_as(10, "value");
    assert_eq!([11, 15].map(|offset| fewer.read_as(offset, "value")), [Read::SettledBefore; 2]);
    fewer.check_counts(3, 2, 0);
    let mut same = Bench::after(&commit);
    same.read_as(10, "value");
    assert_eq!([11, 13, 15].map(|offset| same.read_as(offset, "value")), [Read::SettledBefore; 3]);
    check_void(&commit, &[10, 11, 12], 13, 10);
}

#[test]
fn after_a_void_tail_nothing_is_read_and_the_next_ownership_begins_at_the_position() {
    let mut bench = Bench::after(&two_runs());
    bench.read_new(10..=10);
    bench.read_settled(11..=20);
    bench.read_new(21..=21);
    bench.settle(10..=10);
    bench.settle(21..=21);
    bench.read_settled(22..=29);
    assert_eq!(bench.read_as(30, "another"), Read::Void { position: 22 });
    assert_eq!(bench.read_as(31, "value"), Read::Dropped);
    assert_eq!(bench.ledger.counts().stale, 1);
    let commit = bench.release().expect("it had reached something");
    assert_eq!((commit.position, commit.metadata), (22, None), "what is void is not carried on");
    bench.check_counts(12, 10, 0);

    bench.ledger.assign(assignment(NEXT, None));
    bench.read_new(22..=30);
    bench.check_counts(21, 10, 0);
}

#[test]
fn a_reading_that_begins_before_the_position_has_no_tail() {
    let mut bench = Bench::after(&two_runs());
    bench.read_new(5..=30);
    assert_eq!(bench.ledger.settled_above(), 0);
}

#[test]
fn a_tail_that_reaches_beyond_the_end_of_the_log_is_void() {
    let mut bench = Bench::after(&two_runs());
    assert_eq!(bench.ledger.log_end(NEXT, 31), None);
    bench.read_new(10..=10);
    bench.read_settled(11..=12);
    assert_eq!(bench.ledger.log_end(NEXT, 30), Some(10));
    assert_eq!(bench.ledger.log_end(NEXT, 30), None, "it is void already");
    assert_eq!(bench.read_as(13, "value"), Read::Dropped);
}

#[test]
fn the_position_passes_what_cannot_be_read_once_everything_before_it_is_settled() {
    let mut bench = Bench::new();
    bench.read_new(0..=1);
    assert_eq!(bench.ledger.pass(FIRST, 5), None);
    bench.settle(0..=0);
    assert_eq!(bench.take().position, 1);
    bench.settle(1..=1);
    assert_eq!(bench.take().position, 5);
    assert_eq!(bench.ledger.pass(FIRST, 8), None);
    assert_eq!(bench.take().position, 8, "it is due by itself");
    assert_eq!(bench.ledger.pass(FIRST, 8), None);
    assert_eq!(bench.ledger.take_moved(), [], "it is no news");
    bench.read_new(9..=9);
    bench.settle(9..=9);
    assert_eq!(bench.take().position, 10);
}

#[test]
fn a_run_of_which_only_a_part_was_read_before_it_was_passed_is_void() {
    let mut bench = Bench::after(&two_runs());
    bench.read_new(10..=10);
    bench.read_settled(11..=12);
    assert_eq!(bench.ledger.pass(NEXT, 13), None);
    assert_eq!(bench.ledger.pass(NEXT, 31), Some(10));
    assert_eq!(bench.ledger.pass(NEXT, 40), None, "it is void already");
    assert_eq!(bench.read_as(41, "value"), Read::Dropped);
}

#[test]
fn a_tail_is_still_good_behind_what_expired() {
    let mut bench = Bench::after(&two_runs());
    // The records up to the middle of the first run have expired.
    assert_eq!(bench.ledger.pass(NEXT, 15), None);
    assert_eq!(bench.take().position, 15);
    bench.read_settled(15..=20);
    bench.read_new(21..=21);
    // The second run has expired.
    assert_eq!(bench.ledger.pass(NEXT, 31), None);
    bench.read_new(31..=31);
    bench.settle(31..=31);
    bench.settle(21..=21);
    assert_eq!(bench.take().position, 32);
}

#[test]
fn without_tails_none_is_written_and_none_read() {
    let commit = two_runs();
    let mut bench = Bench::with(Switch::Off, NEXT, Some((commit.position, commit.metadata)));
    bench.read_new(10..=30);
    bench.settle(11..=30);
    assert_eq!(bench.ledger.take_moved(), []);
    bench.settle(10..=10);
    let moved = bench.take();
    assert_eq!((moved.position, moved.metadata), (31, None));
}

#[test]
fn metadata_of_others_is_no_tail() {
    for text in [None, Some(""), Some("consumer-1"), Some("Ae/Nq4lnRSMB6AcBBwAAAAAAAAABn40GAB0uP7pS9uqm")] {
        let mut bench = Bench::with(Switch::On, NEXT, Some((10, text.map(Into::into))));
        bench.read_new(10..=30);
    }
}

#[test]
fn tails_that_were_refused_are_due_again_half_as_long() {
    let mut bench = Bench::new();
    bench.read_new(0..=1999);
    assert!(bench.ledger.take_moved().is_empty());
    (0..1000).for_each(|index| bench.settle(2 * index + 1..=2 * index + 1));
    let mut length = tail::MAX_TEXT;
    for _ in 0..6 {
        let text = bench.take().metadata.expect("it fits");
        assert!(text.len() <= length && text.len() + 16 > length, "{} of {length}", text.len());
        bench.ledger.tails_refused();
        length /= 2;
    }
    (0..10).for_each(|_| bench.ledger.tails_refused());
    assert_eq!(bench.take().metadata, None, "nothing fits");
}

#[test]
fn the_balance_holds_when_what_an_ownership_has_is_given_up() {
    let mut bench = Bench::after(&two_runs());
    bench.read_new(10..=10);
    bench.read_settled(11..=20);
    bench.read_new(21..=21);
    bench.read_settled(22..=25);
    bench.release();
    bench.check_counts(12, 10, 2);
    assert_eq!((bench.ledger.outstanding(), bench.ledger.bytes()), (0, 0));
}

#[test]
fn an_assignment_ends_the_earlier_ownership_of_the_same_partition_alone() {
    let mut ledger = Ledger::new(Switch::On);
    let of =
        |ownership, topic: &str, partition| Assignment::new(Ownership(ownership), topic.into(), partition);
    assert_eq!(ledger.assign(of(1, "a", 0)), None);
    assert_eq!(ledger.assign(of(2, "a", 1)), None);
    assert_eq!(ledger.assign(of(3, "b", 0)), None);
    assert_eq!(ledger.assign(of(4, "a", 0)), Some(Ownership(1)));
}

#[test]
fn a_record_of_an_ownership_that_has_ended_is_stale_and_not_consumed() {
    let mut bench = Bench::new();
    bench.read_new(10..=10);
    bench.release();
    assert_eq!(bench.read_as(11, "value"), Read::Dropped);
    assert_eq!(bench.read_as(12, "value"), Read::Dropped);
    assert_eq!(bench.ledger.counts().stale, 2);
    bench.check_counts(1, 0, 1);
}

#[test]
fn bytes_and_obligations_count_until_the_record_is_settled() {
    let mut bench = Bench::new();
    bench.read_new(10..=10);
    let id = bench.ids[&10];
    let ledger = &mut bench.ledger;
    let alone = ledger.bytes();
    let record = ledger.record(id).expect("it is outstanding").weight();
    assert_eq!(alone, record + size_of::<Entry>() + Offsets::PLACE);
    ledger.oblige(id, 2, 100);
    ledger.relieve(id, 40);
    assert_eq!(ledger.bytes(), alone + 60);
    ledger.stall(id, 7);
    assert_eq!((ledger.bytes(), ledger.stalled_bytes()), (alone + 67, record + 7));
    ledger.unstall(id, 7);
    assert_eq!((ledger.bytes(), ledger.stalled_bytes()), (alone + 60, 0));
    ledger.stall_on(id, 5);
    assert_eq!((ledger.bytes(), ledger.stalled_bytes()), (alone + 65, record + 5));
    assert_eq!(ledger.counts().stalled, 1, "it waits on");
    for _ in 0..4 {
        assert_eq!(ledger.fulfil(id, 0), None);
    }
    assert_eq!(ledger.fulfil(id, 0), Some(Settled { topic: "topic".into(), refused: false }));
    assert_eq!((ledger.bytes(), ledger.stalled_bytes(), ledger.outstanding()), (0, 0, 0));
    assert_eq!(ledger.counts().accepted, 1);
}

#[test]
fn the_first_refusal_of_a_record_is_counted() {
    let mut bench = Bench::new();
    bench.read_new(10..=10);
    let id = bench.ids[&10];
    let ledger = &mut bench.ledger;
    assert!(ledger.refuse(id, Code("first")) && !ledger.refuse(id, Code("second")));
    assert!(!ledger.refuse(RecordId(99), Code("first")), "no such record is outstanding");
    assert_eq!(ledger.fulfil(id, 0), Some(Settled { topic: "topic".into(), refused: true }));
    assert_eq!(ledger.counts().dead_lettered, [(Code("first"), 1)].into());
    assert_eq!((ledger.counts().accepted, ledger.fulfil(id, 0)), (0, None));
}

#[test]
fn an_ignored_record_is_settled_at_once_and_counted_by_its_reason() {
    let mut bench = Bench::new();
    bench.read_new(10..=11);
    let (first, second) = (bench.ids[&10], bench.ids[&11]);
    assert_eq!(bench.ledger.ignore(first, Code("activity")).as_deref(), Some("topic"));
    assert_eq!((bench.ledger.outstanding(), bench.take().position), (1, 11));
    bench.ledger.ignore(second, Code("activity"));
    assert_eq!(bench.ledger.counts().ignored, [(Code("activity"), 2)].into());
    assert_eq!((bench.ledger.outstanding(), bench.ledger.bytes()), (0, 0));
}

#[test]
fn a_release_gives_up_what_is_outstanding_of_its_ownerships_alone() {
    let mut bench = Bench::new();
    bench.read_new(10..=12);
    bench.ledger.assign(Assignment::new(NEXT, "topic".into(), 1));
    let alone = bench.ledger.bytes();
    bench.ownership = NEXT;
    bench.read_new(20..=22);
    bench.settle(20..=20);
    bench.ledger.release(&[FIRST].into());
    assert_eq!((bench.ledger.outstanding(), bench.ledger.counts().released), (2, 3));
    assert!(bench.ledger.bytes() > 0 && bench.ledger.bytes() < alone);
    assert!(bench.ledger.has_moved(), "a commit of the other ownership is still due");
    bench.settle(21..=22);
    assert_eq!((bench.ledger.outstanding(), bench.ledger.bytes()), (0, 0));
}

#[test]
fn a_partition_is_settled_when_nothing_of_it_is_outstanding() {
    let mut bench = Bench::new();
    let of = |bench: &Bench| {
        let offsets = &bench.ledger.partitions()[&FIRST].offsets;
        (offsets.outstanding(), offsets.is_settled())
    };
    assert_eq!(of(&bench), (0, true));
    bench.read_new(10..=12);
    bench.settle(11..=11);
    assert_eq!(of(&bench), (2, false));
    bench.settle(10..=10);
    bench.settle(12..=12);
    assert_eq!(of(&bench), (0, true));
}
