//! Pausing and resuming partitions as the runner wants.
//!
//! A pause discards what was fetched ahead, so only the changes are made, and only partitions that we have
//! paused are resumed.

use std::time::Instant;

use rdkafka::consumer::Consumer as _;

use super::state::State;
use crate::{
    core::source::Paused,
    edge::kafka::{codes, partition_list::without_offsets},
};

/// What is to be paused, and whether the consumer is set so.
#[derive(Debug, Default)]
pub(super) struct Pausing {
    wanted: Paused,
    /// Everything is paused, whatever is wanted, because nobody takes the records.
    is_stopped: bool,
    is_stale: bool,
}

impl Pausing {
    pub(super) fn want(&mut self, paused: Paused) {
        self.wanted = paused;
        self.is_stale = true;
    }

    /// Makes what has changed. While `is_closing`, or nobody takes the records, everything is paused.
    pub(super) fn step(&mut self, state: &mut State, is_closing: bool, now: Instant) {
        let is_stopped = is_closing || state.outbox.is_jammed(now);
        if is_stopped == self.is_stopped && !self.is_stale && !state.partitions.pauses_are_stale() {
            return;
        }
        self.is_stopped = is_stopped;
        self.is_stale = false;
        let everything = Paused { everything: true, partitions: Vec::new() };
        let change = state.partitions.pause(if is_stopped { &everything } else { &self.wanted });
        let mut result = Ok(());
        if !change.pause.is_empty() {
            result = state.consumer.pause(&without_offsets(&change.pause));
        }
        if !change.resume.is_empty() {
            result = result.and(state.consumer.resume(&without_offsets(&change.resume)));
            // When all partitions of a broker were paused, librdkafka's thread for it sleeps for up to a second.
            // A resume does not wake it (`rd_kafka_toppar_pause_resume`), but a question to the broker does.
            state.metadata.refresh_now();
        }
        if let Err(error) = result {
            tracing::warn!(code = %codes::code(&error), "partitions could not be paused or resumed");
        }
    }
}
