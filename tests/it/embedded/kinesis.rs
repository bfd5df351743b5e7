//! A data stream as the destination: a server in the test process answers `PutRecords`, and fails as a test
//! demands.
//!
//! It knows the service's limits and the order that the service promises, and nothing else of Kinesis.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    load::{Load, PARTITIONS},
    scene::{LETTERS, SOON, TOPIC, wait_metrics},
};
use crate::support::{
    answering::Answering,
    client::Message,
    mock::MockKafka,
    schema::Schema,
    service::{Service, Setup},
    wait::eventually,
};

/// What the server has seen, and how it answers.
struct Stream {
    schema: Schema,
    /// The ids of accepted events.
    accepted: Vec<String>,
    requests: usize,
    mood: Mood,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    /// Some records and some requests fail.
    Faulty,
    /// Every request is answered with this code and the status 400.
    Refusing(&'static str),
    /// A request with this event is refused.
    Allergic(&'static str),
}

struct Scene {
    kafka: MockKafka,
    _server: Answering,
    stream: Arc<Mutex<Stream>>,
    setup: Setup,
}

impl Scene {
    #[track_caller]
    fn start(mood: Mood) -> Self {
        let kafka = MockKafka::start();
        kafka.create_topic(TOPIC, PARTITIONS);
        kafka.create_topic(LETTERS, 1);
        let schema = Schema::published("stream-record.json");
        let stream = Arc::new(Mutex::new(Stream { schema, accepted: Vec::new(), requests: 0, mood }));
        let answering = Arc::clone(&stream);
        let server = Answering::start(move |body| answering.lock().unwrap().answer(body));
        let setup = Setup::new(config(&kafka.client.bootstrap, &server.url));
        Self { kafka, _server: server, stream, setup }
    }

    fn change(&self, mood: Mood) {
        self.stream.lock().unwrap().mood = mood;
    }

    fn accepted(&self) -> Vec<String> {
        self.stream.lock().unwrap().accepted.clone()
    }

    #[track_caller]
    fn wait_committed(&self) {
        let mut ends = self.kafka.client.ends(TOPIC);
        ends.retain(|_, end| *end > 0);
        let committed = || self.kafka.client.committed(TOPIC, TOPIC);
        eventually(SOON, "everything is committed", || (committed() == ends).then_some(()));
    }
}

impl Stream {
    /// The whole response to a request.
    fn answer(&mut self, body: &[u8]) -> String {
        self.requests += 1;
        let request: Value = serde_json::from_slice(body).expect("JSON");
        assert_eq!(request["StreamName"], "identity");
        let records: Vec<_> = request["Records"].as_array().expect("records").iter().map(record).collect();
        self.check(&records);
        let (status, body) = match self.mood {
            Mood::Refusing(code) => (400, json!({ "__type": code, "message": "no" })),
            Mood::Allergic(id) if records.iter().any(|(_, record)| event_id(record) == id) => {
                (400, json!({ "__type": "InvalidArgumentException", "message": "no" }))
            }
            Mood::Faulty if self.requests.is_multiple_of(5) => {
                (400, json!({ "__type": "ProvisionedThroughputExceededException" }))
            }
            _ => (200, json!({ "Records": self.results(&records) })),
        };
        let body = body.to_string();
        format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// The result of each record.
    fn results(&mut self, records: &[(String, Value)]) -> Vec<Value> {
        let mut result = |(place, (_, record)): (usize, &(String, Value))| match (self.mood, place % 7) {
            (Mood::Faulty, 3) => json!({ "ErrorCode": "ProvisionedThroughputExceededException" }),
            (Mood::Faulty, 5) => json!({ "ErrorCode": "InternalFailure" }),
            _ => {
                self.accepted.push(event_id(record).to_owned());
                json!({ "SequenceNumber": "1", "ShardId": "shardId-000000000000" })
            }
        };
        records.iter().enumerate().map(&mut result).collect()
    }

    /// Checks the limits, the records, and that an endpoint has events of one record of the source in a
    /// request.
    fn check(&self, records: &[(String, Value)]) {
        assert!((1..=500).contains(&records.len()));
        let mut sources = HashMap::new();
        for (key, record) in records {
            self.schema.assert_valid(record);
            assert_eq!(record["client"]["client_id"], **key);
            let source = &record["attributes"]["source_event_id"];
            assert_eq!(*sources.entry(key).or_insert(source), source, "two records of one endpoint");
        }
    }
}

/// The key and the data of a record.
fn record(entry: &Value) -> (String, Value) {
    let data = BASE64_STANDARD.decode(entry["Data"].as_str().expect("a text")).expect("base64");
    let key = entry["PartitionKey"].as_str().expect("a text").to_owned();
    (key, serde_json::from_slice(&data).expect("JSON"))
}

fn event_id(record: &Value) -> &str {
    record["attributes"]["event_id"].as_str().expect("a text")
}

fn config(brokers: &str, url: &str) -> String {
    format!(
        "source:
  brokers: {brokers}
  topics: [{TOPIC}]
  group: {TOPIC}
  properties: {{ session.timeout.ms: 6000, topic.metadata.refresh.interval.ms: 500 }}
destination:
  kinesis: {{ stream: identity, region: eu-west-1, endpoint_url: {url}, timeout: 5s }}
batch: {{ linger: 50ms }}
retry: {{ initial: 50ms, max: 300ms }}
dead_letter: {{ topic: {LETTERS}, circuit_breaker: off }}
commit: {{ interval: 200ms }}
shutdown: {{ deadline: 8s }}
log: {{ format: text, level: debug }}
"
    )
}

#[test]
fn everything_is_delivered_in_spite_of_faults() {
    let scene = Scene::start(Mood::Faulty);
    let load = Load::generate(600, 0.0);
    scene.kafka.client.produce(TOPIC, load.messages(0..load.len()));
    let service = scene.setup.start();
    scene.wait_committed();
    load.assert_exact(&scene.accepted());
    assert_eq!(scene.kafka.client.read_all(LETTERS), []);
    let metrics = service.metrics();
    metrics.assert_balanced();
    assert!(metrics.count("events_throttled_total") > 0 && metrics.count("requests_throttled_total") > 0);
    assert_eq!(service.stop(), Some(0));
}

#[track_caller]
fn wait_hold(service: &Service, code: &str) {
    wait_metrics(service, "a hold", |metrics| metrics.count(r#"hold{cause="destination"}"#) == 1);
    assert_eq!(service.status()["holds"][0]["code"], code);
}

#[test]
fn a_missing_stream_is_a_hold_until_there_is_one() {
    let scene = Scene::start(Mood::Refusing("ResourceNotFoundException"));
    let load = Load::generate(200, 0.0);
    scene.kafka.client.produce(TOPIC, load.messages(0..load.len()));
    let service = scene.setup.start();
    wait_hold(&service, "ResourceNotFoundException");
    assert_eq!(service.metrics().count("records_dead_lettered_total"), 0);
    scene.change(Mood::Well);
    scene.wait_committed();
    load.assert_exact(&scene.accepted());
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_record_that_is_not_taken_is_a_dead_letter_and_all_others_arrive() {
    let scene = Scene::start(Mood::Allergic("alone:sign_up"));
    let load = Load::generate(200, 0.0);
    let alone = r#"{"id":"alone","time":1795382400000,"type":"REGISTER","realmId":"r","userId":"u"}"#;
    scene.kafka.client.produce(TOPIC, [Message { partition: Some(0), ..Message::of(alone) }]);
    scene.kafka.client.produce(TOPIC, load.messages(0..load.len()));
    let service = scene.setup.start();
    scene.wait_committed();
    load.assert_exact(&scene.accepted());
    let letters = scene.kafka.client.read_all(LETTERS);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("pinpoint_sidecar.reason"), Some("InvalidArgumentException"));
    assert_eq!(letters[0].header("pinpoint_sidecar.event_id"), Some("alone:sign_up"));
    assert_eq!(service.stop(), Some(0));
}
