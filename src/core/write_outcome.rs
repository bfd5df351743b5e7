//! The outcome of a write that Kafka acknowledges: a dead letter, or entries of the session table.

use crate::core::code::Code;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// All records of the write were acknowledged.
    Written,
    /// Some records were not acknowledged, but a retry may succeed.
    Again(Code),
    /// The broker refuses a record until an operator acts: the topic does not exist, or the permission to
    /// write to it is missing.
    Refused(Code),
}

impl WriteOutcome {
    /// Returns the worse of two outcomes, for a write that consists of two parts.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let badness = |outcome| match outcome {
            Self::Written => 0,
            Self::Again(_) => 1,
            Self::Refused(_) => 2,
        };
        if badness(other) > badness(self) { other } else { self }
    }
}
