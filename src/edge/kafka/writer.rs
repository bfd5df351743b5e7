//! A writer to one topic, for dead letters and the entries of the session table.
//!
//! It writes once and reports the outcome. Knows nothing of what it writes, and of when to write it again.

use std::sync::Arc;

use rdkafka::{ClientConfig, message::OwnedHeaders, producer::BaseRecord};
use tokio::sync::mpsc::Sender;

use super::{cluster::StartError, producer::Producer, write::Write};
use crate::{core::write_outcome::WriteOutcome, edge::acks::Acks};

pub struct TopicWriter<Id: Copy + Send + Sync + 'static> {
    topic: String,
    producer: Producer<Acks<(Id, WriteOutcome)>>,
    acks: Arc<Acks<(Id, WriteOutcome)>>,
}

#[derive(Default)]
pub struct OutgoingRecord<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// In milliseconds; `None` stands for the time of writing.
    pub timestamp: Option<i64>,
    pub headers: Option<OwnedHeaders>,
}

impl<Id: Copy + Send + Sync + 'static> TopicWriter<Id> {
    /// Writes to `topic` with the properties of `client`, and reports to `outcomes`. `name` says what is
    /// written, and is the name of the thread.
    ///
    /// # Errors
    /// If librdkafka refuses a property, or no thread can be started. Unreachable brokers and a missing topic
    /// are not errors here: they are the outcome of a write.
    pub fn start(
        client: ClientConfig,
        topic: &str,
        name: &'static str,
        outcomes: Sender<(Id, WriteOutcome)>,
    ) -> Result<Self, StartError> {
        let acks = Arc::new(Acks::new(outcomes));
        let producer = Producer::start(client, name, Arc::clone(&acks))?;
        Ok(Self { topic: topic.to_owned(), producer, acks })
    }

    /// Begins to write these records, and reports `id` once, when all are acknowledged or any has failed.
    pub fn write<'a>(
        &mut self,
        id: Option<Id>,
        records: impl IntoIterator<Item = OutgoingRecord<'a>, IntoIter: ExactSizeIterator>,
    ) {
        let records = records.into_iter();
        if let (Some(id), 0) = (id, records.len()) {
            return self.acks.report((id, WriteOutcome::Written));
        }
        let write = Arc::new(Write::new(id, records.len()));
        for OutgoingRecord { key, value, timestamp, headers } in records {
            let opaque = Box::new(Arc::clone(&write));
            let mut record = BaseRecord::with_opaque_to(&self.topic, opaque);
            (record.key, record.payload) = (key, value);
            (record.timestamp, record.headers) = (timestamp, headers);
            self.producer.write(record);
        }
    }
}
