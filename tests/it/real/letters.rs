//! Dead letters on a real broker: their headers, and what happens when the broker refuses one.

use super::scene::{LONG, Scene, assert_balanced, wait_says};
use crate::support::{client::Message, kafka::Kafka, wait::eventually};

pub(super) fn a_dead_letter_is_the_record_and_why() {
    let kafka = Kafka::shared();
    let scene = Scene::new(kafka, "real-letter", 1);
    let poison = Message {
        partition: Some(0),
        timestamp: Some(1_795_341_600_000),
        key: Some(b"key".to_vec()),
        value: Some(b"no JSON".to_vec()),
        headers: vec![("theirs".into(), Some(b"kept".to_vec())), ("null".into(), None)],
        ..Message::default()
    };
    kafka.client.produce(&scene.topic, [poison.clone()]);
    let service = scene.setup().start();
    scene.wait_committed();
    let letters = kafka.client.read_all(&scene.letters_topic());
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((&letter.key, &letter.value), (&poison.key, &poison.value));
    assert_eq!(letter.timestamp, poison.timestamp);
    assert_eq!(letter.headers[..2], poison.headers[..]);
    for prefix in ["__connect.errors.", "pinpoint_sidecar."] {
        let header = |name: &str| letter.header(&format!("{prefix}{name}"));
        assert_eq!(header("topic"), Some("real-letter"));
        assert_eq!((header("partition"), header("offset")), (Some("0"), Some("0")));
    }
    assert_eq!(letter.header("pinpoint_sidecar.reason"), Some("not_json"));
    assert_eq!(service.metrics().count("records_dead_lettered_total{reason=\"not_json\"}"), 1);
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn a_dead_letter_that_is_too_large_holds_its_partition_until_the_limit_is_raised() {
    let kafka = Kafka::shared();
    let scene = Scene::new(kafka, "real-large-letter", 2);
    let letters = scene.letters_topic();
    kafka.alter_topic(&letters, &[("max.message.bytes", "50000")]);
    // At random, so that no compression makes it fit.
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(0x80..)).take(100_000).collect();
    let large = Message { partition: Some(0), ..Message::of(noise) };
    let small = Message { partition: Some(1), ..Message::of("no JSON") };
    kafka.client.produce(&scene.topic, [large, small]);
    let service = scene.setup().start();
    wait_says(&service, "raise max.message.bytes of the dead-letter topic");
    // The other partition goes on, its dead letters too.
    eventually(LONG, "the other partition is committed", || (scene.committed()[&1] == 1).then_some(()));
    let status = service.status();
    assert_eq!(
        (&status["holds"][0]["topic"], &status["holds"][0]["partition"]),
        (&scene.topic.as_str().into(), &0.into())
    );
    assert_eq!(scene.committed()[&0], 0);
    assert_eq!(service.page("/readyz").expect("a page").status, 200);
    kafka.alter_topic(&letters, &[("max.message.bytes", "1000000")]);
    scene.wait_committed();
    assert_eq!(kafka.client.read_all(&letters).len(), 2);
    eventually(LONG, "the hold is over", || (service.metrics().count("hold") == 0).then_some(()));
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}
