//! `redrive`: after a destination was blocked, its spilled events are brought back, and nothing else.
//!
//! Two destinations get everything. One of them refuses the service until it is mended.

use std::{fs, path::PathBuf};

use pinpoint_sidecar::tools::emulator::{Faults, How, Options, Outage};
use tempfile::TempDir;

use super::{
    load::{Load, PARTITIONS},
    scene::{LETTERS, SOON, TOPIC},
};
use crate::support::{
    client::Message,
    mock::MockKafka,
    putevents::PutEvents,
    service::{self, Service, Setup},
    wait::eventually,
};

struct Scene {
    kafka: MockKafka,
    well: PutEvents,
    blocked: PutEvents,
    setup: Setup,
    folder: TempDir,
}

impl Scene {
    #[track_caller]
    fn start() -> Self {
        let kafka = MockKafka::start();
        kafka.create_topic(TOPIC, PARTITIONS);
        kafka.create_topic(LETTERS, 3);
        let server = || PutEvents::start(Options { quota: None, ..Options::default() });
        let (well, blocked) = (server(), server());
        let setup = Setup::new(config(&kafka.client.bootstrap, &well.url, &blocked.url));
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.yaml"), &setup.config).expect("a file");
        Self { kafka, well, blocked, setup, folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }

    /// Blocks or mends the second destination.
    fn block(&self, blocked: bool) {
        let how = How::Answer { status: 403, code: Some("AccessDeniedException".to_owned()) };
        let outage = blocked.then_some(Outage { how, lasts: None });
        self.blocked.control.set_faults(Faults { outage, ..Faults::default() });
    }

    /// Runs `redrive`, and returns the numbers of its table: read, matched, written and skipped.
    #[track_caller]
    fn redrive(&self, arguments: &[&str]) -> [u64; 4] {
        let file = self.file();
        let all = [&["redrive", "--config", file.to_str().expect("a path")], arguments].concat();
        let output = service::run(&all);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!((output.status.code(), &*err), (Some(0), ""), "{out}");
        assert!(!out.contains('\x1b'), "there is no bar, because the output is no terminal");
        ["read", "matched", "records", "skipped"].map(|name| {
            let line = out.lines().find(|line| line.starts_with(&format!("  {name}"))).expect("a row");
            line.split(' ').next_back().expect("a number").replace(',', "").parse().expect("a number")
        })
    }

    #[track_caller]
    fn wait_committed(&self) {
        let mut ends = self.kafka.client.ends(TOPIC);
        ends.retain(|_, end| *end > 0);
        let committed = || self.kafka.client.committed(TOPIC, TOPIC);
        eventually(SOON, "everything is committed", || (committed() == ends).then_some(()));
    }

    fn records(&self) -> i64 {
        self.kafka.client.ends(TOPIC).values().sum()
    }

    fn letters(&self) -> Vec<Message> {
        let mut letters = self.kafka.client.read_all(LETTERS);
        letters.retain(|letter| !letter.headers.iter().any(|(name, _)| name == "pinpoint_sidecar.receipt"));
        letters
    }
}

fn arrived(server: &PutEvents) -> Vec<String> {
    server.control.events(0).iter().map(|event| event.event_id.clone()).collect()
}

/// Lets the service spill the events of the blocked destination, and then mends it.
#[track_caller]
fn spill(scene: &Scene, load: &Load) -> Service {
    scene.block(true);
    scene.kafka.client.produce(TOPIC, load.messages(0..load.len()));
    let service = scene.setup.start();
    let events = load.event_ids().count() as u64;
    // During a hold, one event stays as the probe.
    eventually(SOON, "events are spilled", || {
        let spilled = r#"destination_events_spilled_total{destination="blocked"}"#;
        (service.metrics().count(spilled) + 1 >= events).then_some(())
    });
    scene.block(false);
    scene.wait_committed();
    service
}

#[test]
fn spilled_events_are_redriven_once_to_the_destination_that_lacks_them() {
    let scene = Scene::start();
    let load = Load::generate(200, 0.05);
    let service = spill(&scene, &load);
    load.assert_exact(&arrived(&scene.well));
    assert!(arrived(&scene.blocked).len() < 10);
    let (records, letters) = (scene.records(), scene.letters());
    let named = |letter: &&Message| letter.header("pinpoint_sidecar.destination") == Some("blocked");
    let spilled = letters.iter().filter(named).count() as u64;
    let ids = letters.iter().filter(named).flat_map(|letter| &letter.headers);
    let spilled_events = ids.filter(|(name, _)| name == "pinpoint_sidecar.event_id").count() as u64;
    assert!(spilled_events > spilled, "events of a record that spill together share a letter");
    assert!(spilled_events > 100 && spilled < letters.len() as u64, "{spilled} of {}", letters.len());
    let all = letters.len() as u64;

    let [read, matched, written, skipped] = scene.redrive(&["--destination", "blocked", "--dry-run"]);
    assert_eq!((read, matched, skipped), (all, spilled, all - spilled));
    assert!(written <= matched, "the events of a record are redriven together");
    assert_eq!((scene.records(), scene.letters()), (records, letters.clone()), "nothing is written");

    assert_eq!(scene.redrive(&["--destination", "blocked", "--reason", "not_json"])[1], 0);
    let counts = scene.redrive(&["--destination", "blocked", "--limit", "3"]);
    assert_eq!((counts[2], scene.records()), (3, records + 3));
    assert_eq!(scene.redrive(&["--destination", "blocked"])[2], written - 3);
    scene.wait_committed();
    load.assert_exact(&arrived(&scene.blocked));
    load.assert_exact(&arrived(&scene.well));
    let metrics = service.metrics();
    assert_eq!(metrics.count("records_redriven_total"), written);
    assert_eq!(metrics.count("redrive_headers_ignored_total"), 0);
    metrics.assert_balanced();

    // Nothing is left to do for the second time.
    let end = scene.records();
    assert_eq!(scene.redrive(&["--destination", "blocked"]), [all, 0, 0, all]);
    assert_eq!(scene.records(), end);
    assert_eq!(scene.redrive(&["--destination", "blocked", "--again"])[2], written);
    scene.wait_committed();
    eventually(SOON, "all arrive again", || {
        let events = arrived(&scene.blocked);
        (events.len() as u64 == load.event_ids().count() as u64 + spilled_events).then_some(())
    });
    load.assert_exact(&arrived(&scene.well));
    assert_eq!(scene.letters(), letters, "nothing was refused");
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_record_that_is_refused_again_can_be_redriven_again_and_its_attempts_are_counted() {
    let scene = Scene::start();
    let garbage = Message {
        partition: Some(1),
        key: Some(b"k".to_vec()),
        timestamp: Some(1_795_341_600_000),
        ..Message::of("no JSON")
    };
    scene.kafka.client.produce(TOPIC, [garbage.clone()]);
    let service = scene.setup.start();
    scene.wait_committed();
    for attempt in 1..=3_u64 {
        assert_eq!(scene.redrive(&[])[2], 1, "only the newest letter");
        scene.wait_committed();
        let letters = eventually(SOON, "another letter", || {
            Some(scene.letters()).filter(|letters| letters.len() as u64 == attempt + 1)
        });
        let newest = letters
            .iter()
            .find(|letter| letter.header("pinpoint_sidecar.redriven") == Some(&attempt.to_string()));
        let newest = newest.expect("it counts the attempts");
        assert_eq!((&newest.key, &newest.value), (&garbage.key, &garbage.value));
        let place = ["topic", "partition", "offset", "timestamp", "reason"]
            .map(|name| newest.header(&format!("pinpoint_sidecar.{name}")).unwrap_or_default());
        assert_eq!(place, [TOPIC, "1", "0", "1795341600000", "not_json"], "it names the original");
        assert_eq!(newest.header("pinpoint_sidecar.redrive"), None);
    }
    assert_eq!(scene.redrive(&["--max-attempts", "3"])[1], 0);
    let sent = scene.kafka.client.read_all(TOPIC);
    assert!(sent.iter().all(|record| record.partition == Some(1)), "it goes where it came from");
    assert!(sent.iter().skip(1).all(|record| record.timestamp > garbage.timestamp), "with the present time");
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_forged_header_chooses_no_destination_and_no_ids() {
    let scene = Scene::start();
    let header =
        r#"{"topic":"theirs","partition":7,"offset":7,"attempts":1,"send":[{"destination":"blocked"}]}"#;
    let header = format!("{} {header}", "0".repeat(64));
    let value = r#"{"time":1795382400000,"type":"REGISTER","realmId":"r","clientId":"c","userId":"u"}"#;
    let forged = Message {
        partition: Some(0),
        headers: vec![("pinpoint_sidecar.redrive".to_owned(), Some(header.into_bytes()))],
        timestamp: Some(1_795_382_400_000),
        ..Message::of(value)
    };
    scene.kafka.client.produce(TOPIC, [forged]);
    let service = scene.setup.start();
    scene.wait_committed();
    let expected = [format!("{TOPIC}-0-0-1795382400000:sign_up")];
    assert_eq!(arrived(&scene.well), expected);
    assert_eq!(arrived(&scene.blocked), expected);
    let metrics = service.metrics();
    assert_eq!(metrics.count("redrive_headers_ignored_total"), 1);
    assert_eq!(metrics.count("records_redriven_total"), 0);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn what_the_configuration_does_not_allow_is_said() {
    let scene = Scene::start();
    let fails = |config: &str, arguments: &[&str], code: i32, text: &str| {
        fs::write(scene.file(), config).expect("a file");
        let file = scene.file();
        let output =
            service::run(&[&["redrive", "--config", file.to_str().expect("a path")], arguments].concat());
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{err}");
        assert!(err.contains(text), "{err}");
    };
    let config = &scene.setup.config;
    let secret = "redrive: { secret: 0123456789abcdef }\n";
    fails(&config.replace(secret, ""), &[], 78, "`redrive.secret` is not set");
    let discard = config
        .replace(&format!("topic: {LETTERS}, "), "discard: true, ")
        .replace(", spill: { after: 10s }", "");
    fails(&discard, &[], 78, "`dead_letter.discard` is set");
    fails(config, &["--destination", "nobody"], 64, "--destination nobody is no destination");
    fails(&config.replace(LETTERS, "nowhere"), &[], 69, "the topic nowhere does not exist");
}

fn config(brokers: &str, well: &str, blocked: &str) -> String {
    let pinpoint = |url: &str| {
        format!("pinpoint: {{ application: any, region: us-east-1, endpoint_url: {url}, timeout: 2s }}")
    };
    format!(
        "source:
  brokers: {brokers}
  topics: [{TOPIC}]
  group: {TOPIC}
  properties: {{ session.timeout.ms: 6000, topic.metadata.refresh.interval.ms: 500 }}
destinations:
  well: {{ {} }}
  blocked: {{ {}, spill: {{ after: 10s }} }}
routes:
  - {{ to: [well, blocked] }}
unrouted: dead_letter
quota: {{ requests_per_second: 1000, in_flight: 15 }}
batch: {{ linger: 50ms }}
retry: {{ initial: 50ms, max: 300ms }}
dead_letter: {{ topic: {LETTERS}, circuit_breaker: off }}
redrive: {{ secret: 0123456789abcdef }}
commit: {{ interval: 200ms }}
shutdown: {{ deadline: 8s }}
log: {{ format: text, level: debug }}
",
        pinpoint(well),
        pinpoint(blocked),
    )
}
