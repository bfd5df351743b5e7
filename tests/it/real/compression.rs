//! Records in every compression that producers use.

use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::scene::Scene;
use crate::support::kafka::Kafka;

pub(super) fn records_are_read_in_every_compression() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-compression", 1);
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        let mut config = kafka.client.config();
        config.set("compression.codec", codec).set("linger.ms", "50");
        let producer: BaseProducer = config.create().expect("a producer");
        for produced in scene.records(100) {
            let message = scene.enter(produced);
            let value = message.value.as_deref().expect("a value");
            let record = BaseRecord::<[u8], [u8]>::to(&scene.topic).partition(0).payload(value);
            assert!(producer.send(record).is_ok(), "the queue is large enough");
        }
        producer.flush(Duration::from_mins(1)).expect("everything is acknowledged");
    }
    let service = scene.setup().start();
    scene.conclude().assert_exact();
    assert_eq!(service.metrics().count("records_accepted_total"), 400);
    assert_eq!(service.stop(), Some(0));
}
