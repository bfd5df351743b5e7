//! The records of a real Keycloak, from the topic to the last commit.

use std::{collections::BTreeSet, time::Duration};

use pinpoint_sidecar::{
    core::time::Timestamp,
    tools::demo::generate::{Expected, Produced, Realm},
};
use serde_json::Value;

use super::scene::{Scene, assert_balanced, assert_well};
use crate::support::{kafka::Kafka, wait::eventually};

/// What Keycloak 26.4.7 wrote through the most used publisher, one record a line.
const SAMPLES: &str = include_str!("../../data/keycloak-26.4.7.jsonl");

pub(super) fn the_records_of_a_real_keycloak_are_delivered() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-samples", 1);
    let messages: Vec<_> = SAMPLES.lines().map(|line| scene.enter(sample(line))).collect();
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

/// A sample as a record, and what the table for Keycloak says of its type.
fn sample(line: &str) -> Produced {
    let event: Value = serde_json::from_str(line).expect("Keycloak writes JSON");
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let slots: &[&str] = match (text("type"), text("error")) {
        ("LOGIN", _) => &["sign_in", "session"],
        ("REGISTER", _) => &["sign_up"],
        ("LOGOUT", _) => &["session"],
        ("LOGIN_ERROR", "invalid_redirect_uri" | "client_not_found") => &[],
        ("LOGIN_ERROR", _) => &["auth_fail"],
        // An administrator ends a session, and all those that a user has: one.
        _ if text("resourcePath").starts_with("sessions/") => &["session"],
        _ if text("resourcePath").ends_with("/logout") => &["session:a0f0d6d8-a1a2-60ee-80e8-83642b9b674a"],
        _ => &[],
    };
    let event_ids: Vec<_> = slots.iter().map(|slot| format!("{}:{slot}", text("id"))).collect();
    let expected = if slots.is_empty() { Expected::Ignored } else { Expected::Delivered { event_ids } };
    Produced {
        timestamp: Timestamp(0),
        key: None,
        value: Some(line.into()),
        expected,
        from: "keycloak",
        realm: Realm::Shop,
    }
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
