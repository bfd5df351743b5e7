//! The dead letters against librdkafka's mock cluster: a broker inside the process.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::{Headers as _, OwnedMessage},
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::{sync::mpsc, time::timeout};

use super::*;
use crate::core::{
    code::Code,
    dead_letter::tests::dead_letter,
    record::Record,
    redrive::{
        REDRIVE_HEADER, Redriven, Selection,
        letter::{Entry, Letter},
    },
    time::Timestamp,
};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(30);
const TOPIC: &str = "dead-letters";

struct Bench {
    cluster: MockCluster<'static, DefaultProducerContext>,
    dead_letters: KafkaDeadLetters,
    outcomes: mpsc::Receiver<(DeadLetterId, WriteOutcome)>,
}

impl Bench {
    fn new() -> Self {
        Self::giving_up_after("15000")
    }

    /// A writer whose dead letters fail after this many milliseconds.
    fn giving_up_after(milliseconds: &str) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        let reached = Cluster { brokers: cluster.bootstrap_servers(), ..Cluster::default() };
        let (sender, outcomes) = mpsc::channel(2);
        let mut client = producer::properties(&reached, &[]);
        client.set("message.timeout.ms", milliseconds);
        let dead_letters = KafkaDeadLetters::with_client(client, TOPIC, sender).unwrap();
        Self { cluster, dead_letters, outcomes }
    }

    async fn outcome(&mut self) -> (u64, WriteOutcome) {
        let (id, outcome) = timeout(DEADLINE, self.outcomes.recv()).await.unwrap().unwrap();
        (id.0, outcome)
    }

    async fn outcome_of(&mut self, id: u64) -> WriteOutcome {
        self.dead_letters.write(dead_letter(id));
        self.outcome().await.1
    }

    fn read(&self) -> OwnedMessage {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.cluster.bootstrap_servers()).set("group.id", "reader");
        let consumer: BaseConsumer = client.create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(TOPIC, 0, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        consumer.poll(DEADLINE).unwrap().unwrap().detach()
    }
}

#[tokio::test]
async fn a_dead_letter_is_the_record_and_what_happened() {
    let mut bench = Bench::new();
    bench.cluster.create_topic(TOPIC, 1, 1).unwrap();
    bench.dead_letters.write(dead_letter(7));
    assert_eq!(bench.outcome().await, (7, WriteOutcome::Written));
    let written = bench.read();
    assert_eq!((written.key(), written.payload()), (Some(b"key".as_slice()), Some(b"value".as_slice())));
    assert_eq!(written.timestamp().to_millis(), Some(1_700_000_000_000));
    let headers: Vec<_> = written
        .headers()
        .unwrap()
        .iter()
        .map(|header| (header.key.to_owned(), header.value.map(String::from_utf8_lossy)))
        .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("(null)")))
        .collect();
    let expected = [
        "trace=1",
        "empty=(null)",
        "__connect.errors.topic=logins",
        "__connect.errors.partition=3",
        "__connect.errors.offset=42",
        "pinpoint_sidecar.topic=logins",
        "pinpoint_sidecar.partition=3",
        "pinpoint_sidecar.offset=42",
        "pinpoint_sidecar.timestamp=1700000000000",
        "__connect.errors.exception.class.name=pinpoint_sidecar.not_json",
        "__connect.errors.exception.message=expected value at line 1",
        "pinpoint_sidecar.reason=not_json",
        "pinpoint_sidecar.message=expected value at line 1",
        "pinpoint_sidecar.destination=shop",
        "pinpoint_sidecar.event_id=e1:session",
    ];
    assert_eq!(headers, expected);
}

/// Writes a letter and reads it back as `redrive` does.
async fn read_back(letter: DeadLetter) -> (Record, Letter) {
    let mut bench = Bench::new();
    bench.cluster.create_topic(TOPIC, 1, 1).unwrap();
    bench.dead_letters.write(letter);
    assert_eq!(bench.outcome().await.1, WriteOutcome::Written);
    let message = bench.read();
    let headers = message.headers().unwrap().iter();
    let headers = headers.map(|header| (header.key.into(), header.value.map(Box::from))).collect();
    let record = Record { headers, ..(*dead_letter(1).record).clone() };
    match Entry::read(&record) {
        Entry::Letter(letter) => (record, letter),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_letter_is_read_as_it_was_written() {
    let (record, letter) = read_back(dead_letter(1)).await;
    assert_eq!((&*letter.topic, letter.partition, letter.offset), ("logins", 3, 42));
    assert_eq!((&*letter.reason, letter.timestamp), ("not_json", Some(Timestamp(1_700_000_000_000))));
    assert_eq!(letter.selection, Selection::one("shop".into(), "e1:session".into()));
    assert_eq!(
        (letter.attempts, letter.original_headers(&record)),
        (0, dead_letter(1).record.headers.clone())
    );
}

#[tokio::test]
async fn a_letter_about_a_redriven_record_names_the_original_and_counts_the_attempts() {
    let mut letter = dead_letter(1);
    let record = Arc::get_mut(&mut letter.record).unwrap();
    let original = record.headers.clone();
    record.headers.push((REDRIVE_HEADER.into(), Some((*b"sealed").into())));
    let redriven = Redriven {
        topic: "others".into(),
        partition: 1,
        offset: 7,
        timestamp: None,
        attempts: 2,
        send: vec![Selection::WHOLE],
    };
    record.redriven = Some(Arc::new(redriven));
    letter.selection = Selection { destination: None, events: vec!["a".into(), "b".into()] };
    let (record, letter) = read_back(letter).await;
    assert_eq!((&*letter.topic, letter.partition, letter.offset, letter.timestamp), ("others", 1, 7, None));
    assert_eq!(letter.selection, Selection { destination: None, events: vec!["a".into(), "b".into()] });
    assert_eq!((letter.attempts, letter.original_headers(&record)), (2, original));
}

#[tokio::test]
async fn every_dead_letter_has_one_outcome_even_if_nobody_listens_for_a_while() {
    let mut bench = Bench::new();
    bench.cluster.create_topic(TOPIC, 4, 1).unwrap();
    for id in 0..100 {
        bench.dead_letters.write(dead_letter(id));
    }
    let mut outcomes = BTreeMap::new();
    while outcomes.len() < 100 {
        let (id, outcome) = bench.outcome().await;
        assert_eq!(outcomes.insert(id, outcome), None, "dead letter {id} has two outcomes");
    }
    assert!(outcomes.values().all(|outcome| *outcome == WriteOutcome::Written));
}

#[tokio::test]
async fn a_missing_topic_refuses_until_there_is_one() {
    let mut bench = Bench::new();
    bench.dead_letters.write(dead_letter(1));
    assert_eq!(bench.outcome().await, (1, WriteOutcome::Refused(Code("unknown_topic_or_partition"))));
    bench.cluster.create_topic(TOPIC, 1, 1).unwrap();
    let written = async {
        while bench.outcome_of(2).await != WriteOutcome::Written {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, written).await.unwrap();
}

#[tokio::test]
async fn a_record_that_the_broker_refuses_is_reported_as_refused() {
    let mut bench = Bench::new();
    bench.cluster.create_topic(TOPIC, 1, 1).unwrap();
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    bench.cluster.request_errors(RDKafkaApiKey::Produce, &[too_large]);
    bench.dead_letters.write(dead_letter(1));
    assert_eq!(bench.outcome().await, (1, WriteOutcome::Refused(Code("message_size_too_large"))));
    bench.dead_letters.write(dead_letter(2));
    assert_eq!(bench.outcome().await, (2, WriteOutcome::Written));
}

#[tokio::test]
async fn a_refused_producer_reports_its_dead_letters_as_refused_until_it_is_allowed() {
    let mut bench = Bench::new();
    bench.cluster.create_topic(TOPIC, 1, 1).unwrap();
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    bench.cluster.request_errors(RDKafkaApiKey::InitProducerId, &[error; 3]);
    let mut outcomes = Vec::new();
    let written = async {
        while outcomes.last() != Some(&WriteOutcome::Written) {
            let outcome = bench.outcome_of(1).await;
            outcomes.push(outcome);
        }
    };
    timeout(DEADLINE, written).await.unwrap();
    let code = Code("cluster_authorization_failed");
    // The first purged record comes too early to have the reason, and the last one after a replacement is
    // written.
    let refused = outcomes.iter().filter(|outcome| **outcome == WriteOutcome::Refused(code)).count();
    assert!(refused >= 3 && refused + 2 >= outcomes.len(), "{outcomes:?}");
}

#[tokio::test]
async fn dead_letters_of_an_outage_come_back() {
    let mut bench = Bench::giving_up_after("1000");
    bench.cluster.create_topic(TOPIC, 1, 1).unwrap();
    // On a busy machine a second may be too short for the first connection.
    let connected = async { while bench.outcome_of(1).await != WriteOutcome::Written {} };
    timeout(DEADLINE, connected).await.unwrap();
    bench.cluster.broker_down(-1).unwrap();
    bench.dead_letters.write(dead_letter(2));
    assert_eq!(bench.outcome().await, (2, WriteOutcome::Again(Code("message_timed_out"))));
}
