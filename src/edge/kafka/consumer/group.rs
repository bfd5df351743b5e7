//! librdkafka's callbacks: they note what the group requests, and the poll loop answers.
//!
//! The rebalance callback returns at once. Polling goes on, and the group waits until the poll loop assigns
//! or unassigns; no partition delivers anything until then.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol},
    error::{KafkaError, KafkaResult},
    types::RDKafkaRespErr,
};

use super::truncation::Truncation;
use crate::{
    core::record::TopicPartition,
    edge::kafka::{log, partition_list::partitions},
};

/// The consumer, which the threads of the source share.
pub(super) type GroupConsumer = BaseConsumer<Group>;

/// A request of the group.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Assign(Vec<TopicPartition>),
    Revoke(Vec<TopicPartition>),
    /// The partitions already belong to others.
    Lose(Vec<TopicPartition>),
}

#[derive(Debug, Default)]
pub(super) struct Group {
    /// Locks, because librdkafka wants a context that can be shared. Only the poll thread takes them.
    requests: Mutex<VecDeque<Request>>,
    truncations: Mutex<Vec<Truncation>>,
    closing: AtomicBool,
}

impl Group {
    pub(super) fn request(&self) -> Option<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Takes the truncations that librdkafka has reported.
    pub(super) fn truncations(&self) -> Vec<Truncation> {
        std::mem::take(&mut *self.truncations.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the callback answer requests itself from now on, because nothing is drained any more.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn note(&self, request: Request) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push_back(request);
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log::line(level, facility, text);
    }

    // `poll` returns every error too, but without its text.
    fn error(&self, _: KafkaError, text: &str) {
        let truncation = Truncation::parse(text);
        self.truncations.lock().unwrap_or_else(PoisonError::into_inner).extend(truncation);
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &GroupConsumer, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigned = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Relaxed) {
            let answered = if assigned { assign(consumer, list) } else { unassign(consumer, list) };
            if answered.is_err() {
                tracing::debug!("the group's last request could not be answered");
            }
            return;
        }
        let partitions = partitions(list);
        self.note(match assigned {
            true => Request::Assign(partitions),
            false if consumer.assignment_lost() => Request::Lose(partitions),
            false => Request::Revoke(partitions),
        });
    }
}

/// Adds partitions to the assignment.
pub(super) fn assign(consumer: &GroupConsumer, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(list),
    }
}

/// Removes partitions from the assignment; all of them if the group's protocol is eager.
pub(super) fn unassign(consumer: &GroupConsumer, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    }
}
