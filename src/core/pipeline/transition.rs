//! Changes of state that a person may want to hear of; the runner logs them.

use std::sync::Arc;

use crate::core::{code::Code, destination::DestinationId};

/// A change of state. Holds only codes and names of topics, no text of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The destination is held: a person must act, see the code.
    Held { destination: DestinationId, code: Code },
    /// The destination's hold is over; the code says why it had been held.
    Resumed { destination: DestinationId, code: Code },
    /// The destination throttles; its whole quota domain slows down.
    Throttled { destination: DestinationId },
    /// An event keeps failing on its own while others are accepted; it goes on at the slowest pace.
    EventStuck { destination: DestinationId, code: Code },
    /// The destination has been blocked for too long: its events go to the dead letters.
    Spilling { destination: DestinationId },
    /// Most records of a topic are refused: it is not read any more, and its refusals wait.
    CircuitOpened { topic: Arc<str> },
    /// The topic is read again.
    CircuitClosed { topic: Arc<str> },
    /// The broker refuses a partition's dead letter for good: a person must act.
    PartitionHeld { topic: Arc<str>, partition: i32, code: Code },
    /// The partition's dead letter was written after all.
    PartitionResumed { topic: Arc<str>, partition: i32 },
    /// The broker refuses writes to the session table: a person must act.
    TableHeld { code: Code },
    /// Writes to the session table succeed again.
    TableResumed {
        /// Why they were refused.
        code: Code,
    },
    /// The tail of a commit does not agree with the partition's log: the partition is read again from the
    /// position, and no record of the tail counts as settled.
    TailVoid { topic: Arc<str>, partition: i32 },
    /// A partition was given up with records that were not settled; they will be delivered again.
    ReleasedUnsettled { topic: Arc<str>, partition: i32, records: u64 },
}
