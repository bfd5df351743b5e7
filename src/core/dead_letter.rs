//! The edge to the dead letters: original records, each with the reason why it could not be delivered.
//!
//! Knows nothing of policy: the pipeline decides what becomes a dead letter, and when to write it again.

use std::sync::Arc;

use crate::core::{event::Refusal, record::Record, redrive::Selection};

pub mod config;

/// Identifies a dead letter that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadLetterId(pub u64);

/// A record, or one event of it, that can never be delivered.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    pub id: DeadLetterId,
    pub record: Arc<Record>,
    pub refusal: Refusal,
    /// What of the record it is about.
    pub selection: Selection,
}

/// Writes dead letters. An implementation reports each outcome through the channel it was created with.
pub trait DeadLetters {
    /// Starts to write a dead letter. Never blocks.
    fn write(&mut self, dead_letter: DeadLetter);
}

impl<L: DeadLetters + ?Sized> DeadLetters for Box<L> {
    fn write(&mut self, dead_letter: DeadLetter) {
        (**self).write(dead_letter);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::core::{code::Code, record::Ownership, time::Timestamp};

    /// A dead letter about one event of a record.
    pub(crate) fn dead_letter(id: u64) -> DeadLetter {
        let headers = [("trace", Some(b"1".as_slice())), ("empty", None)];
        let record = Record {
            ownership: Ownership(0),
            topic: "logins".into(),
            partition: 3,
            offset: 42,
            timestamp: Some(Timestamp(1_700_000_000_000)),
            key: Some(b"key".as_slice().into()),
            value: Some(b"value".as_slice().into()),
            headers: headers.map(|(name, value)| (name.into(), value.map(Box::from))).into(),
            redriven: None,
        };
        let refusal = Refusal { code: Code("not_json"), message: "expected value at line 1".into() };
        DeadLetter {
            id: DeadLetterId(id),
            record: Arc::new(record),
            refusal,
            selection: Selection::one("shop".into(), "e1:session".into()),
        }
    }
}
