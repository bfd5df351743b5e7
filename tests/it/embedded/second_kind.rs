//! A second kind of destination: it writes JSON lines to a file, in requests of a few events.
//!
//! It uses only public parts of the library. A kind in the product would be these two parts, an entry in the
//! table of `config/destinations.rs`, and one in the table of `app/kinds.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write as _,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use pinpoint_sidecar::{
    app::{self, kinds::Destination, runner::Ended},
    config::{self, Config, Sources, destinations::DestinationKind},
    core::{
        code::Code,
        destination::{
            Answer, Encoder, FieldCounts, Fitted, Outcome, Request, RequestLimits, Sender, Sending,
        },
        event::{Delivery, EventType, Refusal},
        time::Timestamp,
    },
    edge::aws::pinpoint::Pinpoint,
    tools::emulator::Options,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime};
use tokio_util::sync::CancellationToken;

use super::{
    load::{Load, PARTITIONS},
    scene::SOON,
};
use crate::support::{mock::MockKafka, putevents::PutEvents, wait::eventually};

const TOPIC: &str = "keycloak-events";

/// How many events a request of this kind may hold.
const AT_ONCE: usize = 7;

#[test]
fn a_second_kind_is_an_encoder_and_a_sender() {
    let (kafka, putevents) = (MockKafka::start(), PutEvents::start(Options::default()));
    kafka.create_topic(TOPIC, PARTITIONS);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let config = config(&kafka.client.bootstrap, &putevents.url, folder.path());
    let drain = CancellationToken::new();
    let service = {
        let (path, drain) = (path.clone(), drain.clone());
        let service = thread::Builder::new().name("service".to_owned());
        service.spawn(move || deliver(&config, Lines::create(&path), drain)).expect("a thread")
    };
    let load = Load::generate(1200, 0.0);
    kafka.client.produce(TOPIC, load.messages(0..load.len()));
    let ends = kafka.client.ends(TOPIC);
    eventually(SOON, "everything is committed", || {
        assert!(!service.is_finished(), "the service has ended");
        (kafka.client.committed(TOPIC, TOPIC) == ends).then_some(())
    });
    drain.cancel();
    let ended = service.join().expect("the service does not panic");
    assert_eq!((ended.unsettled, ended.uncommitted, ended.failed), (0, 0, None));
    let lines: Vec<Value> = fs::read_to_string(&path).expect("the file").lines().map(parse).collect();
    check_lines(&load, &lines);
    check_pinpoint(&lines, &putevents);
}

/// Checks that every event except those of failed attempts is in the file, once, and that no request was
/// larger than the kind allows.
#[track_caller]
fn check_lines(load: &Load, lines: &[Value]) {
    let (mut ids, mut requests) = (BTreeSet::new(), BTreeMap::<u64, usize>::new());
    for line in lines {
        assert!(ids.insert(line["id"].as_str().expect("an id").to_owned()), "{line} occurs twice");
        assert_ne!(line["type"], EventType::AuthFail.name());
        *requests.entry(line["request"].as_u64().expect("a number")).or_default() += 1;
    }
    assert!(requests.values().all(|events| *events <= AT_ONCE), "{requests:?}");
    assert!(requests.values().any(|events| *events == AT_ONCE), "{requests:?}");
    let expected: BTreeSet<_> = load.event_ids().filter(|id| !id.ends_with(":auth_fail")).cloned().collect();
    assert!(!expected.is_empty() && ids == expected, "{} lines for {} events", ids.len(), expected.len());
}

/// Checks that Pinpoint has the sign-ins, which the file also has, and the failed attempts, once each.
#[track_caller]
fn check_pinpoint(lines: &[Value], putevents: &PutEvents) {
    let accepted = putevents.control.events(0);
    let of = |event_type: EventType| -> Vec<_> {
        let events = accepted.iter().filter(|event| event.event_type == event_type.name());
        events.map(|event| event.event_id.as_str()).collect()
    };
    let (sign_ins, failures) = (of(EventType::SignIn), of(EventType::AuthFail));
    assert_eq!(sign_ins.len() + failures.len(), accepted.len(), "nothing else");
    assert!(!failures.is_empty());
    assert_eq!(putevents.control.counts().duplicates, 0);
    let copies = lines.iter().filter(|line| line["type"] == EventType::SignIn.name());
    let copies: BTreeSet<_> = copies.filter_map(|line| line["id"].as_str()).collect();
    assert!(!copies.is_empty() && copies == sign_ins.into_iter().collect());
}

/// The table of kinds has no files, so `lines` has a section of a Pinpoint, of which only the settings that
/// every destination has are used.
fn config(brokers: &str, url: &str, folder: &Path) -> Config {
    let pinpoint = |region| format!("{{ application: any, region: {region}, endpoint_url: {url} }}");
    let text = format!(
        "source:
  brokers: {brokers}
  topics: [{TOPIC}]
  group: {TOPIC}
  properties: {{ session.timeout.ms: 6000 }}
destinations:
  lines: {{ pinpoint: {} }}
  pinpoint: {{ pinpoint: {} }}
routes:
  - {{ event: _userauth.sign_in, to: [lines, pinpoint] }}
  - {{ event: _userauth.auth_fail, to: pinpoint }}
  - {{ to: lines }}
unrouted: dead_letter
quota: {{ requests_per_second: 1000 }}
batch: {{ linger: 50ms }}
dead_letter: {{ discard: true }}
commit: {{ interval: 200ms }}
",
        pinpoint("eu-west-1"),
        pinpoint("us-east-1"),
    );
    let file = folder.join("config.yaml");
    fs::write(&file, text).expect("a file for the service");
    config::load(&Sources { file: Some(file), environment: Vec::new() }).expect("a valid configuration")
}

/// Runs the service until it is drained; `lines` is the first of its two destinations.
fn deliver(config: &Config, lines: Destination, drain: CancellationToken) -> Ended {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let admin = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let DestinationKind::Pinpoint(pinpoint) = &config.destinations()[1].kind else {
            panic!("the second destination is a Pinpoint");
        };
        let pinpoint = Pinpoint::emulated(pinpoint).expect("a URL").into();
        let ended = app::deliver(config, vec![lines, pinpoint], admin, drain, app::queries()).await;
        ended.unwrap_or_else(|_| panic!("a part cannot be started"))
    })
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).expect("JSON")
}

/// The sender.
struct Lines(Arc<Mutex<File>>);

impl Lines {
    fn create(path: &Path) -> Destination {
        let file = File::create(path).expect("a file");
        Destination {
            encoder: Box::new(LinesEncoder),
            sender: Arc::new(Self(Arc::new(Mutex::new(file)))),
            address: path.display().to_string(),
        }
    }
}

impl Sender for Lines {
    fn send(&self, request: Request) -> Sending {
        let file = Arc::clone(&self.0);
        Box::pin(async move {
            let events = request.endpoints.iter().map(|endpoint| endpoint.events.len()).sum();
            let written = file.lock().unwrap().write_all(&LinesEncoder.body(&request, Timestamp::default()));
            match written {
                Ok(()) => Answer::Results {
                    outcomes: vec![Outcome::Accepted; events],
                    endpoints_refused: Vec::new(),
                },
                Err(_) => Answer::Hold(Code("file_not_written")),
            }
        })
    }
}

/// Writes one line for each event, with its endpoint.
struct LinesEncoder;

impl LinesEncoder {
    const OVERHEAD: usize = 200;
}

impl Encoder for LinesEncoder {
    fn limits(&self) -> RequestLimits {
        RequestLimits { events: AT_ONCE, bytes: 1 << 20, overhead: 0 }
    }

    fn fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn fit(&self, delivery: Delivery, _: &mut FieldCounts) -> Result<Fitted, Refusal> {
        let bytes = delivery.event.id.len() + Self::OVERHEAD;
        Ok(Fitted { delivery, bytes })
    }

    fn body(&self, request: &Request, _: Timestamp) -> Vec<u8> {
        let mut body = Vec::new();
        for endpoint in &request.endpoints {
            for event in &endpoint.events {
                let (id, event_type) = (&event.id, event.event_type.name());
                let line = json!({
                    "request": request.id.0,
                    "user": endpoint.endpoint.user_id,
                    "id": **id,
                    "type": event_type,
                });
                body.extend(line.to_string().bytes().chain(*b"\n"));
            }
        }
        body
    }
}
