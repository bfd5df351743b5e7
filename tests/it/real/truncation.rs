//! The brokers lose the end of a partition's log, as in a power failure or after an unclean election.

use std::time::Duration;

use pinpoint_sidecar::tools::emulator::Outage;

use super::scene::{Scene, assert_balanced, wait_count, wait_says};
use crate::support::{client::Message, kafka::Kafka, process::Signal, service::Service, wait::eventually};

/// How many records are produced at once, so that a log can be cut off in between.
const PART: usize = 100;
/// The end of what is left of a log: two parts.
const CUT: i64 = 200;
/// What the log says.
const LOST: &str = "the brokers lost the end of a partition's log: records that nobody read may be lost";
/// How long a service keeps its partitions while its broker is away: longer than a broker takes to start.
const AWAY: Duration = Duration::from_mins(1);
/// How long the service may take to notice.
const NOTICED: Duration = Duration::from_mins(1);

pub(super) fn a_log_that_lost_its_end_while_it_was_read_is_read_on_from_there() {
    let (mut kafka, mut scenes) = deliver_three_parts(&["real-cut-short", "real-cut-other"]);
    let services: Vec<_> = scenes.iter().map(|scene| scene.setup_for(AWAY).start()).collect();
    kafka.kill();
    cut(&kafka, &mut scenes);
    kafka.restart();
    for (scene, service) in scenes.iter_mut().zip(&services) {
        // The log is shorter than the position.
        wait_count(service, "logs_changed_total", 1);
        produce(scene, PART / 2);
        conclude(scene, service);
        produce(scene, PART * 3);
        conclude(scene, service);
    }
    for service in services {
        assert_eq!(service.stop(), Some(0));
    }
}

pub(super) fn a_log_that_lost_its_end_and_grew_is_read_on_from_where_it_was_cut_off() {
    let (mut kafka, mut scenes) = deliver_three_parts(&["real-cut-stopped", "real-cut-frozen"]);
    let stopped = scenes[0].setup().start();
    let frozen = scenes[1].setup().start();
    for (scene, service) in scenes.iter_mut().zip([&stopped, &frozen]) {
        produce(scene, PART);
        scene.conclude().assert_exact();
        assert_eq!(service.metrics().count("logs_changed_total"), 0);
    }
    assert_eq!(stopped.stop(), Some(0));
    frozen.signal(Signal::Stop);
    kafka.kill();
    cut(&kafka, &mut scenes);
    kafka.restart();
    // The log is longer than the position, and the records before the position are others.
    for scene in &mut scenes {
        produce(scene, PART * 4);
    }
    frozen.signal(Signal::Cont);
    let restarted = scenes[0].setup().start();
    for (scene, service) in scenes.iter().zip([&restarted, &frozen]) {
        conclude(scene, service);
    }
    assert_eq!((restarted.stop(), frozen.stop()), (Some(0), Some(0)));
    // What was lost is reported once.
    let again = scenes[0].setup().start();
    produce(&mut scenes[0], PART);
    scenes[0].conclude().assert_exact();
    assert_eq!(again.metrics().count("logs_changed_total"), 0);
    assert_eq!(again.stop(), Some(0));
}

pub(super) fn a_neighbour_at_the_same_position_sends_nothing_again() {
    let mut kafka = Kafka::start();
    let mut scenes =
        ["real-cut-neighbour", "real-cut-neighbour-again"].map(|topic| Scene::new(&kafka, topic, 2));
    let [running, stopped] = scenes.each_mut().map(|scene| {
        (0..3).for_each(|_| produce(scene, PART));
        let service = scene.setup_for(AWAY).start();
        scene.conclude().assert_exact();
        service
    });
    assert_eq!(stopped.stop(), Some(0));
    kafka.kill();
    // Each partition has half of each part.
    for scene in &mut scenes {
        kafka.cut(&scene.topic, 0, CUT / 2);
        scene.cut(0, CUT / 2);
    }
    kafka.restart();
    // This one has read nothing of either partition.
    let restarted = scenes[1].setup_for(AWAY).start();
    for (scene, service) in scenes.iter_mut().zip([running, restarted]) {
        wait_count(&service, "logs_changed_total", 1);
        produce(scene, PART * 3);
        conclude(scene, &service);
        assert_eq!(service.stop(), Some(0));
    }
}

pub(super) fn what_was_not_settled_before_the_cut_is_sent_although_nothing_was_committed() {
    let mut kafka = Kafka::start();
    let mut scene = Scene::new(&kafka, "real-cut-unsettled", 1);
    (0..3).for_each(|_| produce(&mut scene, PART));
    scene.outage(Outage::answer(503, "ServiceUnavailable"));
    let service = scene.setup_for(AWAY).start();
    wait_count(&service, "records_consumed_total", 3 * PART as u64);
    kafka.kill();
    cut(&kafka, std::slice::from_mut(&mut scene));
    scene.forget(|(_, offset)| offset >= CUT);
    kafka.restart();
    wait_count(&service, "logs_changed_total", 1);
    scene.mend();
    produce(&mut scene, PART * 2);
    conclude(&scene, &service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn a_quiet_partition_is_compared_with_its_log_after_every_restart() {
    let mut kafka = Kafka::start();
    let mut scenes = ["real-cut-quiet", "real-cut-quiet-commit"].map(|topic| Scene::new(&kafka, topic, 2));
    let [running, committing] = scenes.each_mut().map(|scene| {
        (0..3).for_each(|_| produce(scene, PART));
        scene.outage(Outage::answer(503, "ServiceUnavailable"));
        let service = scene.setup_for(AWAY).start();
        wait_count(&service, "records_consumed_total", 3 * PART as u64);
        service
    });
    // Each partition has half of each part. What happens to one restarts the other, of which nothing is delivered.
    kafka.kill();
    for scene in &mut scenes {
        cut_unsettled(&kafka, scene, 1, CUT / 2);
    }
    kafka.restart();
    for service in [&running, &committing] {
        wait_count(service, "logs_changed_total", 1);
        wait_count(service, "records_consumed_total", 4 * PART as u64);
    }
    scenes[1].mend();
    conclude(&scenes[1], &committing);
    assert_eq!(committing.stop(), Some(0));
    kafka.kill();
    cut_unsettled(&kafka, &mut scenes[0], 1, CUT / 4);
    kafka.restart();
    wait_count(&running, "logs_changed_total", 2);
    wait_count(&running, "records_consumed_total", 4 * PART as u64 + PART as u64 / 2);

    running.signal(Signal::Stop);
    kafka.kill();
    cut_unsettled(&kafka, &mut scenes[0], 0, CUT / 2);
    cut_at(&kafka, &mut scenes[1], 0, CUT / 2);
    kafka.restart();
    for scene in &mut scenes {
        produce(scene, PART * 4);
    }
    running.signal(Signal::Cont);
    let restarted = scenes[1].setup_for(AWAY).start();
    wait_count(&restarted, "logs_changed_total", 1);
    wait_count(&running, "logs_changed_total", 3);
    scenes[0].mend();
    for (scene, service, losses) in [(&scenes[0], &running, 3), (&scenes[1], &restarted, 1)] {
        conclude_with(losses, scene, service);
    }
    assert_eq!((running.stop(), restarted.stop()), (Some(0), Some(0)));
}

/// A broker with these topics, of one partition, and a group for each that has delivered three parts.
fn deliver_three_parts(topics: &[&str]) -> (Kafka, Vec<Scene>) {
    let kafka = Kafka::start();
    let mut scenes: Vec<_> = topics.iter().map(|topic| Scene::new(&kafka, topic, 1)).collect();
    for scene in &mut scenes {
        (0..3).for_each(|_| produce(scene, PART));
        let service = scene.setup().start();
        scene.conclude().assert_exact();
        assert_eq!(service.stop(), Some(0));
    }
    (kafka, scenes)
}

/// Produces records of which none becomes a dead letter, in a batch of their own.
fn produce(scene: &mut Scene, records: usize) {
    let records = scene.records(records);
    let messages: Vec<Message> = records.into_iter().map(|record| scene.enter(record)).collect();
    scene.client.produce(&scene.topic, messages);
}

fn cut(kafka: &Kafka, scenes: &mut [Scene]) {
    for scene in scenes {
        cut_at(kafka, scene, 0, CUT);
    }
}

fn cut_at(kafka: &Kafka, scene: &mut Scene, partition: i32, end: i64) {
    kafka.cut(&scene.topic, partition, end);
    scene.cut(partition, end);
}

/// Cuts a partition whose records from there on were not settled: they never arrive.
fn cut_unsettled(kafka: &Kafka, scene: &mut Scene, partition: i32, end: i64) {
    cut_at(kafka, scene, partition, end);
    scene.forget(|(cut, offset)| cut == partition && offset >= end);
}

/// That everything has arrived once, and that the loss was reported.
#[track_caller]
fn conclude(scene: &Scene, service: &Service) {
    conclude_with(1, scene, service);
}

/// That everything has arrived once, and that this many losses were reported.
#[track_caller]
fn conclude_with(losses: u64, scene: &Scene, service: &Service) {
    scene.conclude().assert_exact();
    wait_says(service, LOST);
    eventually(NOTICED, "each is reported once", || {
        (service.metrics().count("logs_changed_total") == losses).then_some(())
    });
    assert_balanced(service);
}
