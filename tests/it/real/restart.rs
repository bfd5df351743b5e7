//! The service is stopped, killed and paused while it delivers a backlog.

use std::time::Duration;

use super::scene::{LONG, SESSION, Scene, assert_balanced, wait_says};
use crate::support::{
    kafka::Kafka,
    process::Signal,
    service::Service,
    wait::{eventually, now},
};

/// Events that one replica may hold unsettled here, at most: what 15 requests a second send in half of
/// the 4 s that a revocation may take.
const UNSETTLED: usize = 15 * 2 * 100;

/// Events that may be settled and not committed: what is sent in the interval of the commits, twice, as
/// one commit may be under way.
const UNCOMMITTED: usize = 1500;

pub(super) fn a_restart_in_the_middle_repeats_nothing() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-restart", 4);
    scene.produce(9000);
    for part in 1..=2 {
        let service = scene.setup().start();
        scene.wait_accepted(scene.events() * part / 4);
        assert_balanced(&service);
        assert_eq!(service.stop(), Some(0));
    }
    let service = scene.setup().start();
    scene.produce(500);
    scene.conclude().assert_exact();
    assert_balanced(&service);
}

pub(super) fn after_sigkill_only_what_was_not_committed_is_repeated() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-sigkill", 4);
    scene.produce(9000);
    let mut service = scene.setup().start();
    scene.wait_accepted(scene.events() / 3);
    service.signal(Signal::Kill);
    service.wait(LONG);
    let committed = scene.committed();
    assert!(committed.values().sum::<i64>() > 0, "there were commits on the way");
    let next = scene.setup().start();
    let verdict = scene.conclude();
    let repeated = scene.assert_repeats_only_past(&verdict, &committed);
    assert!(repeated <= UNSETTLED + UNCOMMITTED, "{repeated} arrived twice");
    assert_balanced(&next);
    assert_eq!(next.stop(), Some(0));
}

pub(super) fn a_replica_that_was_paused_commits_nothing_that_it_lost() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-sigstop", 4);
    let paused = scene.setup().start();
    let other = scene.setup().start();
    wait_owned(&[(&paused, 2), (&other, 2)]);
    scene.produce(12_000);
    scene.wait_accepted(scene.events() / 5);
    paused.signal(Signal::Stop);
    let stopped = now();
    let committed = scene.committed();
    wait_owned(&[(&other, 4)]);
    assert!(stopped.elapsed() > SESSION / 2, "the session of the paused one ends by time");
    let before = scene.committed();
    paused.signal(Signal::Cont);
    let mut last = before;
    eventually(LONG, "the paused one is in the group again", || {
        let now = scene.committed();
        assert!(now.iter().all(|(partition, position)| *position >= last[partition]), "{last:?} to {now:?}");
        last = now;
        (owned(&paused) == 2).then_some(())
    });
    wait_says(&paused, "partitions lost");
    let verdict = scene.conclude();
    let repeated = scene.assert_repeats_only_past(&verdict, &committed);
    assert!(repeated <= UNSETTLED + UNCOMMITTED, "{repeated} arrived twice");
    assert_balanced(&paused);
    assert_balanced(&other);
    assert_eq!((paused.stop(), other.stop()), (Some(0), Some(0)));
}

/// How many partitions a replica owns.
fn owned(service: &Service) -> u64 {
    service.metrics().count("partitions_owned")
}

/// Waits until each replica owns so many partitions.
#[track_caller]
pub(super) fn wait_owned(expected: &[(&Service, u64)]) {
    eventually(Duration::from_mins(1), "the partitions are shared out", || {
        expected.iter().all(|(service, partitions)| owned(service) == *partitions).then_some(())
    });
}
