//! Writes redriven records and receipts, each acknowledged by all in-sync replicas, and reports each outcome.
//!
//! Knows nothing of what is written, and of when to write it again.

use std::sync::Arc;

use rdkafka::{
    message::{Header as KafkaHeader, OwnedHeaders},
    producer::BaseRecord,
};
use tokio::sync::mpsc::{self, Receiver};

use crate::{
    core::{record::Header, write_outcome::WriteOutcome},
    edge::{
        acks::Acks,
        kafka::{
            cluster::{Cluster, StartError},
            producer::{self, Producer},
            write::Write,
        },
    },
};

/// How many outcomes may wait to be taken.
const OUTCOMES: usize = 1024;

pub struct RedriveWriter {
    producer: Producer<Acks<(u64, WriteOutcome)>>,
    outcomes: Receiver<(u64, WriteOutcome)>,
}

/// A record to write, with the present time.
pub struct Written<'a> {
    pub topic: &'a str,
    /// `None` lets the key decide, as producers in Java do.
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [Header],
}

impl RedriveWriter {
    /// # Errors
    /// If librdkafka refuses a property, or no thread can be started.
    pub fn start(cluster: &Cluster) -> Result<Self, StartError> {
        let (sender, outcomes) = mpsc::channel(OUTCOMES);
        let client = producer::properties(cluster, &[("partitioner", "murmur2_random")]);
        let producer = Producer::start(client, "redrive", Arc::new(Acks::new(sender)))?;
        Ok(Self { producer, outcomes })
    }

    /// Begins to write these records; there is at least one. Reports `id` once, when all are acknowledged or
    /// any has failed.
    pub fn write<'a>(&mut self, id: u64, records: impl ExactSizeIterator<Item = Written<'a>>) {
        let write = Arc::new(Write::new(Some(id), records.len()));
        for Written { topic, partition, key, value, headers } in records {
            let mut record = BaseRecord::with_opaque_to(topic, Box::new(Arc::clone(&write)));
            (record.key, record.payload, record.partition) = (key, value, partition);
            let empty = OwnedHeaders::new_with_capacity(headers.len());
            let headers = headers.iter().fold(empty, |all, (name, value)| {
                all.insert(KafkaHeader { key: name, value: value.as_deref() })
            });
            record.headers = Some(headers);
            self.producer.write(record);
        }
    }

    /// The next outcome; waits for it.
    pub fn outcome(&mut self) -> Option<(u64, WriteOutcome)> {
        self.outcomes.blocking_recv()
    }

    /// The next outcome, if there is one.
    pub fn outcome_so_far(&mut self) -> Option<(u64, WriteOutcome)> {
        self.outcomes.try_recv().ok()
    }
}
