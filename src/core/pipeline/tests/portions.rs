//! Records that come in portions: one portion after the other, when there is room.

use super::*;
use crate::core::event::Portions;

/// A record with an event for each endpoint, in portions of two, and this many entries.
fn in_portions(offset: i64, endpoints: &[u8], entries: usize) -> (Mapped, Vec<Entry>) {
    let events = endpoints.iter().enumerate();
    let events: Vec<_> =
        events.map(|(index, endpoint)| delivery(*endpoint, &format!("{offset}:{index}"))).collect();
    let entry = |number: usize| Entry { key: number.to_string().into(), value: "value".into() };
    let first = (0..entries.min(2)).map(entry).collect();
    let rest = (2..entries).map(entry);
    (Mapped::InPortions(Portions::new(2, (events.len(), 50), rest, events.into_iter(), None)), first)
}

impl Bench {
    fn read_in_portions(&mut self, ownership: Ownership, endpoints: &[u8], entries: usize) {
        let (mapped, entries) = in_portions(self.next_offset, endpoints, entries);
        self.read_with(ownership, mapped, entries);
    }
}

/// A pipeline with room for few bytes. An event takes 800, and there is room again once all events are sent.
fn narrow() -> Bench {
    Bench::with(|config| config.max_bytes = 4000)
}

#[test]
fn a_record_settles_with_its_last_portion() {
    let mut bench = narrow();
    bench.read_in_portions(A, &[1, 2, 3, 4, 5, 6, 7, 8, 9], 0);
    let mut most = 0;
    let mut sent = 0;
    while bench.outstanding() > 0 {
        most = most.max(bench.events());
        bench.pass(Duration::from_secs(2));
        assert_eq!(bench.commits, [], "it is not settled");
        bench.wait_for_request();
        sent += ids(&bench.answer(accept)).len();
    }
    assert_eq!(sent, 9);
    assert!((2..=6).contains(&most), "{most} events at once");
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.commits, [(A, 1)]);
    let snapshot = bench.pipeline.snapshot();
    assert_eq!((snapshot.records.accepted, snapshot.records.stalled), (1, 1));
    assert_eq!((snapshot.bytes_outstanding, bench.paused.clone()), (0, Paused::default()));
}

#[test]
fn later_records_of_the_partition_wait_behind_all_portions() {
    let mut bench = narrow();
    bench.read_in_portions(A, &[1, 2, 3, 4, 5, 6, 7, 8, 9], 0);
    assert!(bench.paused.partitions.contains(&A), "the partition waits");
    bench.read(A, &[1]);
    let sent = bench.accept_all();
    assert_eq!(sent.last().unwrap(), "1:0");
    assert_eq!(sent.len(), 10);
}

#[test]
fn the_entries_of_all_portions_are_written_before_the_first_event_is_sent() {
    let mut bench = Bench::new();
    bench.read_in_portions(A, &[1, 2, 3], 5);
    bench.read(B, &[4]);
    assert_eq!(bench.finish_write(WriteOutcome::Written), 2);
    assert_eq!(bench.finish_write(WriteOutcome::Refused(Code("too_large"))), 2);
    assert_eq!(bench.holds(), [("table", "too_large")]);
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.finish_write(WriteOutcome::Written), 2);
    assert_eq!((bench.holds(), bench.requests.len()), (vec![], 0));
    assert_eq!(bench.finish_write(WriteOutcome::Written), 1);
    assert_eq!(bench.accept_all(), ["0:0", "0:1", "0:2", "1:0"]);
}

#[test]
fn portions_of_an_ownership_that_ends_are_forgotten() {
    let mut bench = narrow();
    bench.read_in_portions(A, &[1, 2, 3, 4, 5, 6, 7, 8, 9], 0);
    bench.read_in_portions(B, &[1, 2], 3);
    bench.handle(Input::Lost(vec![A, B]));
    while !bench.requests.is_empty() {
        bench.answer(accept);
    }
    bench.pass(Duration::from_secs(30));
    let snapshot = bench.pipeline.snapshot();
    assert_eq!((bench.requests.len(), snapshot.bytes_outstanding, snapshot.records.released), (0, 0, 2));
}
