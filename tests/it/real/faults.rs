//! PutEvents fails in each way that has an outcome of its own: nothing is lost, repeated or a dead letter
//! that need not be.

use std::{collections::BTreeSet, time::Duration};

use pinpoint_sidecar::tools::{
    demo::generate::Expected,
    emulator::{Effect, Faults, How, Matching, Outage},
};

use super::scene::{LONG, Scene, assert_balanced, wait_count};
use crate::support::{
    kafka::Kafka,
    process::Signal,
    wait::{eventually, now},
};

/// Well below the deadline of a shutdown here.
const AT_ONCE: Duration = Duration::from_secs(20);

const HELD: &str = r#"hold{cause="destination"}"#;

pub(super) fn throttling_slows_down_and_nothing_is_lost() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-throttled", 4);
    scene.fault(Faults { throttled: 0.7, ..Faults::default() });
    scene.produce(1500);
    let service = scene.setup().start();
    wait_count(&service, "requests_throttled_total", 3);
    assert!(service.metrics().value("quota_speed") < 1.0);
    scene.mend();
    scene.conclude().assert_exact();
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn an_outage_of_any_kind_is_waited_for() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-outage", 4);
    let service = scene.setup().with("destination.pinpoint.timeout", "500ms").start();
    for how in [How::Answer { status: 503, code: None }, How::Close, How::Hang] {
        let failed = service.metrics().count(r#"requests_total{outcome="unknown"}"#);
        scene.outage(Outage { how, lasts: None });
        scene.produce(300);
        wait_count(&service, r#"requests_total{outcome="unknown"}"#, failed + 3);
        scene.mend();
        scene.conclude().assert_exact();
    }
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn a_role_without_the_right_is_a_hold_until_it_has_it() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-wrong-role", 4);
    scene.outage(Outage::access_denied());
    scene.produce(300);
    let service = scene.setup().start();
    wait_count(&service, HELD, 1);
    let hold = &service.status()["holds"][0];
    assert_eq!((&hold["cause"], &hold["code"]), (&"destination".into(), &"AccessDeniedException".into()));
    assert_eq!(service.metrics().count("events_accepted_total"), 0);
    scene.mend();
    // No dead letters but those of hostile records.
    scene.conclude().assert_exact();
    eventually(LONG, "the hold is over", || (service.metrics().count("hold") == 0).then_some(()));
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn a_drain_during_a_hold_ends_at_once_and_the_next_one_delivers() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-held-drain", 4);
    scene.outage(Outage::access_denied());
    scene.produce(300);
    let setup = scene.setup().with("shutdown.deadline", "1m");
    let mut service = setup.start();
    wait_count(&service, HELD, 1);
    let start = now();
    service.signal(Signal::Term);
    assert_eq!(service.wait(LONG).code(), Some(1), "records are unsettled");
    assert!(start.elapsed() < AT_ONCE, "waited for a person: {:?}", start.elapsed());
    scene.mend();
    let service = setup.start();
    scene.wait_accepted(scene.events());
    scene.wait_committed();
    let verdict = scene.verdict();
    verdict.assert_complete();
    // A letter is written while the events before it wait; whoever reads its record next writes it again.
    let events: Vec<_> = verdict.duplicates.keys().filter(|id| !id.starts_with("letter")).collect();
    assert!(events.is_empty(), "accepted more than once: {events:?}");
    assert_eq!(service.stop(), Some(0));
}

pub(super) fn an_event_that_spoils_its_whole_call_is_the_only_dead_letter() {
    let kafka = Kafka::shared();
    let mut scene = Scene::new(kafka, "real-poison", 4);
    let records = scene.records(400);
    let Expected::Delivered { event_ids } = &records[100].expected else { panic!("all are delivered") };
    let poison = event_ids[0].clone();
    let matching = vec![Matching { text: poison.clone(), effect: Effect::RefuseCall }];
    scene.fault(Faults { matching, ..Faults::default() });
    let messages: Vec<_> = records.into_iter().map(|record| scene.enter(record)).collect();
    kafka.client.produce(&scene.topic, messages);
    let service = scene.setup().start();
    scene.wait_committed();
    let letters = kafka.client.read_all(&scene.letters_topic());
    let [letter] = letters.as_slice() else { panic!("{} dead letters", letters.len()) };
    assert_eq!(letter.header("pinpoint_sidecar.event_id"), Some(poison.as_str()));
    let verdict = scene.verdict();
    assert_eq!(verdict.missing, BTreeSet::from([poison]));
    assert_eq!(verdict.repeated(), 0, "{:?}", verdict.duplicates);
    assert_eq!(service.metrics().count("records_dead_lettered_total"), 1);
    assert_balanced(&service);
    assert_eq!(service.stop(), Some(0));
}
