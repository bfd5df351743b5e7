//! Sessions that survive and are shared: the table on a compacted topic, which replicas read before they
//! begin and follow afterwards.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use pinpoint_sidecar::tools::emulator::{Accepted, Control, Outage};
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use serde_json::{Value, json};

use super::{
    restart::wait_owned,
    scene::{LONG, Scene, assert_balanced, assert_well, wait_says},
};
use crate::support::{
    client::Message,
    kafka::Kafka,
    process::Signal,
    service::{self, Service, Setup},
    wait::eventually,
};

pub(super) const PARTITIONS: i32 = 6;

/// How long after its acknowledgement an entry is known to every replica: what is promised.
const PROMISED: Duration = Duration::from_secs(2);

/// A scene with a table of its own.
fn setup(scene: &Scene) -> Setup {
    let setup = scene.setup();
    let section = format!("sessions: {{ table: {{ topic: {} }} }}\n", table(scene));
    Setup { config: setup.config + &section, ..setup }
}

pub(super) fn table(scene: &Scene) -> String {
    format!("{}-sessions", scene.topic)
}

/// A record of a session, at a second of its own; on a partition that has nothing to do with it.
fn record(kind: &str, session: usize, second: usize, partition: usize) -> Message {
    let value = json!({
        "id": format!("{kind}-{session}"),
        "time": 1_795_341_600_000 + 1000 * second,
        "type": kind,
        "realmId": "realm",
        "clientId": "shop",
        "userId": format!("user-{session}"),
        "sessionId": format!("session-{session}"),
    });
    let partition = i32::try_from(partition).expect("a small number") % PARTITIONS;
    Message { partition: Some(partition), ..Message::of(value.to_string()) }
}

fn logins(sessions: std::ops::Range<usize>) -> impl Iterator<Item = Message> {
    sessions.map(|session| record("LOGIN", session, session, session))
}

fn logouts(sessions: std::ops::Range<usize>) -> impl Iterator<Item = Message> {
    sessions.map(|session| record("LOGOUT", session, session + 90, session + 1))
}

/// Waits until so many different events of a kind are accepted.
#[track_caller]
pub(super) fn wait_accepted(scene: &Scene, kind: &str, events: usize) {
    eventually(LONG, &format!("{events} events {kind} are accepted"), || {
        (by_id(&scene.put_events.control, kind).len() >= events).then_some(())
    });
}

/// The accepted events of a kind by their ids, all deliveries of each.
pub(super) fn by_id(control: &Control, kind: &str) -> BTreeMap<String, Vec<Arc<Accepted>>> {
    let mut events: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in control.events(0).into_iter().filter(|event| event.event_type == kind) {
        events.entry(event.event_id.clone()).or_default().push(event);
    }
    events
}

/// What an event says, whatever request brought it.
fn content(event: &Accepted) -> (&str, &str, &BTreeMap<String, String>, &Option<Value>) {
    (&event.event_type, &event.timestamp, &event.attributes, &event.session)
}

/// That each of so many stops has its session whole, and that each delivery of it says the same.
#[track_caller]
fn assert_whole(scene: &Scene, sessions: usize) {
    let stops = by_id(&scene.put_events.control, "_session.stop");
    assert_eq!(stops.len(), sessions);
    for (id, deliveries) in stops {
        for stop in &deliveries {
            let session = stop.session.as_ref().unwrap_or_else(|| panic!("{id} has no session"));
            assert_eq!(session["Duration"], 90_000, "{id}: {session}");
            assert!(session["StartTimestamp"].is_string() && session["StopTimestamp"].is_string(), "{id}");
            assert_eq!(content(stop), content(&deliveries[0]), "{id} has changed");
        }
    }
}

/// Waits until each replica has read so many entries of the table, all acknowledged by now.
#[track_caller]
pub(super) fn wait_read(replicas: &[Service], entries: u64) {
    eventually(PROMISED, &format!("{entries} entries are read by every replica"), || {
        let read = |replica: &Service| replica.metrics().count("table_entries_read_total");
        replicas.iter().all(|replica| read(replica) >= entries).then_some(())
    });
}

pub(super) fn sessions_are_whole_on_three_replicas_whatever_restarts() {
    let kafka = Kafka::shared();
    let scene = Scene::new(kafka, "real-table", PARTITIONS);
    // Longer than all this takes: what is accepted is not committed, but by a drain.
    let setup = setup(&scene).with("commit.interval", "5m");
    let mut replicas: Vec<_> = (0..3).map(|_| setup.start()).collect();
    wait_owned(&replicas.iter().map(|replica| (replica, 2)).collect::<Vec<_>>());
    let first = 0..600;
    scene.client.produce(&scene.topic, logins(first.clone()));
    wait_accepted(&scene, "_session.start", first.len());
    wait_read(&replicas, first.len() as u64);
    scene.client.produce(&scene.topic, logouts(0..300));
    wait_accepted(&scene, "_session.stop", 300);
    // Restarts in the middle: one not in good order, so that all that it read is read again, and one in it.
    let mut killed = replicas.remove(0);
    killed.signal(Signal::Kill);
    killed.wait(LONG);
    replicas.push(setup.start());
    for kind in ["_session.start", "_session.stop"] {
        eventually(LONG, &format!("a {kind} is delivered twice"), || {
            by_id(&scene.put_events.control, kind).values().any(|all| all.len() > 1).then_some(())
        });
    }
    assert_eq!(replicas.remove(0).stop(), Some(0));
    replicas.push(setup.start());
    scene.client.produce(&scene.topic, logouts(300..600));
    wait_accepted(&scene, "_session.stop", first.len());
    assert_whole(&scene, first.len());
    for (id, starts) in by_id(&scene.put_events.control, "_session.start") {
        assert!(starts.iter().all(|start| content(start) == content(&starts[0])), "{id} has changed");
    }
    let resumed = by_id(&scene.put_events.control, "_session.resume");
    assert!(resumed.is_empty(), "a redelivered opening is a start again: {:?}", resumed.keys());
    for replica in &replicas {
        assert_eq!(replica.metrics().count("table_loaded"), 1);
        assert_eq!(replica.metrics().count("session_start_unknown_total"), 0);
        assert_balanced(replica);
    }
    for replica in replicas {
        assert_eq!(replica.stop(), Some(0));
    }
    scene.wait_committed();
    assert_whole(&scene, first.len());
}

pub(super) fn the_topic_is_made_as_it_should_be_and_check_says_so() {
    let kafka = Kafka::shared();
    let scene = Scene::new(kafka, "real-table-made", 2);
    let setup = setup(&scene);
    check(&setup, "ok     session table real-table-made-sessions: it does not exist yet");
    let service = setup.start();
    wait_says(&service, "session table is read");
    assert_eq!(service.status()["table"]["loaded"], true);
    let settings = settings(kafka, &table(&scene));
    let policy: Vec<_> = settings["cleanup.policy"].split(',').collect();
    assert!(policy.contains(&"compact") && policy.contains(&"delete"), "{policy:?}");
    // The greatest age is a day, and there is an hour more.
    assert_eq!(settings["retention.ms"], "90000000");
    assert_eq!(kafka.client.ends(&table(&scene)).len(), 6);
    check(&setup, "ok     session table real-table-made-sessions: 6 partitions");
    let fails = "FAILS  session table real-table-made-sessions: ";
    kafka.alter_topic(&table(&scene), &[("cleanup.policy", "delete"), ("retention.ms", "90000000")]);
    check(&setup, &format!("{fails}`cleanup.policy` lacks `compact`"));
    kafka.alter_topic(&table(&scene), &[("cleanup.policy", "compact"), ("retention.ms", "90000000")]);
    check(&setup, &format!("{fails}nothing is ever deleted"));
    kafka.alter_topic(&table(&scene), &[("cleanup.policy", "compact,delete"), ("retention.ms", "60000")]);
    check(&setup, &format!("{fails}`retention.ms` is shorter than `sessions.max_age`"));
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn the_table_is_followed_again_after_the_broker_was_restarted() {
    let mut kafka = Kafka::start();
    let scene = Scene::new(&kafka, "real-table-broker", PARTITIONS);
    let replicas: Vec<_> = (0..2).map(|_| setup(&scene).start()).collect();
    scene.client.produce(&scene.topic, logins(0..60));
    wait_accepted(&scene, "_session.start", 60);
    kafka.kill();
    eventually(LONG, "the table's loss is told", || {
        replicas.iter().for_each(assert_well);
        replicas.iter().all(|replica| replica.metrics().count("table_trouble") == 1).then_some(())
    });
    kafka.restart();
    scene.client.produce(&scene.topic, logins(60..120));
    wait_accepted(&scene, "_session.start", 120);
    wait_read(&replicas, 120);
    scene.client.produce(&scene.topic, logouts(0..120));
    wait_accepted(&scene, "_session.stop", 120);
    assert_whole(&scene, 120);
    eventually(LONG, "the table's return is told", || {
        replicas.iter().all(|replica| replica.metrics().count("table_trouble") == 0).then_some(())
    });
}

pub(super) fn a_table_that_cannot_be_read_in_time_ends_the_process_and_says_which_key_to_raise() {
    let mut kafka = Kafka::start();
    let scene = Scene::new(&kafka, "real-table-late", 1);
    let setup = setup(&scene).with("sessions.table.load_timeout", "20s");
    kafka.kill();
    let mut service = setup.start();
    assert_well(&service);
    assert_eq!(service.status()["table"]["loaded"], false);
    let mut other = setup.start();
    other.signal(Signal::Term);
    assert_eq!(other.wait(LONG).code(), Some(0), "a signal ends it all the same");
    assert_eq!(service.wait(LONG).code(), Some(69));
    assert!(service.log().iter().any(|line| line.contains("raise sessions.table.load_timeout")));
}

/// Runs `check`, and looks for a finding that begins so.
#[track_caller]
fn check(setup: &Setup, expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, &setup.config).expect("the file");
    // A changed setting is not told by the broker at once.
    eventually(LONG, expected, || {
        let output = service::run(&["check", "--config", file.to_str().expect("a path in UTF-8")]);
        let found = String::from_utf8_lossy(&output.stdout);
        found.lines().any(|line| line.starts_with(expected)).then_some(())
    });
}

/// How a topic is set.
fn settings(kafka: &Kafka, topic: &str) -> BTreeMap<String, String> {
    let admin: AdminClient<_> = kafka.client.config().create().expect("an administrator");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let asked = [ResourceSpecifier::Topic(topic)];
    let described = runtime.block_on(admin.describe_configs(&asked, &AdminOptions::new()));
    let entries = described.expect("the broker answers").remove(0).expect("the topic is there").entries;
    entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect()
}

pub(super) fn the_sessions_of_a_user_end_in_portions_across_a_sigkill() {
    const SESSIONS: usize = 5000;
    let scene = Scene::new(Kafka::shared(), "real-table-portions", PARTITIONS);
    let setup = setup(&scene).with("quota", "{ requests_per_second: 100, in_flight: 15 }");
    scene.put_events.control.set_quota(None);
    let service = setup.start();
    let of_one_user = |kind: &str, session: usize, second: usize| {
        let message = record(kind, session, second, session);
        let mut value: Value = serde_json::from_slice(&message.value.expect("a value")).expect("JSON");
        value["userId"] = json!("robot");
        Message { value: Some(value.to_string().into()), ..message }
    };
    scene.client.produce(&scene.topic, (0..SESSIONS).map(|session| of_one_user("LOGIN", session, 0)));
    wait_accepted(&scene, "_session.start", SESSIONS);
    scene.wait_committed();
    let all = json!({
        "id": "all",
        "time": 1_795_341_690_000_i64,
        "realmId": "realm",
        "operationType": "ACTION",
        "resourceType": "USER",
        "resourcePath": "users/robot/logout",
    });
    // Nothing but a part of what it ends has room or a request.
    scene.outage(Outage::unavailable());
    scene.client.produce(&scene.topic, [Message { partition: Some(0), ..Message::of(all.to_string()) }]);
    eventually(LONG, "the ends are written to the table", || {
        (service.metrics().count("table_entries_read_total") >= 2 * SESSIONS as u64).then_some(())
    });
    scene.mend();
    wait_accepted(&scene, "_session.stop", 500);
    let mut killed = service;
    killed.signal(Signal::Kill);
    killed.wait(LONG);
    let service = setup.start();
    wait_accepted(&scene, "_session.stop", SESSIONS);
    scene.wait_committed();
    assert_whole(&scene, SESSIONS);
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}
