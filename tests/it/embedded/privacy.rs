//! Nothing that a record or an answer contains leaves the service except through deliveries and dead letters.
//!
//! Every text of the records and of the answers is marked. Then the marks are looked for in everything that
//! an operator can see, at the most verbose level.

use serde_json::{Value, json};

use super::{
    hostile_server, marked,
    scene::{Scene, TOPIC, wait_metrics},
};
use crate::support::{client::Message, service::Service};

/// The mark that every text contains.
pub(super) const MARK: &str = "xq7mark";
/// An address cannot contain a word, so this address is looked for as well.
pub(super) const ADDRESS: &str = "198.51.100.77";

#[test]
fn no_text_of_records_and_answers_is_shown() {
    let scene = Scene::start();
    let server = hostile_server::start();
    let scene = scene
        .set("destination.pinpoint.endpoint_url", &server.url)
        .set("log", "{ format: json, level: trace }");
    let service = scene.setup.start();
    let records = records();
    let all = records.len() as u64;
    scene.kafka.client.produce(TOPIC, records);
    let during = pages(&service);
    // Every event is refused in the end, so that the path of the dead letters has seen everything, too.
    wait_metrics(&service, "everything is settled", |metrics| {
        metrics.count("records_consumed_total") == all && metrics.count("records_outstanding") == 0
    });
    let letters = scene.letters();
    let quoted = |letter: &Message| {
        letter.header("pinpoint_sidecar.message").is_some_and(|message| message.contains(MARK))
    };
    assert!(letters.iter().any(quoted), "the answers' words reach the dead letters");
    assert_eq!(service.status()["records"]["accepted"], 0);

    for page in during.into_iter().chain(pages(&service)) {
        assert_silent(&page);
    }
    assert_silent_log(&service);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn no_text_of_the_records_of_any_provider_is_shown() {
    let scene = Scene::start();
    let scene = scene
        .set("log", "{ format: json, level: trace }")
        .set("source.topics", &format!("[{TOPIC}, own]"))
        .set("source.formats", "{ own: custom }")
        .set("source.custom", "'if .fail then error(.) else .event end'")
        .set("sessions.table", "{ topic: sessions }")
        .set("endpoint", ENDPOINT)
        .set("event", "{ attributes: { name: user_name, tenant: realm_name } }");
    scene.kafka.create_topic("own", 1);
    scene.kafka.create_topic("sessions", 1);
    let (records, own) = (marked::records(), marked::own());
    let all = (records.len() + own.len()) as u64;
    scene.kafka.client.produce(TOPIC, records);
    scene.kafka.client.produce("own", own);
    let service = scene.setup.start();
    let during = pages(&service);
    let metrics = wait_metrics(&service, "everything is settled", |metrics| {
        metrics.count("records_consumed_total") == all && metrics.count("records_outstanding") == 0
    });
    let taken = |format: &str| metrics.count(&format!("records_recognised_total{{format=\"{format}\"}}")) > 0;
    let missing: Vec<_> = marked::FORMATS.into_iter().filter(|format| !taken(format)).collect();
    assert!(missing.is_empty(), "no record is taken for {missing:?}: {metrics:?}");
    for reason in ["filter_failed", "field_invalid"] {
        let refused = format!("records_dead_lettered_total{{reason=\"{reason}\"}}");
        assert!(metrics.count(&refused) > 0, "no record is refused for {reason}: {metrics:?}");
    }
    let delivered = scene.putevents.control.events(0);
    let marked = delivered.iter().filter(|event| event.endpoint.to_string().contains(MARK)).count();
    assert!(marked > 10, "the marks reach the destination: {marked} of {}", delivered.len());
    let addressed = delivered.iter().filter(|event| event.endpoint["Address"].is_string()).count();
    assert!(addressed > 3, "e-mail addresses reach the destination: {addressed}");

    for page in during.into_iter().chain(pages(&service)) {
        assert_silent(&page);
    }
    assert_silent_log(&service);
    assert_eq!(service.stop(), Some(0));
}

/// As many personal details as there are keys for.
const ENDPOINT: &str = "{ id: user_device, address: { from: person.email, channel: EMAIL },
  user_attributes: { FirstName: person.given_name, Name: user_name }, attributes: { Ip: ip, Agent: user_agent },
  demographic: { from: [event, user_agent] }, location: { from: [event] } }";

/// Asserts that no line of the log contains a mark, and that other libraries log nothing below a warning.
#[track_caller]
fn assert_silent_log(service: &Service) {
    service.metrics().assert_balanced();
    let log = service.log();
    for line in &log {
        assert_silent(line);
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let ours = line["target"].as_str().is_some_and(|target| target.starts_with("pinpoint_sidecar"));
        assert!(ours || matches!(line["level"].as_str(), Some("WARN" | "ERROR")), "{line}");
    }
    assert!(log.len() > 3, "there is a log: {log:?}");
}

fn pages(service: &Service) -> Vec<String> {
    let pages = ["/livez", "/readyz", "/metrics", "/status"];
    pages.into_iter().map(|path| service.page(path).expect("a page").body).collect()
}

#[track_caller]
fn assert_silent(text: &str) {
    let lower = text.to_lowercase();
    assert!(!lower.contains(MARK) && !lower.contains(ADDRESS), "a mark is shown: {text}");
}

/// Records of every kind that the decoder distinguishes, with a mark in each text.
fn records() -> Vec<Message> {
    let mut values: Vec<Vec<u8>> = Vec::new();
    let types = ["LOGIN", "REGISTER", "LOGOUT", "LOGIN_ERROR", "CODE_TO_TOKEN", "USER_SESSION_DELETED"];
    for (number, name) in types.iter().chain(&["XQ7MARK_TYPE"]).enumerate() {
        values.push(event(name, number).to_string().into());
    }
    let changed = |field: &str, value: Value| {
        let mut event = event("LOGIN", 9);
        event[field] = value;
        event.to_string().into_bytes()
    };
    values.extend([
        changed("time", json!(MARK)),
        changed("userId", json!(format!("${{{MARK}}}"))),
        changed("userId", json!([MARK])),
        changed("type", json!({ MARK: MARK })),
        changed("userId", json!(null)),
        admin_event("ACTION", &format!("users/{MARK}/logout")).to_string().into(),
        admin_event(MARK, MARK).to_string().into(),
        format!("{MARK} is no JSON").into(),
        format!("{{\"type\":\"LOGIN\",\"userId\":\"{MARK}").into(),
        format!("{{\"{MARK}\":\"{MARK}\"}}").into(),
        format!("[\"{MARK}\"]").into(),
        [MARK.as_bytes(), b"\xff\xfe"].concat(),
    ]);
    values.into_iter().map(record).collect()
}

fn record(value: Vec<u8>) -> Message {
    Message { key: Some(MARK.into()), headers: vec![(MARK.into(), Some(MARK.into()))], ..Message::of(value) }
}

fn event(name: &str, number: usize) -> Value {
    let text = |field: &str| format!("{MARK}-{field}-{number}");
    json!({
        "id": text("id"), "time": 1_795_382_400_000_i64, "type": name, "realmId": text("realm"),
        "realmName": text("realm-name"), "clientId": text("client"), "userId": text("user"),
        "sessionId": text("session"), "ipAddress": ADDRESS, "error": text("error"),
        "details": {
            "username": text("name"), "email": format!("{MARK}@example.com"), "first_name": text("first"),
            "reason": text("reason"), "user_agent": text("agent"), MARK: MARK,
        },
    })
}

fn admin_event(operation: &str, path: &str) -> Value {
    json!({
        "id": MARK, "time": 1_795_382_400_000_i64, "realmId": MARK, "operationType": operation,
        "resourceType": "USER", "resourcePath": path,
        "authDetails": { "realmId": MARK, "clientId": MARK, "userId": MARK, "ipAddress": ADDRESS },
        "representation": format!("{{\"email\":\"{MARK}@example.com\"}}"), "error": MARK,
    })
}
