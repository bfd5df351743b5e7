//! The poll loop: serves the group, reads records, follows commands, and hears the reports of the two threads.
//!
//! A turn does each of these once and never waits for longer than a moment. This file alone decides in which
//! order they are done, and knows every step.

use std::{
    ops::ControlFlow,
    sync::{Arc, mpsc::Receiver},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::Consumer as _,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};

use super::{
    Heartbeat, Report,
    closing::{self, Closing, Due},
    commands::Commands,
    lookup_thread::{Question, Refresh},
    now,
    pausing::Pausing,
    reading,
    rebalance::Rebalance,
    recovery::Recovery,
    state::State,
};
use crate::{
    core::{code::Code, record::Ownership, source::SourceEvent},
    edge::kafka::codes,
};

/// How long a poll waits for a record when nothing else is going on.
const IDLE: Duration = Duration::from_millis(50);
/// How long it waits while the group, a commit or the close waits for the next turn.
const BUSY: Duration = Duration::from_millis(5);

pub(super) struct PollLoop {
    pub(super) state: State,
    pub(super) rebalance: Rebalance,
    pub(super) recovery: Recovery,
    pub(super) pausing: Pausing,
    pub(super) closing: Closing,
    pub(super) topics: Vec<String>,
    pub(super) commands: Arc<Commands>,
    pub(super) reports: Receiver<Report>,
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) batch_bytes: usize,
}

impl PollLoop {
    /// Polls until the source is closed, and reports it.
    pub(super) fn run(mut self) {
        while self.turn(now()).is_continue() {}
        drop(self.reports);
        closing::finish(self.state);
    }

    fn turn(&mut self, now: Instant) -> ControlFlow<()> {
        self.heartbeat.beat(now);
        self.follow_commands(now);
        self.hear_reports(now);
        let answered = self.rebalance.step(&mut self.state, now);
        self.fail_if_refused(answered, now);
        if !self.rebalance.is_pending() {
            self.recovery.ask(&self.state, now);
        }
        self.refresh_metadata(now);
        self.state.commits.advance(&self.state.partitions, now);
        self.step_closing(now)?;
        self.pausing.step(&mut self.state, self.closing.has_begun(), now);
        self.state.outbox.flush(now);
        if self.state.outbox.is_blocked() && !self.state.outbox.is_jammed(now) {
            // The runner unparks this thread when it takes an event.
            thread::park_timeout(BUSY);
        } else {
            self.read(now);
        }
        ControlFlow::Continue(())
    }

    fn follow_commands(&mut self, now: Instant) {
        let pending = self.commands.take();
        if pending.begin && !self.closing.has_begun() {
            self.subscribe(now);
        }
        if let Some(paused) = pending.paused {
            self.pausing.want(paused);
        }
        self.state.commits.want(pending.commit);
        self.rebalance.release(&mut self.state, pending.release);
        if let Some(positions) = pending.close {
            self.close(positions, now);
        }
    }

    fn subscribe(&mut self, now: Instant) {
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        if let Err(error) = self.state.consumer.subscribe(&topics) {
            self.fail(codes::code(&error), now);
        }
    }

    fn hear_reports(&mut self, now: Instant) {
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Committed { positions, result } => self.committed(positions, result, now),
                Report::Starts(starts) => {
                    let begun = self.rebalance.begin(&mut self.state, starts, now);
                    self.fail_if_refused(begun, now);
                }
                // The group waits for an answer, and its request may be about these partitions.
                Report::Ranges(_) if self.rebalance.is_pending() => self.recovery.postpone(now),
                Report::Ranges(ranges) => {
                    let recovered = self.recovery.recover(&mut self.state, ranges, now);
                    self.fail_if_refused(recovered, now);
                }
                Report::Refreshed(refresh) => self.refreshed(refresh, now),
            }
        }
        if let Some(connection) = self.state.metadata.connection.change() {
            self.state.outbox.push(SourceEvent::Connection(connection.err()));
        }
    }

    fn committed(&mut self, positions: Vec<(Ownership, i64)>, result: KafkaResult<()>, now: Instant) {
        let commits = &mut self.state.commits;
        commits.ended();
        // The runner repeats neither a last commit nor the commit of a start.
        let is_last = self.rebalance.is_committing() || self.closing.has_begun();
        match &result {
            Err(error) if is_last && codes::is_transient(error) => commits.retry_soon(&positions, now),
            Err(_) if !is_last => commits.retry_later(&positions, now),
            _ => {}
        }
        let result = result.map_err(|error| codes::code(&error));
        self.state.outbox.push(SourceEvent::Committed { positions, result });
    }

    fn refreshed(&mut self, refresh: Result<Refresh, Code>, now: Instant) {
        let State { metadata, partitions, outbox, .. } = &mut self.state;
        let current = |ownership| partitions.of(ownership).is_some();
        metadata.update(&refresh, current, now).into_iter().for_each(|event| outbox.push(event));
        self.recovery.inspect(&self.state, &refresh.map(|refresh| refresh.ranges).unwrap_or_default());
    }

    fn refresh_metadata(&mut self, now: Instant) {
        let State { metadata, partitions, lookups, .. } = &mut self.state;
        if metadata.is_due(now) {
            let owned = partitions.iter().map(|it| (it.ownership, it.partition.clone(), it.next));
            if lookups.ask(Question::Refresh(owned.collect())) {
                metadata.requested();
            }
        }
    }

    fn read(&mut self, now: Instant) {
        let is_busy =
            self.rebalance.is_pending() || self.closing.has_begun() || !self.state.commits.are_done();
        let wait = if is_busy { BUSY } else { IDLE };
        let batch = reading::read(&mut self.state, self.batch_bytes, wait);
        batch.errors.iter().for_each(|error| self.judge(error, now));
        if !batch.records.is_empty() && !self.closing.has_begun() {
            self.state.outbox.push(SourceEvent::Records(batch.records));
        }
    }

    /// Acts on an error of librdkafka's: shows what it retries, and ends the source if it gives up.
    fn judge(&mut self, error: &KafkaError, now: Instant) {
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return self.fail(codes::named(*code), now);
        }
        let metadata = &mut self.state.metadata;
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::LogTruncation) => {
                tracing::error!(
                    "the brokers' log was truncated and continues with other records: some may never be read"
                );
                self.recovery.want();
            }
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                self.recovery.want();
            }
            Some(
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopicId,
            ) => metadata.refresh_now(),
            Some(code) if metadata.connection.note(code) => metadata.refresh_now(),
            _ => tracing::warn!(code = %codes::code(error), "an error while reading from kafka"),
        }
    }

    /// librdkafka does not take an answer to the group and will wait for it for ever. Only a new consumer helps.
    fn fail_if_refused(&mut self, answered: KafkaResult<()>, now: Instant) {
        if let Err(error) = answered {
            tracing::error!(code = %codes::code(&error), "librdkafka refuses a change of the assignment");
            self.fail(Code("assignment_refused"), now);
        }
    }

    /// Kafka failed for good: there is nothing to commit to.
    fn fail(&mut self, code: Code, now: Instant) {
        if !self.closing.has_begun() {
            self.state.outbox.push(SourceEvent::Failed(code));
            self.leave(now);
        }
    }

    /// Begins to close, after a commit of these positions.
    fn close(&mut self, positions: Vec<(Ownership, i64)>, now: Instant) {
        if !self.closing.has_begun() {
            self.state.commits.want(positions);
            self.closing.begin(now);
        }
    }

    fn step_closing(&mut self, now: Instant) -> ControlFlow<()> {
        if self.state.outbox.is_abandoned() {
            self.close(Vec::new(), now);
        }
        match self.closing.due(&self.state, now) {
            Due::Nothing => {}
            Due::Leave => self.leave(now),
            Due::End => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    fn leave(&mut self, now: Instant) {
        let unanswered = self.rebalance.abandon(&self.state);
        self.closing.leave(&self.state, unanswered, now);
    }
}
