//! Firehose and a classic bus of EventBridge as the destination: a server in the test process answers, and
//! fails as a test demands.
//!
//! It knows the services' limits and forms, and nothing else of them.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    load::{Load, PARTITIONS},
    scene::{LETTERS, SOON, TOPIC, wait_metrics},
};
use crate::support::{
    answering::Answering, client::Message, mock::MockKafka, schema::Schema, service::Setup, wait::eventually,
};

/// The forms of a service's requests and answers.
#[derive(Clone, Copy)]
struct Form {
    config: &'static str,
    /// A quota that bounds nothing.
    quotas: &'static str,
    /// The list of items in a request, and of results in its answer.
    lists: [&'static str; 2],
    /// What an accepted item gets.
    given: &'static str,
    most_items: usize,
    /// The code of an item, or a request, that is throttled, and of content that is not taken.
    throttled: &'static str,
    refused: &'static str,
}

const FIREHOSE: Form = Form {
    config: "firehose: { stream: lake, region: eu-west-1, endpoint_url: URL, timeout: 5s, pack: 2KiB }",
    quotas: "",
    lists: ["Records", "RequestResponses"],
    given: "RecordId",
    most_items: 500,
    throttled: "ServiceUnavailableException",
    refused: "InvalidArgumentException",
};

const CLASSIC_BUS: Form = Form {
    config: "eventbridge: { bus: default, source: com.example, region: eu-west-1, endpoint_url: URL, timeout: 5s }",
    quotas: "quotas: [{ service: eventbridge, region: eu-west-1, requests_per_second: 100000, in_flight: 8 }]",
    lists: ["Entries", "Entries"],
    given: "EventId",
    most_items: 10,
    throttled: "ThrottlingException",
    refused: "ValidationException",
};

/// What the server has seen, and how it answers.
struct Server {
    form: Form,
    schema: Schema,
    /// The ids of accepted events.
    accepted: Vec<String>,
    requests: usize,
    /// The largest number of events in an item.
    most_events: usize,
    mood: Mood,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    /// Some items and some requests fail.
    Faulty,
    /// Every request is answered with this code and the status 400.
    Refusing(&'static str),
    /// A request with this event is refused.
    Allergic(&'static str),
}

struct Scene {
    kafka: MockKafka,
    _answering: Answering,
    server: Arc<Mutex<Server>>,
    setup: Setup,
}

impl Scene {
    #[track_caller]
    fn start(form: Form, mood: Mood) -> Self {
        let kafka = MockKafka::start();
        kafka.create_topic(TOPIC, PARTITIONS);
        kafka.create_topic(LETTERS, 1);
        let schema = Schema::published("stream-record.json");
        let server = Server { form, schema, accepted: Vec::new(), requests: 0, most_events: 0, mood };
        let server = Arc::new(Mutex::new(server));
        let shared = Arc::clone(&server);
        let answering = Answering::start(move |body| shared.lock().unwrap().answer(body));
        let setup = Setup::new(config(&kafka.client.bootstrap, form, &answering.url));
        Self { kafka, _answering: answering, server, setup }
    }

    fn change(&self, mood: Mood) {
        self.server.lock().unwrap().mood = mood;
    }

    fn accepted(&self) -> Vec<String> {
        self.server.lock().unwrap().accepted.clone()
    }

    #[track_caller]
    fn wait_committed(&self) {
        let mut ends = self.kafka.client.ends(TOPIC);
        ends.retain(|_, end| *end > 0);
        let committed = || self.kafka.client.committed(TOPIC, TOPIC);
        eventually(SOON, "everything is committed", || (committed() == ends).then_some(()));
    }
}

impl Server {
    /// The whole response to a request.
    fn answer(&mut self, body: &[u8]) -> String {
        self.requests += 1;
        let request: Value = serde_json::from_slice(body).expect("JSON");
        let items: Vec<_> =
            request[self.form.lists[0]].as_array().expect("items").iter().map(events).collect();
        assert!((1..=self.form.most_items).contains(&items.len()));
        for event in items.iter().flatten() {
            self.schema.assert_valid(event);
        }
        self.most_events = items.iter().map(Vec::len).max().max(Some(self.most_events)).unwrap_or_default();
        let (status, body) = match self.mood {
            Mood::Refusing(code) => (400, json!({ "__type": code, "message": "no" })),
            Mood::Allergic(id) if items.iter().flatten().any(|event| event_id(event) == id) => {
                (400, json!({ "__type": self.form.refused, "message": "no" }))
            }
            Mood::Faulty if self.requests.is_multiple_of(5) => {
                (400, json!({ "__type": self.form.throttled }))
            }
            _ => (200, json!({ self.form.lists[1]: self.results(&items) })),
        };
        let body = body.to_string();
        format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// The result of each item.
    fn results(&mut self, items: &[Vec<Value>]) -> Vec<Value> {
        let mut result = |(place, events): (usize, &Vec<Value>)| match (self.mood, place % 7) {
            (Mood::Faulty, 3) => json!({ "ErrorCode": self.form.throttled }),
            (Mood::Faulty, 5) => json!({ "ErrorCode": "InternalFailure" }),
            _ => {
                self.accepted.extend(events.iter().map(|event| event_id(event).to_owned()));
                json!({ self.form.given: "1" })
            }
        };
        items.iter().enumerate().map(&mut result).collect()
    }
}

/// The events of an item.
fn events(item: &Value) -> Vec<Value> {
    let text = match (item["Data"].as_str(), item["Detail"].as_str()) {
        (Some(data), _) => String::from_utf8(BASE64_STANDARD.decode(data).expect("base64")).expect("UTF-8"),
        (None, detail) => detail.expect("data or detail").to_owned(),
    };
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn event_id(event: &Value) -> &str {
    event["attributes"]["event_id"].as_str().expect("a text")
}

fn config(brokers: &str, form: Form, url: &str) -> String {
    format!(
        "source:
  brokers: {brokers}
  topics: [{TOPIC}]
  group: {TOPIC}
  properties: {{ session.timeout.ms: 6000, topic.metadata.refresh.interval.ms: 500 }}
destination:
  {}
{}
batch: {{ linger: 50ms }}
retry: {{ initial: 50ms, max: 300ms }}
dead_letter: {{ topic: {LETTERS}, circuit_breaker: off }}
commit: {{ interval: 200ms }}
shutdown: {{ deadline: 8s }}
log: {{ format: text, level: debug }}
",
        form.config.replace("URL", url),
        form.quotas
    )
}

#[test]
fn everything_is_delivered_in_spite_of_faults() {
    for form in [FIREHOSE, CLASSIC_BUS] {
        let scene = Scene::start(form, Mood::Faulty);
        let load = Load::generate(600, 0.0);
        scene.kafka.client.produce(TOPIC, load.messages(0..load.len()));
        let service = scene.setup.start();
        scene.wait_committed();
        load.assert_exact(&scene.accepted());
        assert_eq!(scene.kafka.client.read_all(LETTERS), []);
        service.metrics().assert_balanced();
        assert_eq!(
            scene.server.lock().unwrap().most_events > 1,
            form.lists[0] == "Records",
            "only Firehose packs"
        );
        assert_eq!(service.stop(), Some(0));
    }
}

#[test]
fn a_missing_resource_is_a_hold_until_there_is_one() {
    for form in [FIREHOSE, CLASSIC_BUS] {
        let scene = Scene::start(form, Mood::Refusing("ResourceNotFoundException"));
        let load = Load::generate(100, 0.0);
        scene.kafka.client.produce(TOPIC, load.messages(0..load.len()));
        let service = scene.setup.start();
        wait_metrics(&service, "a hold", |metrics| metrics.count(r#"hold{cause="destination"}"#) == 1);
        assert_eq!(service.status()["holds"][0]["code"], "ResourceNotFoundException");
        assert_eq!(service.metrics().count("records_dead_lettered_total"), 0);
        scene.change(Mood::Well);
        scene.wait_committed();
        load.assert_exact(&scene.accepted());
        assert_eq!(service.stop(), Some(0));
    }
}

#[test]
fn an_event_that_is_not_taken_is_a_dead_letter_and_all_others_arrive() {
    for form in [FIREHOSE, CLASSIC_BUS] {
        let scene = Scene::start(form, Mood::Allergic("alone:sign_up"));
        let load = Load::generate(100, 0.0);
        let alone = r#"{"id":"alone","time":1795382400000,"type":"REGISTER","realmId":"r","userId":"u"}"#;
        scene.kafka.client.produce(TOPIC, [Message { partition: Some(0), ..Message::of(alone) }]);
        scene.kafka.client.produce(TOPIC, load.messages(0..load.len()));
        let service = scene.setup.start();
        scene.wait_committed();
        load.assert_exact(&scene.accepted());
        let letters = scene.kafka.client.read_all(LETTERS);
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].header("pinpoint_sidecar.reason"), Some(form.refused));
        assert_eq!(letters[0].header("pinpoint_sidecar.event_id"), Some("alone:sign_up"));
        assert_eq!(service.stop(), Some(0));
    }
}
