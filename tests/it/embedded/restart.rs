//! The service ends, by a signal or otherwise, and is started again: the exit codes, and what is sent twice.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use pinpoint_sidecar::{
    core::units::Span,
    tools::emulator::{Faults, How, Outage},
};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{
    load::Load,
    scene::{SOON, Scene, TOPIC, wait_metrics},
};
use crate::support::{oracle::Verdict, process::Signal, wait::now};

/// Well below the deadline of a shutdown in these scenarios.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn a_restart_in_the_middle_loses_nothing_and_sends_nothing_twice() {
    let scene = slow_scene();
    let load = Load::generate(5000, 0.02);
    scene.produce(&load, 0..load.len());
    for accepted in [200, 1500] {
        let service = scene.setup.start();
        scene.wait_accepted(accepted);
        assert_eq!(service.stop(), Some(0), "everything that was read is settled");
        assert!(scene.arrived().len() < load.event_ids().count(), "ended in the middle");
    }
    let service = scene.setup.start();
    scene.wait_committed();
    load.assert_exact(&scene.arrived());
    assert_eq!(scene.letters().len(), load.dead_letters().len());
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_killed_service_repeats_at_most_uncommitted_records() {
    let scene = slow_scene();
    let load = Load::generate(2000, 0.0);
    scene.produce(&load, 0..load.len());
    let mut service = scene.setup.start();
    scene.wait_accepted(300);
    service.signal(Signal::Kill);
    assert_eq!(service.wait(SOON).signal(), Some(9));
    let uncommitted = load.event_ids_past(&scene.committed());
    assert!(scene.arrived().len() < load.event_ids().count(), "killed in the middle");

    let service = scene.setup.start();
    scene.wait_committed();
    let verdict = Verdict::of(load.event_ids(), scene.arrived());
    verdict.assert_complete();
    let repeated = verdict.duplicates.keys().find(|id| !uncommitted.contains(*id));
    assert_eq!(repeated, None, "was committed and is sent again");
    assert!(verdict.duplicates.values().all(|times| *times == 1));
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_drain_in_an_outage_ends_at_the_deadline_and_the_next_one_delivers() {
    let scene = Scene::start().set("shutdown.deadline", "2s");
    let load = Load::generate(200, 0.0);
    scene.outage(Outage::unavailable());
    scene.produce(&load, 0..load.len());
    let service = scene.setup.start();
    wait_metrics(&service, "records are outstanding", |metrics| metrics.count("records_outstanding") > 0);
    assert_eq!(service.stop(), Some(1), "records are unsettled");
    // A commit may name settled records above a position at which nothing is settled.
    let ends = scene.kafka.client.ends(TOPIC);
    let unsettled = |(partition, position): (&i32, &i64)| position < &ends[partition];
    assert!(scene.committed().iter().all(unsettled), "what is not settled is not committed");
    scene.mend();
    let service = scene.setup.start();
    scene.wait_committed();
    load.assert_exact(&scene.arrived());
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_drain_in_a_hold_ends_at_once() {
    let scene = Scene::start().set("shutdown.deadline", "30s");
    let load = Load::generate(200, 0.0);
    scene.outage(Outage::access_denied());
    scene.produce(&load, 0..load.len());
    let mut service = scene.setup.start();
    wait_metrics(&service, "a hold", |metrics| metrics.count("hold") == 1);
    let start = now();
    service.signal(Signal::Term);
    assert_eq!(service.wait(SOON).code(), Some(1), "records are unsettled");
    assert!(start.elapsed() < AT_ONCE, "waited for a person: {:?}", start.elapsed());
    scene.mend();
    let service = scene.setup.start();
    scene.wait_committed();
    load.assert_exact(&scene.arrived());
    assert_eq!((scene.letters().len(), service.stop()), (0, Some(0)));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (signal, code) in [(Signal::Term, 143), (Signal::Int, 130)] {
        let scene = Scene::start().set("destination.pinpoint.timeout", "1m");
        scene.outage(Outage { how: How::Hang, lasts: None });
        let load = Load::generate(50, 0.0);
        scene.produce(&load, 0..load.len());
        let mut service = scene.setup.start();
        wait_metrics(&service, "a request is sent", |metrics| metrics.count("requests_in_flight") > 0);
        service.signal(signal);
        let page =
            crate::support::wait::answer(SOON, || service.page("/readyz").filter(|it| it.status == 503));
        assert!(page.is_some_and(|page| page.body.contains("drain")), "it drains");
        assert_eq!(service.page("/livez").map(|page| page.status), Some(200), "a drain is no failure");
        service.signal(signal);
        assert_eq!(service.wait(AT_ONCE).code(), Some(code));
    }
}

#[test]
fn kafka_that_refuses_the_member_for_good_ends_it() {
    let scene = Scene::start();
    let properties = "{ session.timeout.ms: 6000, heartbeat.interval.ms: 100, group.instance.id: one }";
    let scene = scene.set("source.properties", properties);
    let mut service = scene.setup.start();
    wait_metrics(&service, "it owns everything", |metrics| metrics.count("partitions_owned") == 4);
    let fenced = RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    scene.kafka.cluster.request_errors(RDKafkaApiKey::Heartbeat, &[fenced]);
    assert_eq!(service.wait(SOON).code(), Some(69));
}

/// Slow enough to be ended in the middle, but quick enough to drain: 400 events per second, of which one
/// second's worth and a small fetch may be outstanding.
fn slow_scene() -> Scene {
    let latency = Some(Span(Duration::from_millis(50)));
    let scene = Scene::start()
        .set("batch.max_events", "10")
        .set("quota", "{ requests_per_second: 40, in_flight: 3 }")
        .set("source.revoke_timeout", "2s")
        .set("memory.max_bytes", "8MiB");
    scene.fault(Faults { latency, ..Faults::default() });
    scene
}
