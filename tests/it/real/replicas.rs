//! Partitions change hands while the destination is down.

use pinpoint_sidecar::tools::emulator::Outage;

use super::{
    restart::wait_owned,
    scene::{Scene, assert_balanced, wait_count, wait_says},
};
use crate::support::kafka::Kafka;

pub(super) fn a_partition_is_handed_over_while_the_destination_is_down() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-handed-over", 4);
    let first = scene.setup().start();
    wait_owned(&[(&first, 4)]);
    scene.outage(Outage::unavailable());
    scene.produce(2000);
    wait_count(&first, "records_consumed_total", 2000);
    let second = scene.setup().start();
    wait_owned(&[(&first, 2), (&second, 2)]);
    wait_says(&first, "partition given up with unsettled records");
    scene.mend();
    let verdict = scene.conclude();
    // A letter is written while the events before it wait; whoever reads its record next writes it again.
    let events: Vec<_> = verdict.duplicates.keys().filter(|id| !id.starts_with("letter")).collect();
    assert!(events.is_empty(), "accepted more than once: {events:?}");
    assert!(first.metrics().count("records_released_total") > 0);
    assert_balanced(&first);
    assert_balanced(&second);
    assert_eq!((first.stop(), second.stop()), (Some(0), Some(0)));
}
