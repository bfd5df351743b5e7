//! What happened at an identity provider, whoever it is: what a format makes of a record's bytes and the
//! mapping makes app events of.
//!
//! Knows nothing of vendors' records and nothing of Pinpoint. Texts are borrowed from the record where
//! they stand in it as they are, so that an event costs no copies. None of them is empty.

use std::{borrow::Cow, ops::Range};

use schemars::JsonSchema;
use serde::Serialize;

use crate::core::time::Timestamp;

pub mod document;
pub mod reason;

/// The times, in milliseconds since 1970, at which something can have happened: those that a number can
/// state (see `decode::time`). Zero and less are what is written when the time is not known.
pub const PLAUSIBLE_TIMES: Range<i64> = 1..100_000_000_000_000;

/// What happened to a person or to a session. Not `Debug`: it holds personal data.
///
/// Its public form, which any program can publish, is [`document::Document`], `schemas/identity-event.json`.
#[derive(Clone, PartialEq)]
pub struct IdentityEvent<'a> {
    /// What happened.
    pub kind: Kind,
    /// The provider's name, as it goes into the ids of endpoints.
    pub provider: Cow<'a, str>,
    /// The event's id at the provider; the same in each copy of the event.
    pub id: Option<Cow<'a, str>>,
    /// When it happened, where the record says so readably.
    pub time: Option<Timestamp>,
    /// The id of the realm or tenant (not its name, which can change).
    pub realm: Option<Cow<'a, str>>,
    /// The name of the realm or tenant.
    pub realm_name: Option<Cow<'a, str>>,
    /// The user's stable id.
    pub user: Option<Cow<'a, str>>,
    /// The name that was typed to sign in: personal, and perhaps nobody's.
    pub user_name: Option<Cow<'a, str>>,
    /// The session's id, opaque, unique within the realm.
    pub session: Option<Cow<'a, str>>,
    /// When the session started, where the event states it beside its own time.
    pub session_start: Option<Timestamp>,
    /// The client (application) that the person used.
    pub client: Option<Cow<'a, str>>,
    /// Why a sign-in failed or a session stopped: a code of the provider's.
    pub reason: Option<Cow<'a, str>>,
    /// The address that the person came from: personal.
    pub ip: Option<Cow<'a, str>>,
    /// The raw user agent: personal.
    pub user_agent: Option<Cow<'a, str>>,
    /// The device, where the provider says what it is.
    pub device: Option<Box<Device<'a>>>,
    /// The place, where the provider says where it is.
    pub place: Option<Box<Place<'a>>>,
    /// What is said of the person, under the names of OpenID Connect's standard claims where there is one
    /// (`email`, `phone_number`, `given_name`, `family_name`, `locale`, `zoneinfo`, …): personal.
    pub person: Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)>,
    /// What else the event says, under the provider's own names.
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

/// The device and its software, as the provider states them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Device<'a> {
    pub id: Option<Cow<'a, str>>,
    pub make: Option<Cow<'a, str>>,
    pub model: Option<Cow<'a, str>>,
    pub platform: Option<Cow<'a, str>>,
    pub platform_version: Option<Cow<'a, str>>,
    pub browser: Option<Cow<'a, str>>,
    pub app_version: Option<Cow<'a, str>>,
    pub locale: Option<Cow<'a, str>>,
    pub timezone: Option<Cow<'a, str>>,
}

/// Where it happened, as the provider states it.
#[derive(Clone, Default, PartialEq)]
pub struct Place<'a> {
    /// The city's name.
    pub city: Option<Cow<'a, str>>,
    /// The country: a code or a name, as the provider has it.
    pub country: Option<Cow<'a, str>>,
    /// The region's or state's name.
    pub region: Option<Cow<'a, str>>,
    /// The postal code.
    pub postal_code: Option<Cow<'a, str>>,
    /// Degrees north; not checked.
    pub latitude: Option<f64>,
    /// Degrees east; not checked.
    pub longitude: Option<f64>,
}

impl<'a> IdentityEvent<'a> {
    /// An event of which nothing more is known.
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
