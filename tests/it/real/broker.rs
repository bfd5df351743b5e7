//! The broker is stopped, killed and paused while the service delivers.

use std::time::Duration;

use super::scene::{Scene, assert_balanced, assert_well};
use crate::support::{kafka::Kafka, process::Signal, service::Service, wait::eventually};

/// Longer than it takes to notice that a broker is gone or back.
const NOTICED: Duration = Duration::from_secs(30);

pub(super) fn nothing_is_lost_when_the_broker_is_stopped_killed_and_paused() {
    let mut kafka = Kafka::start();
    let mut scene = Scene::new(&kafka, "real-broker", 4);
    scene.produce(12_000);
    let service = scene.setup().start();
    for (part, end) in [(1, Kafka::stop as fn(&mut Kafka)), (2, Kafka::kill)] {
        scene.wait_accepted(scene.events() * part / 5);
        end(&mut kafka);
        wait_troubled(&service);
        kafka.restart();
    }
    scene.wait_accepted(scene.events() * 3 / 5);
    // It holds its connections open and answers nothing.
    kafka.signal(Signal::Stop);
    wait_troubled(&service);
    kafka.signal(Signal::Cont);
    scene.produce(500);
    scene.conclude();
    assert_well(&service);
    assert_balanced(&service);
    eventually(NOTICED, "the broker's return is told", || {
        (service.metrics().count("source_trouble") == 0).then_some(())
    });
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn a_drain_without_a_broker_ends_before_its_deadline() {
    let mut kafka = Kafka::start();
    let mut scene = Scene::new(&kafka, "real-broker-gone", 2);
    scene.produce(6000);
    let service = scene.setup().with("shutdown.deadline", "10s").start();
    scene.wait_accepted(scene.events() / 5);
    kafka.kill();
    let code = service.stop();
    assert!(matches!(code, Some(0 | 1)), "it ends in good order: {code:?}");
    kafka.restart();
    let next = scene.setup().start();
    scene.conclude();
    assert_eq!(next.stop(), Some(0));
}

/// Waits until the service says that it has no broker; it lives and is ready all the while.
#[track_caller]
fn wait_troubled(service: &Service) {
    eventually(NOTICED, "the broker's absence is told", || {
        assert_well(service);
        (service.metrics().count("source_trouble") == 1).then_some(())
    });
    assert_balanced(service);
}
