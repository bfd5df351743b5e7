//! Tails that name records of another log: made anew, cut short, or of another cluster.

use std::collections::BTreeSet;

use super::{FEW, leave_a_tail, setup};
use crate::{
    scene::{Scene, assert_balanced, wait_says},
    support::{kafka::Kafka, service::Service},
};

/// What the log says of a tail that is found void.
const VOID: &str = "the log does not match the commit";

/// The end of a log that was cut off in the middle of its tail: the stuck record and half of the others are left.
const CUT: i64 = 151;

pub(in super::super) fn a_tail_of_another_log_hides_nothing() {
    let (mut scene, _, tail) = leave_a_tail(Kafka::shared(), "real-tail-anew");
    make_anew(&mut scene);
    scene.produce(FEW * 2);
    commit(&scene, &tail);
    assert_void(&scene);
}

pub(in super::super) fn a_tail_that_agrees_at_its_position_alone_hides_nothing() {
    let (mut scene, _, tail) = leave_a_tail(Kafka::shared(), "real-tail-agrees");
    let first = scene.client.read_all(&scene.topic).swap_remove(0);
    make_anew(&mut scene);
    scene.copy(first);
    scene.produce(FEW * 2);
    commit(&scene, &tail);
    assert_void(&scene);
}

pub(in super::super) fn a_log_that_lost_its_end_and_grew_hides_nothing() {
    let mut kafka = Kafka::start();
    let mut inside = leave_a_tail(&kafka, "real-tail-grown-inside").0;
    let mut past = leave_a_tail(&kafka, "real-tail-grown-past").0;
    kafka.stop();
    for scene in [&mut inside, &mut past] {
        kafka.cut(&scene.topic, 0, CUT);
        scene.cut(0, CUT);
    }
    kafka.restart();
    for (scene, records) in [(&mut inside, FEW / 4), (&mut past, FEW)] {
        assert_eq!(scene.client.ends(&scene.topic)[&0], CUT);
        scene.produce(records);
        assert_void(scene);
    }
}

pub(in super::super) fn a_group_that_was_mirrored_to_another_cluster_hides_nothing() {
    let (scene, _, tail) = leave_a_tail(Kafka::shared(), "real-tail-mirrored");
    let mut records = scene.client.read_all(&scene.topic);
    let last = records.pop().expect("the last of the tail");
    let first = records.swap_remove(0);
    let kafka = Kafka::start_elsewhere();
    let mut mirror = Scene::new(&kafka, &scene.topic, 1);
    // Others than those of the first cluster.
    mirror.records(FEW * 2);
    // By chance, the two records that the tail knows by heart are where they were.
    mirror.copy(first);
    mirror.produce(FEW - 1);
    mirror.copy(last);
    mirror.produce(FEW);
    commit(&mirror, &tail);
    let service = deliver_all(&mirror);
    assert_eq!(service.metrics().count("records_settled_before_total"), 0);
    assert_eq!(service.stop(), Some(0));
}

/// Makes the topic anew; what was stuck is lost with it.
fn make_anew(scene: &mut Scene) {
    let kafka = Kafka::shared();
    kafka.delete_topic(&scene.topic);
    kafka.create_topic(&scene.topic, 1, &[]);
    scene.forget(|place| place == (0, 0));
    scene.begin_again();
}

/// Commits what another group has committed, or this one before the broker forgot it with its topic.
fn commit(scene: &Scene, tail: &str) {
    scene.client.commit(&scene.topic, &scene.topic, 0, 0, tail);
}

/// That all records of the topic are delivered although a tail at position 0 names other ones.
#[track_caller]
fn assert_void(scene: &Scene) {
    let service = deliver_all(scene);
    wait_says(&service, VOID);
    assert_eq!(service.stop(), Some(0));
}

#[track_caller]
fn deliver_all(scene: &Scene) -> Service {
    let service = setup(scene).start();
    scene.wait_accepted(scene.events());
    scene.wait_committed();
    assert_eq!(scene.verdict().missing, BTreeSet::new());
    assert_balanced(&service);
    service
}
