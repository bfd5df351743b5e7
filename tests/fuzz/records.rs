//! Any bytes as a record of any format: the first byte chooses the format and the headers, the rest is the
//! value. What a record becomes must be the same twice, and must not grow beyond the record.
//!
//! `src/map/tests/fuzz.rs` checks more of the answers, with mutations that know the formats.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use pinpoint_sidecar::{
    decode::{Choice, Decoder, Format, config::FormatsConfig},
    event::Mapped,
    map::{Mapper, config::SessionsConfig},
    moment::{Moment, Timestamp},
    record::{Ownership, Record},
};

const PAGE: &str = include_str!("../../deploy/providers/custom.md");

const HEADERS: [(&str, &str); 3] =
    [("ce_specversion", "1.0"), ("ce_id", "c"), ("ce_time", "2026-11-22T21:20:28Z")];

thread_local! {
    /// To compile the filter takes longer than all the rest; the other mappers start anew with each record.
    static CUSTOM: RefCell<Mapper> = RefCell::new(mapper(Choice::Named(Format::Custom)));
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, value)) = data.split_first() else { return };
    let record = record(*choice, value);
    match Format::ALL.get(usize::from(choice & 15)) {
        Some(Format::Custom) => CUSTOM.with_borrow_mut(|mapper| check(mapper, &record, value.len())),
        Some(format) => check(&mut mapper(Choice::Named(*format)), &record, value.len()),
        None => check(&mut mapper(Choice::Auto), &record, value.len()),
    }
});

fn record(choice: u8, value: &[u8]) -> Record {
    let headers = HEADERS.map(|(name, value)| (name.into(), Some(value.as_bytes().into())));
    Record {
        ownership: Ownership(1),
        topic: "events".into(),
        partition: 3,
        offset: 42,
        timestamp: Some(Timestamp(1_795_382_428_000)),
        key: None,
        value: Some(value.into()),
        headers: if choice & 16 == 0 { Vec::new() } else { headers.into() },
    }
}

fn mapper(format: Choice) -> Mapper {
    let filter = PAGE.split_once("custom: |\n").and_then(|(_, rest)| rest.split("```").next());
    let custom = filter.filter(|_| format == Choice::Named(Format::Custom)).map(str::to_owned);
    let config = FormatsConfig { format, custom, ..FormatsConfig::default() };
    Mapper::new(Decoder::new(&config).expect("the page's filter is one"), &SessionsConfig::default())
}

fn check(mapper: &mut Mapper, record: &Record, length: usize) {
    let most = length as u64 / 2 + mapper.counts().sessions;
    let first = ids(&mapper.map(record, Moment::START).mapped);
    assert!(first.len() as u64 <= most, "{} events", first.len());
    assert!(first.iter().all(|id| (1..=110).contains(&id.len())));
    if !first.is_empty() {
        assert_eq!(first, ids(&mapper.map(record, Moment::START).mapped));
    }
}

fn ids(mapped: &Mapped) -> Vec<String> {
    let (Mapped::Deliver(deliveries) | Mapped::Partly(deliveries, _)) = mapped else { return Vec::new() };
    deliveries.iter().map(|delivery| delivery.event.id.to_string()).collect()
}
