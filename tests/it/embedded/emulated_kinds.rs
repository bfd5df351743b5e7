//! Every kind of destination at AWS delivers to the emulator, in spite of faults: nothing is lost, and no limit
//! of the service is broken.

use std::collections::BTreeSet;

use pinpoint_sidecar::tools::emulator::{Faults, Options};

use super::{
    load::{Load, PARTITIONS},
    scene::{LETTERS, SOON, TOPIC},
};
use crate::support::{mock::MockKafka, putevents::PutEvents, service::Setup, wait::eventually};

const CUSTOM: &str = "arn:aws:events:eu-west-1:111122223333:event-busv2/identity/abcdefghij0123456789abcde";

#[test]
fn a_stream_of_kinesis_gets_everything() {
    check("kinesis", "kinesis: { stream: identity, region: eu-west-1, endpoint_url: URL }");
}

#[test]
fn firehose_gets_everything() {
    check("firehose", "firehose: { stream: lake, region: eu-west-1, endpoint_url: URL }");
}

#[test]
fn firehose_gets_everything_in_packed_records() {
    check("firehose", "firehose: { stream: lake, region: eu-west-1, endpoint_url: URL, pack: 5KiB }");
}

#[test]
fn a_classic_bus_gets_everything() {
    check(
        "eventbridge",
        "eventbridge: { bus: default, source: com.example, endpoint_url: URL, region: eu-west-1 }",
    );
}

#[test]
fn a_custom_bus_gets_everything() {
    let bus = format!("eventbridge: {{ bus: \"{CUSTOM}\", source: com.example, endpoint_url: URL }}");
    check("eventbridgev2", &bus);
}

#[track_caller]
fn check(service_name: &str, destination: &str) {
    let kafka = MockKafka::start();
    kafka.create_topic(TOPIC, PARTITIONS);
    kafka.create_topic(LETTERS, 1);
    let faults = Faults {
        throttled: 0.05,
        failed: 0.05,
        answer_lost: 0.05,
        answer_broken: 0.05,
        answer_empty: 0.05,
        events_throttled: 0.05,
        events_failed: 0.05,
        events_missing: 0.01,
        ..Faults::default()
    };
    let server = PutEvents::start(Options { faults, ..Options::default() });
    let load = Load::generate(300, 0.0);
    kafka.client.produce(TOPIC, load.messages(0..load.len()));
    let service = setup(&kafka.client.bootstrap, &destination.replace("URL", &server.url)).start();
    let mut ends = kafka.client.ends(TOPIC);
    ends.retain(|_, end| *end > 0);
    eventually(SOON, "everything is committed", || {
        (kafka.client.committed(TOPIC, TOPIC) == ends).then_some(())
    });
    assert_eq!(service.stop(), Some(0));
    let counts = server.control.counts();
    let events = server.control.events(0);
    let arrived: BTreeSet<_> = events.iter().map(|event| event.event_id.clone()).collect();
    load.assert_exact(&arrived.into_iter().collect::<Vec<_>>());
    assert!(events.iter().all(|event| event.destination.starts_with(&format!("{service_name}/"))));
    assert!(counts.violations.is_empty() && counts.endpoints_in_two_requests == 0, "{counts:?}");
    assert!(counts.duplicates <= counts.events_unconfirmed, "{counts:?}");
    assert_eq!(kafka.client.read_all(LETTERS), []);
}

fn setup(brokers: &str, destination: &str) -> Setup {
    Setup::new(format!(
        "source:
  brokers: {brokers}
  topics: [{TOPIC}]
  group: {TOPIC}
  properties: {{ session.timeout.ms: 6000, topic.metadata.refresh.interval.ms: 500 }}
destination:
  {destination}
batch: {{ linger: 50ms }}
retry: {{ initial: 50ms, max: 300ms }}
dead_letter: {{ topic: {LETTERS}, circuit_breaker: off }}
commit: {{ interval: 200ms }}
shutdown: {{ deadline: 8s }}
log: {{ format: text, level: debug }}
"
    ))
}
