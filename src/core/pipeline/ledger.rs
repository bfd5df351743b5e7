//! Tracks every record until it is settled, starting before anything else can see it: its obligations, the
//! offsets of its ownership, and the counts, which balance (invariant 10).
//!
//! Knows nothing of batches, endpoints and dead letters: obligations are only counted down.
//!
//! A record that an inherited tail names counts as `consumed` and `settled_before` once the last record of
//! its run matches the tail. Until then it counts as neither, so that a record which must be read again,
//! because the tail turns out to be void, is counted only once.

mod commits;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hashbrown::HashMap;
use serde::Serialize;

use crate::core::{
    code::Code,
    pipeline::{
        offsets::{self, Offsets},
        tail::{self, Scope, Tail},
    },
    record::{Assignment, Ownership, Record},
    time::Moment,
    units::Switch,
};

pub(super) use commits::Reached;

/// The bytes of memory that an outstanding event, or the letter about it, takes besides its text: its item, its part
/// of an endpoint queue and of the batcher's indexes, and the overhead of the allocator. Measured as the growth of the
/// process for each outstanding record (`tests/bench/end_to_end.rs`).
pub(super) const HOLDING: usize = 700;

/// Identifies a record within the process. A larger id means that the record was read later. No id is used
/// twice, so that a late completion cannot settle another record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RecordId(pub(super) u64);

/// Counts of records since the process started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecordCounts {
    /// Records read for the first time.
    pub consumed: u64,
    /// Records settled with every event accepted.
    pub accepted: u64,
    /// Records ignored on purpose, by reason.
    pub ignored: BTreeMap<Code, u64>,
    /// Records settled with at least one refusal, by the reason of the first one.
    pub dead_lettered: BTreeMap<Code, u64>,
    /// Records that the inherited tail of their ownership names as settled. None of their events is sent.
    pub settled_before: u64,
    /// Records given up unsettled. The next owner of the partition reads them again.
    pub released: u64,
    /// Records read again within one ownership, recognised and dropped.
    pub redelivered: u64,
    /// Records read after their ownership had ended, and dropped. The owner of the partition reads them.
    pub stale: u64,
    /// Records that had to wait for room at a destination.
    pub stalled: u64,
}

/// How a record was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) topic: Arc<str>,
    /// Whether the record, or any part of it, was refused.
    pub(super) refused: bool,
}

/// The result of registering a record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The record is outstanding.
    New(RecordId),
    /// The record was read before, or its ownership has ended.
    Dropped,
    /// A previous owner of the partition has settled the record.
    SettledBefore,
    /// The inherited tail contradicts this log. The ownership must end, and a new one must read from
    /// `position` without a tail. Until then, all further records of this ownership are dropped.
    Void { position: i64 },
}

/// The records that are outstanding and the ownerships they belong to.
#[derive(Debug)]
pub(super) struct Ledger {
    tails: Switch,
    /// The maximum length of a tail's text, in characters.
    tail_limit: usize,
    next: u64,
    records: HashMap<RecordId, Entry>,
    partitions: BTreeMap<Ownership, Partition>,
    /// Ownerships whose position or tail has changed since its last commit was requested.
    moved: BTreeSet<Ownership>,
    bytes: usize,
    /// The bytes of the records that wait for room, with what of them waits.
    stalled: usize,
    counts: RecordCounts,
}

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) assignment: Assignment,
    pub(super) offsets: Offsets,
    /// The last position that the broker acknowledged.
    pub(super) committed: Option<i64>,
    /// The bytes of its records that wait for room.
    pub(super) stalled_bytes: usize,
    /// The scope of its tails; `None` if it has no tails.
    scope: Option<Scope>,
}

#[derive(Debug)]
struct Entry {
    record: Arc<Record>,
    weight: usize,
    /// The bytes of it that count as stalled.
    stalled: usize,
    obligations: usize,
    refused: Option<Code>,
}

impl Ledger {
    /// `tails` determines whether settled tails are written and read.
    pub(super) fn new(tails: Switch) -> Self {
        Self {
            tails,
            tail_limit: tail::MAX_TEXT,
            next: 0,
            records: HashMap::new(),
            partitions: BTreeMap::new(),
            moved: BTreeSet::new(),
            bytes: 0,
            stalled: 0,
            counts: RecordCounts::default(),
        }
    }

    /// Begins an ownership. If it replaces another ownership of the same partition, returns the replaced one.
    pub(super) fn assign(&mut self, assignment: Assignment) -> Option<Ownership> {
        let same = |other: &Partition| {
            other.assignment.topic == assignment.topic && other.assignment.partition == assignment.partition
        };
        let ended = self.partitions.iter().find(|(_, partition)| same(partition)).map(|(id, _)| *id);
        let ownership = assignment.ownership;
        let cluster = assignment.cluster.as_ref().filter(|_| self.tails == Switch::On);
        let scope = cluster.map(|cluster| Scope::new(cluster, &assignment));
        let tail = assignment
            .committed
            .as_ref()
            .and_then(|committed| Tail::parse(committed.metadata.as_ref()?, scope?, committed.position));
        let offsets = tail.map(Offsets::inherit).unwrap_or_default();
        let partition = Partition { assignment, offsets, committed: None, stalled_bytes: 0, scope };
        self.partitions.insert(ownership, partition);
        ended
    }

    /// Registers a record that was just read.
    pub(super) fn read(&mut self, record: Record, now: Moment) -> Read {
        let ownership = record.ownership;
        let Some(partition) = self.partitions.get_mut(&ownership) else {
            self.counts.stale += 1;
            return Read::Dropped;
        };
        let record = Arc::new(record);
        match partition.offsets.read(&record, now) {
            offsets::Read::New => return Read::New(self.add(record)),
            offsets::Read::SettledBefore { confirmed } => {
                if confirmed > 0 {
                    self.counts.consumed += confirmed;
                    self.counts.settled_before += confirmed;
                    self.moved.insert(ownership);
                }
                return Read::SettledBefore;
            }
            offsets::Read::Void { position } => return Read::Void { position },
            offsets::Read::Redelivered => self.counts.redelivered += 1,
            offsets::Read::Stale => self.counts.stale += 1,
        }
        Read::Dropped
    }

    /// Registers the end offset of a partition's log. If the log is shorter than the inherited tail, returns
    /// the position from which the partition must be read again, as with [`Read::Void`].
    pub(super) fn log_end(&mut self, ownership: Ownership, end: i64) -> Option<i64> {
        self.partitions.get_mut(&ownership)?.offsets.log_end(end)
    }

    /// Registers that nothing which can be read is left before `position`. If that contradicts the inherited
    /// tail, returns the position from which the partition must be read again, as with [`Read::Void`].
    pub(super) fn pass(&mut self, ownership: Ownership, position: i64) -> Option<i64> {
        let offsets = &mut self.partitions.get_mut(&ownership)?.offsets;
        let before = offsets.position();
        let void = offsets.pass(position);
        if offsets.position() != before {
            self.moved.insert(ownership);
        }
        void
    }

    fn add(&mut self, record: Arc<Record>) -> RecordId {
        self.counts.consumed += 1;
        let id = RecordId(self.next);
        self.next += 1;
        let weight = record.weight() + size_of::<Entry>() + Offsets::PLACE;
        self.bytes += weight;
        self.records.insert(id, Entry { record, weight, stalled: 0, obligations: 0, refused: None });
        id
    }

    /// Adds obligations to a record, and the bytes that they take.
    pub(super) fn oblige(&mut self, id: RecordId, obligations: usize, bytes: usize) {
        if let Some(entry) = self.records.get_mut(&id) {
            entry.obligations += obligations;
            entry.weight += bytes;
            self.bytes += bytes;
        }
    }

    /// Makes one of these obligations of a record, because one dead letter, which takes `bytes`, fulfils them
    /// together.
    pub(super) fn join(&mut self, id: RecordId, obligations: usize, bytes: usize) {
        if let Some(entry) = self.records.get_mut(&id) {
            entry.obligations -= obligations.saturating_sub(1);
            entry.weight += bytes;
            self.bytes += bytes;
        }
    }

    /// Subtracts bytes that [`Ledger::oblige`] added to a record.
    pub(super) fn relieve(&mut self, id: RecordId, bytes: usize) {
        if let Some(entry) = self.records.get_mut(&id) {
            entry.weight -= bytes;
            self.bytes -= bytes;
        }
    }

    /// Makes a record wait for room, and counts it. What of it waits takes `bytes`.
    pub(super) fn stall(&mut self, id: RecordId, bytes: usize) {
        self.counts.stalled += 1;
        self.stall_on(id, bytes);
    }

    /// Makes the rest of a record that has waited for room go on waiting.
    pub(super) fn stall_on(&mut self, id: RecordId, bytes: usize) {
        self.oblige(id, 1, bytes);
        if let Some(entry) = self.records.get_mut(&id) {
            entry.stalled = entry.record.weight() + bytes;
            self.stalled += entry.stalled;
            if let Some(partition) = self.partitions.get_mut(&entry.record.ownership) {
                partition.stalled_bytes += entry.stalled;
            }
        }
    }

    /// Ends the wait of a record. The caller fulfils the obligation to wait once the record has others.
    pub(super) fn unstall(&mut self, id: RecordId, bytes: usize) {
        self.relieve(id, bytes);
        if let Some(entry) = self.records.get_mut(&id) {
            let stalled = std::mem::take(&mut entry.stalled);
            self.stalled -= stalled;
            if let Some(partition) = self.partitions.get_mut(&entry.record.ownership) {
                partition.stalled_bytes -= stalled;
            }
        }
    }

    /// Registers a refusal of a record or of one of its events. Only the first reason is counted. Returns
    /// whether this was the first.
    pub(super) fn refuse(&mut self, id: RecordId, code: Code) -> bool {
        let Some(entry) = self.records.get_mut(&id) else { return false };
        let first = entry.refused.is_none();
        entry.refused.get_or_insert(code);
        first
    }

    /// Fulfils one obligation of a record, which took `bytes`; the last one settles it. Does nothing if the record
    /// is no longer outstanding (a completion from an earlier ownership).
    pub(super) fn fulfil(&mut self, id: RecordId, bytes: usize) -> Option<Settled> {
        let entry = self.records.get_mut(&id)?;
        entry.weight -= bytes;
        self.bytes -= bytes;
        entry.obligations = entry.obligations.saturating_sub(1);
        if entry.obligations > 0 {
            return None;
        }
        let refused = entry.refused;
        let topic = self.settle(id)?;
        match refused {
            Some(code) => *self.counts.dead_lettered.entry(code).or_default() += 1,
            None => self.counts.accepted += 1,
        }
        Some(Settled { topic, refused: refused.is_some() })
    }

    /// Settles a record that is ignored on purpose; returns its topic.
    pub(super) fn ignore(&mut self, id: RecordId, code: Code) -> Option<Arc<str>> {
        *self.counts.ignored.entry(code).or_default() += 1;
        self.settle(id)
    }

    fn settle(&mut self, id: RecordId) -> Option<Arc<str>> {
        let entry = self.records.remove(&id)?;
        self.bytes -= entry.weight;
        self.stalled -= entry.stalled;
        let (ownership, offset) = (entry.record.ownership, entry.record.offset);
        if let Some(partition) = self.partitions.get_mut(&ownership) {
            partition.stalled_bytes -= entry.stalled;
            if partition.offsets.settle(offset) || partition.scope.is_some() {
                self.moved.insert(ownership);
            }
        }
        Some(Arc::clone(&entry.record.topic))
    }

    /// Ends ownerships and gives up their unsettled records. Returns the position and tail that each had
    /// reached. They are ended together, because this scans all outstanding records.
    pub(super) fn release(&mut self, ownerships: &BTreeSet<Ownership>) -> Vec<Reached> {
        let ended: Vec<_> = ownerships.iter().filter_map(|id| self.partitions.remove(id)).collect();
        self.moved.retain(|id| !ownerships.contains(id));
        if ended.iter().any(|partition| !partition.offsets.is_settled()) {
            let before = self.records.len();
            let (bytes, stalled) = (&mut self.bytes, &mut self.stalled);
            self.records.retain(|_, entry| {
                let stays = !ownerships.contains(&entry.record.ownership);
                if !stays {
                    *bytes -= entry.weight;
                    *stalled -= entry.stalled;
                }
                stays
            });
            self.counts.released += (before - self.records.len()) as u64;
        }
        ended.iter().filter_map(Partition::reached).collect()
    }

    /// The record itself, while it is outstanding.
    pub(super) fn record(&self, id: RecordId) -> Option<&Arc<Record>> {
        self.records.get(&id).map(|entry| &entry.record)
    }

    /// The current ownerships, in the order in which they began.
    pub(super) fn partitions(&self) -> &BTreeMap<Ownership, Partition> {
        &self.partitions
    }

    /// The number of outstanding records.
    pub(super) fn outstanding(&self) -> usize {
        self.records.len()
    }

    /// The number of settled records above the positions.
    pub(super) fn settled_above(&self) -> u64 {
        self.partitions.values().map(Partition::settled_above).sum()
    }

    /// The bytes of memory that everything outstanding takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bytes of the records that wait for room. What they have at their destinations already, as records in
    /// portions do, is not among them.
    pub(super) fn stalled_bytes(&self) -> usize {
        self.stalled
    }

    pub(super) fn counts(&self) -> &RecordCounts {
        &self.counts
    }
}

impl Partition {
    /// The number of settled records above the position.
    pub(super) fn settled_above(&self) -> u64 {
        self.offsets.settled_above()
    }
}
