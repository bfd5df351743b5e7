//! The calls of Firehose: their limits, their results, and what faults make of them.

use super::{
    super::sample::{self, serve, state},
    *,
};
use crate::tools::emulator::faults::{Effect, Faults, Matching};

#[track_caller]
fn check_events(data: &str, expected: &[&str]) {
    let record = Decoded::new(data.as_bytes().to_vec());
    assert_eq!(record.events().map(|event| str::from_utf8(event).unwrap()).collect::<Vec<_>>(), expected);
}

#[test]
fn a_record_may_hold_several_events() {
    check_events("{\"a\":1}\n", &["{\"a\":1}"]);
    check_events("{\"a\":1}\n{\"a\":2}\n", &["{\"a\":1}", "{\"a\":2}"]);
    check_events("{}{}", &["{}", "{}"]);
    check_events("hello", &["hello"]);
    check_events("{}\nhello", &["{}\nhello"]);
    check_events("", &[""]);
}

#[track_caller]
fn check(body: &serde_json::Value, expected: Option<&str>) {
    let body = body.to_string();
    let problem = read(&sample::head("PutRecordBatch"), body.as_bytes()).err();
    assert_eq!(problem.and_then(|problem| problem.rule), expected, "{body:.200}");
}

#[test]
fn a_request_keeps_the_limits() {
    let records = |count: usize, size: usize| {
        // Three bytes each, and what is left.
        let data = "eHh4".repeat(size / 3) + ["", "eA==", "eHg="][size % 3];
        json!({ "DeliveryStreamName": "lake", "Records": vec![json!({ "Data": data }); count] })
    };
    check(&records(1, 1), None);
    check(&records(500, 1), None);
    check(&records(501, 1), Some("firehose.record_count"));
    check(&records(0, 1), Some("firehose.no_records"));
    check(&records(1, 1_024_000), None);
    check(&records(1, 1_024_001), Some("firehose.record_size"));
    check(&records(8, 524_288), None);
    check(&records(8, 524_289), Some("firehose.request_size"));
    let named = |name: &str| json!({ "DeliveryStreamName": name, "Records": [{ "Data": "" }] });
    check(&named(&"n".repeat(64)), None);
    check(&named(&"n".repeat(65)), Some("firehose.stream"));
    check(&named("a/b"), Some("firehose.stream"));
    check(&named(""), Some("firehose.stream"));
    check(&json!({ "Records": [{ "Data": "" }] }), Some("firehose.stream"));
    check(&json!({ "DeliveryStreamName": "n", "Records": [{}] }), Some("firehose.data"));
    check(&json!({ "DeliveryStreamName": "n", "Records": [{ "Data": "?" }] }), Some("firehose.base64"));
    check(&json!({ "DeliveryStreamName": "n", "Record": [] }), Some("firehose.model"));
    check(&json!({ "DeliveryStreamName": 1 }), Some("firehose.model"));
}

/// Puts two records, of which one says `spoiled`. Returns the code of the call's error, or the codes of
/// the records, and how many events were accepted.
fn put_with(effect: Effect) -> (Result<Vec<Option<String>>, &'static str>, u64) {
    let text = "spoiled".to_owned();
    let mut state = state(Faults { matching: vec![Matching { text, effect }], ..Faults::default() });
    let record = |text: &str| json!({ "Data": BASE64_STANDARD.encode(text) });
    let body = json!({ "DeliveryStreamName": "lake", "Records": [record("{}\n{}\n"), record("spoiled")] });
    let served = serve(&SERVICE, "PutRecordBatch", body.to_string().as_bytes(), &mut state);
    let codes = served.map_err(|problem| problem.code).map(|served| {
        let answer: serde_json::Value = serde_json::from_slice(&served.answer.body).unwrap();
        let results = answer["RequestResponses"].as_array().unwrap().iter();
        let codes: Vec<_> = results.map(|it| it["ErrorCode"].as_str().map(str::to_owned)).collect();
        assert_eq!(answer["FailedPutCount"], codes.iter().flatten().count());
        codes
    });
    (codes, state.journal.counts.events_accepted)
}

#[test]
fn records_go_wrong_as_asked() {
    let second = |code: &str| (Ok(vec![None, Some(code.to_owned())]), 2);
    assert_eq!(put_with(Effect::RefuseEndpoint), (Ok(vec![None, None]), 3));
    assert_eq!(put_with(Effect::ThrottleEvent), second("ServiceUnavailableException"));
    assert_eq!(put_with(Effect::FailEvent), second("InternalFailure"));
    assert_eq!(put_with(Effect::OmitEvent), (Ok(vec![None]), 2));
    // The service refuses no single record: the whole call fails.
    assert_eq!(put_with(Effect::RefuseEvent), (Err("InvalidArgumentException"), 0));
    assert_eq!(put_with(Effect::RefuseCall), (Err("InvalidArgumentException"), 0));
    assert_eq!(put_with(Effect::FailCall), (Err("InternalFailure"), 0));
}
