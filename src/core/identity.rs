//! Identity events: what happened at any identity provider. A format decodes a record's bytes into identity
//! events, and the mapping turns these into app events.
//!
//! Knows nothing of vendors' records and nothing of Pinpoint. A text that appears unchanged in the record is
//! borrowed from it, so that an event needs no copies. No text is empty.

use std::{borrow::Cow, ops::Range};

use schemars::JsonSchema;
use serde::Serialize;

use crate::core::time::Timestamp;

pub mod document;
pub mod fields;
pub mod reason;

/// The plausible times of an event, in milliseconds since 1970: those that a number can express (see
/// `decode::time`). Publishers write zero or a negative number when they do not know the time.
pub const PLAUSIBLE_TIMES: Range<i64> = 1..100_000_000_000_000;

/// What happened to a person or to a session. Not `Debug`: it holds personal data.
///
/// The comments on the fields are those of the published schema, see [`document`].
#[derive(Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "identity event")]
pub struct IdentityEvent<'a> {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The provider's name, a part of each endpoint's id: do not change it. `identity-event` where absent.
    #[schemars(with = "Option<String>")]
    pub provider: Cow<'a, str>,
    /// The event's own id, the same in each copy of it: ids of app events are made of it. Without one they
    /// are made of the record's topic, partition, offset and timestamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    /// When it happened: RFC 3339 with an offset, such as `2026-11-22T10:00:00.000Z`; or a number since
    /// 1970, of seconds, milliseconds or microseconds by its magnitude. The record's timestamp where absent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "document::write_time")]
    #[schemars(schema_with = "document::time")]
    pub time: Option<Timestamp>,
    /// The stable id of the realm or tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<Cow<'a, str>>,
    /// The name of the realm or tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm_name: Option<Cow<'a, str>>,
    /// The user's stable id; at most 255 characters without `$`, `{`, `}`. Needed by all types but
    /// `sign_in_failed` (which does with `user_name`) and `session_stopped` (which does with `session`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 255, "pattern" = r"^[^${}\u0000-\u001f\u007f-\u009f]*$"))]
    pub user: Option<Cow<'a, str>>,
    /// The name that was typed to sign in. Personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<Cow<'a, str>>,
    /// The session's id, unique within the realm. A sign-in with one also starts or resumes the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Cow<'a, str>>,
    /// When the session started, where the event knows it; written as `time` is.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "document::write_time")]
    #[schemars(schema_with = "document::time")]
    pub session_start: Option<Timestamp>,
    /// The client (application) that the person used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Cow<'a, str>>,
    /// Why a sign-in failed or a session stopped: a code, not a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    /// The address that the person came from. Personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<Cow<'a, str>>,
    /// The raw user agent. Personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Cow<'a, str>>,
    /// The device and its software.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Box<Device<'a>>>,
    /// Where it happened.
    #[serde(rename = "location", skip_serializing_if = "Option::is_none")]
    pub place: Option<Box<GeoLocation<'a>>>,
    /// What is said of the person, under the names of OpenID Connect's standard claims where there is one
    /// (`email`, `phone_number`, `given_name`, `family_name`, `locale`, `zoneinfo`, …). Each is a text or a
    /// list of texts. Personal data.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "document::write_person")]
    #[schemars(schema_with = "document::person")]
    pub person: Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)>,
    /// What else is to be said of the event, under names of your own.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "document::write_attributes")]
    #[schemars(schema_with = "document::attributes")]
    pub attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person signed in; with a session id, into a session that is new or that goes on.
    SignIn,
    /// A person registered.
    SignUp,
    /// A person tried to sign in and failed.
    SignInFailed,
    /// A session began, without a word of a sign-in.
    SessionStarted,
    /// A session that was there already was used again to sign in, or was prolonged.
    SessionResumed,
    /// A session rests.
    SessionPaused,
    /// A session ended, by its user or by itself. The user may be unknown where the session is named.
    SessionStopped,
    /// All sessions of a user ended.
    SessionsStopped,
    /// A session was used.
    Activity,
}

/// The device and its software.
#[derive(Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Device<'a> {
    /// A stable id of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    /// Its maker, such as `Apple`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make: Option<Cow<'a, str>>,
    /// Its model, such as `iPhone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Cow<'a, str>>,
    /// Its operating system, such as `iOS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Cow<'a, str>>,
    /// The version of the operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<Cow<'a, str>>,
    /// The browser's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<Cow<'a, str>>,
    /// The version of the app that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_version: Option<Cow<'a, str>>,
    /// The locale, such as `de_CH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<Cow<'a, str>>,
    /// The time zone, such as `Europe/Zurich`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Cow<'a, str>>,
}

/// Where it happened.
#[derive(Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct GeoLocation<'a> {
    /// The city's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<Cow<'a, str>>,
    /// The country: ISO 3166-1, of two or three letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Cow<'a, str>>,
    /// The region's or state's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Cow<'a, str>>,
    /// The postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<Cow<'a, str>>,
    /// Degrees north, from -90 to 90; sent only with the longitude.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east, from -180 to 180; sent only with the latitude.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
}

impl<'a> IdentityEvent<'a> {
    /// Creates an event without any other data.
    #[must_use]
    pub fn new(kind: Kind, provider: impl Into<Cow<'a, str>>) -> Self {
        Self {
            kind,
            provider: provider.into(),
            id: None,
            time: None,
            realm: None,
            realm_name: None,
            user: None,
            user_name: None,
            session: None,
            session_start: None,
            client: None,
            reason: None,
            ip: None,
            user_agent: None,
            device: None,
            place: None,
            person: Vec::new(),
            attributes: Vec::new(),
        }
    }
}
