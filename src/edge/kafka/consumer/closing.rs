//! Closing: the last commit, then out of the group, each within its bound; a broker that does not
//! answer cannot hold the process up.

use std::{
    ops::ControlFlow,
    sync::mpsc::sync_channel,
    thread,
    time::{Duration, Instant},
};

use rdkafka::consumer::Consumer as _;

use super::{
    group::{self, Request},
    poll::PollLoop,
    rebalance::{Rebalance, starting_list},
};
use crate::{
    core::{code::Code, record::Ownership, source::SourceEvent},
    edge::kafka::codes,
};

/// How long the last commit may take. Where the group is being shared out anew it waits behind our own
/// joining, until the other members have given up what is revoked; the runner's deadline may come before.
const COMMIT: Duration = Duration::from_secs(20);
/// How long leaving the group may take.
const LEAVE: Duration = Duration::from_secs(3);
/// How long librdkafka may take to end its threads.
const DESTROY: Duration = Duration::from_secs(1);

/// How far the close is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Closing {
    /// It was not asked for.
    #[default]
    Open,
    /// The last positions are being committed.
    Committing { until: Instant },
    /// The group is being left.
    Leaving { until: Instant },
}

impl Closing {
    /// Whether the source is being closed: nothing is read any more.
    pub(super) fn has_begun(self) -> bool {
        self != Self::Open
    }
}

impl PollLoop {
    /// Begins to close, after a commit of these positions.
    pub(super) fn close(&mut self, positions: Vec<(Ownership, i64)>, now: Instant) {
        if !self.closing.has_begun() {
            self.commits.want(positions);
            self.closing = Closing::Committing { until: now + COMMIT };
        }
    }

    /// Kafka failed for good: there is nothing to commit to.
    pub(super) fn fail(&mut self, code: Code) {
        if !self.closing.has_begun() {
            self.outbox.push(SourceEvent::Failed(code));
            self.leave(super::now());
        }
    }

    /// Goes on with the close; breaks when the group is left, or took too long to let go.
    pub(super) fn step_closing(&mut self, now: Instant) -> ControlFlow<()> {
        if self.outbox.is_abandoned() {
            self.close(Vec::new(), now);
        }
        match self.closing {
            Closing::Committing { until } if self.commits.are_done() || until <= now => self.leave(now),
            Closing::Leaving { until } if self.consumer.closed() || until <= now => {
                return ControlFlow::Break(());
            }
            Closing::Open | Closing::Committing { .. } | Closing::Leaving { .. } => {}
        }
        ControlFlow::Continue(())
    }

    fn leave(&mut self, now: Instant) {
        self.consumer.context().close();
        let unanswered = match std::mem::take(&mut self.rebalance) {
            Rebalance::Settled => self.consumer.context().request(),
            Rebalance::Starting { places, .. } => Some(Request::Assign(places)),
            Rebalance::Draining { places, .. } | Rebalance::Committing { places, .. } => {
                Some(Request::Revoke(places))
            }
        };
        let answered = match unanswered {
            None => Ok(()),
            // What is assigned now is taken away again in a moment, by the callback.
            Some(Request::Assign(places)) => starting_list(places.iter().map(|place| (place, None)))
                .and_then(|list| group::assign(&self.consumer, &list)),
            Some(Request::Revoke(places) | Request::Lose(places)) => {
                group::unassign(&self.consumer, &group::list(&places))
            }
        };
        if let Err(error) = answered.and_then(|()| self.consumer.close_queue()) {
            tracing::warn!(code = %codes::code(&error), "the consumer could not be closed in good order");
        }
        self.closing = Closing::Leaving { until: now + LEAVE };
    }

    /// Ends the threads and says that the source is closed, also where librdkafka does not come to an
    /// end: its last threads are left behind then.
    pub(super) fn finish(self) {
        let Self { consumer, outbox, reports, commits, lookups, .. } = self;
        drop((reports, commits, lookups));
        let (ended, end) = sync_channel::<()>(0);
        let destroy = move || {
            drop(consumer);
            drop(ended);
        };
        if thread::Builder::new().name("kafka-close".into()).spawn(destroy).is_ok() {
            // Nothing is ever sent: it ends with the channel's other side, or with the time.
            let _ended = end.recv_timeout(DESTROY);
        }
        outbox.finish(SourceEvent::Closed);
    }
}
