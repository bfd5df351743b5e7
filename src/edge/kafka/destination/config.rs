//! The settings of a Kafka destination.
//!
//! The values of properties may be secrets, so `Debug` and the serialised form mask them.

use std::{collections::BTreeMap, fmt};

use rdkafka::ClientConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    core::units::text::TopicName,
    edge::kafka::{
        cluster::{Cluster, Take},
        producer, properties,
        properties::PropertyError,
    },
};

/// `kafka`: the topic that events go to.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-allowed" = "a mapping with `topic`, `brokers` and `properties`"))]
pub struct KafkaConfig {
    /// The topic, required. The service does not create it.
    pub topic: TopicName,
    /// The bootstrap servers of the topic's cluster. If absent, it is the source's cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-allowed" = "host:port, several separated by commas"))]
    pub brokers: Option<String>,
    /// Properties of librdkafka about the connection, and those that shape its batches. On the source's
    /// cluster they are added to those of the source.
    #[serde(default, serialize_with = "properties::masked", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "properties::schema")]
    pub properties: BTreeMap<String, String>,
}

/// Properties of a producer that may be set. All others would change what an acknowledgement means.
const OF_THE_PRODUCER: &[&str] =
    &["compression.codec", "compression.level", "compression.type", "linger.ms", "partitioner"];

/// Why a property of a destination cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationPropertyError {
    #[error("is reserved by the service: set `brokers`")]
    Brokers,
    #[error("has no effect: a destination takes properties of the connection, {}", OF_THE_PRODUCER.join(", "))]
    Unused,
    #[error(transparent)]
    Refused(#[from] PropertyError),
}

impl KafkaConfig {
    /// The cluster of the topic, if the source reads from `source`.
    #[must_use]
    pub fn cluster(&self, source: &Cluster) -> Cluster {
        let Self { brokers, properties, .. } = self;
        if let Some(brokers) = brokers {
            return Cluster { brokers: brokers.clone(), properties: properties.clone() };
        }
        let mut all = source.properties.clone();
        all.extend(properties.clone());
        Cluster { brokers: source.brokers.clone(), properties: all }
    }

    /// The properties of a producer for the topic.
    pub(super) fn producer(&self, source: &Cluster) -> ClientConfig {
        // The partition of a key is the one that Kafka's own clients choose.
        let mut client = producer::properties(&self.cluster(source), &[("partitioner", "murmur2_random")]);
        for (name, value) in self.properties.iter().filter(|(name, _)| is_of_the_producer(name)) {
            client.set(name, value);
        }
        client
    }
}

/// Whether the property `name` of a destination may be set to `value`.
///
/// # Errors
/// If it may not be set; the error says why.
pub fn check_property(name: &str, value: &str) -> Result<(), DestinationPropertyError> {
    if matches!(name, "bootstrap.servers" | "metadata.broker.list") {
        return Err(DestinationPropertyError::Brokers);
    }
    properties::check(name, value)?;
    if Take::Connection.includes(name) || is_of_the_producer(name) {
        Ok(())
    } else {
        Err(DestinationPropertyError::Unused)
    }
}

fn is_of_the_producer(name: &str) -> bool {
    OF_THE_PRODUCER.contains(&name)
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("topic", &self.topic)
            .field("brokers", &self.brokers)
            .field("properties", &properties::shown(&self.properties))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(brokers: Option<&str>, properties: &[(&str, &str)]) -> KafkaConfig {
        KafkaConfig {
            topic: TopicName::literal("events"),
            brokers: brokers.map(Into::into),
            properties: map(properties),
        }
    }

    fn map(properties: &[(&str, &str)]) -> BTreeMap<String, String> {
        properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn check(name: &str, value: &str, expected: Result<(), &str>) {
        let checked = check_property(name, value).map_err(|error| error.to_string());
        match (checked, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(start)) => assert!(error.starts_with(start), "{error}"),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn properties_of_the_connection_and_of_batches_are_taken() {
        check("security.protocol", "SASL_SSL", Ok(()));
        check("sasl.password", "x", Ok(()));
        for name in OF_THE_PRODUCER {
            let value = match *name {
                "linger.ms" | "compression.level" => "5",
                "partitioner" => "consistent",
                _ => "zstd",
            };
            check(name, value, Ok(()));
        }
        check("bootstrap.servers", "x", Err("is reserved by the service: set `brokers`"));
        check("acks", "0", Err("is reserved by the service: a dead letter"));
        check("session.timeout.ms", "6000", Err("has no effect"));
        check("security.protocol", "TLS", Err("has a value that librdkafka does not accept"));
        check("sasl.pasword", "x", Err("is not a property of librdkafka; did you mean `sasl.password`?"));
    }

    #[test]
    fn without_brokers_the_cluster_is_that_of_the_source() {
        let source = Cluster {
            brokers: "source:9092".into(),
            properties: map(&[("security.protocol", "ssl"), ("client.id", "a")]),
        };
        let cluster = config(None, &[("client.id", "b")]).cluster(&source);
        assert_eq!(cluster.brokers, "source:9092");
        assert_eq!(cluster.properties, map(&[("security.protocol", "ssl"), ("client.id", "b")]));
        let cluster = config(Some("other:9092"), &[("client.id", "b")]).cluster(&source);
        assert_eq!(cluster.brokers, "other:9092");
        assert_eq!(cluster.properties, map(&[("client.id", "b")]));
    }

    #[test]
    fn a_producer_takes_its_properties_and_keeps_its_promises() {
        let client = config(None, &[("linger.ms", "20")]).producer(&Cluster::default());
        assert_eq!((client.get("linger.ms"), client.get("enable.idempotence")), (Some("20"), Some("true")));
        assert_eq!(client.get("partitioner"), Some("murmur2_random"));
        let client = config(None, &[("partitioner", "consistent")]).producer(&Cluster::default());
        assert_eq!(client.get("partitioner"), Some("consistent"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = config(Some("a:9092"), &[("sasl.password", "s3cret")]);
        let shown = format!("{config:?}{}", serde_json::to_string(&config).unwrap());
        assert!(!shown.contains("s3cret") && shown.contains("events"), "{shown}");
    }
}
