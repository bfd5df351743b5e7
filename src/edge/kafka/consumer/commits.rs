//! Commits: one at a time, synchronous, on a thread of their own.
//!
//! A synchronous commit has no time-out, and librdkafka's asynchronous ones report to nobody, so the
//! poll loop hands one over and goes on; positions that come meanwhile wait, the newest of each
//! ownership alone. What is abandoned at a deadline is the wait for the answer, not the commit.

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

use super::{Report, group::GroupConsumer, partitions::Partitions};
use crate::core::record::Ownership;

/// How long to wait before a commit that failed in passing is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// The same, where nobody waits for it.
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// A commit on its way to the commit thread.
struct Job {
    positions: Vec<(Ownership, i64)>,
    list: TopicPartitionList,
}

/// Positions that wait to be committed, and those that are being committed.
pub(super) struct Commits {
    thread: SyncSender<Job>,
    waiting: BTreeMap<Ownership, i64>,
    running: Vec<Ownership>,
    not_before: Option<Instant>,
}

impl Commits {
    /// Starts the commit thread, which ends when this is dropped and its last commit has an answer.
    pub(super) fn start(consumer: Arc<GroupConsumer>, reports: SyncSender<Report>) -> io::Result<Self> {
        let (thread, jobs) = sync_channel(1);
        thread::Builder::new()
            .name("kafka-commits".into())
            .spawn(move || commit_each(&consumer, &jobs, &reports))?;
        Ok(Self { thread, waiting: BTreeMap::new(), running: Vec::new(), not_before: None })
    }

    /// Wants these positions committed; where one waits already the higher one stays.
    pub(super) fn want(&mut self, positions: impl IntoIterator<Item = (Ownership, i64)>) {
        for (ownership, position) in positions {
            let waiting = self.waiting.entry(ownership).or_insert(position);
            *waiting = position.max(*waiting);
        }
    }

    /// Hands what waits to the commit thread when that is idle; leaves out what is not owned any more.
    pub(super) fn advance(&mut self, partitions: &Partitions, now: Instant) {
        let too_early = self.not_before.is_some_and(|at| now < at);
        if self.waiting.is_empty() || !self.running.is_empty() || too_early {
            return;
        }
        self.not_before = None;
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let positions: Vec<_> =
            waiting.filter(|(ownership, _)| partitions.place(*ownership).is_some()).collect();
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

    /// Notes the end of the commit that ran.
    pub(super) fn ended(&mut self) {
        self.running.clear();
    }

    /// Tries these positions again, in a moment.
    pub(super) fn again(&mut self, positions: &[(Ownership, i64)], now: Instant) {
        self.not_before = Some(now + PAUSE);
        self.want(positions.iter().copied());
    }

    /// Tries these positions again, in a while.
    pub(super) fn later(&mut self, positions: &[(Ownership, i64)], now: Instant) {
        self.not_before = Some(now + LONG_PAUSE);
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

fn list(partitions: &Partitions, positions: &[(Ownership, i64)]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (ownership, position) in positions {
        if let Some(place) = partitions.place(*ownership) {
            list.add_partition_offset(&place.topic, place.partition, Offset::Offset(*position))?;
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
