//! The sender against the embedded broker, which can be told to fail.

use std::time::Duration;

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::{Headers as _, OwnedMessage},
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use serde_json::Value;
use tokio::time::timeout;

use super::*;
use crate::{
    core::destination::{Outcome, sample},
    edge::kafka::cluster::Cluster,
};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(30);
const TOPIC: &str = "identity-events";
const NOW: Timestamp = Timestamp(1_795_341_601_234);

struct Bench {
    cluster: MockCluster<'static, DefaultProducerContext>,
    destination: KafkaDestination,
}

impl Bench {
    /// A destination whose topic exists.
    fn start() -> Self {
        let bench = Self::without_topic();
        bench.create_topic();
        bench
    }

    fn without_topic() -> Self {
        Self::giving_up_after("15000")
    }

    /// A destination whose records fail after this many milliseconds.
    fn giving_up_after(milliseconds: &str) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        let reached = Cluster { brokers: cluster.bootstrap_servers(), ..Cluster::default() };
        let config = KafkaConfig { topic: TopicName::literal(TOPIC), brokers: None, properties: [].into() };
        let mut client = config.producer(&reached);
        client.set("message.timeout.ms", milliseconds);
        let destination = KafkaDestination {
            topic: config.topic,
            brokers: reached.brokers,
            record: RecordConfig::default(),
            clock: || NOW,
            producer: Mutex::new(Producer::start(client, "destination", DeliveryReports.into()).unwrap()),
        };
        Self { cluster, destination }
    }

    fn create_topic(&self) {
        self.cluster.create_topic(TOPIC, 1, 1).unwrap();
    }

    async fn send(&self, endpoints: &[(&str, &[&str])]) -> Answer {
        timeout(DEADLINE, self.destination.send(sample::request(endpoints))).await.unwrap()
    }

    async fn send_one(&self) -> Answer {
        self.send(&[("e", &["a"])]).await
    }

    /// Sends until `expected` is the answer.
    #[track_caller]
    fn send_until(&self, expected: &Answer) -> impl Future<Output = ()> {
        let answered = async {
            while self.send_one().await != *expected {
                tokio::task::yield_now().await;
            }
        };
        async { timeout(DEADLINE, answered).await.unwrap() }
    }

    fn read(&self, records: usize) -> Vec<OwnedMessage> {
        let mut client = rdkafka::ClientConfig::new();
        client.set("bootstrap.servers", self.cluster.bootstrap_servers()).set("group.id", "reader");
        let consumer: BaseConsumer = client.create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(TOPIC, 0, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        (0..records).map(|_| consumer.poll(DEADLINE).unwrap().unwrap().detach()).collect()
    }
}

fn accepted(events: usize) -> Answer {
    Answer::Results { outcomes: vec![Outcome::Accepted; events], endpoints_refused: Vec::new() }
}

#[tokio::test]
async fn an_event_is_a_record_under_the_key_of_its_endpoint() {
    let bench = Bench::start();
    assert_eq!(bench.send(&[("e", &["a", "b"]), ("f", &["c"])]).await, accepted(3));
    let written = bench.read(3);
    let texts: Vec<_> = written
        .iter()
        .map(|message| {
            let header = message.headers().unwrap().get(0);
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            format!("{} {}={}", text(message.key()), header.key, text(header.value))
        })
        .collect();
    assert_eq!(texts, ["e event_id=a", "e event_id=b", "f event_id=c"]);
    let record: Value = serde_json::from_slice(written[2].payload().unwrap()).unwrap();
    assert_eq!(record["client"]["client_id"], "f");
    assert_eq!(record["arrival_timestamp"], NOW.0);
    let produced = written[2].timestamp().to_millis().unwrap();
    assert!(produced > NOW.0 - 400 * 86_400_000, "a record has the time of writing: {produced}");
}

#[tokio::test]
async fn a_missing_topic_is_a_hold_until_there_is_one() {
    let bench = Bench::without_topic();
    assert_eq!(bench.send_one().await, Answer::Hold(Code("unknown_topic_or_partition")));
    bench.create_topic();
    bench.send_until(&accepted(1)).await;
}

#[tokio::test]
async fn a_record_that_the_broker_refuses_is_refused_alone() {
    let bench = Bench::start();
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    bench.cluster.request_errors(RDKafkaApiKey::Produce, &[too_large]);
    let Answer::Results { outcomes, .. } = bench.send_one().await else { panic!("no results") };
    let [Outcome::Refused(refusal)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(refusal.code, Code("message_size_too_large"));
    assert_eq!(bench.send_one().await, accepted(1));
}

#[tokio::test]
async fn a_missing_right_is_a_hold_until_it_is_granted() {
    let bench = Bench::start();
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    bench.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
    assert_eq!(bench.send_one().await, Answer::Hold(Code("topic_authorization_failed")));
    bench.send_until(&accepted(1)).await;
}

#[tokio::test]
async fn a_producer_that_the_brokers_refuse_is_a_hold_until_they_take_it() {
    let bench = Bench::start();
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    bench.cluster.request_errors(RDKafkaApiKey::InitProducerId, &[error; 3]);
    bench.send_until(&Answer::Hold(Code("cluster_authorization_failed"))).await;
    bench.send_until(&accepted(1)).await;
}

#[tokio::test]
async fn librdkafka_waits_for_replicas_and_leaders_by_itself() {
    let bench = Bench::start();
    let errors = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    ];
    bench.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    assert_eq!(bench.send_one().await, accepted(1));
    assert_eq!(bench.read(1).len(), 1);
}

#[tokio::test]
async fn records_of_an_outage_come_back() {
    let bench = Bench::giving_up_after("1000");
    bench.create_topic();
    // On a busy machine a second may be too short for the first connection.
    bench.send_until(&accepted(1)).await;
    bench.cluster.broker_down(-1).unwrap();
    assert_eq!(bench.send_one().await, Answer::unknown(Code("message_timed_out")));
}

#[test]
fn a_destination_is_shown_by_its_topic_and_brokers() {
    let config = KafkaConfig {
        topic: TopicName::literal(TOPIC),
        brokers: Some("kafka:9092".into()),
        properties: [].into(),
    };
    let service = ServiceTopics { cluster: Cluster::default(), topics: Vec::new() };
    let destination = KafkaDestination::start(&config, RecordConfig::default(), &service, || NOW);
    assert_eq!(destination.unwrap().to_string(), "topic identity-events at kafka:9092");
}
