//! A record as it was read from a topic, and who owns the partition it was read from.
//!
//! Knows nothing of what a record says.

use std::{fmt, sync::Arc};

use crate::core::time::Timestamp;

/// One ownership of one partition, unique within the process: a partition that is revoked and assigned
/// again, or whose topic was made anew, gets a new one, so that a late completion cannot be taken for
/// one of today (invariant 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ownership(pub u64);

/// A partition that was assigned to this process, and the ownership that began with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The ownership that began.
    pub ownership: Ownership,
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number within the topic.
    pub partition: i32,
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

/// A header of a record: name and value.
pub type Header = (Box<str>, Option<Box<[u8]>>);

/// A record, whole: it may have to be written to the dead letters as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The ownership under which it was read.
    pub ownership: Ownership,
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number within the topic.
    pub partition: i32,
    /// The record's offset within the partition.
    pub offset: i64,
    /// The record's own timestamp, where the broker gave one.
    pub timestamp: Option<Timestamp>,
    /// The key; publishers of identity events often write none.
    pub key: Option<Box<[u8]>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Box<[u8]>>,
    /// The headers, in their order.
    pub headers: Vec<Header>,
}

impl Record {
    /// What it costs to keep the record, in bytes: its parts and what holds them.
    #[must_use]
    pub fn weight(&self) -> usize {
        let part = |part: &Option<Box<[u8]>>| part.as_ref().map_or(0, |bytes| bytes.len());
        let headers: usize =
            (self.headers.iter()).map(|(name, value)| name.len() + part(value) + size_of::<Header>()).sum();
        size_of::<Self>() + part(&self.key) + part(&self.value) + headers
    }
}

/// Shows where the record is and how large, never what it says: records hold personal data.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("weight", &self.weight())
            .finish_non_exhaustive()
    }
}
