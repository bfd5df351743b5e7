//! The edge to the source of records: the events that it reports, and the commands that it accepts.
//!
//! Knows nothing of the content of records, and of which records are settled.

use std::{future::Future, sync::Arc};

use crate::core::{
    code::Code,
    record::{Assignment, Ownership, Record},
};

/// An event at the source. Events are reported in the order in which they happened.
#[derive(Debug)]
pub enum SourceEvent {
    /// Partitions were assigned. Each assignment begins a new ownership, whose records follow.
    Assigned(Vec<Assignment>),
    /// The subscribed topics that exist, with their numbers of partitions.
    Topics(Vec<(Arc<str>, usize)>),
    /// Records of any ownerships. The records of a partition are in the order of their offsets.
    Records(Vec<Record>),
    /// These ownerships are being revoked. No more of their records follow. Answer each with
    /// [`SourceCommand::Release`].
    Revoking(Vec<Ownership>),
    /// These ownerships have ended already: nothing can be committed for them.
    Lost(Vec<Ownership>),
    /// The end of each partition's log: the offset of the next record to be produced.
    Ends(Vec<(Ownership, i64)>),
    /// Nothing that can be read is left before these offsets: transaction markers and aborted records have
    /// offsets, too, and so have records that expired. Comes behind the records that were read before.
    Passed(Vec<(Ownership, i64)>),
    /// Offsets were skipped, because their records expired before they were read. Not every offset need have
    /// held a record, so `records` is an upper bound.
    LostToRetention { ownership: Ownership, records: u64 },
    /// The brokers lost the end of a partition's log, and perhaps records that were never read. Reading goes
    /// on where the log was cut off.
    Truncated { topic: Arc<str>, partition: i32 },
    /// The next records of a partition cannot be read, such as a batch that cannot be decompressed, or can be
    /// read again (`None`).
    Unreadable { ownership: Ownership, code: Option<Code> },
    /// A commit ended, successfully or not.
    Committed {
        commits: Vec<Commit>,
        result: Result<(), Code>,
        /// The brokers refused metadata as too large, so the positions were committed without metadata.
        metadata_dropped: bool,
    },
    /// A subscribed topic does not exist (yet), or exists again.
    TopicMissing { topic: Arc<str>, missing: bool },
    /// The state of the connection to the brokers changed. The code names the problem; `None` means that
    /// there is no problem.
    Connection(Option<Code>),
    /// Kafka failed permanently. Only `Closed` follows.
    Failed(Code),
    /// The source has left its group and is closed. Nothing follows.
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceCommand {
    /// Join the group and start to read. Nothing is read before this command.
    Begin,
    /// Commit these positions. If an ownership has several, the highest one counts; among equal ones, the
    /// newest.
    Commit(Vec<Commit>),
    /// Give up these ownerships, after these commits.
    Release { ownerships: Vec<Ownership>, commits: Vec<Commit> },
    /// End this ownership and read the partition again from its committed position, in a new ownership
    /// without metadata. `Lost` and `Assigned` follow, unless the partition is being revoked or is lost.
    Rewind(Ownership),
    /// Pause exactly these partitions, and resume all others.
    Pause(Paused),
    /// Commit these positions, leave the group and close, within the source's own time limit.
    Close(Vec<Commit>),
}

/// The next offset to read, and the metadata to commit with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub ownership: Ownership,
    pub position: i64,
    pub metadata: Option<Box<str>>,
}

impl Commit {
    /// A commit without metadata.
    #[must_use]
    pub fn at(ownership: Ownership, position: i64) -> Self {
        Self { ownership, position, metadata: None }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paused {
    pub everything: bool,
    /// The paused partitions, sorted.
    pub partitions: Vec<Ownership>,
}

impl Paused {
    #[must_use]
    pub fn contains(&self, ownership: Ownership) -> bool {
        self.everything || self.partitions.binary_search(&ownership).is_ok()
    }
}

pub trait Source {
    /// Waits for the next event. Cancel-safe. Must not be called again after [`SourceEvent::Closed`].
    fn next(&mut self) -> impl Future<Output = SourceEvent>;

    /// Sends a command. Never blocks.
    fn command(&mut self, command: SourceCommand);
}
