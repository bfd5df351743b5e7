//! The outcome of a write that Kafka acknowledges: a dead letter, or entries of the session table.

use crate::core::code::Code;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// All of its records were acknowledged.
    Written,
    /// Some were not, and may be later.
    Again(Code),
    /// The broker refuses a record until a person acts: there is no topic, or no right to write to it.
    Refused(Code),
}

impl WriteOutcome {
    /// The worse of two: the outcome of a whole of which these are parts.
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
