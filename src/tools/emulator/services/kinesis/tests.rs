//! The calls of Kinesis: their limits, their results, and what faults make of them.

use serde_json::{Value, json};

use super::{
    super::sample::{serve, state},
    shards::ShardLimit,
    *,
};
use crate::{
    core::units::Size,
    tools::emulator::{
        faults::{Effect, Faults, Matching},
        protocol::json::JsonText,
    },
};

const ARN: &str = "arn:aws:kinesis:eu-west-1:111122223333:stream/identity";

fn record(data: &[u8], key: &str) -> Value {
    use base64::Engine as _;
    json!({ "Data": base64::prelude::BASE64_STANDARD.encode(data), "PartitionKey": key })
}

fn call(records: &[Value]) -> Value {
    json!({ "StreamName": "identity", "Records": records })
}

/// Records under different keys.
fn records(keys: &[&str]) -> Value {
    call(&keys.iter().map(|key| record(b"{}", key)).collect::<Vec<_>>())
}

fn put(body: &Value, state: &mut ServerState) -> Result<Value, Problem> {
    let served = serve(&SERVICE, "PutRecords", body.to_string().as_bytes(), state)?;
    Ok(serde_json::from_slice(&served.answer.body).unwrap())
}

/// Checks which rule a call breaks.
#[track_caller]
fn check(body: &Value, rule: Option<&str>, code: &str) {
    let problem = put(body, &mut state(Faults::default())).err();
    let found = problem.as_ref().map(|problem| (problem.rule.unwrap(), problem.code));
    assert_eq!(found, rule.map(|rule| (rule, code)), "{body:.200}");
}

#[test]
fn a_call_keeps_the_limits_of_the_model() {
    const INVALID: &str = "ValidationException";
    let with = |key: &str, value: Value| {
        let mut body = records(&["k"]);
        body[key] = value;
        body
    };
    check(&records(&["k"]), None, "");
    check(&records(&["k"; 500]), None, "");
    check(&records(&["k"; 501]), Some("kinesis.record_count"), INVALID);
    check(&records(&[]), Some("kinesis.no_records"), INVALID);
    check(&records(&["é".repeat(256).as_str()]), None, "");
    check(&records(&["k".repeat(257).as_str()]), Some("kinesis.key_length"), INVALID);
    check(&records(&[""]), Some("kinesis.key_length"), INVALID);
    check(&call(&[json!({ "PartitionKey": "k" })]), Some("kinesis.data"), INVALID);
    check(&call(&[json!({ "Data": "" })]), Some("kinesis.key"), "InvalidArgumentException");
    let base64 = call(&[json!({ "Data": "e?", "PartitionKey": "k" })]);
    check(&base64, Some("kinesis.base64"), "SerializationException");
    let hash_key =
        |hash_key: &str| call(&[json!({ "Data": "", "PartitionKey": "k", "ExplicitHashKey": hash_key })]);
    check(&hash_key("340282366920938463463374607431768211455"), None, "");
    check(&hash_key("340282366920938463463374607431768211456"), Some("kinesis.hash_key"), INVALID);
    check(&hash_key("01"), Some("kinesis.hash_key"), INVALID);
    check(&hash_key("+1"), Some("kinesis.hash_key"), INVALID);
    check(&with("StreamName", json!("a/b")), Some("kinesis.stream"), INVALID);
    check(&with("StreamName", json!("n".repeat(128))), None, "");
    check(&with("StreamName", json!("n".repeat(129))), Some("kinesis.stream"), INVALID);
    check(&with("StreamName", Value::Null), Some("kinesis.stream"), INVALID);
    check(&with("StreamARN", json!(ARN)), None, "");
    check(&with("StreamARN", json!(format!("{ARN}2"))), Some("kinesis.stream"), INVALID);
    check(&with("StreamARN", json!("arn:aws:sqs:eu-west-1:111122223333:q")), Some("kinesis.stream"), INVALID);
    check(&with("Other", json!(1)), Some("kinesis.model"), "SerializationException");
    check(&with("Records", json!({})), Some("kinesis.model"), "SerializationException");
}

/// Checks which rule records of these sizes break, without the detour over base64.
#[track_caller]
fn check_sizes(sizes: &[usize], key: &'static str, max_record: u64, rule: Option<&str>) {
    let record = |size: &usize| Decoded {
        data: vec![b'x'; *size],
        key: Some(JsonText::borrowed(key)),
        explicit_hash_key: None,
    };
    let stream: DescribeStreamSummary<'_> = serde_json::from_str(r#"{"StreamName":"identity"}"#).unwrap();
    let stream = stream.stream().unwrap();
    let call = PutRecordsCall { stream, records: sizes.iter().map(record).collect(), dry_run: false };
    let problem = call.check(&Streams { max_record: Size(max_record), ..Streams::default() }).err();
    assert_eq!(problem.as_ref().and_then(|problem| problem.rule), rule, "{sizes:?}");
    assert!(problem.is_none_or(|problem| problem.code == "InvalidArgumentException"));
}

#[test]
fn a_record_and_a_request_have_a_size() {
    const MIB: usize = 1 << 20;
    check_sizes(&[MIB - 1], "k", 1 << 20, None);
    check_sizes(&[MIB], "k", 1 << 20, Some("kinesis.record_size"));
    check_sizes(&[MIB - 1], "é", 1 << 20, Some("kinesis.record_size"));
    check_sizes(&[10 * MIB - 1], "k", 10 << 20, None);
    check_sizes(&[MIB - 1; 10], "k", 1 << 20, None);
    check_sizes(&[MIB - 2; 11], "k", 1 << 20, Some("kinesis.request_size"));
    let data = "eHh4".repeat((10 * MIB).div_ceil(3) + 1);
    let too_large = call(&[json!({ "Data": data, "PartitionKey": "k" })]);
    check(&too_large, Some("kinesis.record_size"), "ValidationException");
}

#[test]
fn each_record_has_a_result_in_order() {
    let mut state = state(Faults::default());
    let stream =
        r#"{"event_type":"_session.start","client":{"client_id":"e"},"attributes":{"event_id":"1"}}"#;
    let answer = put(&call(&[record(stream.as_bytes(), "e"), record(b"hi", "f")]), &mut state).unwrap();
    assert_eq!(answer["FailedRecordCount"], 0);
    let results = answer["Records"].as_array().unwrap();
    let number = |place: usize| results[place]["SequenceNumber"].as_str().unwrap();
    assert!(results.len() == 2 && number(0) < number(1), "{answer}");
    assert!(
        results.iter().all(|result| result["ShardId"].as_str().unwrap().starts_with("shardId-00000000000"))
    );
    let events = state.journal.events(0);
    assert_eq!((&*events[0].destination, &*events[0].endpoint_id), ("kinesis/identity", "e"));
    assert_eq!(events[0].entry.as_ref().unwrap()["partition_key"], "e");
    assert_eq!((&*events[1].endpoint_id, &events[1].record), ("", &Some(json!("aGk="))));
}

#[test]
fn a_full_shard_refuses_its_records_only() {
    let mut state = state(Faults::default());
    state.shards.streams.limit = Some(ShardLimit { records: 1, bytes: 1 << 20 });
    let explicit = |hash_key: &str| json!({ "Data": "", "PartitionKey": "k", "ExplicitHashKey": hash_key });
    let last = u128::MAX.to_string();
    let answer = put(&call(&[explicit("0"), explicit("1"), explicit(&last)]), &mut state).unwrap();
    assert_eq!(answer["FailedRecordCount"], 1);
    assert_eq!(answer["Records"][1]["ErrorCode"], "ProvisionedThroughputExceededException");
    let message = answer["Records"][1]["ErrorMessage"].as_str().unwrap();
    assert!(message.contains("stream identity under account 111122223333"), "{message}");
    assert!(
        answer["Records"][0]["SequenceNumber"].is_string() && answer["Records"][2]["ShardId"].is_string()
    );
    let counts = &state.journal.counts;
    assert_eq!((counts.events_accepted, counts.violations.len()), (2, 0));
    assert_eq!(counts.by_destination["kinesis/identity"].errors["ProvisionedThroughputExceededException"], 1);
}

#[test]
fn a_dry_run_writes_nothing() {
    let mut state = state(Faults::default());
    let mut body = records(&["k"]);
    body["DryRun"] = json!(true);
    assert_eq!(put(&body, &mut state).unwrap_err().code, "DryRunOperationException");
    body["Records"][0] = record(&vec![b'x'; 1 << 20], "k");
    assert_eq!(put(&body, &mut state).unwrap_err().code, "InvalidArgumentException");
    assert_eq!(state.journal.counts.events_accepted, 0);
    body["DryRun"] = json!(false);
    body["Records"][0] = record(b"", "k");
    assert!(put(&body, &mut state).is_ok());
}

/// Puts two records, of which one has the key `spoiled`. Returns the code of the call's error, or the codes of
/// the records, and how many were accepted.
fn put_with(faults: Faults) -> (Result<Vec<Option<String>>, &'static str>, u64) {
    let mut state = state(faults);
    let answer = put(&records(&["good", "spoiled"]), &mut state);
    let codes = answer.map_err(|problem| problem.code).map(|answer| {
        let results = answer["Records"].as_array().unwrap().iter();
        results.map(|result| result["ErrorCode"].as_str().map(str::to_owned)).collect()
    });
    (codes, state.journal.counts.events_accepted)
}

#[test]
fn records_go_wrong_as_asked() {
    let of = |effect| {
        let text = "spoiled".to_owned();
        put_with(Faults { matching: vec![Matching { text, effect }], ..Faults::default() })
    };
    let second = |code: &str| (Ok(vec![None, Some(code.to_owned())]), 1);
    assert_eq!(of(Effect::ThrottleEvent), second("ProvisionedThroughputExceededException"));
    assert_eq!(of(Effect::FailEvent), second("InternalFailure"));
    assert_eq!(of(Effect::OmitEvent), (Ok(vec![None]), 1));
    // The service refuses no single record: the whole call fails.
    assert_eq!(of(Effect::RefuseEvent), (Err("InvalidArgumentException"), 0));
    assert_eq!(of(Effect::RefuseCall), (Err("InvalidArgumentException"), 0));
    assert_eq!(of(Effect::FailCall), (Err("InternalFailure"), 0));
    assert_eq!(of(Effect::AnswerCall(403)), (Err(""), 0));
    let none = Faults::default();
    assert_eq!(
        put_with(Faults { events_refused: 1.0, ..none.clone() }),
        (Err("InvalidArgumentException"), 0)
    );
    let both = |code: &str| (Ok(vec![Some(code.to_owned()); 2]), 0);
    assert_eq!(put_with(Faults { events_failed: 1.0, ..none.clone() }), both("InternalFailure"));
    let (codes, accepted) = put_with(Faults { events_missing: 1.0, ..none });
    assert!(codes == Ok(Vec::new()) && accepted <= 2);
}

#[test]
fn an_answer_that_lacks_a_result_confirms_nothing() {
    let confirmed = |effect| {
        let text = "spoiled".to_owned();
        let mut state = state(Faults { matching: vec![Matching { text, effect }], ..Faults::default() });
        let body = records(&["good", "spoiled"]).to_string();
        serve(&SERVICE, "PutRecords", body.as_bytes(), &mut state).unwrap().confirmed
    };
    assert_eq!(confirmed(Effect::FailEvent), 1);
    assert_eq!(confirmed(Effect::OmitEvent), 0);
}

#[test]
fn a_stream_describes_itself() {
    let mut state = state(Faults::default());
    let mut describe = |body: Value| {
        let served =
            serve(&SERVICE, "DescribeStreamSummary", body.to_string().as_bytes(), &mut state).unwrap();
        serde_json::from_slice::<Value>(&served.answer.body).unwrap()["StreamDescriptionSummary"].clone()
    };
    let by_name = describe(json!({ "StreamName": "identity" }));
    assert_eq!((&by_name["StreamARN"], &by_name["OpenShardCount"]), (&json!(ARN), &json!(4)));
    assert_eq!(by_name["MaxRecordSizeInKiB"], 1024);
    assert_eq!(by_name["RecordDistributionStrategy"], "USER_PARTITION_KEY");
    assert_eq!(describe(json!({ "StreamARN": ARN }))["StreamName"], "identity");
}

#[test]
fn a_stream_that_ignores_keys_says_so_and_needs_none() {
    let mut state = state(Faults::default());
    state.shards.streams.keys = Keys::Ignored;
    assert!(put(&call(&[json!({ "Data": "" })]), &mut state).is_ok());
    let body = json!({ "StreamName": "identity" }).to_string();
    let served = serve(&SERVICE, "DescribeStreamSummary", body.as_bytes(), &mut state).unwrap();
    let answer: Value = serde_json::from_slice(&served.answer.body).unwrap();
    assert_eq!(answer["StreamDescriptionSummary"]["RecordDistributionStrategy"], "AUTO");
}
