//! App events and the endpoints they belong to, which the mapping produces and a destination delivers.
//!
//! Knows nothing of identity providers, of Kafka, or of the format of any destination.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use arcstr::Substr;
use arrayvec::ArrayString;
use smallvec::SmallVec;

use crate::core::{code::Code, time::Timestamp};

mod portions;
mod update;

pub use portions::{PORTION, Portions};

/// The seven event types that an identity provider sends. Pinpoint accepts any other name, but its charts
/// never show such an event, so no other type exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    SignIn,
    SignUp,
    AuthFail,
    SessionStart,
    SessionStop,
    SessionPause,
    SessionResume,
}

impl EventType {
    /// All types, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::SignIn,
        Self::SignUp,
        Self::AuthFail,
        Self::SessionStart,
        Self::SessionStop,
        Self::SessionPause,
        Self::SessionResume,
    ];

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
    /// The short reason, for labels and logs.
    pub code: Code,
    /// The full reason. Only the dead letter contains it, because it may quote the destination's answer.
    pub message: String,
}

/// Shows only the code, because the message may quote an answer.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusal").field(&self.code).finish()
    }
}

/// The id of an endpoint: 32 hex digits from the mapping, opaque to everything after it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub ArrayString<32>);

impl EndpointId {
    /// The id with this text, of which only the first 32 bytes count: the mapping makes none that is longer.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let end = text.floor_char_boundary(ArrayString::<32>::new().capacity());
        let mut id = ArrayString::new();
        id.push_str(&text[..end]);
        Self(id)
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointId(…)")
    }
}

/// One app event. Its id, that of its session and its short attributes are parts of one allocation. `Debug` is
/// not derived: events hold personal data.
#[derive(Clone, PartialEq)]
pub struct AppEvent {
    /// The event's id within its endpoint: the source event's id and the slot of this event.
    pub id: Substr,
    pub event_type: EventType,
    pub timestamp: Timestamp,
    /// The session it belongs to, if the session's start is known.
    pub session: Option<Session>,
    /// The event's attributes. No value is empty.
    pub attributes: Attributes,
    /// Metrics. A value that is not a number is NaN.
    pub metrics: Vec<(Cow<'static, str>, f64)>,
    /// The application that the event is reported for.
    pub app: Option<Arc<App>>,
}

/// The name and the value of an event's attribute. A long value may belong to many events of one record, which share
/// it.
pub type Attribute = (Cow<'static, str>, Substr);

/// The attributes of an event. Most events have at most five, which need no allocation.
pub type Attributes = SmallVec<[Attribute; 5]>;

/// An optional text. It is never empty.
pub type Text = Option<Box<str>>;

#[derive(Clone, Default, PartialEq, Eq)]
pub struct App {
    pub title: Text,
    pub version_code: Text,
    pub package_name: Text,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The provider's session id, opaque.
    pub id: Substr,
    pub start: Timestamp,
    /// When the session ended or paused, and its duration until then in milliseconds.
    pub stop: Option<(Timestamp, i64)>,
}

/// The known state of an endpoint. An absent field does not change the destination's value. The mapping
/// passes values on as it finds them; each destination truncates its own copy.
#[derive(Clone, Default, PartialEq)]
pub struct Endpoint {
    /// The user's stable id at the provider.
    pub user_id: Text,
    pub user_attributes: BTreeMap<Box<str>, Vec<Box<str>>>,
    /// An e-mail address, a telephone number or a token.
    pub address: Text,
    /// The kind of the address, in Pinpoint's words (`EMAIL`, `SMS`, …).
    pub channel_type: Text,
    pub attributes: BTreeMap<Box<str>, Vec<Box<str>>>,
    /// `NONE` or `ALL`, present only if the source states it.
    pub opt_out: Text,
    pub demographic: Option<Box<Demographic>>,
    pub location: Option<Box<Location>>,
}

/// The device and its software.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Demographic {
    pub app_version: Text,
    pub locale: Text,
    pub make: Text,
    pub model: Text,
    pub model_version: Text,
    pub platform: Text,
    pub platform_version: Text,
    pub timezone: Text,
}

/// The location of an endpoint.
#[derive(Clone, Default, PartialEq)]
pub struct Location {
    pub city: Text,
    /// An ISO 3166-1 code in capitals, or any other text that the source states.
    pub country: Text,
    pub postal_code: Text,
    pub region: Text,
    /// In degrees, as the source states it.
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
}

/// The properties by which routes select an event.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Origin {
    pub provider: Box<str>,
    pub realm_id: Text,
    pub realm_name: Text,
    /// The client that the session was opened for, if known; otherwise the event's own client.
    pub client: Text,
}

/// An app event on its way to an endpoint.
#[derive(Clone)]
pub struct Delivery {
    /// Where the event came from; present only if routes need it.
    pub origin: Option<Arc<Origin>>,
    pub endpoint_id: EndpointId,
    /// The endpoint data of the event's record.
    pub endpoint: Arc<Endpoint>,
    pub event: Arc<AppEvent>,
}

/// The result of mapping a record.
pub enum Mapped {
    /// The record becomes at least one app event. The events are in the order of sending.
    Deliver(Vec<Delivery>),
    /// One part of the record becomes app events; another part cannot be read.
    Partly(Vec<Delivery>, Refusal),
    /// The record becomes more app events than a portion holds.
    InPortions(Portions),
    /// The record is deliberately ignored.
    Ignored(Code),
    /// The whole record is refused, because it cannot be read.
    Refused(Refusal),
}

/// The complete result of mapping a record, including all portions.
pub struct InFull {
    pub deliveries: Vec<Delivery>,
    /// Why the record, or a part of it, cannot be read.
    pub refused: Option<Refusal>,
    /// Why the record is deliberately ignored.
    pub ignored: Option<Code>,
}

impl Mapped {
    #[must_use]
    pub fn events(&self) -> usize {
        match self {
            Self::Deliver(deliveries) | Self::Partly(deliveries, _) => deliveries.len(),
            Self::InPortions(portions) => portions.events(),
            Self::Ignored(_) | Self::Refused(_) => 0,
        }
    }

    /// Creates the events of all portions at once, for callers that have enough memory.
    #[must_use]
    pub fn in_full(self) -> InFull {
        let (deliveries, refused, ignored) = match self {
            Self::Deliver(deliveries) => (deliveries, None, None),
            Self::Partly(deliveries, refusal) => (deliveries, Some(refusal), None),
            Self::InPortions(mut portions) => {
                let refusal = portions.take_refusal();
                (std::iter::from_fn(|| portions.next_deliveries()).flatten().collect(), refusal, None)
            }
            Self::Ignored(code) => (Vec::new(), None, Some(code)),
            Self::Refused(refusal) => (Vec::new(), Some(refusal), None),
        };
        InFull { deliveries, refused, ignored }
    }
}

impl Delivery {
    /// The event with an endpoint that states nothing but the user, for an event that is older than others of
    /// its endpoint. The user is part of the endpoint's identity, and so is never older.
    #[must_use]
    pub fn without_snapshot(&self) -> Self {
        let user_id = self.endpoint.user_id.clone();
        Self { endpoint: Arc::new(Endpoint { user_id, ..Endpoint::default() }), ..self.clone() }
    }

    /// The bytes of memory that its texts take, in addition to a fixed part.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let origin = self.origin.as_ref().map_or(0, |origin| {
            origin.provider.len() + bytes([&origin.realm_id, &origin.realm_name, &origin.client])
        });
        origin + self.event.text_bytes() + self.endpoint.text_bytes()
    }
}

impl AppEvent {
    fn text_bytes(&self) -> usize {
        let attributes: usize = self.attributes.iter().map(|(key, text)| key.len() + text.len()).sum();
        let session = self.session.as_ref().map_or(0, |session| session.id.len());
        let app = self.app.as_ref().map_or(0, |app| bytes(app.texts()));
        self.id.len() + attributes + session + app
    }
}

impl App {
    #[must_use]
    pub fn texts(&self) -> [&Text; 3] {
        [&self.title, &self.version_code, &self.package_name]
    }

    /// The texts in the order of [`App::texts`].
    pub fn texts_mut(&mut self) -> [&mut Text; 3] {
        [&mut self.title, &mut self.version_code, &mut self.package_name]
    }
}

impl Endpoint {
    fn text_bytes(&self) -> usize {
        let attributes = self.attributes.iter().chain(&self.user_attributes);
        let values = |values: &Vec<Box<str>>| values.iter().map(|value| value.len()).sum::<usize>();
        bytes([&self.user_id, &self.address, &self.channel_type, &self.opt_out])
            + attributes.map(|(key, list)| key.len() + values(list)).sum::<usize>()
            + self.demographic.as_ref().map_or(0, |device| bytes(device.texts()))
            + self.location.as_ref().map_or(0, |place| bytes(place.texts()))
    }
}

impl Demographic {
    #[must_use]
    pub fn texts(&self) -> [&Text; 8] {
        let Self { app_version, locale, make, model, model_version, platform, platform_version, timezone } =
            self;
        [app_version, locale, make, model, model_version, platform, platform_version, timezone]
    }

    /// The texts in the order of [`Demographic::texts`].
    pub fn texts_mut(&mut self) -> [&mut Text; 8] {
        let Self { app_version, locale, make, model, model_version, platform, platform_version, timezone } =
            self;
        [app_version, locale, make, model, model_version, platform, platform_version, timezone]
    }
}

impl Location {
    #[must_use]
    pub fn texts(&self) -> [&Text; 4] {
        [&self.city, &self.country, &self.postal_code, &self.region]
    }

    /// The texts in the order of [`Location::texts`].
    pub fn texts_mut(&mut self) -> [&mut Text; 4] {
        [&mut self.city, &mut self.country, &mut self.postal_code, &mut self.region]
    }

    /// Latitude and longitude, if the location has both and they are valid.
    #[must_use]
    pub fn coordinates(&self) -> Option<(f64, f64)> {
        // The ranges do not contain NaN.
        self.latitude.zip(self.longitude).filter(|(latitude, longitude)| {
            (-90.0..=90.0).contains(latitude) && (-180.0..=180.0).contains(longitude)
        })
    }
}

fn bytes<const N: usize>(texts: [&Text; N]) -> usize {
    texts.into_iter().flatten().map(|text| text.len()).sum()
}
