//! Queries to the brokers: which partitions a topic has, which offsets their logs hold, and what a group has
//! committed.
//!
//! Each call blocks until the brokers answer or the time is up.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    metadata::MetadataPartition,
    topic_partition_list::TopicPartitionListElem,
};

use super::partition_list::without_offsets;
use crate::core::{
    catch_panic,
    record::{CommittedPosition, TopicPartition},
};

/// What the brokers report about a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicState {
    /// The topic exists, with these partitions. One of them may have an error, such as no leader.
    Exists {
        partitions: Vec<i32>,
        error: Option<RDKafkaErrorCode>,
    },
    Missing,
    /// The brokers do not answer this, for example because the user may not describe the topic.
    Unknown(RDKafkaErrorCode),
}

/// Queries the brokers through a consumer, with a time-out for each query.
pub struct Lookups<'a, C: ConsumerContext> {
    consumer: &'a BaseConsumer<C>,
    timeout: Duration,
}

impl<'a, C: ConsumerContext> Lookups<'a, C> {
    #[must_use]
    pub fn new(consumer: &'a BaseConsumer<C>, timeout: Duration) -> Self {
        Self { consumer, timeout }
    }

    /// # Errors
    /// If no broker answers.
    pub fn topic(&self, name: &str) -> KafkaResult<TopicState> {
        let metadata = self.consumer.fetch_metadata(Some(name), self.timeout)?;
        let Some(topic) = metadata.topics().first() else { return Ok(TopicState::Missing) };
        Ok(match topic.error().map(RDKafkaErrorCode::from) {
            None => TopicState::Exists {
                partitions: topic.partitions().iter().map(MetadataPartition::id).collect(),
                error: topic.partitions().iter().find_map(MetadataPartition::error).map(Into::into),
            },
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                TopicState::Missing
            }
            Some(error) => TopicState::Unknown(error),
        })
    }

    /// The group's committed position of each partition, if there is one.
    ///
    /// # Errors
    /// If the group's coordinator does not answer, or refuses a partition.
    pub fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> KafkaResult<BTreeMap<TopicPartition, CommittedPosition>> {
        positions(&self.committed_list(partitions)?)
    }

    /// The group's commits as librdkafka has them, with their leader epochs.
    ///
    /// # Errors
    /// If the group's coordinator does not answer.
    pub fn committed_list(&self, partitions: &[TopicPartition]) -> KafkaResult<TopicPartitionList> {
        if partitions.is_empty() {
            return Ok(TopicPartitionList::new());
        }
        self.consumer.committed_offsets(without_offsets(partitions), self.timeout)
    }

    /// The id of the cluster, if the brokers have one. librdkafka knows it from the first answer of a broker.
    #[must_use]
    pub fn cluster_id(&self) -> Option<Arc<str>> {
        self.consumer.client().fetch_cluster_id(self.timeout).map(Arc::from)
    }

    /// The offset of each partition at a time (in milliseconds), at its beginning or at its end. A partition
    /// that has no record at or after the time is left out.
    ///
    /// # Errors
    /// If the leader of a partition does not answer.
    pub fn offsets_at(
        &self,
        partitions: &[TopicPartition],
        at: Offset,
    ) -> KafkaResult<BTreeMap<TopicPartition, i64>> {
        offsets(&self.looked_up(partitions, at)?)
    }

    /// The range of offsets that each log holds: from the oldest record to the next that will be produced.
    ///
    /// # Errors
    /// If the leader of a partition does not answer.
    pub fn ranges(&self, partitions: &[TopicPartition]) -> KafkaResult<BTreeMap<TopicPartition, Range<i64>>> {
        let starts = self.offsets_at(partitions, Offset::Beginning)?;
        Ok(joined(starts, &self.offsets_at(partitions, Offset::End)?))
    }

    /// Like [`Lookups::ranges`], but leaves out partitions whose leaders do not answer.
    ///
    /// # Errors
    /// If no leader answers.
    pub fn known_ranges(
        &self,
        partitions: &[TopicPartition],
    ) -> KafkaResult<BTreeMap<TopicPartition, Range<i64>>> {
        let starts = known_offsets(&self.looked_up(partitions, Offset::Beginning)?);
        Ok(joined(starts, &known_offsets(&self.looked_up(partitions, Offset::End)?)))
    }

    fn looked_up(&self, partitions: &[TopicPartition], at: Offset) -> KafkaResult<TopicPartitionList> {
        let mut list = without_offsets(partitions);
        if partitions.is_empty() {
            return Ok(list);
        }
        list.set_all_offsets(at)?;
        self.consumer.offsets_for_times(list, self.timeout)
    }
}

fn joined(
    starts: BTreeMap<TopicPartition, i64>,
    ends: &BTreeMap<TopicPartition, i64>,
) -> BTreeMap<TopicPartition, Range<i64>> {
    let range = |(partition, start): (TopicPartition, i64)| {
        let end = *ends.get(&partition)?;
        Some((partition, start..end))
    };
    starts.into_iter().filter_map(range).collect()
}

/// The positions of a list of commits, or the first error of a partition.
///
/// # Errors
/// If the coordinator refused a partition.
pub fn positions(list: &TopicPartitionList) -> KafkaResult<BTreeMap<TopicPartition, CommittedPosition>> {
    let mut metadata: BTreeMap<_, _> =
        list.elements().iter().map(|element| (partition(element), metadata(element))).collect();
    let committed = |(partition, position): (TopicPartition, i64)| {
        let metadata = metadata.remove(&partition).flatten();
        (partition, CommittedPosition { position, metadata })
    };
    Ok(offsets(list)?.into_iter().map(committed).collect())
}

/// The list's offsets, or the first error of a partition.
fn offsets(list: &TopicPartitionList) -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
    list.elements().iter().try_for_each(TopicPartitionListElem::error)?;
    Ok(known_offsets(list))
}

/// The offsets of the partitions that have one and no error.
fn known_offsets(list: &TopicPartitionList) -> BTreeMap<TopicPartition, i64> {
    let offset = |element: &TopicPartitionListElem<'_>| {
        let offset = element.offset().to_raw().filter(|offset| *offset >= 0)?;
        element.error().ok()?;
        Some((partition(element), offset))
    };
    list.elements().iter().filter_map(offset).collect()
}

fn partition(element: &TopicPartitionListElem<'_>) -> TopicPartition {
    TopicPartition { topic: Arc::from(element.topic()), partition: element.partition() }
}

/// The committed metadata, which any program may have written. rdkafka panics if it is not UTF-8; then
/// it is not ours.
fn metadata(element: &TopicPartitionListElem<'_>) -> Option<Box<str>> {
    catch_panic::caught(|| Some(Box::<str>::from(element.metadata()))).filter(|metadata| !metadata.is_empty())
}
