//! Memory while everything waits: records that are compressed well, on several brokers, for a destination that
//! is down.

use std::time::Duration;

use pinpoint_sidecar::tools::emulator::Outage;

use super::scene::{Scene, assert_balanced, wait_count};
use crate::support::{client::Message, kafka::Kafka, wait::eventually};

/// Partitions, so that each of the three brokers leads several.
const PARTITIONS: i32 = 24;
/// Records of a partition. In all they take some 300 MB, and 15 MB on the brokers.
const RECORDS: usize = 12_000;
/// What the process may take.
const MOST: u64 = 64 << 20;

pub(super) fn memory_stays_bounded_however_well_records_are_compressed() {
    let mut kafka = Kafka::start();
    kafka.join();
    kafka.join();
    let mut scene = Scene::new(&kafka, "real-memory", PARTITIONS);
    let record = scene.records(1).remove(0);
    let message = scene.enter(record);
    produce(&kafka, &scene.topic, &message);
    scene.outage(Outage::answer(503, "ServiceUnavailable"));
    let service = scene.setup().start();
    wait_count(&service, "intake_paused", 1);
    let mut peak = 0;
    let mut looks = 0;
    eventually(Duration::from_mins(2), "it was looked at for a while", || {
        peak = peak.max(service.peak_memory());
        looks += 1;
        (looks > 100).then_some(())
    });
    assert!(peak <= MOST, "{} MiB", peak >> 20);
    assert_balanced(&service);
    assert!(matches!(service.stop(), Some(0 | 1)));
}

/// Fills each partition with copies of a record, which differ in a number alone.
fn produce(kafka: &Kafka, topic: &str, message: &Message) {
    let properties = [("compression.codec", "zstd"), ("linger.ms", "100"), ("batch.size", "1000000")];
    let value = String::from_utf8(message.value.clone().expect("a value")).expect("text");
    let padding = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) ".repeat(8);
    let messages = (0..RECORDS).flat_map(|number| {
        let value = value.replacen('{', &format!("{{\"padding\":\"{padding}\",\"number\":{number},"), 1);
        (0..PARTITIONS)
            .map(move |partition| Message { partition: Some(partition), ..Message::of(value.as_str()) })
    });
    kafka.client.produce_with(&properties, topic, messages);
}
