//! The reports of the commit thread and the lookup thread to the poll loop.

use std::sync::Arc;

use rdkafka::{TopicPartitionList, error::KafkaResult};

use crate::{
    core::{
        code::Code,
        record::{CommittedPosition, Ownership, TopicPartition},
        source::Commit,
    },
    edge::kafka::lookups::TopicState,
};

pub(super) enum Report {
    Committed(Committed),
    Starts(Result<Starts, Code>),
    Logs(Result<Logs, Code>),
    Refreshed(Result<Refresh, Code>),
}

/// The result of a commit.
pub(super) struct Committed {
    pub(super) commits: Vec<Commit>,
    pub(super) result: KafkaResult<()>,
    /// Whether the brokers refused metadata as too large; `commits` then have none any more.
    pub(super) metadata_dropped: bool,
}

/// Where to begin reading.
#[derive(Default)]
pub(super) struct Starts {
    pub(super) partitions: Vec<(TopicPartition, PartitionStart)>,
    /// The committed positions, with the leader epochs that were committed with them.
    pub(super) committed: TopicPartitionList,
    pub(super) cluster: Option<Arc<str>>,
}

/// What was found in the logs.
#[derive(Default)]
pub(super) struct Logs {
    pub(super) ranges: Vec<LogRange>,
    /// The suspects that hold everything that was read.
    pub(super) intact: Vec<TopicPartition>,
    /// The suspects whose logs are the ones that were read.
    pub(super) recognised: Vec<TopicPartition>,
    /// The committed positions of the partitions that are read as far as they are committed, with their leader
    /// epochs.
    pub(super) committed: TopicPartitionList,
}

/// Where to begin reading a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PartitionStart {
    Committed(CommittedPosition),
    /// The group has committed nothing for it yet. `None` is the beginning of the log.
    Uncommitted(Option<i64>),
}

impl PartitionStart {
    pub(super) fn offset(&self) -> Option<i64> {
        match self {
            Self::Committed(committed) => Some(committed.position),
            Self::Uncommitted(offset) => *offset,
        }
    }
}

/// The offsets that the log of a partition holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogRange {
    pub(super) partition: TopicPartition,
    /// The position when the question was asked.
    pub(super) next: Option<i64>,
    /// The offset of the oldest record.
    pub(super) start: i64,
    /// The offset of the next record to be produced.
    pub(super) end: i64,
}

#[derive(Debug, Default)]
pub(super) struct Refresh {
    /// The subscribed topics, in the order of the subscription.
    pub(super) topics: Vec<(Arc<str>, TopicState)>,
    /// The logs whose brokers answered.
    pub(super) ranges: Vec<(Ownership, LogRange)>,
}
