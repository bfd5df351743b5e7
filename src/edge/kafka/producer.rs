//! A producer of what must not be lost: it writes once, and says of each record what came of it.
//!
//! It reaches the brokers as the source does; the rest of its properties is the service's. One that failed
//! for good is replaced. Knows nothing of what is written, and of policy: when to write again is decided
//! elsewhere.

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

use crate::edge::kafka::{
    client::{Cluster, StartError},
    codes, log,
};

/// How long one turn of the thread that serves the producer takes: acknowledgements come at once, but
/// outcomes that found the channel full wait for the next turn.
const TURN: Duration = Duration::from_millis(50);

/// How long the end of that thread is waited for: librdkafka must not be at work while the process ends,
/// and must not keep it from ending.
const END: Duration = Duration::from_secs(1);

/// The first words of the properties that say how brokers are reached, for consumers and producers.
const OF_ANY_CLIENT: &[&str] = &[
    "api.version.",
    "broker.",
    "client.",
    "connections.max.",
    "enable.sasl.",
    "enable.ssl.",
    "https.",
    "plugin.",
    "reconnect.",
    "sasl.",
    "security.",
    "socket.",
    "ssl.",
    "ssl_",
];

/// Hears what became of each record, on the producer's own thread or on the writer's.
pub trait Acknowledged: Send + Sync + 'static {
    /// What a record is known by.
    type Id: Send + Sync + 'static;

    /// The record was acknowledged, or was not and why.
    fn acknowledged(&self, id: Self::Id, outcome: Result<(), &KafkaError>);

    /// Some time has passed.
    fn turn(&self);
}

/// A producer, and the thread that serves it.
pub struct Producer<A: Acknowledged> {
    client: ClientConfig,
    /// What it writes, in a word: the thread is called so.
    name: &'static str,
    heard: Arc<A>,
    refusal: Refusal,
    serving: Serving<A>,
}

/// Why the brokers refuse the producer itself, and with it whatever it is given. librdkafka says so of no
/// record: it fails for good and purges all, which in itself says nothing. A lock, because two threads ask.
#[derive(Clone, Default)]
struct Refusal(Arc<Mutex<Option<RDKafkaErrorCode>>>);

impl Refusal {
    fn set(&self, code: Option<RDKafkaErrorCode>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = code;
    }

    /// The error behind `error`.
    fn behind(&self, error: &KafkaError) -> KafkaError {
        let is_purged = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight | RDKafkaErrorCode::Fatal)
        );
        let refusal = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.filter(|_| is_purged).map_or_else(|| error.clone(), KafkaError::MessageProduction)
    }
}

/// A record that is known by an id.
pub type Known<'a, Id> = BaseRecord<'a, [u8], [u8], Box<Id>>;

impl<A: Acknowledged> Producer<A> {
    /// A producer of `client`'s properties that writes `name`, and reports to `heard`.
    ///
    /// # Errors
    ///
    /// If librdkafka refuses a property, or no thread can be started.
    pub fn start(client: ClientConfig, name: &'static str, heard: Arc<A>) -> Result<Self, StartError> {
        let refusal = Refusal::default();
        let serving = Serving::start(&client, name, &heard, &refusal)?;
        Ok(Self { client, name, heard, refusal, serving })
    }

    /// Writes a record; what becomes of it is reported, now or later.
    pub fn write(&mut self, record: Known<'_, A::Id>) {
        let Err((mut error, mut unsent)) = self.serving.producer.send(record) else { return };
        if error == KafkaError::MessageProduction(RDKafkaErrorCode::Fatal) {
            match self.replace() {
                // The next attempt finds out whether somebody has mended it.
                Some(code) => error = KafkaError::MessageProduction(code),
                None => match self.serving.producer.send(unsent) {
                    Ok(()) => return,
                    Err(failed) => (error, unsent) = failed,
                },
            }
        }
        self.heard.acknowledged(*unsent.delivery_opaque, Err(&error));
    }

    /// An idempotent producer that lost its place, or was refused as such, writes nothing any more; a new one
    /// may. Returns the reason where it is a refusal that a person has to mend.
    fn replace(&mut self) -> Option<RDKafkaErrorCode> {
        let fatal = self.serving.producer.client().fatal_error().map(|(code, _)| code);
        let refused = fatal.filter(|code| codes::refuses(&KafkaError::MessageProduction(*code)));
        self.refusal.set(refused);
        let code = fatal.map_or("unknown", |code| codes::named(code).0);
        tracing::warn!(of = self.name, code, "a producer failed for good and is replaced");
        if let Ok(serving) = Serving::start(&self.client, self.name, &self.heard, &self.refusal) {
            // Its thread ends by itself, and nobody waits for it.
            std::mem::replace(&mut self.serving, serving).thread = None;
        }
        refused
    }
}

/// A producer and the thread that serves it. When it is dropped the thread ends, and with it the
/// producer; what was not acknowledged by then is reported as such.
struct Serving<A: Acknowledged> {
    producer: Arc<BaseProducer<Context<A>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<A: Acknowledged> Serving<A> {
    fn start(
        client: &ClientConfig,
        name: &str,
        heard: &Arc<A>,
        refusal: &Refusal,
    ) -> Result<Self, StartError> {
        let context = Context { heard: Arc::clone(heard), refusal: refusal.clone() };
        let producer = Arc::new(BaseProducer::from_config_and_context(client, context)?);
        let stop = Arc::new(AtomicBool::new(false));
        let (served, stopped, heard) = (Arc::clone(&producer), Arc::clone(&stop), Arc::clone(heard));
        let serve = move || {
            while !stopped.load(Ordering::Relaxed) {
                served.poll(TURN);
                heard.turn();
            }
        };
        let thread = thread::Builder::new().name(name.into()).spawn(serve).map_err(StartError::Thread)?;
        Ok(Self { producer, stop, thread: Some(thread) })
    }
}

impl<A: Acknowledged> Drop for Serving<A> {
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

/// librdkafka's callbacks.
struct Context<A> {
    heard: Arc<A>,
    refusal: Refusal,
}

impl<A: Acknowledged> ClientContext for Context<A> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log::line(level, facility, text);
    }

    // What matters of it comes back with a record.
    fn error(&self, _: KafkaError, _: &str) {}
}

impl<A: Acknowledged> ProducerContext for Context<A> {
    type DeliveryOpaque = Box<A::Id>;

    fn delivery(&self, result: &DeliveryResult<'_>, id: Box<A::Id>) {
        match result {
            Ok(_) => {
                self.refusal.set(None);
                self.heard.acknowledged(*id, Ok(()));
            }
            Err((error, _)) => self.heard.acknowledged(*id, Err(&self.refusal.behind(error))),
        }
    }
}

/// The properties of a producer, with some that are the writer's own.
#[must_use]
pub fn properties(cluster: &Cluster<'_>, own: &[(&'static str, &'static str)]) -> ClientConfig {
    let owned = [
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("allow.auto.create.topics", "false"),
        // The largest that librdkafka knows: what could be read can be written, with its headers.
        ("message.max.bytes", "1000000000"),
        // A record as large as its topic allows still fits, with its headers, where the limits are alike.
        ("compression.type", "lz4"),
        // A batch is refused as a whole when it is larger than the topic allows: only its first may be.
        ("batch.size", "16384"),
        // What is not acknowledged by then comes back, and the pipeline decides when to try again.
        ("message.timeout.ms", "15000"),
        ("request.timeout.ms", "10000"),
        // How long a topic that is not there may still be one that was made a moment ago.
        ("topic.metadata.propagation.max.ms", "3000"),
        ("topic.metadata.refresh.interval.ms", "10000"),
    ];
    cluster.client(&[], reaches, &[&owned, own].concat())
}

/// Whether a property says how brokers are reached, whoever the client is.
#[must_use]
pub fn reaches(name: &str) -> bool {
    OF_ANY_CLIENT.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, heard: bool) {
        let properties = [(name.to_owned(), "theirs".to_owned())].into();
        let client = super::properties(&Cluster { brokers: "kafka:9092", properties: &properties }, &[]);
        assert_eq!(client.get(name) == Some("theirs"), heard, "{name}");
    }

    #[test]
    fn the_configuration_is_heard_where_it_speaks_of_the_connection() {
        check("security.protocol", true);
        check("sasl.password", true);
        check("ssl.ca.location", true);
        check("enable.ssl.certificate.verification", true);
        check("client.id", true);
        check("socket.keepalive.enable", true);
        check("session.timeout.ms", false);
        check("partition.assignment.strategy", false);
        check("fetch.max.bytes", false);
        check("message.max.bytes", false);
        check("bootstrap.servers", false);
    }

    #[test]
    fn librdkafka_takes_what_is_set() {
        let cluster = Cluster { brokers: "kafka:9092", properties: &[].into() };
        properties(&cluster, &[]).create::<BaseProducer>().unwrap();
    }
}
