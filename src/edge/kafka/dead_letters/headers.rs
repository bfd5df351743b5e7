//! The headers of a dead letter: the original ones, followed by two sets that say what happened.
//!
//! The first set uses the names of Kafka Connect's dead letters, which existing tools read:
//! `__connect.errors.topic`, `.partition`, `.offset`, `.exception.class.name` (`pinpoint_sidecar.` and the
//! reason) and `.exception.message`. The second uses our own: `pinpoint_sidecar.topic`, `.partition`,
//! `.offset`, `.timestamp` (in milliseconds, because the topic may have the times of the broker), `.reason`,
//! `.message` and, if one event of several was refused, `.event_id`. All values are text.

use rdkafka::message::{Header, OwnedHeaders};

use crate::core::dead_letter::DeadLetter;

const CONNECT: &str = "__connect.errors.";
const OWN: &str = "pinpoint_sidecar.";

pub(super) fn of(dead_letter: &DeadLetter) -> OwnedHeaders {
    let record = &dead_letter.record;
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len() + 12);
    for (name, value) in &record.headers {
        headers = headers.insert(Header { key: name, value: value.as_deref() });
    }
    let mut add = |prefix: &str, name: &str, value: &str| {
        let headers = &mut headers;
        *headers =
            std::mem::take(headers).insert(Header { key: &format!("{prefix}{name}"), value: Some(value) });
    };
    let (partition, offset) = (record.partition.to_string(), record.offset.to_string());
    for prefix in [CONNECT, OWN] {
        add(prefix, "topic", &record.topic);
        add(prefix, "partition", &partition);
        add(prefix, "offset", &offset);
    }
    if let Some(time) = record.timestamp {
        add(OWN, "timestamp", &time.0.to_string());
    }
    let reason = dead_letter.refusal.code.0;
    add(CONNECT, "exception.class.name", &format!("{OWN}{reason}"));
    add(CONNECT, "exception.message", &dead_letter.refusal.message);
    add(OWN, "reason", reason);
    add(OWN, "message", &dead_letter.refusal.message);
    if let Some(id) = &dead_letter.event_id {
        add(OWN, "event_id", id);
    }
    headers
}
