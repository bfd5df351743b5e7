//! Topics that come late, are made anew, lose records to retention, or have gaps.

use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::scene::{Scene, assert_balanced, wait_says};
use crate::support::{client::Message, kafka::Kafka, wait::eventually};

/// Longer than any single step of a broker's takes.
const STEP: Duration = Duration::from_mins(1);

pub(super) fn a_topic_that_does_not_exist_is_waited_for() {
    let kafka = Kafka::shared();
    let mut scene = Scene::before_the_topic(kafka, "real-late-topic", 2);
    let service = scene.setup().start();
    wait_says(&service, "topic does not exist; waiting for it");
    assert_eq!(service.metrics().count("topics_missing"), 1);
    kafka.create_topic(&scene.topic, 2, &[]);
    scene.produce(300);
    scene.conclude().assert_exact();
    eventually(STEP, "the topic is not missing any more", || {
        (service.metrics().count("topics_missing") == 0).then_some(())
    });
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn a_topic_that_was_made_anew_is_read_from_its_beginning() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-made-anew", 2);
    scene.produce(600);
    let service = scene.setup().start();
    scene.conclude().assert_exact();
    kafka.delete_topic(&scene.topic);
    wait_says(&service, "topic does not exist; waiting for it");
    kafka.create_topic(&scene.topic, 2, &[]);
    scene.begin_again();
    scene.produce(200);
    scene.conclude().assert_exact();
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn a_topic_that_was_made_anew_at_once_is_read_from_its_beginning() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-made-anew-at-once", 2);
    scene.produce(600);
    let service = scene.setup().start();
    scene.conclude().assert_exact();
    kafka.delete_topic(&scene.topic);
    kafka.create_topic(&scene.topic, 2, &[]);
    scene.begin_again();
    scene.produce(200);
    scene.conclude().assert_exact();
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn records_that_expired_before_they_were_read_are_an_error() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-expired", 2);
    scene.produce(200);
    let service = scene.setup().start();
    scene.conclude().assert_exact();
    assert_eq!(service.stop(), Some(0));
    scene.produce(200);
    kafka.delete_records(&scene.topic, &[(0, 150), (1, 100)]);
    scene.forget(|(partition, offset)| partition == 0 && (100..150).contains(&offset));
    let service = scene.setup().start();
    scene.conclude().assert_exact();
    wait_says(&service, "records expired before they were read: they are lost; raise the topic's retention");
    assert_eq!(service.metrics().count("records_lost_to_retention_total"), 50);
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn records_that_expired_before_a_first_start_are_no_loss() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-expired-first", 1);
    scene.produce(200);
    kafka.delete_records(&scene.topic, &[(0, 50)]);
    scene.forget(|(_, offset)| offset < 50);
    // Without a commit the oldest record is where to start: nothing is known of those before it.
    let service = scene.setup().start();
    scene.conclude().assert_exact();
    assert_eq!(service.metrics().count("records_lost_to_retention_total"), 0);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn transactions_are_read_when_they_are_committed_and_their_gaps_are_no_loss() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-transactions", 1);
    let mut config = kafka.client.config();
    config.set("transactional.id", "real-transactions");
    let producer: BaseProducer = config.create().expect("a producer");
    producer.init_transactions(STEP).expect("the broker knows transactions");
    for aborted in [false, true, false] {
        let records = scene.records(50);
        let messages: Vec<_> = if aborted {
            records.into_iter().map(|record| Message::of(record.value.expect("a value"))).collect()
        } else {
            records.into_iter().map(|record| scene.enter(record)).collect()
        };
        producer.begin_transaction().expect("a transaction");
        for message in &messages {
            let value = message.value.as_deref().expect("a value");
            let record = BaseRecord::<[u8], [u8]>::to(&scene.topic).partition(0).payload(value);
            assert!(producer.send(record).is_ok(), "the queue is large enough");
        }
        producer.flush(STEP).expect("everything is acknowledged");
        if aborted {
            producer.abort_transaction(STEP).expect("aborted");
        } else {
            producer.commit_transaction(STEP).expect("committed");
        }
    }
    let service = scene.setup().start();
    scene.wait_accepted(scene.events());
    scene.wait_committed();
    eventually(STEP, "there is no lag, although the last record was a marker", || {
        (service.metrics().count("consumer_lag") == 0).then_some(())
    });
    scene.verdict().assert_exact();
    assert_eq!(service.metrics().count("records_consumed_total"), 100);
    assert_eq!(service.metrics().count("records_lost_to_retention_total"), 0);
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
    // When the markers expire, nothing is lost that could have been read.
    let end = kafka.client.ends(&scene.topic)[&0];
    kafka.delete_records(&scene.topic, &[(0, end)]);
    scene.cut(0, end);
    scene.produce(1);
    let service = scene.setup().start();
    scene.conclude().assert_exact();
    assert_eq!(service.metrics().count("records_lost_to_retention_total"), 0);
    assert_eq!(service.stop(), Some(0));
}
