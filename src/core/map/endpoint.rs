//! The additions to app events and their endpoints that the configuration asks for, field by field.
//!
//! Knows nothing of sessions, of the events that a record becomes, and of how a location is looked up. Values
//! are stated as they are found, and each destination truncates its own copy. A field is stated only if a key
//! asks for it.
//!
//! An endpoint that may not be the person's gets no attributes: unknown users share theirs with strangers,
//! and anybody may have caused a failed sign-in, from anywhere.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use arcstr::Substr;

use crate::core::{
    event::{App, Attribute, Demographic, Endpoint, EndpointId, Location, Origin, Text},
    identity::{Device, GeoLocation, IdentityEvent, Kind},
    map::{
        agent,
        config::{
            endpoint::{
                AddressConfig, DemographicConfig, DeviceSource, EndpointConfig, FailedSignIn, LocationConfig,
                OptOutConfig, PlaceSource,
            },
            event::EventConfig,
            value::Value,
        },
        fields,
        ids::{EndpointIds, EndpointOwner},
    },
};

/// Finds the location of an IP address, written as in an event, if it is known.
pub type Locate = Box<dyn Fn(&str) -> Option<GeoLocation<'static>> + Send + Sync>;

/// The additions to events and endpoints that the configuration asks for.
pub struct Additions {
    ids: EndpointIds,
    endpoint: EndpointConfig,
    event: EventConfig,
    locate: Locate,
    with_origins: bool,
}

/// The additions that all app events of one identity event share.
pub(super) struct Common {
    pub(super) attributes: Vec<Attribute>,
    pub(super) metrics: Vec<(Cow<'static, str>, f64)>,
    pub(super) app: Option<Arc<App>>,
}

impl Additions {
    /// The additions that `endpoint` and `event` ask for; `locate` finds the locations of IP addresses.
    #[must_use]
    pub fn new(endpoint: EndpointConfig, event: EventConfig, locate: Locate) -> Self {
        Self { ids: EndpointIds::new(&endpoint), endpoint, event, locate, with_origins: false }
    }

    /// Makes events carry their origin, because routes need it.
    #[must_use]
    pub fn with_origins(self) -> Self {
        Self { with_origins: true, ..self }
    }

    /// The properties that routes select the event by, as far as the event itself states them.
    pub(super) fn origin(&self, event: &IdentityEvent<'_>) -> Option<Arc<Origin>> {
        let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(Into::into);
        self.with_origins.then(|| {
            Arc::new(Origin {
                provider: (*event.provider).into(),
                realm_id: text(&event.realm),
                realm_name: text(&event.realm_name),
                client: text(&event.client),
            })
        })
    }

    pub(super) fn failed_sign_in(&self) -> FailedSignIn {
        self.endpoint.failed_sign_in
    }

    pub(super) fn endpoint_id(&self, event: &IdentityEvent<'_>, owner: &EndpointOwner<'_>) -> EndpointId {
        self.ids.id(event, owner)
    }

    /// The fields that an event states about its endpoint.
    pub(super) fn endpoint(&self, event: &IdentityEvent<'_>, owner: &EndpointOwner<'_>) -> Endpoint {
        let EndpointOwner::User(user) = owner else { return Endpoint::default() };
        let user_id = Some(self.ids.user_id(event, user).into());
        let mut endpoint = Endpoint { user_id, ..Endpoint::default() };
        if event.kind == Kind::SignInFailed {
            return endpoint;
        }
        let config = &self.endpoint;
        if let Some(asked) = &config.address {
            endpoint.address = address(asked, event);
            endpoint.channel_type = endpoint.address.as_ref().map(|_| asked.channel.name().into());
        }
        endpoint.user_attributes = attributes(&config.user_attributes, event);
        endpoint.attributes = attributes(&config.attributes, event);
        endpoint.opt_out = config.opt_out.as_ref().and_then(|asked| opt_out(asked, event)).map(Into::into);
        endpoint.demographic =
            config.demographic.as_ref().and_then(|asked| demographic(asked, event)).map(Box::new);
        endpoint.location =
            config.location.as_ref().and_then(|asked| location(asked, event, &self.locate)).map(Box::new);
        endpoint
    }

    /// The additions that all app events of an identity event share.
    pub(super) fn common(&self, event: &IdentityEvent<'_>) -> Common {
        let config = &self.event;
        let attributes = config.attributes.iter().filter_map(|(key, value)| {
            Some((Cow::Owned(key.clone()), Substr::from(&*joined(value, event)?)))
        });
        let attributes = attributes.collect();
        let metrics = config.metrics.iter().filter_map(|(key, field)| {
            let text = fields::field_values(field, event).into_iter().next()?;
            Some((Cow::Owned(key.clone()), text.trim().parse().unwrap_or(f64::NAN)))
        });
        let metrics = metrics.collect();
        let text = |value: &Option<Value>| Some((*fields::first(value.as_ref()?, event)?).into());
        let app = App {
            title: text(&config.app.title),
            version_code: text(&config.app.version_code),
            package_name: text(&config.app.package_name),
        };
        Common { attributes, metrics, app: Some(app).filter(|app| *app != App::default()).map(Arc::new) }
    }
}

impl Default for Additions {
    fn default() -> Self {
        Self::new(EndpointConfig::default(), EventConfig::default(), Box::new(|_| None))
    }
}

fn address(asked: &AddressConfig, event: &IdentityEvent<'_>) -> Text {
    let text = fields::field_values(&asked.from, event).into_iter().next()?;
    Some(text.trim()).filter(|text| !text.is_empty()).map(Into::into)
}

fn attributes(
    asked: &BTreeMap<String, Value>,
    event: &IdentityEvent<'_>,
) -> BTreeMap<Box<str>, Vec<Box<str>>> {
    let attribute = |(key, value): (&String, &Value)| {
        let values: Vec<_> = fields::values(value, event).iter().map(|text| (**text).into()).collect();
        // An attribute that is left out stays as it is at the destination; an empty list would remove it.
        (!values.is_empty()).then(|| (key.as_str().into(), values))
    };
    asked.iter().filter_map(attribute).collect()
}

fn opt_out(asked: &OptOutConfig, event: &IdentityEvent<'_>) -> Option<&'static str> {
    let stated = fields::field_values(&asked.from, event);
    let any =
        |meant: &[String]| stated.iter().any(|text| meant.iter().any(|it| it.eq_ignore_ascii_case(text)));
    match (any(&asked.all), any(&asked.none)) {
        (true, _) => Some("ALL"),
        (false, true) => Some("NONE"),
        (false, false) => None,
    }
}

fn demographic(asked: &DemographicConfig, event: &IdentityEvent<'_>) -> Option<Demographic> {
    let known: Vec<_> = asked.from.iter().map(|source| device(*source, event)).collect();
    let part = |own: &Option<Value>, of: for<'d> fn(&'d Known<'_>) -> Option<&'d str>| {
        let own = own.as_ref().and_then(|value| fields::first(value, event));
        let text = own.as_deref().or_else(|| known.iter().find_map(of))?;
        (!text.is_empty()).then(|| text.into())
    };
    let demographic = Demographic {
        app_version: part(&asked.app_version, |known| known.device.app_version.as_deref()),
        locale: part(&asked.locale, |known| known.device.locale.as_deref()),
        make: part(&asked.make, |known| known.device.make.as_deref()),
        model: part(&asked.model, |known| known.device.model.as_deref().or(known.device.browser.as_deref())),
        model_version: part(&asked.model_version, |known| known.version.as_deref()),
        platform: part(&asked.platform, |known| known.device.platform.as_deref()),
        platform_version: part(&asked.platform_version, |known| known.device.platform_version.as_deref()),
        timezone: part(&asked.timezone, |known| known.device.timezone.as_deref()),
    };
    Some(demographic).filter(|demographic| *demographic != Demographic::default())
}

/// The device and the version as one source states them.
struct Known<'a> {
    device: Cow<'a, Device<'a>>,
    version: Option<Cow<'a, str>>,
}

fn device<'e>(source: DeviceSource, event: &'e IdentityEvent<'e>) -> Known<'e> {
    match source {
        DeviceSource::Event => Known {
            device: event.device.as_deref().map_or_else(|| Cow::Owned(Device::default()), Cow::Borrowed),
            version: None,
        },
        DeviceSource::UserAgent => {
            let (device, version) = agent::read(event.user_agent.as_deref().unwrap_or_default());
            Known { device: Cow::Owned(device), version }
        }
    }
}

/// The location of the first source that knows one, otherwise that of the first source that states anything.
/// A location is one fact: the city of one source with the coordinates of another would be nowhere.
fn location(asked: &LocationConfig, event: &IdentityEvent<'_>, locate: &Locate) -> Option<Location> {
    let mut stated = asked.from.iter().filter_map(|source| match source {
        PlaceSource::Event => stated(event.place.as_deref()?),
        PlaceSource::Ip => stated(&locate(event.ip.as_deref()?)?),
    });
    let first = stated.next()?;
    if is_somewhere(&first) { Some(first) } else { stated.find(is_somewhere).or(Some(first)) }
}

fn stated(place: &GeoLocation<'_>) -> Option<Location> {
    let text = |text: &Option<Cow<'_, str>>| Some(text.as_deref().filter(|text| !text.is_empty())?.into());
    let country: Text = text(&place.country);
    let location = Location {
        city: text(&place.city),
        postal_code: text(&place.postal_code),
        region: text(&place.region),
        // Sources write codes in either case, and every destination wants capitals.
        country: country.map(|text| if is_country(&text) { text.to_ascii_uppercase().into() } else { text }),
        latitude: place.latitude,
        longitude: place.longitude,
    };
    Some(location).filter(|location| *location != Location::default())
}

/// Whether a location says where it is. The name of a country alone does not, nor do coordinates
/// that do not exist.
fn is_somewhere(place: &Location) -> bool {
    let on_earth = |(latitude, longitude): (f64, f64)| latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    place.city.is_some()
        || place.postal_code.is_some()
        || place.region.is_some()
        || place.country.as_deref().is_some_and(is_country)
        || place.latitude.zip(place.longitude).is_some_and(on_earth)
}

/// Whether the text has the form of an ISO 3166-1 code.
fn is_country(text: &str) -> bool {
    matches!(text.len(), 2 | 3) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// All values as one text, separated by commas, because an event's attribute is not a list.
fn joined<'e>(value: &'e Value, event: &'e IdentityEvent<'_>) -> Option<Cow<'e, str>> {
    let mut values = fields::values(value, event);
    match values.len() {
        0 | 1 => values.pop(),
        _ => Some(values.join(",").into()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
