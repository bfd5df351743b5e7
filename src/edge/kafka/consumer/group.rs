//! librdkafka's callbacks: what the group asks for is written down and answered by the poll loop.
//!
//! The rebalance callback returns at once; polling goes on, and the group waits until the poll loop
//! assigns or unassigns. Nothing is delivered from any partition until then.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
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

use super::partitions::Place;
use crate::edge::kafka::log;

/// The consumer as the threads of the source share it.
pub(super) type GroupConsumer = BaseConsumer<Group>;

/// What the group asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// These partitions are ours from now on.
    Assign(Vec<Place>),
    /// These are to be given up.
    Revoke(Vec<Place>),
    /// These are gone already.
    Lose(Vec<Place>),
}

/// The callbacks' state.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// A lock, because librdkafka wants a context that may be shared; the poll thread alone takes it.
    requests: Mutex<VecDeque<Request>>,
    closing: AtomicBool,
}

impl Group {
    /// Takes what the group asked for longest ago.
    pub(super) fn request(&self) -> Option<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// From now on requests are answered where they are made: nothing is drained any more.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn write_down(&self, request: Request) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push_back(request);
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log::line(level, facility, text);
    }

    // Every error comes back from `poll` too, and is judged there.
    fn error(&self, _: KafkaError, _: &str) {}
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
        let places = places(list);
        self.write_down(match assigned {
            true => Request::Assign(places),
            false if consumer.assignment_lost() => Request::Lose(places),
            false => Request::Revoke(places),
        });
    }
}

/// Adds partitions to what is assigned, in the words of the group's protocol.
pub(super) fn assign(consumer: &GroupConsumer, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(list),
    }
}

/// Takes partitions away from what is assigned; all of them where the group's protocol is eager.
pub(super) fn unassign(consumer: &GroupConsumer, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    }
}

/// The list of these partitions, with no offset.
pub(super) fn list<'a>(places: impl IntoIterator<Item = &'a Place>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for place in places {
        list.add_partition(&place.topic, place.partition);
    }
    list
}

/// The partitions of a list.
pub(super) fn places(list: &TopicPartitionList) -> Vec<Place> {
    let place = |topic: &str, partition| Place { topic: Arc::from(topic), partition };
    list.elements().iter().map(|element| place(element.topic(), element.partition())).collect()
}
