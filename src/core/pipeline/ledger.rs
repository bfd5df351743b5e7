//! Every record from before anything else can see it until it is settled: its obligations, its
//! ownership's offsets, and the counts that balance (invariant 10).
//!
//! Knows nothing of batches, endpoints and dead letters: an obligation is a number that goes down.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::core::{
    code::Code,
    pipeline::offsets::Offsets,
    record::{Assignment, Ownership, Record},
    time::Moment,
};

/// Identifies a record within the process; larger means read later. Never used twice, so that a late
/// completion cannot settle another record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RecordId(pub(super) u64);

/// What was counted of records since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Read for the first time.
    pub consumed: u64,
    /// Settled with every event accepted.
    pub accepted: u64,
    /// Ignored on purpose, by reason.
    pub ignored: BTreeMap<Code, u64>,
    /// Settled with at least one refusal, by the reason of the first.
    pub dead_lettered: BTreeMap<Code, u64>,
    /// Given up unsettled: whoever owns the partition next reads them again.
    pub released: u64,
    /// Read again within one ownership, recognised and dropped.
    pub redelivered: u64,
    /// Read after their ownership had ended, and dropped: whoever owns the partition reads them.
    pub stale: u64,
}

/// How a record that is settled ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// Whether anything of it was refused.
    pub(super) refused: bool,
}

/// The records that are outstanding and the ownerships they belong to.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    next: u64,
    records: HashMap<RecordId, Entry>,
    partitions: BTreeMap<Ownership, Partition>,
    /// Ownerships whose position moved since it was last asked to be committed.
    moved: BTreeSet<Ownership>,
    bytes: usize,
    counts: RecordCounts,
}

/// One ownership.
#[derive(Debug)]
pub(super) struct Partition {
    /// Which partition.
    pub(super) assignment: Assignment,
    /// Its outstanding offsets.
    pub(super) offsets: Offsets,
    /// What the broker acknowledged.
    pub(super) committed: Option<i64>,
}

#[derive(Debug)]
struct Entry {
    record: Arc<Record>,
    weight: usize,
    obligations: usize,
    refused: Option<Code>,
}

impl Ledger {
    /// Begins an ownership. Returns the ownership of the same partition that it ends, if there is one.
    pub(super) fn assign(&mut self, assignment: Assignment) -> Option<Ownership> {
        let same = |other: &Partition| {
            other.assignment.topic == assignment.topic && other.assignment.partition == assignment.partition
        };
        let ended = self.partitions.iter().find(|(_, partition)| same(partition)).map(|(id, _)| *id);
        let ownership = assignment.ownership;
        let partition = Partition { assignment, offsets: Offsets::default(), committed: None };
        self.partitions.insert(ownership, partition);
        ended
    }

    /// Registers a record that was just read; `None` when it was read before or is not owned any more.
    pub(super) fn read(&mut self, record: Record, now: Moment) -> Option<RecordId> {
        let Some(partition) = self.partitions.get_mut(&record.ownership) else {
            self.counts.stale += 1;
            return None;
        };
        if !partition.offsets.read(record.offset, now) {
            self.counts.redelivered += 1;
            return None;
        }
        self.counts.consumed += 1;
        let id = RecordId(self.next);
        self.next += 1;
        let weight = record.weight() + size_of::<Entry>();
        self.bytes += weight;
        let entry = Entry { record: Arc::new(record), weight, obligations: 0, refused: None };
        self.records.insert(id, entry);
        Some(id)
    }

    /// Adds obligations to a record, and what keeping them costs in bytes.
    pub(super) fn oblige(&mut self, id: RecordId, obligations: usize, bytes: usize) {
        if let Some(entry) = self.records.get_mut(&id) {
            entry.obligations += obligations;
            entry.weight += bytes;
            self.bytes += bytes;
        }
    }

    /// Takes back what [`Ledger::oblige`] added for keeping a record, in bytes.
    pub(super) fn relieve(&mut self, id: RecordId, bytes: usize) {
        if let Some(entry) = self.records.get_mut(&id) {
            entry.weight -= bytes;
            self.bytes -= bytes;
        }
    }

    /// Notes that something of a record was refused; its first reason is the one that is counted.
    /// Returns whether it was the first.
    pub(super) fn refuse(&mut self, id: RecordId, code: Code) -> bool {
        let Some(entry) = self.records.get_mut(&id) else { return false };
        let first = entry.refused.is_none();
        entry.refused.get_or_insert(code);
        first
    }

    /// Fulfils one obligation; the record settles with the last. Changes nothing when the record is not
    /// outstanding any more (a completion from an earlier ownership).
    pub(super) fn fulfil(&mut self, id: RecordId) -> Option<Settled> {
        let entry = self.records.get_mut(&id)?;
        entry.obligations = entry.obligations.saturating_sub(1);
        if entry.obligations > 0 {
            return None;
        }
        let refused = entry.refused;
        self.settle(id);
        match refused {
            Some(code) => *self.counts.dead_lettered.entry(code).or_default() += 1,
            None => self.counts.accepted += 1,
        }
        Some(Settled { refused: refused.is_some() })
    }

    /// Settles a record that becomes nothing, on purpose.
    pub(super) fn ignore(&mut self, id: RecordId, code: Code) {
        *self.counts.ignored.entry(code).or_default() += 1;
        self.settle(id);
    }

    fn settle(&mut self, id: RecordId) {
        let Some(entry) = self.records.remove(&id) else { return };
        self.bytes -= entry.weight;
        let (ownership, offset) = (entry.record.ownership, entry.record.offset);
        if let Some(partition) = self.partitions.get_mut(&ownership)
            && partition.offsets.settle(offset)
        {
            self.moved.insert(ownership);
        }
    }

    /// Ends an ownership: what was not settled is given up. Returns the position it had reached.
    pub(super) fn release(&mut self, ownership: Ownership) -> Option<i64> {
        let partition = self.partitions.remove(&ownership)?;
        self.moved.remove(&ownership);
        if !partition.offsets.is_settled() {
            let before = self.records.len();
            let bytes = &mut self.bytes;
            self.records.retain(|_, entry| {
                let stays = entry.record.ownership != ownership;
                *bytes -= if stays { 0 } else { entry.weight };
                stays
            });
            self.counts.released += (before - self.records.len()) as u64;
        }
        partition.offsets.position()
    }

    /// Takes the positions that moved since they were last taken.
    pub(super) fn take_moved(&mut self) -> Vec<(Ownership, i64)> {
        let moved = std::mem::take(&mut self.moved);
        moved.into_iter().filter_map(|id| Some((id, self.partitions.get(&id)?.offsets.position()?))).collect()
    }

    /// Whether any position moved since they were last taken.
    pub(super) fn has_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// Notes how a commit ended; what could not be committed is due again.
    pub(super) fn committed(&mut self, positions: &[(Ownership, i64)], acknowledged: bool) {
        for (ownership, position) in positions {
            match self.partitions.get_mut(ownership) {
                Some(partition) if acknowledged => {
                    partition.committed = partition.committed.max(Some(*position));
                }
                Some(_) => {
                    self.moved.insert(*ownership);
                }
                None => {}
            }
        }
    }

    /// The record itself, while it is outstanding.
    pub(super) fn record(&self, id: RecordId) -> Option<&Arc<Record>> {
        self.records.get(&id).map(|entry| &entry.record)
    }

    /// The ownerships of today, in the order in which they began.
    pub(super) fn partitions(&self) -> &BTreeMap<Ownership, Partition> {
        &self.partitions
    }

    /// How many records are outstanding.
    pub(super) fn outstanding(&self) -> usize {
        self.records.len()
    }

    /// How many bytes all that is outstanding takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was counted.
    pub(super) fn counts(&self) -> &RecordCounts {
        &self.counts
    }
}
