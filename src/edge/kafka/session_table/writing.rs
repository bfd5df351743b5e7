//! Writes to the table: each of one or several entries, and acknowledged when all of them are.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use rdkafka::{error::KafkaError, producer::BaseRecord};
use tokio::sync::mpsc::Sender;

use crate::{
    core::{
        session_table::{Entry, WriteId},
        write_outcome::WriteOutcome,
    },
    edge::{
        acks::Outcomes,
        kafka::{
            client::{Cluster, StartError},
            codes,
            producer::{self, Acknowledged, Producer},
        },
    },
};

/// The producer's own properties.
const OWN: [(&str, &str); 2] = [
    // A record's events wait for its entries, and entries of other records come soon.
    ("linger.ms", "5"),
    // As Java's clients choose a key's partition, so that whatever else writes to the table agrees.
    ("partitioner", "murmur2_random"),
];

/// Writes to the table.
pub(super) struct Writer {
    topic: String,
    producer: Producer<Writes>,
    writes: Arc<Writes>,
}

impl Writer {
    /// Writes to `topic` of `cluster`, and reports to `outcomes`.
    pub(super) fn start(
        cluster: &Cluster<'_>,
        topic: &str,
        outcomes: Sender<(WriteId, WriteOutcome)>,
    ) -> Result<Self, StartError> {
        let writes = Arc::new(Writes(Outcomes::new(outcomes)));
        let client = producer::properties(cluster, &OWN);
        let producer = Producer::start(client, "sessions-table-writer", Arc::clone(&writes))?;
        Ok(Self { topic: topic.to_owned(), producer, writes })
    }

    /// Begins to write.
    pub(super) fn write(&mut self, id: Option<WriteId>, entries: &[Entry]) {
        if let (Some(id), []) = (id, entries) {
            return self.writes.0.report((id, WriteOutcome::Written));
        }
        let write = Arc::new(Write::new(id, entries.len()));
        for entry in entries {
            let record =
                BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topic, Box::new(Arc::clone(&write)));
            self.producer.write(record.key(entry.key.as_bytes()).payload(entry.value.as_bytes()));
        }
    }
}

/// A write that is on its way.
struct Write {
    id: Option<WriteId>,
    /// Of how many entries nobody knows yet.
    left: AtomicUsize,
    /// The worst that became of those of which it is known. A lock, because acknowledgements come from the
    /// runner's thread and from the producer's; it is held to change the value, never longer.
    worst: Mutex<WriteOutcome>,
}

impl Write {
    fn new(id: Option<WriteId>, entries: usize) -> Self {
        Self { id, left: AtomicUsize::new(entries), worst: Mutex::new(WriteOutcome::Written) }
    }

    /// One of its entries has this outcome; gives that of the whole when it was the last.
    fn one(&self, outcome: WriteOutcome) -> Option<WriteOutcome> {
        let mut worst = self.worst.lock().unwrap_or_else(PoisonError::into_inner);
        if badness(outcome) > badness(*worst) {
            *worst = outcome;
        }
        (self.left.fetch_sub(1, Ordering::Relaxed) == 1).then_some(*worst)
    }
}

fn badness(outcome: WriteOutcome) -> u8 {
    match outcome {
        WriteOutcome::Written => 0,
        WriteOutcome::Again(_) => 1,
        WriteOutcome::Refused(_) => 2,
    }
}

/// Reports what became of each write.
struct Writes(Outcomes<(WriteId, WriteOutcome)>);

impl Acknowledged for Writes {
    type Id = Arc<Write>;

    fn acknowledged(&self, write: Arc<Write>, outcome: Result<(), &KafkaError>) {
        let outcome = write.one(outcome.err().map_or(WriteOutcome::Written, unwritten));
        match (write.id, outcome) {
            (Some(id), Some(outcome)) => self.0.report((id, outcome)),
            (None, Some(WriteOutcome::Again(code) | WriteOutcome::Refused(code))) => {
                // Whoever reads the conflict next writes it again.
                tracing::debug!(%code, "a joined entry of the sessions' table was not written");
            }
            _ => {}
        }
    }

    fn turn(&self) {
        self.0.flush();
    }
}

fn unwritten(error: &KafkaError) -> WriteOutcome {
    let code = codes::code(error);
    if codes::refuses(error) { WriteOutcome::Refused(code) } else { WriteOutcome::Again(code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::code::Code;

    const AGAIN: WriteOutcome = WriteOutcome::Again(Code("again"));
    const REFUSED: WriteOutcome = WriteOutcome::Refused(Code("refused"));

    #[track_caller]
    fn check(outcomes: &[WriteOutcome], expected: WriteOutcome) {
        let write = Write::new(None, outcomes.len());
        let (last, others) = outcomes.split_last().unwrap();
        assert!(others.iter().all(|outcome| write.one(*outcome).is_none()), "not before the last");
        assert_eq!(write.one(*last), Some(expected));
    }

    #[test]
    fn a_write_is_acknowledged_when_all_of_its_entries_are() {
        check(&[WriteOutcome::Written], WriteOutcome::Written);
        check(&[WriteOutcome::Written, WriteOutcome::Written], WriteOutcome::Written);
        check(&[AGAIN, WriteOutcome::Written], AGAIN);
        check(&[WriteOutcome::Written, AGAIN], AGAIN);
        check(&[REFUSED, AGAIN, WriteOutcome::Written], REFUSED);
    }
}
