//! Conversions between librdkafka's lists of partitions and our partitions.

use std::sync::Arc;

use rdkafka::{Offset, TopicPartitionList, error::KafkaResult};

use crate::core::record::TopicPartition;

/// A list without offsets.
#[must_use]
pub fn without_offsets<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

/// A list with the offset at which each partition starts; `None` is the beginning of its log.
///
/// # Errors
/// If an offset is negative.
pub fn starting_at<'a>(
    starts: impl IntoIterator<Item = (&'a TopicPartition, Option<i64>)>,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (partition, start) in starts {
        let offset = start.map_or(Offset::Beginning, Offset::Offset);
        list.add_partition(&partition.topic, partition.partition).set_offset(offset)?;
    }
    Ok(list)
}

/// A list of positions to commit, each with its metadata.
///
/// # Errors
/// If a position is negative.
pub fn committing<'a>(
    commits: impl IntoIterator<Item = (&'a TopicPartition, i64, Option<&'a str>)>,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (TopicPartition { topic, partition }, position, metadata) in commits {
        let mut element = list.add_partition(topic, *partition);
        element.set_offset(Offset::Offset(position))?;
        // Set once for each element, because a second call leaks the first text.
        if let Some(metadata) = metadata {
            element.set_metadata(metadata);
        }
    }
    Ok(list)
}

/// The same partitions and offsets, but without metadata.
///
/// # Errors
/// If an offset is negative.
pub fn without_metadata(list: &TopicPartitionList) -> KafkaResult<TopicPartitionList> {
    let mut copy = TopicPartitionList::with_capacity(list.count());
    for element in list.elements() {
        copy.add_partition(element.topic(), element.partition()).set_offset(element.offset())?;
    }
    Ok(copy)
}

#[must_use]
pub fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let partition = |topic: &str, partition| TopicPartition { topic: Arc::from(topic), partition };
    list.elements().iter().map(|element| partition(element.topic(), element.partition())).collect()
}
