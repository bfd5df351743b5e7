//! Has librdkafka compare positions with the leader epochs of their logs, so that it reports a truncation.
//!
//! librdkafka does that by itself when a partition's leader changes, but not where reading begins. A seek does
//! it. rdkafka gives access to no epoch, so the lists come from `position` and `committed_offsets`, which carry
//! the epochs, and only their offsets are set.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};

use super::{group::GroupConsumer, partitions::OwnedPartitions};
use crate::{core::record::TopicPartition, edge::kafka::partition_list::with_offsets};

/// How long librdkafka's own thread may take to accept a seek.
const SEEK: Duration = Duration::from_millis(100);
/// How long partitions that were just assigned may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Positions to compare. Their partitions are paused until they were sought, so that nothing is fetched before.
#[derive(Default)]
pub(super) struct Validation(VecDeque<(TopicPartitionList, Instant)>);

impl Validation {
    /// Adds partitions, with the epochs that the list carries.
    pub(super) fn want(&mut self, epochs: TopicPartitionList, now: Instant) {
        if epochs.count() > 0 {
            self.0.push_back((epochs, now + PATIENCE));
        }
    }

    /// Whether a seek is still to be made.
    pub(super) fn is_pending(&self) -> bool {
        !self.0.is_empty()
    }

    /// Seeks to the present positions, if the partitions have started.
    pub(super) fn step(&mut self, consumer: &GroupConsumer, owned: &OwnedPartitions, now: Instant) {
        while let Some((epochs, until)) = self.0.front() {
            let sought = seek(consumer, epochs, owned);
            if *until > now && !sought.is_ok_and(|sought| have_started(&sought)) {
                return;
            }
            self.0.pop_front();
        }
    }
}

fn seek(
    consumer: &GroupConsumer,
    epochs: &TopicPartitionList,
    owned: &OwnedPartitions,
) -> KafkaResult<TopicPartitionList> {
    let next = |partition: &TopicPartition| owned.get(partition)?.comparable();
    // A seek to the stored offset is refused before it changes anything. A seek to another logical offset would be
    // in the way of the query for it.
    let offset = |partition: &TopicPartition| next(partition).map_or(Offset::Stored, Offset::Offset);
    let sought = consumer.seek_partitions(with_offsets(epochs.clone(), offset)?, SEEK)?;
    Ok(sought)
}

fn have_started(sought: &TopicPartitionList) -> bool {
    let state = Some(RDKafkaErrorCode::State);
    let code = |error: KafkaError| error.rdkafka_error_code();
    !sought.elements().iter().any(|element| element.error().err().and_then(code) == state)
}
