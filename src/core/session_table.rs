//! The edge to the session table: what is written to it, and what it reports.
//!
//! The table is a compacted log of keys and values. Every replica reads all of it before it begins, and
//! follows it from then on. Knows nothing of the content of entries.

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
    /// Entries that were read, including our own, those of a partition in the order of their offsets.
    Entries(Vec<Entry>),
    /// This many records are not entries, because they have no key or no value, or are not text.
    Ignored(u64),
    /// The topic was deleted or recreated. Only the replicas that have read its entries know them.
    Emptied,
    /// The progress of the first reading, in offsets.
    Loading {
        read: u64,
        of: u64,
    },
    /// The first reading has reached the end that the log had at the start. Records may now be mapped.
    Loaded,
    Written(WriteId, WriteOutcome),
    /// The connection to the brokers changed. A code says what is wrong; `None` means that all is well.
    Connection(Option<Code>),
    /// The table cannot be read, or was not read in time. Nothing more is read.
    Failed(Code),
}

pub trait Table {
    /// Waits for the next event; cancel-safe.
    fn next(&mut self) -> impl Future<Output = TableEvent>;

    /// Begins to write `entries`; never blocks. The outcome of a write without an id is not reported: its
    /// entries only repeat what is known.
    fn write(&mut self, id: Option<WriteId>, entries: Vec<Entry>);
}

impl Entry {
    /// How many bytes of memory the entry takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.value.len()
    }
}
