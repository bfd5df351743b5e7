//! Reading: turns what a poll returns into our records and errors.

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

/// How many records a batch may have. When the runner pauses everything, batches in progress exceed its bound
/// by this much, and a revocation waits until they are settled.
const BATCH_RECORDS: usize = 100;

#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    pub(super) errors: Vec<KafkaError>,
}

/// What an error of librdkafka means for the source.
pub(super) enum Meaning {
    /// librdkafka has given up.
    Fatal(Code),
    /// A position is outside the range of its log.
    OutOfRange,
    /// The brokers or the topics have changed.
    Changed,
    Other(Code),
}

/// Reads what is available, up to a batch of about `max_bytes`; waits for the first record.
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

/// Notes an error of the connection, and returns how to react to the error.
pub(super) fn meaning(error: &KafkaError, connection: &mut Connection) -> Meaning {
    if let KafkaError::MessageConsumptionFatal(code) = error {
        return Meaning::Fatal(codes::named(*code));
    }
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::AutoOffsetReset
            | RDKafkaErrorCode::OffsetOutOfRange
            | RDKafkaErrorCode::LogTruncation,
        ) => Meaning::OutOfRange,
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
