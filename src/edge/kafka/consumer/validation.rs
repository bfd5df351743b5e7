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
    TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::group::GroupConsumer;

/// How long librdkafka's own thread may take to accept a seek.
const SEEK: Duration = Duration::from_millis(100);
/// How long a partition that was just assigned may take to start.
const PATIENCE: Duration = Duration::from_secs(2);

/// Positions to compare.
#[derive(Default)]
pub(super) struct Validation(VecDeque<(TopicPartitionList, Instant)>);

impl Validation {
    /// Adds positions, with the epochs that the list carries.
    pub(super) fn want(&mut self, positions: TopicPartitionList, now: Instant) {
        if positions.count() > 0 {
            self.0.push_back((positions, now + PATIENCE));
        }
    }

    /// Whether a seek is still to be made.
    pub(super) fn is_pending(&self) -> bool {
        !self.0.is_empty()
    }

    /// Seeks, if the partitions have started. Nothing may be read between two seeks of the same partition.
    pub(super) fn step(&mut self, consumer: &GroupConsumer, now: Instant) {
        while let Some((positions, until)) = self.0.front() {
            let sought = consumer.seek_partitions(positions.clone(), SEEK);
            if *until > now && !sought.is_ok_and(|sought| have_started(&sought)) {
                return;
            }
            self.0.pop_front();
        }
    }
}

fn have_started(sought: &TopicPartitionList) -> bool {
    let state = Some(RDKafkaErrorCode::State);
    let code = |error: KafkaError| error.rdkafka_error_code();
    !sought.elements().iter().any(|element| element.error().err().and_then(code) == state)
}
