//! Requests as the SDK sends them.

use aws_sdk_firehose::{Client, config::Config, primitives::Blob, types::Record};
use aws_smithy_http_client::test_util::{NeverClient, capture_request};
use serde_json::Value;

use super::*;
use crate::{
    core::{
        code::Code,
        destination::{Sender as _, sample},
        stream_record,
    },
    edge::aws::scripted::{block_on, made_up, sdk},
};

/// The request that the destination sends: its target and its body.
fn sent(request: Request) -> (String, Option<String>, Value) {
    let (http_client, captured) = capture_request(None);
    let firehose = scripted::firehose(&scripted::config("lake"), http_client, made_up());
    block_on(firehose.send(request));
    let request = captured.expect_request();
    let header = |name| request.headers().get(name).map(str::to_owned);
    let bytes = request.body().bytes().unwrap();
    assert_eq!(header("content-length"), Some(bytes.len().to_string()));
    (request.uri().to_owned(), header("x-amz-target"), serde_json::from_slice(bytes).unwrap())
}

/// The same request, as the SDK serialises it.
fn serialised_by_the_sdk(request: &Request) -> Value {
    let (http_client, captured) = capture_request(None);
    let client = Client::from_conf(Config::from(&sdk(http_client, made_up())));
    let config = RecordConfig::default();
    let records = stream_record::of_request(&config, request).map(|event| {
        let mut data = Vec::new();
        event.write(scripted::NOW, &mut data);
        data.push(b'\n');
        Record::builder().data(Blob::new(data)).build().unwrap()
    });
    let put = client.put_record_batch().delivery_stream_name("lake").set_records(Some(records.collect()));
    let _ = block_on(put.send());
    serde_json::from_slice(captured.expect_request().body().bytes().unwrap()).unwrap()
}

#[test]
fn a_request_is_what_the_sdk_would_send() {
    for seed in 0..50 {
        let request = sample::arbitrary(seed, 3);
        let (uri, target, body) = sent(request.clone());
        assert!(uri.starts_with("https://firehose.eu-central-1.amazonaws.com"), "{uri}");
        assert_eq!(target.as_deref(), Some("Firehose_20150804.PutRecordBatch"));
        assert_eq!(body, serialised_by_the_sdk(&request), "seed {seed}");
    }
}

#[test]
fn no_answer_in_time_is_unknown() {
    let firehose = scripted::firehose(&scripted::config("lake"), NeverClient::new(), made_up());
    let answer = block_on(firehose.send(sample::request(&[("e", &["a"])])));
    assert_eq!(answer, Answer::unknown(Code("timeout")));
}

#[test]
fn a_destination_is_shown_by_its_stream() {
    let firehose = scripted::firehose(&scripted::config("lake"), NeverClient::new(), made_up());
    assert_eq!(firehose.to_string(), "Firehose stream lake in region eu-central-1");
}
