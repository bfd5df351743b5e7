//! Requests as the SDK sends them, and what happens when nothing can be sent.

use aws_sdk_kinesis::{Client, config::Config, primitives::Blob, types::PutRecordsRequestEntry};
use aws_smithy_http_client::test_util::{NeverClient, capture_request};
use serde_json::{Value, json};

use super::*;
use crate::{
    core::{
        code::Code,
        destination::{Sender as _, sample},
        stream_record::StreamRecord,
    },
    edge::aws::scripted::{block_on, made_up, sdk},
};

const ARN: &str = "arn:aws:kinesis:eu-central-1:111122223333:stream/identity";

/// The request that the destination sends: its target, its length and its body.
fn sent(stream: &str, request: Request) -> (String, Option<String>, Value) {
    let (http_client, captured) = capture_request(None);
    let kinesis = scripted::kinesis(&scripted::config(stream), http_client, made_up());
    block_on(kinesis.send(request));
    let request = captured.expect_request();
    let header = |name| request.headers().get(name).map(str::to_owned);
    let bytes = request.body().bytes().unwrap();
    assert_eq!(header("content-length"), Some(bytes.len().to_string()));
    let target = header("x-amz-target");
    (request.uri().to_owned(), target, serde_json::from_slice(bytes).unwrap())
}

/// The same request, as the SDK serialises it.
fn serialised_by_the_sdk(stream: &str, request: &Request) -> Value {
    let (http_client, captured) = capture_request(None);
    let client = Client::from_conf(Config::from(&sdk(http_client, made_up())));
    let config = RecordConfig::default();
    let mut put_records = client.put_records();
    for StreamRecord { config, endpoint_id, endpoint, event } in
        crate::core::stream_record::of_request(&config, request)
    {
        let mut data = Vec::new();
        StreamRecord { config, endpoint_id, endpoint, event }.write(Timestamp(1_795_341_601_234), &mut data);
        let entry = PutRecordsRequestEntry::builder().data(Blob::new(data)).partition_key(&*endpoint_id.0);
        put_records = put_records.records(entry.build().unwrap());
    }
    let put_records =
        if stream == ARN { put_records.stream_arn(stream) } else { put_records.stream_name(stream) };
    let _ = block_on(put_records.send());
    serde_json::from_slice(captured.expect_request().body().bytes().unwrap()).unwrap()
}

#[test]
fn a_request_is_what_the_sdk_would_send() {
    for seed in 0..50 {
        for stream in ["identity", ARN] {
            let request = sample::arbitrary(seed, 3);
            let (_, target, body) = sent(stream, request.clone());
            assert_eq!(target.as_deref(), Some("Kinesis_20131202.PutRecords"));
            assert_eq!(body, serialised_by_the_sdk(stream, &request), "seed {seed}");
        }
    }
}

#[test]
fn a_record_is_under_the_key_of_its_endpoint() {
    let (uri, _, body) = sent("identity", sample::request(&[("e", &["a", "b"]), ("f", &["c"])]));
    assert!(uri.starts_with("https://kinesis.eu-central-1.amazonaws.com"), "{uri}");
    assert_eq!(body["StreamName"], "identity");
    let keys: Vec<_> = body["Records"].as_array().unwrap().iter().map(|one| &one["PartitionKey"]).collect();
    assert_eq!(json!(keys), json!(["e", "e", "f"]));
}

#[test]
fn no_answer_in_time_is_unknown() {
    let kinesis = scripted::kinesis(&scripted::config("identity"), NeverClient::new(), made_up());
    let answer = block_on(kinesis.send(sample::request(&[("e", &["a"])])));
    assert_eq!(answer, Answer::unknown(Code("timeout")));
}

#[test]
fn a_destination_is_shown_by_its_stream() {
    let kinesis = scripted::kinesis(&scripted::config("identity"), NeverClient::new(), made_up());
    assert_eq!(kinesis.to_string(), "stream identity in region eu-central-1");
}
