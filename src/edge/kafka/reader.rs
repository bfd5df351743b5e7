//! Reads records without joining a group and without committing.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};

use super::{
    cluster::{Cluster, Take},
    codes,
    log::Silent,
    partition_list::starting_at,
    record::record,
};
use crate::core::record::{Ownership, Record, TopicPartition};

/// How many errors of connections may come before a record.
const TOLERATED: usize = 20;

/// A consumer that reads the partitions that it is assigned, and reports their ends.
///
/// # Errors
/// If librdkafka refuses a property.
pub fn reader(cluster: &Cluster, group: &str) -> KafkaResult<BaseConsumer<Silent>> {
    let owned = [
        // No group is joined, but librdkafka assigns nothing without one.
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("allow.auto.create.topics", "false"),
        ("enable.partition.eof", "true"),
        ("auto.offset.reset", "earliest"),
    ];
    cluster.client(&[], Take::All, &owned).create_with_context(Silent)
}

/// The first record at or after an offset; `None` if there is none.
///
/// # Errors
/// If the brokers do not answer in time.
pub fn record_from(
    consumer: &BaseConsumer<Silent>,
    partition: &TopicPartition,
    offset: i64,
    timeout: Duration,
) -> KafkaResult<Option<Record>> {
    consumer.assign(&starting_at([(partition, Some(offset))])?)?;
    for _ in 0..TOLERATED {
        match consumer.poll(timeout) {
            Some(Ok(message)) => {
                return Ok(Some(record(&message, Ownership(0), Arc::clone(&partition.topic))));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            // One of several brokers is down.
            Some(Err(error)) if is_about_a_broker(&error) => {}
            Some(Err(error)) => return Err(error),
            None => break,
        }
    }
    Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut))
}

fn is_about_a_broker(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    code == Some(RDKafkaErrorCode::AllBrokersDown)
        || code.is_some_and(|it| codes::explains_unreachable(it).is_some())
}
