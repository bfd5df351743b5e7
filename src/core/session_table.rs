//! The edge to the table that sessions are kept in: what is written to it, and what it reports.
//!
//! A table is a compacted log of keys and values that every replica reads whole before it begins, and
//! follows afterwards. Knows nothing of what an entry says.

use std::future::Future;

use crate::core::{code::Code, write_outcome::WriteOutcome};

pub mod config;

/// One key of the table and its newest value, both in the mapping's own words.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Box<str>,
    /// The value.
    pub value: Box<str>,
}

/// Identifies a write until its outcome is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// What happened at the table.
pub enum TableEvent {
    /// Entries that were read, in the order in which they were written; other replicas' and our own.
    Entries(Vec<Entry>),
    /// So many records were read that are no entries: without a key, without a value, or no text.
    Ignored(u64),
    /// Its topic was deleted or made anew: what it held is known to those alone that have read it.
    Emptied,
    /// The first reading goes on: so many records of the log are read, of so many.
    Loading {
        /// Read until now.
        read: u64,
        /// To be read.
        of: u64,
    },
    /// The first reading has come to the end that the log had at the start: records may be mapped.
    Loaded,
    /// What became of a write.
    Written(WriteId, WriteOutcome),
    /// The connection to the brokers changed: a code says what is wrong, none that it is well.
    Connection(Option<Code>),
    /// It cannot be read, or was not read in time: nothing more will be read.
    Failed(Code),
}

/// The table.
pub trait Table {
    /// Waits for what happens next; cancel-safe.
    fn next(&mut self) -> impl Future<Output = TableEvent>;

    /// Begins to write `entries`; never blocks. Without an id the outcome is not reported: it is a
    /// repetition of what is known already.
    fn write(&mut self, id: Option<WriteId>, entries: Vec<Entry>);
}

impl Entry {
    /// What it costs to keep it, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.value.len()
    }
}
