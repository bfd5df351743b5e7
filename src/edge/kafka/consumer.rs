//! Kafka as a source: a consumer in a group, polled on a thread of its own.
//!
//! The poll loop owns all the state there is. What takes a round trip is done by two more threads, one
//! that commits and one that asks, which report to the loop; the runner leaves its orders where the loop
//! finds them, and gets what happened through a bounded channel. So the loop is never blocked, and the
//! group is always served (invariant 9):
//!
//! ```text
//! runner ──orders──► poll loop ──jobs──────► commit thread
//!    ▲                │   ▲  └──questions──► lookup thread
//!    └────events──────┘   └────reports──────────┘
//! ```
//!
//! Nothing is committed for a partition that is not owned, and nothing is delivered of one that is being
//! revoked. Knows nothing of what records say.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::sync_channel,
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use rdkafka::{config::FromClientConfigAndContext as _, error::KafkaResult};
use tokio::sync::mpsc;

use self::{
    closing::Closing,
    commands::Orders,
    commits::Commits,
    group::{Group, GroupConsumer},
    lookups::{Asker, Beginning, Lookups, Range, Survey},
    outbox::Outbox,
    partitions::Partitions,
    pausing::Steering,
    poll::PollLoop,
    rebalance::Rebalance,
    recovery::Recovery,
    watch::Watch,
};
use crate::{
    core::source::{Source, SourceCommand, SourceEvent},
    edge::kafka::config::SourceConfig,
};
use crate::{
    core::{code::Code, record::Ownership, time::Moment},
    edge::kafka::client::StartError,
};

mod closing;
mod commands;
mod commits;
mod connection;
mod group;
mod lookups;
mod outbox;
mod partitions;
mod pausing;
mod poll;
mod properties;
mod reading;
mod rebalance;
mod recovery;
mod watch;

/// Events that may wait for the runner; a batch of records is one.
const EVENTS: usize = 4;
/// Reports that may wait for the poll loop; each of the two threads has a few on its way at most.
const REPORTS: usize = 8;

/// When the poll loop last showed that it lives.
#[derive(Debug)]
pub struct Heartbeat {
    origin: Instant,
    /// Milliseconds since the origin.
    last: AtomicU64,
}

impl Heartbeat {
    /// The last beat, counted from the origin that the source was started with.
    #[must_use]
    pub fn last(&self) -> Moment {
        Moment::after_start(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }

    fn beat(&self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.origin).as_millis();
        self.last.store(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// A consumer in a group. When it is dropped it leaves the group without a commit.
#[derive(Debug)]
pub struct KafkaSource {
    events: mpsc::Receiver<SourceEvent>,
    orders: Arc<Orders>,
    heartbeat: Arc<Heartbeat>,
    poll_thread: Thread,
}

impl KafkaSource {
    /// Starts to poll; the group is joined when it is told to begin. To close takes milliseconds, and 9 s when no broker
    /// answers any more. About `queue_bytes` are read ahead, in librdkafka
    /// and in the channel to the runner; ownerships are numbered from 0; `origin` is the start of the
    /// process, from which [`Heartbeat`] counts.
    ///
    /// # Errors
    ///
    /// If librdkafka refuses a property, or no thread can be started. Brokers that
    /// cannot be reached are no error here: they are waited for, and reported.
    pub fn start(config: &SourceConfig, queue_bytes: u64, origin: Instant) -> Result<Self, StartError> {
        let client = properties::consumer(config, queue_bytes - queue_bytes / 8);
        let consumer = Arc::new(GroupConsumer::from_config_and_context(&client, Group::default())?);
        let (events_in, events) = mpsc::channel(EVENTS);
        let (reports_in, reports) = sync_channel(REPORTS);
        let orders = Arc::new(Orders::default());
        let heartbeat = Arc::new(Heartbeat { origin, last: AtomicU64::new(0) });
        heartbeat.beat(now());
        let asker = Asker::new(config, &consumer, reports_in.clone());
        let poll_loop = PollLoop {
            lookups: Lookups::start(asker).map_err(StartError::Thread)?,
            commits: Commits::start(Arc::clone(&consumer), reports_in).map_err(StartError::Thread)?,
            reports,
            consumer,
            topics: config.topics.iter().map(ToString::to_string).collect(),
            orders: Arc::clone(&orders),
            heartbeat: Arc::clone(&heartbeat),
            outbox: Outbox::new(events_in),
            batch_bytes: batch_bytes(queue_bytes),
            partitions: Partitions::default(),
            rebalance: Rebalance::default(),
            recovery: Recovery::default(),
            watch: Watch::default(),
            closing: Closing::default(),
            steering: Steering::default(),
        };
        let thread = thread::Builder::new().name("kafka-poll".into()).spawn(|| poll_loop.run());
        let poll_thread = thread.map_err(StartError::Thread)?.thread().clone();
        Ok(Self { events, orders, heartbeat, poll_thread })
    }

    /// The poll loop's heartbeat: liveness is that it beats, whatever the brokers do.
    #[must_use]
    pub fn heartbeat(&self) -> Arc<Heartbeat> {
        Arc::clone(&self.heartbeat)
    }
}

impl Source for KafkaSource {
    async fn next(&mut self) -> SourceEvent {
        let event = self.events.recv().await.unwrap_or(SourceEvent::Closed);
        // There is room again: the poll loop may be waiting for it.
        self.poll_thread.unpark();
        event
    }

    fn command(&mut self, command: SourceCommand) {
        self.orders.leave(command);
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.orders.abandon();
    }
}

/// What the two other threads tell the poll loop.
enum Report {
    /// A commit ended.
    Committed { positions: Vec<(Ownership, i64)>, result: KafkaResult<()> },
    /// Where partitions start.
    Beginnings(Result<Vec<Beginning>, Code>),
    /// Which offsets logs hold.
    Ranges(Result<Vec<Range>, Code>),
    /// What there is.
    Survey(Result<Survey, Code>),
}

/// How large a batch may be: an eighth of what is read ahead is for those in the channel and one more.
fn batch_bytes(queue_bytes: u64) -> usize {
    let batches = u64::try_from(EVENTS + 1).unwrap_or(u64::MAX);
    usize::try_from(queue_bytes / 8 / batches).unwrap_or(usize::MAX).clamp(16 * 1024, 1024 * 1024)
}

#[expect(clippy::disallowed_methods, reason = "this is an edge: the poll loop has deadlines of its own")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
