//! The values of an identity event's fields, by name.
//!
//! Knows nothing of what they are used for.

use std::borrow::Cow;

use crate::core::{
    identity::IdentityEvent,
    map::config::{
        field::{Field, Fixed},
        value::Value,
    },
};

/// All values of a field, or the constant, without empty ones.
pub(super) fn values<'e>(value: &'e Value, event: &'e IdentityEvent<'_>) -> Vec<Cow<'e, str>> {
    match value {
        Value::Field(field) => said(field, event),
        Value::Constant(constant) if constant.value.is_empty() => Vec::new(),
        Value::Constant(constant) => vec![Cow::Borrowed(&constant.value)],
    }
}

/// The first value of a field, or the constant.
pub(super) fn first<'e>(value: &'e Value, event: &'e IdentityEvent<'_>) -> Option<Cow<'e, str>> {
    values(value, event).into_iter().next()
}

/// All values of a field.
pub(super) fn said<'e>(field: &Field, event: &'e IdentityEvent<'_>) -> Vec<Cow<'e, str>> {
    let texts: Vec<Cow<'e, str>> = match field {
        Field::Fixed(fixed) => one(*fixed, event).into_iter().collect(),
        Field::Person(name) => {
            let named = event.person.iter().filter(|(other, _)| **other == **name);
            named.flat_map(|(_, values)| values).map(|value| Cow::Borrowed(&**value)).collect()
        }
        Field::Attribute(name) => {
            let named = event.attributes.iter().filter(|(other, _)| **other == **name);
            named.map(|(_, value)| Cow::Borrowed(&**value)).collect()
        }
    };
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}

fn one<'e>(fixed: Fixed, event: &'e IdentityEvent<'_>) -> Option<Cow<'e, str>> {
    let (device, place) = (event.device.as_deref(), event.place.as_deref());
    let degrees = |degrees: Option<f64>| degrees.map(|degrees| Cow::Owned(degrees.to_string()));
    let text = match fixed {
        Fixed::Provider => return Some(Cow::Borrowed(&*event.provider)),
        Fixed::PlaceLatitude => return degrees(place?.latitude),
        Fixed::PlaceLongitude => return degrees(place?.longitude),
        Fixed::Realm => &event.realm,
        Fixed::RealmName => &event.realm_name,
        Fixed::User => &event.user,
        Fixed::UserName => &event.user_name,
        Fixed::Session => &event.session,
        Fixed::Client => &event.client,
        Fixed::Reason => &event.reason,
        Fixed::Ip => &event.ip,
        Fixed::UserAgent => &event.user_agent,
        Fixed::DeviceId => &device?.id,
        Fixed::DeviceMake => &device?.make,
        Fixed::DeviceModel => &device?.model,
        Fixed::DevicePlatform => &device?.platform,
        Fixed::DevicePlatformVersion => &device?.platform_version,
        Fixed::DeviceBrowser => &device?.browser,
        Fixed::DeviceAppVersion => &device?.app_version,
        Fixed::DeviceLocale => &device?.locale,
        Fixed::DeviceTimezone => &device?.timezone,
        Fixed::PlaceCity => &place?.city,
        Fixed::PlaceCountry => &place?.country,
        Fixed::PlaceRegion => &place?.region,
        Fixed::PlacePostalCode => &place?.postal_code,
    };
    text.as_deref().map(Cow::Borrowed)
}
