//! The settled tail: the records above a committed position that are already settled. It travels in the
//! commit's metadata to the next owner of the partition.
//!
//! Knows nothing of outstanding records; of Kafka's limits it knows only the numbers. What always holds: a
//! tail names only settled records (invariant 1), and a text that is not ours in every respect is not read as
//! a tail.
//!
//! A tail cannot hide a record, because a log changes only at its two ends: it grows and is truncated at its
//! end, and it expires at its beginning. If a log holds, at some offset, the very record that was settled
//! there, it is the log that the former owner read, up to that offset. Each [`Run`] carries a fingerprint of
//! its last record. No record of a run counts as settled before that last record has been read and matches.
//!
//! Offsets have gaps (compaction, transactions), and a run spans the gaps within it. An offset that was empty
//! when the former owner passed it stays empty, because a log is never written to in its middle. Each run
//! still counts its records. If the next owner reads more than that number, it sees records that the former
//! owner did not see, and the tail is void.

use std::hash::Hasher;

use twox_hash::XxHash64;

use crate::core::record::{Assignment, Record};

#[cfg(test)]
mod tests;
mod text;

/// The maximum number of Base64 characters of a tail. It is less than the 4096 that a broker accepts by
/// default (`offset.metadata.max.bytes`).
pub(super) const MAX_TEXT: usize = 4095;

/// The maximum number of runs that a text can hold: each takes at least eleven bytes.
pub(super) const MAX_RUNS: usize = MAX_TEXT * 3 / 4 / 11;

/// The settled records above a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// The position that it belongs to.
    pub(super) position: i64,
    /// The fingerprint of the record at the position, if that record was read.
    pub(super) at_position: Option<Fingerprint>,
    /// The runs in ascending order, none of them before the position.
    pub(super) runs: Vec<Run>,
}

/// A range of offsets in which every existing record is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: i64,
    /// The offset of its last record.
    pub(super) last: i64,
    /// The number of its records, at most one for each offset.
    pub(super) records: u64,
    /// The fingerprint of its last record.
    pub(super) fingerprint: Fingerprint,
}

/// Distinguishes the record at an offset from any other that may take its place: a hash of timestamp, key and
/// value. It is stable across processes and versions, because tails carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

/// The partition that a tail belongs to: a hash of cluster, topic and partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope(u64);

impl Tail {
    /// Encodes the tail for a commit's metadata, in at most `limit` characters. The text contains the runs
    /// that fit, the nearest first. Returns `None` if no run fits.
    pub(super) fn encode(&self, scope: Scope, limit: usize) -> Option<Box<str>> {
        text::encode(self, scope, limit)
    }

    /// Parses a commit's metadata. Returns `None` if it is not a complete tail of ours for this partition and
    /// position.
    pub(super) fn parse(text: &str, scope: Scope, position: i64) -> Option<Self> {
        text::parse(text, scope).filter(|tail| tail.position == position)
    }
}

impl Fingerprint {
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let mut hash = XxHash64::default();
        let timestamp = record.timestamp.map(|timestamp| timestamp.0.to_le_bytes());
        put(&mut hash, timestamp.as_ref().map(|bytes| &bytes[..]));
        put(&mut hash, record.key.as_deref());
        put(&mut hash, record.value.as_deref());
        Self(hash.finish())
    }
}

impl Scope {
    pub(super) fn new(cluster: &str, assignment: &Assignment) -> Self {
        let mut hash = XxHash64::default();
        put(&mut hash, Some(cluster.as_bytes()));
        put(&mut hash, Some(assignment.topic.as_bytes()));
        hash.write(&assignment.partition.to_le_bytes());
        Self(hash.finish())
    }
}

/// Hashes a part with its length before it, so that no two lists of parts are hashed as the same bytes.
fn put(hash: &mut XxHash64, part: Option<&[u8]>) {
    let length = part.map_or(u64::MAX, |part| part.len() as u64);
    hash.write(&length.to_le_bytes());
    hash.write(part.unwrap_or_default());
}
