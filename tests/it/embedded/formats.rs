//! Topics of different formats in one service: each record is read in the format of its topic.

use pinpoint_sidecar::tools::emulator::{Options, Quota};

use super::scene::{Scene, TOPIC, wait_metrics};
use crate::support::client::Message;

/// A record that only the configuration's filter can read.
const OWN: &str = r#"{"audit":"a1","at":1795382428244,"account":42}"#;

/// A record of the format identity-event.
const EVENT: &str = r#"{"version":1,"type":"sign_up","id":"e1","time":1795382428244,"user":"u"}"#;

/// A sign-up as Keycloak writes it.
const KEYCLOAK: &str = r#"{"id":"k1","time":1795382400000,"type":"REGISTER","realmId":"r","userId":"u"}"#;

#[test]
fn each_topic_has_its_format_and_the_others_the_one_for_all() {
    let scene = Scene::with(Options { quota: Some(Quota::default()), ..Options::default() })
        .set("source.topics", &format!("[{TOPIC}, own, events]"))
        .set("source.format", "keycloak")
        .set("source.formats", "{ own: custom, events: identity-event }")
        .set("source.custom", r#"'{type: "sign_up", id: .audit, time: .at, user: .account}'"#);
    for topic in ["own", "events"] {
        scene.kafka.create_topic(topic, 1);
    }
    let service = scene.setup.start();
    let produce = |topic: &str, value: &str| scene.kafka.client.produce(topic, [Message::of(value)]);
    produce("own", OWN);
    produce("events", EVENT);
    produce(TOPIC, KEYCLOAK);
    let metrics = wait_metrics(&service, "each is accepted", |it| it.count("records_accepted_total") == 3);
    for format in ["custom", "identity-event", "keycloak"] {
        assert_eq!(metrics.count(&format!("records_recognised_total{{format=\"{format}\"}}")), 1, "{format}");
    }
    let mut arrived = scene.arrived();
    arrived.sort();
    assert_eq!(arrived, ["a1:sign_up", "e1:sign_up", "k1:sign_up"]);

    // A record in the format of another topic is refused.
    produce("events", OWN);
    let metrics = wait_metrics(&service, "all are settled", |it| {
        it.count("records_consumed_total") == 4 && it.count("records_outstanding") == 0
    });
    assert_eq!(metrics.count("records_dead_lettered_total"), 1);
    assert_eq!((scene.letters().len(), service.stop()), (1, Some(0)));
}
