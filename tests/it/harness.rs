//! Tests of what the other tests stand on.

use std::collections::BTreeMap;

use crate::support::{
    client::{Client, Message},
    kafka::Kafka,
    mock::MockKafka,
};

#[test]
fn the_embedded_broker_gives_back_what_was_produced() {
    let kafka = MockKafka::start();
    kafka.create_topic("round-trip", 2);
    check_round_trip(&kafka.client, "round-trip");
}

#[test]
fn the_real_broker_gives_back_what_was_produced() {
    let Some(kafka) = Kafka::shared() else { return };
    kafka.create_topic("round-trip", 2, &[]);
    check_round_trip(&kafka.client, "round-trip");
}

#[test]
fn a_topic_of_the_real_broker_can_be_made_anew() {
    let Some(kafka) = Kafka::shared() else { return };
    kafka.create_topic("made-anew", 1, &[("retention.ms", "60000")]);
    kafka.client.produce("made-anew", [Message::of("before")]);
    kafka.delete_topic("made-anew");
    kafka.create_topic("made-anew", 2, &[]);
    assert_eq!(kafka.client.ends("made-anew"), BTreeMap::from([(0, 0), (1, 0)]));
}

#[test]
fn the_real_broker_keeps_its_data_when_it_is_stopped_and_when_it_is_killed() {
    let Some(mut kafka) = Kafka::start() else { return };
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

/// Writes to both of a topic's partitions and reads back.
#[track_caller]
fn check_round_trip(client: &Client, topic: &str) {
    let whole = Message {
        partition: Some(1),
        offset: None,
        timestamp: Some(1_795_341_600_000),
        key: Some(b"key".to_vec()),
        value: Some(b"value".to_vec()),
        headers: vec![("name".into(), Some(b"text".to_vec())), ("null".into(), None)],
    };
    let tombstone = Message { key: Some(b"key".to_vec()), value: None, ..whole.clone() };
    let elsewhere = Message { partition: Some(0), ..whole.clone() };
    client.produce(topic, [whole.clone(), tombstone.clone(), elsewhere.clone()]);
    let read = |message: Message, offset| Message { offset: Some(offset), ..message };
    assert_eq!(client.read_all(topic), [read(elsewhere, 0), read(whole.clone(), 0), read(tombstone, 1)]);
    assert_eq!(whole.header("name"), Some("text"));
    assert_eq!(client.ends(topic), BTreeMap::from([(0, 1), (1, 2)]));
    assert_eq!(client.committed("never-committed", topic), BTreeMap::new());
}
