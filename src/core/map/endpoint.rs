//! What the configuration adds to app events and their endpoints, field by field.
//!
//! Knows nothing of sessions and of which events a record becomes, nor of how a place is looked up: that is
//! handed in. What always holds: nothing is said that no key asks for, and nothing passes the limits.
//!
//! Of an endpoint that is not surely the person's nothing is said: those of unknown users are shared by
//! strangers, and a failed sign-in may be anybody's, from anywhere.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use crate::core::{
    event::{App, Demographic, Endpoint, EndpointId, Location, Origin},
    identity::{Device, IdentityEvent, Kind, Place},
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
        ids::{EndpointIds, Whose},
        limits::{Limited, Limits},
    },
};

/// Finds the place of an ip address as it stands in an event; none where it is not known.
pub type Locate = Box<dyn Fn(&str) -> Option<Place<'static>> + Send>;

/// What the configuration adds to events and endpoints.
pub struct Additions {
    ids: EndpointIds,
    endpoint: EndpointConfig,
    event: EventConfig,
    locate: Locate,
    with_origins: bool,
    pub(super) limits: Limits,
}

/// What all app events of one identity event carry.
pub(super) struct Common {
    pub(super) attributes: Vec<(Cow<'static, str>, Box<str>)>,
    pub(super) metrics: Vec<(Cow<'static, str>, f64)>,
    pub(super) app: Option<Arc<App>>,
}

impl Additions {
    /// What `endpoint` and `event` ask for; `locate` is asked where they want places of ip addresses.
    #[must_use]
    pub fn new(endpoint: EndpointConfig, event: EventConfig, locate: Locate) -> Self {
        let ids = EndpointIds::new(&endpoint);
        Self { ids, endpoint, event, locate, with_origins: false, limits: Limits::default() }
    }

    /// Events carry their origin, because routes ask for it.
    #[must_use]
    pub fn with_origins(self) -> Self {
        Self { with_origins: true, ..self }
    }

    /// What routes select the event by, as far as it says so itself.
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

    /// What becomes of a failed sign-in of a user who is not known.
    pub(super) fn failed_sign_in(&self) -> FailedSignIn {
        self.endpoint.failed_sign_in
    }

    /// The id of the endpoint that an event goes to.
    pub(super) fn endpoint_id(&self, event: &IdentityEvent<'_>, whose: &Whose<'_>) -> EndpointId {
        self.ids.id(event, whose)
    }

    /// What is said of the endpoint that an event goes to.
    pub(super) fn endpoint(&mut self, event: &IdentityEvent<'_>, whose: &Whose<'_>) -> Endpoint {
        let Whose::User(user) = whose else { return Endpoint::default() };
        let mut endpoint = Endpoint { user_id: Some((*user).into()), ..Endpoint::default() };
        if event.kind == Kind::SignInFailed {
            return endpoint;
        }
        let (config, limits) = (&self.endpoint, &mut self.limits);
        if let Some(asked) = &config.address {
            endpoint.address = address(asked, event, limits);
            endpoint.channel_type = endpoint.address.as_ref().map(|_| asked.channel.name().into());
        }
        endpoint.user_attributes =
            attributes(&config.user_attributes, Limited::UserAttributes, event, limits);
        endpoint.attributes = attributes(&config.attributes, Limited::Attributes, event, limits);
        endpoint.opt_out = config.opt_out.as_ref().and_then(|asked| opt_out(asked, event)).map(Into::into);
        endpoint.demographic =
            config.demographic.as_ref().and_then(|asked| demographic(asked, event, limits)).map(Box::new);
        endpoint.location = config
            .location
            .as_ref()
            .and_then(|asked| location(asked, event, &self.locate, limits))
            .map(Box::new);
        limits.fit(&mut endpoint);
        endpoint
    }

    /// What all app events of an identity event carry.
    pub(super) fn common(&mut self, event: &IdentityEvent<'_>) -> Common {
        let (config, limits) = (&self.event, &mut self.limits);
        let attributes = config.attributes.iter().filter_map(|(key, value)| {
            let text = joined(value, event)?;
            Some((Cow::Owned(key.clone()), limits.text(Limited::EventAttributes, &text)?.into()))
        });
        let attributes = attributes.collect();
        let metrics = config.metrics.iter().filter_map(|(key, field)| {
            let text = fields::said(field, event).into_iter().next()?;
            Some((Cow::Owned(key.clone()), limits.metric(&text)?))
        });
        let metrics = metrics.collect();
        let mut text = |value: &Option<Value>| {
            let text = fields::first(value.as_ref()?, event)?;
            limits.text(Limited::EventApp, &text).map(Into::into)
        };
        let app = App {
            title: text(&config.app.title),
            version_code: text(&config.app.version_code),
            package_name: text(&config.app.package_name),
        };
        Common { attributes, metrics, app: Some(app).filter(|app| *app != App::default()).map(Arc::new) }
    }
}

/// Adds nothing.
impl Default for Additions {
    fn default() -> Self {
        Self::new(EndpointConfig::default(), EventConfig::default(), Box::new(|_| None))
    }
}

fn address(asked: &AddressConfig, event: &IdentityEvent<'_>, limits: &mut Limits) -> Option<Box<str>> {
    let text = fields::said(&asked.from, event).into_iter().next()?;
    limits.address(asked.channel, &text)
}

fn attributes(
    asked: &BTreeMap<String, Value>,
    field: Limited,
    event: &IdentityEvent<'_>,
    limits: &mut Limits,
) -> BTreeMap<Box<str>, Vec<Box<str>>> {
    let attribute = |(key, value): (&String, &Value)| {
        let values = fields::values(value, event);
        let values = limits.values(field, values.iter().map(|text| &**text));
        // What is left out stays as it is at the destination; an empty list would take it away.
        (!values.is_empty()).then(|| (key.as_str().into(), values))
    };
    asked.iter().filter_map(attribute).collect()
}

fn opt_out(asked: &OptOutConfig, event: &IdentityEvent<'_>) -> Option<&'static str> {
    let said = fields::said(&asked.from, event);
    let any = |meant: &[String]| said.iter().any(|text| meant.iter().any(|it| it.eq_ignore_ascii_case(text)));
    match (any(&asked.all), any(&asked.none)) {
        (true, _) => Some("ALL"),
        (false, true) => Some("NONE"),
        (false, false) => None,
    }
}

fn demographic(
    asked: &DemographicConfig,
    event: &IdentityEvent<'_>,
    limits: &mut Limits,
) -> Option<Demographic> {
    let known: Vec<_> = asked.from.iter().map(|source| device(*source, event)).collect();
    let mut part = |field: Limited, own: &Option<Value>, of: for<'d> fn(&'d Known<'_>) -> Option<&'d str>| {
        let own = own.as_ref().and_then(|value| fields::first(value, event));
        let text = own.as_deref().or_else(|| known.iter().find_map(of))?;
        limits.text(field, text).map(Into::into)
    };
    let demographic = Demographic {
        app_version: part(Limited::AppVersion, &asked.app_version, |known| {
            known.device.app_version.as_deref()
        }),
        locale: part(Limited::Locale, &asked.locale, |known| known.device.locale.as_deref()),
        make: part(Limited::Make, &asked.make, |known| known.device.make.as_deref()),
        model: part(Limited::Model, &asked.model, |known| {
            known.device.model.as_deref().or(known.device.browser.as_deref())
        }),
        model_version: part(Limited::ModelVersion, &asked.model_version, |known| known.version.as_deref()),
        platform: part(Limited::Platform, &asked.platform, |known| known.device.platform.as_deref()),
        platform_version: part(Limited::PlatformVersion, &asked.platform_version, |known| {
            known.device.platform_version.as_deref()
        }),
        timezone: part(Limited::Timezone, &asked.timezone, |known| known.device.timezone.as_deref()),
    };
    Some(demographic).filter(|demographic| *demographic != Demographic::default())
}

/// What one who knows the device says of it.
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

/// The place that the first source knows anything of: a place is one fact, and the city of one beside the
/// coordinates of another would be nowhere.
fn location(
    asked: &LocationConfig,
    event: &IdentityEvent<'_>,
    locate: &Locate,
    limits: &mut Limits,
) -> Option<Location> {
    asked.from.iter().find_map(|source| match source {
        PlaceSource::Event => wire(event.place.as_deref()?, limits),
        PlaceSource::Ip => wire(&locate(event.ip.as_deref()?)?, limits),
    })
}

fn wire(place: &Place<'_>, limits: &mut Limits) -> Option<Location> {
    let mut text = |field, text: &Option<Cow<'_, str>>| limits.text(field, text.as_deref()?).map(Into::into);
    let location = Location {
        city: text(Limited::City, &place.city),
        postal_code: text(Limited::PostalCode, &place.postal_code),
        region: text(Limited::Region, &place.region),
        country: place.country.as_deref().and_then(|text| limits.country(text)),
        coordinates: limits.coordinates(place.latitude, place.longitude),
    };
    Some(location).filter(|location| *location != Location::default())
}

/// All values as one text, as an event's attribute has no list: separated by commas.
fn joined<'e>(value: &'e Value, event: &'e IdentityEvent<'_>) -> Option<Cow<'e, str>> {
    let mut values = fields::values(value, event);
    match values.len() {
        0 | 1 => values.pop(),
        _ => Some(values.join(",").into()),
    }
}

#[cfg(test)]
mod tests;
