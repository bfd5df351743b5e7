//! A record as it was read from a topic, and the ownership of its partition.
//!
//! Knows nothing of the content of a record.

use std::{fmt, sync::Arc};

use crate::core::{redrive::Redriven, time::Timestamp};

/// One ownership of one partition, unique within the process. A partition that is revoked and assigned again,
/// or whose topic was recreated, gets a new one, so that a late completion changes nothing (invariant 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ownership(pub u64);

/// A partition that was assigned to this process, and the ownership that begins with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub ownership: Ownership,
    pub topic: Arc<str>,
    pub partition: i32,
    /// The offset where reading begins; `None` means the beginning of the log.
    pub start: Option<i64>,
    /// The committed position of the group, if reading begins there.
    pub committed: Option<CommittedPosition>,
    /// The id of the cluster, if the brokers have one.
    pub cluster: Option<Arc<str>>,
}

/// The committed position of a group, which is the next offset to read, with the metadata of the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedPosition {
    pub position: i64,
    pub metadata: Option<Box<str>>,
}

impl Assignment {
    /// A partition that is read from its beginning, without a commit.
    #[must_use]
    pub fn new(ownership: Ownership, topic: Arc<str>, partition: i32) -> Self {
        Self { ownership, topic, partition, start: None, committed: None, cluster: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

/// The name and the value of a header.
pub type Header = (Box<str>, Option<Box<[u8]>>);

/// A record with all its parts, because it may have to be written to the dead letters unchanged.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    pub ownership: Ownership,
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    /// `None` if the record has no timestamp.
    pub timestamp: Option<Timestamp>,
    /// The key of the record. Identity events are often published without one.
    pub key: Option<Box<[u8]>>,
    /// The value of the record; `None` is a tombstone.
    pub value: Option<Box<[u8]>>,
    /// The headers in their order. Several may have the same name.
    pub headers: Vec<Header>,
    /// What its header states, if the record was redriven and the header is authentic.
    pub redriven: Option<Arc<Redriven>>,
}

/// Where and when a record was first read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original<'a> {
    pub topic: &'a Arc<str>,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Option<Timestamp>,
}

impl Record {
    /// Where and when the record was first read. Unless it was redriven, that is here and now.
    #[must_use]
    pub fn original(&self) -> Original<'_> {
        match self.redriven.as_deref() {
            None => {
                let Self { topic, partition, offset, timestamp, .. } = self;
                Original { topic, partition: *partition, offset: *offset, timestamp: *timestamp }
            }
            Some(Redriven { topic, partition, offset, timestamp, .. }) => {
                Original { topic, partition: *partition, offset: *offset, timestamp: *timestamp }
            }
        }
    }

    /// Whether it was redriven for some of its events. They were made once before, and the session index has
    /// learned from the record then.
    #[must_use]
    pub fn was_mapped(&self) -> bool {
        self.redriven.as_ref().is_some_and(|redriven| redriven.was_mapped())
    }

    /// The bytes of memory that the record takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let part = |part: &Option<Box<[u8]>>| part.as_ref().map_or(0, |bytes| bytes.len());
        let headers: usize =
            (self.headers.iter()).map(|(name, value)| name.len() + part(value) + size_of::<Header>()).sum();
        let redriven = self.redriven.as_ref().map_or(0, |redriven| redriven.weight());
        size_of::<Self>() + part(&self.key) + part(&self.value) + headers + redriven
    }
}

/// Shows the record's position and size, but never its content, which is personal data.
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
