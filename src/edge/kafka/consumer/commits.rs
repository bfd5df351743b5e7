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
};

use super::{
    group::GroupConsumer,
    newest_commits::NewestCommits,
    partitions::OwnedPartitions,
    report::{Committed, Report},
};
use crate::{
    core::{record::Ownership, source::Commit},
    edge::kafka::{
        codes,
        partition_list::{committing, without_metadata},
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
}

pub(super) struct Commits {
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
        thread::Builder::new()
            .name("kafka-commits".into())
            .spawn(move || commit_each(&consumer, &jobs, &reports))?;
        Ok(Self { thread, waiting: NewestCommits::default(), running: Vec::new(), not_before: None })
    }

    pub(super) fn want(&mut self, commits: impl IntoIterator<Item = Commit>) {
        for commit in commits {
            self.waiting.add(commit);
        }
    }

    /// Hands the waiting commits to the commit thread if it is idle. Leaves out ownerships that have ended.
    pub(super) fn advance(&mut self, partitions: &OwnedPartitions, now: Instant) {
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
        let running = commits.iter().map(|commit| commit.ownership).collect();
        let list = committing(commits.iter().filter_map(|commit| {
            Some((partitions.of(commit.ownership)?, commit.position, commit.metadata.as_deref()))
        }));
        if let Ok(list) = list
            && self.thread.try_send(Job { commits, list }).is_ok()
        {
            self.running = running;
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

fn commit_each(consumer: &GroupConsumer, jobs: &Receiver<Job>, reports: &SyncSender<Report>) {
    for Job { mut commits, list } in jobs {
        let mut result = consumer.commit(&list, CommitMode::Sync);
        let has_metadata = commits.iter().any(|commit| commit.metadata.is_some());
        // librdkafka returns one error for the whole list, so it is not known whose metadata was too large.
        let metadata_dropped = has_metadata && result.as_ref().is_err_and(codes::is_metadata_too_large);
        if metadata_dropped {
            for commit in &mut commits {
                commit.metadata = None;
            }
            result = without_metadata(&list).and_then(|list| consumer.commit(&list, CommitMode::Sync));
        }
        if reports.send(Report::Committed(Committed { commits, result, metadata_dropped })).is_err() {
            return;
        }
    }
}
