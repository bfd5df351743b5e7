//! Kinesis destinations: their settings, and the problems that people get.

use super::*;
use crate::{
    config::destinations::DestinationKind,
    edge::aws::kinesis::config::{KinesisConfig, StreamOrder},
};

fn with(kinesis: &str) -> Result<Config, String> {
    loaded(&format!("dead_letter: {{ topic: letters }}\ndestination: {{ kinesis: {kinesis} }}"), &[], &[])
}

fn read(kinesis: &str) -> KinesisConfig {
    match with(kinesis).unwrap().destinations().remove(0).kind {
        DestinationKind::Kinesis(kinesis) => kinesis,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_is_read_with_its_defaults() {
    let stream = read("{ stream: identity }");
    assert_eq!((stream.timeout, stream.order), (seconds(10), StreamOrder::Endpoint));
    assert_eq!((stream.max_record, stream.region), (Size(1 << 20), None));
    let arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/identity";
    let stream = read(&format!("{{ stream: '{arn}', order: none, max_record: 10MiB, region: eu-west-1 }}"));
    assert_eq!((stream.stream_arn(), stream.order), (Some(arn), StreamOrder::None));
    let config = with("{ stream: identity, endpoint_url: 'http://127.0.0.1:4566' }").unwrap();
    assert_eq!(loaded(&config.effective(), &[], &[]).unwrap(), config);
}

#[test]
fn every_wrong_key_of_a_stream_is_reported() {
    #[track_caller]
    fn check(kinesis: &str, expected: &[&str]) {
        let error = with(kinesis).unwrap_err();
        let found: Vec<_> = error.lines().skip(1).map(str::trim).collect();
        assert_eq!(found, expected);
    }
    check(
        "{}",
        &[
            "destination.kinesis (config.yaml:2): must be a mapping with `stream`, `region`, `endpoint_url`, `timeout`, `order`, \
           `max_record` and `credentials`",
        ],
    );
    check(
        "{ stream: 'arn:aws:kinesis:eu-west-1:111122223333:stream/a', region: us-east-1 }",
        &["destination.kinesis.region (config.yaml:2): must be the region of the stream's ARN"],
    );
    check(
        "{ stream: a/b, order: shard, max_record: 11MiB, timeout: 1h, region: Ireland, shard: 1 }",
        &[
            "destination.kinesis.max_record (config.yaml:2): must be a number of bytes such as 4000000, 512KiB or 32MiB, from \
             64KiB to 10MiB",
            "destination.kinesis.order (config.yaml:2): must be endpoint or none",
            "destination.kinesis.region (config.yaml:2): must be an AWS region such as us-east-1",
            "destination.kinesis.shard (config.yaml:2): is an unknown key; the known keys are `stream`, `region`, \
             `endpoint_url`, `timeout`, `order`, `max_record`, `credentials`",
            "destination.kinesis.stream (config.yaml:2): must be the name of a data stream, 1 to 128 letters, digits, dots, \
             underscores and hyphens; or its ARN",
            "destination.kinesis.timeout (config.yaml:2): must be a length of time such as 500ms, 10s, 1m or 24h, from 100ms \
             to 5m",
        ],
    );
}

#[test]
fn a_stream_has_no_quota_unless_one_is_written() {
    let quota = |quotas: &str| {
        let yaml = format!(
            "dead_letter: {{ topic: letters }}\ndestination: {{ kinesis: {{ stream: a, region: eu-west-1 }} }}\n{quotas}"
        );
        let quota = loaded(&yaml, &[], &[]).unwrap().domains().remove(0);
        (quota.requests_per_second, quota.in_flight.get())
    };
    assert_eq!(quota(""), (100_000.0, 32));
    assert_eq!(
        quota("quotas: [{ service: kinesis, region: eu-west-1, requests_per_second: 20 }]"),
        (20.0, 32)
    );
}
