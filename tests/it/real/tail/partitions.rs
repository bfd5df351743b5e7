//! A thousand partitions, each with stuck records and a tail.

use pinpoint_sidecar::{
    core::time::Timestamp,
    tools::{
        demo::generate::{Expected, Produced, Realm},
        emulator::{Effect, Faults, Matching},
    },
};

use super::setup;
use crate::{
    scene::{Scene, assert_balanced},
    support::{kafka::Kafka, service::Setup},
};

const PARTITIONS: i32 = 1000;

/// The space of all tails in a commit, as it is described; the broker takes a megabyte.
const ROOM: usize = 256 << 10;

/// The settled runs of each partition: more than one commit of all partitions has room for.
const RUNS: usize = 30;

pub(in super::super) fn the_tails_of_a_thousand_partitions_are_committed_in_parts() {
    let kafka = Kafka::start();
    let mut scene = Scene::new(&kafka, "real-tail-partitions", PARTITIONS);
    let always = Matching { text: "stuck".to_owned(), effect: Effect::FailEvent };
    scene.fault(Faults { matching: vec![always], ..Faults::default() });
    produce(&mut scene);
    let service = patient(&scene).start();
    scene.wait_accepted(scene.events() / 2);
    assert_balanced(&service);
    assert_eq!(service.metrics().count(r#"commits_total{outcome="failed"}"#), 0);
    assert_eq!(service.stop(), Some(1), "the stuck events are not settled");

    let commits = scene.client.commits(&scene.topic, &scene.topic);
    let room: usize = commits.values().map(|(_, tail)| tail.len()).sum();
    assert!(room > ROOM, "one commit has room for all {room} bytes of tails");
    let settled = scene.settled();
    assert!(settled.values().all(|settled| settled.runs.len() >= RUNS), "each is named in full");

    scene.mend();
    let service = patient(&scene).start();
    let verdict = scene.conclude();
    scene.assert_no_repeat_of(&verdict, &settled);
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

/// Room for all that is stuck, which is hardly tried again.
fn patient(scene: &Scene) -> Setup {
    let setup = setup(scene).with("source.format", "identity-event").with("memory.max_bytes", "1GiB");
    let setup = setup.with("quota.requests_per_second", "5000");
    setup.with("retry.initial", "10m").with("retry.max", "10m")
}

/// Produces stuck records to each partition, each with another record behind it.
fn produce(scene: &mut Scene) {
    let mut messages = Vec::new();
    for name in std::iter::repeat_n(["stuck", "other"], RUNS).flatten() {
        for _ in 0..PARTITIONS {
            let id = format!("{name}-{}", messages.len());
            let value = format!(r#"{{"type":"sign_up","id":"{id}","time":1795382428244,"user":"{id}"}}"#);
            let expected = Expected::Delivered { event_ids: vec![format!("{id}:sign_up")] };
            let (value, from) = (Some(value.into_bytes()), "identity-event");
            messages.push(scene.enter(Produced {
                timestamp: Timestamp(0),
                key: None,
                value,
                expected,
                from,
                realm: Realm::Shop,
            }));
        }
    }
    scene.client.produce(&scene.topic, messages);
}
