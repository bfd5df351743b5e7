//! The sessions' table on a compacted topic of Kafka.
//!
//! ```text
//! runner ──entries──► writer ───────────► topic
//!    ▲                   │ acknowledged     │
//!    ├──written──────────┘                  │
//!    └──entries, loading, loaded── reader ◄─┘
//! ```
//!
//! The reader has a thread of its own; it joins no group and commits nothing, because every replica reads
//! everything, and at each start from the beginning. Knows nothing of what entries say.

use std::{future::pending, time::Duration};

use tokio::{select, sync::mpsc};

use self::{reader::Reader, writing::Writer};
use crate::core::{
    session_table::{Entry, Table, TableEvent, WriteId, config::TableConfig},
    write_outcome::WriteOutcome,
};
use crate::edge::kafka::{
    client::{Cluster, StartError},
    config::SourceConfig,
};

mod making;
mod reader;
mod reading;
pub mod topic;
mod writing;

/// Events that may wait for the runner; a batch of entries is one.
const EVENTS: usize = 4;
/// Outcomes of writes that may wait for the runner.
const OUTCOMES: usize = 1024;

/// A table that is read and written.
pub struct KafkaTable {
    events: mpsc::Receiver<TableEvent>,
    written: mpsc::Receiver<(WriteId, WriteOutcome)>,
    writer: Writer,
}

impl KafkaTable {
    /// Begins to read the table, and makes its topic where there is none: for sessions that are remembered
    /// for `max_age`. The brokers are those of the source, and reached in the same way.
    ///
    /// # Errors
    ///
    /// If librdkafka refuses a property, or no thread can be started. Brokers that cannot be reached and
    /// a topic that does not exist are no errors here: they are waited for, and reported.
    pub fn start(config: &TableConfig, source: &SourceConfig, max_age: Duration) -> Result<Self, StartError> {
        let (events_in, events) = mpsc::channel(EVENTS);
        let (outcomes, written) = mpsc::channel(OUTCOMES);
        let writer = Writer::start(&Cluster::from(source), &config.topic, outcomes)?;
        Reader::start(config, source, max_age, events_in)?;
        Ok(Self { events, written, writer })
    }
}

impl Table for KafkaTable {
    async fn next(&mut self) -> TableEvent {
        select! {
            Some((id, outcome)) = self.written.recv() => TableEvent::Written(id, outcome),
            Some(event) = self.events.recv() => event,
            // Neither ends before this does, but the reader after it has failed.
            else => pending().await,
        }
    }

    fn write(&mut self, id: Option<WriteId>, entries: Vec<Entry>) {
        self.writer.write(id, &entries);
    }
}

#[cfg(test)]
mod tests;
