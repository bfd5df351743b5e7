//! What every client of Kafka needs: which brokers, how they are reached, and why that may not do.

use std::{collections::BTreeMap, io};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};
use thiserror::Error;

use crate::edge::kafka::config::SourceConfig;

/// A cluster, and how its brokers are reached.
#[derive(Clone, Copy)]
pub struct Cluster<'a> {
    /// Where to begin: `host:port`, separated by commas.
    pub brokers: &'a str,
    /// Properties of librdkafka from the configuration; the values may be secrets.
    pub properties: &'a BTreeMap<String, String>,
}

/// Why a client could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// librdkafka does not know a property or its value; the value may be a secret.
    #[error("librdkafka refuses the property {name} or its value")]
    Property {
        /// The property.
        name: String,
    },
    /// librdkafka refuses the properties as a whole.
    #[error("librdkafka cannot make a client of these properties: {reason}")]
    Client {
        /// In librdkafka's words.
        reason: String,
    },
    /// No thread could be started.
    #[error("a thread could not be started")]
    Thread(#[source] io::Error),
}

impl From<KafkaError> for StartError {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, _, name, _) => Self::Property { name },
            other => Self::Client { reason: other.to_string() },
        }
    }
}

/// `ssl.ca.location` where the configuration has none: the OpenSSL that is built in does not know where the
/// system keeps its certificates, and librdkafka looks for them only when it is told to.
pub const SYSTEM_CERTIFICATES: &str = "probe";

impl<'a> From<&'a SourceConfig> for Cluster<'a> {
    fn from(source: &'a SourceConfig) -> Self {
        Self { brokers: &source.brokers, properties: &source.properties }
    }
}

impl Cluster<'_> {
    /// The properties of a client that begins with `proposed`, hears those of the configuration that are
    /// `heard`, and holds to what is `owned` whatever the configuration says.
    #[must_use]
    pub fn client(
        &self,
        proposed: &[(&str, String)],
        heard: impl Fn(&str) -> bool,
        owned: &[(&str, &str)],
    ) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("client.id", "pinpoint-sidecar");
        client.set("ssl.ca.location", SYSTEM_CERTIFICATES);
        for (name, value) in proposed {
            client.set(*name, value);
        }
        for (name, value) in self.properties.iter().filter(|(name, _)| heard(name)) {
            client.set(name, value);
        }
        client.set("bootstrap.servers", self.brokers);
        for (name, value) in owned {
            client.set(*name, *value);
        }
        client.set_log_level(RDKafkaLogLevel::Warning);
        client
    }
}
