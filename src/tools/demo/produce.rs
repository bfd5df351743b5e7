//! The producer: writes the generated records to the topic.
//!
//! It writes without keys and to each partition in turn, like the most used publisher, so a user's events are
//! spread over several partitions. It never writes more than its allowance.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    error::{KafkaResult, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use crate::tools::demo::{
    evidence::{Fingerprint, RecordId, Sent},
    generate::{Expected, Produced, Realm},
    stage::{PARTITIONS, TOPIC},
};

/// Acknowledged records that may wait in the channel.
const SENT: usize = 4096;
/// How long one wait for room or for acknowledgements takes.
const TURN: Duration = Duration::from_millis(20);
/// How long the last acknowledgements may take.
const FLUSH: Duration = Duration::from_secs(3);

/// How many records the producer may write in total. Shared with whoever raises the number.
#[derive(Clone, Default)]
pub(super) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    pub(super) fn set(&self, records: u64) {
        self.0.store(records, Ordering::Relaxed);
    }

    fn covers(&self, number: u64) -> bool {
        number < self.0.load(Ordering::Relaxed)
    }
}

/// A function that writes `records`, for a thread of its own. Records that the broker has acknowledged come
/// through the channel, which ends when everything is written or after `stop`.
///
/// # Errors
/// If the producer cannot be created.
pub(super) fn producer(
    brokers: &str,
    records: impl Iterator<Item = Produced> + Send + 'static,
    allowance: Allowance,
    stop: CancellationToken,
) -> KafkaResult<(Receiver<Sent>, impl FnOnce() + Send + 'static)> {
    let (acknowledged, sent) = mpsc::channel(SENT);
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers).set("enable.idempotence", "true").set("linger.ms", "5");
    let producer: BaseProducer<Acknowledgements> =
        client.create_with_context(Acknowledgements(acknowledged))?;
    let write = move || {
        let numbered = records.zip(0_u64..).take_while(|_| !stop.is_cancelled());
        for (record, number) in numbered {
            while !allowance.covers(number) && !stop.is_cancelled() {
                producer.poll(TURN);
            }
            write(&producer, record, number);
        }
        // The verdict shows which records are still not acknowledged.
        let _ = producer.flush(FLUSH);
    };
    Ok((sent, write))
}

fn write(to: &BaseProducer<Acknowledgements>, record: Produced, number: u64) {
    let Produced { timestamp, key, value, expected, from, realm } = record;
    let fingerprint = Fingerprint::of(Some(timestamp.0), key.as_deref(), value.as_deref());
    let opaque = Box::new(Opaque { expected, fingerprint, from, realm });
    let mut record = BaseRecord::<[u8], [u8], _>::with_opaque_to(TOPIC, opaque);
    record.partition = i32::try_from(number % u64::from(PARTITIONS.unsigned_abs())).ok();
    record.timestamp = Some(timestamp.0);
    record.key = key.as_deref();
    record.payload = value.as_deref();
    let mut record = Some(record);
    while let Some(refused) = record.take() {
        if let Err((error, back)) = to.send(refused) {
            // The verdict shows any other refusal.
            record = Some(back).filter(|_| error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull));
            to.poll(TURN);
        }
    }
    to.poll(Duration::ZERO);
}

/// What is known of a record that is being written.
struct Opaque {
    expected: Expected,
    fingerprint: Fingerprint,
    from: &'static str,
    realm: Realm,
}

/// Passes on which records the broker has acknowledged.
struct Acknowledgements(Sender<Sent>);

impl ClientContext for Acknowledgements {}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<Opaque>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Self::DeliveryOpaque) {
        if let Ok(message) = result {
            let record = RecordId { partition: message.partition(), offset: message.offset() };
            let Opaque { expected, fingerprint, from, realm } = *opaque;
            // The receiver is gone once the demo has ended.
            let _ = self.0.blocking_send(Sent { record, expected, fingerprint, from, realm });
        }
    }
}
