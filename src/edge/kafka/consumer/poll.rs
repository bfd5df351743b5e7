//! The poll loop: serves the group, reads records, follows commands, and takes in the reports of the two
//! threads.
//!
//! A turn does each of these once and never waits longer than a moment. Only this file decides their order,
//! and only it knows every step.

use std::{
    ops::ControlFlow,
    sync::{Arc, mpsc::Receiver},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::Consumer as _,
    error::{KafkaError, KafkaResult},
};

use super::{
    closing::{self, Closing, Due},
    commands::Commands,
    heartbeat::{Heartbeat, now},
    partitions::OwnedPartition,
    pausing::Pausing,
    reading::{self, Meaning},
    rebalance::Rebalance,
    recovery::{self, Recovery},
    report::{Committed, Report},
    state::State,
    unreadable::Unreadable,
};
use crate::{
    core::{
        code::Code,
        record::Ownership,
        source::{Commit, SourceEvent},
    },
    edge::kafka::codes,
};

/// How long a poll waits for a record if nothing else is going on.
const IDLE: Duration = Duration::from_millis(50);
/// How long a poll waits while the group, a commit or the close waits for the next turn.
const BUSY: Duration = Duration::from_millis(5);

pub(super) struct PollLoop {
    pub(super) state: State,
    pub(super) rebalance: Rebalance,
    pub(super) recovery: Recovery,
    pub(super) unreadable: Unreadable,
    pub(super) pausing: Pausing,
    pub(super) closing: Closing,
    /// Ownerships to rewind as soon as the group waits for nothing.
    pub(super) rewinds: Vec<Ownership>,
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
        self.state.freshness.turn(now);
        self.follow_commands(now);
        self.receive_reports(now);
        let answered = self.rebalance.step(&mut self.state, now);
        self.fail_if_refused(answered, now);
        self.state.validation.step(&self.state.consumer, &self.state.partitions, now);
        if !self.rebalance.is_pending() {
            self.recovery.ask(&self.state, now);
        }
        self.rewind(now);
        self.state.request_refresh(now);
        self.state.commits.advance(&self.state.partitions, &self.state.epochs, now);
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
        let mut pending = self.commands.take();
        if pending.begin && !self.closing.has_begun() {
            self.subscribe(now);
        }
        if let Some(paused) = pending.paused {
            self.pausing.want(paused);
        }
        self.state.commits.want(pending.commit.take());
        self.rewinds.extend(pending.rewind);
        for (ownerships, commits) in pending.release {
            self.rebalance.release(&mut self.state, &ownerships, commits);
        }
        if let Some(commits) = pending.close {
            self.close(commits, now);
        }
    }

    fn subscribe(&mut self, now: Instant) {
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        if let Err(error) = self.state.consumer.subscribe(&topics) {
            self.fail(codes::code(&error), now);
        }
    }

    fn receive_reports(&mut self, now: Instant) {
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Committed(committed) => self.committed(committed, now),
                Report::Starts(starts) => {
                    let begun = self.rebalance.begin(&mut self.state, starts, now);
                    self.fail_if_refused(begun, now);
                }
                // The group waits for an answer, and its request may be about these partitions.
                Report::Logs(_) if self.rebalance.is_pending() => self.recovery.postpone(now),
                Report::Logs(logs) => {
                    let recovered = self.recovery.recover(&mut self.state, logs, now);
                    self.fail_if_refused(recovered, now);
                }
                Report::Refreshed(refresh) => {
                    self.state.take_refresh(&refresh, now);
                    let ranges = refresh.map(|refresh| refresh.ranges).unwrap_or_default();
                    let is_held = |ownership| self.unreadable.holds(ownership);
                    self.recovery.inspect(&self.state.partitions, &ranges, is_held, now);
                    for event in self.unreadable.inspect(&self.state.partitions, &ranges, now) {
                        self.state.outbox.push(event);
                    }
                }
            }
        }
        if let Some(connection) = self.state.metadata.connection.change() {
            self.state.outbox.push(SourceEvent::Connection(connection.err()));
        }
    }

    fn committed(&mut self, committed: Committed, now: Instant) {
        let Committed { commits, result, metadata_dropped } = committed;
        let State { commits: waiting, partitions, outbox, .. } = &mut self.state;
        waiting.ended();
        // The runner repeats neither a last commit nor the commit of a start.
        let is_last = self.rebalance.is_committing() || self.closing.has_begun();
        match &result {
            Ok(()) => partitions.committed(&commits),
            Err(error) if is_last && codes::is_transient(error) => waiting.retry_soon(&commits, now),
            Err(_) if !is_last => waiting.retry_later(&commits, now),
            Err(_) => {}
        }
        let result = result.map_err(|error| codes::code(&error));
        outbox.push(SourceEvent::Committed { commits, result, metadata_dropped });
    }

    /// Rewinds the requested ownerships, unless the partition is being revoked, in which case it is released.
    fn rewind(&mut self, now: Instant) {
        for ownership in std::mem::take(&mut self.rewinds) {
            let partitions = &self.state.partitions;
            let owned = partitions.of(ownership).and_then(|partition| partitions.get(partition));
            if owned.is_some_and(OwnedPartition::is_revoking) {
                self.rebalance.release(&mut self.state, &[ownership], Vec::new());
            } else if self.rebalance.is_pending() {
                self.rewinds.push(ownership);
            } else {
                let rewound = recovery::rewind(&mut self.state, ownership, now);
                self.fail_if_refused(rewound, now);
            }
        }
    }

    fn read(&mut self, now: Instant) {
        let is_busy =
            self.rebalance.is_pending() || self.closing.has_begun() || !self.state.commits.are_done();
        let wait = if is_busy { BUSY } else { IDLE };
        let batch = reading::read(&mut self.state, self.batch_bytes, wait);
        self.state.partitions.remember(&batch.records);
        batch.errors.iter().for_each(|error| self.act_on(error, now));
        if !batch.records.is_empty() && !self.closing.has_begun() {
            self.state.outbox.push(SourceEvent::Records(batch.records));
        }
    }

    fn act_on(&mut self, error: &KafkaError, now: Instant) {
        match reading::meaning(error, &mut self.state.metadata.connection) {
            Meaning::Fatal(code) => self.fail(code, now),
            Meaning::OutOfRange => self.recovery.out_of_range(&self.state),
            Meaning::Changed => self.state.metadata.refresh_now(),
            Meaning::Other(code) => self.unreadable.note(code),
        }
    }

    /// Fails if librdkafka does not take an answer to the group: it would wait for the answer for ever, and
    /// only a new consumer helps.
    fn fail_if_refused(&mut self, answered: KafkaResult<()>, now: Instant) {
        if let Err(error) = answered {
            tracing::error!(code = %codes::code(&error), "librdkafka refuses a change of the assignment");
            self.fail(Code("assignment_refused"), now);
        }
    }

    /// Handles a permanent failure of Kafka: there is nothing to commit to.
    fn fail(&mut self, code: Code, now: Instant) {
        if !self.closing.has_begun() {
            self.state.outbox.push(SourceEvent::Failed(code));
            self.leave(now);
        }
    }

    /// Begins to close, after these commits.
    fn close(&mut self, commits: Vec<Commit>, now: Instant) {
        if !self.closing.has_begun() {
            self.state.commits.want(commits);
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
