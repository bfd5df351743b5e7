//! Problems that only a person can fix: the service holds and reports them, loses and dead-letters nothing,
//! and goes on by itself once they are fixed.

use std::time::Duration;

use pinpoint_sidecar::tools::emulator::Outage;

use super::{
    load::Load,
    scene::{LETTERS, SOON, Scene, TOPIC, wait_metrics},
};
use crate::support::{
    client::Message,
    service::Service,
    wait::{eventually, now},
};

/// A record that becomes a single event.
const ALONE: &str = r#"{"id":"alone","time":1795382400000,"type":"REGISTER","realmId":"r","userId":"u"}"#;

#[test]
fn a_role_without_the_right_is_a_hold_until_it_has_it() {
    check_wrong_set_up(Outage::access_denied(), "AccessDeniedException");
}

#[test]
fn an_expired_token_is_a_hold_though_it_comes_as_a_400() {
    check_wrong_set_up(Outage::expired_token(), "ExpiredTokenException");
}

/// Starts the service with a wrong set-up, which it reports with `code`, and checks that it delivers once
/// the set-up is fixed.
#[track_caller]
fn check_wrong_set_up(outage: Outage, code: &str) {
    let scene = Scene::start().set("admin.readiness", "delivery");
    let load = Load::generate(200, 0.0);
    let service = scene.setup.start();
    scene.outage(outage);
    // A single event first: if several were all refused, it would be clear that they are not at fault.
    scene.kafka.client.produce(TOPIC, [Message::of(ALONE)]);
    wait_metrics(&service, "a hold", |metrics| metrics.count(r#"hold{cause="destination"}"#) == 1);
    let ready = service.page("/readyz").unwrap();
    assert_eq!(ready.status, 503, "readiness speaks of delivery");
    assert!(ready.body.contains(&format!("hold: destination {code}")), "{}", ready.body);
    let hold = &service.status()["holds"][0];
    assert_eq!((hold["cause"].as_str(), hold["code"].as_str()), (Some("destination"), Some(code)));
    let metrics = service.metrics();
    assert_eq!(metrics.count("events_accepted_total") + metrics.count("records_dead_lettered_total"), 0);

    scene.produce(&load, 0..load.len());
    wait_metrics(&service, "others wait as well", |metrics| metrics.count("events_outstanding") > 10);
    scene.mend();
    scene.wait_committed();
    let mut arrived = scene.arrived();
    let before = arrived.len();
    arrived.retain(|id| id != "alone:sign_up");
    assert_eq!(before, arrived.len() + 1);
    load.assert_exact(&arrived);
    assert_eq!(scene.letters(), []);
    wait_metrics(&service, "the hold is over", |metrics| metrics.count("hold") == 0);
    assert_eq!(service.page("/readyz").unwrap().status, 200);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_missing_dead_letter_topic_holds_its_partition_and_names_the_remedy() {
    let scene = Scene::start().set("dead_letter.topic", "made-late");
    let load = Load::generate(200, 0.0);
    scene.kafka.client.produce(TOPIC, [Message { partition: Some(1), ..Message::of("no JSON") }]);
    let service = scene.setup.start();
    let cause = r#"hold{cause="dead_letter"}"#;
    wait_metrics(&service, "the partition is held", |metrics| metrics.count(cause) == 1);
    eventually(SOON, "the remedy is logged", || says(&service, "create the dead-letter topic").then_some(()));
    let ready = service.page("/readyz").unwrap();
    assert_eq!(ready.status, 200, "readiness speaks of the process");
    let hold = format!("hold: dead_letter unknown_topic_or_partition {TOPIC}/1\n");
    assert!(ready.body.contains(&hold), "{}", ready.body);

    // Other partitions are not affected.
    let messages: Vec<_> =
        load.messages(0..load.len()).into_iter().filter(|it| it.partition != Some(1)).collect();
    let others = messages.len() as u64;
    scene.kafka.client.produce(TOPIC, messages);
    wait_metrics(&service, "the others are settled", |metrics| {
        metrics.count("records_consumed_total") == others + 1 && metrics.count("records_outstanding") == 1
    });
    assert_eq!(scene.committed().get(&1), None);
    scene.kafka.create_topic("made-late", 1);
    scene.wait_committed();
    assert_eq!(scene.kafka.client.read_all("made-late").len(), 1);
    wait_metrics(&service, "the hold is over", |metrics| metrics.count("hold") == 0);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_topic_that_is_mostly_refused_opens_its_circuit_and_another_goes_on() {
    let scene = Scene::start()
        .set("source.topics", &format!("[{TOPIC}, garbage]"))
        .set("dead_letter", &format!("{{ topic: {LETTERS}, circuit_breaker: {{ share: 0.5, window: 4 }} }}"));
    scene.kafka.create_topic("garbage", 1);
    let load = Load::generate(400, 0.0);
    let service = scene.setup.start();
    wait_metrics(&service, "it owns everything", |metrics| metrics.count("partitions_owned") == 5);
    let start = now();
    scene.kafka.client.produce("garbage", (0..11).map(|number| Message::of(format!("garbage {number}"))));
    scene.produce(&load, 0..load.len());
    let cause = r#"hold{cause="circuit_breaker"}"#;
    wait_metrics(&service, "the breaker is on", |metrics| metrics.count(cause) == 1);
    let ready = service.page("/readyz").unwrap();
    assert!(ready.body.contains("hold: circuit_breaker mostly_refused garbage\n"), "{}", ready.body);
    scene.wait_committed();
    load.assert_exact(&scene.arrived());

    // Three refusals open the circuit breaker; the other eight pass one by one, each after at most 300 ms.
    wait_metrics(&service, "all are let through", |metrics| {
        metrics.count("records_dead_lettered_total") == 11
    });
    assert!(start.elapsed() >= Duration::from_millis(8 * 300), "too fast: {:?}", start.elapsed());
    scene.kafka.client.produce("garbage", load.messages(0..40).into_iter().map(anywhere));
    wait_metrics(&service, "the breaker is off", |metrics| metrics.count(cause) == 0);
    wait_metrics(&service, "everything is settled", |metrics| {
        metrics.count("records_consumed_total") == load.len() as u64 + 51
            && metrics.count("records_outstanding") == 0
    });
    assert_eq!((scene.letters().len(), service.stop()), (11, Some(0)));
}

/// The same record for a topic with a different number of partitions.
fn anywhere(message: Message) -> Message {
    Message { partition: None, ..message }
}

fn says(service: &Service, text: &str) -> bool {
    service.log().iter().any(|line| line.contains(text))
}
