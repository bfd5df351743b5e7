//! Shows what one record becomes, as a text for people and as a line of JSON.
//!
//! Shows what the destination would receive, using its own encoder, and the documents of identity events.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{NO_TOPIC, outline::outline, requests::Requests};
use crate::{
    core::{
        code::Code,
        decode::{Decoded, EventResult, Format},
        destination::{Encoder, FieldCounts, Fitted, Request},
        event::{InFull, Refusal},
        identity::{document::Document, reason::Unmapped},
        record::Record,
    },
    edge::clock::Clock,
};

pub(super) struct Outcome<'o, 'r> {
    /// The record's number, from 1.
    pub(super) number: i64,
    pub(super) record: &'o Record,
    pub(super) decoded: &'o Decoded<'r>,
    pub(super) taken: &'o Taken,
    pub(super) encoder: &'o dyn Encoder,
}

/// What the destination takes of a record.
pub(super) struct Taken {
    pub(super) events: Vec<Fitted>,
    pub(super) refused: Option<Refusal>,
    ignored: Option<Code>,
}

impl Taken {
    pub(super) fn of(mapped: InFull, encoder: &dyn Encoder) -> Self {
        let InFull { deliveries, mut refused, ignored } = mapped;
        let mut events = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match encoder.fit(delivery, &mut FieldCounts::default()) {
                Ok(event) => events.push(event),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        Self { events, refused, ignored }
    }
}

impl Outcome<'_, '_> {
    /// Writes the outcome as an outline.
    pub(super) fn text(&self) -> String {
        let mut text = format!("record {}{}: {}\n", self.number, self.place(), self.format());
        for item in &self.decoded.events {
            match item {
                Ok(_) => {
                    text.push_str("  identity event\n");
                    outline(&mut text, 4, &document(item));
                }
                // If this is the only event, the outcome below says it.
                Err(_) if self.decoded.events.len() == 1 => {}
                Err(Unmapped::Ignored(reason)) => put(&mut text, "no identity event", reason.code().0, ""),
                Err(Unmapped::Refused(reason)) => {
                    put(&mut text, "no identity event", reason.code().0, &reason.to_string());
                }
            }
        }
        for (heading, fields) in
            self.requests().iter().flat_map(|request| self.encoder.outline(request, Clock::wall()))
        {
            // Writing into a `String` does not fail.
            let _ = writeln!(text, "  {heading}");
            outline(&mut text, 4, &fields);
        }
        if let Some(code) = self.taken.ignored {
            put(&mut text, "ignored", code.0, "");
        }
        if let Some(Refusal { code, message }) = &self.taken.refused {
            put(&mut text, "refused", code.0, message);
        }
        text
    }

    /// Writes the outcome as a JSON object.
    pub(super) fn json(&self) -> Value {
        let Taken { events, refused, ignored } = self.taken;
        let outcome = match refused {
            None if ignored.is_some() => "ignored",
            None => "sent",
            Some(_) if events.is_empty() => "refused",
            Some(_) => "partly_sent",
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
        if let Some(code) = ignored {
            json["reason"] = code.0.into();
        }
        if let Some(Refusal { code, message }) = refused {
            json["reason"] = code.0.into();
            json["message"] = message.as_str().into();
        }
        json
    }

    fn requests(&self) -> Vec<Request> {
        Requests::of(&self.taken.events, self.encoder)
    }

    /// The bodies of the requests with the record's app events.
    fn bodies(&self) -> Vec<Value> {
        let body =
            |request| serde_json::from_slice(&self.encoder.body(request, Clock::wall())).unwrap_or_default();
        self.requests().iter().map(body).collect()
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

/// An identity event's document, or the reason why there is none.
fn document(item: &EventResult<'_>) -> Value {
    match item {
        Ok(event) => serde_json::to_value(Document::from(event)).unwrap_or_default(),
        Err(Unmapped::Ignored(reason)) => json!({ "ignored": reason.code().0 }),
        Err(Unmapped::Refused(reason)) => {
            json!({ "refused": reason.code().0, "message": reason.to_string() })
        }
    }
}

fn put(text: &mut String, what: &str, code: &str, message: &str) {
    let colon = if message.is_empty() { "" } else { ": " };
    let _ = writeln!(text, "  {what}: {code}{colon}{message}");
}
