//! Dead letters as records of a Kafka topic, each acknowledged by all replicas in sync.
//!
//! A letter is the original record (key, value, headers, timestamp) and headers that say what happened,
//! see `headers`. Knows nothing of policy: it writes once and says what came of it.

use std::sync::Arc;

use rdkafka::{ClientConfig, error::KafkaError, producer::BaseRecord};
use tokio::sync::mpsc::Sender;

use crate::core::{
    dead_letter::{DeadLetter, DeadLetterId, DeadLetters},
    write_outcome::WriteOutcome,
};
use crate::edge::{
    acks::Outcomes,
    kafka::{
        client::{Cluster, StartError},
        codes,
        producer::{self, Acknowledged, Producer},
    },
};

mod headers;

/// A topic that dead letters are written to.
pub struct KafkaDeadLetters {
    topic: String,
    producer: Producer<Letters>,
}

impl KafkaDeadLetters {
    /// Writes to `topic` of `cluster`, and reports to `outcomes`.
    ///
    /// # Errors
    ///
    /// If librdkafka refuses a property, or no thread can be started. Brokers that cannot be reached
    /// and a topic that does not exist are no errors here: letters come back.
    pub fn start(
        cluster: &Cluster<'_>,
        topic: &str,
        outcomes: Sender<(DeadLetterId, WriteOutcome)>,
    ) -> Result<Self, StartError> {
        Self::of(producer::properties(cluster, &[]), topic, outcomes)
    }

    fn of(
        client: ClientConfig,
        topic: &str,
        outcomes: Sender<(DeadLetterId, WriteOutcome)>,
    ) -> Result<Self, StartError> {
        let letters = Arc::new(Letters(Outcomes::new(outcomes)));
        Ok(Self { topic: topic.to_owned(), producer: Producer::start(client, "dead-letters", letters)? })
    }
}

impl DeadLetters for KafkaDeadLetters {
    fn write(&mut self, letter: DeadLetter) {
        let record = &letter.record;
        let mut written = BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topic, Box::new(letter.id))
            .headers(headers::of(&letter));
        written.key = record.key.as_deref();
        written.payload = record.value.as_deref();
        // Brokers take no time before 1970, and 0 is librdkafka's word for now.
        written.timestamp = record.timestamp.map(|time| time.0).filter(|time| *time > 0);
        self.producer.write(written);
    }
}

/// Reports what became of each letter.
struct Letters(Outcomes<(DeadLetterId, WriteOutcome)>);

impl Acknowledged for Letters {
    type Id = DeadLetterId;

    fn acknowledged(&self, id: DeadLetterId, outcome: Result<(), &KafkaError>) {
        self.0.report((id, outcome.err().map_or(WriteOutcome::Written, unwritten)));
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
mod tests;
