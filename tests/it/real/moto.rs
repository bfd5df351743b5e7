//! The service delivers to moto, an emulator of AWS that others wrote: an independent opinion on what is
//! sent. What arrived is read back with boto3.

use std::{collections::BTreeSet, time::Duration};

use pinpoint_sidecar::{
    core::time::Timestamp,
    tools::demo::generate::{Expected, Generator, GeneratorOptions, Providers},
};
use serde_json::Value;

use crate::support::{
    client::Message, mock::MockKafka, oracle::Verdict, python::Python, schema::Schema, service::Setup,
    wait::eventually,
};

const TOPIC: &str = "keycloak-events";
const LETTERS: &str = "dead-letters";
const PARTITIONS: i32 = 3;

/// Longer than moto takes for the records on a loaded machine.
const LONG: Duration = Duration::from_mins(2);

/// A destination in moto.
struct Scenario {
    /// The kind, as `moto_service.py` knows it.
    kind: &'static str,
    destination: &'static str,
    /// How many records are produced.
    records: usize,
}

pub(crate) fn records_arrive_in_kinesis(python: &Python) {
    let destination = "kinesis: { stream: identity, region: eu-west-1, endpoint_url: URL, timeout: 1m }";
    check(python, &Scenario { kind: "kinesis", destination, records: 500 }, |arrived| {
        assert_eq!(arrived["record"]["client"]["client_id"], arrived["key"]);
    });
}

pub(crate) fn records_arrive_in_firehose(python: &Python) {
    let destination =
        "firehose: { stream: identity-to-s3, region: eu-west-1, endpoint_url: URL, timeout: 1m }";
    check(python, &Scenario { kind: "firehose", destination, records: 500 }, |_| {});
}

pub(crate) fn packed_records_arrive_in_firehose(python: &Python) {
    let destination =
        "firehose: { stream: identity-to-s3, region: eu-west-1, endpoint_url: URL, timeout: 1m, pack: 5KiB }";
    check(python, &Scenario { kind: "firehose", destination, records: 500 }, |_| {});
}

/// With few records, because moto takes seconds for a request.
pub(crate) fn events_arrive_on_a_classic_bus(python: &Python) {
    let destination = "eventbridge: { bus: identity, source: com.example.identity, region: eu-west-1, endpoint_url: URL, \
         timeout: 1m }";
    check(python, &Scenario { kind: "eventbridge", destination, records: 30 }, |arrived| {
        assert_eq!(arrived["source"], "com.example.identity");
        assert_eq!(arrived["record"]["event_type"], arrived["type"]);
    });
}

/// Delivers the records of many users to a destination in moto, and checks that every event arrives, with a
/// record that is valid.
fn check(python: &Python, scenario: &Scenario, more: impl Fn(&Value)) {
    let moto = python.moto();
    python.run("moto_service.py", &["make", scenario.kind, &moto.url]);
    let kafka = MockKafka::start();
    kafka.create_topic(TOPIC, PARTITIONS);
    kafka.create_topic(LETTERS, 1);
    let expected = produce(&kafka, scenario.records);
    let destination = scenario.destination.replace("URL", &moto.url);
    let service = setup(&kafka.client.bootstrap, scenario.kind, &destination).start();
    let mut ends = kafka.client.ends(TOPIC);
    ends.retain(|_, end| *end > 0);
    eventually(LONG, "everything is committed", || {
        (kafka.client.committed(TOPIC, TOPIC) == ends).then_some(())
    });
    assert_eq!(service.stop(), Some(0));
    let schema = Schema::published("stream-record.json");
    let arrived = python.run("moto_service.py", &["read", scenario.kind, &moto.url]);
    let arrived = arrived.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        schema.assert_valid(&line["record"]);
        more(&line);
        line["record"]["attributes"]["event_id"].as_str().expect("a text").to_owned()
    });
    Verdict::of(expected, arrived).assert_exact();
    assert_eq!(kafka.client.read_all(LETTERS), []);
}

/// Produces records, and returns the ids of the events that they stand for.
fn produce(kafka: &MockKafka, records: usize) -> BTreeSet<String> {
    let generator = Generator::new(&GeneratorOptions {
        users: 50,
        records: usize::MAX,
        seed: 1,
        hostile: 0.0,
        start_time: Timestamp(1_795_341_600_000),
        providers: Providers::Keycloak,
    });
    let delivered = generator.filter_map(|produced| match produced.expected {
        Expected::Delivered { event_ids } => {
            Some((Message { key: produced.key, value: produced.value, ..Message::default() }, event_ids))
        }
        _ => None,
    });
    let (messages, ids): (Vec<_>, Vec<_>) = delivered.take(records).unzip();
    kafka.client.produce(TOPIC, messages);
    ids.into_iter().flatten().collect()
}

/// One request at a time: moto loses records that it is given at the same time ("not safe for concurrency",
/// says its `kinesis/models.py`).
fn setup(brokers: &str, kind: &str, destination: &str) -> Setup {
    Setup::new(format!(
        "source:
  brokers: {brokers}
  topics: [{TOPIC}]
  group: {TOPIC}
  properties: {{ session.timeout.ms: 6000, topic.metadata.refresh.interval.ms: 500 }}
destination:
  {destination}
record: {{ app_id: shop }}
quotas: [{{ service: {kind}, region: eu-west-1, requests_per_second: 1000, in_flight: 1 }}]
batch: {{ linger: 100ms }}
retry: {{ initial: 100ms, max: 1s }}
dead_letter: {{ topic: {LETTERS} }}
commit: {{ interval: 200ms }}
log: {{ format: text }}
"
    ))
}
