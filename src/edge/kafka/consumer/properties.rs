//! The consumer's properties: what the service proposes, what the configuration says, and what the
//! service owns.

use rdkafka::ClientConfig;

use crate::edge::kafka::{client::Cluster, config::SourceConfig};

/// The smallest fetch that is worth its round trip.
const LEAST_FETCH: u64 = 64 * 1024;
/// The largest record that Kafka can hold is smaller, and what a wrong protocol looks like (`HTTP` read
/// as a length) is larger.
const LARGEST_RESPONSE: u64 = 1_000_001_024;
/// librdkafka's own bookkeeping for one record that is queued, roughly; it is not in its byte counts.
const BYTES_PER_RECORD: u64 = 512;

/// The properties of the consumer. About `queue_bytes` of records and of librdkafka's own bookkeeping
/// are fetched ahead; one record is always fetched, however large.
pub(super) fn consumer(config: &SourceConfig, queue_bytes: u64) -> ClientConfig {
    let mut proposed = prefetch(queue_bytes).to_vec();
    proposed.push(("partition.assignment.strategy", "cooperative-sticky".into()));
    // A new topic or partition is found within seconds, not within the five minutes of the default.
    proposed.push(("topic.metadata.refresh.interval.ms", "10000".into()));
    let owned = [
        ("group.id", config.group.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        // A position out of range is reported, not mended: the poll loop has to know what was jumped over.
        ("auto.offset.reset", "error"),
        ("enable.partition.eof", "false"),
        ("statistics.interval.ms", "0"),
        ("allow.auto.create.topics", "false"),
    ];
    Cluster::from(config).client(&proposed, |_| true, &owned)
}

/// Divides `queue_bytes`: a quarter may lie in the queue, a fetch that was sent before the queue was
/// full brings up to another quarter, and half is for librdkafka's bookkeeping.
fn prefetch(queue_bytes: u64) -> [(&'static str, String); 7] {
    let fetch = (queue_bytes / 4).clamp(LEAST_FETCH, LARGEST_RESPONSE / 2);
    let records = (queue_bytes / 4 / BYTES_PER_RECORD).clamp(100, 100_000);
    [
        ("queued.max.messages.kbytes", (fetch / 1024).to_string()),
        ("queued.min.messages", records.to_string()),
        ("fetch.max.bytes", fetch.to_string()),
        ("fetch.message.max.bytes", fetch.to_string()),
        // librdkafka wants it to be no larger than a fetch; it does not bound what is read.
        ("message.max.bytes", LEAST_FETCH.to_string()),
        ("receive.message.max.bytes", LARGEST_RESPONSE.to_string()),
        // A full queue empties within milliseconds; the default would wait for a second.
        ("fetch.queue.backoff.ms", "20".into()),
    ]
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::BaseConsumer;

    use super::*;

    fn config(properties: &[(&str, &str)]) -> SourceConfig {
        let properties = properties.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        SourceConfig { properties, ..SourceConfig::default() }
    }

    #[test]
    fn librdkafka_takes_what_is_set_whatever_the_budget() {
        for queue_bytes in [0, 1 << 20, 8 << 20, 1 << 34] {
            consumer(&config(&[]), queue_bytes).create::<BaseConsumer>().unwrap();
        }
    }

    #[track_caller]
    fn check(name: &str, heard: bool) {
        let client = consumer(&config(&[(name, "theirs")]), 1 << 20);
        assert_eq!(client.get(name) == Some("theirs"), heard, "{name}");
    }

    #[test]
    fn the_configuration_is_heard_but_for_what_the_service_owns() {
        check("partition.assignment.strategy", true);
        check("fetch.max.bytes", true);
        check("sasl.password", true);
        check("bootstrap.servers", false);
        check("group.id", false);
        check("auto.offset.reset", false);
        check("enable.auto.commit", false);
        check("enable.auto.offset.store", false);
        check("statistics.interval.ms", false);
        check("allow.auto.create.topics", false);
    }
}
