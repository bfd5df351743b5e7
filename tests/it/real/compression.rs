//! Records in every compression that producers use.

use super::scene::{LONG, Scene, assert_balanced, wait_says};
use crate::support::{kafka::Kafka, wait::eventually};

pub(super) fn records_are_read_in_every_compression() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-compression", 1);
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        produce(kafka, &mut scene, codec);
    }
    let service = scene.setup().start();
    scene.conclude().assert_exact();
    assert_eq!(service.metrics().count("records_accepted_total"), 400);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn a_batch_that_cannot_be_decompressed_holds_its_partition_until_it_is_restored() {
    let mut kafka = Kafka::start();
    let mut scene = Scene::new(&kafka, "real-damaged", 1);
    let mut other = Scene::new(&kafka, "real-damaged-not", 1);
    produce(&kafka, &mut scene, "zstd");
    produce(&kafka, &mut scene, "zstd");
    kafka.stop();
    kafka.flip(&scene.topic, 0, 100);
    kafka.restart();
    let topics = format!("[{}, {}]", scene.topic, other.topic);
    let service = scene.setup().with("source.topics", &topics).start();
    wait_says(
        &service,
        "the next records cannot be read: the partition is on hold; restore the partition's log",
    );
    let status = service.page("/status").expect("the admin pages are served").body;
    for part in ["\"cause\": \"unreadable\"", "\"code\": \"bad_compression\"", "\"topic\": \"real-damaged\""]
    {
        assert!(status.contains(part), "{part} is not in {status}");
    }
    assert_eq!(scene.committed()[&0], 100, "what is before it is settled");
    // Other partitions go on.
    produce(&kafka, &mut other, "zstd");
    eventually(LONG, "the other topic is committed", || {
        (scene.client.committed(&scene.topic, &other.topic).get(&0) == Some(&100)).then_some(())
    });
    assert_eq!(service.metrics().count("hold"), 1);
    kafka.stop();
    kafka.flip(&scene.topic, 0, 100);
    kafka.restart();
    scene.wait_committed();
    // If the hold lasted for a minute, the partition was started again meanwhile, and the log does not say that it
    // can be read.
    eventually(LONG, "the hold ends", || (service.metrics().count("hold") == 0).then_some(()));
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

/// Produces a batch of 100 records.
fn produce(kafka: &Kafka, scene: &mut Scene, codec: &str) {
    let properties = [("compression.codec", codec), ("linger.ms", "50")];
    let records = scene.records(100);
    let messages: Vec<_> = records.into_iter().map(|record| scene.enter(record)).collect();
    kafka.client.produce_with(&properties, &scene.topic, messages);
}
