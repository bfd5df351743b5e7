//! The consumer's properties: those that the service proposes and the configuration may override, and those
//! that the service owns.

use rdkafka::ClientConfig;

use super::config::SourceConfig;
use crate::edge::kafka::cluster::Take;

/// The size below which a fetch is not worth its round trip.
const LEAST_FETCH: u64 = 64 * 1024;
/// More than the largest record that Kafka can hold, and less than the length that another protocol would
/// seem to send (`HTTP` read as a length).
const LARGEST_RESPONSE: u64 = 1_000_001_024;
/// Roughly what librdkafka needs for a queued record in addition to its bytes. Its own counts leave this out.
const BYTES_PER_RECORD: u64 = 512;

/// Fetches about `queue_bytes` ahead, including librdkafka's own bookkeeping. One record is always fetched,
/// however large it is.
pub(super) fn consumer(config: &SourceConfig, queue_bytes: u64) -> ClientConfig {
    let mut proposed = prefetch(queue_bytes).to_vec();
    proposed.push(("partition.assignment.strategy", "cooperative-sticky".into()));
    // Finds a new topic or partition within seconds; the default is five minutes.
    proposed.push(("topic.metadata.refresh.interval.ms", "10000".into()));
    let owned = [
        ("group.id", config.group.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        // Makes librdkafka report a position out of range, so that the poll loop knows what was skipped.
        ("auto.offset.reset", "error"),
        ("enable.partition.eof", "false"),
        ("statistics.interval.ms", "0"),
        ("allow.auto.create.topics", "false"),
    ];
    config.cluster().client(&proposed, Take::All, &owned)
}

/// Divides `queue_bytes`: a quarter for the queue, a quarter for a fetch that was sent before the queue was
/// full, and half for librdkafka's bookkeeping.
fn prefetch(queue_bytes: u64) -> [(&'static str, String); 7] {
    let fetch = (queue_bytes / 4).clamp(LEAST_FETCH, LARGEST_RESPONSE / 2);
    let records = (queue_bytes / 4 / BYTES_PER_RECORD).clamp(100, 100_000);
    [
        ("queued.max.messages.kbytes", (fetch / 1024).to_string()),
        ("queued.min.messages", records.to_string()),
        ("fetch.max.bytes", fetch.to_string()),
        ("fetch.message.max.bytes", fetch.to_string()),
        // librdkafka wants this to be no larger than a fetch. It does not limit what is read.
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
    fn librdkafka_takes_the_properties_whatever_the_budget() {
        for queue_bytes in [0, 1 << 20, 8 << 20, 1 << 34] {
            consumer(&config(&[]), queue_bytes).create::<BaseConsumer>().unwrap();
        }
    }

    #[track_caller]
    fn check(name: &str, is_taken: bool) {
        let client = consumer(&config(&[(name, "theirs")]), 1 << 20);
        assert_eq!(client.get(name) == Some("theirs"), is_taken, "{name}");
    }

    #[test]
    fn the_configuration_overrides_all_but_the_properties_that_the_service_owns() {
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
