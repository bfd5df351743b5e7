//! The pipeline: told what happened, it answers what to do. Everything that can lose an event is decided
//! here, as a state machine without I/O, clock, randomness and logging.
//!
//! ```text
//! Record ─► ledger (outstanding) ─► barrier ─► dispatcher: lanes ─► request ─► answer ─► verdicts ─► ledger (settled)
//!                                    │                                                │              │
//!                                    └─── refused ─► letters (breaker) ─► dead letter ◄─┘              ▼
//!                                                                                            position to commit
//! ```
//!
//! At the barrier a record waits while its entries of the sessions' table, or those of a record read before it,
//! are not acknowledged; without such entries there is no waiting. That write is an obligation of the record
//! like its events and its dead letters.
//!
//! Knows nothing of tokio, rdkafka and AWS. What always holds: the invariants that its simulation checks
//! by name (see `core/pipeline/simulation.rs`).

use std::{sync::Arc, time::Duration};

use crate::core::{
    backoff::Backoff,
    code::Code,
    event::{Delivery, Mapped, Refusal},
    record::{Ownership, Record},
    session_table::Entry,
    source::Paused,
    time::Moment,
};

mod backpressure;
mod batcher;
mod circuit_breaker;
pub mod config;
mod dead_letters;
mod dispatcher;
mod endpoint_queue;
mod hold;
mod ledger;
mod message;
mod offsets;
mod ownership;
mod quota;
mod quota_share;
mod session_barrier;
mod settlement;
#[cfg(test)]
mod simulation;
mod snapshot;
mod split;
mod tail;
#[cfg(test)]
mod tests;
mod transition;

pub use dispatcher::SendCounts;
pub use ledger::RecordCounts;
pub use message::{Action, Input, Summary};
pub use snapshot::{HOLD_CAUSES, HoldStatus, PartitionStatus, QuotaStatus, Snapshot};
pub use transition::Transition;

use batcher::Limits;
use config::{BatchConfig, CircuitBreakerConfig, QuotaConfig};
use dead_letters::Letters;
use dispatcher::{Dispatcher, DispatcherConfig};
use endpoint_queue::{Item, Past};
use ledger::{Ledger, Read, RecordId};
use quota_share::Partitions;
use session_barrier::{SessionBarrier, Waiting};

/// What the pipeline is made with.
pub struct PipelineConfig {
    /// The quota of the destination.
    pub quota: QuotaConfig,
    /// How requests are put together.
    pub batch: BatchConfig,
    /// Bytes of a request's body that are no event's.
    pub envelope: usize,
    /// The waits before something is tried again.
    pub backoff: Backoff,
    /// After how long an event that alone keeps failing is refused; never, without.
    pub give_up: Option<Duration>,
    /// The breaker; none when it is off.
    pub breaker: Option<CircuitBreakerConfig>,
    /// Bytes outstanding, at most (plus one fetch).
    pub max_bytes: usize,
    /// How often positions are committed.
    pub commit_interval: Duration,
    /// How long a partition that is revoked may take to be drained.
    pub revoke_timeout: Duration,
    /// How many bytes of a request an event takes at most, its endpoint included.
    pub measure: Box<dyn Fn(&Delivery) -> usize>,
}

/// What it takes to hold an event besides its text, in bytes: its item, its part of a lane and of the
/// lane's places in the batcher, and what the allocator adds to each of a dozen parts. Measured: the
/// growth of the process for each outstanding record (`tests/bench/end_to_end.rs`).
const HOLDING: usize = 700;

/// The state machine.
pub struct Pipeline {
    config: PipelineConfig,
    ledger: Ledger,
    barrier: SessionBarrier,
    dispatcher: Dispatcher,
    letters: Letters,
    /// Ownerships that are being given up, and until when they may be drained.
    revoking: Vec<(Ownership, Moment)>,
    /// All partitions of the subscribed topics, once they are known.
    partitions: Partitions,
    next_item: u64,
    next_commit: Moment,
    paused: Paused,
    draining: bool,
    stopped: bool,
    /// All was given up: nothing is sent, written and committed any more.
    ended: bool,
}

impl Pipeline {
    /// A pipeline that owns nothing yet.
    #[must_use]
    pub fn new(config: PipelineConfig) -> Self {
        let max_bytes = usize::try_from(config.batch.max_bytes.0).unwrap_or(usize::MAX);
        let limits = Limits {
            events: config.batch.max_events.get(),
            bytes: max_bytes.saturating_sub(config.envelope),
            linger: config.batch.linger.0,
        };
        let dispatcher = DispatcherConfig {
            limits,
            quota: config.quota.clone(),
            backoff: config.backoff.clone(),
            give_up: config.give_up,
        };
        Self {
            ledger: Ledger::default(),
            barrier: SessionBarrier::new(config.backoff.clone()),
            dispatcher: Dispatcher::new(dispatcher),
            letters: Letters::new(config.breaker, config.backoff.clone()),
            revoking: Vec::new(),
            partitions: Partitions::default(),
            next_item: 0,
            next_commit: Moment::START,
            paused: Paused::default(),
            draining: false,
            stopped: false,
            ended: false,
            config,
        }
    }

    /// Takes in what happened, and appends what is to be done to `actions`, in that order.
    pub fn handle(&mut self, now: Moment, input: Input, actions: &mut Vec<Action>) {
        if self.ended {
            return self.account(now, input);
        }
        match input {
            Input::Assigned(assignments) => self.assign(now, assignments, actions),
            Input::Topics(topics) => {
                self.partitions = Partitions::new(topics);
                self.share(now);
            }
            Input::Record(record, mapped, entries) => self.record(now, record, mapped, entries, actions),
            Input::Revoking(ownerships) => self.revoke(now, ownerships),
            Input::Lost(ownerships) => self.lose(now, ownerships, actions),
            Input::SendFinished(id, answer, jitter) => {
                let outcomes = self.dispatcher.finish(now, id, answer, jitter);
                self.conclude(now, outcomes, actions);
            }
            Input::DeadLetterFinished(id, outcome, jitter) => self.letter(now, id, outcome, jitter, actions),
            Input::EntriesFinished(id, outcome, jitter) => {
                let mut transitions = Vec::new();
                self.barrier.finish(now, id, outcome, jitter, &mut transitions);
                actions.extend(transitions.into_iter().map(Action::Transition));
            }
            Input::Committed(positions, acknowledged) => self.ledger.committed(&positions, acknowledged),
            Input::Tick => {}
            Input::Drain => self.draining = true,
        }
        self.advance(now, actions);
    }

    /// When [`Input::Tick`] is due, if nothing happens before; never after the end.
    #[must_use]
    pub fn next_wake(&self) -> Option<Moment> {
        if self.ended {
            return None;
        }
        let commit = self.ledger.has_moved().then_some(self.next_commit);
        let revoked = self.revoking.iter().map(|(_, deadline)| *deadline).min();
        let send = self.dispatcher.next_wake(self.draining);
        [commit, revoked, send, self.letters.next_wake(), self.barrier.next_wake()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Ends it: what is not settled is given up, and no input makes an action any more.
    #[must_use]
    pub fn finish(&mut self) -> Summary {
        self.ended = true;
        let unsettled = self.ledger.outstanding();
        let owned: Vec<_> = self.ledger.partitions().keys().copied().collect();
        let release = |id| {
            self.barrier.release(id);
            self.letters.release(id);
            self.dispatcher.abandon(id);
            Some((id, self.ledger.release(id)?.position))
        };
        let positions = owned.into_iter().filter_map(release).collect();
        Summary { positions, unsettled }
    }

    /// Takes in what happens after the end: what was in flight is counted, and all else is somebody else's.
    fn account(&mut self, now: Moment, input: Input) {
        if let Input::SendFinished(id, answer, jitter) = input {
            self.dispatcher.finish(now, id, answer, jitter);
        }
    }

    fn record(
        &mut self,
        now: Moment,
        record: Record,
        mapped: Mapped,
        entries: Vec<Entry>,
        actions: &mut Vec<Action>,
    ) {
        let ownership = record.ownership;
        let Read::New(id) = self.ledger.read(record, now) else { return };
        if entries.is_empty() && self.barrier.is_open() {
            return self.become_of(now, id, ownership, mapped, actions);
        }
        let entries_weight: usize = entries.iter().map(Entry::weight).sum();
        let bytes = SessionBarrier::PLACE + self.weight(&mapped) + entries_weight;
        self.ledger.oblige(id, 1, bytes);
        let waiting = Waiting { record: id, ownership, mapped, bytes, entries };
        actions.extend(self.barrier.enter(waiting).map(|(id, entries)| Action::WriteEntries(id, entries)));
    }

    /// Lets those records through that need wait no more: that obligation is fulfilled, after what they
    /// become has added its own. Of a record that is ignored nothing is left to fulfil.
    fn let_through(&mut self, now: Moment, actions: &mut Vec<Action>) {
        while let Some(Waiting { record, ownership, mapped, bytes, .. }) = self.barrier.leave() {
            self.ledger.relieve(record, bytes);
            self.become_of(now, record, ownership, mapped, actions);
            self.fulfil(now, record, actions);
        }
    }

    /// What it takes to keep what a record becomes, in bytes.
    fn weight(&self, mapped: &Mapped) -> usize {
        match mapped {
            Mapped::Deliver(deliveries) | Mapped::Partly(deliveries, _) => {
                deliveries.iter().map(|delivery| (self.config.measure)(delivery) + HOLDING).sum()
            }
            Mapped::Ignored(_) | Mapped::Refused(_) => 0,
        }
    }

    fn become_of(
        &mut self,
        now: Moment,
        id: RecordId,
        ownership: Ownership,
        mapped: Mapped,
        actions: &mut Vec<Action>,
    ) {
        match mapped {
            Mapped::Ignored(code) => {
                let topic = self.ledger.record(id).map(|record| Arc::clone(&record.topic));
                self.ledger.ignore(id, code);
                if let Some(topic) = topic {
                    self.pass(now, &topic, actions);
                }
            }
            Mapped::Refused(refusal) => {
                self.ledger.oblige(id, 1, 0);
                self.refuse(now, id, refusal, None, actions);
            }
            Mapped::Deliver(deliveries) => {
                self.ledger.oblige(id, deliveries.len(), 0);
                self.deliver_all(now, id, ownership, deliveries, actions);
            }
            Mapped::Partly(deliveries, refusal) => {
                self.ledger.oblige(id, deliveries.len() + 1, 0);
                self.refuse(now, id, refusal, None, actions);
                self.deliver_all(now, id, ownership, deliveries, actions);
            }
        }
    }

    fn deliver_all(
        &mut self,
        now: Moment,
        record: RecordId,
        ownership: Ownership,
        deliveries: Vec<Delivery>,
        actions: &mut Vec<Action>,
    ) {
        for delivery in deliveries {
            self.deliver(now, record, ownership, delivery, actions);
        }
    }

    fn deliver(
        &mut self,
        now: Moment,
        record: RecordId,
        ownership: Ownership,
        delivery: Delivery,
        actions: &mut Vec<Action>,
    ) {
        let bytes = (self.config.measure)(&delivery);
        let Delivery { endpoint_id, endpoint, event, .. } = delivery;
        if bytes + self.config.envelope > usize::try_from(self.config.batch.max_bytes.0).unwrap_or(usize::MAX)
        {
            let message = "the event is larger than a request may be".to_owned();
            let refusal = Refusal { code: Code("event_too_large"), message };
            return self.refuse(now, record, refusal, Some(event.id.clone()), actions);
        }
        // What is kept of an event's text is about as large as what is sent of it.
        self.ledger.oblige(record, 0, bytes + HOLDING);
        let order = self.next_item;
        self.next_item += 1;
        let item = Item { order, record, ownership, event, bytes, arrived: now, past: Past::default() };
        self.dispatcher.accept(&endpoint_id, &endpoint, item);
    }

    /// Does what is due, whatever happened.
    fn advance(&mut self, now: Moment, actions: &mut Vec<Action>) {
        self.let_through(now, actions);
        // What is released may have stood before others at the barrier, and what is let through may settle.
        while self.release_drained(now, actions) {
            self.let_through(now, actions);
        }
        let writes = self.barrier.due(now).into_iter();
        actions.extend(writes.map(|(id, entries)| Action::WriteEntries(id, entries)));
        actions.extend(self.letters.due(now).into_iter().map(Action::WriteDeadLetter));
        while let Some(request) = self.dispatcher.next_request(now, self.draining) {
            actions.push(Action::Send(request));
        }
        self.commit(now, actions);
        self.regulate(actions);
        if self.draining && !self.stopped && !self.is_moving() {
            self.stopped = true;
            actions.push(Action::Stopped);
        }
    }

    fn commit(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if self.ledger.has_moved() && now >= self.next_commit {
            self.next_commit = now + self.config.commit_interval;
            let commits = self.ledger.take_moved().into_iter();
            let positions = commits.map(|commit| (commit.ownership, commit.position)).collect();
            actions.push(Action::Commit(positions));
        }
    }

    /// Whether anything will come of waiting without a person.
    fn is_moving(&self) -> bool {
        let moving = self.dispatcher.is_moving() || self.letters.is_moving() || self.barrier.is_moving();
        self.ledger.outstanding() > 0 && moving
    }
}
