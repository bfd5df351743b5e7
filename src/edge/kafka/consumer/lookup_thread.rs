//! A thread that queries the brokers, so that the poll loop never waits for a round trip or a time-out.
//!
//! At most one question of each kind is in progress. The answers come back to the poll loop as reports.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use rdkafka::{Offset, error::KafkaResult};

use super::{
    config::{SourceConfig, Start},
    group::{Group, GroupConsumer},
    landmarks::Landmark,
    report::{LogRange, Logs, PartitionStart, Refresh, Report, Starts},
};
use crate::{
    core::{
        code::Code,
        record::{Ownership, TopicPartition},
        time::Timestamp,
    },
    edge::kafka::{
        cluster::Cluster,
        codes,
        lookups::{self, Lookups},
        reader::{reader, record_from},
    },
};

/// How long the brokers may take to answer one question.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) enum Question {
    /// Where to begin reading these partitions.
    Starts(Vec<TopicPartition>),
    /// What the logs of the owned partitions hold.
    Logs(LogsQuestion),
    /// The subscribed topics, and the logs of the owned partitions, each with its position.
    Refresh(Vec<(Ownership, TopicPartition, Option<i64>)>),
}

/// A log that seems to have lost its end.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) partition: TopicPartition,
    /// The newest record that was read. If the log holds it, it has lost nothing that was read.
    pub(super) newest: Option<Landmark>,
    /// By what to recognise the log as the one that was read.
    pub(super) evidence: Option<Evidence>,
}

/// By what a log can be recognised as the one that was read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Evidence {
    /// It holds this record.
    Holds(Landmark),
    /// Its first record is not younger than this.
    BeginsBy(Timestamp),
}

#[derive(Debug, Default)]
pub(super) struct LogsQuestion {
    /// The partitions whose ranges of offsets are wanted, each with its current position.
    pub(super) positions: Vec<(TopicPartition, Option<i64>)>,
    pub(super) suspects: Vec<Suspect>,
    /// The partitions whose commits are wanted.
    pub(super) committed: Vec<TopicPartition>,
}

/// The poll loop's handle to the thread.
#[derive(Debug)]
pub(super) struct LookupThread(SyncSender<Question>);

impl LookupThread {
    /// Starts the thread. It ends when this is dropped and the last question is answered.
    pub(super) fn start(asker: Asker) -> io::Result<Self> {
        // The poll loop has at most one question of each of the three kinds in progress.
        let (sender, questions) = sync_channel(3);
        thread::Builder::new().name("kafka-lookups".into()).spawn(move || asker.answer_each(&questions))?;
        Ok(Self(sender))
    }

    /// Asks a question. Returns whether it was sent.
    pub(super) fn ask(&self, question: Question) -> bool {
        self.0.try_send(question).is_ok()
    }
}

/// Answers questions about the topics that a consumer is subscribed to.
pub(super) struct Asker {
    consumer: Arc<GroupConsumer>,
    cluster: Cluster,
    group: String,
    topics: Vec<Arc<str>>,
    start: Start,
    reports: SyncSender<Report>,
}

impl Asker {
    pub(super) fn new(
        config: &SourceConfig,
        consumer: &Arc<GroupConsumer>,
        reports: SyncSender<Report>,
    ) -> Self {
        let topics = config.topics.iter().map(|topic| Arc::from(topic.as_str())).collect();
        let (cluster, group) = (config.cluster(), config.group.clone());
        Self { consumer: Arc::clone(consumer), cluster, group, topics, start: config.start, reports }
    }

    fn answer_each(&self, questions: &Receiver<Question>) {
        for question in questions {
            let report = match question {
                Question::Starts(partitions) => Report::Starts(coded(self.starts(partitions))),
                Question::Logs(question) => Report::Logs(coded(self.logs(question))),
                Question::Refresh(owned) => Report::Refreshed(coded(self.refresh(owned))),
            };
            if self.reports.send(report).is_err() {
                return;
            }
        }
    }

    fn lookups(&self) -> Lookups<'_, Group> {
        Lookups::new(&self.consumer, TIMEOUT)
    }

    /// The committed position of each partition. If there is none, the configured start is resolved to an
    /// offset: a partition that starts at its end must not start at a later end after a restart.
    fn starts(&self, partitions: Vec<TopicPartition>) -> KafkaResult<Starts> {
        let list = self.lookups().committed_list(&partitions)?;
        let mut committed = lookups::positions(&list)?;
        let new: Vec<_> =
            partitions.iter().filter(|partition| !committed.contains_key(partition)).cloned().collect();
        let configured = self.configured_starts(&new)?;
        let start = |partition: TopicPartition| {
            let uncommitted = || PartitionStart::Uncommitted(configured.get(&partition).copied());
            let start = committed.remove(&partition).map_or_else(uncommitted, PartitionStart::Committed);
            (partition, start)
        };
        let partitions = partitions.into_iter().map(start).collect();
        Ok(Starts { partitions, committed: list, cluster: self.lookups().cluster_id() })
    }

    fn configured_starts(&self, new: &[TopicPartition]) -> KafkaResult<BTreeMap<TopicPartition, i64>> {
        let lookups = self.lookups();
        match self.start {
            Start::Earliest => Ok(BTreeMap::new()),
            Start::Latest => lookups.offsets_at(new, Offset::End),
            Start::At(time) => {
                let mut found = lookups.offsets_at(new, Offset::Offset(time.0))?;
                let without_record_so_late: Vec<_> =
                    new.iter().filter(|partition| !found.contains_key(partition)).cloned().collect();
                found.append(&mut lookups.offsets_at(&without_record_so_late, Offset::End)?);
                Ok(found)
            }
        }
    }

    fn logs(&self, question: LogsQuestion) -> KafkaResult<Logs> {
        let LogsQuestion { positions, suspects, committed } = question;
        let mut logs = Logs {
            ranges: self.ranges(positions)?,
            committed: self.lookups().committed_list(&committed)?,
            ..Logs::default()
        };
        if !suspects.is_empty() {
            self.recognise(suspects, &mut logs)?;
        }
        Ok(logs)
    }

    /// Finds out which logs are intact, and which are at least the ones that were read.
    fn recognise(&self, suspects: Vec<Suspect>, logs: &mut Logs) -> KafkaResult<()> {
        let reader = reader(&self.cluster, &self.group)?;
        for Suspect { partition, newest, evidence } in suspects {
            let Some(range) = logs.ranges.iter().find(|range| range.partition == partition) else { continue };
            let from = |offset| record_from(&reader, &partition, offset, TIMEOUT);
            if let Some(newest) = newest
                && newest.offset < range.end
                && from(newest.offset)?.is_some_and(|record| newest.is(&record))
            {
                logs.intact.push(partition);
                continue;
            }
            let is_recognised = match evidence {
                Some(Evidence::Holds(landmark)) => {
                    from(landmark.offset)?.is_some_and(|record| landmark.is(&record))
                }
                Some(Evidence::BeginsBy(time)) => {
                    let first = from(range.start)?.and_then(|record| record.timestamp);
                    first.is_some_and(|first| first <= time)
                }
                None => false,
            };
            if is_recognised {
                logs.recognised.push(partition);
            }
        }
        Ok(())
    }

    fn ranges(&self, positions: Vec<(TopicPartition, Option<i64>)>) -> KafkaResult<Vec<LogRange>> {
        let partitions: Vec<_> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        // A partition without a leader has no answer, which must not prevent the answers of the others.
        let ranges = self.lookups().known_ranges(&partitions)?;
        let range = |(partition, next): (TopicPartition, Option<i64>)| {
            let range = ranges.get(&partition)?;
            Some(LogRange { partition, next, start: range.start, end: range.end })
        };
        Ok(positions.into_iter().filter_map(range).collect())
    }

    fn refresh(&self, owned: Vec<(Ownership, TopicPartition, Option<i64>)>) -> KafkaResult<Refresh> {
        let mut refresh = Refresh::default();
        for topic in &self.topics {
            refresh.topics.push((Arc::clone(topic), self.lookups().topic(topic)?));
        }
        let ownerships: BTreeMap<_, _> =
            owned.iter().map(|(ownership, partition, _)| (partition.clone(), *ownership)).collect();
        let positions = owned.into_iter().map(|(_, partition, next)| (partition, next)).collect();
        // The topics matter most: logs whose brokers do not answer must not hide them.
        let ranges = self.ranges(positions).unwrap_or_default();
        let with_ownership = |range: LogRange| Some((*ownerships.get(&range.partition)?, range));
        refresh.ranges = ranges.into_iter().filter_map(with_ownership).collect();
        Ok(refresh)
    }
}

fn coded<T>(answer: KafkaResult<T>) -> Result<T, Code> {
    answer.map_err(|error| codes::code(&error))
}
