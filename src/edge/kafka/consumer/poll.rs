//! The poll loop: serves the group, reads records, follows orders, and hears reports.
//!
//! A turn does each of these once and never waits for longer than a moment.

use std::{
    ops::ControlFlow,
    sync::{Arc, mpsc::Receiver},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{consumer::Consumer as _, error::KafkaResult};

use super::{
    Heartbeat, Report,
    closing::Closing,
    commands::Orders,
    commits::Commits,
    group::GroupConsumer,
    lookups::{Lookups, Question},
    now,
    outbox::Outbox,
    partitions::Partitions,
    pausing::Steering,
    rebalance::Rebalance,
    recovery::Recovery,
    watch::Watch,
};
use crate::{
    core::{record::Ownership, source::SourceEvent},
    edge::kafka::codes,
};

/// How long a poll waits for a record when nothing else is going on.
const IDLE: Duration = Duration::from_millis(50);
/// How long it waits while the group, a commit or the close waits for the next turn.
const BUSY: Duration = Duration::from_millis(5);

/// The state of the source, all of it.
pub(super) struct PollLoop {
    pub(super) consumer: Arc<GroupConsumer>,
    pub(super) topics: Vec<String>,
    pub(super) orders: Arc<Orders>,
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) reports: Receiver<Report>,
    pub(super) commits: Commits,
    pub(super) lookups: Lookups,
    pub(super) outbox: Outbox,
    pub(super) partitions: Partitions,
    pub(super) rebalance: Rebalance,
    pub(super) recovery: Recovery,
    pub(super) watch: Watch,
    pub(super) closing: Closing,
    pub(super) steering: Steering,
    pub(super) batch_bytes: usize,
}

impl PollLoop {
    /// Polls until the source is closed, and says so.
    pub(super) fn run(mut self) {
        while self.turn(now()).is_continue() {}
        self.finish();
    }

    fn turn(&mut self, now: Instant) -> ControlFlow<()> {
        self.heartbeat.beat(now);
        self.follow_orders(now);
        self.hear_reports(now);
        self.step_rebalance(now);
        self.ask_ranges(now);
        self.ask_survey(now);
        self.commits.advance(&self.partitions, now);
        self.step_closing(now)?;
        self.steer(now);
        self.outbox.flush(now);
        if self.outbox.is_blocked() && !self.outbox.is_jammed(now) {
            // The runner unparks this thread when it takes an event.
            thread::park_timeout(BUSY);
        } else {
            let is_busy = self.rebalance.is_pending() || self.closing.has_begun() || !self.commits.are_done();
            self.read(if is_busy { BUSY } else { IDLE });
        }
        ControlFlow::Continue(())
    }

    fn follow_orders(&mut self, now: Instant) {
        let waiting = self.orders.take();
        if waiting.begin {
            self.join();
        }
        if let Some(paused) = waiting.paused {
            self.steering.want(paused);
        }
        self.commits.want(waiting.commit);
        self.release(waiting.release);
        if let Some(positions) = waiting.close {
            self.close(positions, now);
        }
    }

    fn join(&mut self) {
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        if self.closing.has_begun() {
            return;
        }
        if let Err(error) = self.consumer.subscribe(&topics) {
            self.fail(codes::code(&error));
        }
    }

    fn hear_reports(&mut self, now: Instant) {
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Committed { positions, result } => self.committed(positions, result, now),
                Report::Beginnings(beginnings) => self.begin(beginnings, now),
                Report::Ranges(ranges) => self.mend(ranges, now),
                Report::Survey(survey) => {
                    let current = |ownership| self.partitions.place(ownership).is_some();
                    for event in self.watch.learn(&survey, current, now) {
                        self.outbox.push(event);
                    }
                    self.suspect(&survey.map(|survey| survey.ranges).unwrap_or_default());
                }
            }
        }
        if let Some(news) = self.watch.connection.news() {
            self.outbox.push(news);
        }
    }

    fn committed(&mut self, positions: Vec<(Ownership, i64)>, result: KafkaResult<()>, now: Instant) {
        self.commits.ended();
        // Neither a last commit nor that of a start is ordered again.
        let is_last = self.rebalance.is_committing() || self.closing.has_begun();
        match &result {
            Err(error) if is_last && codes::passes(error) => self.commits.again(&positions, now),
            Err(_) if !is_last => self.commits.later(&positions, now),
            _ => {}
        }
        let result = result.map_err(|error| codes::code(&error));
        self.outbox.push(SourceEvent::Committed { positions, result });
    }

    fn ask_survey(&mut self, now: Instant) {
        if self.watch.is_due(now) {
            let owned =
                self.partitions.iter().map(|owned| (owned.ownership, owned.place.clone(), owned.next));
            if self.lookups.ask(Question::Survey(owned.collect())) {
                self.watch.asked();
            }
        }
    }
}
