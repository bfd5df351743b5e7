//! What any client of the cluster can see: the dead letters and the group's commits.
//!
//! Knows only the contract of the service: the names of topics, group and headers.

use std::time::Duration;

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaResult,
    message::{BorrowedMessage, Headers as _},
};
use tokio::sync::mpsc::{self, Receiver};
use tokio_util::sync::CancellationToken;

use crate::tools::demo::{
    evidence::{ContentHash, DeadLetter, Positions, RecordId},
    stage::{DEAD_LETTERS, PARTITIONS, TOPIC},
};

/// Dead letters that may wait in the channel.
const WAITING: usize = 4096;
/// How long one wait for a dead letter takes.
const TURN: Duration = Duration::from_millis(100);
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A function that reads the dead letters until `stop`, for a thread of its own. Only dead letters of this
/// service come through the channel.
///
/// # Errors
/// If the consumer cannot be created.
pub(super) fn reader(
    brokers: &str,
    stop: CancellationToken,
) -> KafkaResult<(Receiver<DeadLetter>, impl FnOnce() + Send + 'static)> {
    let consumer = consumer(brokers, "reads-the-dead-letters")?;
    consumer.assign(&partitions(DEAD_LETTERS, PARTITIONS / 2, Offset::Beginning))?;
    let (send, letters) = mpsc::channel(WAITING);
    let read = move || {
        while !stop.is_cancelled() {
            let message = consumer.poll(TURN).and_then(Result::ok);
            let letter = message.and_then(|message| letter(&message));
            if letter.is_some_and(|letter| send.blocking_send(letter).is_err()) {
                return;
            }
        }
    };
    Ok((letters, read))
}

/// The commits of `group`, and the number of dead letters. Blocks until the broker has answered.
///
/// # Errors
/// If the broker does not answer.
pub(super) fn positions(brokers: &str, group: &str) -> KafkaResult<Positions> {
    let consumer = consumer(brokers, group)?;
    let read = partitions(TOPIC, PARTITIONS, Offset::Invalid);
    let committed = consumer.committed_offsets(read, PATIENCE)?;
    let committed = committed.elements().into_iter().filter_map(|element| match element.offset() {
        Offset::Offset(offset) => Some((element.partition(), offset)),
        _ => None,
    });
    let mut letters = 0;
    for partition in 0..PARTITIONS / 2 {
        let (_, end) = consumer.fetch_watermarks(DEAD_LETTERS, partition, PATIENCE)?;
        letters += usize::try_from(end).unwrap_or_default();
    }
    Ok(Positions { committed: committed.collect(), dead_letters: letters })
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

fn letter(message: &BorrowedMessage<'_>) -> Option<DeadLetter> {
    let header = |name: &str| {
        let mut headers = message.headers()?.iter();
        let value = headers.find(|header| header.key == name)?.value?;
        std::str::from_utf8(value).ok().map(str::to_owned)
    };
    let record = RecordId {
        partition: header("__connect.errors.partition")?.parse().ok()?,
        offset: header("__connect.errors.offset")?.parse().ok()?,
    };
    Some(DeadLetter {
        record,
        reason: header("pinpoint_sidecar.reason")?,
        event_id: header("pinpoint_sidecar.event_id"),
        fingerprint: ContentHash::of(message.timestamp().to_millis(), message.key(), message.payload()),
    })
}
