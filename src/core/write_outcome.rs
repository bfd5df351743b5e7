//! The outcome of a write that Kafka acknowledges: a dead letter, or entries of the session table.

use crate::core::code::Code;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// All of its entries were acknowledged.
    Written,
    /// Not all were; they may be, later.
    Again(Code),
    /// The broker refuses an entry for good (no topic, no right): a person must act.
    Refused(Code),
}
