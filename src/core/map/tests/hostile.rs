//! Malicious or meaningless input: the mapping always answers and never panics. The encoder of a destination
//! checks its limits with the same records.

use super::{samples::SAMPLES, *};
use crate::core::event::InFull;

/// Pieces to insert anywhere in a record.
const FRAGMENTS: [&[u8]; 20] = [
    b"\"\\ud800\"",
    b"\\udfff",
    b"null",
    b"\"null\"",
    b"\"\"",
    b"1e999",
    b"-0.0",
    b"18446744073709551615",
    b"99999999999999999999999999",
    b"true",
    b"{}",
    b"[]",
    b"[[[[[[[[",
    b"\"details\":\"{\\\"username\\\":\\\"x\\\"}\",",
    b"\"userId\":{\"userId\":[1]},",
    b"\"type\":\"access.LOGIN\",",
    b"\"authDetails\":[],",
    b"\"userId\":\"${a}\",",
    b"\x00",
    b"\xff\xfe",
];

/// Changes `value` in one place: changes a byte, removes a piece, or inserts a piece of
/// `other` or a fragment.
pub(crate) fn mutate(random: &mut fastrand::Rng, value: &mut Vec<u8>, other: &[u8]) {
    let from = random.usize(..=value.len());
    let to = random.usize(from..=value.len().min(from + 40));
    match random.u8(..8) {
        0 => value.iter_mut().skip(from).take(1).for_each(|byte| *byte = random.u8(..)),
        1 => drop(value.drain(from..to)),
        2 => {
            let start = random.usize(..other.len());
            let end = random.usize(start..=other.len().min(start + 200));
            value.splice(from..to, other[start..end].iter().copied());
        }
        3 => drop(value.splice(from..from, random.choice(FRAGMENTS).unwrap_or_default().iter().copied())),
        // Replaces a value by a fragment, as if the field had another type.
        _ => {
            let Some(colon) = value.iter().skip(from).position(|byte| *byte == b':') else { return };
            let start = from + colon + 1;
            let length = value[start..].iter().position(|byte| matches!(byte, b',' | b'}')).unwrap_or(0);
            let fragment = random.choice(FRAGMENTS).unwrap_or_default();
            value.splice(start..start + length, fragment.iter().copied());
        }
    }
}

/// Checks the guarantees of the mapping for every event, whatever its destination.
#[track_caller]
pub(crate) fn check_contract(mapped: &InFull) {
    assert_eq!(mapped.deliveries.is_empty() && mapped.refused.is_none(), mapped.ignored.is_some());
    for Delivery { endpoint_id, event, .. } in &mapped.deliveries {
        assert_eq!(endpoint_id.0.len(), 32);
        // The id is an attribute too, and a value of one has at most 200 characters.
        assert!((1..=200).contains(&event.id.len()), "{}", event.id);
        assert!(crate::core::identity::PLAUSIBLE_TIMES.contains(&event.timestamp.0));
        assert!(event.attributes.iter().all(|(_, value)| !value.is_empty()));
        if let Some(session) = &event.session {
            assert!((1..=200).contains(&session.id.chars().count()));
            assert!(session.stop.is_none_or(|(_, duration)| duration >= 0));
        }
    }
}

/// Maps many mutated records with one mapper, and passes each result to `look`.
pub(crate) fn map_mutated_records(mut look: impl FnMut(InFull)) {
    let samples: Vec<_> = SAMPLES.lines().collect();
    let mut mapper = mapper();
    let mut delivered = 0_u32;
    for seed in 0..20_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut value = samples[random.usize(..samples.len())].as_bytes().to_vec();
        for _ in 0..random.u8(1..4) {
            let other = samples[random.usize(..samples.len())];
            mutate(&mut random, &mut value, other.as_bytes());
        }
        let outcome = mapper.map(&record(value), at(seed)).mapped.in_full();
        check_contract(&outcome);
        delivered += u32::from(outcome.refused.is_none() && outcome.ignored.is_none());
        look(outcome);
    }
    // The mutations are mild enough to get past the parser.
    assert!(delivered > 1000, "{delivered}");
}

#[test]
fn depth_and_length_are_no_danger() {
    let deep = "[".repeat(1_000_000);
    check(&record(&deep), "refused: too_large");
    check(&record(format!(r#"{{"x":{deep}"#)), "refused: not_json");
    check(&record(format!(r#"{{"userId":{deep}"#)), "refused: not_json");
    check(&record(format!(r#"{{"details":{deep}"#)), "refused: not_json");
    let (open, close) = (r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    for key in ["x", "clientId", "details", "authDetails"] {
        check(
            &event("e", 0, "LOGIN", &format!(r#""userId":"u","{key}":{open}1{close}"#)),
            "_userauth.sign_in",
        );
    }
    // More than a tree may hold, before anything that identifies the user.
    check(
        &record(format!(
            r#"{{"x":{open}1{close},"type":"LOGIN","clientId":"c","userId":"u","id":"e","time":1795382428244}}"#
        )),
        "_userauth.sign_in",
    );
    let nested = serde_json::to_string(&format!(r#"{{"a":{open}1{close}}}"#)).unwrap();
    check(&event("e", 0, "LOGIN", &format!(r#""userId":"u","details":{nested}"#)), "_userauth.sign_in");
    let long = "x".repeat(2_000_000);
    check(&event(&long, 0, "LOGIN", r#""userId":"u""#), "_userauth.sign_in");
    check(&event("e", 0, &long, r#""userId":"u""#), "ignored: type_not_mapped");
    check(&event("e", 0, "LOGIN", &format!(r#""userId":"{long}""#)), "_userauth.sign_in");
    check(&event("e", 0, "LOGIN", &format!(r#""userId":"u","clientId":"{long}""#)), "_userauth.sign_in");
    check(&event("e", 0, "LOGIN_ERROR", &format!(r#""userName":"{long}""#)), "_userauth.auth_fail");
}

#[test]
fn a_record_that_is_not_an_event_is_refused_with_a_reason_of_our_own() {
    #[track_caller]
    fn refused(value: &[u8], code: &str) {
        let mapped = mapper().map(&record(value), Moment::START).mapped;
        let Mapped::Refused(refusal) = mapped else { panic!("{}", line(&mapped)) };
        assert_eq!(refusal.code.0, code);
        assert!(!refusal.message.contains("secret"));
    }
    refused(b"secret", "not_json");
    refused(b"\x00\x00\x00\x00\x01secret", "not_json_in_schema");
    refused(b"\x00\x00\x00\x00\x01{}", "unrecognised");
    refused(b"2026-11-22T21:20:28Z stdout P {\"type\":\"secret", "partial_line");
    refused(b"{\"type\":\"secret", "not_json");
    refused(b"{\"type\":\"LOGIN\",\"userId\":\"\xff\"}", "not_json");
    refused(b"{\"type\":\"LOGIN\",\"userId\":1e999}", "not_json");
    refused(b"{\"type\":\"LOGIN\"} {\"secret\":1}", "several_values");
    refused(b"\"secret\"", "not_an_event");
    refused(b"[{\"type\":\"secret\"}]", "unrecognised");
    refused(b"null", "not_an_event");
    refused(b"17", "not_an_event");
    refused(b"{}", "unrecognised");
    refused(b"{\"type\":\"null\",\"secret\":1}", "unrecognised");
    refused(b"{\"operationType\":\"secret\"}", "unrecognised");
    refused(b"{\"type\":\"null\",\"realmId\":\"secret\"}", "no_type");
    refused(b"{\"type\":{\"secret\":1},\"realmId\":\"r\"}", "field_not_text");
    refused(b"{\"type\":\"LOGIN\",\"realmId\":\"r\",\"userId\":[\"secret\"]}", "field_not_text");
    refused(b"{\"type\":\"LOGIN\",\"realmId\":\"r\",\"id\":true}", "field_not_text");
}
