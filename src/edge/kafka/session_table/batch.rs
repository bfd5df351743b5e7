//! A batch of the table's records, which a few polls return.

use std::time::Duration;

use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, ConsumerContext},
    error::KafkaError,
    message::BorrowedMessage,
};

use super::progress::LoadProgress;
use crate::core::session_table::Entry;

/// The limits of a batch: entries, and roughly their bytes.
const LIMITS: (usize, usize) = (1000, 256 * 1024);

#[derive(Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// How many records are not entries.
    pub(super) ignored: u64,
    /// Whether the log has started again.
    pub(super) is_anew: bool,
    /// Whether a broker has sent a record, or the end of a partition.
    pub(super) has_read: bool,
    /// The error that ended the batch.
    pub(super) error: Option<KafkaError>,
}

impl Batch {
    /// Reads what is available, up to one batch; waits for the first record.
    pub(super) fn read<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        progress: &mut LoadProgress,
        mut wait: Duration,
    ) -> Self {
        let (mut batch, mut bytes) = (Self::default(), 0);
        while batch.entries.len() < LIMITS.0 && bytes < LIMITS.1 && batch.error.is_none() {
            match consumer.poll(wait) {
                Some(Ok(message)) => {
                    batch.is_anew |= progress.read(message.partition(), message.offset());
                    batch.has_read = true;
                    match entry(&message) {
                        Some(entry) => {
                            bytes += entry.weight();
                            batch.entries.push(entry);
                        }
                        None => batch.ignored += 1,
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    progress.reach_end(partition);
                    batch.has_read = true;
                }
                Some(Err(error)) => batch.error = Some(error),
                None => break,
            }
            wait = Duration::ZERO;
        }
        batch
    }
}

fn entry(message: &BorrowedMessage<'_>) -> Option<Entry> {
    let text = |bytes: Option<&[u8]>| Some(Box::from(std::str::from_utf8(bytes?).ok()?));
    Some(Entry { key: text(message.key())?, value: text(message.payload())? })
}
