//! The values of an identity event's fields, by name.
//!
//! Knows nothing of what the values are used for.

use std::borrow::Cow;

use crate::core::{
    identity::IdentityEvent,
    map::config::{field::Field, value::Value},
};

/// All values of a field, or the constant, without empty ones.
pub(super) fn values<'e>(value: &'e Value, event: &'e IdentityEvent<'_>) -> Vec<Cow<'e, str>> {
    match value {
        Value::Field(field) => field_values(field, event),
        Value::Constant(constant) if constant.value.is_empty() => Vec::new(),
        Value::Constant(constant) => vec![Cow::Borrowed(&constant.value)],
    }
}

/// The first value of a field, or the constant.
pub(super) fn first<'e>(value: &'e Value, event: &'e IdentityEvent<'_>) -> Option<Cow<'e, str>> {
    values(value, event).into_iter().next()
}

/// All values of a field.
pub(super) fn field_values<'e>(field: &Field, event: &'e IdentityEvent<'_>) -> Vec<Cow<'e, str>> {
    let texts: Vec<Cow<'e, str>> = match field {
        Field::Fixed(fixed) => (fixed.field().value)(event).into_iter().collect(),
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
