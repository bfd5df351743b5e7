//! Arbitrary bytes as a record: the first byte chooses the format, the second the headers and the destination,
//! and the rest is the value. Mapping a record twice must give equal results, which must not grow beyond the
//! record, and which each destination can encode.
//!
//! `src/edge/aws/pinpoint/encoder/tests/fuzz.rs` checks more of the answers, with mutations that know the
//! formats.

use std::{
    array,
    cell::{Cell, RefCell},
    time::Duration,
};

use pinpoint_sidecar::{
    app::kinds,
    config::{self, Config, Sources},
    core::{
        decode::{Choice, Decoder, Format, Wanted, config::FormatsConfig},
        destination::{DestinationId, Encoder, EndpointBatch, FieldCounts, Fitted, Request, RequestId},
        event::{Delivery, EventType},
        identity::GeoLocation,
        map::{Mapper, config::SessionsConfig, endpoint::Additions},
        record::{Ownership, Record},
        stream_record,
        time::{Moment, Timestamp},
        units::Span,
    },
    edge::aws::pinpoint::PutEvents,
};
use serde_json::Value;

const PAGE: &str = include_str!("../../deploy/providers/custom.md");

const CLOUD_EVENT: [(&str, &str); 3] =
    [("ce_specversion", "1.0"), ("ce_id", "c"), ("ce_time", "2026-11-22T21:20:28Z")];

const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");

/// How long a session is remembered.
const MAX_AGE: Duration = Duration::from_mins(1);

/// Longer than a session is remembered, and short enough for 70 million records before a session's time, which has
/// 32 bits, stands still.
const LATER: Duration = Duration::from_secs(61);

/// The time at which every request is sent.
const SENT: Timestamp = Timestamp(1_795_382_429_000);

thread_local! {
    /// What every mapper adds to events and endpoints: everything that can be configured.
    static CONFIG: Config = {
        let sources = Sources { file: Some(super::EVERYTHING.into()), environment: Vec::new() };
        config::load(&sources).expect("the file is a configuration")
    };
    /// An encoder for each kind of destination.
    static ENCODERS: Vec<Box<dyn Encoder>> = CONFIG.with(|config| {
        config.destinations().iter().map(|one| kinds::encoder(one)).collect()
    });
    /// A mapper for each choice of a format. Making one takes longer than mapping a record.
    static MAPPERS: [RefCell<Mapper>; CHOICES] = array::from_fn(|choice| RefCell::new(mapper(choice)));
    /// Now. A record comes so late that all sessions are forgotten: an input means the same after any other.
    static NOW: Cell<Moment> = const { Cell::new(Moment::START) };
}

/// The formats, and two ways to recognise one: the sessions of the second are shared with other replicas.
pub(crate) const CHOICES: usize = Format::ALL.len() + 2;

/// Checks one input.
pub(crate) fn check_input(data: &[u8]) {
    let [format, choices, value @ ..] = data else { return };
    let record = record(*choices, value);
    let deliveries = MAPPERS.with(|mappers| {
        let mut mapper = mappers[usize::from(*format) % CHOICES].borrow_mut();
        if mapper.counts().sessions > 0 {
            NOW.set(NOW.get() + LATER);
        }
        check(&mut mapper, &record)
    });
    ENCODERS.with(|encoders| {
        let encoder = &encoders[usize::from(choices >> 2) % encoders.len()];
        for delivery in deliveries {
            check_encoded(&**encoder, delivery);
        }
    });
}

fn record(choices: u8, value: &[u8]) -> Record {
    let cloud_event = CLOUD_EVENT.into_iter().filter(|_| choices & 1 != 0);
    let headers = cloud_event.chain(Some(STRUCTURED).filter(|_| choices & 2 != 0));
    Record {
        ownership: Ownership(1),
        topic: "events".into(),
        partition: 3,
        offset: 42,
        timestamp: Some(Timestamp(1_795_382_428_000)),
        key: None,
        value: Some(value.into()),
        headers: headers.map(|(name, value)| (name.into(), Some(value.as_bytes().into()))).collect(),
        redriven: None,
    }
}

fn mapper(choice: usize) -> Mapper {
    let format = Format::ALL.get(choice).map_or(Choice::Auto, |format| Choice::Named(*format));
    let custom = (format == Choice::Named(Format::CUSTOM)).then(|| {
        let filter = PAGE.split_once("custom: |\n").and_then(|(_, rest)| rest.split("```").next());
        filter.expect("the page has a filter").to_owned()
    });
    let formats = FormatsConfig { format, custom, ..FormatsConfig::default() };
    let decoder = Decoder::new(&formats).expect("the page's filter is one");
    let mapper = CONFIG.with(|config| {
        let additions = Additions::new(config.endpoint.clone(), config.event.clone(), Box::new(locate));
        let sessions = SessionsConfig { max_age: Span(MAX_AGE), ..config.sessions.clone() };
        Mapper::new(decoder.wanting(Wanted { attributes: true }), &sessions).with(additions)
    });
    if choice == CHOICES - 1 { mapper.sharing() } else { mapper }
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

/// Maps a record twice, and checks the results. Returns those of the first time.
fn check(mapper: &mut Mapper, record: &Record) -> Vec<Delivery> {
    let length = record.value.as_deref().map_or(0, <[u8]>::len);
    let most = length as u64 / 2 + mapper.counts().sessions;
    let first = deliveries(mapper, record);
    first.iter().for_each(check_limits);
    let known = ids(&first);
    assert!(known.len() as u64 <= most, "{} events", known.len());
    assert!(known.iter().all(|id| (1..=200).contains(&id.len())));
    if !known.is_empty() {
        // The end of all of a user's sessions also ends one that the same record opened later at the same time.
        let mut again = deliveries(mapper, record);
        again.retain(|it| {
            it.event.event_type != EventType::SessionStop || known.contains(&it.event.id.to_string())
        });
        assert_eq!(known, ids(&again));
    }
    first
}

/// Checks that the events that Pinpoint takes keep its limits.
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

/// Checks that an event is fitted once and for all, that its request is JSON, and that its stream record is no
/// longer than was measured.
fn check_encoded(encoder: &dyn Encoder, delivery: Delivery) {
    let Ok(Fitted { delivery, bytes }) = encoder.fit(delivery, &mut FieldCounts::default()) else { return };
    let mut counts = FieldCounts::default();
    let again = encoder.fit(delivery.clone(), &mut counts).map(|fitted| fitted.bytes);
    assert_eq!(again, Ok(bytes));
    assert_eq!(counts, FieldCounts::default());
    let Delivery { endpoint_id, endpoint, event, .. } = delivery;
    let endpoints = vec![EndpointBatch { endpoint_id, endpoint, events: vec![event].into() }];
    let request = Request { id: RequestId(1), destination: DestinationId(0), endpoints };
    let body = encoder.body(&request, SENT);
    assert!(serde_json::from_slice::<Value>(&body).is_ok());
    if encoder.merge().is_some() {
        assert!(body.len() <= bytes + encoder.limits().overhead, "{} of {bytes} bytes", body.len());
    }
    CONFIG.with(|config| {
        for record in stream_record::of_request(&config.record, &request) {
            let mut bytes = Vec::new();
            record.write(SENT, &mut bytes);
            assert!(bytes.len() <= record.max_bytes());
            assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
        }
    });
}

fn deliveries(mapper: &mut Mapper, record: &Record) -> Vec<Delivery> {
    mapper.map(record, NOW.get()).mapped.in_full().deliveries
}

fn ids(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.event.id.to_string()).collect()
}
