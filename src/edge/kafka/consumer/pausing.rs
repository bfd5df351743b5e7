//! Pausing and resuming: what the runner wants read, and what is read.
//!
//! A pause discards what was fetched ahead, so only what changes is paused, and only what was paused by
//! us is resumed.

use std::time::Instant;

use rdkafka::consumer::Consumer as _;

use super::{group, partitions::Place, poll::PollLoop};
use crate::{core::source::Paused, edge::kafka::codes};

/// What is to be read, and whether that is how the consumer is set.
#[derive(Debug, Default)]
pub(super) struct Steering {
    paused: Paused,
    /// Read nothing for the time being, whatever the paused says: nobody takes what is read.
    stopped: bool,
    /// Something has changed since the consumer was set.
    stale: bool,
}

impl Steering {
    /// Wants this read from now on.
    pub(super) fn want(&mut self, paused: Paused) {
        self.paused = paused;
        self.stale = true;
    }

    /// Partitions were added, or started again without the pauses they had.
    pub(super) fn partitions_changed(&mut self) {
        self.stale = true;
    }
}

impl PollLoop {
    /// Pauses and resumes what has to be, and nothing else.
    pub(super) fn steer(&mut self, now: Instant) {
        let stopped = self.outbox.is_jammed(now) || self.closing.has_begun();
        if stopped == self.steering.stopped && !self.steering.stale {
            return;
        }
        self.steering.stopped = stopped;
        self.steering.stale = false;
        let nothing = Paused { everything: true, partitions: Vec::new() };
        let change = self.partitions.steer(if stopped { &nothing } else { &self.steering.paused });
        let mut done = Ok(());
        if !change.pause.is_empty() {
            done = self.consumer.pause(&group::list(&change.pause));
        }
        if !change.resume.is_empty() {
            done = done.and(self.consumer.resume(&group::list(&change.resume)));
            // librdkafka's thread for a broker of which all partitions were paused sleeps for up to a second
            // and is not woken by that (`rd_kafka_toppar_pause_resume`); by a question to the broker it is.
            self.watch.hurry();
        }
        if let Err(error) = done {
            tracing::warn!(code = %codes::code(&error), "partitions could not be paused or resumed");
        }
    }

    /// Takes back our pauses: librdkafka keeps them for whoever has the partition next, and that may
    /// be us.
    pub(super) fn resume(&mut self, places: &[Place]) {
        let paused: Vec<_> = places.iter().filter(|place| self.partitions.resume(place)).collect();
        if !paused.is_empty()
            && let Err(error) = self.consumer.resume(&group::list(paused))
        {
            tracing::warn!(code = %codes::code(&error), "partitions could not be resumed");
        }
    }
}
