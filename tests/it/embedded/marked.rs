//! The example records of `deploy/providers` with marks: every text that does not determine the record's
//! shape is a mark, or begins with one.

use std::{fs, net::IpAddr, path::Path};

use serde_json::{Value, json};

use super::privacy::{ADDRESS, MARK};
use crate::support::client::Message;

/// The formats in which they are recognised.
pub(super) const FORMATS: [&str; 13] = [
    "auth0",
    "authentik",
    "caep",
    "cognito",
    "custom",
    "entra",
    "fusionauth",
    "identity-event",
    "keycloak",
    "ocsf",
    "okta",
    "ory",
    "wso2",
];

/// The names of fields whose texts determine what kind of record it is, or when it happened.
const SHAPE: [&str; 28] = [
    "action",
    "app",
    "category",
    "createInstant",
    "created",
    "createdDateTime",
    "creationDate",
    "date",
    "eventResponse",
    "eventSource",
    "eventTimestamp",
    "eventType",
    "event_timestamp",
    "format",
    "iat",
    "loginTime",
    "operationName",
    "operationVersion",
    "published",
    "result",
    "resultType",
    "specversion",
    "time",
    "timestamp",
    "type",
    "uri",
    "version",
    "userType",
];

/// Each example in several forms: with a mark in each text that does not determine the shape; with a mark in
/// every text; in CloudEvents by headers. Also some that are refused.
pub(super) fn records() -> Vec<Message> {
    let mut messages = Vec::new();
    for example in examples() {
        let marked = marked(&example, "", &|name| SHAPE.contains(&name));
        let message = Message { key: Some(MARK.into()), ..Message::of(marked.to_string()) };
        messages.push(Message { headers: cloud_event(), ..message.clone() });
        messages.push(message);
        messages.push(Message::of(self::marked(&example, "", &|_| false).to_string()));
    }
    let invalid = json!({ "version": 1, "type": "sign_in", "id": MARK, "time": MARK, "user": [MARK] });
    messages.push(Message::of(invalid.to_string()));
    messages
}

/// Records for a filter that fails on the first and passes on an identity event from each of the others, of
/// which the last is invalid.
pub(super) fn own() -> Vec<Message> {
    let event = |user: Value| json!({ "event": { "type": "sign_up", "id": MARK, "time": 1_795_382_400_000_i64, "user": user } });
    let failing = json!({ "fail": true, "text": MARK });
    [failing, event(MARK.into()), event(json!({ MARK: MARK }))].map(|it| Message::of(it.to_string())).into()
}

/// The headers that put a record into CloudEvents.
fn cloud_event() -> Vec<(String, Option<Vec<u8>>)> {
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", MARK),
        ("ce_source", MARK),
        ("ce_type", MARK),
        ("ce_subject", MARK),
        ("ce_time", MARK),
        ("content-type", "application/json"),
    ];
    headers.map(|(name, value)| (name.to_owned(), Some(value.into()))).into()
}

/// The JSON blocks of the pages.
fn examples() -> Vec<Value> {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/providers");
    let mut examples = Vec::new();
    for page in fs::read_dir(pages).expect("the pages") {
        let text = fs::read_to_string(page.expect("a page").path()).expect("a page in UTF-8");
        let blocks = text.split("\n```json\n").skip(1).filter_map(|rest| rest.split("\n```").next());
        examples.extend(blocks.filter_map(|block| serde_json::from_str::<Value>(block).ok()));
    }
    assert!(examples.len() >= FORMATS.len(), "the examples are found");
    examples
}

/// `value`, found under `name`, with marks in its texts except for those whose names are kept.
fn marked(value: &Value, name: &str, is_kept: &impl Fn(&str) -> bool) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), marked(value, name, is_kept))).collect()
        }
        Value::Array(items) => items.iter().map(|item| marked(item, name, is_kept)).collect(),
        Value::String(_) if is_kept(name) => value.clone(),
        Value::String(text) if text.parse::<IpAddr>().is_ok() => ADDRESS.into(),
        Value::String(text) => format!("{MARK}-{text}").into(),
        other => other.clone(),
    }
}
