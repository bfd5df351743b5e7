//! The table against librdkafka's mock cluster: a broker inside the process, which creates no topics and
//! compacts nothing.

use rdkafka::{
    ClientConfig,
    mocking::MockCluster,
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _},
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::time::timeout;

use super::*;
use crate::core::{code::Code, units::Span};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(30);
const TOPIC: &str = "sessions";

struct Bench {
    cluster: MockCluster<'static, DefaultProducerContext>,
    table: KafkaTable,
}

impl Bench {
    /// A table whose topic has this many partitions and holds these records, or does not exist yet.
    fn new(partitions: i32, records: &[(&str, Option<&[u8]>)]) -> Self {
        Self::with_timeout(partitions, records, DEADLINE)
    }

    fn with_timeout(partitions: i32, records: &[(&str, Option<&[u8]>)], load_timeout: Duration) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        if partitions > 0 {
            cluster.create_topic(TOPIC, partitions, 1).unwrap();
            produce(&cluster, records);
        }
        let table = start(&cluster, load_timeout);
        Self { cluster, table }
    }

    async fn next(&mut self) -> TableEvent {
        timeout(DEADLINE, self.table.next()).await.unwrap()
    }

    /// Takes all events until the table is loaded: the entries, how many were ignored, and the last progress.
    async fn load(&mut self) -> (Vec<String>, u64, (u64, u64)) {
        let (mut entries, mut ignored, mut progress) = (Vec::new(), 0, (0, 0));
        loop {
            match self.next().await {
                TableEvent::Entries(read) => entries.extend(read.iter().map(shown)),
                TableEvent::Ignored(records) => ignored += records,
                TableEvent::Loading { read, of } => progress = (read, of),
                TableEvent::Loaded => break,
                _ => {}
            }
        }
        entries.sort();
        (entries, ignored, progress)
    }

    async fn entry(&mut self) -> String {
        loop {
            if let TableEvent::Entries(read) = self.next().await {
                return read.iter().map(shown).collect::<Vec<_>>().join(" ");
            }
        }
    }

    async fn outcome_of(&mut self, id: u64, entries: Vec<Entry>) -> WriteOutcome {
        self.table.write(Some(WriteId(id)), entries);
        loop {
            if let TableEvent::Written(WriteId(written), outcome) = self.next().await {
                assert_eq!(written, id);
                return outcome;
            }
        }
    }
}

fn start(cluster: &MockCluster<'_, DefaultProducerContext>, load_timeout: Duration) -> KafkaTable {
    let config = TableConfig { topic: TOPIC.parse().unwrap(), load_timeout: Span(load_timeout) };
    let cluster = Cluster { brokers: cluster.bootstrap_servers(), ..Cluster::default() };
    KafkaTable::start(&config, &cluster, "group", Duration::from_hours(24)).unwrap()
}

fn produce(cluster: &MockCluster<'_, DefaultProducerContext>, records: &[(&str, Option<&[u8]>)]) {
    let mut client = ClientConfig::new();
    let producer: BaseProducer =
        client.set("bootstrap.servers", cluster.bootstrap_servers()).create().unwrap();
    for (key, value) in records {
        let mut record = BaseRecord::<str, [u8]>::to(TOPIC).key(key);
        record.payload = *value;
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(DEADLINE).unwrap();
}

fn entry(key: &str, value: &str) -> Entry {
    Entry { key: key.into(), value: value.into() }
}

fn shown(entry: &Entry) -> String {
    format!("{}={}", entry.key, entry.value)
}

#[tokio::test]
async fn existing_entries_are_read_before_it_is_loaded_and_later_ones_afterwards() {
    let records: [(&str, Option<&[u8]>); 5] =
        [("a", Some(b"1")), ("b", Some(b"2")), ("a", Some(b"3")), ("c", None), ("d", Some(b"\xff"))];
    let mut bench = Bench::new(3, &records);
    let (entries, ignored, progress) = bench.load().await;
    assert_eq!((entries.join(" ").as_str(), ignored, progress), ("a=1 a=3 b=2", 2, (5, 5)));
    produce(&bench.cluster, &[("e", Some(b"5"))]);
    assert_eq!(bench.entry().await, "e=5");
}

#[tokio::test]
async fn an_empty_table_is_loaded_at_once() {
    assert_eq!(Bench::new(2, &[]).load().await, (Vec::new(), 0, (0, 0)));
}

#[tokio::test]
async fn a_large_table_is_read_whole_though_nobody_hurries() {
    let records: Vec<_> = (0..5000).map(|number| format!("key {number}")).collect();
    let records: Vec<(&str, Option<&[u8]>)> =
        records.iter().map(|key| (key.as_str(), Some(b"value".as_slice()))).collect();
    let mut bench = Bench::new(2, &records);
    let (entries, _, progress) = bench.load().await;
    assert_eq!((entries.len(), progress), (5000, (5000, 5000)));
}

#[tokio::test]
async fn a_write_is_acknowledged_once_all_its_entries_can_be_read() {
    let mut bench = Bench::new(3, &[]);
    bench.load().await;
    let written = bench.outcome_of(7, vec![entry("a", "1"), entry("b", "2")]).await;
    assert_eq!(written, WriteOutcome::Written);
    let mut other = Bench { table: start(&bench.cluster, DEADLINE), cluster: MockCluster::new(1).unwrap() };
    assert_eq!(other.load().await.0, ["a=1", "b=2"]);
    assert_eq!(bench.outcome_of(8, Vec::new()).await, WriteOutcome::Written, "there is nothing to write");
}

#[tokio::test]
async fn a_permanent_refusal_by_the_broker_is_reported() {
    let mut bench = Bench::new(1, &[]);
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    bench.cluster.request_errors(RDKafkaApiKey::Produce, &[refused]);
    let outcome = bench.outcome_of(1, vec![entry("a", "1")]).await;
    assert_eq!(outcome, WriteOutcome::Refused(Code("message_size_too_large")));
    assert_eq!(bench.outcome_of(2, vec![entry("a", "1")]).await, WriteOutcome::Written);
}

#[tokio::test]
async fn a_topic_that_cannot_be_made_is_waited_for() {
    let mut bench = Bench::new(0, &[]);
    let missing = |event| matches!(event, TableEvent::Connection(Some(Code("table_topic_missing"))));
    while !missing(bench.next().await) {}
    bench.cluster.create_topic(TOPIC, 1, 1).unwrap();
    produce(&bench.cluster, &[("a", Some(b"1"))]);
    while !matches!(bench.next().await, TableEvent::Connection(None)) {}
    assert_eq!(bench.load().await.0.len(), 1);
}

#[tokio::test]
async fn a_table_that_may_not_be_read_is_trouble_until_it_is_read_again() {
    let mut bench = Bench::new(1, &[("a", Some(b"1"))]);
    bench.load().await;
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 1000];
    bench.cluster.request_errors(RDKafkaApiKey::Fetch, &refused);
    let trouble = Code("topic_authorization_failed");
    while !matches!(bench.next().await, TableEvent::Connection(Some(code)) if code == trouble) {}
    produce(&bench.cluster, &[("b", Some(b"2"))]);
    // The broker's answers to other questions meanwhile change nothing.
    let mut last = Some(trouble);
    while let Ok(event) = timeout(Duration::from_secs(3), bench.table.next()).await {
        last = if let TableEvent::Connection(code) = event { code } else { last };
    }
    assert_eq!(last, Some(trouble));
    bench.cluster.clear_request_errors(RDKafkaApiKey::Fetch);
    while !matches!(bench.next().await, TableEvent::Connection(None)) {}
    assert_eq!(bench.entry().await, "b=2");
}

#[tokio::test]
async fn a_first_reading_that_takes_too_long_fails() {
    let mut bench = Bench::with_timeout(0, &[], Duration::from_secs(1));
    let code = loop {
        match bench.next().await {
            TableEvent::Failed(code) => break code,
            TableEvent::Loaded => panic!("there is no topic"),
            _ => {}
        }
    };
    assert_eq!(code, Code("table_load_timeout"));
    assert!(timeout(Duration::from_millis(200), bench.table.next()).await.is_err(), "nothing follows");
}
