//! The JSON Schema of stream records, for those who read them.
//!
//! `schemas/stream-record.json` is generated from these types. They only describe: a record is written
//! without them, and tests read every record back as one of these values.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::Value;

use crate::core::{event::EventType, stream_record::VERSION};

/// The JSON Schema of a stream record.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Record>().into();
    adapt(&mut schema);
    schema
}

/// Removes the type `null`, because a record leaves out what is absent; and allows more fields, which later
/// versions may have.
fn adapt(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if keys.get("additionalProperties").is_some_and(|more| more == false) {
                keys.shift_remove("additionalProperties");
            }
            if let Some(Value::Array(types)) = keys.get_mut("type") {
                types.retain(|one| one != "null");
                if let [one] = &mut types[..] {
                    let one = one.take();
                    keys.insert("type".to_owned(), one);
                }
            }
            keys.values_mut().for_each(adapt);
        }
        Value::Array(items) => items.iter_mut().for_each(adapt),
        _ => {}
    }
}

fn event_type(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": EventType::ALL.map(EventType::name) })
}

fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": VERSION })
}

/// A sign-in or session event of a person, in the record of Pinpoint's event stream. The attribute `event_id`
/// identifies the event: records with the same one are copies. What is not known is left out.
/// Later versions may have more fields.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[schemars(title = "stream record")]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Record {
    /// What happened.
    #[schemars(schema_with = "event_type")]
    pub(super) event_type: String,
    /// When it happened, in milliseconds since 1970.
    pub(super) event_timestamp: i64,
    /// When the record was sent, in milliseconds since 1970. It may differ between copies.
    pub(super) arrival_timestamp: i64,
    /// The version of Pinpoint's event stream.
    #[schemars(schema_with = "version")]
    pub(super) event_version: String,
    /// The application that the event is reported for.
    pub(super) application: Application,
    /// Whose event it is.
    pub(super) client: Client,
    /// The device.
    pub(super) device: Option<Device>,
    /// The session, if its start is known.
    pub(super) session: Option<Session>,
    /// The attributes of the event, among them `event_id`.
    pub(super) attributes: BTreeMap<String, String>,
    /// The metrics of the event.
    pub(super) metrics: BTreeMap<String, f64>,
    /// The endpoint once more, as a text, if that is configured.
    pub(super) client_context: Option<ClientContext>,
    /// The endpoint of the event.
    pub(super) endpoint: Endpoint,
    /// The AWS account, if it is configured.
    #[serde(rename = "awsAccountId")]
    pub(super) account_id: Option<String>,
}

/// The application that an event is reported for.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Application {
    /// The id from the configuration.
    pub(super) app_id: String,
    /// The name of its package.
    pub(super) package_name: Option<String>,
    /// Its title.
    pub(super) title: Option<String>,
    /// Its version.
    pub(super) version_code: Option<String>,
    /// The SDK that reported the event: none.
    pub(super) sdk: BTreeMap<String, String>,
}

/// Whose event it is.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Client {
    /// The id of the endpoint.
    pub(super) client_id: String,
}

/// A device.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Device {
    /// Its locale.
    pub(super) locale: Option<Locale>,
    /// Its make.
    pub(super) make: Option<String>,
    /// Its model.
    pub(super) model: Option<String>,
    /// Its operating system.
    pub(super) platform: Option<Platform>,
}

/// A locale.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Locale {
    /// The whole locale, such as `en_GB`.
    pub(super) code: String,
    /// The language, such as `en`.
    pub(super) language: Option<String>,
    /// The country, such as `GB`.
    pub(super) country: Option<String>,
}

/// An operating system.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Platform {
    /// Its name.
    pub(super) name: Option<String>,
    /// Its version.
    pub(super) version: Option<String>,
}

/// A session.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
#[expect(clippy::struct_field_names, reason = "the names of the record")]
pub(super) struct Session {
    /// Its id.
    pub(super) session_id: String,
    /// When it began, in milliseconds since 1970.
    pub(super) start_timestamp: i64,
    /// When it ended or paused, in milliseconds since 1970.
    pub(super) stop_timestamp: Option<i64>,
}

/// The context of a client.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct ClientContext {
    /// What this service adds.
    pub(super) custom: Custom,
}

/// What this service adds to a context.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Custom {
    /// The object `endpoint` of the record as a JSON text.
    pub(super) endpoint: String,
}

/// An endpoint, as far as the event knows it.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the names of the record")]
pub(super) struct Endpoint {
    /// Its id: the `client_id` of the record.
    pub(super) id: String,
    /// The `app_id` of the record.
    pub(super) application_id: String,
    /// Always `ACTIVE`.
    pub(super) endpoint_status: String,
    /// Its address, such as an e-mail address.
    pub(super) address: Option<String>,
    /// Its attributes.
    pub(super) attributes: Option<BTreeMap<String, Vec<String>>>,
    /// The kind of the address: `EMAIL`, `SMS` or `VOICE`.
    pub(super) channel_type: Option<String>,
    /// The device and its software.
    pub(super) demographic: Option<Demographic>,
    /// Its location.
    pub(super) location: Option<Location>,
    /// `ALL` or `NONE`, if the source states it.
    pub(super) opt_out: Option<String>,
    /// The user.
    pub(super) user: Option<User>,
}

/// A device and its software.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
#[serde(rename_all = "PascalCase")]
pub(super) struct Demographic {
    /// The version of the application.
    pub(super) app_version: Option<String>,
    /// The locale.
    pub(super) locale: Option<String>,
    /// The make of the device.
    pub(super) make: Option<String>,
    /// The model of the device, or the browser.
    pub(super) model: Option<String>,
    /// The version of the model.
    pub(super) model_version: Option<String>,
    /// The operating system.
    pub(super) platform: Option<String>,
    /// The version of the operating system.
    pub(super) platform_version: Option<String>,
    /// The time zone.
    pub(super) timezone: Option<String>,
}

/// A location.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
#[serde(rename_all = "PascalCase")]
pub(super) struct Location {
    /// The city.
    pub(super) city: Option<String>,
    /// The country.
    pub(super) country: Option<String>,
    /// The latitude in degrees, together with the longitude.
    pub(super) latitude: Option<f64>,
    /// The longitude in degrees.
    pub(super) longitude: Option<f64>,
    /// The postal code.
    pub(super) postal_code: Option<String>,
    /// The region.
    pub(super) region: Option<String>,
}

/// A user.
#[allow(dead_code, reason = "a description: only tests read its values")]
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
#[serde(rename_all = "PascalCase")]
pub(super) struct User {
    /// The user's attributes.
    pub(super) user_attributes: Option<BTreeMap<String, Vec<String>>>,
    /// The user's id at the identity provider.
    pub(super) user_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To update the file: `pinpoint-sidecar schema stream-record > schemas/stream-record.json`
    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let published = include_str!("../../../schemas/stream-record.json");
        let current = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
        assert_eq!(published, current);
    }
}
