//! Sessions that rest, and a table that is lost: what goes out of two replicas that share their sessions.

use pinpoint_sidecar::edge::clock::Clock;
use serde_json::json;

use super::{
    restart::wait_owned,
    scene::{LONG, Scene, assert_balanced, wait_says},
    table::{PARTITIONS, by_id, table, wait_accepted, wait_read},
};
use crate::support::{client::Message, kafka::Kafka, service::Setup, wait::eventually};

/// A scene whose sessions rest and are shared.
fn setup(scene: &Scene) -> Setup {
    let setup = scene.setup();
    let section =
        format!("sessions: {{ pause_after: 10m, timeout: 1h, table: {{ topic: {} }} }}\n", table(scene));
    Setup { config: setup.config + &section, ..setup }
}

/// A record of a user's session, so many minutes after `start`.
fn record(id: &str, kind: &str, user: &str, start: i64, minutes: i64, partition: i32) -> Message {
    let value = json!({
        "id": id,
        "time": start + 60_000 * minutes,
        "type": kind,
        "realmId": "realm",
        "clientId": "shop",
        "userId": user,
        "sessionId": format!("session of {user}"),
    });
    Message { partition: Some(partition), ..Message::of(value.to_string()) }
}

pub(super) fn a_session_that_rests_is_said_to_by_one_replica_and_resumed_by_the_other() {
    let kafka = Kafka::shared();
    let scene = Scene::new(kafka, "real-rests", PARTITIONS);
    let setup = setup(&scene);
    let replicas = [setup.start(), setup.start()];
    wait_owned(&replicas.each_ref().map(|replica| (replica, 3)));
    // No event is later than the clock: these happened this morning.
    let start = Clock::wall().0 - 5 * 3_600_000;
    let produce = |id, kind, user, minutes, partition| {
        scene.client.produce(&scene.topic, [record(id, kind, user, start, minutes, partition)]);
    };
    produce("a", "LOGIN", "anna", 0, 0);
    wait_accepted(&scene, "_session.start", 1);
    // Partitions 0 and 5 are never one replica's while there are two.
    produce("b", "REFRESH_TOKEN", "berta", 15, 0);
    wait_accepted(&scene, "_session.pause", 1);
    wait_read(&replicas, 2);
    produce("c", "REFRESH_TOKEN", "anna", 20, 5);
    wait_accepted(&scene, "_session.resume", 1);
    wait_read(&replicas, 3);
    produce("d", "REFRESH_TOKEN", "berta", 100, 0);
    wait_accepted(&scene, "_session.stop", 1);
    let stops = by_id(&scene.put_events.control, "_session.stop");
    let stop = &stops.values().next().expect("a stop")[0];
    assert_eq!(stop.attributes["reason"], "timeout");
    let session = stop.session.as_ref().expect("a session");
    assert_eq!(session["Duration"], 80 * 60_000, "an hour after its last use");
    assert_eq!(by_id(&scene.put_events.control, "_session.pause").len(), 2, "it paused again on the way");
    wait_read(&replicas, 5);
    replicas.iter().for_each(assert_balanced);
}

pub(super) fn a_table_that_is_deleted_is_told_and_made_anew() {
    let kafka = Kafka::shared();
    let scene = Scene::new(kafka, "real-table-emptied", PARTITIONS);
    let service = setup(&scene).start();
    let start = Clock::wall().0 - 5 * 3_600_000;
    let produce = |id, kind, user| {
        scene.client.produce(&scene.topic, [record(id, kind, user, start, 0, 0)]);
    };
    produce("a", "LOGIN", "anna");
    wait_accepted(&scene, "_session.start", 1);
    wait_read(std::slice::from_ref(&service), 1);
    kafka.delete_topic(&table(&scene));
    wait_says(&service, "session table was deleted or recreated");
    produce("b", "LOGIN", "berta");
    wait_accepted(&scene, "_session.start", 2);
    produce("c", "LOGOUT", "anna");
    wait_accepted(&scene, "_session.stop", 1);
    eventually(LONG, "what is written anew is read", || {
        (service.metrics().count("table_entries_read_total") >= 3).then_some(())
    });
    assert_eq!(service.metrics().count("table_emptied_total"), 1);
    assert_eq!(service.metrics().count("session_start_unknown_total"), 0, "what runs knows it still");
}
