//! A Kafka topic as a destination: each event becomes a record, keyed by its endpoint.
//!
//! The sender produces the records of a request at once, and its answer is complete with the last delivery
//! report. The producer is idempotent and acknowledged by all in-sync replicas. Knows nothing of retries and
//! offsets: a failure is an [`Answer`], and the pipeline decides what to do about it.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
};
use tokio::sync::oneshot;

use self::{
    answer::Report,
    config::KafkaConfig,
    encoder::EVENT_ID,
    reports::{DeliveryReports, Pending},
};
pub use self::{
    encoder::KafkaEncoder,
    service_topics::{ServiceTopics, TopicConflict},
};
use super::{cluster::StartError, producer::Producer};
use crate::core::{
    code::Code,
    destination::{Answer, Request, Sender, Sending},
    stream_record::{self, config::RecordConfig},
    time::Timestamp,
    units::text::TopicName,
};

mod answer;
pub mod config;
mod encoder;
mod reports;
mod service_topics;

/// The sender.
pub struct KafkaDestination {
    topic: TopicName,
    brokers: String,
    record: RecordConfig,
    /// Reads the clock.
    clock: fn() -> Timestamp,
    /// A lock, because a sender is shared. Only the runner's thread takes it.
    producer: Mutex<Producer<DeliveryReports>>,
}

impl KafkaDestination {
    /// Starts a producer. Connections are made when it first produces.
    ///
    /// # Errors
    /// If librdkafka refuses a property, or no thread can be started. Unreachable brokers and a missing topic are not
    /// errors here: they are the answer to a request.
    pub fn start(
        config: &KafkaConfig,
        record: RecordConfig,
        service: &ServiceTopics,
        clock: fn() -> Timestamp,
    ) -> Result<Self, StartError> {
        let client = config.producer(&service.cluster);
        let producer = Producer::start(client, "destination", DeliveryReports.into())?;
        Ok(Self {
            topic: config.topic.clone(),
            brokers: config.cluster(&service.cluster).brokers,
            record,
            clock,
            producer: Mutex::new(producer),
        })
    }

    /// Produces the records of a request. Returns where their reports arrive.
    fn produce(&self, request: &Request) -> oneshot::Receiver<Vec<Report>> {
        let records = request.endpoints.iter().map(|batch| batch.events.len()).sum();
        let (pending, completed) = Pending::begin(records);
        let arrival = (self.clock)();
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut value = Vec::new();
        for (number, record) in stream_record::of_request(&self.record, request).enumerate() {
            value.clear();
            record.write(arrival, &mut value);
            let event_id = Header { key: EVENT_ID, value: Some(&*record.event.id) };
            let outgoing = BaseRecord::with_opaque_to(&self.topic, Box::new(pending.place(number)))
                .key(record.endpoint_id.0.as_bytes())
                .payload(&value[..])
                .headers(OwnedHeaders::new_with_capacity(1).insert(event_id));
            producer.write(outgoing);
        }
        completed
    }
}

impl Sender for KafkaDestination {
    /// Takes at most as long as a record may wait for its acknowledgement.
    fn send(&self, request: Request) -> Sending {
        let completed = self.produce(&request);
        Box::pin(async move {
            match completed.await {
                Ok(reports) => answer::of(&reports),
                // The producer ended before the last report.
                Err(_) => Answer::unknown(Code("purged")),
            }
        })
    }
}

/// Shows where events go.
impl fmt::Display for KafkaDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {} at {}", self.topic, self.brokers)
    }
}

#[cfg(test)]
mod tests;
