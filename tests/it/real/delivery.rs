//! The records of a real Keycloak, from the topic to the last commit.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use super::{
    samples::{SAMPLES, samples},
    scene::{Scene, assert_balanced, assert_well},
};
use crate::support::{kafka::Kafka, wait::eventually};

pub(super) fn the_records_of_a_real_keycloak_are_delivered() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-samples", 1);
    let messages: Vec<_> = samples().map(|sample| scene.enter(sample)).collect();
    kafka.client.produce(&scene.topic, messages);
    let service = scene.setup().start();
    scene.conclude().assert_exact();
    assert_well(&service);
    assert_balanced(&service);
    let metrics = service.metrics();
    let counts = [
        ("records_consumed_total", 38),
        ("records_accepted_total", 23),
        ("records_ignored_total", 15),
        ("records_dead_lettered_total", 0),
        ("records_outstanding", 0),
        ("records_released_total", 0),
        ("partitions_owned", 1),
        ("source_trouble", 0),
    ];
    for (name, expected) in counts {
        assert_eq!(metrics.count(name), expected, "{name}");
    }
    let status = service.status();
    assert_eq!(
        (&status["partitions"][0]["position"], &status["partitions"][0]["committed"]),
        (&38.into(), &38.into())
    );
    eventually(Duration::from_secs(20), "the lag is known to be 0", || {
        (service.status()["partitions"][0]["lag"] == 0).then_some(())
    });
    assert_names_nobody(&service.log().join("\n"));
    assert_names_nobody(&status.to_string());
    assert_eq!(service.stop(), Some(0));
}

/// That no user, session, address or name of the samples is in a text.
#[track_caller]
fn assert_names_nobody(text: &str) {
    let fields = ["userId", "sessionId", "ipAddress"];
    let details = ["username", "email", "first_name", "last_name"];
    let mut personal = BTreeSet::new();
    for line in SAMPLES.lines() {
        let event: Value = serde_json::from_str(line).expect("Keycloak writes JSON");
        let said = fields.iter().map(|name| &event[*name]);
        let said = said.chain(details.iter().map(|name| &event["details"][*name]));
        // The tests run on the address that Keycloak's users came from.
        let said = said.filter_map(Value::as_str).filter(|value| *value != "127.0.0.1" && !value.is_empty());
        personal.extend(said.map(str::to_owned));
    }
    assert!(personal.len() > 10);
    let found: Vec<_> = personal.iter().filter(|value| text.contains(value.as_str())).collect();
    assert!(found.is_empty(), "{found:?}");
}
