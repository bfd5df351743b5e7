//! The names of an identity event's fields, as the configuration writes them.
//!
//! The set of names is closed: an unknown name is refused when the configuration is read. Knows nothing of
//! how a value is read from an event.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::core::{
    identity::fields::{self, FIELDS},
    units::{self, Malformed},
};

/// A field of an identity event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// A field that any event may have.
    Fixed(Fixed),
    /// `person.NAME`: a detail of the person.
    Person(Box<str>),
    /// `attributes.NAME`: another attribute from the provider.
    Attribute(Box<str>),
}

/// A field with a fixed name, by its index in [`FIELDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed(usize);

/// The maximum length of the name after `person.` or `attributes.`, in bytes.
const LONGEST_NAME: usize = 200;

impl Field {
    /// The names to suggest for a misspelt one: all fixed names, and the two prefixes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FIELDS.iter().map(|field| field.name).chain(["person.NAME", "attributes.NAME"])
    }

    /// Whether the field's values may be personal data.
    #[must_use]
    pub const fn is_personal(&self) -> bool {
        match self {
            Self::Person(_) | Self::Attribute(_) => true,
            Self::Fixed(fixed) => fixed.field().is_personal,
        }
    }
}

impl Fixed {
    #[must_use]
    pub const fn field(self) -> &'static fields::Field {
        &FIELDS[self.0]
    }
}

impl FromStr for Field {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some(index) = FIELDS.iter().position(|field| field.name == text) {
            return Ok(Self::Fixed(Fixed(index)));
        }
        let (beginning, name) = text.split_once('.').ok_or(Malformed)?;
        let legal = !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(char::is_control);
        match beginning {
            "person" if legal => Ok(Self::Person(name.into())),
            "attributes" if legal => Ok(Self::Attribute(name.into())),
            _ => Err(Malformed),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => write!(f, "person.{name}"),
            Self::Attribute(name) => write!(f, "attributes.{name}"),
            Self::Fixed(fixed) => f.write_str(fixed.field().name),
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        units::from_text(from)
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Field {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Field".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "field",
            "x-allowed": "a field such as user, realm_name, person.email or attributes.newsletter",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, personal: Option<bool>) {
        let field = text.parse::<Field>().ok();
        assert_eq!(field.as_ref().map(Field::is_personal), personal);
        assert!(field.is_none_or(|field| field.to_string() == text));
    }

    #[test]
    fn fields_read_what_they_write() {
        for name in FIELDS.iter().map(|field| field.name) {
            assert_eq!(name.parse::<Field>().unwrap().to_string(), name);
        }
        check("user", Some(false));
        check("user_name", Some(true));
        check("ip", Some(true));
        check("device.make", Some(false));
        check("place.city", Some(true));
        check("person.email", Some(true));
        check("person.a.b", Some(true));
        check("attributes.newsletter", Some(true));
        for unknown in
            ["", "usr", "User", "person", "person.", "attributes.", "device.colour", "place.", ".x"]
        {
            check(unknown, None);
        }
        check(&format!("person.{}", "x".repeat(201)), None);
        check("person.a\nb", None);
    }
}
