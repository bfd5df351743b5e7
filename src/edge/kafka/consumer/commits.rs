//! Commits: one at a time, synchronous, on a thread of their own.
//!
//! A synchronous commit has no time-out, and nobody learns the result of an asynchronous one. So the poll
//! loop hands over a commit and goes on, and only the newest position of each ownership waits meanwhile. At a
//! deadline the loop stops waiting for the answer; the commit itself goes on.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    TopicPartitionList,
    consumer::{CommitMode, Consumer as _},
    error::KafkaResult,
};

use super::{
    epochs::Epochs,
    group::GroupConsumer,
    newest_commits::NewestCommits,
    partitions::OwnedPartitions,
    report::{Committed, Report},
};
use crate::{
    core::{record::Ownership, source::Commit, units::Switch},
    edge::kafka::{
        codes,
        partition_list::{committing, has_offset},
    },
};

/// How long to wait before retrying a commit that failed for a moment.
const PAUSE: Duration = Duration::from_millis(100);
/// How long to wait if nobody waits for the commit.
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// The most bytes of metadata in one commit, which the broker writes as one batch. What has no room is in the
/// next commit.
const METADATA: usize = 256 << 10;

struct Job {
    commits: Vec<Commit>,
    list: TopicPartitionList,
    /// The same without metadata, if there is any.
    without_metadata: Option<TopicPartitionList>,
}

pub(super) struct Commits {
    consumer: Arc<GroupConsumer>,
    thread: SyncSender<Job>,
    waiting: NewestCommits,
    /// The ownerships whose positions are being committed.
    running: Vec<Ownership>,
    not_before: Option<Instant>,
}

impl Commits {
    /// Starts the commit thread. It ends when this is dropped and the last commit is answered.
    pub(super) fn start(consumer: Arc<GroupConsumer>, reports: SyncSender<Report>) -> io::Result<Self> {
        let (thread, jobs) = sync_channel(1);
        let committing = Arc::clone(&consumer);
        thread::Builder::new()
            .name("kafka-commits".into())
            .spawn(move || commit_each(&committing, &jobs, &reports))?;
        Ok(Self {
            consumer,
            thread,
            waiting: NewestCommits::default(),
            running: Vec::new(),
            not_before: None,
        })
    }

    pub(super) fn want(&mut self, commits: impl IntoIterator<Item = Commit>) {
        for commit in commits {
            self.waiting.add(commit);
        }
    }

    /// Hands the waiting commits to the commit thread if it is idle. Leaves out ownerships that have ended.
    pub(super) fn advance(&mut self, partitions: &OwnedPartitions, epochs: &Epochs, now: Instant) {
        let too_early = self.not_before.is_some_and(|at| now < at);
        if self.waiting.is_empty() || !self.running.is_empty() || too_early {
            return;
        }
        self.not_before = None;
        self.waiting.retain(|ownership| partitions.of(ownership).is_some());
        let commits = self.waiting.take_some(METADATA);
        if commits.is_empty() {
            return;
        }
        let Ok(positions) = self.consumer.position() else { return self.retry_soon(&commits, now) };
        let positions = Arc::new(positions);
        // A list for each commit, with the epoch of its ownership; one job takes one list.
        let list = |commit: &Commit| {
            // Looking for a partition in a list takes time, and few have an epoch that was kept.
            let partition = || partitions.of(commit.ownership);
            let is_live = || partition().is_some_and(|partition| has_offset(&positions, partition));
            epochs.of(commit.ownership).filter(|_| !is_live()).unwrap_or(&positions)
        };
        let first = commits.first().map_or(&positions, list);
        let is_in_job = |commit: &Commit| Arc::ptr_eq(list(commit), first);
        let before =
            commits.iter().take_while(|commit| is_in_job(commit)).last().map(|commit| commit.ownership);
        let (commits, later): (Vec<_>, Vec<_>) = commits.into_iter().partition(is_in_job);
        let running = commits.iter().map(|commit| commit.ownership).collect();
        let job = job(first, commits.clone(), partitions);
        if !later.is_empty() {
            self.waiting.give_back(later, before);
        }
        if job.is_ok_and(|job| self.thread.try_send(job).is_ok()) {
            self.running = running;
        } else {
            self.retry_soon(&commits, now);
        }
    }

    /// Notes that the running commit has ended.
    pub(super) fn ended(&mut self) {
        self.running.clear();
    }

    /// Retries these commits soon, because somebody waits for them.
    pub(super) fn retry_soon(&mut self, commits: &[Commit], now: Instant) {
        self.retry(commits, now + PAUSE);
    }

    /// Retries these commits later.
    pub(super) fn retry_later(&mut self, commits: &[Commit], now: Instant) {
        self.retry(commits, now + LONG_PAUSE);
    }

    fn retry(&mut self, commits: &[Commit], at: Instant) {
        self.not_before = Some(at);
        for commit in commits {
            self.waiting.add_older(commit.clone());
        }
    }

    /// Whether a position of this ownership is waiting or being committed.
    pub(super) fn concern(&self, ownership: Ownership) -> bool {
        self.waiting.contains(ownership) || self.running.contains(&ownership)
    }

    /// Whether no commit is waiting or running.
    pub(super) fn are_done(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }
}

/// A commit of these positions, each with the leader epoch of the last record that was read, by which a
/// later owner finds out that the log was truncated. A position before that record needs no earlier epoch:
/// an epoch that came after it ends after it, unless the log was truncated before.
fn job(epochs: &TopicPartitionList, commits: Vec<Commit>, partitions: &OwnedPartitions) -> KafkaResult<Job> {
    let positions = |metadata: Switch| {
        commits.iter().filter_map(move |commit| {
            let metadata = commit.metadata.as_deref().filter(|_| metadata == Switch::On);
            Some((partitions.of(commit.ownership)?, commit.position, metadata))
        })
    };
    let has_metadata = commits.iter().any(|commit| commit.metadata.is_some());
    let without_metadata = has_metadata.then(|| committing(epochs.clone(), positions(Switch::Off)));
    let list = committing(epochs.clone(), positions(Switch::On))?;
    Ok(Job { list, without_metadata: without_metadata.transpose()?, commits })
}

fn commit_each(consumer: &GroupConsumer, jobs: &Receiver<Job>, reports: &SyncSender<Report>) {
    for Job { mut commits, list, without_metadata } in jobs {
        let mut result = consumer.commit(&list, CommitMode::Sync);
        // librdkafka returns one error for the whole list, so it is not known whose metadata was too large.
        let refused = without_metadata.filter(|_| result.as_ref().is_err_and(codes::is_metadata_too_large));
        let metadata_dropped = refused.is_some();
        if let Some(list) = refused {
            for commit in &mut commits {
                commit.metadata = None;
            }
            result = consumer.commit(&list, CommitMode::Sync);
        }
        if reports.send(Report::Committed(Committed { commits, result, metadata_dropped })).is_err() {
            return;
        }
    }
}
