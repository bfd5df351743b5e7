//! The last records of a topic, as `map` shows them on any kind of broker.

use std::fs;

use super::{
    client::{Client, Message},
    service,
};

/// Produces five records and maps the last two of them, in a group that has never existed.
#[track_caller]
pub(crate) fn check(client: &Client, topic: &str) {
    let record = |number: usize| {
        Message::of(format!(
            r#"{{"type":"sign_up","id":"e{number}","time":1795382428244,"user":"u{number}"}}"#
        ))
    };
    client.produce(topic, (1..=5).map(record));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let (brokers, group) = (&client.bootstrap, group(topic));
    let source = format!("source: {{ brokers: '{brokers}', group: {group}, format: identity-event }}");
    fs::write(&config, source).unwrap();
    let output =
        service::run(&["map", "--config", config.to_str().unwrap(), "--topic", topic, "--last", "2"]);
    let shown = String::from_utf8_lossy(&output.stdout);
    let heads: Vec<_> = shown.lines().filter(|line| line.starts_with("record")).collect();
    let expected = [
        format!("record 1 ({topic}, partition 0, offset 3): identity-event"),
        format!("record 2 ({topic}, partition 0, offset 4): identity-event"),
    ];
    assert_eq!(heads, expected, "{output:?}");
    assert!(client.committed(&group, topic).is_empty(), "nothing is committed");
}

/// The group in which a topic is read.
pub(crate) fn group(topic: &str) -> String {
    format!("{topic}-group")
}
