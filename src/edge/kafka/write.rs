//! Writes in progress. Each consists of one or more records, and is reported once, when every record has an
//! outcome.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::error::KafkaError;

use super::{codes, producer::Outcomes};
use crate::{core::write_outcome::WriteOutcome, edge::acks::Acks};

/// A write. Every record of it that is on its way to the broker holds a reference.
pub struct Write<Id> {
    /// `None` if nobody waits for the outcome.
    id: Option<Id>,
    /// A lock, because outcomes come from the runner's thread and from the producer's. It is held only
    /// to change the value.
    progress: Mutex<WriteProgress>,
}

struct WriteProgress {
    /// How many records have no outcome yet.
    records_left: usize,
    worst: WriteOutcome,
}

impl<Id> Write<Id> {
    #[must_use]
    pub fn new(id: Option<Id>, records: usize) -> Self {
        let progress = WriteProgress { records_left: records, worst: WriteOutcome::Written };
        Self { id, progress: Mutex::new(progress) }
    }

    /// Records the outcome of a record. Returns the outcome of the whole write if it was the last.
    fn record_ended(&self, outcome: WriteOutcome) -> Option<WriteOutcome> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.worst = progress.worst.worse(outcome);
        progress.records_left -= 1;
        (progress.records_left == 0).then_some(progress.worst)
    }
}

impl<Id: Copy + Send + Sync + 'static> Outcomes for Acks<(Id, WriteOutcome)> {
    type Of = Arc<Write<Id>>;

    fn record_ended(&self, write: &Arc<Write<Id>>, result: Result<(), &KafkaError>) {
        let outcome = result.err().map_or(WriteOutcome::Written, unwritten);
        match (write.id, write.record_ended(outcome)) {
            (Some(id), Some(outcome)) => self.report((id, outcome)),
            (None, Some(WriteOutcome::Again(code) | WriteOutcome::Refused(code))) => {
                tracing::debug!(%code, "a write failed that nobody waits for");
            }
            _ => {}
        }
    }

    fn flush(&self) {
        Acks::flush(self);
    }
}

fn unwritten(error: &KafkaError) -> WriteOutcome {
    let code = codes::code(error);
    if codes::is_refusal(error) { WriteOutcome::Refused(code) } else { WriteOutcome::Again(code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::code::Code;

    const AGAIN: WriteOutcome = WriteOutcome::Again(Code("again"));
    const REFUSED: WriteOutcome = WriteOutcome::Refused(Code("refused"));

    #[track_caller]
    fn check(outcomes: &[WriteOutcome], expected: WriteOutcome) {
        let write = Write::<u64>::new(None, outcomes.len());
        let (last, others) = outcomes.split_last().unwrap();
        assert!(others.iter().all(|outcome| write.record_ended(*outcome).is_none()), "not before the last");
        assert_eq!(write.record_ended(*last), Some(expected));
    }

    #[test]
    fn a_write_is_acknowledged_when_all_of_its_records_are() {
        check(&[WriteOutcome::Written], WriteOutcome::Written);
        check(&[WriteOutcome::Written, WriteOutcome::Written], WriteOutcome::Written);
        check(&[AGAIN, WriteOutcome::Written], AGAIN);
        check(&[WriteOutcome::Written, AGAIN], AGAIN);
        check(&[REFUSED, AGAIN, WriteOutcome::Written], REFUSED);
    }
}
