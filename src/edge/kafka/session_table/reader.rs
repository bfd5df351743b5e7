//! The reader: a thread that reads the table to the end that it has at the start, and follows it then.
//!
//! It waits for the runner where that is slower, so that what is read ahead is bounded. What always holds:
//! `Loaded` is told once, after all entries that were there at the start; or `Failed` is, and nothing after.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Message as _, Offset, TopicPartitionList,
    config::{FromClientConfigAndContext as _, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode as Error},
    message::BorrowedMessage,
};
use tokio::sync::mpsc::Sender;

use super::{making::Maker, reading::Reading};
use crate::{
    core::{
        code::Code,
        session_table::{Entry, TableEvent, config::TableConfig},
    },
    edge::kafka::{
        client::{Cluster, StartError},
        codes,
        config::SourceConfig,
        log, producer,
    },
};

/// How long the brokers may take to answer one question.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a poll waits for a record.
const IDLE: Duration = Duration::from_millis(100);
/// How often the first reading says how far it is.
const PROGRESS: Duration = Duration::from_secs(1);
/// How often to look for new partitions when all is well.
const CALM: Duration = Duration::from_secs(10);
/// How often to look when something is wrong or missing.
const WORRIED: Duration = Duration::from_secs(1);
/// Entries of a batch, and their bytes, roughly.
const BATCH: (usize, usize) = (1000, 256 * 1024);

/// The first reading was not over in time.
const TIMED_OUT: Code = Code("table_load_timeout");
/// The topic does not exist, and could not be made.
const MISSING: Code = Code("table_topic_missing");

/// Nobody listens any more, or it has failed.
struct Over;

/// Reads the table.
pub(super) struct Reader {
    consumer: BaseConsumer<Context>,
    topic: String,
    events: Sender<TableEvent>,
    maker: Maker,
    /// When the first reading must be over.
    deadline: Instant,
    reading: Reading,
    connection: Connection,
    /// When to look at the topic again.
    look: Instant,
}

/// What is wrong between this consumer and the brokers.
#[derive(Default)]
struct Connection {
    /// Why a broker could not be reached last: a better word than that none can be.
    cause: Option<Code>,
    /// Why a broker let nothing be read last, which it says once: that it answers other questions does not
    /// show that this is over, only what is read does.
    unread: Option<Code>,
    told: Option<Code>,
}

impl Reader {
    /// Starts the thread; it ends when nobody listens to `events` any more.
    pub(super) fn start(
        config: &TableConfig,
        source: &SourceConfig,
        max_age: Duration,
        events: Sender<TableEvent>,
    ) -> Result<(), StartError> {
        let client = properties(source);
        let now = now();
        let reader = Self {
            consumer: BaseConsumer::from_config_and_context(&client, Context)?,
            topic: config.topic.to_string(),
            events,
            maker: Maker::new(config, source, max_age),
            deadline: now + config.load_timeout.0,
            reading: Reading::default(),
            connection: Connection::default(),
            look: now,
        };
        let thread = thread::Builder::new().name("sessions-table-reader".into());
        thread.spawn(move || reader.run()).map(drop).map_err(StartError::Thread)
    }

    fn run(mut self) {
        // However it ends: there is nobody to tell, or all was told.
        let _over = self.load().and_then(|()| self.follow());
    }

    /// Reads what there is at the start.
    fn load(&mut self) -> Result<(), Over> {
        while !self.begin()? {
            self.pause(WORRIED)?;
        }
        let mut told = now();
        self.tell_progress()?;
        while !self.reading.is_over() {
            self.read(IDLE)?;
            self.keep_time()?;
            if told.elapsed() >= PROGRESS {
                told = now();
                self.tell_progress()?;
            }
        }
        self.tell_progress()?;
        self.tell(TableEvent::Loaded)
    }

    /// Reads what is written from then on.
    fn follow(&mut self) -> Result<(), Over> {
        loop {
            self.read(IDLE)?;
            let now = now();
            if now >= self.look {
                self.grow(now)?;
            }
        }
    }

    /// Looks where the logs end and begins to read them; says whether it has.
    fn begin(&mut self) -> Result<bool, Over> {
        let begun = self.partitions().and_then(|partitions| {
            let bounds = partitions.iter().map(|id| self.bounds(*id)).collect::<KafkaResult<Vec<_>>>()?;
            if !bounds.is_empty() {
                let starts = bounds.iter().map(|(id, start, _)| (*id, Offset::Offset(*start)));
                self.consumer.assign(&self.list(starts)?)?;
            }
            Ok(bounds)
        });
        match begun {
            Ok(bounds) if bounds.is_empty() => self.make().map(|()| false),
            Ok(bounds) => {
                self.reading = Reading::begin(&bounds);
                self.well().map(|()| true)
            }
            Err(error) => self.trouble(codes::code(&error)).map(|()| false),
        }
    }

    /// Looks for partitions that are new, and reads them too.
    fn grow(&mut self, now: Instant) -> Result<(), Over> {
        let grown = self.partitions().and_then(|partitions| {
            let new = self.reading.grow(&partitions);
            if !new.is_empty() {
                let starts = new.into_iter().map(|id| (id, Offset::Beginning));
                self.consumer.incremental_assign(&self.list(starts)?)?;
            }
            if self.connection.unread.is_some() && !partitions.is_empty() {
                // Begun again it says where it ends, or again why it cannot be read.
                let positions = self.reading.positions().map(|(id, next)| (id, Offset::Offset(next)));
                self.consumer.assign(&self.list(positions)?)?;
            }
            Ok(partitions.is_empty())
        });
        let is_missing = matches!(grown, Ok(true));
        self.look = now + if matches!(grown, Ok(false)) { CALM } else { WORRIED };
        match grown {
            Err(error) => self.trouble(codes::code(&error)),
            Ok(_) if is_missing => {
                if self.reading.positions().any(|(_, next)| next > 0) {
                    self.reading.begin_anew();
                    self.tell(TableEvent::Emptied)?;
                }
                self.make()
            }
            Ok(_) => self.well(),
        }
    }

    fn make(&mut self) -> Result<(), Over> {
        if self.maker.make(now()) { Ok(()) } else { self.trouble(MISSING) }
    }

    /// The numbers of the topic's partitions; none where it does not exist.
    fn partitions(&self) -> KafkaResult<Vec<i32>> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), TIMEOUT)?;
        let Some(topic) = metadata.topics().first() else { return Ok(Vec::new()) };
        let faulty = topic.partitions().iter().find_map(rdkafka::metadata::MetadataPartition::error);
        match topic.error().or(faulty).map(Error::from) {
            None => Ok(topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect()),
            Some(Error::UnknownTopicOrPartition | Error::UnknownTopic) => Ok(Vec::new()),
            Some(error) => Err(KafkaError::MetadataFetch(error)),
        }
    }

    fn bounds(&self, partition: i32) -> KafkaResult<(i32, i64, i64)> {
        let (start, end) = self.consumer.fetch_watermarks(&self.topic, partition, TIMEOUT)?;
        Ok((partition, start, end))
    }

    fn list(&self, starts: impl IntoIterator<Item = (i32, Offset)>) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in starts {
            list.add_partition_offset(&self.topic, partition, offset)?;
        }
        Ok(list)
    }

    /// Reads what there is, up to a batch; waits for the first record.
    fn read(&mut self, mut wait: Duration) -> Result<(), Over> {
        let (mut entries, mut bytes, mut ignored) = (Vec::new(), 0, 0);
        let (mut fault, mut anew, mut reads) = (None, false, false);
        while entries.len() < BATCH.0 && bytes < BATCH.1 && fault.is_none() {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    anew |= self.reading.read(message.partition(), message.offset());
                    reads = true;
                    match entry(&message) {
                        Some(entry) => {
                            bytes += entry.weight();
                            entries.push(entry);
                        }
                        None => ignored += 1,
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.reading.exhaust(partition);
                    reads = true;
                }
                Some(Err(error)) => fault = Some(error),
                None => break,
            }
            wait = Duration::ZERO;
        }
        if reads && self.connection.unread.take().is_some() {
            self.well()?;
        }
        if anew {
            self.tell(TableEvent::Emptied)?;
        }
        if ignored > 0 {
            self.tell(TableEvent::Ignored(ignored))?;
        }
        if !entries.is_empty() {
            self.tell(TableEvent::Entries(entries))?;
        }
        fault.map_or(Ok(()), |error| self.judge(&error))
    }

    /// Acts on an error of librdkafka's: what it retries is shown, what it gives up is the end.
    fn judge(&mut self, error: &KafkaError) -> Result<(), Over> {
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return self.fail(codes::named(*code));
        }
        let code = codes::code(error);
        match error.rdkafka_error_code() {
            Some(
                Error::BrokerTransportFailure
                | Error::Resolve
                | Error::SSL
                | Error::Authentication
                | Error::SaslAuthenticationFailed
                | Error::UnsupportedSASLMechanism,
            ) => self.connection.cause = Some(code),
            Some(Error::AllBrokersDown) => self.trouble(self.connection.cause.unwrap_or(code))?,
            // Codes above 0 are a broker's own, about what was to be fetched.
            Some(error) if error as i32 > 0 => {
                self.connection.unread = Some(code);
                self.trouble(code)?;
            }
            _ => tracing::debug!(%code, "an error while reading the sessions' table"),
        }
        // A look says whether it is well again.
        self.look = self.look.min(now() + WORRIED);
        Ok(())
    }

    /// Waits, and takes in what librdkafka has to say meanwhile.
    fn pause(&mut self, pause: Duration) -> Result<(), Over> {
        let until = now() + pause;
        while now() < until {
            self.keep_time()?;
            self.read(IDLE)?;
        }
        Ok(())
    }

    /// The first reading is bounded in time; and nothing is read for nobody.
    fn keep_time(&mut self) -> Result<(), Over> {
        if self.events.is_closed() {
            return Err(Over);
        }
        if now() < self.deadline {
            return Ok(());
        }
        self.tell_progress()?;
        self.fail(TIMED_OUT)
    }

    fn fail(&mut self, code: Code) -> Result<(), Over> {
        self.tell(TableEvent::Failed(code))?;
        Err(Over)
    }

    fn trouble(&mut self, code: Code) -> Result<(), Over> {
        self.connect(Some(code))
    }

    fn well(&mut self) -> Result<(), Over> {
        self.connection.cause = None;
        self.connect(self.connection.unread)
    }

    fn connect(&mut self, trouble: Option<Code>) -> Result<(), Over> {
        if self.connection.told == trouble {
            return if self.events.is_closed() { Err(Over) } else { Ok(()) };
        }
        self.connection.told = trouble;
        self.tell(TableEvent::Connection(trouble))
    }

    fn tell_progress(&mut self) -> Result<(), Over> {
        let (read, of) = self.reading.progress();
        self.tell(TableEvent::Loading { read, of })
    }

    /// Tells the runner, and waits where it is slower.
    fn tell(&mut self, event: TableEvent) -> Result<(), Over> {
        self.events.blocking_send(event).map_err(|_| Over)
    }
}

fn entry(message: &BorrowedMessage<'_>) -> Option<Entry> {
    let text = |bytes: Option<&[u8]>| Some(Box::from(std::str::from_utf8(bytes?).ok()?));
    Some(Entry { key: text(message.key())?, value: text(message.payload())? })
}

/// The properties of the consumer. librdkafka wants a group's name of one that assigns to itself; it joins
/// nothing, and the source's is the one that the rights are for.
fn properties(source: &SourceConfig) -> rdkafka::ClientConfig {
    let owned = [
        ("group.id", source.group.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "earliest"),
        ("enable.partition.eof", "true"),
        // The leader alone knows where the log ends.
        ("client.rack", ""),
        ("isolation.level", "read_uncommitted"),
        ("allow.auto.create.topics", "false"),
        ("topic.metadata.refresh.interval.ms", "10000"),
        // What is read ahead: a few MiB, however large the table is.
        ("queued.max.messages.kbytes", "2048"),
        ("fetch.max.bytes", "1048576"),
        ("fetch.message.max.bytes", "1048576"),
        ("message.max.bytes", "65536"),
        ("fetch.queue.backoff.ms", "20"),
    ];
    Cluster::from(source).client(&[], producer::reaches, &owned)
}

/// What matters of what librdkafka says comes back from `poll`.
struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log::line(level, facility, text);
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Context {}

#[expect(clippy::disallowed_methods, reason = "this is an edge: the reader has deadlines of its own")]
fn now() -> Instant {
    Instant::now()
}
