//! The inputs and actions of the pipeline: everything that passes between it and the edges.
//!
//! Knows nothing of how inputs come about and how actions are carried out.

use std::sync::Arc;

use crate::core::{
    code::Code,
    dead_letter::{DeadLetter, DeadLetterId},
    destination::{Answer, DestinationId, Request, RequestId},
    event::Mapped,
    pipeline::transition::Transition,
    record::{Assignment, Ownership, Record},
    session_table::{Entry, WriteId},
    source::{Commit, Paused},
    write_outcome::WriteOutcome,
};

/// An input: something that happened.
pub enum Input {
    /// Partitions were assigned.
    Assigned(Vec<Assignment>),
    /// The subscribed topics that exist, with the number of partitions of each.
    Topics(Vec<(Arc<str>, usize)>),
    /// Records were read. Each comes with its mapping, and with the entries that must be in the session table
    /// before any of its events is sent.
    Records(Vec<(Record, Mapped, Vec<Entry>)>),
    /// These ownerships are being revoked. They are to be released once they are drained.
    Revoking(Vec<Ownership>),
    /// These ownerships have ended already.
    Lost(Vec<Ownership>),
    /// A request was answered.
    SendFinished { destination: DestinationId, id: RequestId, answer: Answer },
    /// An attempt to write a dead letter ended.
    DeadLetterFinished(DeadLetterId, WriteOutcome),
    /// A write to the session table ended.
    EntriesFinished(WriteId, WriteOutcome),
    /// A commit ended.
    Committed {
        commits: Vec<Commit>,
        acknowledged: bool,
        /// The brokers accepted the positions without their tails, which were too large.
        tails_refused: bool,
    },
    /// The end of each partition's log: the offset of the next record to be produced.
    Ends(Vec<(Ownership, i64)>),
    /// Nothing that can be read is left before these offsets.
    Passed(Vec<(Ownership, i64)>),
    /// The next records of a partition cannot be read, or can be read again (`None`).
    Unreadable(Ownership, Option<Code>),
    /// Time has passed.
    Tick,
    /// Stop reading, settle everything that can be settled, and then stop.
    Drain,
}

/// An action: something to do.
#[derive(Clone)]
pub enum Action {
    /// Send this request once.
    Send(Request),
    WriteDeadLetter(DeadLetter),
    /// Write these entries to the session table.
    WriteEntries(WriteId, Vec<Entry>),
    Commit(Vec<Commit>),
    /// Give up these ownerships, after these commits.
    Release {
        ownerships: Vec<Ownership>,
        commits: Vec<Commit>,
    },
    /// End this ownership, and begin another one at the committed position, without a tail.
    Rewind(Ownership),
    /// Pause exactly this from now on.
    Pause(Paused),
    /// Log this change of state.
    Transition(Transition),
    /// The drain is over: nothing more can be settled.
    Stopped,
}

/// The final state of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The last commits.
    pub commits: Vec<Commit>,
    /// Records that were given up unsettled at the end; they will be delivered again.
    pub unsettled: usize,
}
