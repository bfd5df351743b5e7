//! A broker inside the process: librdkafka's mock cluster, with one topic.

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
    mocking::MockCluster,
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _},
};

use super::{super::*, DEADLINE, TOPIC, member::Member};

/// The broker.
pub(super) struct Cluster(pub(super) MockCluster<'static, DefaultProducerContext>);

impl Cluster {
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

    pub(super) fn committed(&self, partition: i32) -> Option<i64> {
        let consumer: BaseConsumer = self.client().create().unwrap();
        let place = partitions::Place { topic: TOPIC.into(), partition };
        let list = consumer.committed_offsets(group::list([&place]), DEADLINE).unwrap();
        list.elements()[0].offset().to_raw().filter(|offset| *offset >= 0)
    }
}
