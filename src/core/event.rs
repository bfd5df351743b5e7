//! App events and the endpoints they belong to: what the mapping produces and a destination delivers.
//!
//! Knows nothing of identity providers, of Kafka, or of how a destination writes these down.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use crate::core::{code::Code, time::Timestamp};

/// The seven event types that an identity provider sends. A wrong name is accepted by Pinpoint and
/// never reaches its charts, so there is no other way to make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// `_userauth.sign_in`
    SignIn,
    /// `_userauth.sign_up`
    SignUp,
    /// `_userauth.auth_fail`
    AuthFail,
    /// `_session.start`
    SessionStart,
    /// `_session.stop`
    SessionStop,
    /// `_session.pause`
    SessionPause,
    /// `_session.resume`
    SessionResume,
}

impl EventType {
    /// All seven, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::SignIn,
        Self::SignUp,
        Self::AuthFail,
        Self::SessionStart,
        Self::SessionStop,
        Self::SessionPause,
        Self::SessionResume,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "_userauth.sign_in",
            Self::SignUp => "_userauth.sign_up",
            Self::AuthFail => "_userauth.auth_fail",
            Self::SessionStart => "_session.start",
            Self::SessionStop => "_session.stop",
            Self::SessionPause => "_session.pause",
            Self::SessionResume => "_session.resume",
        }
    }
}

/// Why a record or an event can never be delivered.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, for labels and logs.
    pub code: Code,
    /// The reason at length, for the dead letter alone: it may quote the destination's answer.
    pub message: String,
}

/// Shows the code only: the message may quote an answer.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusal").field(&self.code).finish()
    }
}

/// The id of an endpoint: 32 hex digits from the mapping; opaque to everything after it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub Arc<str>);

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointId(…)")
    }
}

/// One app event. `Debug` is not derived: events hold personal data.
#[derive(Clone, PartialEq)]
pub struct AppEvent {
    /// The event's id within its endpoint: the source event's id and the output's slot.
    pub id: Box<str>,
    /// What happened.
    pub event_type: EventType,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The session it belongs to, where its start is known.
    pub session: Option<Session>,
    /// Free attributes; keys of at most 50 characters, values of 1 to 200.
    pub attributes: Vec<(Cow<'static, str>, Box<str>)>,
    /// Metrics; finite numbers under keys of at most 50 characters.
    pub metrics: Vec<(Cow<'static, str>, f64)>,
    /// The application it is reported for.
    pub app: Option<Arc<App>>,
}

/// The application that an event is reported for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct App {
    /// Its name.
    pub title: Option<Box<str>>,
    /// Its version.
    pub version_code: Option<Box<str>>,
    /// The name of its package.
    pub package_name: Option<Box<str>>,
}

/// The session an event belongs to.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The provider's session id, opaque.
    pub id: Box<str>,
    /// When it started.
    pub start: Timestamp,
    /// When it ended or paused, and how long it had lasted in milliseconds: always together, because
    /// PutEvents refuses the one without the other.
    pub stop: Option<(Timestamp, i32)>,
}

/// What is known of an endpoint; what is left out stays as it is at the destination.
#[derive(Clone, Default, PartialEq)]
pub struct Endpoint {
    /// The user's stable id at the provider.
    pub user_id: Option<Box<str>>,
    /// Attributes of the user.
    pub user_attributes: BTreeMap<Box<str>, Vec<Box<str>>>,
    /// E-mail address, telephone number or token.
    pub address: Option<Box<str>>,
    /// The kind of the address, in Pinpoint's words (`EMAIL`, `SMS`, …).
    pub channel_type: Option<Box<str>>,
    /// Attributes of the endpoint.
    pub attributes: BTreeMap<Box<str>, Vec<Box<str>>>,
    /// `NONE` or `ALL`, only where the source states it.
    pub opt_out: Option<Box<str>>,
    /// The device and its software.
    pub demographic: Option<Box<Demographic>>,
    /// Where the endpoint is.
    pub location: Option<Box<Location>>,
}

/// The device and its software.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Demographic {
    pub app_version: Option<Box<str>>,
    pub locale: Option<Box<str>>,
    pub make: Option<Box<str>>,
    pub model: Option<Box<str>>,
    pub model_version: Option<Box<str>>,
    pub platform: Option<Box<str>>,
    pub platform_version: Option<Box<str>>,
    pub timezone: Option<Box<str>>,
}

/// Where an endpoint is.
#[derive(Clone, Default, PartialEq)]
pub struct Location {
    /// The city's name, at most 75 characters.
    pub city: Option<Box<str>>,
    /// ISO 3166-1 alpha-2 or alpha-3.
    pub country: Option<Box<str>>,
    /// The postal code.
    pub postal_code: Option<Box<str>>,
    /// The region's name, at most 75 characters.
    pub region: Option<Box<str>>,
    /// Latitude (-90…90) and longitude (-180…180) in degrees, always together.
    pub coordinates: Option<(f64, f64)>,
}

/// What a route may select an event by.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Origin {
    pub provider: Box<str>,
    pub realm_id: Option<Box<str>>,
    pub realm_name: Option<Box<str>>,
    /// The client that the session was opened for where that is known, else the event's own.
    pub client: Option<Box<str>>,
}

/// An app event on its way to an endpoint.
#[derive(Clone)]
pub struct Delivery {
    /// Where it came from; none unless routes ask for it.
    pub origin: Option<Arc<Origin>>,
    /// The endpoint it goes to.
    pub endpoint_id: EndpointId,
    /// What the event's record says of the endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The event.
    pub event: Arc<AppEvent>,
}

/// What a record becomes.
pub enum Mapped {
    /// App events, at least one, in the order in which they are to be sent.
    Deliver(Vec<Delivery>),
    /// The same of a part of it; another part is no event that can be read.
    Partly(Vec<Delivery>, Refusal),
    /// Nothing, on purpose.
    Ignored(Code),
    /// Nothing, because it is no event that can be read.
    Refused(Refusal),
}

impl Mapped {
    /// How many events the record becomes.
    #[must_use]
    pub fn events(&self) -> usize {
        match self {
            Self::Deliver(deliveries) | Self::Partly(deliveries, _) => deliveries.len(),
            Self::Ignored(_) | Self::Refused(_) => 0,
        }
    }
}

impl Endpoint {
    /// How many bytes an endpoint may take at the destination.
    pub const LARGEST: usize = 15_000;

    /// How many bytes it takes as JSON, at most.
    #[must_use]
    pub fn size(&self) -> usize {
        let field = |text: &Option<Box<str>>| text.as_deref().map_or(0, |text| AROUND + escaped(text));
        let mut size = AROUND;
        size += field(&self.user_id) + field(&self.address);
        size += field(&self.channel_type) + field(&self.opt_out);
        for (key, values) in self.attributes.iter().chain(&self.user_attributes) {
            size += Self::attribute_size(key, values);
        }
        if let Some(about) = &self.demographic {
            size += AROUND + field(&about.app_version) + field(&about.locale) + field(&about.make);
            size += field(&about.model) + field(&about.model_version) + field(&about.platform);
            size += field(&about.platform_version) + field(&about.timezone);
        }
        if let Some(place) = &self.location {
            size += AROUND + field(&place.city) + field(&place.country) + field(&place.postal_code);
            size += field(&place.region) + place.coordinates.map_or(0, |_| 2 * (AROUND + NUMBER));
        }
        // The objects that hold the attributes and the user.
        size + 3 * AROUND
    }

    /// How many bytes of its size an attribute takes.
    #[must_use]
    pub fn attribute_size(key: &str, values: &[Box<str>]) -> usize {
        // Quotation marks and a comma each.
        AROUND + escaped(key) + values.iter().map(|value| 3 + escaped(value)).sum::<usize>()
    }

    /// Takes over each field that `newer` states; the newest snapshot wins field by field.
    pub fn update(&mut self, newer: &Self) {
        let text = |old: &mut Option<Box<str>>, new: &Option<Box<str>>| {
            if new.is_some() {
                old.clone_from(new);
            }
        };
        text(&mut self.user_id, &newer.user_id);
        text(&mut self.address, &newer.address);
        text(&mut self.channel_type, &newer.channel_type);
        text(&mut self.opt_out, &newer.opt_out);
        for (key, values) in &newer.user_attributes {
            self.user_attributes.insert(key.clone(), values.clone());
        }
        for (key, values) in &newer.attributes {
            self.attributes.insert(key.clone(), values.clone());
        }
        if let Some(newer) = &newer.demographic {
            let old = self.demographic.get_or_insert_default();
            text(&mut old.app_version, &newer.app_version);
            text(&mut old.locale, &newer.locale);
            text(&mut old.make, &newer.make);
            text(&mut old.model, &newer.model);
            text(&mut old.model_version, &newer.model_version);
            text(&mut old.platform, &newer.platform);
            text(&mut old.platform_version, &newer.platform_version);
            text(&mut old.timezone, &newer.timezone);
        }
        if let Some(newer) = &newer.location {
            // A place is one fact: a new city beside the old coordinates would be nowhere.
            self.location = Some(newer.clone());
        }
    }
}

/// What stands around a value at most: its name, five quotation marks, braces, colons and commas.
const AROUND: usize = "PlatformVersion".len() + 8;

/// The longest number of degrees, in digits.
const NUMBER: usize = 25;

/// How many bytes a text takes within quotation marks.
fn escaped(text: &str) -> usize {
    let added = |byte: u8| match byte {
        0..32 => 5,
        b'"' | b'\\' => 1,
        _ => 0,
    };
    text.len() + text.bytes().map(added).sum::<usize>()
}
