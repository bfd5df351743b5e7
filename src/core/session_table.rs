//! The edge to the session table: what is written to it, and what it reports.
//!
//! The table is a compacted log of keys and values. Every replica reads the whole of it before it begins, and
//! follows it afterwards. Knows nothing of the content of entries.

use std::future::Future;

use crate::core::{code::Code, write_outcome::WriteOutcome};

pub mod config;

/// A key of the table and its newest value, both written by the mapping.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: Box<str>,
    pub value: Box<str>,
}

/// Identifies a write until its outcome is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// What happened at the table.
pub enum TableEvent {
    /// Entries that were read, those of a partition in the order of their offsets, our own among them.
    Entries(Vec<Entry>),
    /// So many records are no entries, because they have no key or no value, or are not text.
    Ignored(u64),
    /// The topic was deleted or created anew. Only the replicas that have read its entries know them.
    Emptied,
    /// The progress of the first reading, in offsets.
    Loading {
        read: u64,
        of: u64,
    },
    /// The first reading has reached the end that the log had at the start, so records may be mapped.
    Loaded,
    Written(WriteId, WriteOutcome),
    /// The connection to the brokers changed: a code says what is wrong, `None` that all is well.
    Connection(Option<Code>),
    /// The table cannot be read, or was not read in time. Nothing more is read.
    Failed(Code),
}

pub trait Table {
    /// Waits for the next event; cancel-safe.
    fn next(&mut self) -> impl Future<Output = TableEvent>;

    /// Begins to write `entries`; never blocks. Without an id the outcome is not reported, because the entries
    /// only repeat what is known.
    fn write(&mut self, id: Option<WriteId>, entries: Vec<Entry>);
}

impl Entry {
    /// The bytes of memory that it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.value.len()
    }
}
