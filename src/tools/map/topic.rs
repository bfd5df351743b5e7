//! Reads the last records of a topic, without joining the group and without committing.
//!
//! Knows nothing of what is done with the records. Reads up to the ends that the partitions have at the
//! start.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Error, anyhow};
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};

use crate::{
    core::record::{Ownership, Record, TopicPartition},
    edge::kafka::{
        cluster::Cluster,
        codes,
        log::Silent,
        lookups::{Lookups, TopicState},
        partition_list::starting_at,
        reader::reader,
        record::record,
    },
    exit::{Exit, Failure},
};

/// How long the brokers may take to answer a query, and to send a record.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Which records to read.
#[derive(Clone, Copy)]
pub(super) struct Last<'a> {
    pub(super) topic: &'a str,
    /// How many records to read from each partition.
    pub(super) records: u32,
}

/// Passes the last records of each partition to `show`, in the order in which they come.
///
/// # Errors
/// If Kafka does not answer, the topic does not exist, or `show` fails.
pub(super) fn read(
    cluster: &Cluster,
    group: &str,
    last: Last<'_>,
    mut show: impl FnMut(Record) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let consumer = reader(cluster, group).map_err(|error| failed(last.topic, &error))?;
    let topic = Arc::from(last.topic);
    let mut ends = assign(&consumer, &topic, last.records)?;
    while !ends.is_empty() {
        let message = match consumer.poll(TIMEOUT) {
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
            show(record(&message, Ownership(0), Arc::clone(&topic)))?;
        }
        if message.offset() + 1 >= end {
            ends.remove(&message.partition());
        }
    }
    Ok(())
}

/// Assigns the partitions that have records. Returns their ends.
fn assign(
    consumer: &BaseConsumer<Silent>,
    topic: &Arc<str>,
    records: u32,
) -> Result<BTreeMap<i32, i64>, Failure> {
    let failed = |error: KafkaError| failed(topic, &error);
    let lookups = Lookups::new(consumer, TIMEOUT);
    let TopicState::Exists { partitions, .. } = lookups.topic(topic).map_err(failed)? else {
        return Err(unreachable(anyhow!("the topic {topic} cannot be read")));
    };
    let numbered = |partition| TopicPartition { topic: Arc::clone(topic), partition };
    let partitions: Vec<_> = partitions.into_iter().map(numbered).collect();
    let logs = lookups.ranges(&partitions).map_err(failed)?;
    let start = |log: &std::ops::Range<i64>| log.start.max(log.end - i64::from(records));
    let read: BTreeMap<_, _> = logs.into_iter().filter(|(_, log)| start(log) < log.end).collect();
    let list = starting_at(read.iter().map(|(partition, log)| (partition, Some(start(log)))));
    list.and_then(|list| consumer.assign(&list)).map_err(failed)?;
    Ok(read.into_iter().map(|(partition, log)| (partition.partition, log.end)).collect())
}

fn failed(topic: &str, error: &KafkaError) -> Failure {
    unreachable(anyhow!("{}", codes::code(error)).context(format!("the topic {topic} cannot be read")))
}

fn unreachable(cause: Error) -> Failure {
    let help = "`pinpoint-sidecar check` tries the brokers and the topics of the configuration";
    Failure::new(Exit::Unreachable, cause).with_help(help)
}
