//! The service delivers to moto, an emulator of AWS that others wrote: an independent opinion on what is
//! sent. What arrived is read back with boto3.

use std::{collections::BTreeSet, time::Duration};

use pinpoint_sidecar::{
    core::time::Timestamp,
    tools::demo::generate::{Expected, Generator, GeneratorOptions, Providers},
};
use serde_json::{Value, json};

use crate::support::{
    client::Message, mock::MockKafka, oracle::Verdict, python::Python, schema::Schema, service::Setup,
    wait::eventually,
};

const TOPIC: &str = "keycloak-events";
const LETTERS: &str = "dead-letters";
const PARTITIONS: i32 = 3;

/// Longer than moto takes for the records on a loaded machine.
const LONG: Duration = Duration::from_mins(2);

/// A role in another account than moto's own.
const ROLE: &str = "arn:aws:iam::444455556666:role/identity-events";
const CREDENTIALS: &str = "credentials: { role: 'ROLE', external_id: acme-7f3c, session_name: tenant-acme }";

/// A destination in moto.
struct Scenario<'a> {
    /// The kind, as `moto_service.py` knows it.
    kind: &'static str,
    destination: &'a str,
    /// How many records are produced.
    records: usize,
    /// The role that is assumed for it, if any.
    role: Option<&'static str>,
}

pub(crate) fn records_arrive_in_kinesis(python: &Python) {
    let destination = "kinesis: { stream: identity, region: eu-west-1, endpoint_url: URL, timeout: 1m }";
    check(python, &Scenario { kind: "kinesis", destination, records: 500, role: None }, |arrived| {
        assert_eq!(arrived["record"]["client"]["client_id"], arrived["key"]);
    });
}

pub(crate) fn records_arrive_in_firehose(python: &Python) {
    let destination =
        "firehose: { stream: identity-to-s3, region: eu-west-1, endpoint_url: URL, timeout: 1m }";
    check(python, &Scenario { kind: "firehose", destination, records: 500, role: None }, |_| {});
}

pub(crate) fn packed_records_arrive_in_firehose(python: &Python) {
    let destination =
        "firehose: { stream: identity-to-s3, region: eu-west-1, endpoint_url: URL, timeout: 1m, pack: 5KiB }";
    check(python, &Scenario { kind: "firehose", destination, records: 500, role: None }, |_| {});
}

/// With few records, because moto takes seconds for a request.
pub(crate) fn events_arrive_on_a_classic_bus(python: &Python) {
    let destination = "eventbridge: { bus: identity, source: com.example.identity, region: eu-west-1, endpoint_url: URL, \
         timeout: 1m }";
    check(python, &Scenario { kind: "eventbridge", destination, records: 30, role: None }, |arrived| {
        assert_eq!(arrived["source"], "com.example.identity");
        assert_eq!(arrived["record"]["event_type"], arrived["type"]);
    });
}

/// The stream exists in the account of the role alone, which moto knows by the credentials of a request.
pub(crate) fn records_arrive_in_the_account_of_a_role(python: &Python) {
    for (kind, stream) in [("kinesis", "identity"), ("firehose", "identity-to-s3")] {
        let credentials = CREDENTIALS.replace("ROLE", ROLE);
        let destination = format!(
            "{kind}: {{ stream: {stream}, region: eu-west-1, endpoint_url: URL, timeout: 1m, {credentials} }}"
        );
        let scenario = Scenario { kind, destination: &destination, records: 100, role: Some(ROLE) };
        check(python, &scenario, |arrived| {
            assert_eq!(arrived["record"]["awsAccountId"], "444455556666");
        });
    }
}

/// That the service has assumed the role once, as its configuration says.
#[track_caller]
fn assert_assumed(roles: &str) {
    let roles = roles.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let roles: Vec<_> = roles.filter(|role| role["session_name"] == "tenant-acme").collect();
    let role = json!({ "role_arn": ROLE, "session_name": "tenant-acme", "external_id": "acme-7f3c" });
    assert_eq!(roles, [role]);
}

/// Delivers the records of many users to a destination in moto, and checks that every event arrives, with a
/// record that is valid.
fn check(python: &Python, scenario: &Scenario<'_>, more: impl Fn(&Value)) {
    let moto = python.moto();
    let run = |what| {
        let role = scenario.role.into_iter();
        python.run(
            "moto_service.py",
            &[what, scenario.kind, &moto.url].into_iter().chain(role).collect::<Vec<_>>(),
        )
    };
    run("make");
    let kafka = MockKafka::start();
    kafka.create_topic(TOPIC, PARTITIONS);
    kafka.create_topic(LETTERS, 1);
    let expected = produce(&kafka, scenario.records);
    let destination = scenario.destination.replace("URL", &moto.url);
    let service = setup(&kafka.client.bootstrap, scenario, &destination).with_sts(&moto.url).start();
    let mut ends = kafka.client.ends(TOPIC);
    ends.retain(|_, end| *end > 0);
    eventually(LONG, "everything is committed", || {
        (kafka.client.committed(TOPIC, TOPIC) == ends).then_some(())
    });
    assert_eq!(service.stop(), Some(0));
    let schema = Schema::published("stream-record.json");
    let arrived = run("read");
    let arrived = arrived.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        schema.assert_valid(&line["record"]);
        more(&line);
        line["record"]["attributes"]["event_id"].as_str().expect("a text").to_owned()
    });
    Verdict::of(expected, arrived).assert_exact();
    assert_eq!(kafka.client.read_all(LETTERS), []);
    if scenario.role.is_some() {
        assert_assumed(&run("roles"));
    }
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
fn setup(brokers: &str, scenario: &Scenario<'_>, destination: &str) -> Setup {
    let kind = scenario.kind;
    let account = scenario.role.map(|_| "account: '444455556666', ").unwrap_or_default();
    Setup::new(format!(
        "source:
  brokers: {brokers}
  topics: [{TOPIC}]
  group: {TOPIC}
  properties: {{ session.timeout.ms: 6000, topic.metadata.refresh.interval.ms: 500 }}
destination:
  {destination}
record: {{ app_id: shop }}
quotas: [{{ service: {kind}, {account}region: eu-west-1, requests_per_second: 1000, in_flight: 1 }}]
batch: {{ linger: 100ms }}
retry: {{ initial: 100ms, max: 1s }}
dead_letter: {{ topic: {LETTERS} }}
commit: {{ interval: 200ms }}
log: {{ format: text }}
"
    ))
}
