//! Queries to the brokers, with answers for people.

use std::time::Duration;

use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, KafkaResult},
    types::RDKafkaErrorCode,
};

use super::trouble::{Trouble, trouble};
use crate::{
    core::record::TopicPartition,
    edge::kafka::{
        cluster::{Cluster, Take},
        codes,
        consumer::config::SourceConfig,
        log::Silent,
        lookups::{Lookups, TopicState},
    },
};

/// How long the brokers may take to answer one query.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Questions(BaseConsumer<Silent>);

impl Questions {
    pub(super) fn new(source: &SourceConfig) -> KafkaResult<Self> {
        Self::to(&source.cluster(), Take::All, &source.group)
    }

    /// Queries to another cluster than the source's.
    pub(super) fn elsewhere(cluster: &Cluster) -> KafkaResult<Self> {
        Self::to(cluster, Take::Connection, "pinpoint-sidecar")
    }

    fn to(cluster: &Cluster, take: Take, group: &str) -> KafkaResult<Self> {
        let owned =
            [("group.id", group), ("enable.auto.commit", "false"), ("allow.auto.create.topics", "false")];
        cluster.client(&[], take, &owned).create_with_context(Silent).map(Self)
    }

    pub(super) fn brokers(&self) -> Result<String, Trouble> {
        self.reach().map_err(|error| trouble(&error))
    }

    /// Reaches the brokers and counts them.
    ///
    /// # Errors
    /// If none answers; the error says why, if that is known.
    pub(super) fn reach(&self) -> KafkaResult<String> {
        match self.0.fetch_metadata(None, TIMEOUT) {
            Ok(metadata) => Ok(format!("{} in the cluster", count(metadata.brokers().len(), "broker"))),
            Err(error) => Err(self.reason().unwrap_or(error)),
        }
    }

    /// Why no broker was reached. The query itself only reports that none was, but before that librdkafka has
    /// queued the errors of the connections.
    fn reason(&self) -> Option<KafkaError> {
        let errors = std::iter::from_fn(|| self.0.poll(Duration::ZERO)).filter_map(Result::err);
        let explains = |error: &KafkaError| codes::explains_unreachable(error.rdkafka_error_code()?);
        errors.max_by_key(explains)
    }

    pub(super) fn topic(&self, name: &str) -> Result<String, Trouble> {
        let partitions = self.partitions(name).map_err(|error| trouble(&error))?;
        Ok(count(partitions.len(), "partition"))
    }

    /// Looks at a topic that `run` creates if it is missing: `look` gets the number of its partitions in words.
    pub(super) fn own_topic(
        &self,
        name: &str,
        look: impl FnOnce(String) -> Result<String, Trouble>,
    ) -> Result<String, Trouble> {
        match self.partitions(name) {
            Err(KafkaError::MetadataFetch(
                RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic,
            )) => Ok("it does not exist yet; `run` creates it, if the user may".to_owned()),
            partitions => look(count(partitions.map_err(|error| trouble(&error))?.len(), "partition")),
        }
    }

    /// The numbers of a topic's partitions. A missing topic is an error.
    pub(super) fn partitions(&self, name: &str) -> KafkaResult<Vec<i32>> {
        let error = match Lookups::new(&self.0, TIMEOUT).topic(name)? {
            TopicState::Exists { partitions, .. } if !partitions.is_empty() => return Ok(partitions),
            TopicState::Exists { .. } | TopicState::Missing => RDKafkaErrorCode::UnknownTopicOrPartition,
            TopicState::Unknown(error) => error,
        };
        Err(KafkaError::MetadataFetch(error))
    }

    pub(super) fn group(&self, topics: &[String]) -> Result<String, Trouble> {
        let lookups = Lookups::new(&self.0, TIMEOUT);
        let mut partitions = Vec::new();
        for topic in topics {
            let TopicState::Exists { partitions: numbers, .. } =
                lookups.topic(topic).map_err(|error| trouble(&error))?
            else {
                continue;
            };
            let numbered = |partition| TopicPartition { topic: topic.as_str().into(), partition };
            partitions.extend(numbers.into_iter().map(numbered));
        }
        let committed = lookups.committed(&partitions).map_err(|error| trouble(&error))?;
        Ok(match committed.len() {
            0 => "no commits yet; it starts where `source.start` says".to_owned(),
            committed => format!("{} with a commit", count(committed, "partition")),
        })
    }
}

pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
