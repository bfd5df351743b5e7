//! The public form of an identity event: a JSON document of version 1, which any program can publish.
//!
//! `schemas/identity-event.json` is generated from [`IdentityEvent`] and explains each field to publishers.
//! This module writes the document, and the format `identity-event` reads it back as the same event. A later
//! version 1 may have more fields, so unknown fields are ignored.

use std::borrow::Cow;

use jiff::fmt::temporal::DateTimePrinter;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::core::{
    identity::{IdentityEvent, Kind},
    time::Timestamp,
};

pub const VERSION: u8 = 1;

/// An identity event, as any program can publish it: what happened to a person or a session.
///
/// Only `type` must be given, and `version` where the format is not configured but recognised. An empty
/// text and `null` count as absent. Fields that are not listed are ignored; one that is listed and holds
/// something else than it should refuses the event. This describes one event: a record may also hold an
/// array of them, or an object with the `version` and the array `events`.
#[derive(Serialize, JsonSchema)]
pub struct Document<'e> {
    /// The version of this document: 1.
    #[schemars(schema_with = "version")]
    version: u8,
    #[serde(flatten)]
    event: &'e IdentityEvent<'e>,
}

/// The JSON Schema of the document, with `type` as its only required field.
#[must_use]
pub fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema: serde_json::Value =
        settings.into_generator().into_root_schema_for::<Document<'_>>().into();
    // A written document always has a version. A document to be read needs none if its format is configured.
    schema["required"] = serde_json::json!(["type"]);
    schema
}

impl<'e> From<&'e IdentityEvent<'e>> for Document<'e> {
    fn from(event: &'e IdentityEvent<'e>) -> Self {
        Self { version: VERSION, event }
    }
}

impl Kind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::SignIn,
        Self::SignUp,
        Self::SignInFailed,
        Self::SessionStarted,
        Self::SessionResumed,
        Self::SessionPaused,
        Self::SessionStopped,
        Self::SessionsStopped,
        Self::Activity,
    ];

    /// The name in the field `type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignUp => "sign_up",
            Self::SignInFailed => "sign_in_failed",
            Self::SessionStarted => "session_started",
            Self::SessionResumed => "session_resumed",
            Self::SessionPaused => "session_paused",
            Self::SessionStopped => "session_stopped",
            Self::SessionsStopped => "sessions_stopped",
            Self::Activity => "activity",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Writes [`IdentityEvent::person`] as an object.
pub(super) fn write_person<S: Serializer>(
    person: &[(Cow<'_, str>, Vec<Cow<'_, str>>)],
    to: S,
) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(person.len()))?;
    for (name, values) in person {
        match &values[..] {
            [value] => map.serialize_entry(name, value)?,
            values => map.serialize_entry(name, values)?,
        }
    }
    map.end()
}

/// Writes [`IdentityEvent::attributes`] as an object.
pub(super) fn write_attributes<S: Serializer>(
    attributes: &[(Cow<'_, str>, Cow<'_, str>)],
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_map(attributes.iter().map(|(name, value)| (name, value)))
}

#[expect(clippy::ref_option, reason = "serde hands it over so")]
pub(super) fn write_time<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    let time = time.and_then(|time| jiff::Timestamp::from_millisecond(time.0).ok());
    match time {
        Some(time) => to.serialize_str(&DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&time)),
        None => to.serialize_none(),
    }
}

fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": VERSION })
}

pub(super) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number", "null"] })
}

pub(super) fn person(_: &mut SchemaGenerator) -> Schema {
    let text = serde_json::json!({ "type": ["string", "null"] });
    let texts = serde_json::json!({ "type": "array", "items": { "type": "string" } });
    json_schema!({ "type": ["object", "null"], "additionalProperties": { "anyOf": [text, texts] } })
}

pub(super) fn attributes(_: &mut SchemaGenerator) -> Schema {
    let any = serde_json::json!({ "type": ["string", "number", "boolean", "null"] });
    json_schema!({ "type": ["object", "null"], "additionalProperties": any })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_written_under_its_name() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
        assert_eq!(Kind::named("login"), None);
    }

    /// To update the file: `pinpoint-sidecar schema identity-event > schemas/identity-event.json`
    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let published = include_str!("../../../schemas/identity-event.json");
        let current = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
        assert_eq!(published, current);
    }
}
