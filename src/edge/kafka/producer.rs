//! A producer for records that must not be lost: it writes each once and reports the outcome.
//!
//! It uses the configured properties of the connection; the service sets all others. A producer that has
//! failed for good is replaced. Knows nothing of what it writes, and of when to write it again.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext as _, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
};

use super::{
    cluster::{Cluster, StartError, Take},
    codes, log,
};

/// How long one turn of the serving thread takes. Acknowledgements are reported at once, but those that do
/// not fit into the channel wait for the next turn.
const TURN: Duration = Duration::from_millis(50);

/// How long to wait for the serving thread to end: librdkafka must neither be at work while the process ends
/// nor keep it from ending.
const END: Duration = Duration::from_secs(1);

/// Learns the outcome of each record, exactly once.
pub trait Outcomes: Send + Sync + 'static {
    /// What travels with a record, to tell whose outcome it is.
    type Of: Send + Sync + 'static;

    /// Learns whether the brokers acknowledged a record.
    fn record_ended(&self, of: &Self::Of, result: Result<(), &KafkaError>);

    /// Passes on what could not be passed on before. Called from time to time.
    fn flush(&self) {}
}

/// A record with what tells whose it is.
pub type ProducerRecord<'a, Of> = BaseRecord<'a, [u8], [u8], Box<Of>>;

pub struct Producer<O: Outcomes> {
    client: ClientConfig,
    name: &'static str,
    outcomes: Arc<O>,
    refusal: ProducerRefusal,
    serving: Serving<O>,
}

/// Why the brokers refuse the producer itself, and with it all its records. librdkafka does not report this
/// for a record. If the producer fails for good, it purges all records, without a reason. If the log-in is
/// refused, records time out. A lock, because two threads use it.
#[derive(Clone, Default)]
struct ProducerRefusal(Arc<Mutex<Option<RDKafkaErrorCode>>>);

impl ProducerRefusal {
    fn set(&self, code: Option<RDKafkaErrorCode>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = code;
    }

    /// The error that caused `error`.
    fn behind(&self, error: &KafkaError) -> KafkaError {
        let explains = |refusal: &RDKafkaErrorCode| match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight | RDKafkaErrorCode::Fatal,
            ) => true,
            Some(RDKafkaErrorCode::MessageTimedOut) => codes::is_refused_login(*refusal),
            _ => false,
        };
        let refusal = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.filter(explains).map_or_else(|| error.clone(), KafkaError::MessageProduction)
    }
}

impl<O: Outcomes> Producer<O> {
    /// # Errors
    /// If librdkafka refuses a property, or no thread can be started.
    pub fn start(client: ClientConfig, name: &'static str, outcomes: Arc<O>) -> Result<Self, StartError> {
        let refusal = ProducerRefusal::default();
        let serving = Serving::start(&client, name, &outcomes, &refusal)?;
        Ok(Self { client, name, outcomes, refusal, serving })
    }

    /// Writes a record; its outcome is reported now or later.
    pub fn write(&mut self, record: ProducerRecord<'_, O::Of>) {
        let Err((mut error, mut unsent)) = self.serving.producer.send(record) else { return };
        if error == KafkaError::MessageProduction(RDKafkaErrorCode::Fatal) {
            match self.replace() {
                // The next attempt will show whether somebody has fixed it.
                Some(code) => error = KafkaError::MessageProduction(code),
                None => match self.serving.producer.send(unsent) {
                    Ok(()) => return,
                    Err(failed) => (error, unsent) = failed,
                },
            }
        }
        self.outcomes.record_ended(&unsent.delivery_opaque, Err(&error));
    }

    /// Replaces a producer that no longer writes, because it lost its sequence or the brokers refuse it.
    /// Returns the reason if a person has to fix it.
    fn replace(&mut self) -> Option<RDKafkaErrorCode> {
        let fatal = self.serving.producer.client().fatal_error().map(|(code, _)| code);
        let refused = fatal.filter(|code| codes::is_refusal(&KafkaError::MessageProduction(*code)));
        self.refusal.set(refused);
        let code = fatal.map_or("unknown", |code| codes::named(code).0);
        tracing::warn!(of = self.name, code, "a producer failed for good and is replaced");
        if let Ok(serving) = Serving::start(&self.client, self.name, &self.outcomes, &self.refusal) {
            // The old thread ends by itself; nobody waits for it.
            std::mem::replace(&mut self.serving, serving).thread = None;
        }
        refused
    }
}

/// librdkafka's producer and the thread that serves it. Dropping this ends both, and reports the records that
/// are not acknowledged by then.
struct Serving<O: Outcomes> {
    producer: Arc<BaseProducer<Context<O>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<O: Outcomes> Serving<O> {
    fn start(
        client: &ClientConfig,
        name: &str,
        outcomes: &Arc<O>,
        refusal: &ProducerRefusal,
    ) -> Result<Self, StartError> {
        let context = Context { outcomes: Arc::clone(outcomes), refusal: refusal.clone() };
        let producer = Arc::new(BaseProducer::from_config_and_context(client, context)?);
        let stop = Arc::new(AtomicBool::new(false));
        let (served, stopped, outcomes) = (Arc::clone(&producer), Arc::clone(&stop), Arc::clone(outcomes));
        let serve = move || {
            while !stopped.load(Ordering::Relaxed) {
                served.poll(TURN);
                outcomes.flush();
            }
        };
        let thread = thread::Builder::new().name(name.into()).spawn(serve).map_err(StartError::Thread)?;
        Ok(Self { producer, stop, thread: Some(thread) })
    }
}

impl<O: Outcomes> Drop for Serving<O> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return };
        let turns = END.as_millis() / 10;
        for _ in 0..turns {
            if thread.is_finished() {
                return;
            }
            thread::sleep(END / 100);
        }
    }
}

struct Context<O> {
    outcomes: Arc<O>,
    refusal: ProducerRefusal,
}

impl<O: Outcomes> ClientContext for Context<O> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log::line(level, facility, text);
    }

    // Any other error that matters comes back with a record.
    fn error(&self, error: KafkaError, _: &str) {
        if let Some(code) = error.rdkafka_error_code().filter(|code| codes::is_refused_login(*code)) {
            self.refusal.set(Some(code));
        }
    }
}

impl<O: Outcomes> ProducerContext for Context<O> {
    type DeliveryOpaque = Box<O::Of>;

    fn delivery(&self, result: &DeliveryResult<'_>, of: Box<O::Of>) {
        match result {
            Ok(_) => {
                self.refusal.set(None);
                self.outcomes.record_ended(&of, Ok(()));
            }
            Err((error, _)) => self.outcomes.record_ended(&of, Err(&self.refusal.behind(error))),
        }
    }
}

/// A producer's properties, with additional ones in `own` for a kind of record.
///
/// librdkafka's own bound of what is in flight, `queue.buffering.max.kbytes`, keeps its default of 1 GiB, because it
/// also refuses a record that is larger and alone. The pipeline bounds what is in flight.
#[must_use]
pub fn properties(cluster: &Cluster, own: &[(&'static str, &'static str)]) -> ClientConfig {
    let owned = [
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("allow.auto.create.topics", "false"),
        // The greatest value that librdkafka allows, so that every record that was read can be written with
        // more headers.
        ("message.max.bytes", "1000000000"),
        // Compressed, a record of the largest size still fits with more headers, if both topics have the same
        // limit.
        ("compression.type", "lz4"),
        // A broker refuses a batch as a whole, so a batch is small enough that only its first record can
        // exceed the topic's limit.
        ("batch.size", "16384"),
        // A record that is not acknowledged in this time comes back, and the pipeline decides when to write
        // it again.
        ("message.timeout.ms", "15000"),
        ("request.timeout.ms", "10000"),
        // How long a missing topic may be one that was only just created.
        ("topic.metadata.propagation.max.ms", "3000"),
        ("topic.metadata.refresh.interval.ms", "10000"),
    ];
    cluster.client(&[], Take::Connection, &[&owned, own].concat())
}

#[cfg(test)]
mod tests {
    use RDKafkaErrorCode as Error;

    use super::*;

    #[track_caller]
    fn check(refusal: Option<Error>, error: Error, expected: Error) {
        let slot = ProducerRefusal::default();
        slot.set(refusal);
        let behind = slot.behind(&KafkaError::MessageProduction(error));
        assert_eq!(behind, KafkaError::MessageProduction(expected));
    }

    #[test]
    fn a_refusal_explains_the_errors_that_it_causes_and_no_others() {
        let unauthorised = Error::ClusterAuthorizationFailed;
        check(Some(unauthorised), Error::PurgeInflight, unauthorised);
        check(Some(unauthorised), Error::Fatal, unauthorised);
        check(Some(unauthorised), Error::MessageTimedOut, Error::MessageTimedOut);
        check(Some(Error::Authentication), Error::MessageTimedOut, Error::Authentication);
        check(Some(Error::Authentication), Error::MessageSizeTooLarge, Error::MessageSizeTooLarge);
        check(None, Error::PurgeQueue, Error::PurgeQueue);
    }

    #[test]
    fn librdkafka_takes_the_properties() {
        let cluster = Cluster { brokers: "kafka:9092".into(), ..Cluster::default() };
        properties(&cluster, &[]).create::<BaseProducer>().unwrap();
    }
}
