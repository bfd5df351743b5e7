//! Kafka as a source: a consumer in a group, polled on a thread of its own.
//!
//! The poll loop owns all state. Whatever needs a round trip is done by two more threads: one commits, the
//! other asks the brokers, and both report to the loop. The runner leaves its commands where the loop finds
//! them, and gets events through a bounded channel. So the loop is never blocked, and always serves the group
//! (invariant 9):
//!
//! ```text
//! runner ──commands──► poll loop ──jobs──────► commit thread
//!    ▲                  │   ▲  └──questions──► lookup thread
//!    └─────events───────┘   └────reports──────────┘
//! ```
//!
//! Nothing is committed for a partition that is not owned, and no record of a partition that is being revoked
//! is delivered. Knows nothing of the content of records.

use std::{
    num::NonZeroU32,
    sync::{Arc, mpsc::sync_channel},
    thread::{self, Thread},
    time::Instant,
};

use rdkafka::config::FromClientConfigAndContext as _;
use tokio::sync::mpsc;

use self::{
    closing::Closing,
    commands::Commands,
    commits::Commits,
    config::SourceConfig,
    epochs::Epochs,
    freshness::Freshness,
    group::{Group, GroupConsumer},
    heartbeat::Heartbeat,
    lookup_thread::{Asker, LookupThread},
    metadata::Metadata,
    outbox::Outbox,
    partitions::OwnedPartitions,
    pausing::Pausing,
    poll::PollLoop,
    rebalance::Rebalance,
    recovery::Recovery,
    state::State,
    unreadable::Unreadable,
    validation::Validation,
};
use crate::{
    core::source::{Source, SourceCommand, SourceEvent},
    edge::kafka::cluster::StartError,
};

mod closing;
mod commands;
mod commits;
pub mod config;
mod epochs;
mod freshness;
mod group;
pub mod heartbeat;
mod landmarks;
mod lookup_thread;
mod metadata;
mod newest_commits;
mod outbox;
mod partitions;
mod pausing;
mod poll;
mod properties;
mod reading;
mod rebalance;
mod recovery;
mod report;
mod state;
mod truncation;
mod unreadable;
mod validation;

/// How many events may wait for the runner; a batch of records is one event.
const EVENTS: usize = 4;
/// How many reports may wait for the poll loop.
const REPORTS: usize = 8;

/// How much is read ahead of what is delivered.
#[derive(Clone, Copy, Debug)]
pub struct ReadAhead {
    pub bytes: u64,
    /// The number of brokers that records are fetched from at the same time.
    pub brokers: NonZeroU32,
}

/// A consumer in a group. When dropped, it leaves the group without a commit.
#[derive(Debug)]
pub struct KafkaSource {
    events: mpsc::Receiver<SourceEvent>,
    commands: Arc<Commands>,
    heartbeat: Arc<Heartbeat>,
    poll_thread: Thread,
}

impl KafkaSource {
    /// Starts to poll; [`SourceCommand::Begin`] joins the group. About `ahead.bytes` are read ahead, in
    /// librdkafka and in the channel to the runner. Ownerships are numbered from 0. `origin` is the start of
    /// the process, from which [`Heartbeat`] counts.
    ///
    /// # Errors
    ///
    /// If librdkafka refuses a property, or a thread cannot be started. Unreachable brokers are not an error
    /// here: the source reports them and keeps trying.
    pub fn start(config: &SourceConfig, ahead: ReadAhead, origin: Instant) -> Result<Self, StartError> {
        let queue = ReadAhead { bytes: ahead.bytes - ahead.bytes / 8, ..ahead };
        let client = properties::consumer(config, queue);
        let consumer = Arc::new(GroupConsumer::from_config_and_context(&client, Group::default())?);
        let (events_in, events) = mpsc::channel(EVENTS);
        let (reports_in, reports) = sync_channel(REPORTS);
        let commands = Arc::new(Commands::default());
        let heartbeat = Arc::new(Heartbeat::new(origin));
        let asker = Asker::new(config, &consumer, reports_in.clone());
        let state = State {
            lookups: LookupThread::start(asker).map_err(StartError::Thread)?,
            commits: Commits::start(Arc::clone(&consumer), reports_in).map_err(StartError::Thread)?,
            consumer,
            outbox: Outbox::new(events_in),
            partitions: OwnedPartitions::default(),
            metadata: Metadata::default(),
            epochs: Epochs::default(),
            validation: Validation::default(),
            freshness: Freshness::default(),
        };
        let poll_loop = PollLoop {
            state,
            rebalance: Rebalance::default(),
            recovery: Recovery::default(),
            unreadable: Unreadable::default(),
            pausing: Pausing::default(),
            closing: Closing::default(),
            rewinds: Vec::new(),
            topics: config.topics.iter().map(ToString::to_string).collect(),
            commands: Arc::clone(&commands),
            reports,
            heartbeat: Arc::clone(&heartbeat),
            batch_bytes: batch_bytes(ahead.bytes),
        };
        let thread = thread::Builder::new().name("kafka-poll".into()).spawn(|| poll_loop.run());
        let poll_thread = thread.map_err(StartError::Thread)?.thread().clone();
        Ok(Self { events, commands, heartbeat, poll_thread })
    }

    /// The poll loop's heartbeat: the service is alive as long as it beats, whatever the brokers do.
    #[must_use]
    pub fn heartbeat(&self) -> Arc<Heartbeat> {
        Arc::clone(&self.heartbeat)
    }
}

impl Source for KafkaSource {
    async fn next(&mut self) -> SourceEvent {
        let event = self.events.recv().await.unwrap_or(SourceEvent::Closed);
        // There is room again, which the poll loop may be waiting for.
        self.poll_thread.unpark();
        event
    }

    fn command(&mut self, command: SourceCommand) {
        self.commands.send(command);
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.commands.abandon();
    }
}

/// The size of a batch: an eighth of what is read ahead is for the batches in the channel and one more.
fn batch_bytes(ahead: u64) -> usize {
    let batches = u64::try_from(EVENTS + 1).unwrap_or(u64::MAX);
    usize::try_from(ahead / 8 / batches).unwrap_or(usize::MAX).clamp(16 * 1024, 1024 * 1024)
}

#[cfg(test)]
mod tests;
