//! Reads a dead-letter topic, as often as asked, from its start or a time on to the end that it had when the
//! reader was opened. Joins no group and commits nothing.
//!
//! Offsets have gaps where records were compacted away, and transactions leave markers that are never
//! delivered. So a partition is read when a record at or past its end comes, or when the broker says that
//! nothing follows.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, KafkaResult},
};
use thiserror::Error;

use crate::{
    core::{
        code::Code,
        record::{Ownership, Record, TopicPartition},
        time::Timestamp,
    },
    edge::kafka::{
        cluster::{Cluster, StartError, Take},
        codes,
        log::Silent,
        lookups::{Lookups, TopicState},
        partition_list::starting_at,
        record::record,
    },
};

/// How long the brokers may take to answer one question.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long nothing may come before the brokers count as unreachable.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Error)]
pub enum ReadError {
    #[error("the topic {topic} does not exist")]
    Missing { topic: Arc<str> },
    #[error("the topic {topic} cannot be read: {code}")]
    Unreadable { topic: Arc<str>, code: Code },
    #[error(transparent)]
    Start(#[from] StartError),
}

/// The result of a read.
pub enum Next {
    Record(Record),
    /// Nothing has come yet.
    Nothing,
    /// Everything is read.
    End,
}

pub struct LetterReader {
    config: ClientConfig,
    consumer: BaseConsumer<Silent>,
    topic: Arc<str>,
    logs: BTreeMap<i32, Log>,
    /// When something came last.
    heard: Instant,
    /// Why nothing may come.
    trouble: Option<Code>,
}

/// What is read of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Log {
    start: i64,
    end: i64,
    /// The offset to read next.
    next: i64,
}

impl LetterReader {
    /// Opens `topic`, as it is now. If a time is given, only records from it on are read.
    ///
    /// # Errors
    /// If the topic does not exist, or the brokers do not answer.
    pub fn open(
        cluster: &Cluster,
        group: &str,
        topic: &str,
        since: Option<Timestamp>,
    ) -> Result<Self, ReadError> {
        let owned = [
            // No group is joined, but librdkafka assigns nothing without one.
            ("group.id", group),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("allow.auto.create.topics", "false"),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "earliest"),
            ("queued.max.messages.kbytes", "16384"),
            ("fetch.max.bytes", "16777216"),
        ];
        let proposed = [("receive.message.max.bytes", "100000000".to_owned())];
        let config = cluster.client(&proposed, Take::All, &owned);
        let consumer = create(&config)?;
        let topic = Arc::from(topic);
        let logs = logs(&consumer, &topic, since)?;
        Ok(Self { config, consumer, topic, logs, heard: now(), trouble: None })
    }

    /// Begins again, with a new consumer: librdkafka aborts the process when a partition is removed, assigned and
    /// removed again before its first stop is served (confluentinc/librdkafka#5573), as by a signal at this time.
    ///
    /// # Errors
    /// If librdkafka refuses the assignment.
    pub fn rewind(&mut self) -> Result<(), ReadError> {
        self.logs.values_mut().for_each(|log| log.next = log.start);
        let open = self.logs.iter().filter(|(_, log)| log.is_open());
        let starts: Vec<_> = open.map(|(id, log)| (self.numbered(*id), log.start)).collect();
        let list = starting_at(starts.iter().map(|(partition, start)| (partition, Some(*start))));
        self.consumer = create(&self.config)?;
        list.and_then(|list| self.consumer.assign(&list)).map_err(|error| self.unreadable(&error))?;
        (self.heard, self.trouble) = (now(), None);
        Ok(())
    }

    /// Reads the next record, and waits for it for `wait`.
    ///
    /// # Errors
    /// If the brokers cannot be reached for a while, or do not send the records.
    pub fn next(&mut self, wait: Duration) -> Result<Next, ReadError> {
        if !self.logs.values().any(Log::is_open) {
            return Ok(Next::End);
        }
        let polled = match self.consumer.poll(wait) {
            Some(Ok(message)) => Ok(Some(record(&message, Ownership(0), Arc::clone(&self.topic)))),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.read_to(partition, i64::MAX)?;
                Ok(None)
            }
            Some(Err(error)) => Err(error),
            None => return self.be_patient(),
        };
        match polled {
            Ok(Some(record)) => self.take(record),
            Ok(None) => Ok(Next::Nothing),
            Err(error) if is_passing(&error) => {
                self.trouble = Some(codes::code(&error));
                self.be_patient()
            }
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// How many offsets are read, and how many there are.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let length = |from: i64, to: i64| u64::try_from(to - from).unwrap_or(0);
        self.logs.values().fold((0, 0), |(read, of), log| {
            (read + length(log.start, log.next.min(log.end)), of + length(log.start, log.end))
        })
    }

    /// The number of partitions of a topic on this cluster.
    ///
    /// # Errors
    /// If the topic does not exist, or the brokers do not answer.
    pub fn partitions(&self, topic: &Arc<str>) -> Result<usize, ReadError> {
        numbers(&self.consumer, topic).map(|numbers| numbers.len())
    }

    fn take(&mut self, record: Record) -> Result<Next, ReadError> {
        let (partition, offset) = (record.partition, record.offset);
        let is_wanted = self.logs.get(&partition).is_some_and(|log| log.is_open() && offset < log.end);
        self.read_to(partition, offset.saturating_add(1))?;
        Ok(if is_wanted { Next::Record(record) } else { Next::Nothing })
    }

    /// Notes that a partition is read to an offset. If that is its end, nothing more is fetched from it.
    fn read_to(&mut self, partition: i32, next: i64) -> Result<(), ReadError> {
        (self.heard, self.trouble) = (now(), None);
        let Some(log) = self.logs.get_mut(&partition) else { return Ok(()) };
        let was_open = log.is_open();
        log.next = log.next.max(next.min(log.end));
        if was_open && !log.is_open() {
            let list = starting_at([(&self.numbered(partition), None)]);
            let removed = list.and_then(|list| self.consumer.incremental_unassign(&list));
            removed.map_err(|error| self.unreadable(&error))?;
        }
        Ok(())
    }

    fn be_patient(&self) -> Result<Next, ReadError> {
        if self.heard.elapsed() < PATIENCE {
            return Ok(Next::Nothing);
        }
        let code = self.trouble.unwrap_or(Code("operation_timed_out"));
        Err(ReadError::Unreadable { topic: Arc::clone(&self.topic), code })
    }

    fn numbered(&self, partition: i32) -> TopicPartition {
        TopicPartition { topic: Arc::clone(&self.topic), partition }
    }

    fn unreadable(&self, error: &KafkaError) -> ReadError {
        unreadable(&self.topic, error)
    }
}

impl Log {
    fn is_open(&self) -> bool {
        self.next < self.end
    }
}

fn create(config: &ClientConfig) -> Result<BaseConsumer<Silent>, ReadError> {
    Ok(config.create_with_context(Silent).map_err(StartError::from)?)
}

fn logs(
    consumer: &BaseConsumer<Silent>,
    topic: &Arc<str>,
    since: Option<Timestamp>,
) -> Result<BTreeMap<i32, Log>, ReadError> {
    let partitions: Vec<_> = numbers(consumer, topic)?
        .into_iter()
        .map(|partition| TopicPartition { topic: Arc::clone(topic), partition })
        .collect();
    let lookups = Lookups::new(consumer, TIMEOUT);
    let found = || -> KafkaResult<_> {
        let ranges = lookups.ranges(&partitions)?;
        let starts = since.map(|since| lookups.offsets_at(&partitions, Offset::Offset(since.0)));
        Ok((ranges, starts.transpose()?))
    };
    let (ranges, starts) = found().map_err(|error| unreadable(topic, &error))?;
    let log = |(partition, range): (TopicPartition, std::ops::Range<i64>)| {
        let start = match &starts {
            None => range.start,
            // Without a record at or after the time there is nothing to read.
            Some(starts) => starts.get(&partition).copied().unwrap_or(range.end).max(range.start),
        };
        let end = range.end.max(start);
        (partition.partition, Log { start, end, next: start })
    };
    Ok(ranges.into_iter().map(log).collect())
}

fn numbers(consumer: &BaseConsumer<Silent>, topic: &Arc<str>) -> Result<Vec<i32>, ReadError> {
    let missing = || ReadError::Missing { topic: Arc::clone(topic) };
    match Lookups::new(consumer, TIMEOUT).topic(topic).map_err(|error| unreadable(topic, &error))? {
        TopicState::Exists { partitions, .. } if !partitions.is_empty() => Ok(partitions),
        TopicState::Exists { .. } | TopicState::Missing => Err(missing()),
        TopicState::Unknown(error) => {
            Err(ReadError::Unreadable { topic: Arc::clone(topic), code: codes::named(error) })
        }
    }
}

/// Whether librdkafka goes on by itself: a broker cannot be reached, or a partition has no leader.
fn is_passing(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Error;
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(
            Error::AllBrokersDown
                | Error::LeaderNotAvailable
                | Error::NotLeaderForPartition
                | Error::OperationTimedOut
                | Error::RequestTimedOut
        )
    ) || code.is_some_and(|it| codes::explains_unreachable(it).is_some() && !codes::is_refused_login(it))
}

fn unreadable(topic: &Arc<str>, error: &KafkaError) -> ReadError {
    ReadError::Unreadable { topic: Arc::clone(topic), code: codes::code(error) }
}

#[expect(clippy::disallowed_methods, reason = "this is an edge: the reader has a deadline of its own")]
fn now() -> Instant {
    Instant::now()
}
