//! A Kafka topic as the destination, on an embedded cluster of its own: each event is one record, and each
//! failure of the brokers has its consequence.

use std::{fs, time::Duration};

use rdkafka::{
    mocking::MockCluster,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use serde_json::Value;

use super::{
    load::{Load, PARTITIONS},
    scene::{LETTERS, SOON, TOPIC, wait_metrics},
};
use crate::support::{
    client::Message,
    mock::MockKafka,
    schema::Schema,
    service::{self, Setup},
    wait::eventually,
};

const EVENTS: &str = "identity-events";

/// A record that becomes a single event.
const ALONE: &str = r#"{"id":"alone","time":1795382400000,"type":"REGISTER","realmId":"r","userId":"u"}"#;

/// The cluster of the source, that of the destination, and the set-up of a service between them.
struct Scene {
    source: MockKafka,
    destination: MockKafka,
    setup: Setup,
}

impl Scene {
    /// A scene whose destination topic exists.
    #[track_caller]
    fn start() -> Self {
        let scene = Self::without_topic();
        scene.destination.create_topic(EVENTS, PARTITIONS);
        scene
    }

    #[track_caller]
    fn without_topic() -> Self {
        let (source, destination) = (MockKafka::start(), MockKafka::start());
        source.create_topic(TOPIC, PARTITIONS);
        source.create_topic(LETTERS, 1);
        let setup = Setup::new(config(&source.client.bootstrap, EVENTS, &destination.client.bootstrap));
        Self { source, destination, setup }
    }

    /// Makes the destination's brokers answer to this many requests with an error.
    fn fail(&self, api: RDKafkaApiKey, error: RDKafkaRespErr, requests: usize) {
        self.destination.cluster.request_errors(api, &vec![error; requests]);
    }

    /// Waits until everything that was produced is settled and committed.
    #[track_caller]
    fn wait_committed(&self) {
        let mut ends = self.source.client.ends(TOPIC);
        ends.retain(|_, end| *end > 0);
        let committed = || self.source.client.committed(TOPIC, TOPIC);
        eventually(SOON, "everything is committed", || (committed() == ends).then_some(()));
    }

    /// The ids of the events in the topic, each record of which is checked.
    #[track_caller]
    fn arrived(&self) -> Vec<String> {
        let schema = Schema::published("stream-record.json");
        let records = self.destination.client.read_all(EVENTS);
        records.iter().map(|record| checked(record, &schema)).collect()
    }

    #[track_caller]
    fn letters(&self) -> Vec<Message> {
        self.source.client.read_all(LETTERS)
    }
}

/// The id of the event in a record, which must agree with its key and header.
#[track_caller]
fn checked(message: &Message, schema: &Schema) -> String {
    let record: Value = serde_json::from_slice(message.value.as_deref().expect("a value")).expect("JSON");
    schema.assert_valid(&record);
    let id = message.header("event_id").expect("a header").to_owned();
    assert_eq!(record["attributes"]["event_id"], id);
    let key = String::from_utf8(message.key.clone().expect("a key")).expect("UTF-8");
    assert_eq!(record["client"]["client_id"], key);
    assert_eq!(record["endpoint"]["Id"], key);
    assert_eq!(record["application"]["app_id"], "shop");
    let times = ["event_timestamp", "arrival_timestamp"].map(|time| record[time].as_i64().expect("a number"));
    assert!(times.iter().all(|time| *time > 1_700_000_000_000), "{times:?}");
    id
}

#[test]
fn each_event_is_one_record_of_the_topic() {
    let scene = Scene::start();
    let load = Load::generate(1200, 0.0);
    let service = scene.setup.start();
    scene.source.client.produce(TOPIC, load.messages(0..load.len()));
    scene.wait_committed();
    load.assert_exact(&scene.arrived());
    assert_eq!(scene.letters(), []);
    let metrics = service.metrics();
    metrics.assert_balanced();
    let accepted = metrics.count(r#"destination_events_accepted_total{destination="default"}"#);
    assert_eq!(accepted, load.event_ids().count() as u64);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn the_events_of_an_endpoint_are_in_one_partition_in_their_order() {
    let scene = Scene::start();
    let service = scene.setup.start();
    let login = |number: i64| {
        let time = 1_795_382_400_000 + number;
        let value = format!(
            r#"{{"id":"e{number}","time":{time},"type":"REGISTER","realmId":"r","userId":"u{}"}}"#,
            number % 7
        );
        Message { partition: Some(0), ..Message::of(value) }
    };
    scene.source.client.produce(TOPIC, (0..700).map(login));
    scene.wait_committed();
    let mut seen = std::collections::BTreeMap::<_, Vec<(Option<i32>, i64)>>::new();
    for message in scene.destination.client.read_all(EVENTS) {
        let id = message.header("event_id").expect("a header");
        let number = id.trim_start_matches('e').trim_end_matches(":sign_up").parse().expect("a number");
        seen.entry(message.key.clone()).or_default().push((message.partition, number));
    }
    assert_eq!(seen.len(), 7);
    for events in seen.into_values() {
        assert_eq!(events.len(), 100);
        assert!(events.iter().all(|(partition, _)| *partition == events[0].0));
        assert!(events.is_sorted_by_key(|(_, number)| *number), "{events:?}");
    }
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn events_go_to_pinpoint_and_to_kafka_at_once() {
    let both = super::scene::Scene::start();
    both.kafka.create_topic(EVENTS, PARTITIONS);
    let section = "destination:\n  pinpoint: ";
    let at = both.setup.config.find(section).expect("the section");
    let line = both.setup.config[at + section.len()..].lines().next().expect("a line").to_owned();
    let config = both.setup.config.replace(
        &format!("{section}{line}"),
        &format!(
            "destinations:\n  app: {{ pinpoint: {line} }}\n  topic: {{ kafka: {{ topic: {EVENTS} }} }}\n\
             routes: [{{ to: [app, topic] }}]\nunrouted: dead_letter\nrecord: {{ app_id: shop }}"
        ),
    );
    let setup = Setup { config, ..both.setup.clone() };
    let load = Load::generate(400, 0.0);
    both.produce(&load, 0..load.len());
    let service = setup.start();
    both.wait_committed();
    load.assert_exact(&both.arrived());
    let schema = Schema::published("stream-record.json");
    let records = both.kafka.client.read_all(EVENTS);
    load.assert_exact(&records.iter().map(|record| checked(record, &schema)).collect::<Vec<_>>());
    assert_eq!(service.stop(), Some(0));
}

/// Starts the service with a destination that refuses everything, which shows as a hold with `code`, and
/// checks that it delivers once `mend` has fixed it.
#[track_caller]
fn check_hold(scene: &Scene, code: &str, mend: impl Fn(&Scene)) {
    let load = Load::generate(200, 0.0);
    scene.source.client.produce(TOPIC, load.messages(0..load.len()));
    let service = scene.setup.start();
    wait_metrics(&service, "a hold", |metrics| metrics.count(r#"hold{cause="destination"}"#) == 1);
    let hold = &service.status()["holds"][0];
    assert_eq!((hold["cause"].as_str(), hold["code"].as_str()), (Some("destination"), Some(code)));
    assert_eq!(service.metrics().count("records_dead_lettered_total"), 0);
    mend(scene);
    scene.wait_committed();
    load.assert_exact(&scene.arrived());
    assert_eq!(scene.letters(), []);
    wait_metrics(&service, "the hold is over", |metrics| metrics.count("hold") == 0);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_missing_topic_is_a_hold_until_somebody_creates_it() {
    let scene = Scene::without_topic();
    check_hold(&scene, "unknown_topic_or_partition", |scene| {
        scene.destination.create_topic(EVENTS, PARTITIONS);
    });
}

#[test]
fn a_missing_right_is_a_hold_until_it_is_granted() {
    let scene = Scene::start();
    scene.fail(RDKafkaApiKey::Produce, RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1000);
    check_hold(&scene, "topic_authorization_failed", |scene| {
        scene.destination.cluster.clear_request_errors(RDKafkaApiKey::Produce);
    });
}

#[test]
fn a_record_that_is_too_large_is_a_dead_letter_and_others_go_on() {
    let scene = Scene::start();
    scene.fail(RDKafkaApiKey::Produce, RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1);
    let service = scene.setup.start();
    scene.source.client.produce(TOPIC, [Message { partition: Some(0), ..Message::of(ALONE) }]);
    scene.wait_committed();
    let letters = scene.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("pinpoint_sidecar.reason"), Some("message_size_too_large"));
    assert_eq!(letters[0].header("pinpoint_sidecar.event_id"), Some("alone:sign_up"));
    assert_eq!(letters[0].value.as_deref(), Some(ALONE.as_bytes()));
    let later = Message { partition: Some(1), ..Message::of(ALONE.replace("alone", "later")) };
    scene.source.client.produce(TOPIC, [later]);
    scene.wait_committed();
    assert_eq!(scene.arrived(), ["later:sign_up"]);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn an_outage_of_the_brokers_loses_nothing() {
    let scene = Scene::start();
    let load = Load::generate(400, 0.0);
    let service = scene.setup.start();
    scene.source.client.produce(TOPIC, load.messages(0..200));
    scene.wait_committed();
    scene.destination.cluster.broker_down(1).expect("a broker");
    scene.source.client.produce(TOPIC, load.messages(200..load.len()));
    wait_metrics(&service, "events wait", |metrics| metrics.count("events_outstanding") > 10);
    scene.destination.cluster.broker_up(1).expect("a broker");
    scene.wait_committed();
    load.assert_exact(&scene.arrived());
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_topic_of_the_source_is_refused_under_any_address() {
    let cluster = MockCluster::new(2).expect("a cluster");
    cluster.create_topic(TOPIC, 1, 1).expect("a topic");
    let brokers = cluster.bootstrap_servers();
    let (first, second) = brokers.split_once(',').expect("two brokers");
    let folder = tempfile::tempdir().expect("a folder");
    let run = |brokers: &str| {
        let file = folder.path().join("config.yaml");
        fs::write(&file, config(first, TOPIC, brokers)).expect("a file");
        let output = service::run(&["run", "--config", file.to_str().expect("UTF-8")]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, error) = run(first);
    assert_eq!(code, Some(78), "{error}");
    assert!(error.contains("destination.kafka.topic (") && error.contains("its own events"), "{error}");
    let (code, error) = run(second);
    assert_eq!(code, Some(78), "{error}");
    assert!(error.contains("is one of the service's own, and cannot be a destination"), "{error}");
}

fn config(source: &str, topic: &str, destination: &str) -> String {
    let timeout = Duration::from_secs(6).as_millis();
    format!(
        "source:
  brokers: {source}
  topics: [{TOPIC}]
  group: {TOPIC}
  properties: {{ session.timeout.ms: {timeout}, topic.metadata.refresh.interval.ms: 500 }}
destination:
  kafka:
    topic: {topic}
    brokers: {destination}
    properties: {{ linger.ms: 1 }}
record: {{ app_id: shop }}
batch: {{ linger: 50ms }}
retry: {{ initial: 50ms, max: 300ms }}
dead_letter: {{ topic: {LETTERS}, circuit_breaker: off }}
commit: {{ interval: 200ms }}
shutdown: {{ deadline: 8s }}
log: {{ format: text, level: debug }}
"
    )
}
