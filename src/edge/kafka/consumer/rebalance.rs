//! Rebalances: what the group asks for, and what has to happen before it is answered.
//!
//! A revocation is answered when the runner has released all that it concerns and their positions are
//! committed, or the commit took too long. What is lost is given up at once, without a commit.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{Consumer as _, RebalanceProtocol},
    error::{KafkaError, KafkaResult},
};

use super::{
    group::{self, Request},
    lookups::{Beginning, Question},
    partitions::Place,
    poll::PollLoop,
};
use crate::{
    core::{code::Code, record::Ownership, source::SourceEvent},
    edge::kafka::codes,
};

/// How long the last commit of what is revoked may take.
const COMMIT: Duration = Duration::from_secs(5);
/// How long to wait before the brokers are asked again where to start.
const PAUSE: Duration = Duration::from_millis(500);

/// What the group waits for. It asks for one thing at a time.
#[derive(Debug, Default)]
pub(super) enum Rebalance {
    /// Nothing.
    #[default]
    Settled,
    /// Partitions were assigned, and it is being asked where they start.
    Starting { places: Vec<Place>, ask_at: Option<Instant> },
    /// Partitions are being revoked; these ownerships are not released yet.
    Draining { places: Vec<Place>, unreleased: BTreeSet<Ownership> },
    /// All are released, and their positions are being committed.
    Committing { places: Vec<Place>, until: Instant },
}

impl Rebalance {
    /// Whether the group waits for an answer.
    pub(super) fn is_pending(&self) -> bool {
        !matches!(self, Self::Settled)
    }

    /// Whether a commit is waited for.
    pub(super) fn is_committing(&self) -> bool {
        matches!(self, Self::Committing { .. })
    }
}

impl PollLoop {
    /// Goes on with what the group asked for, as far as that is possible now.
    pub(super) fn step_rebalance(&mut self, now: Instant) {
        match &mut self.rebalance {
            Rebalance::Settled => {
                if let Some(request) = self.consumer.context().request() {
                    self.hear(request, now);
                }
            }
            Rebalance::Starting { .. } if self.consumer.assignment_lost() => self.decline(),
            Rebalance::Starting { places, ask_at } => {
                if ask_at.is_some_and(|at| at <= now)
                    && self.lookups.ask(Question::Beginnings(places.clone()))
                {
                    *ask_at = None;
                }
            }
            Rebalance::Draining { .. } if self.consumer.assignment_lost() => self.lose(),
            Rebalance::Draining { places, unreleased } if unreleased.is_empty() => {
                let places = std::mem::take(places);
                self.rebalance = Rebalance::Committing { places, until: now + COMMIT };
            }
            Rebalance::Draining { .. } => {}
            Rebalance::Committing { places, until } => {
                let ownership = |place| self.partitions.of(place).map(|owned| owned.ownership);
                let is_done = !places.iter().filter_map(ownership).any(|it| self.commits.concern(it));
                if !is_done && *until <= now {
                    tracing::warn!(
                        "partitions are given up before their last positions were committed: what was settled \
                         since the commit before is delivered again"
                    );
                }
                if is_done || *until <= now {
                    self.give_up();
                }
            }
        }
    }

    fn hear(&mut self, request: Request, now: Instant) {
        match request {
            Request::Assign(places) => self.rebalance = Rebalance::Starting { places, ask_at: Some(now) },
            Request::Revoke(places) => {
                let revoking: Vec<_> =
                    places.iter().filter_map(|place| self.partitions.revoke(place)).collect();
                let unreleased = revoking.iter().copied().collect();
                if !revoking.is_empty() {
                    self.outbox.push(SourceEvent::Revoking(revoking));
                }
                self.rebalance = Rebalance::Draining { places, unreleased };
            }
            Request::Lose(places) => {
                self.rebalance = Rebalance::Draining { places, unreleased: BTreeSet::new() };
                self.lose();
            }
        }
    }

    /// Notes what the runner has released; what is not being revoked is not released.
    pub(super) fn release(&mut self, released: Vec<(Ownership, Option<i64>)>) {
        let Rebalance::Draining { unreleased, .. } = &mut self.rebalance else { return };
        for (ownership, position) in released {
            if unreleased.remove(&ownership) {
                self.commits.want(position.map(|position| (ownership, position)));
            }
        }
    }

    /// Begins to read the partitions that were assigned, now that it is known where they start.
    pub(super) fn begin(&mut self, beginnings: Result<Vec<Beginning>, Code>, now: Instant) {
        let Rebalance::Starting { ask_at, .. } = &mut self.rebalance else { return };
        match beginnings {
            Ok(_) if self.consumer.assignment_lost() => self.decline(),
            Ok(beginnings) => {
                self.rebalance = Rebalance::Settled;
                self.assign(beginnings);
            }
            Err(code) => {
                *ask_at = Some(now + PAUSE);
                self.watch.trouble_of_group(code);
            }
        }
    }

    fn assign(&mut self, beginnings: Vec<Beginning>) {
        let list = beginnings.iter().map(|beginning| (&beginning.place, beginning.next));
        let assigned = starting_list(list).and_then(|list| group::assign(&self.consumer, &list));
        if let Err(error) = assigned {
            return self.be_refused(&error);
        }
        let mut assignments = Vec::with_capacity(beginnings.len());
        for Beginning { place, next, is_new } in beginnings {
            let assignment = self.partitions.begin(place, next);
            // So that a restart before the first record does not start at a later end of the log.
            let unnoted = next.filter(|_| is_new);
            self.commits.want(unnoted.map(|next| (assignment.ownership, next)));
            assignments.push(assignment);
        }
        if !assignments.is_empty() {
            self.outbox.push(SourceEvent::Assigned(assignments));
        }
        self.steering.partitions_changed();
        self.watch.assigned();
    }

    /// Takes none of the partitions that were assigned and are lost again before they began. An eager group
    /// does not ask for what it has taken away; a cooperative one does, in a moment, for what it has given.
    fn decline(&mut self) {
        let Rebalance::Starting { places, .. } = &self.rebalance else { return };
        if !matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative) {
            return self.give_up();
        }
        let list = starting_list(places.iter().map(|place| (place, None)));
        self.rebalance = Rebalance::Settled;
        if let Err(error) = list.and_then(|list| self.consumer.incremental_assign(&list)) {
            self.be_refused(&error);
        }
    }

    fn lose(&mut self) {
        if let Rebalance::Draining { places, .. } = &self.rebalance {
            let ownership = |place| self.partitions.of(place).map(|owned| owned.ownership);
            let lost: Vec<_> = places.iter().filter_map(ownership).collect();
            if !lost.is_empty() {
                self.outbox.push(SourceEvent::Lost(lost));
            }
        }
        self.give_up();
    }

    /// Ends the ownerships that are concerned, and answers the group.
    fn give_up(&mut self) {
        let places = match std::mem::take(&mut self.rebalance) {
            Rebalance::Settled => return,
            Rebalance::Starting { places, .. }
            | Rebalance::Draining { places, .. }
            | Rebalance::Committing { places, .. } => places,
        };
        self.resume(&places);
        for place in &places {
            self.partitions.end(place);
        }
        if let Err(error) = group::unassign(&self.consumer, &group::list(&places)) {
            self.be_refused(&error);
        }
    }

    /// librdkafka does not take an answer, and waits for it for ever: only a new consumer helps.
    pub(super) fn be_refused(&mut self, error: &KafkaError) {
        tracing::error!(code = %codes::code(error), "librdkafka refuses a change of what is assigned");
        self.fail(Code("assignment_refused"));
    }
}

/// The list of these partitions, each with the offset to start with.
pub(super) fn starting_list<'a>(
    places: impl IntoIterator<Item = (&'a Place, Option<i64>)>,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (place, next) in places {
        let offset = next.map_or(Offset::Beginning, Offset::Offset);
        list.add_partition_offset(&place.topic, place.partition, offset)?;
    }
    Ok(list)
}
