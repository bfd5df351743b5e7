//! An event that always fails, and settled records behind it: what a commit names as settled is not sent
//! again (invariant 12), and a tail that is not one of this log hides no record.

use std::collections::{BTreeMap, BTreeSet};

use pinpoint_sidecar::{
    core::time::Timestamp,
    tools::{
        demo::generate::{Expected, Generator, GeneratorOptions, Produced, Providers},
        emulator::{Effect, Faults, Matching},
    },
};

use super::{
    restart::wait_owned,
    scene::{LONG, Place, Scene, assert_balanced, wait_count},
};
use crate::support::{
    kafka::Kafka,
    process::Signal,
    service::{Service, Setup},
    settled::Settled,
    wait::eventually,
};

pub(super) mod bytes;
pub(super) mod logs;
pub(super) mod partitions;

/// How many records there are beside the stuck ones where much is behind them.
const MANY: usize = 100_000;

/// How many where a few are enough.
const FEW: usize = 300;

pub(super) fn behind_a_stuck_event_nothing_that_was_committed_is_sent_again() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-tail", 2);
    let mut stuck = Stuck::default();
    (0..2).for_each(|_| stuck.add(&mut scene));
    let setup = setup(&scene);

    let service = roll_and_rebalance(&mut scene, &setup);
    stuck.wait_alone(&scene);
    stuck.assert_alone(&scene);
    assert_balanced(&service);

    kill(service);
    let service = setup.start();
    wait_count(&service, "records_settled_before_total", stuck.others(&scene));
    stuck.assert_alone(&scene);
    assert_balanced(&service);

    scene.produce(MANY / 4);
    scene.wait_accepted(scene.events() - MANY as u64 / 8);
    kill(service);
    let settled = scene.settled();
    kill_while_it_reads_over(&scene, &setup, &mut stuck);
    assert_carried(&scene, &settled);
    let service = setup.start();
    stuck.wait_alone(&scene);
    scene.assert_no_repeat_of(&scene.verdict(), &settled);
    scene.mend();
    let verdict = scene.conclude();
    scene.assert_no_repeat_of(&verdict, &settled);
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

/// Replaces two replicas one by one in a backlog; then one leaves, another joins, and the older one leaves.
#[track_caller]
fn roll_and_rebalance(scene: &mut Scene, setup: &Setup) -> Service {
    let stop = |old: Service| assert_eq!(old.stop(), Some(1), "the stuck event is not settled");
    let join = |with: Service| {
        let next = setup.start();
        wait_owned(&[(&with, 1), (&next, 1)]);
        (with, next)
    };
    let (mut old, mut new) = join(setup.start());
    for _ in 0..2 {
        scene.produce(MANY / 4);
        scene.wait_accepted(scene.events() * 2 / 3);
        let newest = setup.start();
        stop(old);
        wait_owned(&[(&new, 1), (&newest, 1)]);
        (old, new) = (new, newest);
    }
    scene.produce(MANY / 8);
    stop(old);
    wait_owned(&[(&new, 2)]);
    scene.produce(MANY / 8);
    let (old, new) = join(new);
    stop(old);
    wait_owned(&[(&new, 2)]);
    new
}

/// Kills a replica that has committed, and has read little of the tail that it began with.
#[track_caller]
fn kill_while_it_reads_over(scene: &Scene, setup: &Setup, stuck: &mut Stuck) {
    // Moves the position of its partition.
    stuck.release_last(scene);
    let slow = slow_to_read(setup).start();
    wait_count(&slow, r#"commits_total{outcome="ok"}"#, 1);
    let read_over = slow.metrics().count("records_settled_before_total");
    assert!(read_over < stuck.others(scene) / 2, "{read_over} of the tail were read over");
    kill(slow);
}

/// That the commits still hold what they held then.
#[track_caller]
fn assert_carried(scene: &Scene, settled: &BTreeMap<i32, Settled>) {
    let carried = scene.settled();
    for (partition, settled) in settled {
        let forgotten = |offset: &i64| settled.holds(*offset) && !carried[partition].holds(*offset);
        let first = (0..scene.length(*partition)).find(forgotten);
        assert_eq!(first, None, "of partition {partition}");
    }
}

pub(super) fn a_commit_without_a_tail_for_it_hides_nothing() {
    let (scene, stuck, tail) = leave_a_tail(Kafka::shared(), "real-tail-reset");
    let check = |tails, position, metadata: &str, sent_again| {
        scene.client.commit(&scene.topic, &scene.topic, 0, position, metadata);
        let before = scene.put_events.control.counts().events_accepted;
        let service = setup(&scene).with("commit.tail", tails).start();
        scene.wait_committed();
        assert_balanced(&service);
        assert_eq!(service.stop(), Some(0));
        let sent = scene.put_events.control.counts().events_accepted - before;
        assert_eq!(sent, sent_again, "at {position} with {metadata:?} and tails {tails}");
    };
    check("on", 0, &tail, stuck.count());
    scene.verdict().assert_complete();
    // Reset by hand, or written by a version without tails.
    check("on", 0, "", scene.events_from(0));
    check("on", 100, "", scene.events_from(100));
    check("on", 0, "written by another program", scene.events_from(0));
    check("on", 100, &tail, scene.events_from(100));
    check("off", 0, &tail, scene.events_from(0));
}

pub(super) fn a_broker_that_takes_little_metadata_gets_short_tails() {
    let kafka = Kafka::start_with(&[("offset.metadata.max.bytes", "100")]);
    let mut scene = Scene::new(&kafka, "real-tail-short", 1);
    let mut stuck = Stuck::default();
    for _ in 0..12 {
        stuck.add(&mut scene);
        scene.produce(FEW / 12);
    }
    let service = setup(&scene).start();
    stuck.wait_accepted(&scene);
    eventually(LONG, "a tail is short enough", || {
        scene.settled().get(&0).is_some_and(|settled| !settled.runs.is_empty()).then_some(())
    });
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(1), "the stuck events are not settled");
    let settled = scene.settled();
    assert!(!settled[&0].runs.is_empty());
    scene.mend();
    let service = setup(&scene).start();
    let verdict = scene.conclude();
    scene.assert_no_repeat_of(&verdict, &settled);
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn without_tails_all_behind_a_stuck_event_is_sent_again() {
    let mut scene = Scene::new(Kafka::shared(), "real-tail-off", 1);
    let mut stuck = Stuck::default();
    stuck.add(&mut scene);
    scene.produce(FEW);
    let service = setup(&scene).with("commit.tail", "off").start();
    stuck.wait_accepted(&scene);
    assert_eq!(service.stop(), Some(1), "the stuck event is not settled");
    assert!(scene.settled().is_empty(), "nothing is committed");
    scene.mend();
    let service = setup(&scene).start();
    let verdict = scene.conclude();
    let again = verdict.duplicates.keys().filter(|id| !id.starts_with("letter")).count() as u64;
    assert_eq!(again, scene.events() - stuck.count());
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

/// Events that always fail, with the places of their records.
#[derive(Default)]
struct Stuck(Vec<(String, Place)>);

impl Stuck {
    /// Produces one more, of a user of its own, so that no other event waits behind it.
    fn add(&mut self, scene: &mut Scene) {
        let options = GeneratorOptions {
            users: 1,
            records: usize::MAX,
            seed: 100 + self.0.len() as u64,
            hostile: 0.0,
            start_time: Timestamp(1_795_341_600_000),
            providers: Providers::Keycloak,
        };
        let single = |produced: Produced| match &produced.expected {
            Expected::Delivered { event_ids } if event_ids.len() == 1 => {
                Some((event_ids[0].clone(), produced))
            }
            _ => None,
        };
        let (id, produced) = Generator::new(&options).find_map(single).expect("it goes on for ever");
        let message = scene.enter(produced);
        let partition = message.partition.expect("a partition");
        self.0.push((id, (partition, scene.length(partition) - 1)));
        self.fault(scene);
        scene.client.produce(&scene.topic, [message]);
    }

    /// Lets the last one go.
    fn release_last(&mut self, scene: &Scene) {
        self.0.pop();
        self.fault(scene);
    }

    fn fault(&self, scene: &Scene) {
        let always = |(id, _): &(String, Place)| Matching { text: id.clone(), effect: Effect::FailEvent };
        scene.fault(Faults { matching: self.0.iter().map(always).collect(), ..Faults::default() });
    }

    fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Waits until everything else has arrived.
    #[track_caller]
    fn wait_accepted(&self, scene: &Scene) {
        scene.wait_accepted(scene.events() - self.count());
    }

    /// Waits until the commits name everything else as settled.
    #[track_caller]
    fn wait_alone(&self, scene: &Scene) {
        self.wait_accepted(scene);
        let places: Vec<_> = self.0.iter().map(|(_, place)| *place).collect();
        let unsettled = |scene: &Scene| -> Vec<Place> {
            let settled = scene.settled();
            let partitions = settled.iter().flat_map(|(partition, settled)| {
                let offsets = 0..scene.length(*partition);
                offsets.filter(|offset| !settled.holds(*offset)).map(|offset| (*partition, offset))
            });
            partitions.collect()
        };
        eventually(LONG, &format!("the commits hold all but {places:?}"), || {
            (unsettled(scene) == places).then_some(())
        });
    }

    /// That everything else has arrived, once.
    #[track_caller]
    fn assert_alone(&self, scene: &Scene) {
        let verdict = scene.verdict();
        assert_eq!(verdict.missing, self.0.iter().map(|(id, _)| id.clone()).collect());
        assert_eq!(verdict.unexpected, BTreeSet::new());
        assert_eq!(verdict.repeated(), 0, "such as {:?}", verdict.duplicates.keys().next());
    }

    /// How many other records there are.
    fn others(&self, scene: &Scene) -> u64 {
        let records: i64 = scene.settled().keys().map(|partition| scene.length(*partition)).sum();
        records.unsigned_abs() - self.count()
    }
}

/// Quick to commit, and not patient with what is stuck.
fn setup(scene: &Scene) -> Setup {
    // Throttled events are sent again, and here everything that is sent again is of interest.
    scene.put_events.control.set_quota(None);
    let setup = scene.setup().with("commit.interval", "100ms").with("quota.requests_per_second", "60");
    setup.with("source.revoke_timeout", "2s").with("shutdown.deadline", "5s")
}

/// Half a megabyte a second.
fn slow_to_read(setup: &Setup) -> Setup {
    let slow = "  properties:\n    fetch.queue.backoff.ms: \"1000\"\n";
    let slow = Setup { config: setup.config.replace("  properties:\n", slow), ..setup.clone() };
    slow.with("memory.max_bytes", "8MiB")
}

#[track_caller]
fn kill(mut service: Service) {
    service.signal(Signal::Kill);
    service.wait(LONG);
}

/// A topic whose first record was stuck, and whose others a service has settled that has ended. Gives also
/// what it committed with the position 0.
#[track_caller]
fn leave_a_tail(kafka: &Kafka, topic: &str) -> (Scene, Stuck, String) {
    let mut scene = Scene::new(kafka, topic, 1);
    let mut stuck = Stuck::default();
    stuck.add(&mut scene);
    (0..2).for_each(|_| scene.produce(FEW / 2));
    let service = setup(&scene).start();
    stuck.wait_alone(&scene);
    assert_eq!(service.stop(), Some(1), "the stuck event is not settled");
    stuck.assert_alone(&scene);
    scene.mend();
    let (position, tail) = scene.client.commits(topic, topic).remove(&0).expect("a commit");
    assert_eq!(position, 0);
    (scene, stuck, tail)
}
