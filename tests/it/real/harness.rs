//! Tests of what the other tests are built on.

use std::{collections::BTreeMap, env, process::Command};

use crate::support::{client::Message, kafka::Kafka};

pub(super) fn the_broker_gives_back_what_was_produced() {
    let kafka = Kafka::shared();
    kafka.create_topic("round-trip", 2, &[]);
    kafka.client.check_round_trip("round-trip");
}

pub(super) fn a_topic_can_be_made_anew() {
    let kafka = Kafka::shared();
    kafka.create_topic("made-anew", 1, &[("retention.ms", "60000")]);
    kafka.client.produce("made-anew", [Message::of("before")]);
    kafka.delete_topic("made-anew");
    kafka.create_topic("made-anew", 2, &[]);
    assert_eq!(kafka.client.ends("made-anew"), BTreeMap::from([(0, 0), (1, 0)]));
}

pub(super) fn the_broker_keeps_its_data_when_it_is_stopped_and_when_it_is_killed() {
    let mut kafka = Kafka::start();
    kafka.create_topic("kept", 1, &[]);
    kafka.client.produce("kept", [Message::of("one")]);
    kafka.stop();
    kafka.restart();
    kafka.client.produce("kept", [Message::of("two")]);
    kafka.kill();
    kafka.restart();
    let values: Vec<_> = kafka.client.read_all("kept").into_iter().map(|message| message.value).collect();
    assert_eq!(values, [Some(b"one".to_vec()), Some(b"two".to_vec())]);
}

pub(super) fn without_java_a_scenario_is_ignored_and_with_ci_it_fails() {
    let run = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env::current_exe().expect("the path of the tests"));
        command.args(["--exact", "real::harness::a_topic_can_be_made_anew"]);
        let output = command.env_clear().envs(variables.iter().copied()).output().expect("the tests start");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    let (code, out) = run(&[("PATH", "/nowhere")]);
    assert!(code == Some(0) && out.contains("ok. 0 passed; 0 failed; 1 ignored"), "{out}");
    let (code, out) = run(&[("PATH", "/nowhere"), ("CI", "true")]);
    assert!(code == Some(101) && out.contains("FAILED. 0 passed; 1 failed"), "{out}");
}
