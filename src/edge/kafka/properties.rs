//! librdkafka's properties in the configuration: which exist, which the service owns and why, and whose
//! values may be shown.
//!
//! A value is shown only if its property is known to hold no secret, so that a property that librdkafka gains
//! later stays hidden.

use std::collections::BTreeMap;

use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaConfRes};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// Stands for a value that is not shown.
pub const MASK: &str = "***";

/// Why a property cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    #[error("is reserved by the service: {0}")]
    Owned(&'static str),
    #[error("is not a property of librdkafka{}", nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    Unknown {
        /// The known property with the most similar name.
        nearest: Option<&'static str>,
    },
    #[error(
        "has a value that librdkafka does not accept; librdkafka's CONFIGURATION.md lists the accepted ones"
    )]
    Value,
}

/// Whether the property `name` may be set to `value`. Asks librdkafka itself, without making a client.
///
/// # Errors
/// If it may not be set; the error says why.
pub fn check(name: &str, value: &str) -> Result<(), PropertyError> {
    if let Some((_, why)) = OWNED.iter().find(|(owned, _)| *owned == name) {
        return Err(PropertyError::Owned(why));
    }
    match ClientConfig::new().set(name, value).create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Err(PropertyError::Unknown { nearest: nearest(name) })
        }
        Err(_) => Err(PropertyError::Value),
    }
}

/// The properties, with values masked that may be secrets.
#[must_use]
pub fn shown(properties: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let value = |name: &str| SHOWN.contains(&name);
    properties.iter().map(|(name, text)| (&**name, if value(name) { &**text } else { MASK })).collect()
}

/// Serialises the result of [`shown`].
///
/// # Errors
/// If the serializer fails.
pub fn masked<S: Serializer>(properties: &BTreeMap<String, String>, to: S) -> Result<S::Ok, S::Error> {
    shown(properties).serialize(to)
}

/// The schema: any names, each with a text, a number or a boolean.
#[must_use]
pub fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {
            "type": ["string", "number", "boolean"],
            "x-allowed": "a text, a number, true or false",
        },
        "x-allowed": "a mapping with properties of librdkafka",
    })
}

fn nearest(name: &str) -> Option<&'static str> {
    let known = || SHOWN.iter().chain(SECRET).copied();
    let near = |known: &'static str| (strsim::damerau_levenshtein(name, known), known);
    known().map(near).filter(|(distance, _)| *distance <= 3).min().map(|(_, known)| known)
}

/// The properties that the service sets itself, each with the reason.
pub const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "set `source.brokers`"),
    ("metadata.broker.list", "set `source.brokers`"),
    ("group.id", "set `source.group`"),
    ("group.protocol", "it answers rebalances in the classic protocol"),
    ("group.remote.assignor", "it answers rebalances in the classic protocol"),
    ("auto.offset.reset", "set `source.start`"),
    ("enable.auto.commit", COMMITS),
    ("auto.commit.enable", COMMITS),
    ("auto.commit.interval.ms", "set `commit.interval`"),
    ("enable.auto.offset.store", COMMITS),
    ("offset.store.method", COMMITS),
    ("offset.store.path", COMMITS),
    ("offset.store.sync.interval.ms", COMMITS),
    ("queued.max.messages.kbytes", MEMORY),
    ("queued.min.messages", MEMORY),
    ("fetch.max.bytes", MEMORY),
    ("fetch.message.max.bytes", MEMORY),
    ("max.partition.fetch.bytes", MEMORY),
    ("queue.buffering.max.kbytes", MEMORY),
    ("queue.buffering.max.messages", MEMORY),
    ("message.max.bytes", "it reads and writes records of any size"),
    ("check.crcs", "a damaged batch would be skipped; unreadable records become dead letters"),
    ("enable.partition.eof", "it asks for the ends of the partitions itself"),
    ("statistics.interval.ms", "it asks for the ends of the partitions itself"),
    ("allow.auto.create.topics", "it waits for a topic that does not exist yet and does not create it"),
    ("debug", "librdkafka's debugging lines could quote records"),
    ("log_level", "set `log.level`"),
    ("log.queue", "set `log.level`"),
    ("acks", DEAD_LETTERS),
    ("request.required.acks", DEAD_LETTERS),
    ("enable.idempotence", DEAD_LETTERS),
    ("enable.gapless.guarantee", DEAD_LETTERS),
    ("transactional.id", DEAD_LETTERS),
    ("transaction.timeout.ms", DEAD_LETTERS),
    ("delivery.report.only.error", DEAD_LETTERS),
    ("message.timeout.ms", DEAD_LETTERS),
    ("delivery.timeout.ms", DEAD_LETTERS),
    ("message.send.max.retries", DEAD_LETTERS),
    ("retries", DEAD_LETTERS),
    ("plugin.library.paths", "it loads no foreign code"),
    ("interceptors", "it loads no foreign code"),
    ("enabled_events", PROGRAMS),
    ("opaque", PROGRAMS),
    ("default_topic_conf", PROGRAMS),
    ("internal.termination.signal", PROGRAMS),
];

const COMMITS: &str = "it commits settled positions and nothing else";
const MEMORY: &str = "set `memory.max_bytes`";
const DEAD_LETTERS: &str = "a dead letter counts when all replicas have acknowledged it";
const PROGRAMS: &str = "it is for programs, not for operators";

/// Properties that hold no secret.
const SHOWN: &[&str] = &[
    "broker.address.family",
    "broker.address.ttl",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "compression.codec",
    "compression.level",
    "compression.type",
    "connections.max.idle.ms",
    "enable.metrics.push",
    "enable.ssl.certificate.verification",
    "fetch.error.backoff.ms",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.instance.id",
    "heartbeat.interval.ms",
    "isolation.level",
    "linger.ms",
    "max.poll.interval.ms",
    "metadata.max.age.ms",
    "partition.assignment.strategy",
    "partitioner",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.method",
    "security.protocol",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.endpoint.identification.algorithm",
    "topic.metadata.refresh.interval.ms",
];

/// Hidden properties that are often set, to be suggested for a misspelt name.
const SECRET: &[&str] = &[
    "sasl.kerberos.keytab",
    "sasl.kerberos.principal",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.password",
    "sasl.username",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(name: &str, value: &str, expected: PropertyError) {
        assert_eq!(check(name, value), Err(expected));
    }

    #[test]
    fn librdkafka_decides_which_values_it_takes() {
        assert_eq!(check("security.protocol", "SASL_SSL"), Ok(()));
        assert_eq!(check("sasl.mechanism", "SCRAM-SHA-512"), Ok(()));
        assert_eq!(check("sasl.password", "anything: {at} all"), Ok(()));
        assert_eq!(check("session.timeout.ms", "45000"), Ok(()));
        assert_eq!(check("receive.message.max.bytes", "200000000"), Ok(()), "README says when to set it");
        assert_eq!(check("enable.ssl.certificate.verification", "true"), Ok(()));
        refused("security.protocol", "TLS", PropertyError::Value);
        refused("session.timeout.ms", "soon", PropertyError::Value);
        refused("sasl.pasword", "x", PropertyError::Unknown { nearest: Some("sasl.password") });
        refused("no.such.thing.at.all", "x", PropertyError::Unknown { nearest: None });
        refused("rebalance_cb", "x", PropertyError::Value);
    }

    #[test]
    fn the_properties_of_the_service_are_refused_with_a_reason() {
        refused("group.id", "x", PropertyError::Owned("set `source.group`"));
        refused("queued.max.messages.kbytes", "1", PropertyError::Owned(MEMORY));
    }

    #[test]
    fn every_property_in_the_lists_exists() {
        let exists = |name: &str| {
            let config = ClientConfig::new().set(name, "\u{1}").create_native_config();
            !matches!(config, Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)))
        };
        // Merely setting a plugin loads it.
        let owned = OWNED.iter().map(|(name, _)| name).filter(|name| !name.starts_with("plugin"));
        for name in owned.chain(SHOWN).chain(SECRET) {
            assert!(exists(name), "{name}");
        }
    }

    #[test]
    fn only_values_that_hold_no_secret_are_shown() {
        let properties = ["sasl.password", "security.protocol", "a.property.to.come"]
            .map(|name| (name.to_owned(), format!("value of {name}")))
            .into();
        let expected = [
            ("a.property.to.come", MASK),
            ("sasl.password", MASK),
            ("security.protocol", "value of security.protocol"),
        ];
        assert_eq!(shown(&properties), expected.into());
    }
}
