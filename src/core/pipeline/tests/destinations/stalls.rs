//! A destination that is held on many partitions, each of which has records on their way when it is paused.

use std::collections::VecDeque;

use super::*;

/// How many batches are between the source and the pipeline, and the records of each.
const BATCHES: usize = 5;
const BATCH: usize = 20;

/// A batch of small records takes a fiftieth of it.
const MAX_BYTES: usize = 1 << 20;

/// The other partition of topic `b`.
const BESIDE_B: Ownership = Ownership(50);

/// Reads topic `wide` as the source does: batches that are on their way arrive after their partition was paused.
struct Reader {
    bench: Bench,
    /// The bytes of a record's value.
    value: usize,
    partitions: Vec<Ownership>,
    /// The batches on their way.
    coming: VecDeque<Ownership>,
}

impl Reader {
    fn new(partitions: u64) -> Self {
        Self::of_records(partitions, 10, MAX_BYTES)
    }

    fn of_records(partitions: u64, value: usize, max_bytes: usize) -> Self {
        let mut bench = Bench::several(&[0, 1, 2], |plan| plan.max_bytes = max_bytes);
        let count = usize::try_from(partitions).expect("a few");
        bench.handle(Input::Topics(vec![("a".into(), 1), ("b".into(), 2), ("wide".into(), count)]));
        let partitions: Vec<_> = (0..partitions).map(|number| Ownership(100 + number)).collect();
        let assigned = partitions.iter().zip(0..);
        let assigned = assigned.map(|(it, number)| Assignment::new(*it, "wide".into(), number));
        let beside = Assignment::new(BESIDE_B, "b".into(), 1);
        bench.handle(Input::Assigned(assigned.chain([beside]).collect()));
        bench.pass(seconds(1));
        Self { bench, value, partitions, coming: VecDeque::new() }
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
        self.deliver_some(ownership, client, BATCH);
    }

    fn deliver_some(&mut self, ownership: Ownership, client: &str, count: usize) {
        let topic: Arc<str> = if self.partitions.contains(&ownership) { "wide".into() } else { "b".into() };
        let record_of = |offset: i64| {
            let endpoint = u8::try_from(offset % 200).expect("small");
            let delivery = of_client(client, delivery(endpoint, &format!("{offset}:{client}")));
            let value = Some(vec![0; self.value].into());
            let record = Record { topic: Arc::clone(&topic), value, ..record(ownership, offset) };
            (record, Mapped::Deliver(vec![delivery]), Vec::new())
        };
        let records: Vec<_> = (self.bench.next_offset..).take(count).map(record_of).collect();
        self.bench.next_offset += i64::try_from(count).expect("small");
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
    for (value, max_bytes) in [(10, MAX_BYTES), (4_000, 16 * MAX_BYTES), (20_000, 32 * MAX_BYTES)] {
        let mut reader = Reader::of_records(3, value, max_bytes);
        reader.read(0..2);
        let kept = reader.bench.bytes_kept();
        assert!(kept < max_bytes * 3 / 4, "{kept} of {max_bytes} with records of {value} bytes");
        let last = reader.partitions[2];
        reader.check_others(last);
    }
}

#[test]
fn a_topic_of_which_little_waits_is_read_while_another_crowds() {
    let mut reader = Reader::new(300);
    reader.read(0..300);
    assert!(reader.bench.pipeline.crowded);
    while !reader.bench.is_paused(B) {
        reader.deliver(B, "d1");
    }
    for batch in 0..50 {
        assert!(!reader.bench.is_paused(BESIDE_B), "in batch {batch}");
        reader.deliver(BESIDE_B, "d2");
        let only_d2 = |destination, request: &Request| match destination {
            0 => Answer::Hold(Code("forbidden")),
            1 => Answer::Throttled { retry_after: None },
            _ => accept(request),
        };
        reader.bench.answer_for(Duration::from_millis(200), only_d2);
    }
}

#[test]
fn a_large_record_that_waits_is_not_passed_by_small_ones() {
    let mut reader = Reader::of_records(2, 20_000, MAX_BYTES);
    for [large, small] in [[0, 1], [1, 0]] {
        let (large, small) = (reader.partitions[large], reader.partitions[small]);
        check_passing(&mut reader, large, small);
    }
}

#[track_caller]
fn check_passing(reader: &mut Reader, large: Ownership, small: Ownership) {
    let before = reader.bench.pipeline.snapshot().records.accepted;
    reader.value = 20_000;
    reader.deliver_some(small, "d0", 10);
    reader.value = 400_000;
    reader.deliver_some(large, "d0", 1);
    assert!(reader.bench.is_paused(large) && !reader.bench.is_paused(small));
    reader.value = 10;
    reader.deliver_some(small, "d0", 1);
    assert!(reader.bench.is_paused(small), "it would keep the large one waiting");
    reader.deliver_some(BESIDE_B, "d1", 1);
    assert!(!reader.bench.is_paused(BESIDE_B));
    reader.bench.answer_for(seconds(10), all_well);
    let accepted = reader.bench.pipeline.snapshot().records.accepted;
    assert_eq!((reader.bench.outstanding(), accepted - before), (0, 13));
}

#[test]
fn a_large_record_that_waits_gets_its_turn_before_the_small_ones_behind_it() {
    for [large, small] in [[0, 1], [1, 0]] {
        let mut reader = Reader::of_records(2, 20_000, MAX_BYTES);
        let (large, small) = (reader.partitions[large], reader.partitions[small]);
        reader.deliver_some(small, "d0", 10);
        // It fits only if the destination keeps nothing.
        reader.value = 700_000;
        reader.deliver_some(large, "d0", 1);
        reader.value = 10;
        // Small ones wait whenever the destination has sent what it kept.
        for _ in 0..20 {
            reader.deliver_some(small, "d0", 2);
            reader.bench.wait_for_request();
            reader.bench.answer(accept);
        }
        assert!(!reader.bench.is_paused(large), "small ones pass it");
    }
}

#[test]
fn an_event_that_fails_for_ever_does_not_keep_a_large_record_waiting() {
    let mut reader = Reader::of_records(2, 10, MAX_BYTES);
    let (large, failing) = (reader.partitions[0], reader.partitions[1]);
    let id = format!("{}:d0", reader.bench.next_offset);
    reader.deliver_some(failing, "d0", 1);
    let fail_alone = |_, request: &Request| {
        if ids(request).contains(&&*id) { Answer::unknown(Code("down")) } else { accept(request) }
    };
    // Others are taken meanwhile.
    for _ in 0..20 {
        reader.deliver_some(large, "d0", 1);
        reader.bench.answer_for(seconds(30), fail_alone);
    }
    assert_eq!((reader.bench.holds(), reader.bench.outstanding()), (vec![("event", "keeps_failing")], 1));
    // It fits only if the destination keeps nothing.
    reader.value = 700_000;
    reader.deliver_some(large, "d0", 1);
    reader.bench.answer_for(seconds(60), fail_alone);
    assert_eq!((reader.bench.outstanding(), reader.bench.is_paused(large)), (1, false));
}

#[test]
fn small_records_do_not_wait_for_a_large_one_that_was_released() {
    let mut reader = Reader::of_records(2, 20_000, MAX_BYTES);
    let (large, small) = (reader.partitions[0], reader.partitions[1]);
    reader.deliver_some(small, "d0", 10);
    reader.value = 400_000;
    reader.deliver_some(large, "d0", 1);
    reader.value = 10;
    reader.deliver_some(small, "d0", 1);
    assert!(reader.bench.is_paused(small));
    reader.bench.handle(Input::Lost(vec![large]));
    reader.bench.pass(Duration::from_millis(1));
    assert!(!reader.bench.is_paused(small), "nothing large waits any more");
}
