//! Changes of state that an operator may want to know about. The runner logs them.

use std::sync::Arc;

use crate::core::{code::Code, destination::DestinationId};

/// A change of state. It contains only codes and names of topics, and no text of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The destination is held. An operator must act; the code tells why.
    Held { destination: DestinationId, code: Code },
    /// The destination's hold is over. The code tells why it was held.
    Resumed { destination: DestinationId, code: Code },
    /// The destination throttles requests. Its whole quota domain slows down.
    Throttled { destination: DestinationId },
    /// An event keeps failing alone while others are accepted. It is retried at the slowest pace.
    EventStuck { destination: DestinationId, code: Code },
    /// The destination has been blocked for too long: its events go to the dead letters.
    Spilling { destination: DestinationId },
    /// Most records of a topic are refused. The topic is not read any more, and its refusals wait.
    CircuitOpened { topic: Arc<str> },
    /// The topic is read again.
    CircuitClosed { topic: Arc<str> },
    /// The broker refuses a partition's dead letter permanently. An operator must act.
    PartitionHeld { topic: Arc<str>, partition: i32, code: Code },
    /// The partition's dead letter was written after all.
    PartitionResumed { topic: Arc<str>, partition: i32 },
    /// The next records of a partition cannot be read. An operator must act.
    Unreadable { topic: Arc<str>, partition: i32, code: Code },
    /// The partition's records can be read again.
    Readable { topic: Arc<str>, partition: i32 },
    /// The broker refuses writes to the session table. An operator must act.
    TableHeld { code: Code },
    /// Writes to the session table succeed again.
    TableResumed {
        /// Why the writes were refused.
        code: Code,
    },
    /// The tail of a commit contradicts the partition's log. The partition is read again from the position,
    /// and no record of the tail counts as settled.
    TailVoid { topic: Arc<str>, partition: i32 },
    /// A partition was given up with records that were not settled; they will be delivered again.
    ReleasedUnsettled { topic: Arc<str>, partition: i32, records: u64 },
}
