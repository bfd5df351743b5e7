//! Administration of topics: creates a topic and reads its configuration.
//!
//! Blocks until the brokers answer, so it must not be used on a thread that runs tasks.

use std::time::Duration;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    config::FromClientConfigAndContext as _,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};
use tokio::runtime::{self, Runtime};

use super::{
    cluster::{Cluster, StartError, Take},
    log::Silent,
    topic_settings::TopicSettings,
};

/// How long the brokers may take to answer, and to create a topic.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many replicas a topic gets if the brokers are too old to have a default; fewer if
/// there are fewer brokers.
const REPLICAS: i32 = 3;

pub struct Admin {
    client: AdminClient<Silent>,
    /// The client returns futures, which only need to be polled.
    runtime: Runtime,
}

impl Admin {
    /// # Errors
    /// If librdkafka refuses a property, or there is no runtime.
    pub fn new(cluster: &Cluster) -> Result<Self, StartError> {
        let client = cluster.client(&[], Take::Connection, &[]);
        let client = AdminClient::from_config_and_context(&client, Silent)?;
        let runtime = runtime::Builder::new_current_thread().build().map_err(StartError::Thread)?;
        Ok(Self { client, runtime })
    }

    /// Creates a topic with the brokers' default number of replicas. An existing topic is not an error.
    ///
    /// # Errors
    /// If the brokers do not answer, or refuse.
    pub fn create(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) -> KafkaResult<()> {
        let created = self.create_with(topic, partitions, settings, -1);
        match created.as_ref().err().and_then(KafkaError::rdkafka_error_code) {
            Some(
                RDKafkaErrorCode::InvalidReplicationFactor
                | RDKafkaErrorCode::InvalidRequest
                | RDKafkaErrorCode::UnsupportedVersion,
            ) => self.create_with(topic, partitions, settings, self.brokers()?.min(REPLICAS)),
            Some(RDKafkaErrorCode::TopicAlreadyExists) => Ok(()),
            _ => created,
        }
    }

    /// The configuration of a topic.
    ///
    /// # Errors
    /// If the brokers do not answer, or refuse.
    pub fn settings(&self, topic: &str) -> KafkaResult<TopicSettings> {
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
        let asked = [ResourceSpecifier::Topic(topic)];
        let described =
            self.runtime.block_on(self.client.describe_configs(&asked, &options)).map_err(numbered)?;
        let resources = described.into_iter().collect::<Result<Vec<_>, _>>().map_err(KafkaError::Global)?;
        let entries = resources.into_iter().flat_map(|resource| resource.entries);
        Ok(entries.filter_map(|entry| Some((entry.name, entry.value?))).collect())
    }

    fn create_with(
        &self,
        topic: &str,
        partitions: i32,
        settings: &[(&str, &str)],
        replicas: i32,
    ) -> KafkaResult<()> {
        let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas));
        let topic = settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value));
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
        let created =
            self.runtime.block_on(self.client.create_topics([&topic], &options)).map_err(numbered)?;
        created.into_iter().try_for_each(|one| one.map(drop).map_err(|(_, error)| KafkaError::Global(error)))
    }

    fn brokers(&self) -> KafkaResult<i32> {
        let metadata = self.client.inner().fetch_metadata(None, TIMEOUT)?;
        Ok(i32::try_from(metadata.brokers().len()).unwrap_or(REPLICAS))
    }
}

/// An error of the admin client in the form that all other errors have.
fn numbered(error: KafkaError) -> KafkaError {
    if let KafkaError::AdminOp(number) = error { KafkaError::Global(number) } else { error }
}
