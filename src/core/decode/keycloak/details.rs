//! `details`: the free texts of an event, and what is made of them.
//!
//! Knows nothing of the rest of the event. Beside Keycloak's own keys these are read, which an enricher
//! writes:
//!
//! | what | keys |
//! |---|---|
//! | place | `geo_country`, `geo_region`, `geo_city`, `geo_lat`, `geo_lon` |
//! | device | `ua_browser` (browser), `ua_os` (platform), `ua_device_type` (model: desktop, mobile, …) |
//! | user agent | `user_agent`, `userAgent` |
//!
//! The person's `email`, `first_name` and `last_name` are those of a `REGISTER`; the `updated_` ones go
//! before them. All other texts are attributes, if those are wanted.

use std::borrow::Cow;

use crate::core::{
    decode::{
        Wanted,
        json::{Keys, Scalar, Slot},
    },
    identity::{Device, Place},
};

/// The claims of the person, each with the keys that state it.
const PERSON: [(&str, [Extra; 2]); 3] = [
    ("email", [Extra::UpdatedEmail, Extra::Email]),
    ("given_name", [Extra::UpdatedFirstName, Extra::FirstName]),
    ("family_name", [Extra::UpdatedLastName, Extra::LastName]),
];

/// What is read of the details.
#[derive(Default)]
pub(super) struct Details<'a> {
    pub(super) username: Scalar<'a>,
    pub(super) code_id: Scalar<'a>,
    pub(super) reason: Scalar<'a>,
    extras: Vec<(Extra, Scalar<'a>)>,
    others: Vec<(String, Scalar<'a>)>,
    wanted: Wanted,
}

/// A key that few events have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extra {
    Email,
    UpdatedEmail,
    FirstName,
    UpdatedFirstName,
    LastName,
    UpdatedLastName,
    Country,
    Region,
    City,
    Latitude,
    Longitude,
    Browser,
    System,
    DeviceType,
    UserAgent,
}

/// What is said of a person, as an identity event has it.
pub(super) type Person<'a> = Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)>;

impl<'a> Details<'a> {
    pub(super) fn wanting(wanted: Wanted) -> Self {
        let mut details = Self::default();
        details.want(wanted);
        details
    }

    /// Reads what is wanted from now on.
    pub(super) fn want(&mut self, wanted: Wanted) {
        self.wanted = wanted;
    }

    pub(super) fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Whether nothing was read.
    pub(super) fn is_empty(&self) -> bool {
        let null = |value: &Scalar<'_>| matches!(value, Scalar::Null);
        null(&self.username)
            && null(&self.code_id)
            && null(&self.reason)
            && self.extras.is_empty()
            && self.others.is_empty()
    }

    pub(super) fn take_person(&mut self) -> Person<'a> {
        if self.extras.is_empty() {
            return Vec::new();
        }
        let claim = |(name, keys): (&'static str, [Extra; 2])| {
            let text = keys.into_iter().find_map(|key| self.take(key).take_text())?;
            Some((name.into(), vec![text]))
        };
        PERSON.into_iter().filter_map(claim).collect()
    }

    pub(super) fn take_place(&mut self) -> Option<Box<Place<'a>>> {
        if self.extras.is_empty() {
            return None;
        }
        let place = Place {
            city: self.take(Extra::City).take_text(),
            country: self.take(Extra::Country).take_text(),
            region: self.take(Extra::Region).take_text(),
            postal_code: None,
            latitude: degrees(&self.take(Extra::Latitude)),
            longitude: degrees(&self.take(Extra::Longitude)),
        };
        (place != Place::default()).then(|| Box::new(place))
    }

    pub(super) fn take_device(&mut self) -> Option<Box<Device<'a>>> {
        if self.extras.is_empty() {
            return None;
        }
        let device = Device {
            browser: self.take(Extra::Browser).take_text(),
            platform: self.take(Extra::System).take_text(),
            model: self.take(Extra::DeviceType).take_text(),
            ..Device::default()
        };
        (device != Device::default()).then(|| Box::new(device))
    }

    pub(super) fn take_user_agent(&mut self) -> Scalar<'a> {
        if self.extras.is_empty() { Scalar::Null } else { self.take(Extra::UserAgent) }
    }

    /// The other texts; of a key that occurs twice the last value.
    pub(super) fn take_attributes(&mut self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let others = std::mem::take(&mut self.others).into_iter();
        others.filter_map(|(key, mut value)| Some((key.into(), value.take_text()?))).collect()
    }

    fn take(&mut self, name: Extra) -> Scalar<'a> {
        let found = self.extras.iter_mut().rev().find(|(extra, _)| *extra == name);
        found.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }

    /// Where another key belongs. Not a part of `slot`, which is quicker without it.
    #[inline(never)]
    fn other(&mut self, key: &str) -> Slot<'_, 'a> {
        if let Some(extra) = Extra::named(key) {
            let last = self.extras.len();
            self.extras.push((extra, Scalar::Null));
            return Slot::Value(&mut self.extras[last].1);
        }
        if !self.wanted.attributes {
            return Slot::Unread;
        }
        let last = self.others.len();
        self.others.push((key.to_owned(), Scalar::Null));
        Slot::Value(&mut self.others[last].1)
    }
}

impl Extra {
    fn named(key: &str) -> Option<Self> {
        Some(match key {
            "email" => Self::Email,
            "updated_email" => Self::UpdatedEmail,
            "first_name" => Self::FirstName,
            "updated_first_name" => Self::UpdatedFirstName,
            "last_name" => Self::LastName,
            "updated_last_name" => Self::UpdatedLastName,
            "geo_country" => Self::Country,
            "geo_region" => Self::Region,
            "geo_city" => Self::City,
            "geo_lat" => Self::Latitude,
            "geo_lon" => Self::Longitude,
            "ua_browser" => Self::Browser,
            "ua_os" => Self::System,
            "ua_device_type" => Self::DeviceType,
            "user_agent" | "userAgent" => Self::UserAgent,
            _ => return None,
        })
    }
}

fn degrees(value: &Scalar<'_>) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "degrees are small numbers")]
        Scalar::Integer(number) => Some(*number as f64),
        Scalar::Float(number) => Some(*number),
        Scalar::Text(text) => text.parse().ok(),
        Scalar::Null | Scalar::Other => None,
    }
    .filter(|degrees: &f64| degrees.is_finite())
}

impl<'a> Keys<'a> for Details<'a> {
    fn clear(&mut self) {
        *self = Self::wanting(self.wanted);
    }

    fn slot(&mut self, key: &str) -> Slot<'_, 'a> {
        match key {
            "username" => Slot::Value(&mut self.username),
            "code_id" => Slot::Value(&mut self.code_id),
            "reason" => Slot::Value(&mut self.reason),
            _ => self.other(key),
        }
    }
}
