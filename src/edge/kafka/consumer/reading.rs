//! Reading: what a poll brings, as records of ours or as an error to be judged.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    Message as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _},
};

use super::poll::PollLoop;
use crate::{
    core::{
        catch_panic,
        record::{Header, Record},
        source::SourceEvent,
        time::Timestamp,
    },
    edge::kafka::codes,
};

/// Records in a batch. Those on their way to the runner are outstanding over its bound when it pauses
/// the paused, and what is outstanding has to be drained within a revocation's time.
const BATCH_RECORDS: usize = 100;

impl PollLoop {
    /// Reads what there is, up to a batch; waits for the first record.
    pub(super) fn read(&mut self, mut wait: Duration) {
        let consumer = Arc::clone(&self.consumer);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_RECORDS && bytes < self.batch_bytes {
            match consumer.poll(wait) {
                Some(Ok(message)) => {
                    if let Some(record) = self.record(&message) {
                        bytes += record.weight();
                        batch.push(record);
                    }
                }
                Some(Err(error)) => self.judge(&error),
                None => break,
            }
            wait = Duration::ZERO;
        }
        if !batch.is_empty() && !self.closing.has_begun() {
            self.outbox.push(SourceEvent::Records(batch));
        }
    }

    fn record(&mut self, message: &BorrowedMessage<'_>) -> Option<Record> {
        let (partition, offset) = (message.partition(), message.offset());
        let (ownership, topic) = self.partitions.read(message.topic(), partition, offset)?;
        Some(Record {
            ownership,
            topic,
            partition,
            offset,
            timestamp: message.timestamp().to_millis().map(Timestamp),
            key: message.key().map(Box::from),
            value: message.payload().map(Box::from),
            headers: headers(message),
        })
    }

    /// Acts on an error of librdkafka's: what it retries is shown, what it gives up ends the source.
    fn judge(&mut self, error: &KafkaError) {
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return self.fail(codes::named(*code));
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::LogTruncation) => {
                tracing::error!(
                    "the brokers' log was cut off and goes on with other records: some may never be read"
                );
                self.recovery.want();
            }
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                self.recovery.want();
            }
            Some(
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopicId,
            ) => self.watch.hurry(),
            Some(code) if self.watch.connection.judge(code) => self.watch.hurry(),
            _ => tracing::warn!(code = %codes::code(error), "an error while reading from kafka"),
        }
    }
}

fn headers(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let Some(headers) = message.headers() else { return Vec::new() };
    let header = |index| {
        let header = headers.try_get(index)?;
        Some((header.key.into(), header.value.map(Box::from)))
    };
    // rdkafka panics on a name that is not UTF-8; no record may end the process, so that header is lost.
    (0..headers.count()).filter_map(|index| catch_panic::caught(|| header(index))).collect()
}
