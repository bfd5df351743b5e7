//! Commits: one at a time, synchronous, on a thread of their own.
//!
//! A synchronous commit has no time-out, and the result of an asynchronous one is reported to nobody. So the poll
//! loop hands a commit over and goes on, and only the newest position of each ownership waits meanwhile. At a
//! deadline the wait for the answer is abandoned, not the commit.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer as _},
    error::KafkaResult,
};

use super::{Report, group::GroupConsumer, partitions::OwnedPartitions};
use crate::core::record::{Ownership, TopicPartition};

/// How long to wait before a commit is retried that failed for a moment.
const PAUSE: Duration = Duration::from_millis(100);
/// How long to wait if nobody waits for the commit.
const LONG_PAUSE: Duration = Duration::from_secs(1);

struct Job {
    positions: Vec<(Ownership, i64)>,
    list: TopicPartitionList,
}

pub(super) struct Commits {
    thread: SyncSender<Job>,
    waiting: BTreeMap<Ownership, i64>,
    /// The ownerships whose positions are being committed.
    running: Vec<Ownership>,
    not_before: Option<Instant>,
}

impl Commits {
    /// Starts the commit thread. It ends when this is dropped and the last commit is answered.
    pub(super) fn start(consumer: Arc<GroupConsumer>, reports: SyncSender<Report>) -> io::Result<Self> {
        let (thread, jobs) = sync_channel(1);
        thread::Builder::new()
            .name("kafka-commits".into())
            .spawn(move || commit_each(&consumer, &jobs, &reports))?;
        Ok(Self { thread, waiting: BTreeMap::new(), running: Vec::new(), not_before: None })
    }

    /// Adds positions to commit; of each ownership the highest counts.
    pub(super) fn want(&mut self, positions: impl IntoIterator<Item = (Ownership, i64)>) {
        for (ownership, position) in positions {
            let waiting = self.waiting.entry(ownership).or_insert(position);
            *waiting = position.max(*waiting);
        }
    }

    /// Hands the waiting positions to the commit thread if it is idle. Leaves out ownerships that have ended.
    pub(super) fn advance(&mut self, partitions: &OwnedPartitions, now: Instant) {
        let too_early = self.not_before.is_some_and(|at| now < at);
        if self.waiting.is_empty() || !self.running.is_empty() || too_early {
            return;
        }
        self.not_before = None;
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let positions: Vec<_> =
            waiting.filter(|(ownership, _)| partitions.of(*ownership).is_some()).collect();
        if positions.is_empty() {
            return;
        }
        let running = positions.iter().map(|(ownership, _)| *ownership).collect();
        if let Ok(list) = list(partitions, &positions)
            && self.thread.try_send(Job { positions, list }).is_ok()
        {
            self.running = running;
        }
    }

    /// Notes that the commit has ended.
    pub(super) fn ended(&mut self) {
        self.running.clear();
    }

    /// Commits these positions again while somebody waits for them.
    pub(super) fn retry_soon(&mut self, positions: &[(Ownership, i64)], now: Instant) {
        self.retry(positions, now + PAUSE);
    }

    /// Commits these positions again.
    pub(super) fn retry_later(&mut self, positions: &[(Ownership, i64)], now: Instant) {
        self.retry(positions, now + LONG_PAUSE);
    }

    fn retry(&mut self, positions: &[(Ownership, i64)], at: Instant) {
        self.not_before = Some(at);
        self.want(positions.iter().copied());
    }

    /// Whether a position of this ownership waits or is being committed.
    pub(super) fn concern(&self, ownership: Ownership) -> bool {
        self.waiting.contains_key(&ownership) || self.running.contains(&ownership)
    }

    /// Whether nothing waits and nothing is being committed.
    pub(super) fn are_done(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }
}

fn list(partitions: &OwnedPartitions, positions: &[(Ownership, i64)]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (ownership, position) in positions {
        if let Some(TopicPartition { topic, partition }) = partitions.of(*ownership) {
            list.add_partition(topic, *partition).set_offset(Offset::Offset(*position))?;
        }
    }
    Ok(list)
}

fn commit_each(consumer: &GroupConsumer, jobs: &Receiver<Job>, reports: &SyncSender<Report>) {
    for Job { positions, list } in jobs {
        let result = consumer.commit(&list, CommitMode::Sync);
        if reports.send(Report::Committed { positions, result }).is_err() {
            return;
        }
    }
}
