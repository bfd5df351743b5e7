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
    epochs::Epochs,
    freshness::Freshness,
    group::GroupConsumer,
    lookup_thread::{LookupThread, Question},
    metadata::Metadata,
    outbox::Outbox,
    partitions::OwnedPartitions,
    report::Refresh,
    validation::Validation,
};
use crate::{
    core::{code::Code, record::TopicPartition, source::SourceEvent},
    edge::kafka::{
        codes,
        partition_list::{starting_at, without_offsets},
    },
};

pub(super) struct State {
    pub(super) consumer: Arc<GroupConsumer>,
    pub(super) commits: Commits,
    pub(super) epochs: Epochs,
    pub(super) lookups: LookupThread,
    pub(super) outbox: Outbox,
    pub(super) partitions: OwnedPartitions,
    pub(super) metadata: Metadata,
    pub(super) validation: Validation,
    pub(super) freshness: Freshness,
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
        self.report_passed();
    }

    /// Reports positions that have moved without a record: over transaction markers and aborted records. All
    /// records before them are in the outbox already.
    pub(super) fn report_passed(&mut self) {
        if !self.freshness.is_fresh() {
            return;
        }
        let Ok(positions) = self.consumer.position() else { return };
        let mut passed = Vec::new();
        for position in positions.elements() {
            let Some(next) = position.offset().to_raw().filter(|next| *next >= 0) else { continue };
            let ownership = self.partitions.pass(position.topic(), position.partition(), next);
            passed.extend(ownership.map(|ownership| (ownership, next)));
        }
        if !passed.is_empty() {
            self.outbox.push(SourceEvent::Passed(passed));
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

    /// Pauses these partitions for now. librdkafka keeps a pause when a partition is assigned again.
    pub(super) fn pause(&mut self, partitions: &[TopicPartition]) -> KafkaResult<()> {
        let unpaused: Vec<_> =
            partitions.iter().filter(|partition| self.partitions.set_paused(partition)).collect();
        self.consumer.pause(&without_offsets(unpaused))
    }

    /// Removes these partitions and assigns them again at their positions; all partitions, if the group's
    /// protocol is eager. A seek is not enough, because librdkafka does not resume a partition that
    /// stopped with an error.
    ///
    /// They are paused until their positions were sought, if that is wanted; the pausing step resumes them.
    pub(super) fn restart(&mut self, partitions: &[TopicPartition], now: Instant) -> KafkaResult<()> {
        let is_cooperative = matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let restarted: Vec<_> = if is_cooperative {
            partitions.to_vec()
        } else {
            self.partitions.iter().map(|owned| owned.partition.clone()).collect()
        };
        self.pause(&restarted)?;
        let owned = restarted.iter().filter_map(|partition| self.partitions.get(partition));
        let list = starting_at(owned.map(|owned| (&owned.partition, owned.next)))?;
        self.epochs.keep(self.consumer.position()?, &self.partitions);
        self.freshness.assigned();
        if is_cooperative {
            self.consumer.incremental_unassign(&list)?;
            self.consumer.incremental_assign(&list)?;
        } else {
            self.consumer.assign(&list)?;
        }
        // What librdkafka has found out about partitions that were not at fault is lost with the restart. Unless all
        // were restarted, a comparison would disturb those that are read.
        if restarted.len() == self.partitions.iter().count() {
            for (epochs, ownerships) in self.epochs.lists() {
                self.validation.want_for(epochs, ownerships, now);
            }
        }
        Ok(())
    }
}
