//! The consumer's properties: those that the service proposes and the configuration may override, and those
//! that the service owns.

use rdkafka::ClientConfig;

use super::{
    ReadAhead,
    config::{LARGEST_RESPONSE, SourceConfig},
};
use crate::edge::kafka::cluster::Take;

/// The size below which a fetch is not worth its round trip.
const LEAST_FETCH: u64 = 16 * 1024;
/// A fetch is not made larger than this.
const LARGEST_FETCH: u64 = 50_000_000;
/// Roughly what librdkafka needs for a queued record in addition to its bytes. Its own counts leave this out.
const BYTES_PER_RECORD: u64 = 512;
/// How much larger records are than their compressed batches. The brokers count compressed bytes. Records that say
/// nearly the same, such as those of one client's sign-ins, compress so well with zstd.
const COMPRESSION: u64 = 20;

/// Fetches about `ahead.bytes` ahead, including librdkafka's own bookkeeping. One batch is always fetched,
/// however large it is.
pub(super) fn consumer(config: &SourceConfig, ahead: ReadAhead) -> ClientConfig {
    let mut proposed = prefetch(ahead).to_vec();
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

/// Divides what is read ahead: a quarter for the queue, a quarter for the fetches that each broker was sent before
/// the queue was full, and half for librdkafka's bookkeeping.
fn prefetch(ahead: ReadAhead) -> [(&'static str, String); 7] {
    let quarter = ahead.bytes / 4;
    let fetch = (quarter / COMPRESSION / u64::from(ahead.brokers.get())).clamp(LEAST_FETCH, LARGEST_FETCH);
    let records = (quarter / BYTES_PER_RECORD).clamp(100, 100_000);
    [
        ("queued.max.messages.kbytes", (quarter / 1024).clamp(64, 2_097_151).to_string()),
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
    use std::num::NonZeroU32;

    use rdkafka::consumer::BaseConsumer;

    use super::*;

    fn config(properties: &[(&str, &str)]) -> SourceConfig {
        let properties = properties.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        SourceConfig { properties, ..SourceConfig::default() }
    }

    fn ahead(bytes: u64, brokers: u32) -> ReadAhead {
        ReadAhead { bytes, brokers: NonZeroU32::new(brokers).unwrap() }
    }

    #[test]
    fn what_all_brokers_may_send_at_once_has_room_even_if_it_is_compressed_well() {
        for (bytes, brokers) in [(64 << 20, 1), (64 << 20, 3), (64 << 20, 10), (1 << 34, 3), (1 << 34, 100)] {
            let client = consumer(&config(&[]), ahead(bytes, brokers));
            let number = |name| client.get(name).unwrap().parse::<u64>().unwrap();
            let fetched = number("fetch.max.bytes") * COMPRESSION * u64::from(brokers);
            assert!(fetched <= bytes / 4, "{fetched} of {bytes}");
            assert!(number("queued.max.messages.kbytes") * 1024 <= bytes / 4);
        }
    }

    #[test]
    fn librdkafka_takes_the_properties_whatever_the_budget() {
        for bytes in [0, 1 << 20, 8 << 20, 1 << 34, 1 << 38] {
            for brokers in [1, 3, 1000] {
                consumer(&config(&[]), ahead(bytes, brokers)).create::<BaseConsumer>().unwrap();
            }
        }
    }

    #[track_caller]
    fn check(name: &str, is_taken: bool) {
        let client = consumer(&config(&[(name, "theirs")]), ahead(1 << 20, 3));
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
