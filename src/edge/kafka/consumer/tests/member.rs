//! A member of the group: a source and what it has reported.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::Location,
    time::Duration,
};

use super::{super::*, DEADLINE};
use crate::core::record::Record;

pub(super) struct Member {
    pub(super) source: KafkaSource,
    /// The owned partitions, by ownership.
    pub(super) owned: BTreeMap<Ownership, i32>,
    pub(super) read: Vec<Record>,
    pub(super) revoking: BTreeSet<Ownership>,
    pub(super) total: Option<usize>,
    pub(super) told: Vec<SourceEvent>,
}

impl Member {
    pub(super) fn start(config: &SourceConfig) -> Self {
        let mut member = Self::waiting(config);
        member.source.command(SourceCommand::Begin);
        member
    }

    /// A member that has not begun.
    pub(super) fn waiting(config: &SourceConfig) -> Self {
        let source = KafkaSource::start(config, 8 << 20, now()).unwrap();
        let (owned, revoking) = (BTreeMap::new(), BTreeSet::new());
        Self { source, owned, read: Vec::new(), revoking, total: None, told: Vec::new() }
    }

    /// Takes in the next event, if one comes soon.
    pub(super) async fn hear(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(20), self.source.next());
        let Ok(event) = next.await else { return };
        match event {
            SourceEvent::Assigned(assignments) => {
                let assigned = assignments.into_iter().map(|it| (it.ownership, it.partition));
                self.owned.extend(assigned);
            }
            SourceEvent::Revoking(ownerships) => self.revoking.extend(ownerships),
            SourceEvent::Lost(ownerships) => {
                self.owned.retain(|ownership, _| !ownerships.contains(ownership));
                self.told.push(SourceEvent::Lost(ownerships));
            }
            SourceEvent::Records(records) => {
                for record in &records {
                    assert!(self.owned.contains_key(&record.ownership), "{record:?} is of nobody");
                    assert!(!self.revoking.contains(&record.ownership), "{record:?} is being revoked");
                }
                self.read.extend(records);
            }
            SourceEvent::Topics(topics) => self.total = Some(topics.iter().map(|(_, count)| count).sum()),
            told => self.told.push(told),
        }
    }

    #[track_caller]
    pub(super) fn until(&mut self, done: impl Fn(&Self) -> bool) -> impl Future<Output = ()> {
        let caller = Location::caller();
        async move {
            let deadline = now() + DEADLINE;
            while !done(self) {
                assert!(now() < deadline, "waited in vain at {caller}; told {:?}", self.told);
                self.hear().await;
            }
        }
    }

    pub(super) fn ownership(&self, partition: i32) -> Ownership {
        *self.owned.iter().find(|(_, owned)| **owned == partition).unwrap().0
    }

    pub(super) fn offsets(&self, partition: i32) -> Vec<i64> {
        self.read.iter().filter(|record| record.partition == partition).map(|record| record.offset).collect()
    }

    /// The position after what was read, for each ownership.
    pub(super) fn positions(&self) -> Vec<(Ownership, i64)> {
        let mut positions = BTreeMap::new();
        for record in &self.read {
            positions.insert(record.ownership, record.offset + 1);
        }
        positions.retain(|ownership, _| self.owned.contains_key(ownership));
        positions.into_iter().collect()
    }

    /// Answers a revocation as if all that was read were settled.
    pub(super) fn release(&mut self) {
        let positions: BTreeMap<_, _> = self.positions().into_iter().collect();
        let released = std::mem::take(&mut self.revoking);
        self.owned.retain(|ownership, _| !released.contains(ownership));
        let unsaid = |it: &Ownership| {
            let position = (*it, *positions.get(it)?);
            Some(position.1).filter(|_| !self.has_told(|event| commits(event, &[position])))
        };
        let released = released.iter().map(|it| (*it, unsaid(it))).collect();
        self.source.command(SourceCommand::Release(released));
    }

    /// Commits all that was read, as if it were settled.
    pub(super) async fn commit(&mut self) {
        let positions = self.positions();
        self.source.command(SourceCommand::Commit(positions.clone()));
        self.until(|it| it.has_told(|event| commits(event, &positions))).await;
    }

    pub(super) async fn close(mut self, positions: Vec<(Ownership, i64)>) -> Self {
        self.source.command(SourceCommand::Close(positions));
        self.until(Self::is_closed).await;
        self
    }

    pub(super) fn is_closed(&self) -> bool {
        self.has_told(|event| matches!(event, SourceEvent::Closed))
    }

    pub(super) fn has_told(&self, what: impl Fn(&SourceEvent) -> bool) -> bool {
        self.told.iter().any(what)
    }
}

/// Whether the event says that these positions, and maybe others with them, are committed.
pub(super) fn commits(event: &SourceEvent, expected: &[(Ownership, i64)]) -> bool {
    let SourceEvent::Committed { positions, result: Ok(()) } = event else { return false };
    expected.iter().all(|position| positions.contains(position))
}
