//! Dead letters on their way to their topic: a record has few of them, and their bytes are bounded.

use super::*;

/// The events of a batch record.
const EVENTS: u8 = 28;

/// The bytes of letters that may be on their way at once.
const LETTER_BYTES: usize = 256 << 10;

/// The bytes that a copy of the letter takes at least.
fn size(letter: &DeadLetter) -> usize {
    let value = letter.record.value.as_ref().map_or(0, |value| value.len());
    value + letter.selection.events.iter().map(|event| event.len()).sum::<usize>()
}

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

    fn letter_bytes(&self) -> usize {
        self.letters.iter().map(size).sum()
    }

    /// Ends the oldest write of a dead letter.
    #[track_caller]
    fn finish_letter(&mut self, outcome: WriteOutcome) {
        let letter = self.letters.remove(0);
        self.handle(Input::DeadLetterFinished(letter.id, outcome));
    }
}

/// A pipeline that writes one dead letter of a batch record at a time, and has spilled these records. One event
/// of the first or the second is left as the probe.
fn spilled_one_by_one(ownerships: &[Ownership]) -> Bench {
    let mut bench = Bench::several(&[0, 1], |plan| {
        plan.letter_bytes = 30_000;
        plan.destinations[0].1.spill = Some(seconds(20));
    });
    for ownership in ownerships {
        bench.read_batch(*ownership, "d0");
        bench.answer_for(Duration::from_millis(1), first_held);
    }
    bench.answer_for(seconds(25), first_held);
    assert_eq!((bench.codes(), bench.outstanding()), (vec!["spilled"], ownerships.len()));
    bench
}

/// A pipeline whose first destination is held, and has kept batch records until it has no room left.
fn full_of_batches() -> Bench {
    let mut bench = Bench::several(&[0, 1], |plan| {
        plan.max_bytes = 18 << 20;
        plan.letter_bytes = LETTER_BYTES;
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

#[test]
fn invariant_6_the_letters_on_their_way_are_bounded_when_a_full_destination_spills() {
    let mut bench = full_of_batches();
    bench.answer_for(seconds(25), first_held);
    let mut most = 0;
    while !bench.letters.is_empty() {
        most = most.max(bench.letter_bytes());
        bench.finish_letter(WriteOutcome::Written);
    }
    assert!(most <= LETTER_BYTES, "{most} bytes on their way");
    assert_eq!(bench.outstanding(), 1, "the probe is left");
    bench.answer_for(seconds(60), all_well);
    assert_eq!((bench.outstanding(), bench.bytes_kept()), (0, 0));
}

#[test]
fn a_letter_larger_than_all_in_flight_may_be_goes_alone() {
    let mut bench = Bench::several(&[0, 1], |plan| {
        plan.letter_bytes = 10_000;
        plan.destinations[0].1.spill = Some(seconds(20));
    });
    bench.read_of(A, 1, "d0");
    for ownership in [A, B] {
        bench.read_batch(ownership, "d0");
    }
    bench.read_of(A, 2, "d0");
    bench.answer_for(seconds(25), first_held);
    let mut named = Vec::new();
    while !bench.letters.is_empty() {
        assert_eq!(bench.letters.len(), 1, "a small one waits for the large ones before it");
        named.push(bench.letters[0].selection.events.len());
        bench.finish_letter(WriteOutcome::Written);
    }
    assert_eq!((named.iter().sum::<usize>(), named.last(), bench.outstanding()), (57, Some(&1), 1));
}

#[test]
fn a_letter_that_is_written_again_waits_for_its_turn() {
    let mut bench = spilled_one_by_one(&[A, A, A]);
    let first = bench.letters[0].id;
    bench.finish_letter(WriteOutcome::Again(DOWN));
    assert_eq!(bench.letters.len(), 1, "the next one is being written");
    bench.pass(seconds(30));
    assert_eq!(bench.letters.len(), 1, "the first one is due");
    bench.finish_letter(WriteOutcome::Refused(Code("message_size_too_large")));
    bench.finish_letter(WriteOutcome::Written);
    assert_eq!(bench.letters[0].id, first, "{:?}", bench.letters);
    assert_eq!(bench.holds()[1..], [("dead_letter", "message_size_too_large")]);
    bench.finish_letter(WriteOutcome::Written);
    bench.pass(seconds(30));
    bench.finish_letter(WriteOutcome::Written);
    assert_eq!((bench.letters.len(), bench.outstanding(), bench.holds().len()), (0, 1, 1));
}

#[test]
fn the_copy_of_a_letter_counts_until_its_outcome_though_its_partition_is_lost() {
    let mut bench = spilled_one_by_one(&[A, A, B, B]);
    bench.handle(Input::Lost(vec![A]));
    assert_eq!(bench.letters.len(), 1, "the writer still keeps the first one");
    bench.finish_letter(WriteOutcome::Written);
    assert_eq!(bench.letters.len(), 1);
    assert_eq!(bench.letters[0].record.ownership, B, "those of the lost partition are not written");
    bench.finish_letter(WriteOutcome::Written);
    bench.finish_letter(WriteOutcome::Written);
    assert_eq!((bench.letters.len(), bench.outstanding()), (0, 0));
}

#[test]
fn a_revoked_partition_waits_for_letters_that_wait_behind_those_of_a_lost_one() {
    let mut bench = spilled_one_by_one(&[A, A, B, B]);
    bench.handle(Input::Revoking(vec![B]));
    bench.handle(Input::Lost(vec![A]));
    assert_eq!(bench.released, [], "something will be written yet");
    while !bench.letters.is_empty() {
        bench.finish_letter(WriteOutcome::Written);
    }
    assert_eq!(bench.released, [(B, Some(4))]);
}

#[test]
fn a_drain_writes_the_letters_that_wait_for_others() {
    let mut bench = spilled_one_by_one(&[A, A, B, B]);
    bench.handle(Input::Drain);
    while !bench.letters.is_empty() {
        assert!(!bench.stopped, "letters wait");
        bench.finish_letter(WriteOutcome::Written);
    }
    assert!(bench.stopped);
    let unsettled = bench.pipeline.finish().unsettled;
    assert_eq!(unsettled, 1, "the probe");
}

#[test]
fn letters_that_wait_are_given_up_at_the_end() {
    let mut bench = spilled_one_by_one(&[A, A, B, B]);
    assert_eq!(bench.pipeline.finish().unsettled, 4);
    bench.finish_letter(WriteOutcome::Written);
    bench.pass(seconds(60));
    assert_eq!(bench.letters.len(), 0);
}

#[test]
fn what_a_circuit_breaker_lets_through_at_once_is_bounded_too() {
    let breaker = CircuitBreakerConfig { share: 0.5, window: NonZeroUsize::new(4).expect("not 0") };
    let mut bench = Bench::several(&[0, 1], |plan| {
        (plan.letter_bytes, plan.circuit_breaker) = (30_000, Some(breaker));
    });
    let refuse = |bench: &mut Bench| {
        let offset = bench.next_offset;
        bench.next_offset += 1;
        let record = Record { value: Some(vec![b' '; 20_000].into()), ..record(A, offset) };
        bench.handle(Input::Records(vec![(record, Mapped::Refused(refusal()), Vec::new())]));
    };
    for _ in 0..20 {
        refuse(&mut bench);
    }
    while !bench.letters.is_empty() {
        bench.finish_letter(WriteOutcome::Written);
    }
    assert_eq!((bench.outstanding(), bench.holds()), (17, vec![("circuit_breaker", "mostly_refused")]));
    for _ in 0..4 {
        bench.read_as(A, Mapped::Ignored(Code("activity")));
    }
    assert_eq!(bench.letters.len(), 1, "{}", bench.letter_bytes());
    while !bench.letters.is_empty() {
        assert_eq!(bench.letters.len(), 1);
        bench.finish_letter(WriteOutcome::Written);
    }
}
