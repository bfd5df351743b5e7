//! A topic of a real broker as the destination: what it takes, what it refuses, and what happens when it
//! dies.

use std::{collections::BTreeSet, fs, iter};

use super::scene::{LONG, SESSION, assert_balanced};
use crate::support::{
    client::Message,
    kafka::Kafka,
    oracle::Verdict,
    schema::Schema,
    service::{self, Service, Setup},
    wait::eventually,
};

/// The topics of a scenario: that of the source, that of the events, and that of the dead letters.
struct Topics {
    source: String,
    events: String,
    letters: String,
}

impl Topics {
    #[track_caller]
    fn create(kafka: &Kafka, name: &str, settings: &[(&str, &str)]) -> Self {
        let named = |what: &str| format!("{name}-{what}");
        let topics = Self { source: named("source"), events: named("events"), letters: named("letters") };
        kafka.create_topic(&topics.source, 2, &[]);
        kafka.create_topic(&topics.events, 3, settings);
        kafka.create_topic(&topics.letters, 1, &[]);
        topics
    }

    fn setup(&self, brokers: &str) -> Setup {
        Setup::new(config(brokers, self, &self.events, brokers))
    }

    /// Produces the registrations of users with these numbers.
    #[track_caller]
    fn register(&self, kafka: &Kafka, users: impl IntoIterator<Item = usize>) {
        let message = |user| Message { partition: Some(0), ..Message::of(registration(user, "web")) };
        kafka.client.produce(&self.source, users.into_iter().map(message));
    }

    /// The ids of the events in the topic, in valid records.
    #[track_caller]
    fn arrived(&self, kafka: &Kafka) -> Vec<String> {
        let schema = Schema::published("stream-record.json");
        let id = |message: Message| {
            schema.assert_valid(
                &serde_json::from_slice(&message.value.clone().expect("a value")).expect("JSON"),
            );
            message.header("event_id").expect("a header").to_owned()
        };
        kafka.client.read_all(&self.events).into_iter().map(id).collect()
    }

    #[track_caller]
    fn wait_committed(&self, kafka: &Kafka) {
        let ends = || kafka.client.ends(&self.source).into_iter().filter(|(_, end)| *end > 0);
        let committed = || kafka.client.committed(&self.source, &self.source);
        eventually(LONG, "everything is committed", || ends().eq(committed()).then_some(()));
    }
}

fn registration(user: usize, client: &str) -> String {
    format!(
        r#"{{"id":"e{user}","time":1795382400000,"type":"REGISTER","realmId":"r","clientId":"{client}","userId":"u{user}"}}"#
    )
}

fn ids(users: impl IntoIterator<Item = usize>) -> impl Iterator<Item = String> {
    users.into_iter().map(|user| format!("e{user}:sign_up"))
}

fn config(brokers: &str, topics: &Topics, destination: &str, at: &str) -> String {
    let Topics { source, letters, .. } = topics;
    let session = SESSION.as_millis();
    format!(
        "source:
  brokers: {brokers}
  topics: [{source}]
  group: {source}
  properties: {{ session.timeout.ms: {session}, heartbeat.interval.ms: 500, reconnect.backoff.max.ms: 500 }}
destination:
  kafka: {{ topic: {destination}, brokers: '{at}', properties: {{ reconnect.backoff.max.ms: 500 }} }}
batch: {{ linger: 100ms }}
retry: {{ initial: 100ms, max: 1s }}
dead_letter: {{ topic: {letters} }}
commit: {{ interval: 500ms }}
log: {{ format: text }}
"
    )
}

#[track_caller]
fn stop(service: Service) {
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn a_record_that_is_larger_than_the_topic_allows_is_the_only_dead_letter() {
    let kafka = Kafka::shared();
    let topics = Topics::create(kafka, "real-large-event", &[("max.message.bytes", "20000")]);
    let service = topics.setup(&kafka.client.bootstrap).start();
    topics.register(kafka, 0..300);
    // At random, so that no compression makes it fit.
    let noise: String = iter::repeat_with(fastrand::alphanumeric).take(60_000).collect();
    let large = Message { partition: Some(1), ..Message::of(registration(1000, &noise)) };
    kafka.client.produce(&topics.source, [large]);
    topics.register(kafka, 300..600);
    topics.wait_committed(kafka);
    Verdict::of(ids(0..600), topics.arrived(kafka)).assert_exact();
    let letters = kafka.client.read_all(&topics.letters);
    let [letter] = letters.as_slice() else { panic!("{} dead letters", letters.len()) };
    assert_eq!(letter.header("pinpoint_sidecar.reason"), Some("message_size_too_large"));
    assert_eq!(letter.header("pinpoint_sidecar.event_id"), Some("e1000:sign_up"));
    stop(service);
}

pub(super) fn nothing_is_lost_when_the_broker_of_the_events_is_killed() {
    let source = Kafka::shared();
    let mut destination = Kafka::start();
    let topics = Topics::create(source, "real-killed-events", &[]);
    destination.create_topic(&topics.events, 3, &[]);
    let config = config(&source.client.bootstrap, &topics, &topics.events, &destination.client.bootstrap);
    let service = Setup::new(config).start();
    topics.register(source, 0..1000);
    topics.wait_committed(source);
    destination.kill();
    topics.register(source, 1000..2000);
    eventually(LONG, "events wait", || (service.metrics().count("events_outstanding") > 10).then_some(()));
    destination.restart();
    topics.wait_committed(source);
    let arrived = topics.arrived(&destination);
    Verdict::of(ids(0..2000), arrived.clone()).assert_complete();
    let before: BTreeSet<_> = ids(0..1000).collect();
    let twice = Verdict::of(ids(0..2000), arrived).duplicates;
    assert!(twice.keys().all(|id| !before.contains(id)), "what was acknowledged is not sent again");
    assert_eq!(source.client.read_all(&topics.letters), []);
    stop(service);
}

pub(super) fn a_topic_of_the_source_is_refused_under_another_name_of_its_broker() {
    let kafka = Kafka::shared();
    let topics = Topics::create(kafka, "real-own-topic", &[]);
    let alias = kafka.client.bootstrap.replace("127.0.0.1", "localhost");
    assert_ne!(alias, kafka.client.bootstrap);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yaml");
    for own in [&topics.source, &topics.letters] {
        fs::write(&file, config(&kafka.client.bootstrap, &topics, own, &alias)).expect("a file");
        let output = service::run(&["run", "--config", file.to_str().expect("a path in UTF-8")]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{error}");
        assert!(error.contains("is one of the service's own"), "{error}");
    }
}
