//! Three replicas are replaced one by one while there is a backlog, at the quota of an account.
//!
//! As long as PutEvents answers in time and does not throttle, nothing is sent twice: what a replica has
//! read of a partition is settled and committed before another reads it.

use super::{
    restart::wait_owned,
    scene::{LONG, Scene, assert_balanced},
};
use crate::support::{kafka::Kafka, process::Signal};

pub(super) fn a_rolling_restart_repeats_nothing() {
    check("real-rolling", "cooperative-sticky");
}

pub(super) fn a_rolling_restart_of_an_eager_group_repeats_nothing() {
    check("real-rolling-eager", "range");
}

#[track_caller]
fn check(topic: &str, strategy: &str) {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, topic, 6);
    let config = scene.setup().config;
    let strategy = format!("  properties:\n    partition.assignment.strategy: {strategy}\n");
    let mut setup = scene.setup().with("source.revoke_timeout", "6s");
    setup.config = config.replace("  properties:\n", &strategy);
    // The promise is for a server that does not throttle. One that stood still itself for a moment, on a
    // machine that is short of time, finds a burst when it looks again, and would.
    scene.put_events.control.set_quota(None);
    let mut replicas: Vec<_> = (0..3).map(|_| setup.start()).collect();
    wait_owned(&replicas.iter().map(|replica| (replica, 2)).collect::<Vec<_>>());
    // The members are all there: what happens from now on is what a deploy with a backlog does.
    scene.produce(6000);
    let mut retired = Vec::new();
    for _ in 0..3 {
        scene.wait_accepted(scene.events().saturating_sub(4000));
        scene.produce(9000);
        // As Kubernetes does it: the new one is ready before the old one is asked to stop.
        replicas.push(setup.start());
        let mut old = replicas.remove(0);
        assert_balanced(&old);
        old.signal(Signal::Term);
        assert_eq!(old.wait(LONG).code(), Some(0), "it settles everything");
        retired.push(old);
        wait_owned(&replicas.iter().map(|replica| (replica, 2)).collect::<Vec<_>>());
    }
    scene.conclude().assert_exact();
    replicas.iter().for_each(assert_balanced);
    let counts = scene.put_events.control.counts();
    assert_eq!(counts.endpoints_in_two_requests, 0, "{counts:?}");
}
