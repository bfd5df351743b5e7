//! Requests as the SDKs send them, and what their answers mean.

use aws_smithy_http_client::test_util::{NeverClient, capture_request};
use serde_json::{Value, json};

use super::*;
use crate::{
    core::{
        code::Code,
        destination::{Encoder as _, Outcome, Sender as _, sample},
        event::Refusal,
    },
    edge::aws::scripted::{block_on, made_up, sdk},
};

const BUSES: [&str; 2] = [scripted::CUSTOM, "default"];

/// A request as it is sent: its address, its protocol and its body.
struct Sent {
    uri: String,
    protocol: Option<String>,
    target: Option<String>,
    body: Value,
}

fn sent(bus: &str, request: Request) -> Sent {
    let (http_client, captured) = capture_request(None);
    let eventbridge = scripted::eventbridge(&scripted::config(bus), http_client, made_up());
    block_on(eventbridge.send(request));
    let request = captured.expect_request();
    let header = |name| request.headers().get(name).map(str::to_owned);
    let bytes = request.body().bytes().unwrap();
    assert_eq!(header("content-length"), Some(bytes.len().to_string()));
    let protocol = header("smithy-protocol");
    let body = match protocol {
        Some(_) => scripted::json(bytes),
        None => serde_json::from_slice(bytes).unwrap(),
    };
    Sent { uri: request.uri().to_owned(), protocol, target: header("x-amz-target"), body }
}

/// A request to a classic bus, as its SDK serialises it.
fn serialised_by_the_sdk(bus: &str, request: &Request) -> Value {
    let (http_client, captured) = capture_request(None);
    let settings = classic_sdk::config::Config::from(&sdk(http_client, made_up()));
    let client = classic_sdk::Client::from_conf(settings);
    let encoder = scripted::encoder(&scripted::config(bus));
    let entries = encoder.records(request).map(|record| {
        let mut detail = Vec::new();
        record.write(scripted::NOW, &mut detail);
        let at = encoder::time(&record).map(|at| classic_sdk::primitives::DateTime::from_millis(at.0));
        classic_sdk::types::PutEventsRequestEntry::builder()
            .source("com.example.identity")
            .detail_type(record.event.event_type.name())
            .detail(String::from_utf8(detail).unwrap())
            .set_time(at)
            .event_bus_name(bus)
            .build()
    });
    let put_events = client.put_events().set_entries(Some(entries.collect()));
    let _ = block_on(put_events.send());
    serde_json::from_slice(captured.expect_request().body().bytes().unwrap()).unwrap()
}

/// The request with all times as floating-point numbers, as CBOR has them.
fn with_float_times(mut body: Value) -> Value {
    for entry in body["Entries"].as_array_mut().unwrap() {
        if let Some(time) = entry.get_mut("Time") {
            *time = time.as_f64().unwrap().into();
        }
    }
    body
}

#[test]
fn a_request_to_a_classic_bus_is_what_the_sdk_would_send() {
    for seed in 0..50 {
        let request = sample::arbitrary(seed, 3);
        let Sent { uri, target, body, .. } = sent("identity", request.clone());
        assert!(uri.starts_with("https://events.eu-central-1.amazonaws.com"), "{uri}");
        assert_eq!(target.as_deref(), Some("AWSEvents.PutEvents"));
        let expected = with_float_times(serialised_by_the_sdk("identity", &request));
        assert_eq!(with_float_times(body), expected, "seed {seed}");
    }
}

#[test]
fn a_request_to_a_custom_bus_is_what_is_shown_in_cbor() {
    for seed in 0..50 {
        let request = sample::arbitrary(seed, 3);
        let Sent { uri, protocol, body, .. } = sent(scripted::CUSTOM, request.clone());
        let (host, path) = uri.split_once("/service/").unwrap();
        assert!(host.ends_with("eventsv2.eu-central-1.amazonaws.com"), "{uri}");
        assert_eq!(path, "AWSEventsV2/operation/PutEvents");
        assert_eq!(protocol.as_deref(), Some("rpc-v2-cbor"));
        let encoder = scripted::encoder(&scripted::config(scripted::CUSTOM));
        let shown = serde_json::from_slice(&encoder.body(&request, scripted::NOW)).unwrap();
        assert_eq!(with_float_times(body), with_float_times(shown), "seed {seed}");
    }
}

#[test]
fn an_entry_names_its_bus_or_its_group() {
    let request = || sample::request(&[("e", &["a", "b"])]);
    let body = sent("default", request()).body;
    assert_eq!(body["Entries"][1]["EventBusName"], "default");
    assert!(body.get("EventBusArn").is_none() && body["Entries"][1].get("SystemMetadata").is_none());
    let body = sent(scripted::CUSTOM, request()).body;
    assert_eq!(body["EventBusArn"], scripted::CUSTOM);
    let metadata = [0, 1].map(|place| &body["Entries"][place]["SystemMetadata"]);
    assert_eq!(metadata[0]["EventGroupId"], metadata[1]["EventGroupId"]);
    assert_ne!(metadata[0]["DeduplicationId"], metadata[1]["DeduplicationId"]);
    assert_eq!(body["Entries"][0]["DetailType"], "_userauth.sign_in");
    assert_eq!(body["Entries"][0]["Source"], "com.example.identity");
}

#[test]
fn an_address_of_ones_own_takes_the_place_of_a_custom_buss_host() {
    let url = "http://127.0.0.1:4566";
    for bus in BUSES {
        let (http_client, captured) = capture_request(None);
        let config = EventBridgeConfig { endpoint_url: Some(url.parse().unwrap()), ..scripted::config(bus) };
        let eventbridge = scripted::eventbridge(&config, http_client, made_up());
        block_on(eventbridge.send(sample::request(&[("e", &["a"])])));
        let uri = captured.expect_request().uri().to_owned();
        assert!(uri.starts_with(url), "{uri}");
        assert_eq!(eventbridge.to_string(), format!("bus {bus} in region eu-central-1 at {url}"));
    }
}

#[test]
fn no_answer_in_time_is_unknown() {
    for bus in BUSES {
        let eventbridge = scripted::eventbridge(&scripted::config(bus), NeverClient::new(), made_up());
        let answer = block_on(eventbridge.send(sample::request(&[("e", &["a"])])));
        assert_eq!(answer, Answer::unknown(Code("timeout")));
    }
}

/// Checks the answer of a bus to a request of two entries. Only a custom bus answers in CBOR.
#[track_caller]
fn check(bus: &str, status: u16, body: &Value, expected: &Answer) {
    let body = if bus == scripted::CUSTOM { scripted::cbor(body) } else { body.to_string().into_bytes() };
    check_bytes(bus, status, body, expected);
}

#[track_caller]
fn check_bytes(bus: &str, status: u16, body: impl Into<Vec<u8>>, expected: &Answer) {
    let request = sample::request(&[("e", &["a"]), ("f", &["b"])]);
    assert_eq!(&scripted::answer(bus, request, status, &[], body), expected, "{bus}");
}

/// Checks the outcomes of two entries with these results.
#[track_caller]
fn check_results(bus: &str, first: &Value, second: &Value, outcomes: [Outcome; 2]) {
    let answer = Answer::Results { outcomes: outcomes.into(), endpoints_refused: Vec::new() };
    check(bus, 200, &json!({ "Entries": [first, second] }), &answer);
}

fn again(code: &'static str) -> Outcome {
    Outcome::Again(Code(code))
}

fn refused(code: &'static str, message: &str) -> Refusal {
    Refusal { code: Code(code), message: message.to_owned() }
}

#[test]
fn each_entry_of_a_custom_bus_has_a_result_at_its_place() {
    let published = json!({ "EventId": "1", "SequenceNumber": "7", "SuccessCode": "PUBLISHED" });
    let check = |second: Value, outcome| {
        check_results(scripted::CUSTOM, &published, &second, [Outcome::Accepted, outcome]);
    };
    check(json!({ "EventId": "2", "SuccessCode": "DEDUPLICATED" }), Outcome::Deduplicated);
    check(json!({ "SuccessCode": "PUBLISHED" }), Outcome::Accepted);
    check(json!({ "EventId": "2" }), Outcome::Accepted);
    check(json!({ "EventId": "2", "SuccessCode": "SOMETHING_NEW" }), Outcome::Accepted);
    check(json!({ "ErrorCode": "ThrottlingException" }), Outcome::Later(Code("throttled")));
    check(json!({ "ErrorCode": "InternalException", "ErrorMessage": "secret" }), again("InternalException"));
    check(json!({ "ErrorCode": "user@example.com" }), again("record_not_understood"));
    check(
        json!({ "ErrorCode": "InternalException", "SuccessCode": "PUBLISHED" }),
        again("InternalException"),
    );
    check(json!({}), again("missing"));
    let invalid = json!({ "ErrorCode": "InvalidInputException", "ErrorMessage": "no" });
    check(invalid, Outcome::Refused(refused("InvalidInputException", "no")));
}

#[test]
fn each_entry_of_a_classic_bus_has_a_result_at_its_place() {
    let check = |second: Value, outcome| {
        check_results("default", &json!({ "EventId": "1" }), &second, [Outcome::Accepted, outcome]);
    };
    check(json!({ "EventId": "2" }), Outcome::Accepted);
    check(json!({ "EventId": "" }), again("missing"));
    check(json!({}), again("missing"));
    check(json!({ "ErrorCode": "ThrottlingException" }), Outcome::Later(Code("throttled")));
    check(json!({ "ErrorCode": "InternalFailure" }), again("InternalFailure"));
    check(json!({ "ErrorCode": "user@example.com" }), again("record_not_understood"));
    for code in ["MalformedDetail", "InvalidArgument", "RedactionFailure"] {
        let outcome = Outcome::Refused(refused(code, "no"));
        check(json!({ "ErrorCode": code, "ErrorMessage": "no" }), outcome);
    }
    check(
        json!({ "ErrorCode": "NotAuthorizedForSourceException" }),
        again("NotAuthorizedForSourceException"),
    );
}

#[test]
fn entries_that_all_speak_of_the_set_up_are_a_hold() {
    for code in [
        "AccessDeniedException",
        "InvalidAccountIdException",
        "NotAuthorizedForDetailTypeException",
        "NotAuthorizedForSourceException",
    ] {
        let entry = json!({ "ErrorCode": code });
        check("default", 200, &json!({ "Entries": [entry, entry] }), &Answer::Hold(Code(code)));
    }
}

#[test]
fn results_of_another_length_say_nothing() {
    let entry = json!({ "EventId": "1", "SuccessCode": "PUBLISHED" });
    for bus in BUSES {
        for entries in [json!([]), json!([entry]), json!([entry, entry, entry])] {
            check(bus, 200, &json!({ "Entries": entries }), &Answer::unknown(Code("missing")));
        }
        check(bus, 200, &json!({}), &Answer::unknown(Code("missing")));
        check_bytes(bus, 200, "<html>", &Answer::unknown(Code("broken_answer")));
        check_bytes(bus, 503, "<html>", &Answer::unknown(Code("http_503")));
    }
    check_bytes(scripted::CUSTOM, 200, "", &Answer::unknown(Code("broken_answer")));
    check_bytes("default", 200, "", &Answer::unknown(Code("missing")));
}

#[track_caller]
fn check_error(bus: &str, status: u16, code: &'static str, expected: &Answer) {
    check(bus, status, &json!({ "__type": format!("aws.events#{code}"), "message": "no" }), expected);
}

#[test]
fn an_error_of_a_custom_bus_is_understood_by_its_code() {
    let check = |status, code, expected| check_error(scripted::CUSTOM, status, code, &expected);
    check(403, "AccessDeniedException", Answer::Hold(Code("AccessDeniedException")));
    check(404, "ResourceNotFoundException", Answer::Hold(Code("ResourceNotFoundException")));
    check(409, "InvalidStateException", Answer::Hold(Code("InvalidStateException")));
    check(429, "ThrottlingException", Answer::Throttled { retry_after: None });
    check(400, "ThrottlingException", Answer::Throttled { retry_after: None });
    check(500, "InternalException", Answer::unknown(Code("InternalException")));
    for code in ["InvalidInputException", "ValidationException", "SerializationException"] {
        check(400, code, Answer::Refused(refused(code, "no")));
    }
    check(400, "user@example.com", Answer::Denied(refused("http_400", "PutEvents answered 400")));
}

#[test]
fn an_error_of_a_classic_bus_is_understood_by_its_code() {
    let check = |status, code, expected| check_error("default", status, code, &expected);
    check(400, "ThrottlingException", Answer::Throttled { retry_after: None });
    check(400, "LimitExceededException", Answer::Throttled { retry_after: None });
    check(400, "AccessDeniedException", Answer::Hold(Code("AccessDeniedException")));
    check(400, "ResourceNotFoundException", Answer::Hold(Code("ResourceNotFoundException")));
    check(500, "InternalException", Answer::unknown(Code("InternalException")));
    check(500, "InternalFailure", Answer::unknown(Code("InternalFailure")));
    check(400, "ValidationException", Answer::Refused(refused("ValidationException", "no")));
    let answered = "PutEvents answered 400";
    check(400, "UnknownOperationException", Answer::Denied(refused("UnknownOperationException", answered)));
}
