//! The reader: a thread that reads the table to the end that it has at the start, and then follows it.
//!
//! It waits for the runner if the runner is slower, so that little is read ahead. It reports `Loaded` once,
//! after every entry that was there at the start; or it reports `Failed`, and nothing after that.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    config::FromClientConfigAndContext as _,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, KafkaResult},
};
use tokio::sync::mpsc::Sender;

use super::{batch::Batch, progress::LoadProgress};
use crate::{
    core::{
        code::Code,
        record::TopicPartition,
        session_table::{TableEvent, config::TableConfig},
    },
    edge::kafka::{
        cluster::StartError,
        codes,
        connection::{Affected, Connection},
        log::Logged,
        lookups::{Lookups, TopicState},
        partition_list::starting_at,
        topic_creation::TopicCreation,
    },
};

/// How long the brokers may take to answer one question.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a poll waits for a record.
const IDLE: Duration = Duration::from_millis(100);
/// How often the progress of the first reading is reported.
const PROGRESS: Duration = Duration::from_secs(1);
/// How often to look for new partitions when all is well.
const CALM: Duration = Duration::from_secs(10);
/// How often to look for new partitions when something is wrong or missing.
const WORRIED: Duration = Duration::from_secs(1);
/// The first reading took too long.
const TIMED_OUT: Code = Code("table_load_timeout");
/// The topic does not exist and could not be created.
const MISSING: Code = Code("table_topic_missing");

/// The receiver is gone, or the reading has failed.
struct Over;

pub(super) struct Reader {
    consumer: BaseConsumer<Logged>,
    topic: Arc<str>,
    events: Sender<TableEvent>,
    creation: TopicCreation,
    /// When the first reading must be over.
    deadline: Instant,
    progress: LoadProgress,
    connection: Connection,
    /// When to look at the topic again.
    look_at: Instant,
}

impl Reader {
    /// Starts the thread. It ends when the receiver of `events` is gone.
    pub(super) fn start(
        config: &TableConfig,
        client: &ClientConfig,
        creation: TopicCreation,
        events: Sender<TableEvent>,
    ) -> Result<(), StartError> {
        let now = now();
        let reader = Self {
            consumer: BaseConsumer::from_config_and_context(client, Logged)?,
            topic: config.topic.as_str().into(),
            events,
            creation,
            deadline: now + config.load_timeout.0,
            progress: LoadProgress::default(),
            connection: Connection::default(),
            look_at: now,
        };
        let thread = thread::Builder::new().name("sessions-table-reader".into());
        thread.spawn(move || reader.run()).map(drop).map_err(StartError::Thread)
    }

    fn run(mut self) {
        // Whatever the reason, the receiver is gone or has received the final event.
        let _over = self.load().and_then(|()| self.follow());
    }

    /// Reads the records that are there at the start.
    fn load(&mut self) -> Result<(), Over> {
        while !self.begin()? {
            self.pause(WORRIED)?;
        }
        let mut reported = now();
        self.report_progress()?;
        while !self.progress.is_loaded() {
            self.read(IDLE)?;
            self.keep_deadline()?;
            if reported.elapsed() >= PROGRESS {
                reported = now();
                self.report_progress()?;
            }
        }
        self.report_progress()?;
        self.report(TableEvent::Loaded)
    }

    /// Reads the records that are written after that.
    fn follow(&mut self) -> Result<(), Over> {
        loop {
            self.read(IDLE)?;
            let now = now();
            if now >= self.look_at {
                self.look(now)?;
            }
        }
    }

    /// Finds the ends of the logs, and begins to read them. Returns whether that was possible.
    fn begin(&mut self) -> Result<bool, Over> {
        let begun = self.partitions().and_then(|partitions| {
            let logs = self.logs(&partitions)?;
            if !logs.is_empty() {
                self.consumer.assign(&starting_at(logs.iter().map(|(id, log)| (id, Some(log.start))))?)?;
            }
            Ok(logs)
        });
        let is_begun = begun.as_ref().is_ok_and(|logs| !logs.is_empty());
        match begun {
            Ok(logs) if is_begun => {
                self.progress = LoadProgress::begin(logs.into_iter().map(|(id, log)| (id.partition, log)));
                self.connection.well(Affected::Brokers);
                self.connection.well(Affected::Topics);
            }
            Ok(_) => self.create_topic(),
            Err(error) => self.connection.trouble(Affected::Brokers, codes::code(&error)),
        }
        self.report_connection()?;
        Ok(is_begun)
    }

    /// Looks for new partitions and reads them too.
    fn look(&mut self, now: Instant) -> Result<(), Over> {
        let found = self.partitions().and_then(|partitions| {
            let new = self.progress.add(&partitions);
            let new = self.numbered(new);
            if !new.is_empty() {
                self.consumer.incremental_assign(&starting_at(new.iter().map(|id| (id, None)))?)?;
            }
            if self.connection.affects(Affected::Fetches) && !partitions.is_empty() {
                // After a restart, a partition reports its end, or again why it cannot be read.
                let (ids, positions): (Vec<_>, Vec<_>) = self.progress.positions().unzip();
                let positions = positions.into_iter().map(Some);
                self.consumer.assign(&starting_at(self.numbered(ids).iter().zip(positions))?)?;
            }
            Ok(!partitions.is_empty())
        });
        let is_well = matches!(found, Ok(true));
        self.look_at = now + if is_well { CALM } else { WORRIED };
        match found {
            Ok(true) => {
                self.connection.well(Affected::Brokers);
                self.connection.well(Affected::Topics);
            }
            Ok(false) => {
                if self.progress.positions().any(|(_, next)| next > 0) {
                    self.progress.begin_anew();
                    self.report(TableEvent::Emptied)?;
                }
                self.create_topic();
            }
            Err(error) => self.connection.trouble(Affected::Brokers, codes::code(&error)),
        }
        self.report_connection()
    }

    fn create_topic(&mut self) {
        self.connection.well(Affected::Brokers);
        if !self.creation.attempt(now()) {
            self.connection.trouble(Affected::Topics, MISSING);
        }
    }

    /// The numbers of the topic's partitions; empty if the topic does not exist.
    fn partitions(&self) -> KafkaResult<Vec<i32>> {
        match Lookups::new(&self.consumer, TIMEOUT).topic(&self.topic)? {
            TopicState::Exists { partitions, error: None } => Ok(partitions),
            TopicState::Missing => Ok(Vec::new()),
            TopicState::Exists { error: Some(error), .. } | TopicState::Unknown(error) => {
                Err(KafkaError::MetadataFetch(error))
            }
        }
    }

    fn logs(&self, partitions: &[i32]) -> KafkaResult<BTreeMap<TopicPartition, Range<i64>>> {
        Lookups::new(&self.consumer, TIMEOUT).ranges(&self.numbered(partitions.iter().copied()))
    }

    fn numbered(&self, partitions: impl IntoIterator<Item = i32>) -> Vec<TopicPartition> {
        let numbered = |partition| TopicPartition { topic: Arc::clone(&self.topic), partition };
        partitions.into_iter().map(numbered).collect()
    }

    /// Reads a batch and reports it; waits for the first record.
    fn read(&mut self, wait: Duration) -> Result<(), Over> {
        let batch = Batch::read(&self.consumer, &mut self.progress, wait);
        if batch.has_read {
            self.connection.well(Affected::Fetches);
            self.report_connection()?;
        }
        if batch.is_anew {
            self.report(TableEvent::Emptied)?;
        }
        if batch.ignored > 0 {
            self.report(TableEvent::Ignored(batch.ignored))?;
        }
        if !batch.entries.is_empty() {
            self.report(TableEvent::Entries(batch.entries))?;
        }
        batch.error.map_or(Ok(()), |error| self.judge(&error))
    }

    /// Handles an error of librdkafka: reports an error that librdkafka retries, and fails if it gives up.
    fn judge(&mut self, error: &KafkaError) -> Result<(), Over> {
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return self.fail(codes::named(*code));
        }
        let code = codes::code(error);
        match error.rdkafka_error_code() {
            // Codes above 0 are a broker's own, about the records that were requested.
            Some(error) if error as i32 > 0 => self.connection.trouble(Affected::Fetches, code),
            Some(error) if self.connection.note(error) => {}
            _ => tracing::debug!(%code, "an error while reading the session table"),
        }
        // The next look at the topic shows whether all is well again.
        self.look_at = self.look_at.min(now() + WORRIED);
        self.report_connection()
    }

    /// Waits, and meanwhile takes in what librdkafka reports.
    fn pause(&mut self, pause: Duration) -> Result<(), Over> {
        let until = now() + pause;
        while now() < until {
            self.keep_deadline()?;
            self.read(IDLE)?;
        }
        Ok(())
    }

    /// Ends the first reading if it takes too long, or if the receiver is gone.
    fn keep_deadline(&mut self) -> Result<(), Over> {
        if self.events.is_closed() {
            return Err(Over);
        }
        if now() < self.deadline {
            return Ok(());
        }
        self.report_progress()?;
        self.fail(TIMED_OUT)
    }

    fn fail(&mut self, code: Code) -> Result<(), Over> {
        self.report(TableEvent::Failed(code))?;
        Err(Over)
    }

    fn report_connection(&mut self) -> Result<(), Over> {
        match self.connection.change() {
            Some(connection) => self.report(TableEvent::Connection(connection.err())),
            None if self.events.is_closed() => Err(Over),
            None => Ok(()),
        }
    }

    fn report_progress(&mut self) -> Result<(), Over> {
        let (read, of) = self.progress.counts();
        self.report(TableEvent::Loading { read, of })
    }

    /// Reports an event. Waits if the runner is slower.
    fn report(&mut self, event: TableEvent) -> Result<(), Over> {
        self.events.blocking_send(event).map_err(|_| Over)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is an edge: the reader has deadlines of its own")]
fn now() -> Instant {
    Instant::now()
}
