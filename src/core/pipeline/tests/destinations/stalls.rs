//! A destination that is held on many partitions, each of which has records on their way when it is paused.

use std::collections::VecDeque;

use super::*;

/// How many batches are between the source and the pipeline, and the records of each.
const BATCHES: usize = 5;
const BATCH: usize = 20;

/// A batch takes a fiftieth of it.
const MAX_BYTES: usize = 1 << 20;

/// Reads topic `wide` as the source does: batches that are on their way arrive after their partition was paused.
struct Reader {
    bench: Bench,
    partitions: Vec<Ownership>,
    /// The batches on their way.
    coming: VecDeque<Ownership>,
}

impl Reader {
    fn new(partitions: u64) -> Self {
        let mut bench = Bench::several(&[0, 1], |plan| plan.max_bytes = MAX_BYTES);
        let count = usize::try_from(partitions).expect("a few");
        bench.handle(Input::Topics(vec![("a".into(), 1), ("b".into(), 1), ("wide".into(), count)]));
        let partitions: Vec<_> = (0..partitions).map(|number| Ownership(100 + number)).collect();
        let assigned = partitions.iter().zip(0..);
        let assigned = assigned.map(|(it, number)| Assignment::new(*it, "wide".into(), number));
        bench.handle(Input::Assigned(assigned.collect()));
        bench.pass(seconds(1));
        Self { bench, partitions, coming: VecDeque::new() }
    }

    /// Reads an endless backlog for `d0` from these partitions, until all of them are paused.
    fn read(&mut self, partitions: std::ops::Range<usize>) {
        loop {
            let next = self.partitions[partitions.clone()].iter().find(|it| !self.bench.is_paused(**it));
            self.coming.extend(next);
            if self.coming.len() >= BATCHES || next.is_none() {
                let Some(ownership) = self.coming.pop_front() else { return };
                self.deliver(ownership, "d0");
                self.bench.answer_for(Duration::from_millis(1), first_held);
            }
        }
    }

    /// Delivers a batch of records for `client`.
    fn deliver(&mut self, ownership: Ownership, client: &str) {
        let topic: Arc<str> = if self.partitions.contains(&ownership) { "wide".into() } else { "b".into() };
        let record_of = |offset: i64| {
            let endpoint = u8::try_from(offset % 200).expect("small");
            let delivery = of_client(client, delivery(endpoint, &format!("{offset}:{client}")));
            let record = Record { topic: Arc::clone(&topic), ..record(ownership, offset) };
            (record, Mapped::Deliver(vec![delivery]), Vec::new())
        };
        let records: Vec<_> = (self.bench.next_offset..).take(BATCH).map(record_of).collect();
        self.bench.next_offset += i64::try_from(BATCH).expect("small");
        self.bench.handle(Input::Records(records));
    }

    /// Checks that the records of another destination are settled at once, batch by batch.
    #[track_caller]
    fn check_others(&mut self, ownership: Ownership) {
        let before = self.bench.pipeline.snapshot();
        for batch in 0..50 {
            assert!(!self.bench.is_paused(ownership), "in batch {batch}: {:?}", self.bench.paused);
            self.deliver(ownership, "d1");
            self.bench.answer_for(Duration::from_millis(200), first_held);
        }
        let after = self.bench.pipeline.snapshot();
        assert_eq!(after.records_outstanding, before.records_outstanding);
        assert_eq!(after.records.stalled, before.records.stalled, "none of them had to wait");
    }
}

#[test]
fn invariant_7_a_destination_that_is_held_on_many_partitions_stops_no_others() {
    for partitions in [1, 12, 300] {
        let mut reader = Reader::new(partitions);
        reader.read(0..reader.partitions.len());
        reader.check_others(B);
        let kept = reader.bench.bytes_kept();
        assert!(kept < MAX_BYTES, "invariant 6: {kept} with {partitions} partitions");
        reader.bench.answer_for(seconds(60), all_well);
        let snapshot = reader.bench.pipeline.snapshot();
        assert_eq!((snapshot.records_outstanding, snapshot.bytes_outstanding), (0, 0));
        assert_eq!(reader.bench.paused, Paused::default(), "all are read again");
    }
}

#[test]
fn a_few_partitions_that_wait_stop_no_others_of_their_topic() {
    let mut reader = Reader::new(3);
    reader.read(0..2);
    let last = reader.partitions[2];
    reader.check_others(last);
}
