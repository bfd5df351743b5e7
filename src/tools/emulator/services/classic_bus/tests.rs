//! The calls of a classic event bus: their limits, their results, and what faults make of them.

use serde_json::{Value, json};

use super::{
    super::sample::{serve, state},
    *,
};
use crate::tools::emulator::faults::{Effect, Faults, Matching};

fn entry(source: &str, detail_type: &str, detail: &str) -> Value {
    json!({ "Source": source, "DetailType": detail_type, "Detail": detail })
}

fn put(entries: &[Value], state: &mut ServerState) -> Result<Value, Problem> {
    let body = json!({ "Entries": entries }).to_string();
    let served = serve(&SERVICE, "PutEvents", body.as_bytes(), state)?;
    Ok(serde_json::from_slice(&served.answer.body).unwrap())
}

/// Checks which rule the call breaks.
#[track_caller]
fn check(entries: &[Value], rule: Option<&str>) {
    let problem = put(entries, &mut state(Faults::default())).err();
    assert_eq!(problem.as_ref().and_then(|problem| problem.rule), rule, "{entries:.200?}");
    let code = problem.map_or("ValidationException", |problem| problem.code);
    assert!(["ValidationException", "SerializationException"].contains(&code));
}

/// Checks the code and the rule of an entry that stands beside a good one.
#[track_caller]
fn check_entry(entry: Value, code: Option<&str>, rule: Option<&str>) {
    let mut state = state(Faults::default());
    let answer = put(&[entry, self::entry("a", "t", "{}")], &mut state).unwrap();
    assert_eq!(answer["Entries"][0]["ErrorCode"].as_str(), code, "{answer}");
    assert_eq!(answer["FailedEntryCount"], u32::from(code.is_some()));
    assert!(answer["Entries"][1]["EventId"].is_string());
    let violations = state.journal.counts.violations.keys().copied();
    assert_eq!(violations.collect::<Vec<_>>(), Vec::from_iter(rule));
}

#[test]
fn a_call_keeps_its_limits() {
    let good = || entry("a", "t", "{}");
    check(&vec![good(); 10], None);
    check(&vec![good(); 11], Some("eventbridge.entry_count"));
    check(&[], Some("eventbridge.no_entries"));
    let sized = |size: usize| entry("a", "t", &format!("{{\"a\":\"{}\"}}", "x".repeat(size - 10)));
    check(&[sized(1 << 20)], None);
    check(&[sized((1 << 20) + 1)], Some("eventbridge.request_size"));
    check(&[sized(1 << 19), sized((1 << 19) + 1)], Some("eventbridge.request_size"));
    let bus = |bus: &str| {
        let mut entry = good();
        entry["EventBusName"] = json!(bus);
        entry
    };
    check(&[bus("identity")], None);
    check(&[bus("arn:aws:events:eu-west-1:111122223333:event-bus/identity")], None);
    check(&[bus("arn:aws:events:eu-west-1:1:event-bus/identity")], Some("eventbridge.bus"));
    check(&[bus("")], Some("eventbridge.bus"));
    check(&[bus("a b")], Some("eventbridge.bus"));
    check(&[json!({ "Source": "a", "Detail": "{}" })], Some("eventbridge.required"));
    check(&[json!({ "Source": "a", "Group": "g" })], Some("eventbridge.model"));
    check(&[json!({ "Source": 1 })], Some("eventbridge.model"));
}

#[test]
fn an_entry_has_an_error_of_its_own() {
    check_entry(entry("a", "t", "{}"), None, None);
    check_entry(entry("", "t", "{}"), Some("InvalidArgument"), Some("eventbridge.source"));
    check_entry(
        json!({ "DetailType": "t", "Detail": "{}" }),
        Some("InvalidArgument"),
        Some("eventbridge.source"),
    );
    check_entry(entry(&"s".repeat(257), "t", "{}"), Some("InvalidArgument"), Some("eventbridge.source"));
    let reserved = Some("NotAuthorizedForSourceException");
    check_entry(entry("aws.ec2", "t", "{}"), reserved, Some("eventbridge.source_reserved"));
    check_entry(entry("a", "", "{}"), Some("InvalidArgument"), Some("eventbridge.detail_type"));
    check_entry(entry("a", &"t".repeat(129), "{}"), Some("InvalidArgument"), Some("eventbridge.detail_type"));
    check_entry(entry("a", "t", "[]"), Some("MalformedDetail"), Some("eventbridge.detail"));
    check_entry(
        json!({ "Source": "a", "DetailType": "t" }),
        Some("InvalidArgument"),
        Some("eventbridge.detail"),
    );
    let mut resources = entry("a", "t", "{}");
    resources["Resources"] = json!(["r".repeat(2049)]);
    check_entry(resources, Some("InvalidArgument"), Some("eventbridge.resources"));
}

#[test]
fn each_entry_goes_to_its_own_bus() {
    let mut state = state(Faults::default());
    let mut other = entry("com.example", "_session.start", r#"{"a":1}"#);
    other["EventBusName"] = json!("other");
    other["Time"] = json!(1_795_341_600.5);
    other["Resources"] = json!(["arn:r"]);
    put(&[entry("a", "t", "{}"), other], &mut state).unwrap();
    let events = state.journal.events(0);
    let places: Vec<_> = events.iter().map(|event| &*event.destination).collect();
    assert_eq!(places, ["eventbridge/default", "eventbridge/other"]);
    let sent = events[1].entry.as_ref().unwrap();
    let expected = json!({
        "source": "com.example", "detail_type": "_session.start", "resources": ["arn:r"],
        "time": 1_795_341_600.5, "event_id": sent["event_id"],
    });
    assert_eq!((sent, events[1].record.as_ref().unwrap()), (&expected, &json!({ "a": 1 })));
}

#[test]
fn entries_go_wrong_as_asked() {
    let of = |effect| {
        let text = "spoiled".to_owned();
        let mut state = state(Faults { matching: vec![Matching { text, effect }], ..Faults::default() });
        let answer = put(&[entry("a", "t", "{}"), entry("spoiled", "t", "{}")], &mut state);
        let codes = answer.map_err(|problem| problem.code).map(|answer| {
            let results = answer["Entries"].as_array().unwrap().iter();
            results.map(|result| result["ErrorCode"].as_str().map(str::to_owned)).collect::<Vec<_>>()
        });
        (codes, state.journal.counts.events_accepted)
    };
    let second = |code: &str| (Ok(vec![None, Some(code.to_owned())]), 1);
    assert_eq!(of(Effect::RefuseEvent), second("InvalidArgument"));
    assert_eq!(of(Effect::ThrottleEvent), second("ThrottlingException"));
    assert_eq!(of(Effect::FailEvent), second("InternalFailure"));
    assert_eq!(of(Effect::OmitEvent), (Ok(vec![None]), 1));
    assert_eq!(of(Effect::RefuseCall), (Err("ValidationException"), 0));
    assert_eq!(of(Effect::FailCall), (Err("InternalException"), 0));
}

#[test]
fn a_bus_describes_itself() {
    let describe = |body: Value| {
        let mut state = state(Faults::default());
        let served = serve(&SERVICE, "DescribeEventBus", body.to_string().as_bytes(), &mut state);
        let body = served.map(|served| served.answer.body).map_err(|problem| problem.rule);
        body.map(|body| serde_json::from_slice::<Value>(&body).unwrap())
    };
    let arn = "arn:aws:events:eu-west-1:111122223333:event-bus/identity";
    let expected = json!({ "Name": "identity", "Arn": arn });
    assert_eq!(describe(json!({ "Name": "identity" })), Ok(expected.clone()));
    assert_eq!(describe(json!({ "Name": arn })), Ok(expected));
    assert_eq!(describe(json!({})).unwrap()["Name"], "default");
    assert_eq!(describe(json!({ "Name": "a b" })), Err(Some("eventbridge.bus")));
}
