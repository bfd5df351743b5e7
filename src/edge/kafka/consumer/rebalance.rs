//! Rebalances: what the group requests, and what must happen before the answer.
//!
//! A revocation is answered when the runner has released the partitions and their positions are committed, or
//! when the commit takes too long. Lost partitions are given up at once, without a commit.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::{Consumer as _, RebalanceProtocol},
    error::KafkaResult,
};

use super::{
    group::{self, Request},
    lookup_thread::Question,
    report::{PartitionStart, Starts},
    state::State,
};
use crate::{
    core::{
        code::Code,
        record::{Ownership, TopicPartition},
        source::{Commit, SourceEvent},
    },
    edge::kafka::{
        connection::Affected,
        partition_list::{starting_at, without_offsets},
    },
};

/// How long the last commit of revoked partitions may take.
const COMMIT: Duration = Duration::from_secs(5);
/// How long to wait before asking the brokers again where to start.
const PAUSE: Duration = Duration::from_millis(500);

/// What the group waits for. It requests one thing at a time.
#[derive(Debug, Default)]
pub(super) enum Rebalance {
    #[default]
    Settled,
    /// Partitions were assigned, and the brokers were asked where they start.
    Starting { partitions: Vec<TopicPartition>, ask_at: Option<Instant> },
    /// Partitions are being revoked, and the runner has not released these ownerships yet.
    Draining { partitions: Vec<TopicPartition>, unreleased: BTreeSet<Ownership> },
    /// All ownerships are released, and their positions are being committed.
    Committing { partitions: Vec<TopicPartition>, until: Instant },
}

impl Rebalance {
    /// Whether the group waits for an answer.
    pub(super) fn is_pending(&self) -> bool {
        !matches!(self, Self::Settled)
    }

    pub(super) fn is_committing(&self) -> bool {
        matches!(self, Self::Committing { .. })
    }

    /// Does what can be done now for the group's request. An error means that librdkafka refuses the answer.
    pub(super) fn step(&mut self, state: &mut State, now: Instant) -> KafkaResult<()> {
        match self {
            Self::Settled => {
                if let Some(request) = state.consumer.context().request() {
                    return self.receive(state, request, now);
                }
            }
            Self::Starting { .. } if state.consumer.assignment_lost() => return self.decline(state),
            Self::Starting { partitions, ask_at } => {
                if ask_at.is_some_and(|at| at <= now)
                    && state.lookups.ask(Question::Starts(partitions.clone()))
                {
                    *ask_at = None;
                }
            }
            Self::Draining { .. } if state.consumer.assignment_lost() => return self.lose(state),
            Self::Draining { partitions, unreleased } if unreleased.is_empty() => {
                let partitions = std::mem::take(partitions);
                *self = Self::Committing { partitions, until: now + COMMIT };
            }
            Self::Draining { .. } => {}
            Self::Committing { partitions, until } => {
                let ownerships = state.partitions.ownerships(partitions);
                let is_done = !ownerships.into_iter().any(|ownership| state.commits.concern(ownership));
                if is_done || *until <= now {
                    if !is_done {
                        tracing::warn!(
                            "partitions are given up before their last positions were committed: what was \
                             settled since the previous commit is delivered again"
                        );
                    }
                    return self.give_up(state);
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self, state: &mut State, request: Request, now: Instant) -> KafkaResult<()> {
        match request {
            Request::Assign(partitions) => *self = Self::Starting { partitions, ask_at: Some(now) },
            Request::Revoke(partitions) => {
                state.report_passed();
                let revoking: Vec<_> =
                    partitions.iter().filter_map(|partition| state.partitions.revoke(partition)).collect();
                let unreleased = revoking.iter().copied().collect();
                if !revoking.is_empty() {
                    state.outbox.push(SourceEvent::Revoking(revoking));
                }
                *self = Self::Draining { partitions, unreleased };
            }
            Request::Lose(partitions) => {
                *self = Self::Draining { partitions, unreleased: BTreeSet::new() };
                return self.lose(state);
            }
        }
        Ok(())
    }

    /// Records that the runner has released ownerships. Partitions that are not being
    /// revoked cannot be released.
    pub(super) fn release(&mut self, state: &mut State, ownerships: &[Ownership], commits: Vec<Commit>) {
        let Self::Draining { unreleased, .. } = self else { return };
        let released: BTreeSet<_> =
            ownerships.iter().filter(|ownership| unreleased.remove(ownership)).collect();
        state.commits.want(commits.into_iter().filter(|commit| released.contains(&commit.ownership)));
    }

    /// Begins to read the assigned partitions, whose starts are now known.
    pub(super) fn begin(
        &mut self,
        state: &mut State,
        starts: Result<Starts, Code>,
        now: Instant,
    ) -> KafkaResult<()> {
        let Self::Starting { ask_at, .. } = self else { return Ok(()) };
        match starts {
            Ok(_) if state.consumer.assignment_lost() => return self.decline(state),
            Ok(starts) => {
                *self = Self::Settled;
                return assign(state, starts, now);
            }
            Err(code) => {
                *ask_at = Some(now + PAUSE);
                state.metadata.connection.trouble(Affected::Group, code);
            }
        }
        Ok(())
    }

    /// Ends the rebalance without an answer, and returns the group's request.
    pub(super) fn abandon(&mut self, state: &State) -> Option<Request> {
        match std::mem::take(self) {
            Self::Settled => state.consumer.context().request(),
            Self::Starting { partitions, .. } => Some(Request::Assign(partitions)),
            Self::Draining { partitions, .. } | Self::Committing { partitions, .. } => {
                Some(Request::Revoke(partitions))
            }
        }
    }

    /// Takes none of the assigned partitions, because they were lost again before they began. An eager group
    /// does not revoke what it has taken away. A cooperative group will soon revoke what it has given.
    fn decline(&mut self, state: &mut State) -> KafkaResult<()> {
        let Self::Starting { partitions, .. } = self else { return Ok(()) };
        if !matches!(state.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative) {
            return self.give_up(state);
        }
        let list = starting_at(partitions.iter().map(|partition| (partition, None)));
        *self = Self::Settled;
        state.consumer.incremental_assign(&list?)
    }

    fn lose(&mut self, state: &mut State) -> KafkaResult<()> {
        if let Self::Draining { partitions, .. } = self {
            let lost = state.partitions.ownerships(partitions);
            if !lost.is_empty() {
                state.outbox.push(SourceEvent::Lost(lost));
            }
        }
        self.give_up(state)
    }

    /// Ends the ownerships in question, and answers the group.
    fn give_up(&mut self, state: &mut State) -> KafkaResult<()> {
        let partitions = match std::mem::take(self) {
            Self::Settled => return Ok(()),
            Self::Starting { partitions, .. }
            | Self::Draining { partitions, .. }
            | Self::Committing { partitions, .. } => partitions,
        };
        state.resume(&partitions);
        for partition in &partitions {
            state.partitions.end(partition);
        }
        group::unassign(&state.consumer, &without_offsets(&partitions))
    }
}

fn assign(state: &mut State, starts: Starts, now: Instant) -> KafkaResult<()> {
    let Starts { partitions, committed, cluster } = starts;
    let list = starting_at(partitions.iter().map(|(partition, start)| (partition, start.offset())))?;
    group::assign(&state.consumer, &list)?;
    state.partitions.cluster = cluster;
    let assigned: Vec<_> = partitions.iter().map(|(partition, _)| partition.clone()).collect();
    let mut assignments = Vec::with_capacity(partitions.len());
    for (partition, start) in partitions {
        let uncommitted = match &start {
            PartitionStart::Committed(_) => None,
            PartitionStart::Uncommitted(offset) => *offset,
        };
        let assignment = state.partitions.begin(partition, start);
        // Without this commit, a restart before the first record would start at a later end of the log.
        state.commits.want(uncommitted.map(|offset| Commit::at(assignment.ownership, offset)));
        assignments.push(assignment);
    }
    if !assignments.is_empty() {
        state.outbox.push(SourceEvent::Assigned(assignments));
    }
    state.metadata.connection.well(Affected::Group);
    state.metadata.refresh_now();
    state.freshness.assigned();
    state.validation.want(committed, now);
    state.pause(&assigned)
}
