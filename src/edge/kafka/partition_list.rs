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

/// The list, with these positions and no others, each with its metadata. Its elements keep their leader
/// epochs; none may have metadata before.
///
/// # Errors
/// If a position is negative.
pub fn committing<'a>(
    mut list: TopicPartitionList,
    commits: impl IntoIterator<Item = (&'a TopicPartition, i64, Option<&'a str>)>,
) -> KafkaResult<TopicPartitionList> {
    // librdkafka does not commit an offset that is invalid.
    list.set_all_offsets(Offset::Invalid)?;
    for (TopicPartition { topic, partition }, position, metadata) in commits {
        if list.find_partition(topic, *partition).is_none() {
            list.add_partition(topic, *partition);
        }
        let Some(mut element) = list.find_partition(topic, *partition) else { continue };
        element.set_offset(Offset::Offset(position))?;
        // Set once for each element, because a second call leaks the first text.
        if let Some(metadata) = metadata {
            element.set_metadata(metadata);
        }
    }
    Ok(list)
}

/// The list, with the offset that `offset` gives for each of its partitions. Its elements keep their leader
/// epochs.
///
/// # Errors
/// If an offset is negative.
pub fn with_offsets(
    mut list: TopicPartitionList,
    offset: impl Fn(&TopicPartition) -> Offset,
) -> KafkaResult<TopicPartitionList> {
    for partition in partitions(&list) {
        list.set_partition_offset(&partition.topic, partition.partition, offset(&partition))?;
    }
    Ok(list)
}

/// Whether the list has an offset of a record for this partition.
#[must_use]
pub fn has_offset(list: &TopicPartitionList, partition: &TopicPartition) -> bool {
    let element = list.find_partition(&partition.topic, partition.partition);
    element.is_some_and(|element| element.offset().to_raw().is_some_and(|offset| offset >= 0))
}

#[must_use]
pub fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let partition = |topic: &str, partition| TopicPartition { topic: Arc::from(topic), partition };
    list.elements().iter().map(|element| partition(element.topic(), element.partition())).collect()
}
