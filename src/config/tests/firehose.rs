//! Firehose destinations: their settings, and the problems that people get.

use super::*;
use crate::{config::destinations::DestinationKind, edge::aws::firehose::config::FirehoseConfig};

fn with(firehose: &str) -> Result<Config, String> {
    loaded(&format!("dead_letter: {{ topic: letters }}\ndestination: {{ firehose: {firehose} }}"), &[], &[])
}

fn read(firehose: &str) -> FirehoseConfig {
    match with(firehose).unwrap().destinations().remove(0).kind {
        DestinationKind::Firehose(firehose) => firehose,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_is_read_with_its_defaults() {
    let stream = read("{ stream: lake }");
    assert_eq!((stream.timeout, stream.newline, stream.pack), (seconds(10), true, None));
    let stream = read("{ stream: lake, newline: false, pack: 100KiB, region: eu-west-1 }");
    assert_eq!((stream.newline, stream.pack), (false, Some(Size(100 << 10))));
    for config in ["{ stream: lake, pack: 5KiB }", "{ stream: lake, pack: off }"] {
        let config = with(config).unwrap();
        assert_eq!(loaded(&config.effective(), &[], &[]).unwrap(), config);
    }
}

#[test]
fn every_wrong_key_of_a_stream_is_reported() {
    let error = with("{ stream: a/b, newline: 1, pack: 2MB, order: none }").unwrap_err();
    let found: Vec<_> = error.lines().skip(1).map(str::trim).collect();
    assert_eq!(
        found,
        [
            "destination.firehose.newline (config.yaml:2): must be true or false",
            "destination.firehose.order (config.yaml:2): is an unknown key; the known keys are `stream`, `region`, \
             `endpoint_url`, `timeout`, `newline`, `pack`, `credentials`",
            "destination.firehose.pack (config.yaml:2): must be off, or a number of bytes such as 4000000, 512KiB \
             or 32MiB, from 1KiB to 1000000",
            "destination.firehose.stream (config.yaml:2): must be the name of a Firehose stream, 1 to 64 letters, digits, \
             dots, underscores and hyphens",
        ]
    );
}

#[test]
fn a_stream_has_no_quota_unless_one_is_written() {
    let quota = |quotas: &str| {
        let yaml = format!(
            "dead_letter: {{ topic: letters }}\ndestination: {{ firehose: {{ stream: a, region: eu-west-1 }} }}\n{quotas}"
        );
        let quota = loaded(&yaml, &[], &[]).unwrap().domains().remove(0);
        (quota.requests_per_second, quota.in_flight.get())
    };
    assert_eq!(quota(""), (100_000.0, 32));
    let written = "quotas: [{ service: firehose, region: eu-west-1, requests_per_second: 20 }]";
    assert_eq!(quota(written), (20.0, 32));
}
