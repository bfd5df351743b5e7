//! The edge to where records come from: what it reports, and what it is told.
//!
//! Knows nothing of what records say and of what is settled.

use std::{future::Future, sync::Arc};

use crate::core::{
    code::Code,
    record::{Assignment, Ownership, Record},
};

/// What happened at the source, in the order in which it happened.
#[derive(Debug)]
pub enum SourceEvent {
    /// Partitions were assigned; each begins a new ownership, and records of it follow.
    Assigned(Vec<Assignment>),
    /// The subscribed topics that there are, with the number of partitions of each.
    Topics(Vec<(Arc<str>, usize)>),
    /// Records that were read, of any of the ownerships, each partition's in the order of its offsets.
    Records(Vec<Record>),
    /// These ownerships are to be given up: nothing more will be read of them; answer each with
    /// [`SourceCommand::Release`].
    Revoking(Vec<Ownership>),
    /// These ownerships are gone already: nothing may be committed for them.
    Lost(Vec<Ownership>),
    /// Where the log of each partition ends: the offset of the next record to be produced.
    Ends(Vec<(Ownership, i64)>),
    /// Records of a partition that expired before they were read: how many offsets were jumped over.
    LostToRetention {
        /// Whose.
        ownership: Ownership,
        /// How many offsets.
        records: u64,
    },
    /// A commit ended.
    Committed {
        /// What was to be committed: the next offset to read, for each ownership.
        positions: Vec<(Ownership, i64)>,
        /// `Ok`, or why not.
        result: Result<(), Code>,
    },
    /// A topic of the subscription does not exist (yet), or exists again.
    TopicMissing {
        /// The topic's name.
        topic: Arc<str>,
        /// Whether it is missing now.
        missing: bool,
    },
    /// The connection to the brokers changed: a code says what is wrong, none that it is well.
    Connection(Option<Code>),
    /// Kafka failed for good; nothing will follow but `Closed`.
    Failed(Code),
    /// The source has left its group and is closed; nothing follows.
    Closed,
}

/// What the source is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceCommand {
    /// Join the group and read from now on; until then nothing is.
    Begin,
    /// Commit these positions (the next offset to read); of each the highest is what counts.
    Commit(Vec<(Ownership, i64)>),
    /// Give these ownerships up, after a commit of their positions where there is one to commit.
    Release(Vec<(Ownership, Option<i64>)>),
    /// What to read from now on; replaces what was said before.
    Pause(Paused),
    /// Commit these positions, leave the group and close, within the source's own bound on time.
    Close(Vec<(Ownership, i64)>),
}

/// What to read: nothing at all, or everything but some partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paused {
    /// Read nothing.
    pub everything: bool,
    /// Read nothing of these; sorted.
    pub partitions: Vec<Ownership>,
}

/// Where records come from.
pub trait Source {
    /// Waits for what happens next; cancel-safe. Never called again after [`SourceEvent::Closed`].
    fn next(&mut self) -> impl Future<Output = SourceEvent>;

    /// Tells the source something; never blocks.
    fn command(&mut self, command: SourceCommand);
}
