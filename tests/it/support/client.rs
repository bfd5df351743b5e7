//! A plain client of a cluster, real or embedded: it produces, reads back, and asks for ends and commits.
//!
//! Knows nothing of the service: it sees what any other client would see.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use rdkafka::{
    ClientConfig, ClientContext, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Header, Headers, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
};

use super::wait::eventually;

/// Longer than any operation takes on a loaded machine, even while a broker restarts.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A message to produce, or a message that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// `None` lets the key decide.
    pub(crate) partition: Option<i32>,
    pub(crate) offset: Option<i64>,
    /// In milliseconds since 1970; `None` takes the time of producing.
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    /// `None` makes a tombstone.
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Message {
    /// A message without a key, like those of the most used publisher.
    pub(crate) fn of(value: impl Into<Vec<u8>>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Brokers as `host:port`, separated by commas.
    pub(crate) bootstrap: String,
}

impl Client {
    /// Produces messages in order, and waits until all are acknowledged.
    #[track_caller]
    pub(crate) fn produce(&self, topic: &str, messages: impl IntoIterator<Item = Message>) {
        self.produce_with(&[("linger.ms", "5")], topic, messages);
    }

    /// As [`Self::produce`], with properties of the producer.
    #[track_caller]
    pub(crate) fn produce_with(
        &self,
        properties: &[(&str, &str)],
        topic: &str,
        messages: impl IntoIterator<Item = Message>,
    ) {
        let mut config = self.config();
        config.set("enable.idempotence", "true");
        for (key, value) in properties {
            config.set(*key, *value);
        }
        let producer: BaseProducer<Failures> =
            config.create_with_context(Failures::default()).expect("a producer");
        for message in messages {
            enqueue(&producer, topic, &message);
        }
        producer.flush(TIMEOUT).expect("everything is acknowledged");
        let failures = producer.context().0.lock().unwrap();
        assert!(failures.is_empty(), "not acknowledged: {failures:?}");
    }

    /// All messages of a topic, partition by partition.
    pub(crate) fn read_all(&self, topic: &str) -> Vec<Message> {
        let consumer = self.consumer("reads-without-a-group");
        let mut open: BTreeMap<i32, i64> = BTreeMap::new();
        let mut start = TopicPartitionList::new();
        for (partition, (low, high)) in watermarks(&consumer, topic) {
            start.add_partition_offset(topic, partition, Offset::Offset(low)).expect("a valid offset");
            open.insert(partition, high);
        }
        open.retain(|_, end| *end > 0);
        consumer.assign(&start).expect("partitions can be assigned");
        let mut messages = Vec::new();
        eventually(TIMEOUT, "the topic is read to its end", || {
            while let Some(event) = consumer.poll(Duration::from_millis(10)) {
                match event {
                    Ok(message) => messages.push(owned(&message)),
                    // Offsets have gaps, so only the broker knows the end.
                    Err(KafkaError::PartitionEOF(partition)) => drop(open.remove(&partition)),
                    Err(_) => {}
                }
            }
            open.is_empty().then_some(())
        });
        messages.sort_by_key(|message| (message.partition, message.offset));
        messages
    }

    /// The offset of the next message of each partition.
    pub(crate) fn ends(&self, topic: &str) -> BTreeMap<i32, i64> {
        let consumer = self.consumer("looks-at-ends");
        watermarks(&consumer, topic).into_iter().map(|(partition, (_, high))| (partition, high)).collect()
    }

    /// The committed positions of a group, for each partition with a commit.
    pub(crate) fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        self.commits(group, topic)
            .into_iter()
            .map(|(partition, (position, _))| (partition, position))
            .collect()
    }

    /// The committed positions of a group with their metadata, for each partition with a commit.
    pub(crate) fn commits(&self, group: &str, topic: &str) -> BTreeMap<i32, (i64, String)> {
        let consumer = self.consumer(group);
        let mut list = TopicPartitionList::new();
        for partition in watermarks(&consumer, topic).into_keys() {
            list.add_partition(topic, partition);
        }
        let committed = eventually(TIMEOUT, "the group's commits are known", || {
            consumer.committed_offsets(list.clone(), Duration::from_secs(5)).ok()
        });
        let position = |offset: Offset| offset.to_raw().filter(|offset| *offset >= 0);
        let commits = committed.elements().into_iter().filter_map(|element| {
            Some((element.partition(), (position(element.offset())?, element.metadata().to_owned())))
        });
        commits.collect()
    }

    /// Commits for a group that has no members, as a tool that resets offsets would.
    #[track_caller]
    pub(crate) fn commit(&self, group: &str, topic: &str, partition: i32, position: i64, metadata: &str) {
        let consumer = self.consumer(group);
        let mut list = TopicPartitionList::new();
        let mut element = list.add_partition(topic, partition);
        element.set_offset(Offset::Offset(position)).expect("a valid offset");
        if !metadata.is_empty() {
            element.set_metadata(metadata);
        }
        consumer.commit(&list, CommitMode::Sync).expect("the group has no members");
    }

    /// The groups of a real cluster that have members or commits.
    pub(crate) fn groups(&self) -> Vec<String> {
        let consumer = self.consumer("asks-for-groups");
        let list = eventually(TIMEOUT, "the groups are known", || {
            consumer.fetch_group_list(None, Duration::from_secs(5)).ok()
        });
        list.groups().iter().map(|group| group.name().to_owned()).collect()
    }

    /// Writes to both of a topic's partitions and reads back.
    #[track_caller]
    pub(crate) fn check_round_trip(&self, topic: &str) {
        let whole = Message {
            partition: Some(1),
            offset: None,
            timestamp: Some(1_795_341_600_000),
            key: Some(b"key".to_vec()),
            value: Some(b"value".to_vec()),
            headers: vec![("name".into(), Some(b"text".to_vec())), ("null".into(), None)],
        };
        let tombstone = Message { key: Some(b"key".to_vec()), value: None, ..whole.clone() };
        let elsewhere = Message { partition: Some(0), ..whole.clone() };
        self.produce(topic, [whole.clone(), tombstone.clone(), elsewhere.clone()]);
        let read = |message: Message, offset| Message { offset: Some(offset), ..message };
        assert_eq!(self.read_all(topic), [read(elsewhere, 0), read(whole.clone(), 0), read(tombstone, 1)]);
        assert_eq!(whole.header("name"), Some("text"));
        assert_eq!(self.ends(topic), BTreeMap::from([(0, 1), (1, 2)]));
        assert_eq!(self.committed("never-committed", topic), BTreeMap::new());
    }

    /// The configuration that every client of this cluster starts from.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        // Reconnect soon after a broker's restart.
        config.set("reconnect.backoff.max.ms", "500");
        config
    }

    /// A consumer that joins no group: it only asks, or assigns partitions to itself.
    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut config = self.config();
        config.set("group.id", group).set("enable.auto.commit", "false").set("enable.partition.eof", "true");
        config.create().expect("a consumer")
    }
}

/// The messages that were not acknowledged.
#[derive(Default)]
struct Failures(Mutex<Vec<KafkaError>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().unwrap().push(error.clone());
        }
    }
}

fn enqueue(producer: &BaseProducer<Failures>, topic: &str, message: &Message) {
    let mut record = BaseRecord::<[u8], [u8]>::to(topic);
    record.partition = message.partition;
    record.timestamp = message.timestamp;
    record.key = message.key.as_deref();
    record.payload = message.value.as_deref();
    if !message.headers.is_empty() {
        let headers = message.headers.iter().map(|(key, value)| Header { key, value: value.as_ref() });
        record.headers = Some(headers.fold(OwnedHeaders::new(), OwnedHeaders::insert));
    }
    while let Err((error, refused)) = producer.send(record) {
        let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
        assert!(full, "the message cannot be produced: {error}");
        producer.poll(Duration::from_millis(100));
        record = refused;
    }
}

fn owned(message: &BorrowedMessage<'_>) -> Message {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Message {
        partition: Some(message.partition()),
        offset: Some(message.offset()),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
    }
}

/// The first and the next offset of each partition; waits for a topic that is being created.
fn watermarks(consumer: &BaseConsumer, topic: &str) -> BTreeMap<i32, (i64, i64)> {
    let short = Duration::from_secs(5);
    eventually(TIMEOUT, "the topic's partitions are known", || {
        let metadata = consumer.fetch_metadata(Some(topic), short).ok()?;
        let partitions = metadata.topics().first()?.partitions();
        let bounds = partitions.iter().map(|partition| {
            let bounds = consumer.fetch_watermarks(topic, partition.id(), short).ok()?;
            Some((partition.id(), bounds))
        });
        bounds.collect::<Option<BTreeMap<_, _>>>().filter(|bounds| !bounds.is_empty())
    })
}
