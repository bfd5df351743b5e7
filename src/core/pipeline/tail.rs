//! The settled tail: which records above a committed position are settled already. It travels in the
//! commit's metadata to whoever owns the partition next.
//!
//! Knows nothing of what is outstanding; of Kafka's limits it knows only the numbers. What always holds: a
//! tail names only settled records (invariant 1), and a text that is not ours in every respect is no tail.
//!
//! Why a tail cannot hide a record: a log changes only at its two ends. It grows, and is truncated, at its
//! end; it expires at its beginning. So a log that holds at some offset the very record that was settled
//! there is the log that the former owner read, up to that offset. Each [`Run`] carries a fingerprint of its
//! last record, and nothing of a run counts before that record was read and agrees.
//!
//! Offsets have gaps (compaction, transactions), and a run spans those within it: an offset that the former
//! owner passed over and that held nothing then holds nothing later, because a log is never written to in its
//! middle. Each run still counts its records. If the next owner reads more than that number, it sees records
//! that the former owner did not see, and the tail is void.

use std::hash::Hasher;

use twox_hash::XxHash64;

use crate::core::record::{Assignment, Record};

#[cfg(test)]
mod tests;
mod text;

/// Base64 characters of a tail, at most: less than the 4096 that a broker takes by default
/// (`offset.metadata.max.bytes`).
pub(super) const MAX_TEXT: usize = 4095;

/// No text holds more runs: each takes eleven bytes at least.
pub(super) const MAX_RUNS: usize = MAX_TEXT * 3 / 4 / 11;

/// The settled records above a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// The position that it belongs to.
    pub(super) position: i64,
    /// The fingerprint of the record at the position, if that was read.
    pub(super) at_position: Option<Fingerprint>,
    /// Ascending, and none before the position.
    pub(super) runs: Vec<Run>,
}

/// A range of offsets, of which every record that exists is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: i64,
    /// The offset of its last record.
    pub(super) last: i64,
    /// How many records it holds, at most one for each offset.
    pub(super) records: u64,
    /// The fingerprint of its last record.
    pub(super) fingerprint: Fingerprint,
}

/// Tells the record at an offset from any other that may come to stand there: a hash of timestamp, key and
/// value. It is stable across processes and versions, because tails carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

/// The partition that a tail belongs to: a hash of cluster, topic and partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope(u64);

impl Tail {
    /// The text for a commit's metadata, in `limit` characters at most: the runs that fit, the nearest first.
    /// `None` if not one fits.
    pub(super) fn encode(&self, scope: Scope, limit: usize) -> Option<Box<str>> {
        text::encode(self, scope, limit)
    }

    /// Reads a commit's metadata; `None` if it is not a whole tail of ours for this partition and position.
    pub(super) fn parse(text: &str, scope: Scope, position: i64) -> Option<Self> {
        text::parse(text, scope).filter(|tail| tail.position == position)
    }
}

impl Fingerprint {
    pub(super) fn of(record: &Record) -> Self {
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
