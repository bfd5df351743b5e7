//! The properties of the table's producer and consumer.

use rdkafka::ClientConfig;

use crate::edge::kafka::{
    cluster::{Cluster, Take},
    producer,
};

pub(super) fn producer(cluster: &Cluster) -> ClientConfig {
    producer::properties(
        cluster,
        &[
            // The events of a record wait for its entries, and the entries of other records follow soon.
            ("linger.ms", "5"),
            // Java clients choose a key's partition this way, and whatever else writes to the table must
            // agree.
            ("partitioner", "murmur2_random"),
        ],
    )
}

/// librdkafka needs a group even if none is joined.
pub(super) fn consumer(cluster: &Cluster, group: &str) -> ClientConfig {
    let owned = [
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "earliest"),
        ("enable.partition.eof", "true"),
        // Only the leader knows where the log ends.
        ("client.rack", ""),
        ("isolation.level", "read_uncommitted"),
        ("allow.auto.create.topics", "false"),
        ("topic.metadata.refresh.interval.ms", "10000"),
        // A few MiB are read ahead, however large the table is.
        ("queued.max.messages.kbytes", "2048"),
        ("fetch.max.bytes", "1048576"),
        ("fetch.message.max.bytes", "1048576"),
        ("message.max.bytes", "65536"),
        ("fetch.queue.backoff.ms", "20"),
    ];
    cluster.client(&[], Take::Connection, &owned)
}
