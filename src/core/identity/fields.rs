//! The fields of an identity event that a configuration can name and that hold a text or a number.
//!
//! The configuration, the mapping and the reader of the public format all use this table, which has one line
//! for each field. Knows nothing of what the values are used for.

use std::borrow::Cow;

use crate::core::identity::IdentityEvent;

/// A field of an identity event.
pub struct Field {
    /// The name in a configuration.
    pub name: &'static str,
    /// The name in a document, preceded by the name of the object that contains the field.
    pub path: &'static str,
    /// Whether the value may be personal data. The exceptions are ids, names of clients and realms, reasons,
    /// and values that are the same for everyone with the same device.
    pub is_personal: bool,
    /// Reads the value; a number as its digits.
    pub value: Value,
    /// The place of the text in the event; `None` if the field is not an optional text.
    pub slot: Option<TextSlot>,
}

pub type Value = for<'e> fn(&'e IdentityEvent<'_>) -> Option<Cow<'e, str>>;

pub type TextSlot = for<'e, 'a> fn(&'e mut IdentityEvent<'a>) -> &'e mut Option<Cow<'a, str>>;

#[rustfmt::skip]
pub const FIELDS: [Field; 25] = [
    fixed("provider", |e| Some(Cow::Borrowed(&e.provider))),
    text("realm", |e| lent(&e.realm), |e| &mut e.realm),
    text("realm_name", |e| lent(&e.realm_name), |e| &mut e.realm_name),
    text("user", |e| lent(&e.user), |e| &mut e.user),
    text("user_name", |e| lent(&e.user_name), |e| &mut e.user_name).personal(),
    text("session", |e| lent(&e.session), |e| &mut e.session),
    text("client", |e| lent(&e.client), |e| &mut e.client),
    text("reason", |e| lent(&e.reason), |e| &mut e.reason),
    text("ip", |e| lent(&e.ip), |e| &mut e.ip).personal(),
    text("user_agent", |e| lent(&e.user_agent), |e| &mut e.user_agent).personal(),
    text("device.id", |e| lent(&e.device.as_ref()?.id), |e| &mut e.device.get_or_insert_default().id).personal(),
    text("device.make", |e| lent(&e.device.as_ref()?.make), |e| &mut e.device.get_or_insert_default().make),
    text("device.model", |e| lent(&e.device.as_ref()?.model), |e| &mut e.device.get_or_insert_default().model),
    text("device.platform", |e| lent(&e.device.as_ref()?.platform), |e| &mut e.device.get_or_insert_default().platform),
    text("device.platform_version", |e| lent(&e.device.as_ref()?.platform_version), |e| &mut e.device.get_or_insert_default().platform_version),
    text("device.browser", |e| lent(&e.device.as_ref()?.browser), |e| &mut e.device.get_or_insert_default().browser),
    text("device.app_version", |e| lent(&e.device.as_ref()?.app_version), |e| &mut e.device.get_or_insert_default().app_version),
    text("device.locale", |e| lent(&e.device.as_ref()?.locale), |e| &mut e.device.get_or_insert_default().locale),
    text("device.timezone", |e| lent(&e.device.as_ref()?.timezone), |e| &mut e.device.get_or_insert_default().timezone),
    text("place.city", |e| lent(&e.place.as_ref()?.city), |e| &mut e.place.get_or_insert_default().city).personal().at("location.city"),
    text("place.country", |e| lent(&e.place.as_ref()?.country), |e| &mut e.place.get_or_insert_default().country).personal().at("location.country"),
    text("place.region", |e| lent(&e.place.as_ref()?.region), |e| &mut e.place.get_or_insert_default().region).personal().at("location.region"),
    text("place.postal_code", |e| lent(&e.place.as_ref()?.postal_code), |e| &mut e.place.get_or_insert_default().postal_code).personal().at("location.postal_code"),
    fixed("place.latitude", |e| digits(e.place.as_ref()?.latitude)).personal().at("location.latitude"),
    fixed("place.longitude", |e| digits(e.place.as_ref()?.longitude)).personal().at("location.longitude"),
];

const fn text(name: &'static str, value: Value, slot: TextSlot) -> Field {
    Field { name, path: name, is_personal: false, value, slot: Some(slot) }
}

const fn fixed(name: &'static str, value: Value) -> Field {
    Field { name, path: name, is_personal: false, value, slot: None }
}

impl Field {
    const fn personal(self) -> Self {
        Self { is_personal: true, ..self }
    }

    const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }
}

#[expect(clippy::ref_option, reason = "it is called with the fields as they are")]
fn lent<'e>(text: &'e Option<Cow<'_, str>>) -> Option<Cow<'e, str>> {
    text.as_deref().map(Cow::Borrowed)
}

fn digits(number: Option<f64>) -> Option<Cow<'static, str>> {
    number.map(|number| number.to_string().into())
}
