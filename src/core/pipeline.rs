//! The pipeline: a state machine that takes inputs and returns actions. Every decision that could lose an
//! event is made here, without I/O, clock and logging. Random numbers come from a seed.
//!
//! ```text
//! Record ─► ledger (outstanding) ─► session barrier ─► route, room ─► dispatcher ─► request ─► answer
//!                                                            │                                    │
//!                                                            └─ refused ─► dead letter ◄─ refused ┤ verdicts
//!                                                                               │ written         │
//!              position to commit, settled tail ◄── ledger (settled) ◄──────────┴──── accepted ◄──┘
//! ```
//!
//! At the barrier, a record waits until its own entries of the session table, and those of all records read
//! before it, are acknowledged. If there are none, it passes at once. This write is an obligation of the
//! record, like its events and its dead letters.
//!
//! Knows nothing of tokio, rdkafka and AWS. What always holds: the invariants that its simulation checks
//! by name (see `core/pipeline/simulation.rs`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::core::{
    backoff::Backoff,
    code::Code,
    destination::DestinationId,
    event::Mapped,
    record::{Assignment, Ownership, Record},
    route::Router,
    session_table::Entry,
    source::Paused,
    time::Moment,
    units::Switch,
};

mod backpressure;
mod circuit_breaker;
pub mod config;
mod dead_letters;
mod delivery;
mod dispatcher;
mod jitter;
mod ledger;
mod message;
mod narrowing;
mod offsets;
mod ownership;
mod quota_domain;
mod quota_margin;
mod quota_share;
mod refusals;
mod room;
mod session_barrier;
mod settlement;
#[cfg(test)]
mod simulation;
mod snapshot;
mod tail;
#[cfg(test)]
pub(crate) mod tests;
mod transition;
mod turns;
mod writes;

pub use dispatcher::{DispatcherConfig, SendCounts};
pub use jitter::Jitter;
pub use ledger::RecordCounts;
pub use message::{Action, Input, Summary};
pub use quota_domain::QuotaStatus;
pub use snapshot::{DestinationStatus, HOLD_CAUSES, HoldStatus, PartitionStatus, Snapshot};
pub use tail::Fingerprint;
pub use transition::Transition;

use circuit_breaker::CircuitBreakers;
use config::{CircuitBreakerConfig, QuotaConfig};
use dead_letters::DeadLetters;
use dispatcher::Dispatcher;
use ledger::{Ledger, Read};
use quota_domain::QuotaDomain;
use quota_share::Partitions;
use room::Stalled;
use session_barrier::{SessionBarrier, Waiting};

pub struct PipelineConfig {
    /// The quota of each domain.
    pub domains: Vec<QuotaConfig>,
    /// The destinations in the order of their ids, each with the index of its domain.
    pub destinations: Vec<(usize, DispatcherConfig)>,
    pub router: Router,
    /// The delays before a write to Kafka is retried.
    pub backoff: Backoff,
    /// `None` if the circuit breakers are off.
    pub circuit_breaker: Option<CircuitBreakerConfig>,
    /// Whether commits name the settled offsets above their position.
    pub tails: Switch,
    /// The limit of outstanding bytes. One fetch may exceed it.
    pub max_bytes: usize,
    /// The limit of the bytes of dead letters that are being written. One letter may exceed it.
    pub letter_bytes: usize,
    /// The time between two commits.
    pub commit_interval: Duration,
    /// The time limit for draining a partition that is being revoked.
    pub revoke_timeout: Duration,
    pub jitter: Jitter,
}

#[expect(clippy::struct_excessive_bools, reason = "they are about different things")]
pub struct Pipeline {
    router: Router,
    max_bytes: usize,
    commit_interval: Duration,
    revoke_timeout: Duration,
    ledger: Ledger,
    barrier: SessionBarrier,
    domains: Vec<QuotaDomain>,
    /// The dispatchers in the order of their ids, each with the index of its domain.
    dispatchers: Vec<(usize, Dispatcher)>,
    dead_letters: DeadLetters,
    circuit_breakers: CircuitBreakers,
    /// Records that wait for room at a destination, by partition.
    stalled: BTreeMap<Ownership, Stalled>,
    /// Whether so much waits for room that the topics of which much waits are not read.
    crowded: bool,
    /// Partitions whose next records cannot be read, each with the code and since when.
    unreadable: BTreeMap<Ownership, (Code, Moment)>,
    /// Ownerships that are being revoked, each with the deadline of its drain.
    revoking: Vec<(Ownership, Moment)>,
    /// The partitions of the subscribed topics; empty until they are known.
    partitions: Partitions,
    next_request: u64,
    next_commit: Moment,
    paused: Paused,
    draining: bool,
    stopped: bool,
    /// Whether everything was given up: nothing is sent, written or committed any more.
    ended: bool,
    /// The actions to carry out, in order.
    output: Vec<Action>,
}

impl Pipeline {
    /// Creates a pipeline that owns no partitions.
    #[must_use]
    pub fn new(config: PipelineConfig) -> Self {
        let PipelineConfig { backoff, mut jitter, .. } = config;
        let dispatchers = config.destinations.into_iter().zip(0..).map(|((domain, config), id)| {
            (domain, Dispatcher::new(DestinationId(id), config, jitter.fork()))
        });
        let dispatchers = dispatchers.collect();
        Self {
            router: config.router,
            max_bytes: config.max_bytes,
            commit_interval: config.commit_interval,
            revoke_timeout: config.revoke_timeout,
            ledger: Ledger::new(config.tails),
            barrier: SessionBarrier::new(backoff.clone(), jitter.fork()),
            domains: config.domains.into_iter().map(QuotaDomain::new).collect(),
            dispatchers,
            circuit_breakers: CircuitBreakers::new(config.circuit_breaker, backoff.max()),
            dead_letters: DeadLetters::new(backoff, jitter.fork(), config.letter_bytes),
            stalled: BTreeMap::new(),
            crowded: false,
            unreadable: BTreeMap::new(),
            revoking: Vec::new(),
            partitions: Partitions::default(),
            next_request: 0,
            next_commit: Moment::START,
            paused: Paused::default(),
            draining: false,
            stopped: false,
            ended: false,
            output: Vec::new(),
        }
    }

    /// Processes an input. [`actions`](Self::actions) then returns the resulting actions.
    pub fn handle(&mut self, now: Moment, input: Input) {
        if self.ended {
            return self.account(now, input);
        }
        match input {
            Input::Assigned(assignments) => self.assign(now, assignments),
            Input::Topics(topics) => {
                self.partitions = Partitions::new(topics);
                self.share(now);
            }
            Input::Records(records) => {
                for (record, mapped, entries) in records {
                    self.record(now, record, mapped, entries);
                }
            }
            Input::Revoking(ownerships) => self.revoke(now, ownerships),
            Input::Lost(ownerships) => self.lose(now, ownerships),
            Input::SendFinished { destination, id, answer } => self.sent(now, destination, id, answer),
            Input::DeadLetterFinished(id, outcome) => self.dead_letter_finished(now, id, outcome),
            Input::EntriesFinished(id, outcome) => self.barrier.finish(now, id, outcome),
            Input::Committed { commits, acknowledged, tails_refused } => {
                if tails_refused {
                    self.ledger.tails_refused();
                }
                self.ledger.committed(&commits, acknowledged);
            }
            Input::Ends(ends) => {
                for (ownership, end) in ends {
                    if self.ledger.log_end(ownership, end).is_some() {
                        self.rewind(ownership);
                    }
                }
            }
            Input::Passed(positions) => {
                for (ownership, position) in positions {
                    if self.ledger.pass(ownership, position).is_some() {
                        self.rewind(ownership);
                    }
                }
            }
            Input::Unreadable(ownership, code) => self.unreadable(now, ownership, code),
            Input::Tick => {}
            Input::Drain => {
                self.draining = true;
                self.ask_all();
            }
        }
        self.advance(now);
        #[cfg(test)]
        self.check_turns();
    }

    /// Removes and returns the pending actions, in order.
    pub fn actions(&mut self) -> impl Iterator<Item = Action> {
        self.output.drain(..)
    }

    /// When [`Input::Tick`] is due, if no other input comes first. After the end it is never due.
    #[must_use]
    pub fn next_wake(&self) -> Option<Moment> {
        if self.ended {
            return None;
        }
        let commit = self.ledger.has_moved().then_some(self.next_commit);
        let revoked = self.revoking.iter().map(|(_, deadline)| *deadline).min();
        let dead_letters = [self.dead_letters.next_wake(), self.circuit_breakers.next_wake()];
        [commit, revoked, self.next_send(), self.next_spill(), self.barrier.next_wake()]
            .into_iter()
            .chain(dead_letters)
            .flatten()
            .min()
    }

    /// Ends the pipeline: gives up unsettled records. No input causes an action afterwards.
    #[must_use]
    pub fn finish(&mut self) -> Summary {
        self.ended = true;
        let unsettled = self.ledger.outstanding();
        let owned: BTreeSet<_> = self.ledger.partitions().keys().copied().collect();
        for id in &owned {
            self.barrier.release(*id);
            self.dead_letters.release(*id);
            self.circuit_breakers.release(*id);
            self.stalled.remove(id);
        }
        self.dispatchers.iter_mut().for_each(|(_, dispatcher)| dispatcher.abandon(&owned));
        let reached = self.ledger.release(&owned);
        Summary { commits: self.ledger.commits(reached), unsettled }
    }

    /// Processes an input after the end: requests that were in flight are still counted, everything else is
    /// ignored.
    fn account(&mut self, now: Moment, input: Input) {
        if let Input::SendFinished { destination, id, answer } = input
            && let Some((domain, dispatcher)) = self.dispatchers.get_mut(usize::from(destination.0))
        {
            dispatcher.finish(now, id, answer, &mut self.domains[*domain]);
        }
    }

    fn record(&mut self, now: Moment, record: Record, mapped: Mapped, entries: Vec<Entry>) {
        let ownership = record.ownership;
        let id = match self.ledger.read(record, now) {
            Read::New(id) => id,
            // The session index has learned from the record, but none of its events is sent and none of its
            // entries is written.
            Read::SettledBefore | Read::Dropped => return,
            Read::Void { .. } => return self.rewind(ownership),
        };
        if entries.is_empty() && self.barrier.is_open() {
            return self.deliver(now, id, ownership, mapped);
        }
        let entries_weight: usize = entries.iter().map(Entry::weight).sum();
        let bytes = SessionBarrier::PLACE + delivery::weight(&mapped) + entries_weight;
        self.ledger.oblige(id, 1, bytes);
        self.barrier.enter(Waiting { record: id, ownership, mapped, bytes }, entries);
    }

    /// Lets the records through that no longer need to wait. Their obligation to wait is fulfilled last,
    /// after their events have added their own obligations; an ignored record has no others.
    fn let_through(&mut self, now: Moment) {
        while let Some(Waiting { record, ownership, mapped, bytes }) = self.barrier.leave() {
            self.ledger.relieve(record, bytes);
            self.deliver(now, record, ownership, mapped);
            self.fulfil(now, record, 0);
        }
    }

    /// Reads a partition again without its inherited tail, which contradicts the log.
    fn rewind(&mut self, ownership: Ownership) {
        let assignment = self.ledger.partitions().get(&ownership).map(|partition| &partition.assignment);
        let Some(Assignment { topic, partition, .. }) = assignment else { return };
        let (topic, partition) = (Arc::clone(topic), *partition);
        self.output.push(Action::Transition(Transition::TailVoid { topic, partition }));
        self.output.push(Action::Rewind(ownership));
    }

    /// Does everything that is due now.
    fn advance(&mut self, now: Moment) {
        self.let_through(now);
        // Released records may have blocked others at the barrier, and the records let through may settle.
        while self.release_drained(now) {
            self.let_through(now);
        }
        self.spill(now);
        self.unstall(now);
        self.barrier.advance(now);
        for id in self.circuit_breakers.due(now) {
            self.dead_letters.write(id);
        }
        self.dead_letters.advance(now);
        self.output.extend(self.barrier.take_output());
        self.output.extend(self.dead_letters.take_output());
        self.send(now);
        let transitions = self.circuit_breakers.take_transitions();
        self.output.extend(transitions.into_iter().map(Action::Transition));
        self.commit(now);
        self.regulate();
        if self.draining && !self.stopped && !self.is_moving() {
            self.stopped = true;
            self.output.push(Action::Stopped);
        }
    }

    fn commit(&mut self, now: Moment) {
        if self.ledger.has_moved() && now >= self.next_commit {
            self.next_commit = now + self.commit_interval;
            self.output.push(Action::Commit(self.ledger.take_moved()));
        }
    }

    /// Whether progress is possible without manual intervention.
    fn is_moving(&self) -> bool {
        let sending = || self.dispatchers.iter().any(|(_, dispatcher)| dispatcher.is_moving());
        let moving = self.dead_letters.is_moving() || self.barrier.is_moving() || sending();
        self.ledger.outstanding() > 0 && moving
    }

    fn dispatcher(&mut self, id: DestinationId) -> &mut Dispatcher {
        &mut self.dispatchers[usize::from(id.0)].1
    }
}
