//! What a real Keycloak wrote goes to every kind of destination at once, while each service fails in every
//! way that it can, and while the service and the broker of the destination's topic are killed.

use std::collections::{BTreeMap, HashMap, HashSet};

use pinpoint_sidecar::tools::{
    demo::generate::Expected,
    emulator::{Accepted, Faults, Only, Options, Outage},
};
use serde_json::Value;

use super::{
    samples::life,
    scene::{LONG, SESSION, assert_balanced},
};
use crate::support::{
    client::Message,
    kafka::Kafka,
    oracle::Verdict,
    process::Signal,
    putevents::PutEvents,
    schema::Schema,
    service::{Service, Setup},
    wait::eventually,
};

const TOPIC: &str = "real-kinds";
const EVENTS: &str = "real-kinds-events";
const LETTERS: &str = "real-kinds-dead-letters";
const SESSIONS: &str = "real-kinds-sessions";
const PARTITIONS: i32 = 4;
/// How often the samples are repeated before each kill, each time with other ids.
const LIVES: u16 = 12;

const APPLICATION: &str = "0123456789abcdef0123456789abcdef";
const CUSTOM_BUS: &str =
    "arn:aws:events:eu-west-1:111122223333:event-busv2/identity/abcdefghij0123456789abcde";

/// What a service promises about what it takes.
#[derive(Clone, Copy, PartialEq)]
enum Promise {
    Nothing,
    /// The events of an endpoint come in the order of their records.
    Order,
    /// Moreover, none of them comes twice.
    OrderOnce,
}

/// The emulated destinations, as the emulator names them. The promises are those of the encoders.
const EMULATED: [(&str, &str, Promise); 5] = [
    ("pinpoint", APPLICATION, Promise::Order),
    ("eventbridgev2", CUSTOM_BUS, Promise::OrderOnce),
    ("eventbridge", "default", Promise::Nothing),
    ("kinesis", "identity", Promise::Order),
    ("firehose", "lake", Promise::Nothing),
];

/// The record that each event is of: its partition, and its number among the records.
type Book = BTreeMap<String, (i32, usize)>;

/// An event as a destination got it.
struct Arrival {
    endpoint: String,
    event: String,
    /// The record of the event stream; none from Pinpoint.
    record: Option<Value>,
}

struct Scene {
    source: &'static Kafka,
    /// The cluster of the topic that events go to.
    destination: Kafka,
    server: PutEvents,
    /// How many lives, and how many of their records, were produced.
    lives: u16,
    records: usize,
    expected: Book,
}

impl Scene {
    #[track_caller]
    fn start() -> Self {
        let (source, destination) = (Kafka::shared(), Kafka::start());
        source.create_topic(TOPIC, PARTITIONS, &[]);
        source.create_topic(LETTERS, 1, &[]);
        destination.create_topic(EVENTS, 3, &[]);
        let server = PutEvents::start(Options { keep_events: usize::MAX, ..Options::default() });
        Self { source, destination, server, lives: 0, records: 0, expected: Book::new() }
    }

    /// Produces the records of more lives. Those of a life are on one partition, in their order.
    fn produce(&mut self) {
        let mut messages = Vec::new();
        for _ in 0..LIVES {
            let partition = i32::from(self.lives) % PARTITIONS;
            for record in life(self.lives) {
                if let Expected::Delivered { event_ids } = record.expected {
                    let place = (partition, self.records);
                    self.expected.extend(event_ids.into_iter().map(|id| (id, place)));
                }
                self.records += 1;
                let value = record.value;
                messages.push(Message { partition: Some(partition), value, ..Message::default() });
            }
            self.lives += 1;
        }
        self.source.client.produce(TOPIC, messages);
    }

    fn setup(&self) -> Setup {
        let url = &self.server.url;
        let at = format!("region: eu-west-1, endpoint_url: {url}, timeout: 5s");
        Setup::new(format!(
            "source:
  brokers: {source}
  topics: [{TOPIC}]
  group: {TOPIC}
  properties: {{ session.timeout.ms: {session}, heartbeat.interval.ms: 500 }}
destinations:
  pinpoint: {{ pinpoint: {{ application: {APPLICATION}, {at} }} }}
  custom-bus: {{ eventbridge: {{ bus: '{CUSTOM_BUS}', source: com.example.identity, {at} }} }}
  classic-bus: {{ eventbridge: {{ bus: default, source: com.example.identity, {at} }} }}
  stream: {{ kinesis: {{ stream: identity, {at} }} }}
  lake: {{ firehose: {{ stream: lake, {at} }} }}
  topic: {{ kafka: {{ topic: {EVENTS}, brokers: '{destination}', properties: {{ reconnect.backoff.max.ms: 500 }} }} }}
routes: [{{ to: [pinpoint, custom-bus, classic-bus, stream, lake, topic] }}]
unrouted: dead_letter
sessions: {{ table: {{ topic: {SESSIONS} }} }}
batch: {{ linger: 100ms }}
retry: {{ initial: 50ms, max: 500ms }}
dead_letter: {{ topic: {LETTERS} }}
commit: {{ interval: 500ms }}
log: {{ format: text }}
",
            source = self.source.client.bootstrap,
            destination = self.destination.client.bootstrap,
            session = SESSION.as_millis(),
        ))
    }

    /// How many different events the emulated destinations have taken, together.
    fn taken(&self) -> u64 {
        let counts = self.server.control.counts();
        counts.events_accepted - counts.duplicates
    }

    fn is_committed(&self) -> bool {
        self.source.client.committed(TOPIC, TOPIC) == self.source.client.ends(TOPIC)
    }

    /// What an emulated destination got, in that order.
    fn emulated(&self, service: &str, name: &str) -> Vec<Arrival> {
        let place = format!("{service}/{name}");
        let arrival = |event: &Accepted| Arrival {
            endpoint: event.endpoint_id.to_string(),
            event: event.event_id.clone(),
            record: event.record.clone(),
        };
        let events = self.server.control.events(0);
        events.iter().filter(|event| *event.destination == *place).map(|event| arrival(event)).collect()
    }

    /// What the topic got, in the order of each partition.
    fn topic(&self) -> Vec<Arrival> {
        let arrival = |message: Message| Arrival {
            endpoint: String::from_utf8(message.key.clone().expect("a key")).expect("text"),
            event: message.header("event_id").expect("a header").to_owned(),
            record: Some(serde_json::from_slice(&message.value.expect("a value")).expect("JSON")),
        };
        self.destination.client.read_all(EVENTS).into_iter().map(arrival).collect()
    }

    /// That a destination got everything, in valid records, and as it is promised.
    #[track_caller]
    fn assert_delivered(&self, name: &str, arrivals: &[Arrival], promise: Promise) {
        let schema = Schema::published("stream-record.json");
        for record in arrivals.iter().filter_map(|arrival| arrival.record.as_ref()) {
            schema.assert_valid(record);
        }
        let with_record = arrivals.iter().filter(|arrival| arrival.record.is_some()).count();
        assert_eq!(with_record, if name == "pinpoint" { 0 } else { arrivals.len() }, "{name}");
        let arrived = arrivals.iter().map(|arrival| &arrival.event);
        let verdict = Verdict::of(self.expected.keys(), arrived);
        eprintln!("{name}: {} events, {} of them again", arrivals.len(), verdict.repeated());
        verdict.assert_complete();
        if promise == Promise::OrderOnce {
            verdict.assert_exact();
        }
        if promise != Promise::Nothing {
            self.assert_in_order(name, arrivals);
        }
    }

    /// That the events of each endpoint came for the first time in the order of their records, as far as these
    /// are on one partition.
    #[track_caller]
    fn assert_in_order(&self, name: &str, arrivals: &[Arrival]) {
        let mut seen = HashSet::new();
        let mut last = HashMap::new();
        for Arrival { endpoint, event, .. } in arrivals.iter().filter(|arrival| seen.insert(&arrival.event)) {
            let (partition, record) = self.expected[event];
            let before = last.insert((endpoint, partition), record);
            assert!(
                before.is_none_or(|before| before <= record),
                "{name}: {event} of {endpoint} comes too late"
            );
        }
    }
}

/// Each service throttles and fails whole requests and single events, and loses answers; and one is down.
/// Pinpoint leaves out endpoints with all their events instead of single events: it would take the other
/// events of a request first, which is what it promises.
fn faults(down: Option<&str>) -> Faults {
    let all = Faults {
        throttled: 0.02,
        failed: 0.05,
        answer_lost: 0.05,
        answer_broken: 0.05,
        answer_empty: 0.05,
        ..Faults::default()
    };
    let only = |service: &str, faults| Only { service: Some(service.to_owned()), faults, ..Only::default() };
    let outage = Faults { outage: Some(Outage::unavailable()), ..Faults::default() };
    let down = down.map(|service| only(service, outage));
    let pinpoint = only("pinpoint", Faults { endpoints_missing: 0.1, ..all.clone() });
    let only = down.into_iter().chain([pinpoint]).collect();
    Faults { events_throttled: 0.02, events_failed: 0.05, events_missing: 0.001, only, ..all }
}

/// Kills the service while one of the emulated services is down, and the others have taken half of what is
/// new; and starts it again.
#[track_caller]
fn kill(scene: &mut Scene, mut service: Service, down: &str) -> Service {
    scene.server.control.set_faults(faults(Some(down)));
    let before = (scene.taken(), scene.expected.len());
    scene.produce();
    let new = (scene.expected.len() - before.1) * (EMULATED.len() - 1);
    let enough = before.0 + new as u64 / 2;
    eventually(LONG, &format!("{enough} events are taken"), || (scene.taken() >= enough).then_some(()));
    service.signal(Signal::Kill);
    service.wait(LONG);
    assert!(!scene.is_committed(), "{down} has not taken everything");
    scene.server.control.set_faults(faults(None));
    scene.setup().start()
}

pub(super) fn every_kind_at_once_gets_everything_across_faults_and_sigkill() {
    let mut scene = Scene::start();
    let mut service = scene.setup().start();
    for (place, (down, ..)) in EMULATED.iter().enumerate() {
        if place > 0 {
            eventually(LONG, "what came before is committed", || scene.is_committed().then_some(()));
        }
        service = kill(&mut scene, service, down);
        if place == EMULATED.len() / 2 {
            scene.destination.kill();
            scene.destination.restart();
        }
    }
    eventually(LONG, "everything is committed", || scene.is_committed().then_some(()));
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
    for (service, name, promise) in EMULATED {
        scene.assert_delivered(service, &scene.emulated(service, name), promise);
    }
    scene.assert_delivered("kafka", &scene.topic(), Promise::Order);
    let counts = scene.server.control.counts();
    assert!(counts.violations.is_empty(), "{counts:?}");
    assert_eq!(counts.endpoints_in_two_requests, 0, "{counts:?}");
    assert_eq!(scene.source.client.read_all(LETTERS), []);
}
