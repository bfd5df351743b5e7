//! The state that the steps of the poll loop share.
//!
//! Rebalancing, recovering, pausing and closing each keep their own progress as a value, and operate on this
//! state. None of them knows another; only `poll` calls them.

use std::{sync::Arc, time::Instant};

use rdkafka::{
    consumer::{Consumer as _, RebalanceProtocol},
    error::KafkaResult,
};

use super::{
    commits::Commits,
    group::GroupConsumer,
    lookup_thread::{LookupThread, Question},
    metadata::Metadata,
    outbox::Outbox,
    partitions::OwnedPartitions,
    report::Refresh,
};
use crate::{
    core::{code::Code, record::TopicPartition},
    edge::kafka::{
        codes,
        partition_list::{starting_at, without_offsets},
    },
};

pub(super) struct State {
    pub(super) consumer: Arc<GroupConsumer>,
    pub(super) commits: Commits,
    pub(super) lookups: LookupThread,
    pub(super) outbox: Outbox,
    pub(super) partitions: OwnedPartitions,
    pub(super) metadata: Metadata,
}

impl State {
    /// Asks the brokers for news, if it is time.
    pub(super) fn request_refresh(&mut self, now: Instant) {
        if self.metadata.is_due(now) {
            let owned = self.partitions.iter().map(|it| (it.ownership, it.partition.clone(), it.next));
            if self.lookups.ask(Question::Refresh(owned.collect())) {
                self.metadata.requested();
            }
        }
    }

    /// Takes in the news, and reports changes.
    pub(super) fn take_refresh(&mut self, refresh: &Result<Refresh, Code>, now: Instant) {
        let current = |ownership| self.partitions.of(ownership).is_some();
        for event in self.metadata.update(refresh, current, now) {
            self.outbox.push(event);
        }
    }

    /// Resumes what we have paused: librdkafka keeps a pause for whoever owns the partition next, which
    /// may be this consumer.
    pub(super) fn resume(&mut self, partitions: &[TopicPartition]) {
        let paused: Vec<_> =
            partitions.iter().filter(|partition| self.partitions.resume(partition)).collect();
        if !paused.is_empty()
            && let Err(error) = self.consumer.resume(&without_offsets(paused))
        {
            tracing::warn!(code = %codes::code(&error), "partitions could not be resumed");
        }
    }

    /// Removes these partitions and assigns them again at their positions; all partitions, if the group's
    /// protocol is eager. A seek is not enough, because librdkafka does not resume a partition that
    /// stopped with an error.
    pub(super) fn restart(&mut self, partitions: &[TopicPartition]) -> KafkaResult<()> {
        let is_cooperative = matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let restarted: Vec<_> = if is_cooperative {
            partitions.to_vec()
        } else {
            self.partitions.iter().map(|owned| owned.partition.clone()).collect()
        };
        self.resume(&restarted);
        let owned = restarted.iter().filter_map(|partition| self.partitions.get(partition));
        let list = starting_at(owned.map(|owned| (&owned.partition, owned.next)))?;
        if is_cooperative {
            self.consumer.incremental_unassign(&list)?;
            self.consumer.incremental_assign(&list)
        } else {
            self.consumer.assign(&list)
        }
    }
}
