//! The embedded broker: librdkafka's mock cluster, a real TCP server in the test process.
//!
//! It keeps the last 5 MB of a partition, and stays on the thread that created it.

use std::time::Duration;

use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};

use super::client::Client;

/// An embedded cluster of one broker.
pub(crate) struct MockKafka {
    pub(crate) client: Client,
    /// Used to inject errors and to stop the broker.
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
}

impl MockKafka {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let cluster = MockCluster::new(1).expect("an embedded cluster");
        Self { client: Client { bootstrap: cluster.bootstrap_servers() }, cluster }
    }

    #[track_caller]
    pub(crate) fn create_topic(&self, name: &str, partitions: i32) {
        self.cluster.create_topic(name, partitions, 1).expect("a topic");
    }

    #[track_caller]
    pub(crate) fn set_round_trip(&self, time: Duration) {
        self.cluster.broker_round_trip_time(1, time).expect("a round-trip time");
    }
}
