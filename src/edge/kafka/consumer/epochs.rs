//! Keeps the leader epochs of positions that librdkafka forgets.
//!
//! librdkafka forgets the epoch of a position when its partition is restarted or sought, until it delivers a
//! record. rdkafka can neither read an epoch nor set one, so whole lists are kept that carry them. Without an
//! epoch, nobody notices that a log lost its end and has grown past the position since.
//!
//! Knows nothing of commits and of comparing positions with their logs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rdkafka::TopicPartitionList;

use super::partitions::OwnedPartitions;
use crate::{
    core::record::Ownership,
    edge::kafka::partition_list::{has_offset, partitions},
};

/// The last list with a position of each ownership. An intact log holds what it held under that epoch, and
/// more, so the epoch stays right while no record is delivered.
#[derive(Default)]
pub(super) struct Epochs(BTreeMap<Ownership, Arc<TopicPartitionList>>);

impl Epochs {
    /// Keeps the epochs in these positions. They must be librdkafka's own, from before it forgets them.
    pub(super) fn keep(&mut self, positions: TopicPartitionList, owned: &OwnedPartitions) {
        let comparable = |ownership: Ownership| owned.get(owned.of(ownership)?)?.comparable();
        self.0.retain(|ownership, _| comparable(*ownership).is_some());
        let positions = Arc::new(positions);
        for partition in partitions(&positions) {
            let Some(owned) = owned.get(&partition) else { continue };
            if has_offset(&positions, &partition) && owned.comparable().is_some() {
                self.0.insert(owned.ownership, Arc::clone(&positions));
            }
        }
    }

    /// Gives the epoch of an ownership that has ended to the next one, whose log is the same and whose position is not
    /// after that of the other.
    pub(super) fn renew(&mut self, ended: Ownership, next: Ownership) {
        if let Some(list) = self.0.remove(&ended) {
            self.0.insert(next, list);
        }
    }

    /// The list with the epoch of this ownership's position, if there is one.
    pub(super) fn of(&self, ownership: Ownership) -> Option<&Arc<TopicPartitionList>> {
        self.0.get(&ownership)
    }

    /// The lists, each with the ownerships whose epochs it has.
    pub(super) fn lists(&self) -> Vec<(Arc<TopicPartitionList>, BTreeSet<Ownership>)> {
        let mut lists: Vec<(Arc<TopicPartitionList>, BTreeSet<Ownership>)> = Vec::new();
        for (ownership, list) in &self.0 {
            match lists.iter_mut().find(|(other, _)| Arc::ptr_eq(other, list)) {
                Some((_, ownerships)) => _ = ownerships.insert(*ownership),
                None => lists.push((Arc::clone(list), BTreeSet::from([*ownership]))),
            }
        }
        lists
    }
}
