//! The public form of an identity event: a JSON document of version 1, which any program can publish.
//!
//! `schemas/identity-event.json` is generated from these types and explains each field to publishers. This
//! is the written half of the conversion; the format `identity-event` is the other and reads back the same
//! event. A later version 1 may have more fields, so what is unknown is ignored.

use std::borrow::Cow;

use jiff::fmt::temporal::DateTimePrinter;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::core::{
    identity::{Device, IdentityEvent, Kind, Place},
    time::Timestamp,
};

/// The version of the document.
pub const VERSION: u8 = 1;

/// An identity event, as any program can publish it: what happened to a person or a session.
///
/// Only `type` must be given, and `version` where the format is not configured but recognised. An empty
/// text and `null` count as absent. Fields that are not listed are ignored; one that is listed and holds
/// something else than it should refuses the event. This describes one event: a record may also hold an
/// array of them, or an object with the `version` and the array `events`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "identity event")]
pub struct Document<'e> {
    /// The version of this document: 1.
    #[schemars(schema_with = "version")]
    version: u8,
    /// What happened.
    #[serde(rename = "type")]
    kind: Kind,
    /// The provider's name, a part of each endpoint's id: do not change it. `identity-event` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'e str>,
    /// The event's own id, the same in each copy of it: ids of app events are made of it. Without one they
    /// are made of the record's topic, partition and offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'e str>,
    /// When it happened: RFC 3339 with an offset, such as `2026-11-22T10:00:00.000Z`; or a number since
    /// 1970, of seconds, milliseconds or microseconds by its magnitude. The record's timestamp where absent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_time")]
    #[schemars(schema_with = "time")]
    time: Option<Timestamp>,
    /// The stable id of the realm or tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<&'e str>,
    /// The name of the realm or tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    realm_name: Option<&'e str>,
    /// The user's stable id; at most 255 characters without `$`, `{`, `}`. Needed by all types but
    /// `sign_in_failed` (which does with `user_name`) and `session_stopped` (which does with `session`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 255, "pattern" = r"^[^${}\u0000-\u001f\u007f-\u009f]*$"))]
    user: Option<&'e str>,
    /// The name that was typed to sign in. Personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'e str>,
    /// The session's id, unique within the realm. A sign-in with one also starts or resumes the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'e str>,
    /// When the session started, where the event knows it; written as `time` is.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_time")]
    #[schemars(schema_with = "time")]
    session_start: Option<Timestamp>,
    /// The client (application) that the person used.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'e str>,
    /// Why a sign-in failed or a session stopped: a code, not a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'e str>,
    /// The address that the person came from. Personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'e str>,
    /// The raw user agent. Personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'e str>,
    /// The device and its software.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceDocument<'e>>,
    /// Where it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<LocationDocument<'e>>,
    /// What is said of the person, under the names of OpenID Connect's standard claims where there is one
    /// (`email`, `phone_number`, `given_name`, `family_name`, `locale`, `zoneinfo`, …). Each is a text or a
    /// list of texts. Personal data.
    #[serde(skip_serializing_if = "Person::is_empty")]
    #[schemars(schema_with = "person")]
    person: Person<'e>,
    /// What else is to be said of the event, under names of your own.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    #[schemars(schema_with = "attributes")]
    attributes: Attributes<'e>,
}

/// The device and its software.
#[derive(Serialize, JsonSchema)]
struct DeviceDocument<'e> {
    /// A stable id of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'e str>,
    /// Its maker, such as `Apple`.
    #[serde(skip_serializing_if = "Option::is_none")]
    make: Option<&'e str>,
    /// Its model, such as `iPhone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'e str>,
    /// Its operating system, such as `iOS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'e str>,
    /// The version of the operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_version: Option<&'e str>,
    /// The browser's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    browser: Option<&'e str>,
    /// The version of the app that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_version: Option<&'e str>,
    /// The locale, such as `de_CH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'e str>,
    /// The time zone, such as `Europe/Zurich`.
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'e str>,
}

/// Where it happened.
#[derive(Serialize, JsonSchema)]
struct LocationDocument<'e> {
    /// The city's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'e str>,
    /// The country: ISO 3166-1, of two or three letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'e str>,
    /// The region's or state's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'e str>,
    /// The postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<&'e str>,
    /// Degrees north, from -90 to 90; sent only with the longitude.
    #[serde(skip_serializing_if = "Option::is_none")]
    latitude: Option<f64>,
    /// Degrees east, from -180 to 180; sent only with the latitude.
    #[serde(skip_serializing_if = "Option::is_none")]
    longitude: Option<f64>,
}

/// [`IdentityEvent::person`], as an object.
struct Person<'e>(&'e [(Cow<'e, str>, Vec<Cow<'e, str>>)]);

/// [`IdentityEvent::attributes`], as an object.
struct Attributes<'e>(&'e [(Cow<'e, str>, Cow<'e, str>)]);

/// The JSON Schema of the document.
#[must_use]
pub fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema: serde_json::Value =
        settings.into_generator().into_root_schema_for::<Document<'_>>().into();
    // What is written always has a version; what is read needs none where the format is configured.
    schema["required"] = serde_json::json!(["type"]);
    schema
}

impl<'e> From<&'e IdentityEvent<'e>> for Document<'e> {
    fn from(event: &'e IdentityEvent<'e>) -> Self {
        Self {
            version: VERSION,
            kind: event.kind,
            provider: Some(&event.provider),
            id: event.id.as_deref(),
            time: event.time,
            realm: event.realm.as_deref(),
            realm_name: event.realm_name.as_deref(),
            user: event.user.as_deref(),
            user_name: event.user_name.as_deref(),
            session: event.session.as_deref(),
            session_start: event.session_start,
            client: event.client.as_deref(),
            reason: event.reason.as_deref(),
            ip: event.ip.as_deref(),
            user_agent: event.user_agent.as_deref(),
            device: event.device.as_deref().map(DeviceDocument::from),
            location: event.place.as_deref().map(LocationDocument::from),
            person: Person(&event.person),
            attributes: Attributes(&event.attributes),
        }
    }
}

impl<'e> From<&'e Device<'e>> for DeviceDocument<'e> {
    fn from(device: &'e Device<'e>) -> Self {
        Self {
            id: device.id.as_deref(),
            make: device.make.as_deref(),
            model: device.model.as_deref(),
            platform: device.platform.as_deref(),
            platform_version: device.platform_version.as_deref(),
            browser: device.browser.as_deref(),
            app_version: device.app_version.as_deref(),
            locale: device.locale.as_deref(),
            timezone: device.timezone.as_deref(),
        }
    }
}

impl<'e> From<&'e Place<'e>> for LocationDocument<'e> {
    fn from(place: &'e Place<'e>) -> Self {
        Self {
            city: place.city.as_deref(),
            country: place.country.as_deref(),
            region: place.region.as_deref(),
            postal_code: place.postal_code.as_deref(),
            latitude: place.latitude,
            longitude: place.longitude,
        }
    }
}

impl Kind {
    /// All of them, in the order of their declaration.
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

    /// The name, as it stands in `type`.
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

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Person<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Person<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, values) in self.0 {
            match &values[..] {
                [value] => map.serialize_entry(name, value)?,
                values => map.serialize_entry(name, values)?,
            }
        }
        map.end()
    }
}

impl Attributes<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[expect(clippy::ref_option, reason = "serde hands it over so")]
fn write_time<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    let time = time.and_then(|time| jiff::Timestamp::from_millisecond(time.0).ok());
    match time {
        Some(time) => to.serialize_str(&DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&time)),
        None => to.serialize_none(),
    }
}

fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": VERSION })
}

fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number", "null"] })
}

fn person(_: &mut SchemaGenerator) -> Schema {
    let text = serde_json::json!({ "type": ["string", "null"] });
    let texts = serde_json::json!({ "type": "array", "items": { "type": "string" } });
    json_schema!({ "type": ["object", "null"], "additionalProperties": { "anyOf": [text, texts] } })
}

fn attributes(_: &mut SchemaGenerator) -> Schema {
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

    /// `pinpoint-sidecar schema identity-event > schemas/identity-event.json` writes it anew.
    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let published = include_str!("../../../schemas/identity-event.json");
        let current = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
        assert_eq!(published, current);
    }
}
