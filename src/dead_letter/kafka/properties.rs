//! The producer's properties: it reaches the brokers as the source does, and the rest is the service's.

use rdkafka::ClientConfig;

use crate::kafka::client::Cluster;

/// The first words of the properties that say how brokers are reached, for consumers and producers.
const OF_ANY_CLIENT: &[&str] = &[
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

/// The properties of the producer.
pub(super) fn producer(cluster: &Cluster<'_>) -> ClientConfig {
    let owned = [
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("allow.auto.create.topics", "false"),
        // The largest that librdkafka knows: what could be read can be written, with its headers.
        ("message.max.bytes", "1000000000"),
        // A record as large as its topic allows still fits, with its headers, where the limits are alike.
        ("compression.type", "lz4"),
        // A batch is refused as a whole when it is larger than the topic allows: only its first may be.
        ("batch.size", "16384"),
        // A letter that is not acknowledged by then comes back, and the pipeline decides when to try again.
        ("message.timeout.ms", "15000"),
        ("request.timeout.ms", "10000"),
        // How long a topic that is not there may still be one that was made a moment ago.
        ("topic.metadata.propagation.max.ms", "3000"),
        ("topic.metadata.refresh.interval.ms", "10000"),
    ];
    let heard = |name: &str| OF_ANY_CLIENT.iter().any(|start| name.starts_with(start));
    cluster.client(&[], heard, &owned)
}

#[cfg(test)]
mod tests {
    use rdkafka::producer::BaseProducer;

    use super::*;

    #[track_caller]
    fn check(name: &str, heard: bool) {
        let properties = [(name.to_owned(), "theirs".to_owned())].into();
        let client = producer(&Cluster { brokers: "kafka:9092", properties: &properties });
        assert_eq!(client.get(name) == Some("theirs"), heard, "{name}");
    }

    #[test]
    fn the_configuration_is_heard_where_it_speaks_of_the_connection() {
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

    #[test]
    fn librdkafka_takes_what_is_set() {
        let cluster = Cluster { brokers: "kafka:9092", properties: &[].into() };
        producer(&cluster).create::<BaseProducer>().unwrap();
    }
}
