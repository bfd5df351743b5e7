//! Reading: what a poll returns, as records of ours and as errors.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    Message as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};

use super::{partitions::OwnedPartitions, state::State};
use crate::{
    core::{code::Code, record::Record},
    edge::kafka::{codes, connection::Connection, record::record},
};

/// Records in a batch. Those on their way to the runner come on top of its bound when it pauses everything, and
/// a revocation has to wait until they are settled.
const BATCH_RECORDS: usize = 100;

#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    pub(super) errors: Vec<KafkaError>,
}

/// What an error of librdkafka's means for the source.
pub(super) enum Meaning {
    /// librdkafka has given up.
    Fatal(Code),
    /// A position is out of the range of its log.
    OutOfRange,
    /// The brokers or the topics are not as they were.
    Changed,
    Other(Code),
}

/// Reads what is there, up to a batch of about `max_bytes`; waits for the first record.
pub(super) fn read(state: &mut State, max_bytes: usize, mut wait: Duration) -> Batch {
    let consumer = Arc::clone(&state.consumer);
    let (mut batch, mut bytes) = (Batch::default(), 0);
    while batch.records.len() < BATCH_RECORDS && bytes < max_bytes {
        match consumer.poll(wait) {
            Some(Ok(message)) => {
                if let Some(record) = owned_record(&mut state.partitions, &message) {
                    bytes += record.weight();
                    batch.records.push(record);
                }
            }
            Some(Err(error)) => batch.errors.push(error),
            None => break,
        }
        wait = Duration::ZERO;
    }
    batch
}

fn owned_record(partitions: &mut OwnedPartitions, message: &BorrowedMessage<'_>) -> Option<Record> {
    let (ownership, topic) = partitions.read(message.topic(), message.partition(), message.offset())?;
    Some(record(message, ownership, topic))
}

/// Notes an error of the connection, and returns what to do about an error.
pub(super) fn meaning(error: &KafkaError, connection: &mut Connection) -> Meaning {
    if let KafkaError::MessageConsumptionFatal(code) = error {
        return Meaning::Fatal(codes::named(*code));
    }
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::LogTruncation) => {
            tracing::error!(
                "the brokers' log was truncated and continues with other records: some may never be read"
            );
            Meaning::OutOfRange
        }
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => Meaning::OutOfRange,
        Some(
            RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopicId,
        ) => Meaning::Changed,
        Some(code) if connection.note(code) => Meaning::Changed,
        _ => Meaning::Other(codes::code(error)),
    }
}
