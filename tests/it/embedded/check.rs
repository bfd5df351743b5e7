//! `check` tries what the configuration names, changes nothing, and reports what is missing.

use std::fs;

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::scene::{LETTERS, Scene, TOPIC};
use crate::support::service;

#[track_caller]
fn check(config: &str, code: i32, expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, config).unwrap();
    let output = service::run(&["check", "--config", file.to_str().unwrap()]);
    let found = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{found}");
    for line in expected {
        assert!(found.lines().any(|it| it.starts_with(line)), "no {line:?} in {found}");
    }
}

#[test]
fn check_reports_what_exists_and_what_is_missing() {
    let scene = Scene::start();
    let config = &scene.setup.config;
    let well = [
        "ok     brokers: 1 broker in the cluster".to_owned(),
        format!("ok     topic {TOPIC}: 4 partitions"),
        format!("ok     dead letters {LETTERS}: 1 partition"),
        "ok     AWS credentials: found".to_owned(),
    ];
    let well: Vec<_> = well.iter().map(String::as_str).collect();
    check(config, 0, &well);
    let missing = config.replace(LETTERS, "nowhere");
    check(
        &missing,
        0,
        &[well[0], well[1], "ok     dead letters nowhere: it does not exist yet; `run` creates it"],
    );
    let missing = config.replace(TOPIC, "nowhere");
    check(&missing, 69, &[well[0], "FAILS  topic nowhere: it does not exist", well[2]]);
    assert!(scene.committed().is_empty() && scene.letters().is_empty(), "nothing is changed");
}

#[test]
fn check_reports_refusals_of_the_brokers() {
    let scene = Scene::start();
    let config = &scene.setup.config;
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    scene.kafka.cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[refused; 20]);
    check(config, 69, &["FAILS  group pinpoint-sidecar: "]);
    scene.kafka.cluster.clear_request_errors(RDKafkaApiKey::OffsetFetch);
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    scene.kafka.cluster.topic_error(TOPIC, refused).expect("the cluster takes it");
    check(config, 69, &[&format!("FAILS  topic {TOPIC}: "), "ok     group pinpoint-sidecar: "]);
}
