//! The names of what an identity event says, as a configuration writes them.
//!
//! A closed language: a name that is not here is refused when the configuration is read. Knows nothing of
//! how a value is got out of an event.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::core::units::{self, Malformed};

/// Something that an identity event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// One that each event may have, by its place in `FIXED`.
    Fixed(Fixed),
    /// `person.NAME`: what is said of the person.
    Person(Box<str>),
    /// `attributes.NAME`: what else the provider says.
    Attribute(Box<str>),
}

/// A field with a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    Provider,
    Realm,
    RealmName,
    User,
    UserName,
    Session,
    Client,
    Reason,
    Ip,
    UserAgent,
    DeviceId,
    DeviceMake,
    DeviceModel,
    DevicePlatform,
    DevicePlatformVersion,
    DeviceBrowser,
    DeviceAppVersion,
    DeviceLocale,
    DeviceTimezone,
    PlaceCity,
    PlaceCountry,
    PlaceRegion,
    PlacePostalCode,
    PlaceLatitude,
    PlaceLongitude,
}

/// The fields with names of their own.
const FIXED: [(&str, Fixed); 25] = [
    ("provider", Fixed::Provider),
    ("realm", Fixed::Realm),
    ("realm_name", Fixed::RealmName),
    ("user", Fixed::User),
    ("user_name", Fixed::UserName),
    ("session", Fixed::Session),
    ("client", Fixed::Client),
    ("reason", Fixed::Reason),
    ("ip", Fixed::Ip),
    ("user_agent", Fixed::UserAgent),
    ("device.id", Fixed::DeviceId),
    ("device.make", Fixed::DeviceMake),
    ("device.model", Fixed::DeviceModel),
    ("device.platform", Fixed::DevicePlatform),
    ("device.platform_version", Fixed::DevicePlatformVersion),
    ("device.browser", Fixed::DeviceBrowser),
    ("device.app_version", Fixed::DeviceAppVersion),
    ("device.locale", Fixed::DeviceLocale),
    ("device.timezone", Fixed::DeviceTimezone),
    ("place.city", Fixed::PlaceCity),
    ("place.country", Fixed::PlaceCountry),
    ("place.region", Fixed::PlaceRegion),
    ("place.postal_code", Fixed::PlacePostalCode),
    ("place.latitude", Fixed::PlaceLatitude),
    ("place.longitude", Fixed::PlaceLongitude),
];

/// The longest name after `person.` and `attributes.`, in bytes.
const LONGEST_NAME: usize = 200;

impl Field {
    /// The names that can be meant by one that is misspelt: all that are fixed, and the two beginnings.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FIXED.iter().map(|(name, _)| *name).chain(["person.NAME", "attributes.NAME"])
    }

    /// Whether what it says may be personal: all but ids, names of clients and realms, reasons, and what
    /// is the same for everyone with the same device.
    #[must_use]
    pub const fn is_personal(&self) -> bool {
        use Fixed::{DeviceId, Ip, UserAgent, UserName};
        use Fixed::{PlaceCity, PlaceCountry, PlaceLatitude, PlaceLongitude, PlacePostalCode, PlaceRegion};
        match self {
            Self::Person(_) | Self::Attribute(_) => true,
            Self::Fixed(fixed) => matches!(
                fixed,
                DeviceId
                    | Ip
                    | UserAgent
                    | UserName
                    | PlaceCity
                    | PlaceCountry
                    | PlaceLatitude
                    | PlaceLongitude
                    | PlacePostalCode
                    | PlaceRegion
            ),
        }
    }
}

impl FromStr for Field {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some((_, fixed)) = FIXED.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Fixed(*fixed));
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
            Self::Fixed(field) => {
                let name = FIXED.iter().find(|(_, fixed)| fixed == field).map(|(name, _)| *name);
                f.write_str(name.unwrap_or_default())
            }
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
        for (name, _) in FIXED {
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
