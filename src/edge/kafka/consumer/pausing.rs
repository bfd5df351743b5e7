//! Pauses and resumes partitions as the runner wants.
//!
//! A pause discards what was fetched ahead. So only changes are applied, and only partitions that we have
//! paused are resumed.

use std::time::Instant;

use rdkafka::consumer::Consumer as _;

use super::{partitions::PauseChange, state::State};
use crate::{
    core::source::Paused,
    edge::kafka::{codes, partition_list::without_offsets},
};

/// The partitions to pause, and whether that has been applied to the consumer.
#[derive(Debug, Default)]
pub(super) struct Pausing {
    wanted: Paused,
    /// Whether all partitions are paused, whatever the runner wants, because nobody takes the records.
    is_stopped: bool,
    is_stale: bool,
}

impl Pausing {
    pub(super) fn want(&mut self, paused: Paused) {
        self.wanted = paused;
        self.is_stale = true;
    }

    /// Applies what has changed. While `is_closing`, or while nobody takes the records, everything is paused.
    pub(super) fn step(&mut self, state: &mut State, is_closing: bool, now: Instant) {
        let is_stopped = is_closing || state.outbox.is_jammed(now);
        if is_stopped == self.is_stopped && !self.is_stale && !state.partitions.pauses_are_stale() {
            return;
        }
        self.is_stopped = is_stopped;
        self.is_stale = false;
        let everything = Paused { everything: true, partitions: Vec::new() };
        let wanted = if is_stopped { &everything } else { &self.wanted };
        let change = if state.validation.is_pending() {
            // Nothing is resumed before its position was sought.
            PauseChange { pause: state.partitions.pause_alone(wanted), resume: Vec::new() }
        } else {
            state.partitions.pause(wanted)
        };
        let mut result = Ok(());
        if !change.pause.is_empty() {
            result = state.consumer.pause(&without_offsets(&change.pause));
        }
        if !change.resume.is_empty() {
            result = result.and(state.consumer.resume(&without_offsets(&change.resume)));
            // If all partitions of a broker were paused, librdkafka's thread for that broker sleeps for up to
            // a second. A resume does not wake it (`rd_kafka_toppar_pause_resume`), but a query to the broker
            // does.
            state.metadata.refresh_now();
        }
        if let Err(error) = result {
            tracing::warn!(code = %codes::code(&error), "partitions could not be paused or resumed");
        }
    }
}
