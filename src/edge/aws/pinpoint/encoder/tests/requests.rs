//! Requests that the pipeline composes with this encoder.

use std::{sync::Arc, time::Duration};

use crate::{
    core::{
        destination::Outcome,
        event::{Delivery, Endpoint, Mapped},
        pipeline::{
            config::BatchConfig,
            tests::{A, Bench, accept, delivery, each, ids},
        },
        redrive::Selection,
        units::Size,
        write_outcome::WriteOutcome,
    },
    edge::aws::pinpoint::PutEvents,
};

#[test]
fn events_that_the_service_never_takes_make_one_dead_letter_of_their_record() {
    let mut bench = Bench::with(|config| config.encoder = Box::new(PutEvents));
    let refused = |id: &str| {
        let user = Endpoint { user_id: Some("{u}".into()), ..Endpoint::default() };
        Delivery { endpoint: Arc::new(user), ..delivery(1, id) }
    };
    bench.read_as(A, Mapped::Deliver(vec![refused("a"), delivery(2, "b"), refused("c")]));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.requests.iter().flat_map(ids).collect::<Vec<_>>(), ["b"]);
    let letters: Vec<_> =
        bench.letters.iter().map(|letter| (letter.refusal.code.0, letter.selection.clone())).collect();
    let both = Selection { destination: Some("default".into()), events: vec!["a".into(), "c".into()] };
    assert_eq!(letters, [("user_id_not_allowed", both)]);
    bench.write_letters(WriteOutcome::Written);
    bench.answer(accept);
    assert_eq!(bench.outstanding(), 0);
}

/// A delivery whose record states this many attributes of 100 characters about its endpoint.
fn telling(endpoint: u8, id: &str, attributes: usize) -> Delivery {
    let attribute = |number| (format!("{id}-{number}").into(), vec!["v".repeat(100).into()]);
    let known = Endpoint { attributes: (0..attributes).map(attribute).collect(), ..Endpoint::default() };
    Delivery { endpoint: Arc::new(known), ..delivery(endpoint, id) }
}

fn measured(max_bytes: u64) -> Bench {
    Bench::with(|config| {
        config.batch = BatchConfig { max_bytes: Size(max_bytes), ..BatchConfig::default() };
        config.encoder = Box::new(PutEvents);
    })
}

#[test]
fn invariant_5_an_endpoint_that_grew_since_its_events_were_measured_has_its_place() {
    for attributes in [0, 1, 60, 105] {
        let mut bench = measured(20_000);
        for endpoint in 0..9 {
            bench.read_as(A, Mapped::Deliver(vec![telling(endpoint, &format!("{endpoint}a"), 0)]));
            bench.read_as(A, Mapped::Deliver(vec![telling(endpoint, &format!("{endpoint}b"), attributes)]));
            bench.read_as(A, Mapped::Deliver(vec![telling(endpoint, &format!("{endpoint}c"), 1)]));
        }
        let mut sent = 0;
        for _ in 0..60 {
            bench.pass(Duration::from_secs(1));
            for request in std::mem::take(&mut bench.requests) {
                let body = PutEvents.body(&request);
                assert!(body.len() <= 20_000, "{attributes} attributes: {} bytes", body.len());
                sent += ids(&request).len();
                bench.finish(&request, each(Outcome::Accepted)(&request));
            }
        }
        assert_eq!(sent, 27, "{attributes} attributes");
    }
}

#[test]
fn an_event_that_fills_a_request_by_itself_is_still_sent() {
    let mut bench = measured(20_000);
    let large = |id: &str| {
        let mut delivery = telling(1, id, 0);
        Arc::make_mut(&mut delivery.event).attributes =
            (0..37).map(|key| (format!("a{key}").into(), "ü".repeat(200).into())).collect();
        Mapped::Deliver(vec![delivery])
    };
    bench.read_as(A, large("a"));
    bench.read_as(A, Mapped::Deliver(vec![telling(1, "b", 60)]));
    for _ in 0..20 {
        bench.pass(Duration::from_secs(1));
    }
    let sent: Vec<_> = bench.requests.iter().flat_map(ids).collect();
    assert!(sent.contains(&"a"), "{sent:?}");
    assert!(bench.requests.iter().all(|request| PutEvents.body(request).len() <= 20_000));
}
