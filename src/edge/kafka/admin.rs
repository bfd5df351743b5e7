//! What an administrator of topics can do: make one, and say how one is set.
//!
//! Blocks for as long as the brokers take to answer; for threads that may, and none that runs tasks.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    ClientConfig, ClientContext,
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    config::{FromClientConfigAndContext as _, RDKafkaLogLevel},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};
use tokio::runtime::{self, Runtime};

use crate::edge::kafka::{
    client::{Cluster, StartError},
    producer,
};

/// How long the brokers may take to answer, and to have made a topic.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many replicas a topic has where the brokers are too old to have a default of their own; fewer
/// where there are fewer brokers.
const REPLICAS: i32 = 3;

/// An administrator of a cluster.
pub struct Admin {
    client: AdminClient<Silent>,
    /// The client answers by futures, which need nothing but to be polled.
    runtime: Runtime,
}

impl Admin {
    /// An administrator of `cluster`.
    ///
    /// # Errors
    ///
    /// If librdkafka refuses a property, or there is no runtime.
    pub fn new(cluster: &Cluster<'_>) -> Result<Self, StartError> {
        Self::of(&cluster.client(&[], producer::reaches, &[]))
    }

    fn of(client: &ClientConfig) -> Result<Self, StartError> {
        let client = AdminClient::from_config_and_context(client, Silent)?;
        let runtime = runtime::Builder::new_current_thread().build().map_err(StartError::Thread)?;
        Ok(Self { client, runtime })
    }

    /// Makes a topic with so many partitions and these settings, and with as many replicas as the brokers
    /// make by default. That it is there already is no error.
    ///
    /// # Errors
    ///
    /// If the brokers do not answer, or refuse.
    pub fn create(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) -> KafkaResult<()> {
        let made = self.create_with(topic, partitions, settings, -1);
        match made.as_ref().err().and_then(KafkaError::rdkafka_error_code) {
            Some(
                RDKafkaErrorCode::InvalidReplicationFactor
                | RDKafkaErrorCode::InvalidRequest
                | RDKafkaErrorCode::UnsupportedVersion,
            ) => self.create_with(topic, partitions, settings, self.brokers()?.min(REPLICAS)),
            Some(RDKafkaErrorCode::TopicAlreadyExists) => Ok(()),
            _ => made,
        }
    }

    /// How a topic is set, by the names of the settings.
    ///
    /// # Errors
    ///
    /// If the brokers do not answer, or refuse.
    pub fn settings(&self, topic: &str) -> KafkaResult<BTreeMap<String, String>> {
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
        let asked = [ResourceSpecifier::Topic(topic)];
        let described =
            self.runtime.block_on(self.client.describe_configs(&asked, &options)).map_err(numbered)?;
        let mut settings = BTreeMap::new();
        for resource in described {
            let entries = resource.map_err(KafkaError::Global)?.entries.into_iter();
            settings.extend(entries.filter_map(|entry| Some((entry.name, entry.value?))));
        }
        Ok(settings)
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
        let made = self.runtime.block_on(self.client.create_topics([&topic], &options)).map_err(numbered)?;
        made.into_iter().try_for_each(|one| one.map(drop).map_err(|(_, error)| KafkaError::Global(error)))
    }

    fn brokers(&self) -> KafkaResult<i32> {
        let metadata = self.client.inner().fetch_metadata(None, TIMEOUT)?;
        Ok(i32::try_from(metadata.brokers().len()).unwrap_or(REPLICAS))
    }
}

/// An administrator's error with its number where all others have it.
fn numbered(error: KafkaError) -> KafkaError {
    if let KafkaError::AdminOp(number) = error { KafkaError::Global(number) } else { error }
}

/// What goes wrong comes back with the answers.
struct Silent;

impl ClientContext for Silent {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}
