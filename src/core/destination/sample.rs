//! Requests for the tests of encoders: hand-written and arbitrary ones.
//!
//! Arbitrary requests are generated from a seed. Events have no `Debug` output, so a failing test shows the
//! seed.

use std::{collections::BTreeMap, sync::Arc};

use fastrand::Rng;

use crate::core::{
    destination::{DestinationId, EndpointBatch, Request, RequestId},
    event::{App, AppEvent, Attributes, Demographic, Endpoint, EndpointId, EventType, Location, Session},
    time::Timestamp,
};

/// A request of bare sign-ins: endpoint ids with the ids of their events.
pub(crate) fn request(endpoints: &[(&str, &[&str])]) -> Request {
    let sign_in = |id: &&str| {
        Arc::new(AppEvent {
            id: (*id).into(),
            event_type: EventType::SignIn,
            timestamp: Timestamp(1_795_341_600_000),
            session: None,
            attributes: Attributes::new(),
            metrics: Vec::new(),
            app: None,
        })
    };
    let batch = |(id, events): &(&str, &[&str])| EndpointBatch {
        endpoint_id: EndpointId::new(id),
        endpoint: Arc::default(),
        events: events.iter().map(sign_in).collect(),
    };
    Request {
        destination: DestinationId::default(),
        id: RequestId(1),
        endpoints: endpoints.iter().map(batch).collect(),
    }
}

/// A request of up to four endpoints with up to `events` events each. Each field is sometimes absent, and
/// texts and numbers include some that the wire must not carry.
pub(crate) fn arbitrary(seed: u64, events: usize) -> Request {
    let mut rng = Rng::with_seed(seed);
    let endpoints = (0..rng.usize(1..=4)).map(|number| {
        let events = (0..rng.usize(1..=events)).map(|number| Arc::new(app_event(&mut rng, number))).collect();
        EndpointBatch {
            endpoint_id: EndpointId::new(&format!("{number}:{}", text(&mut rng))),
            endpoint: Arc::new(endpoint(&mut rng)),
            events,
        }
    });
    Request { destination: DestinationId::default(), id: RequestId(1), endpoints: endpoints.collect() }
}

fn app_event(rng: &mut Rng, number: usize) -> AppEvent {
    let keys = ["realm", "reason", "source_event_id"];
    let mut attributes: Attributes = keys.into_iter().map(|key| (key.into(), text(rng).into())).collect();
    attributes.push((format!("a{}", text(rng)).into(), text(rng).into()));
    attributes.truncate(rng.usize(0..=4));
    AppEvent {
        id: format!("{number}:{}", text(rng)).into(),
        event_type: EventType::ALL[rng.usize(0..EventType::ALL.len())],
        timestamp: timestamp(rng),
        session: rng.bool().then(|| session(rng)),
        attributes,
        metrics: (0..rng.usize(0..3))
            .map(|_| (text(rng).into_string().into(), f64::from_bits(rng.u64(..))))
            .collect(),
        app: rng.bool().then(|| Arc::new(app(rng))),
    }
}

fn app(rng: &mut Rng) -> App {
    App { title: field(rng), version_code: field(rng), package_name: field(rng) }
}

fn session(rng: &mut Rng) -> Session {
    Session {
        id: format!("s{}", text(rng)).into(),
        start: timestamp(rng),
        stop: rng.bool().then(|| (timestamp(rng), rng.i32(..).into())),
    }
}

fn endpoint(rng: &mut Rng) -> Endpoint {
    Endpoint {
        user_id: field(rng),
        user_attributes: lists(rng),
        address: field(rng),
        channel_type: field(rng),
        attributes: lists(rng),
        opt_out: field(rng),
        demographic: rng.bool().then(|| Box::new(demographic(rng))),
        location: rng.bool().then(|| Box::new(location(rng))),
    }
}

fn demographic(rng: &mut Rng) -> Demographic {
    Demographic {
        app_version: field(rng),
        locale: field(rng),
        make: field(rng),
        model: field(rng),
        model_version: field(rng),
        platform: field(rng),
        platform_version: field(rng),
        timezone: field(rng),
    }
}

fn location(rng: &mut Rng) -> Location {
    Location {
        city: field(rng),
        country: field(rng),
        postal_code: field(rng),
        region: field(rng),
        latitude: rng.bool().then(|| degrees(rng)),
        longitude: rng.bool().then(|| degrees(rng)),
    }
}

/// Random degrees. Half of them are arbitrary bits, including infinities and NaN.
fn degrees(rng: &mut Rng) -> f64 {
    if rng.bool() { f64::from_bits(rng.u64(..)) } else { rng.f64() * 400.0 - 200.0 }
}

fn timestamp(rng: &mut Rng) -> Timestamp {
    Timestamp(if rng.bool() { rng.i64(..) } else { rng.i64(0..4_000_000_000_000) })
}

fn lists(rng: &mut Rng) -> BTreeMap<Box<str>, Vec<Box<str>>> {
    let list = |rng: &mut Rng| (text(rng), (0..rng.usize(0..3)).map(|_| text(rng)).collect());
    (0..rng.usize(0..3)).map(|_| list(rng)).collect()
}

fn field(rng: &mut Rng) -> Option<Box<str>> {
    rng.bool().then(|| text(rng))
}

/// A text that is empty, plain, or full of multi-byte characters and characters that JSON escapes.
fn text(rng: &mut Rng) -> Box<str> {
    let plain = rng.bool();
    let character = |rng: &mut Rng| if plain { rng.lowercase() } else { rng.char('\0'..='\u{2fff}') };
    let ascii = |rng: &mut Rng| if plain { rng.lowercase() } else { rng.char('\0'..='\x7f') };
    (0..rng.usize(0..12))
        .map(|_| if rng.bool() { ascii(rng) } else { character(rng) })
        .collect::<String>()
        .into()
}
