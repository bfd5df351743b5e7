//! Dead letters on a real broker, with what only a real log has: transactions, gaps, and times by which it
//! can be searched.

use std::{fs, time::Duration};

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use super::scene::Scene;
use crate::support::{client::Message, kafka::Kafka, service};

const LETTERS: &str = "real-redrive-letters";
const SECRET: &str = "0123456789abcdef";

#[track_caller]
fn redrive(scene: &Scene, arguments: &[&str]) -> [u64; 4] {
    let config = scene.setup().config.replace(&scene.letters_topic(), LETTERS);
    run(&format!("{config}redrive: {{ secret: {SECRET} }}\n"), arguments)
}

/// Runs `redrive`, and returns the numbers of its table: read, matched, written and skipped.
#[track_caller]
pub(super) fn run(config: &str, arguments: &[&str]) -> [u64; 4] {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yaml");
    fs::write(&file, config).expect("a file");
    let file = file.to_str().expect("a path");
    let output = service::run(&[&["redrive", "--config", file], arguments].concat());
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), &*err), (Some(0), ""), "{out}");
    ["read", "matched", "records", "skipped"].map(|name| {
        let line = out.lines().find(|line| line.starts_with(&format!("  {name}"))).expect("a row");
        line.split(' ').next_back().expect("a number").replace(',', "").parse().expect("a number")
    })
}

/// A letter about the record at this offset, which could not be read.
fn letter(topic: &str, partition: i32, offset: usize) -> Message {
    let own = [
        ("__connect.errors.topic", topic.to_owned()),
        ("pinpoint_sidecar.topic", topic.to_owned()),
        ("pinpoint_sidecar.partition", "0".to_owned()),
        ("pinpoint_sidecar.offset", offset.to_string()),
        ("pinpoint_sidecar.reason", "not_json".to_owned()),
    ];
    let headers = own.map(|(name, value)| (name.to_owned(), Some(value.into_bytes()))).into();
    Message { partition: Some(partition), headers, ..Message::of(format!("record {offset}")) }
}

/// Writes letters in a transaction, which leaves a marker at the end of the partition.
fn in_transaction(kafka: &Kafka, topic: &str, id: &str, letters: &[Message], commits: bool) {
    let mut config: ClientConfig = kafka.client.config();
    let producer: BaseProducer = config.set("transactional.id", id).create().expect("a producer");
    let time = Duration::from_secs(30);
    producer.init_transactions(time).expect("transactions");
    producer.begin_transaction().expect("a transaction");
    for letter in letters {
        let headers = letter.headers.iter().map(|(key, value)| Header { key, value: value.as_ref() });
        let mut record = BaseRecord::<[u8], [u8]>::to(topic);
        record.partition = letter.partition;
        record.payload = letter.value.as_deref();
        record.headers = Some(headers.fold(OwnedHeaders::new(), OwnedHeaders::insert));
        producer.send(record).expect("the letter is queued");
    }
    producer.flush(time).expect("the letters are written");
    let ended = if commits { producer.commit_transaction(time) } else { producer.abort_transaction(time) };
    ended.expect("the transaction ends");
}

pub(super) fn letters_are_redriven_from_a_log_with_markers_and_gaps() {
    let kafka = Kafka::shared();
    let scene = Scene::new(kafka, "real-redrive", 2);
    let letters = LETTERS;
    kafka.create_topic(letters, 3, &[("message.timestamp.type", "LogAppendTime")]);
    let topic = &scene.topic;
    // The second partition ends with the marker of a transaction that was aborted, the third is empty.
    kafka.client.produce(letters, (0..10).map(|offset| letter(topic, 0, offset)));
    in_transaction(kafka, letters, "redrive-1", &[letter(topic, 1, 10), letter(topic, 1, 11)], true);
    in_transaction(kafka, letters, "redrive-2", &[letter(topic, 1, 12)], false);
    kafka.delete_records(letters, &[(0, 4)]);
    assert_eq!(redrive(&scene, &["--dry-run"]), [8, 8, 8, 0]);
    let all = kafka.client.read_all(letters);
    let time = |offset: i64| all.iter().find(|it| it.partition == Some(1) && it.offset == Some(offset));
    let last = time(1).and_then(|letter| letter.timestamp).expect("a time");
    let text = |millis: i64| jiff::Timestamp::from_millisecond(millis).expect("a time").to_string();
    let since = redrive(&scene, &["--dry-run", "--since", &text(last)]);
    assert!((1..=2).contains(&since[0]) && since[1] == since[0], "{since:?}");
    assert_eq!(redrive(&scene, &["--dry-run", "--since", &text(last + 60_000)]), [0; 4]);
    let until = redrive(&scene, &["--dry-run", "--until", &text(last)]);
    assert!(until[0] == 8 && (6..8).contains(&until[1]), "{until:?}");

    assert_eq!(redrive(&scene, &[])[2], 8);
    assert_eq!(redrive(&scene, &[]), [8, 0, 0, 8]);
    let written = kafka.client.read_all(topic);
    let mut values: Vec<_> = written.iter().map(|it| it.value.clone().expect("a value")).collect();
    values.sort();
    let mut expected: Vec<_> = (4..12).map(|offset| format!("record {offset}").into_bytes()).collect();
    expected.sort();
    assert_eq!(values, expected);
    assert!(
        written
            .iter()
            .all(|record| record.partition == Some(0) && record.header("pinpoint_sidecar.redrive").is_some())
    );
}
