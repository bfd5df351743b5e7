//! The headers of a dead letter: the original ones, followed by two sets that say what happened.
//!
//! The first set uses the names of Kafka Connect's dead letters, which existing tools read:
//! `__connect.errors.topic`, `.partition`, `.offset`, `.exception.class.name` (`pinpoint_sidecar.` and the
//! reason) and `.exception.message`. The second uses our own: `pinpoint_sidecar.topic`, `.partition`,
//! `.offset`, `.timestamp` (in milliseconds, because the topic may have the times of the broker), `.reason`,
//! `.message`, the `.destination` that refused it, if one did, and the `.event_id` of each event that it is
//! about, unless it is about the whole record. All values are text.
//!
//! A letter about a redriven record names the original, and in `.redriven` how often it was redriven. The
//! header that says so is left out. `core/redrive/letter.rs` reads letters back.

use rdkafka::message::{Header, OwnedHeaders};

use crate::core::{
    dead_letter::DeadLetter,
    record::{Header as RecordHeader, Original},
    redrive::{OWN_HEADERS as OWN, REDRIVE_HEADER},
};

const CONNECT: &str = "__connect.errors.";

pub(super) fn of(dead_letter: &DeadLetter) -> OwnedHeaders {
    let record = &dead_letter.record;
    let Original { topic, partition, offset, timestamp } = record.original();
    let events = &dead_letter.selection.events;
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len() + events.len() + 13);
    let is_seal = |(name, _): &&RecordHeader| record.redriven.is_some() && **name == *REDRIVE_HEADER;
    for (name, value) in record.headers.iter().filter(|header| !is_seal(header)) {
        headers = headers.insert(Header { key: name, value: value.as_deref() });
    }
    let mut add = |prefix: &str, name: &str, value: &str| {
        let headers = &mut headers;
        *headers =
            std::mem::take(headers).insert(Header { key: &format!("{prefix}{name}"), value: Some(value) });
    };
    let (partition, offset) = (partition.to_string(), offset.to_string());
    for prefix in [CONNECT, OWN] {
        add(prefix, "topic", topic);
        add(prefix, "partition", &partition);
        add(prefix, "offset", &offset);
    }
    if let Some(time) = timestamp {
        add(OWN, "timestamp", &time.0.to_string());
    }
    let reason = dead_letter.refusal.code.0;
    add(CONNECT, "exception.class.name", &format!("{OWN}{reason}"));
    add(CONNECT, "exception.message", &dead_letter.refusal.message);
    add(OWN, "reason", reason);
    add(OWN, "message", &dead_letter.refusal.message);
    if let Some(destination) = &dead_letter.selection.destination {
        add(OWN, "destination", destination);
    }
    for event in events {
        add(OWN, "event_id", event);
    }
    if let Some(redriven) = &record.redriven {
        add(OWN, "redriven", &redriven.attempts.to_string());
    }
    headers
}
