//! Reads the records of Pinpoint's event stream, as its readers know them, from what a service was sent.
//!
//! Knows nothing of how this program writes them: it is an independent reader. A record of another shape is
//! no error, but has no names.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::tools::emulator::journal::{Accepted, Names};

/// The fields of a record that name its event.
#[derive(Default, Deserialize)]
pub(super) struct EventFields<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    client: Client<'a>,
    #[serde(borrow)]
    attributes: Attributes<'a>,
}

#[derive(Default, Deserialize)]
struct Client<'a> {
    #[serde(borrow)]
    client_id: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct Attributes<'a> {
    #[serde(borrow)]
    event_id: Cow<'a, str>,
}

impl<'a> EventFields<'a> {
    /// Reads the names of an event; they are empty if the record has another shape.
    pub(super) fn read(record: &'a [u8]) -> Self {
        serde_json::from_slice(record).unwrap_or_default()
    }

    pub(super) fn names(&self) -> Names<'_> {
        Names {
            endpoint_id: &self.client.client_id,
            event_id: &self.attributes.event_id,
            event_type: &self.event_type,
        }
    }
}

/// The ids of the endpoints that some records name.
pub(super) fn endpoints<'a>(records: impl Iterator<Item = &'a [u8]>) -> BTreeSet<String> {
    let ids = records.map(|record| EventFields::read(record).client.client_id.into_owned());
    ids.filter(|id| !id.is_empty()).collect()
}

/// The event of a record. `entry` is what the service was told about it.
pub(super) fn event(names: Names<'_>, record: &[u8], entry: Value) -> Accepted {
    let Ok(value) = serde_json::from_slice::<Value>(record) else {
        let record = Value::String(BASE64_STANDARD.encode(record));
        return Accepted { entry: Some(entry), record: Some(record), ..Accepted::default() };
    };
    let map = |key: &str| value.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter);
    let attributes =
        map("attributes").filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    let metrics = map("metrics").filter_map(|(key, value)| Some((key.clone(), value.as_f64()?)));
    let timestamp = value.get("event_timestamp").and_then(Value::as_i64).and_then(in_text);
    Accepted {
        endpoint_id: names.endpoint_id.into(),
        event_id: names.event_id.to_owned(),
        event_type: names.event_type.to_owned(),
        timestamp: timestamp.unwrap_or_default(),
        attributes: attributes.collect::<BTreeMap<_, _>>(),
        metrics: metrics.collect::<BTreeMap<_, _>>(),
        session: value.get("session").cloned(),
        endpoint: Arc::new(value.get("endpoint").cloned().unwrap_or_default()),
        entry: Some(entry),
        record: Some(value),
        ..Accepted::default()
    }
}

/// A point in time, given in milliseconds since 1970, in the form of Pinpoint's requests.
fn in_text(milliseconds: i64) -> Option<String> {
    Some(format!("{:.3}", jiff::Timestamp::from_millisecond(milliseconds).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RECORD: &str = r#"{"event_type":"_session.start","event_version":"3.1","event_timestamp":1795341600000,
        "application":{"app_id":"shop","sdk":{}},"client":{"client_id":"e\u0031"},"device":{},
        "session":{"session_id":"s","start_timestamp":1795341600000},
        "attributes":{"event_id":"1:session","a":"v"},"metrics":{"m":1.5},"endpoint":{"Id":"e1"}}"#;

    #[test]
    fn a_record_of_the_event_stream_is_an_event() {
        let fields = EventFields::read(RECORD.as_bytes());
        let names = Names { endpoint_id: "e1", event_id: "1:session", event_type: "_session.start" };
        assert_eq!(fields.names(), names);
        let event = event(names, RECORD.as_bytes(), json!({ "partition_key": "k" }));
        assert_eq!(event.timestamp, "2026-11-22T10:00:00.000Z");
        assert_eq!(event.attributes["a"], "v");
        assert_eq!(event.metrics, [("m".to_owned(), 1.5)].into());
        assert_eq!(event.session.unwrap()["session_id"], "s");
        assert_eq!(*event.endpoint, json!({ "Id": "e1" }));
        assert_eq!(event.record.unwrap()["application"]["app_id"], "shop");
        assert_eq!(event.entry.unwrap(), json!({ "partition_key": "k" }));
    }

    #[track_caller]
    fn check_other(record: &[u8], expected: Value) {
        let fields = EventFields::read(record);
        assert_eq!(fields.names(), Names::default());
        assert_eq!(event(fields.names(), record, Value::Null).record, Some(expected));
    }

    #[test]
    fn any_other_record_has_no_names() {
        check_other(br#"{"a":1}"#, json!({ "a": 1 }));
        check_other(
            br#"{"event_type":"t","client":{"client_id":"e"},"attributes":{}}"#,
            json!({ "event_type": "t", "client": { "client_id": "e" }, "attributes": {} }),
        );
        check_other(b"hello", json!("aGVsbG8="));
        check_other(b"\xff", json!("/w=="));
    }
}
