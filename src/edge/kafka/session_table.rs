//! The session table on a compacted topic of Kafka.
//!
//! ```text
//! runner ──entries──► writer ───────────► topic
//!    ▲                   │ acknowledged     │
//!    ├──written──────────┘                  │
//!    └──entries, loading, loaded── reader ◄─┘
//! ```
//!
//! The reader has its own thread. It joins no group and commits nothing, because every replica reads the
//! whole topic, from the beginning at each start. Knows nothing of the content of entries.

use std::{future::pending, time::Duration};

use tokio::{select, sync::mpsc};

use self::reader::Reader;
use super::{
    cluster::{Cluster, StartError},
    topic_creation::{NewTopic, TopicCreation},
    writer::{OutgoingRecord, TopicWriter},
};
use crate::core::{
    session_table::{Entry, Table, TableEvent, WriteId, config::TableConfig},
    write_outcome::WriteOutcome,
};

mod batch;
mod progress;
mod properties;
mod reader;
pub mod topic;

/// How many events may wait for the runner; a batch of entries is one event.
const EVENTS: usize = 4;
/// How many outcomes of writes may wait for the runner.
const OUTCOMES: usize = 1024;

pub struct KafkaTable {
    events: mpsc::Receiver<TableEvent>,
    written: mpsc::Receiver<(WriteId, WriteOutcome)>,
    writer: TopicWriter<WriteId>,
}

impl KafkaTable {
    /// Begins to read the table. If its topic is missing, it is created for sessions that are
    /// remembered for `max_age`. `group` is never joined, but librdkafka needs one, and the user may
    /// have no right to another.
    ///
    /// # Errors
    /// If librdkafka refuses a property, or no thread can be started. Unreachable brokers and a missing topic
    /// are not errors here: the table reports them and keeps trying.
    pub fn start(
        config: &TableConfig,
        cluster: &Cluster,
        group: &str,
        max_age: Duration,
    ) -> Result<Self, StartError> {
        let (events_in, events) = mpsc::channel(EVENTS);
        let (outcomes, written) = mpsc::channel(OUTCOMES);
        let client = properties::producer(cluster);
        let writer = TopicWriter::start(client, &config.topic, "sessions-table-writer", outcomes)?;
        let topic = NewTopic {
            name: config.topic.to_string(),
            purpose: "session table",
            partitions: topic::PARTITIONS,
            settings: topic::settings(max_age).into(),
        };
        let creation = TopicCreation::new(topic, cluster);
        Reader::start(config, &properties::consumer(cluster, group), creation, events_in)?;
        Ok(Self { events, written, writer })
    }
}

impl Table for KafkaTable {
    async fn next(&mut self) -> TableEvent {
        select! {
            Some((id, outcome)) = self.written.recv() => TableEvent::Written(id, outcome),
            Some(event) = self.events.recv() => event,
            // The writer does not end before the table does, but the reader ends if it fails.
            else => pending().await,
        }
    }

    fn write(&mut self, id: Option<WriteId>, entries: Vec<Entry>) {
        self.writer.write(id, entries.iter().map(record));
    }
}

fn record(entry: &Entry) -> OutgoingRecord<'_> {
    let (key, value) = (Some(entry.key.as_bytes()), Some(entry.value.as_bytes()));
    OutgoingRecord { key, value, ..OutgoingRecord::default() }
}

#[cfg(test)]
mod tests;
