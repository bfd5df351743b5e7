//! Has librdkafka compare positions with the leader epochs of their logs, so that it reports a truncation.
//!
//! librdkafka does that by itself when a partition's leader changes, but not where reading begins. A seek does
//! it. rdkafka gives access to no epoch, so the lists come from `position` and `committed_offsets`, which carry
//! the epochs, and only their offsets are set.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};

use super::{group::GroupConsumer, partitions::OwnedPartitions};
use crate::{
    core::record::{Ownership, TopicPartition},
    edge::kafka::partition_list::with_offsets,
};

/// How long librdkafka's own thread may take to accept a seek.
const SEEK: Duration = Duration::from_millis(100);
/// How long partitions that were just assigned may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Positions to compare. Their partitions are paused until they were sought, so that nothing is fetched before.
#[derive(Default)]
pub(super) struct Validation(VecDeque<Wanted>);

struct Wanted {
    epochs: Arc<TopicPartitionList>,
    /// The ownerships that the list is about; `None` means all of its partitions.
    ownerships: Option<BTreeSet<Ownership>>,
    until: Instant,
}

impl Validation {
    /// Adds partitions, with the epochs that the list carries.
    pub(super) fn want(&mut self, epochs: TopicPartitionList, now: Instant) {
        if epochs.count() > 0 {
            let epochs = Arc::new(epochs);
            self.0.push_back(Wanted { epochs, ownerships: None, until: now + PATIENCE });
        }
    }

    /// Adds the partitions of these ownerships. The others in the list must be paused as well: also a refused seek
    /// discards what was fetched ahead.
    pub(super) fn want_for(
        &mut self,
        epochs: Arc<TopicPartitionList>,
        ownerships: BTreeSet<Ownership>,
        now: Instant,
    ) {
        self.0.push_back(Wanted { epochs, ownerships: Some(ownerships), until: now + PATIENCE });
    }

    /// Whether a seek is still to be made.
    pub(super) fn is_pending(&self) -> bool {
        !self.0.is_empty()
    }

    /// Seeks to the present positions, if the partitions have started.
    pub(super) fn step(&mut self, consumer: &GroupConsumer, owned: &OwnedPartitions, now: Instant) {
        while let Some(wanted) = self.0.front() {
            let sought = seek(consumer, wanted, owned);
            if wanted.until > now && !sought.is_ok_and(|sought| have_started(&sought)) {
                return;
            }
            self.0.pop_front();
        }
    }
}

fn seek(
    consumer: &GroupConsumer,
    wanted: &Wanted,
    owned: &OwnedPartitions,
) -> KafkaResult<TopicPartitionList> {
    let is_meant =
        |ownership: Ownership| wanted.ownerships.as_ref().is_none_or(|meant| meant.contains(&ownership));
    let next = |partition: &TopicPartition| {
        owned.get(partition).filter(|owned| is_meant(owned.ownership))?.comparable()
    };
    // A seek to the stored offset is refused. A seek to another logical offset would be in the way of the query
    // for it.
    let offset = |partition: &TopicPartition| next(partition).map_or(Offset::Stored, Offset::Offset);
    let sought = consumer.seek_partitions(with_offsets((*wanted.epochs).clone(), offset)?, SEEK)?;
    Ok(sought)
}

/// Whether the partitions that are to be sought have started. The others may have been revoked.
fn have_started(sought: &TopicPartitionList) -> bool {
    let state = Some(RDKafkaErrorCode::State);
    let code = |error: KafkaError| error.rdkafka_error_code();
    let elements = sought.elements();
    let mut meant = elements.iter().filter(|element| element.offset() != Offset::Stored);
    !meant.any(|element| element.error().err().and_then(code) == state)
}
