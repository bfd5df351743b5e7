//! A broker inside the process: librdkafka's mock cluster, with one topic.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    consumer::BaseConsumer,
    mocking::MockCluster,
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _},
};

use super::{super::*, DEADLINE, TOPIC, member::Member};
use crate::{
    core::record::{CommittedPosition, TopicPartition},
    edge::kafka::lookups::Lookups,
};

pub(super) struct Broker(pub(super) MockCluster<'static, DefaultProducerContext>);

impl Broker {
    pub(super) fn with_partitions(partitions: i32) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        if partitions > 0 {
            cluster.create_topic(TOPIC, partitions, 1).unwrap();
        }
        Self(cluster)
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.0.bootstrap_servers()).set("group.id", "group");
        client
    }

    pub(super) fn config(&self) -> SourceConfig {
        let properties = [
            // The mock cluster lets a group begin after 3 s, and forgets a member within its time-out.
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "100"),
            ("topic.metadata.refresh.interval.ms", "500"),
        ];
        SourceConfig {
            brokers: self.0.bootstrap_servers(),
            topics: vec![TOPIC.parse().unwrap()],
            group: "group".into(),
            properties: properties.map(|(name, value)| (name.into(), value.into())).into(),
            ..SourceConfig::default()
        }
    }

    pub(super) fn source(&self) -> Member {
        Member::start(&self.config())
    }

    pub(super) fn produce(&self, partition: i32, values: impl IntoIterator<Item = Vec<u8>>) {
        let producer: BaseProducer = self.client().remove("group.id").create().unwrap();
        for value in values {
            let record =
                BaseRecord::<(), [u8]>::to(TOPIC).partition(partition).payload(&value).timestamp(1_000);
            producer.send(record).map_err(|(error, _)| error).unwrap();
            producer.poll(Duration::ZERO);
        }
        producer.flush(DEADLINE).unwrap();
    }

    pub(super) fn produce_numbers(&self, partitions: i32, numbers: std::ops::Range<u32>) {
        for partition in 0..partitions {
            self.produce(partition, numbers.clone().map(|number| number.to_string().into_bytes()));
        }
    }

    pub(super) fn position(&self, partition: i32) -> Option<i64> {
        Some(self.committed(partition)?.position)
    }

    pub(super) fn committed(&self, partition: i32) -> Option<CommittedPosition> {
        let consumer: BaseConsumer = self.client().create().unwrap();
        let partition = TopicPartition { topic: TOPIC.into(), partition };
        let committed =
            Lookups::new(&consumer, DEADLINE).committed(std::slice::from_ref(&partition)).unwrap();
        committed.get(&partition).cloned()
    }

    /// Commits metadata that may not be UTF-8, as another program could; rdkafka takes only text. Sends an
    /// `OffsetCommit` of version 2, from a client that is not a member of the group.
    pub(super) fn commit_bytes(&self, partition: i32, position: i64, metadata: &[u8]) {
        let mut request = Vec::new();
        request.extend([0, 8, 0, 2]); // the kind of request and its version
        request.extend(7_i32.to_be_bytes()); // correlates the response
        text(&mut request, b"test");
        text(&mut request, b"group");
        request.extend((-1_i32).to_be_bytes()); // no generation
        text(&mut request, b""); // no member
        request.extend((-1_i64).to_be_bytes()); // the broker's retention
        request.extend(1_i32.to_be_bytes());
        text(&mut request, TOPIC.as_bytes());
        request.extend(1_i32.to_be_bytes());
        request.extend(partition.to_be_bytes());
        request.extend(position.to_be_bytes());
        text(&mut request, metadata);

        let mut connection = TcpStream::connect(self.0.bootstrap_servers()).unwrap();
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        connection.write_all(&i32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
        connection.write_all(&request).unwrap();
        let mut length = [0; 4];
        connection.read_exact(&mut length).unwrap();
        let mut response = vec![0; u32::from_be_bytes(length) as usize];
        connection.read_exact(&mut response).unwrap();
        assert!(response.ends_with(&[0, 0]), "the commit failed: {response:?}");
    }
}

fn text(request: &mut Vec<u8>, text: &[u8]) {
    request.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
    request.extend(text);
}
