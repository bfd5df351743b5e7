//! Changes of state that a person may want to hear of; the runner logs them.

use std::sync::Arc;

use crate::core::{code::Code, destination::DestinationId};

/// A change of state. Holds codes and names of topics only, nothing that a record said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The destination is held: a person must act, see the code.
    Held { destination: DestinationId, code: Code },
    /// The destination's hold is over; the code says why it had been held.
    Resumed { destination: DestinationId, code: Code },
    /// The destination throttles; its whole quota domain slows down.
    Throttled { destination: DestinationId },
    /// An event keeps failing on its own while others are taken; it goes on at the slowest pace.
    EventStuck { destination: DestinationId, code: Code },
    /// The destination has been blocked for too long: its events go to the dead letters.
    Spilling { destination: DestinationId },
    /// Most of a topic is refused: its paused stops and its refusals wait.
    CircuitOpened {
        /// The topic.
        topic: Arc<str>,
    },
    /// The topic's records are taken again.
    CircuitClosed {
        /// The topic.
        topic: Arc<str>,
    },
    /// The broker refuses a partition's dead letter for good: a person must act.
    PartitionHeld {
        /// The topic.
        topic: Arc<str>,
        /// The partition's number.
        partition: i32,
        /// Why.
        code: Code,
    },
    /// The partition's dead letter was written after all.
    PartitionResumed {
        /// The topic.
        topic: Arc<str>,
        /// The partition's number.
        partition: i32,
    },
    /// The broker refuses to write to the sessions' table: a person must act.
    TableHeld {
        /// Why.
        code: Code,
    },
    /// The sessions' table is written to again.
    TableResumed {
        /// Why it had not been.
        code: Code,
    },
    /// What a commit said of settled records above its position is not true of the partition's log: it is read
    /// again from the position, and nothing of it counts as settled.
    TailVoid { topic: Arc<str>, partition: i32 },
    /// A partition was given up with records that were not settled; they will be delivered again.
    ReleasedUnsettled {
        /// The topic.
        topic: Arc<str>,
        /// The partition's number.
        partition: i32,
        /// How many.
        records: u64,
    },
}
