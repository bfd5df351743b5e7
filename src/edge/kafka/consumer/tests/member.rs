//! A member of the group: a source and what it has reported.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::Location,
    time::Duration,
};

use super::{
    super::{heartbeat::now, *},
    DEADLINE,
};
use crate::core::{
    record::{Assignment, Ownership, Record},
    source::Commit,
};

const AHEAD: ReadAhead = ReadAhead { bytes: 8 << 20, brokers: NonZeroU32::MIN };

pub(super) struct Member {
    pub(super) source: KafkaSource,
    /// The owned partitions, by ownership.
    pub(super) owned: BTreeMap<Ownership, i32>,
    pub(super) assigned: Vec<Assignment>,
    pub(super) read: Vec<Record>,
    pub(super) revoking: BTreeSet<Ownership>,
    pub(super) total: Option<usize>,
    pub(super) reported: Vec<SourceEvent>,
}

impl Member {
    pub(super) fn start(config: &SourceConfig) -> Self {
        let mut member = Self::waiting(config);
        member.source.command(SourceCommand::Begin);
        member
    }

    /// A member that has not begun.
    pub(super) fn waiting(config: &SourceConfig) -> Self {
        let source = KafkaSource::start(config, AHEAD, now()).unwrap();
        let (owned, revoking) = (BTreeMap::new(), BTreeSet::new());
        Self {
            source,
            owned,
            assigned: Vec::new(),
            read: Vec::new(),
            revoking,
            total: None,
            reported: Vec::new(),
        }
    }

    /// Takes in the next event, if one comes soon.
    pub(super) async fn step(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(20), self.source.next());
        let Ok(event) = next.await else { return };
        match event {
            SourceEvent::Assigned(assignments) => {
                self.owned.extend(assignments.iter().map(|it| (it.ownership, it.partition)));
                self.assigned.extend(assignments);
            }
            SourceEvent::Revoking(ownerships) => self.revoking.extend(ownerships),
            SourceEvent::Lost(ownerships) => {
                self.owned.retain(|ownership, _| !ownerships.contains(ownership));
                self.reported.push(SourceEvent::Lost(ownerships));
            }
            SourceEvent::Records(records) => {
                for record in &records {
                    assert!(self.owned.contains_key(&record.ownership), "{record:?} belongs to nobody");
                    assert!(!self.revoking.contains(&record.ownership), "{record:?} is being revoked");
                }
                self.read.extend(records);
            }
            SourceEvent::Topics(topics) => self.total = Some(topics.iter().map(|(_, count)| count).sum()),
            other => self.reported.push(other),
        }
    }

    /// Takes in the next event, and answers a revocation.
    pub(super) async fn step_and_release(&mut self) {
        self.step().await;
        if !self.revoking.is_empty() {
            self.release();
        }
    }

    #[track_caller]
    pub(super) fn until(&mut self, done: impl Fn(&Self) -> bool) -> impl Future<Output = ()> {
        let caller = Location::caller();
        async move {
            let deadline = now() + DEADLINE;
            while !done(self) {
                assert!(now() < deadline, "waited in vain at {caller}; reported {:?}", self.reported);
                self.step().await;
            }
        }
    }

    pub(super) fn ownership(&self, partition: i32) -> Ownership {
        *self.owned.iter().find(|(_, owned)| **owned == partition).unwrap().0
    }

    pub(super) fn offsets(&self, partition: i32) -> Vec<i64> {
        self.read.iter().filter(|record| record.partition == partition).map(|record| record.offset).collect()
    }

    /// A commit of everything that was read, for each ownership.
    pub(super) fn positions(&self) -> Vec<Commit> {
        let mut positions = BTreeMap::new();
        for record in &self.read {
            positions.insert(record.ownership, record.offset + 1);
        }
        positions.retain(|ownership, _| self.owned.contains_key(ownership));
        positions.into_iter().map(|(ownership, position)| Commit::at(ownership, position)).collect()
    }

    /// Answers a revocation as if everything that was read were settled.
    pub(super) fn release(&mut self) {
        let mut commits = self.positions();
        let ownerships: Vec<_> = std::mem::take(&mut self.revoking).into_iter().collect();
        self.owned.retain(|ownership, _| !ownerships.contains(ownership));
        let has_committed =
            |commit: &Commit| self.has_reported(|event| commits_all(event, std::slice::from_ref(commit)));
        commits.retain(|commit| ownerships.contains(&commit.ownership) && !has_committed(commit));
        self.source.command(SourceCommand::Release { ownerships, commits });
    }

    /// Commits everything that was read, as if it were settled.
    pub(super) async fn commit(&mut self) {
        let positions = self.positions();
        self.source.command(SourceCommand::Commit(positions.clone()));
        self.until(|it| it.has_reported(|event| commits_all(event, &positions))).await;
    }

    pub(super) async fn close(mut self, positions: Vec<Commit>) -> Self {
        self.source.command(SourceCommand::Close(positions));
        self.until(Self::is_closed).await;
        self
    }

    pub(super) fn is_closed(&self) -> bool {
        self.has_reported(|event| matches!(event, SourceEvent::Closed))
    }

    pub(super) fn has_reported(&self, what: impl Fn(&SourceEvent) -> bool) -> bool {
        self.reported.iter().any(what)
    }
}

/// Whether the event says that all these commits, and maybe others with them, succeeded.
pub(super) fn commits_all(event: &SourceEvent, expected: &[Commit]) -> bool {
    let SourceEvent::Committed { commits, result: Ok(()), .. } = event else { return false };
    expected.iter().all(|commit| commits.contains(commit))
}
