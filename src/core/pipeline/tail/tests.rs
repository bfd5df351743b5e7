//! Tests of the text of a tail, of fingerprints and of scopes.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::core::{record::Ownership, time::Timestamp};

const SCOPE: Scope = Scope(0x0123_4567_89ab_cdef);

fn run(first: i64, last: i64, gaps: u64) -> Run {
    let records = (last - first + 1).cast_unsigned() - gaps;
    Run {
        first,
        last,
        records,
        fingerprint: Fingerprint(first.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15)),
    }
}

fn tail(position: i64, runs: &[Run]) -> Tail {
    Tail { position, at_position: Some(Fingerprint(7)), runs: runs.to_vec() }
}

/// Creates this many runs of one record each, with one record between two runs.
fn many(position: i64, runs: i64) -> Tail {
    let runs: Vec<_> = (1..=runs).map(|index| run(position + 2 * index, position + 2 * index, 0)).collect();
    tail(position, &runs)
}

fn any_tail() -> impl Strategy<Value = Tail> {
    let runs = vec((0_i64..1 << 20, 0_i64..1 << 20, any::<u64>(), any::<u64>()), 1..20);
    (0_i64..1 << 60, option::of(any::<u64>()), runs).prop_map(|(position, at_position, parts)| {
        let mut next = position;
        let runs = parts.into_iter().map(|(gap, span, records, fingerprint)| {
            let (first, last) = (next + gap, next + gap + span);
            next = last + 1;
            let records = records % (span.cast_unsigned() + 1) + 1;
            Run { first, last, records, fingerprint: Fingerprint(fingerprint) }
        });
        Tail { position, at_position: at_position.map(Fingerprint), runs: runs.collect() }
    })
}

fn record(timestamp: Option<i64>, key: Option<&str>, value: Option<&str>) -> Record {
    let bytes = |part: Option<&str>| part.map(|part| part.as_bytes().into());
    Record {
        ownership: Ownership(0),
        topic: "topic".into(),
        partition: 0,
        offset: 0,
        timestamp: timestamp.map(Timestamp),
        key: bytes(key),
        value: bytes(value),
        headers: Vec::new(),
        redriven: None,
    }
}

#[track_caller]
fn check_is_no_tail(text: &str, scope: Scope, position: i64) {
    assert_eq!(Tail::parse(text, scope, position), None);
}

/// The text of other versions must be readable, and all processors must write the same text.
#[test]
fn the_text_is_the_same_in_every_process() {
    let tail = tail(1000, &[run(1001, 101_000, 0), run(101_002, 101_009, 3)]);
    let text = "Ae/Nq4lnRSMB6AcBBwAAAAAAAAABn40GAB0uP7pS9uqmAQcDUjUfQecbP6sbA40/";
    let encoded = tail.encode(SCOPE, MAX_TEXT).expect("it has runs");
    assert_eq!(&*encoded, text);
    assert_eq!(Tail::parse(text, SCOPE, 1000), Some(tail));
}

#[test]
fn a_text_of_anything_else_is_no_tail() {
    let text = tail(1000, &[run(1001, 1005, 0)]).encode(SCOPE, MAX_TEXT).expect("it has runs");
    assert!(Tail::parse(&text, SCOPE, 1000).is_some());
    check_is_no_tail(&text, Scope(1), 1000);
    check_is_no_tail(&text, SCOPE, 999);
    check_is_no_tail(&text, SCOPE, 1001);
    check_is_no_tail("", SCOPE, 0);
    check_is_no_tail("{\"host\": \"worker-1\"}", SCOPE, 0);
    check_is_no_tail(&text[..text.len() - 1], SCOPE, 1000);
    check_is_no_tail(&text[1..], SCOPE, 1000);
    check_is_no_tail(&format!("{text}A"), SCOPE, 1000);
    check_is_no_tail(&format!(" {text}"), SCOPE, 1000);
    check_is_no_tail(&"A".repeat(1 << 20), SCOPE, 0);
}

/// Writes these bytes as a text of ours, with the head of a tail at position 1000 and a checksum.
#[track_caller]
fn check_body(version: u8, after_position: &[u8], expected: Option<&[Run]>) {
    let mut bytes = vec![version];
    bytes.extend(SCOPE.0.to_le_bytes());
    bytes.extend([0xe8, 0x07]);
    bytes.extend(after_position);
    bytes.extend(&XxHash64::oneshot(0, &bytes).to_le_bytes()[..4]);
    let parsed = Tail::parse(&STANDARD_NO_PAD.encode(bytes), SCOPE, 1000);
    assert_eq!(parsed.map(|tail| tail.runs).as_deref(), expected);
}

#[test]
fn a_text_with_a_good_checksum_can_still_be_no_tail() {
    let with_hash = |numbers: &[u8]| [&[0], numbers, &[9; 8]].concat();
    let fingerprint = Fingerprint(0x0909_0909_0909_0909);
    let one = Run { first: 1001, last: 1003, records: 2, fingerprint };
    check_body(1, &with_hash(&[1, 2, 1]), Some(&[one]));
    check_body(2, &with_hash(&[1, 2, 1]), None);
    check_body(1, &[0], Some(&[]));
    check_body(1, &[2], None);
    check_body(1, &[1, 9, 9], None);
    check_body(1, &[], None);
    // The number of records is negative, and zero.
    check_body(1, &with_hash(&[1, 2, 3]), None);
    check_body(1, &with_hash(&[1, 2, 4]), None);
    // The end is missing.
    check_body(1, &[0, 1, 2, 1, 9, 9, 9, 9, 9, 9, 9], None);
    check_body(1, &[0, 0x80], None);
    // The offsets do not exist, or the numbers have no end.
    let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    check_body(1, &with_hash(&[&largest[..], &[0, 0]].concat()), None);
    check_body(1, &with_hash(&[&[1], &largest[..], &[0]].concat()), None);
    check_body(1, &with_hash(&[0xff; 10]), None);
    let up_to_the_largest = (i64::MAX - 1000).cast_unsigned();
    let mut bytes = vec![0];
    let mut rest = up_to_the_largest;
    while rest > 0x7f {
        bytes.push(0x80 | rest.to_le_bytes()[0]);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).expect("7 bits"));
    bytes.extend([0, 0, 9, 9, 9, 9, 9, 9, 9, 9]);
    check_body(1, &bytes, None);
}

#[test]
fn the_nearest_runs_are_named_where_not_all_fit() {
    let whole = many(1 << 40, 1000);
    for limit in [4095, 2047, 1023, 511, 255, 127, 63] {
        let text = whole.encode(SCOPE, limit).expect("one run fits");
        assert!(text.len() <= limit, "{} > {limit}", text.len());
        assert!(limit - text.len() < 16, "{} < {limit}: another run fits", text.len());
        let named = Tail::parse(&text, SCOPE, 1 << 40).expect("it is ours").runs;
        assert_eq!(named, whole.runs[..named.len()]);
    }
    assert_eq!(whole.encode(SCOPE, 31), None);
    assert_eq!(whole.encode(SCOPE, 0), None);
    assert_eq!(tail(5, &[]).encode(SCOPE, MAX_TEXT), None, "nothing is settled");
}

#[test]
fn no_text_holds_more_than_the_most_runs() {
    let text = many(0, 1000).encode(SCOPE, MAX_TEXT).expect("it has runs");
    let named = Tail::parse(&text, SCOPE, 0).expect("it is ours").runs.len();
    assert!((MAX_RUNS - 4..=MAX_RUNS).contains(&named), "{named} of {MAX_RUNS}");
}

#[test]
fn a_fingerprint_tells_timestamp_key_and_value_apart() {
    let records = [
        record(None, None, None),
        record(Some(0), None, None),
        record(Some(1), None, None),
        record(None, Some(""), None),
        record(None, None, Some("")),
        record(None, Some("ab"), Some("c")),
        record(None, Some("a"), Some("bc")),
        record(None, Some("abc"), None),
        record(None, None, Some("abc")),
    ];
    for (index, one) in records.iter().enumerate() {
        for other in &records[index + 1..] {
            assert_ne!(Fingerprint::of(one), Fingerprint::of(other));
        }
    }
    let known = record(Some(1_700_000_000_000), Some("key"), Some("value"));
    assert_eq!(Fingerprint::of(&known), Fingerprint(16_234_522_219_435_848_741), "it must never change");
}

#[test]
fn a_scope_is_of_one_partition_of_one_cluster() {
    let assignment = |topic: &str, partition| Assignment::new(Ownership(0), topic.into(), partition);
    let scopes = [
        Scope::new("cluster", &assignment("topic", 0)),
        Scope::new("other", &assignment("topic", 0)),
        Scope::new("cluster", &assignment("other", 0)),
        Scope::new("cluster", &assignment("topic", 1)),
        Scope::new("clustert", &assignment("opic", 0)),
    ];
    for (index, one) in scopes.iter().enumerate() {
        assert!(!scopes[index + 1..].contains(one));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(tail in any_tail(), scope in any::<u64>()) {
        let text = tail.encode(Scope(scope), MAX_TEXT).expect("it has runs");
        prop_assert_eq!(Tail::parse(&text, Scope(scope), tail.position), Some(tail));
    }

    #[test]
    fn any_text_can_be_parsed(text in "\\PC*", bytes in vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(Tail::parse(&text, SCOPE, 0), None);
        prop_assert_eq!(Tail::parse(&STANDARD_NO_PAD.encode(&bytes), SCOPE, 0), None);
    }

    /// Parses any bytes after a good head and with a good checksum: every result is a valid tail.
    #[test]
    fn any_bytes_with_a_good_checksum_can_be_parsed(
        position in 0_i64..1 << 62,
        rest in vec(prop_oneof![Just(0_u8), Just(1), Just(0x7f), Just(0xff), any::<u8>()], 0..200),
    ) {
        let whole = tail(position, &[run(position, position, 0)]).encode(SCOPE, MAX_TEXT).expect("it has runs");
        let mut bytes = STANDARD_NO_PAD.decode(&*whole).expect("base64");
        // The run takes eleven bytes, the checksum four.
        bytes.truncate(bytes.len() - 15);
        bytes.extend(rest);
        bytes.extend(&XxHash64::oneshot(0, &bytes).to_le_bytes()[..4]);
        if let Some(tail) = Tail::parse(&STANDARD_NO_PAD.encode(bytes), SCOPE, position) {
            let mut next = position;
            for run in tail.runs {
                prop_assert!(run.first >= next && run.last >= run.first && run.last < i64::MAX);
                prop_assert!(run.records > 0 && run.records - 1 <= (run.last - run.first).cast_unsigned());
                next = run.last + 1;
            }
        }
    }

    #[test]
    fn a_changed_text_is_no_tail(
        tail in any_tail(),
        at in any::<prop::sample::Index>(),
        change in 1_u8..=255,
        cut in any::<prop::sample::Index>(),
    ) {
        let text = tail.encode(SCOPE, MAX_TEXT).expect("it has runs");
        let mut bytes = STANDARD_NO_PAD.decode(&*text).expect("base64");
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert_eq!(Tail::parse(&STANDARD_NO_PAD.encode(&bytes), SCOPE, tail.position), None);
        bytes[at] ^= change;
        bytes.remove(cut.index(bytes.len()));
        prop_assert_eq!(Tail::parse(&STANDARD_NO_PAD.encode(&bytes), SCOPE, tail.position), None);
    }
}

#[test]
fn a_text_has_as_many_runs_as_fit_into_its_limit() {
    let whole = many(1000, 20);
    let length = |runs: usize| {
        let part = Tail { runs: whole.runs[..runs].to_vec(), ..whole.clone() };
        part.encode(SCOPE, MAX_TEXT).map_or(0, |text| text.len())
    };
    for limit in 0..length(20) {
        let text = whole.encode(SCOPE, limit).unwrap_or_default();
        let runs = Tail::parse(&text, SCOPE, 1000).map_or(0, |tail| tail.runs.len());
        assert!(text.len() <= limit && limit < length(runs + 1), "{runs} runs in {limit} characters");
    }
}

#[test]
fn a_text_is_read_up_to_the_length_that_is_written() {
    let longest = many(1000, 277).encode(SCOPE, MAX_TEXT).expect("it has runs");
    assert_eq!(longest.len(), MAX_TEXT);
    assert!(Tail::parse(&longest, SCOPE, 1000).is_some());
    let longer = many(1000, 400).encode(SCOPE, 2 * MAX_TEXT).expect("it has runs");
    check_is_no_tail(&longer, SCOPE, 1000);
}

#[test]
fn a_distance_of_seven_bits_takes_one_byte() {
    let length = |distance: i64| {
        let text = tail(1000, &[run(1000 + distance, 1000 + distance, 0)]).encode(SCOPE, MAX_TEXT);
        text.expect("it has a run").len()
    };
    assert_eq!(length(0), length(127));
    assert!(length(127) < length(128));
}
