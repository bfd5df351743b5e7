//! Delivery while nothing goes wrong at either end, and what happens to records that are not delivered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use pinpoint_sidecar::tools::emulator::{Effect, Faults, Matching, Options, Quota};
use serde_json::json;

use super::{
    load::Load,
    scene::{LETTERS, SOON, Scene, TOPIC, wait_metrics},
};
use crate::support::{answering::Answering, client::Message, wait::eventually};

#[test]
fn everything_arrives_once_or_is_a_dead_letter_or_ignored() {
    let scene = Scene::start();
    let load = Load::generate(2000, 0.05);
    scene.produce(&load, 0..load.len());
    let service = scene.setup.start();
    scene.wait_committed();
    let all = load.len() as u64;
    let metrics = wait_metrics(&service, "the lag is known to be none", |metrics| {
        metrics.count("records_consumed_total") == all && metrics.count("consumer_lag") == 0
    });
    assert_eq!(metrics.count("records_outstanding") + metrics.count("bytes_outstanding"), 0);
    assert_eq!(metrics.count("records_ignored_total"), load.ignored() as u64);
    assert_eq!(metrics.count("records_dead_lettered_total"), load.dead_letters().len() as u64);
    assert_eq!(metrics.count("events_accepted_total"), load.event_ids().count() as u64);

    load.assert_exact(&scene.arrived());
    assert_eq!(scene.dead_lettered(), load.dead_letters());
    let counts = scene.putevents.control.counts();
    assert_eq!((counts.endpoints_in_two_requests, counts.violations.len()), (0, 0), "{counts:?}");
    assert!(counts.max_events_per_request <= 100 && counts.events_per_request > 20.0, "{counts:?}");
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn requests_do_not_wait_for_credentials_and_go_out_together() {
    let made_up = json!({
        "AccessKeyId": "test", "SecretAccessKey": "test", "Token": "test", "Expiration": "2100-01-01T00:00:00Z"
    })
    .to_string();
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let source = Answering::start(move |_| {
        // Longer than it takes until as many requests wait for them as may be in flight.
        sleep(Duration::from_secs(4));
        counter.fetch_add(1, Ordering::Relaxed);
        let length = made_up.len();
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{made_up}")
    });
    let mut scene = Scene::with(Options { quota: Some(Quota::default()), ..Options::default() })
        .set("batch.max_events", "20")
        .set("destination.pinpoint.timeout", "10s");
    let variables = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*source.url),
    ];
    scene.setup.environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let load = Load::generate(1500, 0.0);
    scene.produce(&load, 0..load.len());
    let service = scene.setup.start();
    scene.wait_committed();
    let counts = scene.putevents.control.counts();
    assert_eq!((counts.over_quota, asked.load(Ordering::Relaxed)), (0, 1), "{counts:?}");
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn the_quota_is_kept_and_used() {
    // The server counts a sliding second, and the service knows the same quota.
    let scene = Scene::with(Options { quota: Some(Quota::default()), ..Options::default() })
        .set("batch.max_events", "20");
    let load = Load::generate(1500, 0.0);
    scene.produce(&load, 0..load.len());
    let service = scene.setup.start();
    scene.wait_committed();
    load.assert_exact(&scene.arrived());
    let counts = scene.putevents.control.counts();
    assert!(counts.requests > 30, "{counts:?}");
    assert_eq!(
        (counts.over_quota, service.metrics().count("requests_throttled_total")),
        (0, 0),
        "{counts:?}"
    );
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_dead_letter_is_the_record_and_says_why() {
    let scene = Scene::start();
    let record = Message {
        partition: Some(2),
        timestamp: Some(1_795_382_400_000),
        key: Some(b"key".to_vec()),
        headers: vec![("trace".into(), Some(b"1".to_vec()))],
        ..Message::of("no JSON")
    };
    scene.kafka.client.produce(TOPIC, [record.clone()]);
    let service = scene.setup.start();
    scene.wait_committed();
    let letters = scene.letters();
    let [letter] = &letters[..] else { panic!("{} dead letters", letters.len()) };
    assert_eq!(
        (&letter.key, &letter.value, letter.timestamp),
        (&record.key, &record.value, record.timestamp)
    );
    for (name, value) in [
        ("trace", "1"),
        ("__connect.errors.topic", TOPIC),
        ("__connect.errors.partition", "2"),
        ("__connect.errors.offset", "0"),
        ("__connect.errors.exception.class.name", "pinpoint_sidecar.not_json"),
        ("pinpoint_sidecar.topic", TOPIC),
        ("pinpoint_sidecar.partition", "2"),
        ("pinpoint_sidecar.offset", "0"),
        ("pinpoint_sidecar.reason", "not_json"),
    ] {
        assert_eq!(letter.header(name), Some(value), "{name}");
    }
    for name in ["__connect.errors.exception.message", "pinpoint_sidecar.message"] {
        assert!(letter.header(name).is_some_and(|text| !text.is_empty()), "{name}");
    }
    assert_eq!(letter.header("pinpoint_sidecar.event_id"), None, "the whole record was refused");
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn an_event_that_spoils_its_whole_call_is_the_only_dead_letter() {
    let scene = Scene::start();
    let load = Load::generate(400, 0.0);
    let poison = load.event_ids().nth(100).unwrap().clone();
    let matching = vec![Matching { text: poison.clone(), effect: Effect::RefuseCall }];
    scene.fault(Faults { matching, ..Faults::default() });
    scene.produce(&load, 0..load.len());
    let service = scene.setup.start();
    scene.wait_committed();

    let letters = scene.letters();
    let [letter] = &letters[..] else { panic!("{} dead letters", letters.len()) };
    assert_eq!(letter.header("pinpoint_sidecar.event_id"), Some(poison.as_str()));
    let mut arrived = scene.arrived();
    arrived.push(poison);
    load.assert_exact(&arrived);
    assert_eq!(service.metrics().count("records_dead_lettered_total"), 1);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_refused_event_is_a_dead_letter_and_its_sister_is_delivered() {
    let scene = Scene::start();
    let load = Load::generate(200, 0.0);
    let refused = load.event_ids().find(|id| id.ends_with(":session")).unwrap().clone();
    let matching = vec![Matching { text: refused.clone(), effect: Effect::RefuseEvent }];
    scene.fault(Faults { matching, ..Faults::default() });
    scene.produce(&load, 0..load.len());
    let service = scene.setup.start();
    scene.wait_committed();
    let letters = scene.letters();
    let [letter] = &letters[..] else { panic!("{} dead letters", letters.len()) };
    assert_eq!(letter.header("pinpoint_sidecar.event_id"), Some(refused.as_str()));
    let mut arrived = scene.arrived();
    arrived.push(refused);
    load.assert_exact(&arrived);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_topic_that_is_made_late_is_waited_for_visibly() {
    let scene = Scene::start().set("source.topics", "[made-late]");
    let service = scene.setup.start();
    wait_metrics(&service, "the topic is missing", |metrics| metrics.count("topics_missing") == 1);
    scene.kafka.create_topic("made-late", 1);
    scene.kafka.client.produce("made-late", [Message::of("no JSON")]);
    let dead_lettered = || (scene.kafka.client.ends(LETTERS)[&0] == 1).then_some(());
    eventually(SOON, "the record becomes a dead letter", dead_lettered);
    wait_metrics(&service, "the topic exists", |metrics| metrics.count("topics_missing") == 0);
    assert_eq!(service.stop(), Some(0));
}
