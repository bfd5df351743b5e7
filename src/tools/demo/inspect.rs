//! What any client of a cluster can see: the dead letters, the redriven records, the events in the topics of
//! destinations, and the group's commits.
//!
//! Knows only the contract of the service: the names of topics, group and headers.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaResult,
    message::{BorrowedMessage, Headers as _},
};
use serde::Deserialize;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::DemoKind,
    tools::demo::{
        clusters,
        evidence::{Arriving, DeadLetter, Fingerprint, Positions, RecordId, RedrivenRecord},
        generate::Realm,
        stage::{DEAD_LETTERS, PARTITIONS, TOPIC},
    },
};

/// How long one wait for a record takes.
const TURN: Duration = Duration::from_millis(100);
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A record of the topic of the dead letters.
pub(super) enum LetterOrReceipt {
    Letter(DeadLetter),
    Receipt,
}

/// A function that reads the dead letters until `stop`, for a thread of its own, and sends them to `letters`.
///
/// # Errors
/// If the consumer cannot be created.
pub(super) fn letters(
    brokers: &str,
    letters: Sender<LetterOrReceipt>,
    stop: CancellationToken,
) -> KafkaResult<impl FnOnce() + Send + 'static> {
    reader((brokers, DEAD_LETTERS, PARTITIONS / 2), letter_or_receipt, letters, stop)
}

/// A function that reads the events in the topic of a realm until `stop`, and sends them to `events`.
///
/// # Errors
/// If the consumer cannot be created.
pub(super) fn events(
    (brokers, topic): (&str, &str),
    realm: Realm,
    events: Sender<Arriving>,
    stop: CancellationToken,
) -> KafkaResult<impl FnOnce() + Send + 'static> {
    let event = move |message: &BorrowedMessage<'_>| event(realm, message);
    reader((brokers, topic, clusters::PARTITIONS), event, events, stop)
}

/// A function that reads a topic with so many partitions until `stop`, for a thread of its own.
fn reader<T: Send + 'static>(
    (brokers, topic, partition_count): (&str, &str, i32),
    read: impl Fn(&BorrowedMessage<'_>) -> Option<T> + Send + 'static,
    to: Sender<T>,
    stop: CancellationToken,
) -> KafkaResult<impl FnOnce() + Send + 'static> {
    let consumer = consumer(brokers, "reads-alone")?;
    consumer.assign(&partitions(topic, partition_count, Offset::Beginning))?;
    Ok(move || {
        while !stop.is_cancelled() {
            let message = consumer.poll(TURN).and_then(Result::ok);
            let found = message.and_then(|message| read(&message));
            if found.is_some_and(|found| to.blocking_send(found).is_err()) {
                return;
            }
        }
    })
}

/// The group's commits, the number of dead letters, and the number of events in the topics of realms, each with
/// its brokers. Blocks until all brokers have answered.
///
/// # Errors
/// If a broker does not answer.
pub(super) fn positions(
    (brokers, group): (&str, &str),
    topics: &[(Realm, String)],
) -> KafkaResult<Positions> {
    let consumer = consumer(brokers, group)?;
    let read = partitions(TOPIC, PARTITIONS, Offset::Invalid);
    let committed = consumer.committed_offsets(read, PATIENCE)?;
    let committed = committed.elements().into_iter().filter_map(|element| match element.offset() {
        Offset::Offset(offset) => Some((element.partition(), offset)),
        _ => None,
    });
    let committed = committed.collect();
    let count = |ends: BTreeMap<i32, i64>| ends.values().map(|end| end.unsigned_abs()).sum::<u64>();
    let letters = count(ends_of(&consumer, DEAD_LETTERS, PARTITIONS / 2)?);
    let mut events = 0;
    for (realm, brokers) in topics {
        let topic = DemoKind::Kafka.resource(*realm);
        events += count(ends_of(&self::consumer(brokers, "asks-for-ends")?, &topic, clusters::PARTITIONS)?);
    }
    Ok(Positions { committed, dead_letters: usize::try_from(letters).unwrap_or(usize::MAX), events })
}

/// The ends of the source topic's partitions. Blocks until the broker has answered.
///
/// # Errors
/// If the broker does not answer.
pub(super) fn ends(brokers: &str) -> KafkaResult<BTreeMap<i32, i64>> {
    ends_of(&consumer(brokers, "asks-for-ends")?, TOPIC, PARTITIONS)
}

/// The redriven records of the source topic between two sets of ends. Blocks until they are read.
///
/// # Errors
/// If the broker does not answer.
pub(super) fn redriven(
    brokers: &str,
    from: &BTreeMap<i32, i64>,
    to: &BTreeMap<i32, i64>,
) -> KafkaResult<Vec<RedrivenRecord>> {
    let consumer = consumer(brokers, "reads-what-was-redriven")?;
    let mut left: BTreeMap<_, _> = to.clone();
    left.retain(|partition, end| from.get(partition).is_none_or(|start| start < end));
    let mut list = TopicPartitionList::new();
    for partition in left.keys() {
        let start = from.get(partition).copied().unwrap_or_default();
        list.add_partition_offset(TOPIC, *partition, Offset::Offset(start))?;
    }
    consumer.assign(&list)?;
    let mut found = Vec::new();
    while !left.is_empty() {
        let Some(message) = consumer.poll(PATIENCE).transpose()? else { break };
        if left.get(&message.partition()).is_some_and(|end| message.offset() + 1 >= *end) {
            left.remove(&message.partition());
        }
        found.extend(redriven_record(&message));
    }
    Ok(found)
}

fn ends_of(consumer: &BaseConsumer, topic: &str, partitions: i32) -> KafkaResult<BTreeMap<i32, i64>> {
    let end = |partition| Ok((partition, consumer.fetch_watermarks(topic, partition, PATIENCE)?.1));
    (0..partitions).map(end).collect()
}

/// A consumer that joins no group: it assigns partitions to itself, or only asks.
fn consumer(brokers: &str, group: &str) -> KafkaResult<BaseConsumer> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers).set("group.id", group).set("enable.auto.commit", "false");
    client.create()
}

fn partitions(topic: &str, count: i32, offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in 0..count {
        // Fails only for an invalid offset.
        let _ = list.add_partition_offset(topic, partition, offset);
    }
    list
}

fn header(message: &BorrowedMessage<'_>, name: &str) -> Option<String> {
    headers(message, name).next()
}

/// The values of all headers of this name.
fn headers(message: &BorrowedMessage<'_>, name: &str) -> impl Iterator<Item = String> {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let values = headers.filter(move |header| header.key == name).filter_map(|header| header.value);
    values.filter_map(|value| std::str::from_utf8(value).ok().map(str::to_owned))
}

fn fingerprint(message: &BorrowedMessage<'_>) -> Fingerprint {
    Fingerprint::of(message.timestamp().to_millis(), message.key(), message.payload())
}

fn letter_or_receipt(message: &BorrowedMessage<'_>) -> Option<LetterOrReceipt> {
    if message.headers()?.iter().any(|header| header.key == "pinpoint_sidecar.receipt") {
        return Some(LetterOrReceipt::Receipt);
    }
    let record = RecordId {
        partition: header(message, "__connect.errors.partition")?.parse().ok()?,
        offset: header(message, "__connect.errors.offset")?.parse().ok()?,
    };
    Some(LetterOrReceipt::Letter(DeadLetter {
        record,
        reason: header(message, "pinpoint_sidecar.reason")?,
        event_ids: headers(message, "pinpoint_sidecar.event_id").collect(),
        again: header(message, "pinpoint_sidecar.redriven").is_some(),
        fingerprint: fingerprint(message),
    }))
}

fn event(realm: Realm, message: &BorrowedMessage<'_>) -> Option<Arriving> {
    #[derive(Deserialize)]
    struct StreamRecord {
        event_type: String,
    }
    let record: StreamRecord = serde_json::from_slice(message.payload()?).ok()?;
    Some(Arriving {
        realm: Some(realm),
        endpoint_id: std::str::from_utf8(message.key()?).ok()?.into(),
        event_id: header(message, "event_id")?,
        event_type: record.event_type,
    })
}

/// Reads the header of a redriven record: an HMAC, and what it is about.
fn redriven_record(message: &BorrowedMessage<'_>) -> Option<RedrivenRecord> {
    #[derive(Deserialize)]
    struct About {
        partition: i32,
        offset: i64,
        send: Vec<Selection>,
    }
    #[derive(Deserialize)]
    struct Selection {
        events: Vec<String>,
    }
    let header = header(message, "pinpoint_sidecar.redrive")?;
    let About { partition, offset, send } = serde_json::from_str(header.split_once(' ')?.1).ok()?;
    Some(RedrivenRecord {
        record: RecordId { partition: message.partition(), offset: message.offset() },
        original: RecordId { partition, offset },
        event_ids: send.into_iter().flat_map(|selection| selection.events).collect(),
        fingerprint: fingerprint(message),
    })
}
