//! Dead letters on their way to their topic: a record has few of them.

use super::*;

/// The events of a batch record.
const EVENTS: u8 = 28;

impl Bench {
    /// Reads a record of 20 KB with many events of a client.
    fn read_batch(&mut self, ownership: Ownership, client: &str) {
        let offset = self.next_offset;
        self.next_offset += 1;
        let deliveries = (0..EVENTS).map(|n| of_client(client, delivery(n, &format!("{offset}:{n}"))));
        let mapped = Mapped::Deliver(deliveries.collect());
        let record = Record { value: Some(vec![b' '; 20_000].into()), ..record(ownership, offset) };
        self.handle(Input::Records(vec![(record, mapped, Vec::new())]));
    }
}

/// A pipeline whose first destination is held, and has kept batch records until it has no room left.
fn full_of_batches() -> Bench {
    let mut bench = Bench::several(&[0, 1], |plan| {
        plan.max_bytes = 18 << 20;
        plan.destinations[0].1.spill = Some(seconds(20));
    });
    while !bench.is_paused(A) {
        bench.read_batch(A, "d0");
        bench.answer_for(Duration::from_millis(1), first_held);
    }
    assert!(bench.outstanding() > 100, "{}", bench.outstanding());
    bench
}

#[test]
fn events_of_a_record_that_spill_together_share_a_letter() {
    let mut bench = full_of_batches();
    let records = bench.outstanding();
    bench.answer_for(seconds(25), first_held);
    let mut named = Vec::new();
    while !bench.letters.is_empty() {
        named.extend(bench.letters.iter().map(|letter| letter.selection.events.len()));
        bench.write_letters(WriteOutcome::Written);
    }
    // One event stays as the probe. It may be another one after a while.
    let spilled = records * usize::from(EVENTS) - 1;
    assert_eq!(named.iter().sum::<usize>(), spilled);
    assert!((records..=records + 1).contains(&named.len()), "{} letters", named.len());
    assert_eq!(bench.pipeline.snapshot().sends.events_spilled, spilled as u64);
    assert_eq!(bench.outstanding(), 1, "its probe is left");
    bench.answer_for(seconds(60), all_well);
    assert_eq!((bench.outstanding(), bench.bytes_kept()), (0, 0));
}
