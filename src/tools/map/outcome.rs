//! What one record becomes, as a text for people and as a line of JSON.
//!
//! Shows what would be sent by the destination's own serialiser, and identity events as their documents.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{NO_TOPIC, outline::outline, requests::Requests};
use crate::{
    core::{
        decode::{Decoded, Format, Item},
        event::{Mapped, Refusal},
        identity::{document::Document, reason::Unmapped},
        record::Record,
    },
    edge::aws::pinpoint::write_body,
};

/// What a record became.
pub(super) struct Outcome<'o, 'r> {
    /// The record's number, from 1.
    pub(super) number: i64,
    pub(super) record: &'o Record,
    pub(super) decoded: &'o Decoded<'r>,
    pub(super) mapped: &'o Mapped,
}

impl Outcome<'_, '_> {
    /// As an outline.
    pub(super) fn text(&self) -> String {
        let mut text = format!("record {}{}: {}\n", self.number, self.place(), self.format());
        for item in &self.decoded.events {
            match item {
                Ok(_) => {
                    text.push_str("  identity event\n");
                    outline(&mut text, 4, &document(item));
                }
                // Where it is all that there is, the outcome below says it.
                Err(_) if self.decoded.events.len() == 1 => {}
                Err(Unmapped::Ignored(reason)) => put(&mut text, "no identity event", reason.code().0, ""),
                Err(Unmapped::Refused(reason)) => {
                    put(&mut text, "no identity event", reason.code().0, &reason.to_string());
                }
            }
        }
        for body in self.bodies() {
            sent(&mut text, &body);
        }
        match self.mapped {
            Mapped::Deliver(_) => {}
            Mapped::Ignored(code) => put(&mut text, "ignored", code.0, ""),
            Mapped::Partly(_, Refusal { code, message }) | Mapped::Refused(Refusal { code, message }) => {
                put(&mut text, "refused", code.0, message);
            }
        }
        text
    }

    /// As a JSON object.
    pub(super) fn json(&self) -> Value {
        let (outcome, reason) = match self.mapped {
            Mapped::Deliver(_) => ("sent", None),
            Mapped::Partly(_, refusal) => ("partly_sent", Some(refusal)),
            Mapped::Ignored(_) => ("ignored", None),
            Mapped::Refused(refusal) => ("refused", Some(refusal)),
        };
        let mut json = json!({
            "record": self.number,
            "format": self.decoded.format.map(Format::name),
            "identity_events": self.decoded.events.iter().map(document).collect::<Vec<_>>(),
            "outcome": outcome,
            "requests": self.bodies(),
        });
        if self.record.topic.as_ref() != NO_TOPIC {
            let Record { topic, partition, offset, .. } = self.record;
            json["source"] = json!({ "topic": &**topic, "partition": partition, "offset": offset });
        }
        if let Mapped::Ignored(code) = self.mapped {
            json["reason"] = code.0.into();
        }
        if let Some(Refusal { code, message }) = reason {
            json["reason"] = code.0.into();
            json["message"] = message.as_str().into();
        }
        json
    }

    /// The bodies of `PutEvents` with the record's app events.
    fn bodies(&self) -> Vec<Value> {
        let (Mapped::Deliver(deliveries) | Mapped::Partly(deliveries, _)) = self.mapped else {
            return Vec::new();
        };
        let body = |request| serde_json::from_slice(&write_body(request)).unwrap_or_default();
        Requests::of(deliveries).iter().map(body).collect()
    }

    fn place(&self) -> String {
        let Record { topic, partition, offset, .. } = self.record;
        match &**topic {
            NO_TOPIC => String::new(),
            topic => format!(" ({topic}, partition {partition}, offset {offset})"),
        }
    }

    fn format(&self) -> &'static str {
        self.decoded.format.map_or("not recognised", Format::name)
    }
}

/// An identity event's document, or why there is none.
fn document(item: &Item<'_>) -> Value {
    match item {
        Ok(event) => serde_json::to_value(Document::from(event)).unwrap_or_default(),
        Err(Unmapped::Ignored(reason)) => json!({ "ignored": reason.code().0 }),
        Err(Unmapped::Refused(reason)) => {
            json!({ "refused": reason.code().0, "message": reason.to_string() })
        }
    }
}

/// The endpoints and events of a body.
fn sent(text: &mut String, body: &Value) {
    for (id, item) in body["BatchItem"].as_object().into_iter().flatten() {
        // Writing into a `String` does not fail.
        let _ = writeln!(text, "  endpoint {id}");
        outline(text, 4, &item["Endpoint"]);
        for (id, event) in item["Events"].as_object().into_iter().flatten() {
            text.push_str("  app event\n");
            outline(text, 4, &json!({ "id": id }));
            outline(text, 4, event);
        }
    }
}

fn put(text: &mut String, what: &str, code: &str, message: &str) {
    let colon = if message.is_empty() { "" } else { ": " };
    let _ = writeln!(text, "  {what}: {code}{colon}{message}");
}
