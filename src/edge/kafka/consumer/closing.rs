//! Closing: the last commit, then the departure from the group. Each has a time limit, so that a broker that
//! does not answer cannot hold up the process.

use std::{
    sync::mpsc::sync_channel,
    thread,
    time::{Duration, Instant},
};

use rdkafka::consumer::Consumer as _;

use super::{
    group::{self, Request},
    state::State,
};
use crate::{
    core::source::SourceEvent,
    edge::kafka::{
        codes,
        partition_list::{starting_at, without_offsets},
    },
};

/// How long the last commit may take. During a rebalance it waits behind our own join, until the other
/// members have given up the revoked partitions. The runner's deadline may come first.
const COMMIT: Duration = Duration::from_secs(20);
/// How long leaving the group may take.
const LEAVE: Duration = Duration::from_secs(3);
/// How long librdkafka may take to end its threads.
const DESTROY: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Closing {
    #[default]
    Open,
    /// The last positions are being committed.
    Committing { until: Instant },
    /// The group is being left.
    Leaving { until: Instant },
}

/// The step that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Leave,
    /// The consumer has left the group, or leaving took too long.
    End,
}

impl Closing {
    /// Whether the source is being closed, so that nothing is read any more.
    pub(super) fn has_begun(self) -> bool {
        self != Self::Open
    }

    pub(super) fn begin(&mut self, now: Instant) {
        *self = Self::Committing { until: now + COMMIT };
    }

    pub(super) fn due(self, state: &State, now: Instant) -> Due {
        match self {
            Self::Committing { until } if state.commits.are_done() || until <= now => Due::Leave,
            Self::Leaving { until } if state.consumer.closed() || until <= now => Due::End,
            Self::Open | Self::Committing { .. } | Self::Leaving { .. } => Due::Nothing,
        }
    }

    /// Answers the group's request, and begins to leave the group.
    pub(super) fn leave(&mut self, state: &State, unanswered: Option<Request>, now: Instant) {
        let consumer = &state.consumer;
        consumer.context().close();
        let answered = match unanswered {
            None => Ok(()),
            // The callback will soon revoke what is assigned now.
            Some(Request::Assign(partitions)) => {
                starting_at(partitions.iter().map(|partition| (partition, None)))
                    .and_then(|list| group::assign(consumer, &list))
            }
            Some(Request::Revoke(partitions) | Request::Lose(partitions)) => {
                group::unassign(consumer, &without_offsets(&partitions))
            }
        };
        if let Err(error) = answered.and_then(|()| consumer.close_queue()) {
            tracing::warn!(code = %codes::code(&error), "the consumer could not be closed in good order");
        }
        *self = Self::Leaving { until: now + LEAVE };
    }
}

/// Ends the threads and reports that the source is closed. If librdkafka does not end in time, its last
/// threads are left behind.
pub(super) fn finish(state: State) {
    let State { consumer, outbox, commits, lookups, .. } = state;
    drop((commits, lookups));
    let (ended, end) = sync_channel::<()>(0);
    let destroy = move || {
        drop(consumer);
        drop(ended);
    };
    if thread::Builder::new().name("kafka-close".into()).spawn(destroy).is_ok() {
        // Nothing is ever sent: the wait ends when the other side is dropped, or at the time limit.
        let _ended = end.recv_timeout(DESTROY);
    }
    outbox.finish(SourceEvent::Closed);
}
