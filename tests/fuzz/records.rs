//! Arbitrary bytes as a record of any format: the first byte chooses the format and the headers, the rest is
//! the value. Mapping a record twice must give equal results, which must not grow beyond the record.
//!
//! `src/edge/aws/pinpoint/encoder/tests/fuzz.rs` checks more of the answers, with mutations that know the
//! formats.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use pinpoint_sidecar::{
    config::{self, Config, Sources},
    core::{
        decode::{Choice, Decoder, Format, Wanted, config::FormatsConfig},
        destination::{Encoder as _, FieldCounts},
        event::Delivery,
        identity::GeoLocation,
        map::{Mapper, endpoint::Additions},
        record::{Ownership, Record},
        time::{Moment, Timestamp},
    },
    edge::aws::pinpoint::PutEvents,
};

const PAGE: &str = include_str!("../../deploy/providers/custom.md");

const HEADERS: [(&str, &str); 3] =
    [("ce_specversion", "1.0"), ("ce_id", "c"), ("ce_time", "2026-11-22T21:20:28Z")];

thread_local! {
    /// What every mapper adds to events and endpoints: everything that can be configured.
    static CONFIG: Config = {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/everything.yaml");
        let sources = Sources { file: Some(file.into()), environment: Vec::new() };
        config::load(&sources).expect("the file is a configuration")
    };
    /// Compiling the filter takes longer than everything else together. The other mappers are created
    /// again for each record.
    static CUSTOM: RefCell<Mapper> = RefCell::new(mapper(Choice::Named(Format::CUSTOM)));
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, value)) = data.split_first() else { return };
    let record = record(*choice, value);
    match Format::ALL.get(usize::from(choice & 15)) {
        Some(&Format::CUSTOM) => CUSTOM.with_borrow_mut(|mapper| check(mapper, &record, value.len())),
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
        redriven: None,
    }
}

fn mapper(format: Choice) -> Mapper {
    let filter = PAGE.split_once("custom: |\n").and_then(|(_, rest)| rest.split("```").next());
    let custom = filter.filter(|_| format == Choice::Named(Format::CUSTOM)).map(str::to_owned);
    let formats = FormatsConfig { format, custom, ..FormatsConfig::default() };
    let decoder = Decoder::new(&formats).expect("the page's filter is one");
    CONFIG.with(|config| {
        let additions = Additions::new(config.endpoint.clone(), config.event.clone(), Box::new(locate));
        Mapper::new(decoder.wanting(Wanted { attributes: true }), &config.sessions).with(additions)
    })
}

/// The location of an IP address, which exceeds the limits for many addresses.
fn locate(ip: &str) -> Option<GeoLocation<'static>> {
    let degrees = f64::from(u32::try_from(ip.len()).ok()?) * 10.0;
    let text = || Some(ip.repeat(9).into());
    Some(GeoLocation {
        city: text(),
        country: Some(ip.get(..2)?.to_owned().into()),
        region: text(),
        postal_code: text(),
        latitude: Some(degrees),
        longitude: ip.len().is_multiple_of(2).then_some(degrees),
    })
}

fn check(mapper: &mut Mapper, record: &Record, length: usize) {
    let most = length as u64 / 2 + mapper.counts().sessions;
    let first = deliveries(mapper, record);
    first.iter().for_each(check_limits);
    let first = ids(&first);
    assert!(first.len() as u64 <= most, "{} events", first.len());
    assert!(first.iter().all(|id| (1..=200).contains(&id.len())));
    if !first.is_empty() {
        assert_eq!(first, ids(&deliveries(mapper, record)));
    }
}

/// Checks that the events that the destination takes keep its limits.
fn check_limits(delivery: &Delivery) {
    let Ok(fitted) = PutEvents.fit(delivery.clone(), &mut FieldCounts::default()) else { return };
    let Delivery { endpoint, event, .. } = fitted.delivery;
    for values in endpoint.attributes.values().chain(endpoint.user_attributes.values()) {
        assert!((1..=50).contains(&values.len()));
        assert!(values.iter().all(|value| (1..=100).contains(&value.chars().count())));
    }
    assert!(event.attributes.len() + event.metrics.len() <= 40);
    assert!(event.attributes.iter().all(|(_, value)| (1..=200).contains(&value.chars().count())));
    assert!(event.metrics.iter().all(|(_, number)| number.is_finite()));
    let Some(place) = endpoint.location.as_deref() else { return };
    assert!(place.country.as_ref().is_none_or(|code| matches!(code.len(), 2 | 3)));
    assert!(place.latitude.is_none_or(|degrees| degrees.abs() <= 90.0));
    assert!(place.longitude.is_none_or(|degrees| degrees.abs() <= 180.0));
}

fn deliveries(mapper: &mut Mapper, record: &Record) -> Vec<Delivery> {
    mapper.map(record, Moment::START).mapped.in_full().deliveries
}

fn ids(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.event.id.to_string()).collect()
}
