//! A Kafka cluster and how its clients reach it: the part of the configuration that every client shares.
//!
//! Knows nothing of what the clients are for.

use std::{collections::BTreeMap, io};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};
use thiserror::Error;

#[derive(Clone, Default)]
pub struct Cluster {
    /// The bootstrap servers: `host:port`, separated by commas.
    pub brokers: String,
    /// librdkafka's properties from the configuration; their values may be secrets.
    pub properties: BTreeMap<String, String>,
}

/// Which of the configured properties a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    All,
    /// Only those about the connection to the brokers; the others were meant for the consumer.
    Connection,
}

/// Why a client could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The value is not shown, because it may be a secret.
    #[error("librdkafka refuses the property {name} or its value")]
    Property { name: String },
    #[error("librdkafka cannot make a client of these properties: {reason}")]
    Client { reason: String },
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

impl Cluster {
    /// A client's properties: `proposed` ones, which the configuration may override, and `owned` ones,
    /// which it may not.
    #[must_use]
    pub fn client(&self, proposed: &[(&str, String)], take: Take, owned: &[(&str, &str)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("client.id", "pinpoint-sidecar");
        // The OpenSSL that is built in does not know where the system keeps its certificates, and librdkafka
        // looks for them only on request.
        client.set("ssl.ca.location", "probe");
        for (name, value) in proposed {
            client.set(*name, value);
        }
        for (name, value) in self.properties.iter().filter(|(name, _)| take.includes(name)) {
            client.set(name, value);
        }
        client.set("bootstrap.servers", &self.brokers);
        for (name, value) in owned {
            client.set(*name, *value);
        }
        client.set_log_level(RDKafkaLogLevel::Warning);
        client
    }
}

impl Take {
    #[must_use]
    pub fn includes(self, name: &str) -> bool {
        self == Self::All || CONNECTION.iter().any(|start| name.starts_with(start))
    }
}

/// How the names of properties begin that are about the connection.
const CONNECTION: &[&str] = &[
    "api.version.",
    "broker.",
    "client.",
    "connections.max.",
    "enable.sasl.",
    "enable.ssl.",
    "https.",
    "plugin.",
    "reconnect.",
    "sasl.",
    "security.",
    "socket.",
    "ssl.",
    "ssl_",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, is_taken: bool) {
        let properties = [(name.to_owned(), "theirs".to_owned())].into();
        let cluster = Cluster { brokers: "kafka:9092".into(), properties };
        let taken = |take| cluster.client(&[], take, &[]).get(name) == Some("theirs");
        assert_eq!(taken(Take::Connection), is_taken, "{name}");
        assert_eq!(taken(Take::All), name != "bootstrap.servers", "{name}");
    }

    #[test]
    fn every_client_takes_the_properties_of_the_connection() {
        check("security.protocol", true);
        check("sasl.password", true);
        check("ssl.ca.location", true);
        check("enable.ssl.certificate.verification", true);
        check("client.id", true);
        check("socket.keepalive.enable", true);
        check("session.timeout.ms", false);
        check("partition.assignment.strategy", false);
        check("fetch.max.bytes", false);
        check("message.max.bytes", false);
        check("bootstrap.servers", false);
    }
}
