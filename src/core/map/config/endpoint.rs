//! The settings of endpoints: their ids, and the details to state about them. By default, no details are
//! stated.

use std::{collections::BTreeMap, num::NonZeroU32};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{
    map::config::{
        field::Field,
        value::{Secret, Value},
    },
    units::or_off,
};

/// `endpoint`: whose endpoint an event goes to, and what is stated about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointConfig {
    /// What gets an endpoint of its own.
    pub id: IdOf,
    /// The key of the hash that makes endpoint ids. Without a key, anybody who knows a user's
    /// id can compute them.
    #[schemars(extend("x-allowed" = "a text of at least 16 characters, best from a file: { file: PATH }"))]
    pub secret: Option<Secret>,
    /// How a user's id is sent.
    pub user_id: UserIdForm,
    /// What happens to a failed sign-in of an unknown user.
    pub failed_sign_in: FailedSignIn,
    /// How many endpoints the failed sign-ins of unknown users share, in each realm.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub failed_sign_in_endpoints: NonZeroU32,
    /// The address of the endpoint.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<AddressConfig>")]
    pub address: Option<AddressConfig>,
    /// Attributes of the user, by name.
    pub user_attributes: BTreeMap<String, Value>,
    /// Attributes of the endpoint, by name.
    pub attributes: BTreeMap<String, Value>,
    /// Whether the person has opted out of all messages.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<OptOutConfig>")]
    pub opt_out: Option<OptOutConfig>,
    /// The device and its software.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<DemographicConfig>")]
    pub demographic: Option<DemographicConfig>,
    /// The location of the endpoint.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<LocationConfig>")]
    pub location: Option<LocationConfig>,
}

/// What gets an endpoint of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "user, user_client or user_device"))]
pub enum IdOf {
    /// Each user.
    User,
    /// Each user at each client. Events that name no client go to the user's endpoint.
    UserClient,
    /// Each user on each device. Events that name no device go to the user's endpoint.
    UserDevice,
}

/// How a user's id is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "as_is or hash"))]
pub enum UserIdForm {
    /// As the provider writes it.
    AsIs,
    /// As a hash of provider, realm and id, made with `secret`. For providers whose ids contain personal data.
    Hash,
}

/// What happens to a failed sign-in of an unknown user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "endpoint, or drop: it is ignored"))]
pub enum FailedSignIn {
    /// It goes to one of several shared endpoints, chosen by the name that was typed.
    Endpoint,
    /// It is ignored.
    Drop,
}

/// `endpoint.address`: where a person can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressConfig {
    /// The field that holds the address.
    pub from: Field,
    /// The kind of the address.
    pub channel: Channel,
}

/// The kind of an address, in Pinpoint's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(extend("x-allowed" = "EMAIL, SMS or VOICE"))]
pub enum Channel {
    /// An e-mail address.
    Email,
    /// A telephone number for messages.
    Sms,
    /// A telephone number for calls.
    Voice,
}

/// `endpoint.opt_out`: which values of a field mean that a person has opted out or in.
/// Other values are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptOutConfig {
    /// The field that states the choice.
    pub from: Field,
    /// The values that mean that the person wants no messages (`ALL`), ignoring case.
    #[serde(default)]
    #[schemars(extend("x-allowed" = "a list of texts"))]
    pub all: Vec<String>,
    /// The values that mean that the person wants all messages (`NONE`), ignoring case.
    #[serde(default)]
    #[schemars(extend("x-allowed" = "a list of texts"))]
    pub none: Vec<String>,
}

/// `endpoint.demographic`: each part comes from its own key, otherwise from the first source of
/// `from` that knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DemographicConfig {
    /// The sources: what the provider states about the device (`event`), and the
    /// parsed user agent (`user_agent`).
    #[schemars(extend("x-allowed" = "a list of event and user_agent"))]
    pub from: Vec<DeviceSource>,
    pub app_version: Option<Value>,
    pub locale: Option<Value>,
    pub make: Option<Value>,
    pub model: Option<Value>,
    pub model_version: Option<Value>,
    pub platform: Option<Value>,
    pub platform_version: Option<Value>,
    pub timezone: Option<Value>,
}

/// A source of what is known of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "event or user_agent"))]
pub enum DeviceSource {
    /// What the provider states about the device.
    Event,
    /// The user agent.
    UserAgent,
}

/// `endpoint.location`: the location that the first of `from` knows, taken as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocationConfig {
    /// The sources: what the provider states (`event`), and the database by IP address (`ip`).
    #[schemars(extend("x-allowed" = "a list of event and ip"))]
    pub from: Vec<PlaceSource>,
    /// A MaxMind database file with cities or countries, for `ip`.
    #[schemars(extend("x-allowed" = "the path of a MaxMind database file (.mmdb)"))]
    pub database: Option<String>,
}

/// A source of locations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "event or ip"))]
pub enum PlaceSource {
    /// What the provider states about the location.
    Event,
    /// The database, by IP address.
    Ip,
}

impl EndpointConfig {
    /// The fields that the keys name.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let from = self.address.iter().map(|address| &address.from);
        let from = from.chain(self.opt_out.iter().map(|opt_out| &opt_out.from));
        let values = self.attributes.values().chain(self.user_attributes.values());
        let parts = self.demographic.iter().flat_map(DemographicConfig::parts);
        from.chain(values.chain(parts).filter_map(Value::field))
    }

    /// The path of the database in which IP addresses are looked up, if they are.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        let location = self.location.as_ref().filter(|location| location.from.contains(&PlaceSource::Ip))?;
        location.database.as_deref()
    }
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            id: IdOf::User,
            secret: None,
            user_id: UserIdForm::AsIs,
            failed_sign_in: FailedSignIn::Endpoint,
            failed_sign_in_endpoints: NonZeroU32::new(1000).unwrap_or(NonZeroU32::MIN),
            address: None,
            user_attributes: BTreeMap::new(),
            attributes: BTreeMap::new(),
            opt_out: None,
            demographic: None,
            location: None,
        }
    }
}

impl DemographicConfig {
    fn parts(&self) -> impl Iterator<Item = &Value> {
        let device = [&self.make, &self.model, &self.model_version, &self.platform, &self.platform_version];
        device.into_iter().chain([&self.app_version, &self.locale, &self.timezone]).flatten()
    }
}

impl Default for LocationConfig {
    fn default() -> Self {
        Self { from: vec![PlaceSource::Event], database: None }
    }
}

impl Channel {
    /// The name of the channel at Pinpoint.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Sms => "SMS",
            Self::Voice => "VOICE",
        }
    }
}
