//! Dead letters as records of a Kafka topic, each acknowledged by all replicas in sync.
//!
//! A letter is the original record (key, value, headers, timestamp) and headers that say what happened,
//! see `headers`. Knows nothing of policy: it writes once and says what came of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext as _, RDKafkaLogLevel},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, ProducerContext},
};
use tokio::sync::mpsc::Sender;

use super::{DeadLetter, DeadLetters, LetterId, LetterOutcome, outcomes::Outcomes};
use crate::kafka::{
    client::{Cluster, StartError},
    codes, log,
};

mod headers;
mod properties;

/// How long one turn of the thread that serves the producer takes: acknowledgements come at once, but
/// outcomes that found the channel full wait for the next turn.
const TURN: Duration = Duration::from_millis(50);

/// A topic that dead letters are written to.
pub struct KafkaDeadLetters {
    client: ClientConfig,
    topic: String,
    outcomes: Arc<Outcomes>,
    producer: Serving,
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
        outcomes: Sender<(LetterId, LetterOutcome)>,
    ) -> Result<Self, StartError> {
        let client = properties::producer(cluster);
        let outcomes = Arc::new(Outcomes::new(outcomes));
        let producer = Serving::start(&client, &outcomes)?;
        Ok(Self { client, topic: topic.to_owned(), outcomes, producer })
    }

    fn send(&self, letter: &DeadLetter) -> KafkaResult<()> {
        let record = &letter.record;
        let mut written = BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topic, Box::new(letter.id))
            .headers(headers::of(letter));
        written.key = record.key.as_deref();
        written.payload = record.value.as_deref();
        // Brokers take no time before 1970, and 0 is librdkafka's word for now.
        written.timestamp = record.timestamp.map(|time| time.0).filter(|time| *time > 0);
        self.producer.producer.send(written).map_err(|(error, _)| error)
    }
}

impl DeadLetters for KafkaDeadLetters {
    fn write(&mut self, letter: DeadLetter) {
        let mut sent = self.send(&letter);
        if sent == Err(KafkaError::MessageProduction(RDKafkaErrorCode::Fatal)) {
            // An idempotent producer that lost its place writes nothing any more; a new one does.
            tracing::warn!("the dead letters' producer failed for good and is replaced");
            if let Ok(producer) = Serving::start(&self.client, &self.outcomes) {
                self.producer = producer;
                sent = self.send(&letter);
            }
        }
        if let Err(error) = sent {
            self.outcomes.report(letter.id, unwritten(&error));
        }
    }
}

/// A producer and the thread that serves it. When it is dropped the thread ends, and with it the
/// producer; what was not acknowledged by then comes back.
struct Serving {
    producer: Arc<BaseProducer<Acknowledgements>>,
    stop: Arc<AtomicBool>,
}

impl Serving {
    fn start(client: &ClientConfig, outcomes: &Arc<Outcomes>) -> Result<Self, StartError> {
        let context = Acknowledgements(Arc::clone(outcomes));
        let producer = Arc::new(BaseProducer::from_config_and_context(client, context)?);
        let stop = Arc::new(AtomicBool::new(false));
        let (served, stopped, outcomes) = (Arc::clone(&producer), Arc::clone(&stop), Arc::clone(outcomes));
        let serve = move || {
            while !stopped.load(Ordering::Relaxed) {
                served.poll(TURN);
                outcomes.flush();
            }
        };
        thread::Builder::new().name("dead-letters".into()).spawn(serve).map_err(StartError::Thread)?;
        Ok(Self { producer, stop })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Reports what became of each letter.
struct Acknowledgements(Arc<Outcomes>);

impl ClientContext for Acknowledgements {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log::line(level, facility, text);
    }

    // What matters of it comes back with a letter.
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<LetterId>;

    fn delivery(&self, result: &DeliveryResult<'_>, id: Box<LetterId>) {
        let outcome = match result {
            Ok(_) => LetterOutcome::Written,
            Err((error, _)) => unwritten(error),
        };
        self.0.report(*id, outcome);
    }
}

fn unwritten(error: &KafkaError) -> LetterOutcome {
    let code = codes::code(error);
    if codes::refuses(error) { LetterOutcome::Refused(code) } else { LetterOutcome::Again(code) }
}

#[cfg(test)]
mod tests;
