//! The edge to the session table: the writes to it, and the events that it reports.
//!
//! The table is a compacted log of keys and values. Every replica reads the whole table before it begins, and
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

/// An event at the session table.
pub enum TableEvent {
    /// Entries that were read, including our own. The entries of a partition are in the order of their
    /// offsets.
    Entries(Vec<Entry>),
    /// The number of records that are not entries, because they have no key or no value, or are not text.
    Ignored(u64),
    /// The topic was deleted or recreated. Only replicas that have read its entries still know them.
    Emptied,
    /// The progress of the initial load, in offsets.
    Loading {
        read: u64,
        of: u64,
    },
    /// The initial load has reached the end that the log had at the start. Records may now be mapped.
    Loaded,
    Written(WriteId, WriteOutcome),
    /// The state of the connection to the brokers changed. The code names the problem; `None` means that
    /// there is no problem.
    Connection(Option<Code>),
    /// The table cannot be read, or was not read in time. Nothing more is read.
    Failed(Code),
}

pub trait Table {
    /// Waits for the next event. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = TableEvent>;

    /// Starts to write `entries`. Never blocks. The outcome of a write without an id is not reported, because
    /// its entries only repeat known data.
    fn write(&mut self, id: Option<WriteId>, entries: Vec<Entry>);
}

impl Entry {
    /// The bytes of memory that the entry takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.value.len()
    }
}
