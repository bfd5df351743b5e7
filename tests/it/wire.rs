//! What is sent over the wire to Pinpoint: the requests of AWS's article on identity providers, and one of
//! each event type, as the bytes that the SDK writes into its connection.
//!
//! Each is kept as a snapshot, and checked field by field against the rules of `PutEvents`.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use pinpoint_sidecar::{
    core::{
        code::Code,
        destination::{
            Answer, DestinationId, Encoder as _, EndpointBatch, FieldCounts, Outcome, Request, RequestId,
            Sender as _,
        },
        event::{
            AppEvent, Attributes, Delivery, Demographic, Endpoint, EndpointId, EventType, Location, Session,
        },
        time::Timestamp,
        units::Span,
    },
    edge::aws::pinpoint::{Pinpoint, PutEvents, config::PinpointConfig},
};
use serde_json::Value;

mod article;
mod rules;

const ENDPOINT_ID: &str = "5f3c1e0b7d9a48e2b6c4d8f0a1b2c3d4";
/// 2026-11-22T10:00:00Z.
const AT: i64 = 1_795_341_600_000;

#[test]
fn a_sign_up_that_makes_an_endpoint() {
    let endpoint = Endpoint {
        address: Some("customer@example.com".into()),
        attributes: [
            ("EmailPreference_Newsletter".into(), vec!["Subscribed".into()]),
            ("EmailPreference_DailyDeals".into(), vec!["Unsubscribed".into()]),
        ]
        .into(),
        channel_type: Some("EMAIL".into()),
        opt_out: Some("NONE".into()),
        user_attributes: [("FirstName".into(), vec!["John".into()]), ("LastName".into(), vec!["Doe".into()])]
            .into(),
        user_id: Some("UserIdThatConnectsEndpoints".into()),
        ..Endpoint::default()
    };
    insta::assert_snapshot!(sent(endpoint, vec![event("SomeUniqueEventId", EventType::SignUp)]));
}

#[test]
fn a_sign_in_and_a_session_with_the_device() {
    let demographic = Demographic {
        app_version: Some("1.0".into()),
        locale: Some("en_US".into()),
        make: Some("generic web browser".into()),
        model: Some("Unknown".into()),
        model_version: Some("Unknown".into()),
        platform: Some("android".into()),
        platform_version: Some("10.10".into()),
        timezone: Some("America/Los_Angeles".into()),
    };
    let location = Location {
        city: Some("Los Angeles".into()),
        country: Some("US".into()),
        postal_code: Some("90210".into()),
        region: Some("California".into()),
        // As in the article. There is no such latitude, so the pair is left out.
        latitude: Some(123.0),
        longitude: Some(123.0),
    };
    let endpoint = Endpoint {
        demographic: Some(Box::new(demographic)),
        location: Some(Box::new(location)),
        ..Endpoint::default()
    };
    let events = vec![
        event("SomeUniqueEventId1", EventType::SignIn),
        event("SomeUniqueEventId2", EventType::SessionStart),
    ];
    insta::assert_snapshot!(sent(endpoint, events));
}

#[test]
fn each_event_type() {
    for event_type in EventType::ALL {
        let ended = Some((Timestamp(AT + 90_000), 90_000));
        let stop = match event_type {
            EventType::SignIn | EventType::SignUp | EventType::AuthFail => None,
            EventType::SessionStart | EventType::SessionResume => Some(None),
            EventType::SessionStop | EventType::SessionPause => Some(ended),
        };
        let session =
            stop.map(|stop| Session { id: "Qm9vdHN0cmFwU2Vzc2lvbjEy".into(), start: Timestamp(AT), stop });
        let attributes =
            vec![("source_event_id".into(), "8a4c\"\\\u{1}é".into()), ("reason".into(), "".into())];
        let timestamp = stop.flatten().map_or(Timestamp(AT), |(at, _)| at);
        let attributes = attributes.into();
        let event = AppEvent { timestamp, session, attributes, ..event("8a4c:session", event_type) };
        let endpoint = Endpoint { user_id: Some("f1d2-user".into()), ..Endpoint::default() };
        insta::assert_snapshot!(format!("{event_type:?}"), sent(endpoint, vec![event]));
    }
}

#[test]
fn an_empty_endpoint_is_still_written() {
    let request = exchange(batch(Endpoint::default(), vec![event("a", EventType::SignIn)]), ACCEPTED).0;
    assert!(request.contains(r#""Endpoint":{},"Events":{"#));
}

#[test]
fn an_answer_that_is_cut_off_is_unknown() {
    let cut = "HTTP/1.1 202 Accepted\r\ncontent-length: 200\r\n\r\n{\"Results\":";
    let answer = exchange(batch(Endpoint::default(), vec![event("a", EventType::SignIn)]), cut).1;
    assert_eq!(answer, Answer::unknown(Code("broken_answer")));
}

#[test]
fn a_connection_that_ends_without_an_answer_is_unknown() {
    let answer = exchange(batch(Endpoint::default(), vec![event("a", EventType::SignIn)]), "").1;
    assert_eq!(answer, Answer::unknown(Code("connection")));
}

const ACCEPTED: &str =
    "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

fn event(id: &str, event_type: EventType) -> AppEvent {
    AppEvent {
        id: id.into(),
        event_type,
        timestamp: Timestamp(AT),
        session: None,
        attributes: Attributes::new(),
        metrics: Vec::new(),
        app: None,
    }
}

fn batch(endpoint: Endpoint, events: Vec<AppEvent>) -> EndpointBatch {
    EndpointBatch {
        endpoint_id: EndpointId::new(ENDPOINT_ID),
        endpoint: Arc::new(endpoint),
        events: events.into_iter().map(Arc::new).collect(),
    }
}

/// The request line, what the headers state about the body, and the body, all checked.
#[track_caller]
fn sent(endpoint: Endpoint, events: Vec<AppEvent>) -> String {
    let count = events.len();
    let mut batch = batch(endpoint, events);
    for event in &mut batch.events {
        let (endpoint_id, endpoint) = (batch.endpoint_id, Arc::clone(&batch.endpoint));
        let delivery = Delivery { origin: None, endpoint_id, endpoint, event: Arc::clone(event) };
        let fitted = PutEvents.fit(delivery, &mut FieldCounts::default()).unwrap().delivery;
        (batch.endpoint, *event) = (fitted.endpoint, fitted.event);
    }
    let (request, answer) = exchange(batch, ACCEPTED);
    let outcomes = vec![Outcome::Again(Code("missing")); count];
    assert_eq!(answer, Answer::Results { outcomes, endpoints_refused: Vec::new() });
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    assert_eq!(rules::broken_by_head(line, headers, body.len()), Vec::<String>::new());
    let value: Value = serde_json::from_str(body).unwrap();
    assert_eq!(rules::broken_by_body(&value), Vec::<String>::new());
    format!("{line}\n\n{body}")
}

/// Sends a batch to a server that answers once with `answer` and closes. Returns what the server received,
/// and how the destination interpreted the answer.
fn exchange(batch: EndpointBatch, answer: &'static str) -> (String, Answer) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = PinpointConfig {
        application: "0123456789abcdef0123456789abcdef".parse().unwrap(),
        region: None,
        endpoint_url: Some(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()),
        timeout: Span(Duration::from_secs(10)),
        credentials: None,
    };
    let server = thread::Builder::new().spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let request = receive(&mut connection);
        connection.write_all(answer.as_bytes()).unwrap();
        request
    });
    let pinpoint = Pinpoint::emulated(&config).unwrap();
    let request = Request { destination: DestinationId::default(), id: RequestId(1), endpoints: vec![batch] };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(pinpoint.send(request));
    (server.unwrap().join().unwrap(), answer)
}

/// Receives one request, with head and body.
fn receive(connection: &mut TcpStream) -> String {
    let mut received = Vec::new();
    loop {
        let mut part = [0; 4096];
        let length = connection.read(&mut part).unwrap();
        assert_ne!(length, 0, "the connection ended within the request");
        received.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&received);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                return text.into_owned();
            }
        }
    }
}
