//! Writes dead letters to a Kafka topic, each acknowledged by all in-sync replicas.
//!
//! A dead letter is the original record (key, value, headers, timestamp) with additional headers that say
//! what happened; see `headers`. Knows nothing of policy: it writes once and reports the outcome.

use std::time::Duration;

use rdkafka::ClientConfig;
use tokio::sync::mpsc::Sender;

use super::{
    cluster::{Cluster, StartError},
    producer,
    topic_creation::{Background, TopicCreation},
    writer::{OutgoingRecord, TopicWriter},
};
use crate::core::{
    dead_letter::{DeadLetter, DeadLetterId, DeadLetters},
    write_outcome::WriteOutcome,
};

mod headers;
pub mod topic;

pub struct KafkaDeadLetters {
    writer: TopicWriter<DeadLetterId>,
    /// `None` in tests, which create their topics themselves.
    _creation: Option<Background>,
}

impl KafkaDeadLetters {
    /// Writes to `topic` of `cluster`, and reports to `outcomes`. If the topic is missing, it is created so that
    /// it keeps each letter for `retention`.
    ///
    /// # Errors
    /// If librdkafka refuses a property, or no thread can be started. Unreachable brokers and a missing topic
    /// are not errors here: they are the outcome of a dead letter.
    pub fn start(
        cluster: &Cluster,
        topic: &str,
        retention: Duration,
        outcomes: Sender<(DeadLetterId, WriteOutcome)>,
    ) -> Result<Self, StartError> {
        let creation = TopicCreation::new(topic::wanted(topic, retention), cluster).in_background()?;
        let letters = Self::with_client(producer::properties(cluster, &[]), topic, outcomes)?;
        Ok(Self { _creation: Some(creation), ..letters })
    }

    fn with_client(
        client: ClientConfig,
        topic: &str,
        outcomes: Sender<(DeadLetterId, WriteOutcome)>,
    ) -> Result<Self, StartError> {
        let writer = TopicWriter::start(client, topic, "dead-letters", outcomes)?;
        Ok(Self { writer, _creation: None })
    }
}

impl DeadLetters for KafkaDeadLetters {
    fn write(&mut self, dead_letter: DeadLetter) {
        let record = &dead_letter.record;
        let outgoing = OutgoingRecord {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            // Brokers accept no time before 1970, and librdkafka takes 0 as the current time.
            timestamp: record.timestamp.map(|time| time.0).filter(|time| *time > 0),
            headers: Some(headers::of(&dead_letter)),
        };
        self.writer.write(Some(dead_letter.id), [outgoing]);
    }
}

#[cfg(test)]
mod tests;
