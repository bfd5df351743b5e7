//! A PutEvents server that fails in every way from which it recovers: nothing is lost, and nothing becomes a
//! dead letter.

use std::collections::BTreeSet;

use pinpoint_sidecar::tools::emulator::{Effect, Faults, How, Matching, Options, Outage, Quota};

use super::{
    load::Load,
    scene::{SOON, Scene, wait_metrics},
};
use crate::support::wait::eventually;

#[test]
fn an_event_that_an_answer_leaves_out_is_sent_again() {
    let faults = Faults {
        events_missing: 0.2,
        endpoints_missing: 0.1,
        events_throttled: 0.02,
        events_failed: 0.1,
        ..Faults::default()
    };
    check_survived(faults);
}

#[test]
fn an_event_is_sent_again_with_its_id_when_its_answer_is_lost() {
    let faults = Faults { answer_lost: 0.2, answer_broken: 0.2, answer_empty: 0.2, ..Faults::default() };
    check_survived(faults);
}

#[test]
fn an_outage_of_any_kind_is_waited_for_and_nothing_comes_twice() {
    let scene = Scene::start().set("destination.pinpoint.timeout", "500ms");
    let load = Load::generate(900, 0.0);
    let service = scene.setup.start();
    let outages = [
        Outage::unavailable(),
        Outage { how: How::Close, lasts: None },
        Outage { how: How::Hang, lasts: None },
    ];
    for (number, outage) in outages.into_iter().enumerate() {
        let requests = service.metrics().count(r#"requests_total{outcome="unknown"}"#);
        scene.outage(outage);
        scene.produce(&load, number * 300..(number + 1) * 300);
        wait_metrics(&service, "requests fail", |metrics| {
            metrics.count(r#"requests_total{outcome="unknown"}"#) >= requests + 3
        });
        scene.mend();
        scene.wait_committed();
    }
    load.assert_exact(&scene.arrived());
    assert_eq!(scene.letters(), []);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn an_outage_fills_no_more_than_the_budget() {
    // Ten requests of 20 events may be outstanding, which the quota lets through in half a second.
    let scene = Scene::with(Options { quota: None, ..Options::default() })
        .set("quota.requests_per_second", "20")
        .set("source.revoke_timeout", "1s")
        .set("batch.max_events", "20")
        .set("memory.max_bytes", "8MiB");
    let load = Load::generate(3000, 0.0);
    scene.outage(Outage::unavailable());
    let service = scene.setup.start();
    scene.produce(&load, 0..load.len());
    wait_metrics(&service, "paused is paused", |metrics| metrics.count("intake_paused") == 1);
    // One fetch may exceed the budget.
    let failed = service.metrics().count(r#"requests_total{outcome="unknown"}"#);
    let metrics = wait_metrics(&service, "the outage goes on", |metrics| {
        metrics.count(r#"requests_total{outcome="unknown"}"#) >= failed + 10
    });
    assert!(metrics.count("bytes_outstanding") < 8 << 20, "{metrics:?}");
    assert!(metrics.count("records_consumed_total") < load.len() as u64 / 2, "{metrics:?}");
    scene.mend();
    scene.wait_committed();
    load.assert_exact(&scene.arrived());
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn throttling_slows_down_and_the_speed_is_found_again() {
    let scene = Scene::with(Options { quota: Some(Quota::default()), ..Options::default() })
        .set("batch.max_events", "10");
    let load = Load::generate(600, 0.0);
    let service = scene.setup.start();
    scene.fault(Faults { throttled: 0.5, ..Faults::default() });
    scene.produce(&load, 0..400);
    let metrics = wait_metrics(&service, "requests are throttled", |metrics| {
        metrics.count("requests_throttled_total") >= 3
    });
    let slowed = metrics.value("quota_speed");
    assert!(slowed < 1.0, "{slowed}");
    scene.mend();
    scene.produce(&load, 400..load.len());
    scene.wait_committed();
    load.assert_exact(&scene.arrived());
    assert_eq!((scene.letters().len(), scene.putevents.control.counts().over_quota), (0, 0));
    wait_metrics(&service, "the speed recovers", |metrics| metrics.value("quota_speed") > slowed);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_payload_that_a_gateway_denies_stops_nothing_and_becomes_a_dead_letter() {
    let scene = Scene::start();
    let load = Load::generate(2800, 0.0);
    let culprit = load.event_ids().nth(100).unwrap();
    let denied = Matching { text: culprit.clone(), effect: Effect::AnswerCall(403) };
    scene.fault(Faults { matching: vec![denied], ..Faults::default() });
    let service = scene.setup.start();
    let mut produced = 1400;
    scene.produce(&load, 0..produced);
    eventually(SOON, "the culprit is a dead letter", || {
        // That others are accepted meanwhile shows that it is not the set-up.
        let more = load.len().min(produced + 3);
        scene.produce(&load, produced..more);
        produced = more;
        (!scene.letters().is_empty()).then_some(())
    });
    scene.produce(&load, produced..load.len());
    scene.wait_committed();
    let arrived: BTreeSet<String> = scene.arrived().into_iter().collect();
    let missing: Vec<_> = load.event_ids().filter(|id| !arrived.contains(*id)).collect();
    let letters = scene.letters();
    assert_eq!((missing, letters.len()), (vec![culprit], 1));
    assert_eq!(letters[0].header("pinpoint_sidecar.reason"), Some("http_403"));
    assert_eq!(service.stop(), Some(0));
}

/// Delivers through `faults` until everything is settled.
#[track_caller]
fn check_survived(faults: Faults) {
    let scene = Scene::start();
    let load = Load::generate(600, 0.05);
    scene.fault(faults);
    scene.produce(&load, 0..load.len());
    let service = scene.setup.start();
    scene.wait_committed();
    let metrics =
        wait_metrics(&service, "nothing is outstanding", |metrics| metrics.count("records_outstanding") == 0);
    assert!(metrics.count("events_retried_total") > 0);
    load.assert_complete(&scene.arrived());
    assert_eq!(scene.dead_lettered(), load.dead_letters());
    assert_eq!(scene.putevents.control.counts().endpoints_in_two_requests, 0);
    assert_eq!(service.stop(), Some(0));
}
