//! Reads the last records of a topic without joining the group and without committing.
//!
//! Knows nothing of what is done with them. Reads up to the ends that the partitions have when it starts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Error, anyhow};
use rdkafka::{
    ClientContext, Message as _, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, KafkaResult},
    message::{BorrowedMessage, Headers as _},
};

use crate::{
    core::{
        catch_panic,
        record::{Header, Ownership, Record},
        time::Timestamp,
    },
    edge::kafka::{client::Cluster, codes},
    exit::{Exit, Failure},
};

/// How long each answer is waited for, and each record.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which records are read.
#[derive(Clone, Copy)]
pub(super) struct Last<'a> {
    pub(super) topic: &'a str,
    /// How many of each partition.
    pub(super) records: u32,
}

/// Hands the last records of each partition to `show`, in the order in which they come.
///
/// # Errors
///
/// When Kafka does not answer, the topic does not exist, or `show` fails.
pub(super) fn read(
    cluster: &Cluster<'_>,
    group: &str,
    last: Last<'_>,
    mut show: impl FnMut(Record) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let consumer = consumer(cluster, group).map_err(|error| failed(last.topic, &error))?;
    let mut ends = assign(&consumer, last)?;
    while !ends.is_empty() {
        let message = match consumer.poll(PATIENCE) {
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ends.remove(&partition);
                continue;
            }
            Some(Err(error)) => return Err(failed(last.topic, &error)),
            None => return Err(unreachable(anyhow!("no more records of {} came in 10 s", last.topic))),
        };
        let Some(end) = ends.get(&message.partition()).copied() else { continue };
        if message.offset() < end {
            show(record(&message))?;
        }
        if message.offset() + 1 >= end {
            ends.remove(&message.partition());
        }
    }
    Ok(())
}

fn consumer(cluster: &Cluster<'_>, group: &str) -> KafkaResult<BaseConsumer<Silent>> {
    let owned = [
        // Named because librdkafka assigns nothing without one; it is not joined.
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("allow.auto.create.topics", "false"),
        ("enable.partition.eof", "true"),
        ("auto.offset.reset", "earliest"),
    ];
    cluster.client(&[], |_| true, &owned).create_with_context(Silent)
}

/// Assigns the partitions that have records; returns their ends.
fn assign(consumer: &BaseConsumer<Silent>, last: Last<'_>) -> Result<BTreeMap<i32, i64>, Failure> {
    let told = |error: KafkaError| failed(last.topic, &error);
    let metadata = consumer.fetch_metadata(Some(last.topic), PATIENCE).map_err(told)?;
    let topic = metadata.topics().first().filter(|topic| topic.error().is_none());
    let topic = topic.ok_or_else(|| unreachable(anyhow!("the topic {} cannot be read", last.topic)))?;
    let (mut assigned, mut ends) = (TopicPartitionList::new(), BTreeMap::new());
    for partition in topic.partitions() {
        let (oldest, end) = consumer.fetch_watermarks(last.topic, partition.id(), PATIENCE).map_err(told)?;
        let from = oldest.max(end - i64::from(last.records));
        if from < end {
            assigned.add_partition_offset(last.topic, partition.id(), Offset::Offset(from)).map_err(told)?;
            ends.insert(partition.id(), end);
        }
    }
    consumer.assign(&assigned).map_err(told)?;
    Ok(ends)
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    Record {
        ownership: Ownership(0),
        topic: Arc::from(message.topic()),
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().map(Timestamp),
        key: message.key().map(Box::from),
        value: message.payload().map(Box::from),
        headers: headers(message),
    }
}

fn headers(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let Some(headers) = message.headers() else { return Vec::new() };
    let header = |index| {
        let header = headers.try_get(index)?;
        Some((header.key.into(), header.value.map(Box::from)))
    };
    // rdkafka panics on a name that is not UTF-8.
    (0..headers.count()).filter_map(|index| catch_panic::caught(|| header(index))).collect()
}

fn failed(topic: &str, error: &KafkaError) -> Failure {
    unreachable(anyhow!("{}", codes::code(error)).context(format!("the topic {topic} cannot be read")))
}

fn unreachable(cause: Error) -> Failure {
    let help = "`pinpoint-sidecar check` tries the brokers and the topics of the configuration";
    Failure::new(Exit::Unreachable, cause).with_help(help)
}

/// Says nothing: what goes wrong comes back from each call.
struct Silent;

impl ClientContext for Silent {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Silent {}
