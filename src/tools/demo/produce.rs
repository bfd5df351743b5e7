//! The producer: writes the generated records to the topic.
//!
//! Writes without keys and to every partition in turn, as the most used publisher does, so that the events
//! of one user lie in several partitions. Writes no more than it is allowed.

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
    evidence::{Fingerprint, Place, Sent},
    generate::{Expected, Produced},
    stage::{PARTITIONS, TOPIC},
};

/// Records whose acknowledgement may wait to be looked at.
const SENT: usize = 4096;
/// How long one wait takes for room or for acknowledgements.
const TURN: Duration = Duration::from_millis(20);
/// How long the last acknowledgements may take.
const FLUSH: Duration = Duration::from_secs(3);

/// How many records may be written, from the first one on, as it is told to the producer.
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

/// What writes `records`, for a thread of its own. What the broker has taken is told through the channel,
/// which ends when everything is written or after `stop`.
///
/// # Errors
/// When the producer cannot be made.
pub(super) fn producer(
    brokers: &str,
    records: impl Iterator<Item = Produced> + Send + 'static,
    allowance: Allowance,
    stop: CancellationToken,
) -> KafkaResult<(Receiver<Sent>, impl FnOnce() + Send + 'static)> {
    let (told, sent) = mpsc::channel(SENT);
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers).set("enable.idempotence", "true").set("linger.ms", "5");
    let producer: BaseProducer<Told> = client.create_with_context(Told(told))?;
    let write = move || {
        let numbered = records.zip(0_u64..).take_while(|_| !stop.is_cancelled());
        for (record, number) in numbered {
            while !allowance.covers(number) && !stop.is_cancelled() {
                producer.poll(TURN);
            }
            write(&producer, record, number);
        }
        // What is not acknowledged by then shows in the verdict.
        let _ = producer.flush(FLUSH);
    };
    Ok((sent, write))
}

fn write(to: &BaseProducer<Told>, record: Produced, number: u64) {
    let Produced { timestamp, key, value, expected, from } = record;
    let fingerprint = Fingerprint::of(Some(timestamp.0), key.as_deref(), value.as_deref());
    let told = Box::new((expected, fingerprint, from));
    let mut record = BaseRecord::<[u8], [u8], _>::with_opaque_to(TOPIC, told);
    record.partition = i32::try_from(number % u64::from(PARTITIONS.unsigned_abs())).ok();
    record.timestamp = Some(timestamp.0);
    record.key = key.as_deref();
    record.payload = value.as_deref();
    let mut record = Some(record);
    while let Some(refused) = record.take() {
        if let Err((error, back)) = to.send(refused) {
            // Any other refusal shows in the verdict.
            record = Some(back).filter(|_| error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull));
            to.poll(TURN);
        }
    }
    to.poll(Duration::ZERO);
}

/// Tells what the broker has taken.
struct Told(Sender<Sent>);

impl ClientContext for Told {}

impl ProducerContext for Told {
    type DeliveryOpaque = Box<(Expected, Fingerprint, &'static str)>;

    fn delivery(&self, result: &DeliveryResult<'_>, told: Self::DeliveryOpaque) {
        if let Ok(message) = result {
            let place = Place { partition: message.partition(), offset: message.offset() };
            let (expected, fingerprint, from) = *told;
            // Nobody listens any more when the demo has ended.
            let _ = self.0.blocking_send(Sent { place, expected, fingerprint, from });
        }
    }
}
