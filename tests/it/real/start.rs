//! Where partitions without a commit start, and that those with one go on from it.

use super::scene::Scene;
use crate::support::kafka::Kafka;

pub(super) fn latest_begins_with_what_is_produced_from_then_on() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-start-latest", 2);
    scene.produce(100);
    scene.forget(|_| true);
    let setup = scene.setup().with("source.start", "latest");
    let service = setup.start();
    // The ends are where it begins, and committed as such.
    scene.wait_committed();
    assert_eq!(service.stop(), Some(0));
    // What comes while nobody reads is not skipped: there is a commit now.
    scene.produce(100);
    let service = setup.start();
    scene.conclude().assert_exact();
    assert_eq!(service.metrics().count("records_lost_to_retention_total"), 0);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn a_time_begins_with_the_first_record_of_it() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-start-time", 1);
    scene.produce(100);
    scene.forget(|_| true);
    let last = kafka.client.read_all(&scene.topic).last().and_then(|message| message.timestamp);
    let later = last.expect("a timestamp") + 60_000;
    let after = scene.records(50).into_iter().map(|record| {
        let message = scene.enter(record);
        crate::support::client::Message { timestamp: Some(later), ..message }
    });
    let after: Vec<_> = after.collect();
    kafka.client.produce(&scene.topic, after);
    let start = jiff::Timestamp::from_millisecond(later - 30_000).expect("a time");
    let service = scene.setup().with("source.start", &start.to_string()).start();
    scene.conclude().assert_exact();
    assert_eq!(service.metrics().count("records_consumed_total"), 50);
    assert_eq!(service.stop(), Some(0));
}
