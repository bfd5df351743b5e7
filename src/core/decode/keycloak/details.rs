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
        gather::{self, Person},
        tree::{Node, first},
    },
    identity::{Device, Place},
};

/// What is read of the details, gathered in one pass.
#[derive(Default)]
pub(super) struct Details<'t, 'a> {
    pub(super) username: Node<'t, 'a>,
    pub(super) code_id: Node<'t, 'a>,
    pub(super) reason: Node<'t, 'a>,
    pub(super) user_agent: Node<'t, 'a>,
    email: Node<'t, 'a>,
    updated_email: Node<'t, 'a>,
    first_name: Node<'t, 'a>,
    updated_first_name: Node<'t, 'a>,
    last_name: Node<'t, 'a>,
    updated_last_name: Node<'t, 'a>,
    country: Node<'t, 'a>,
    region: Node<'t, 'a>,
    city: Node<'t, 'a>,
    latitude: Node<'t, 'a>,
    longitude: Node<'t, 'a>,
    browser: Node<'t, 'a>,
    system: Node<'t, 'a>,
    device_type: Node<'t, 'a>,
    /// Whether something of a person, a place or a device was read: few events have any.
    has_extras: bool,
    /// The other texts, if they are wanted.
    pub(super) attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'t, 'a> Details<'t, 'a> {
    pub(super) fn of(node: Node<'t, 'a>) -> Self {
        let mut details = Self::default();
        let wants_attributes = node.wants_attributes();
        for (key, value) in node.entries() {
            match details.named(key.str()) {
                Some(field) => *field = value,
                None if wants_attributes => {
                    details.attributes.extend(value.text().map(|text| (key.written(), text)));
                }
                None => {}
            }
        }
        details
    }

    pub(super) fn person(&self) -> Person<'a> {
        let claims = [
            ("email", [self.updated_email, self.email]),
            ("given_name", [self.updated_first_name, self.first_name]),
            ("family_name", [self.updated_last_name, self.last_name]),
        ];
        if !self.has_extras {
            return Vec::new();
        }
        let claim =
            |(name, nodes): (&'static str, [Node<'t, 'a>; 2])| Some((name.into(), vec![first(&nodes)?]));
        claims.into_iter().filter_map(claim).collect()
    }

    pub(super) fn place(&self) -> Option<Box<Place<'a>>> {
        if !self.has_extras {
            return None;
        }
        gather::place(Place {
            city: self.city.text(),
            country: self.country.text(),
            region: self.region.text(),
            postal_code: None,
            latitude: self.latitude.number(),
            longitude: self.longitude.number(),
        })
    }

    pub(super) fn device(&self) -> Option<Box<Device<'a>>> {
        if !self.has_extras {
            return None;
        }
        gather::device(Device {
            browser: self.browser.text(),
            platform: self.system.text(),
            model: self.device_type.text(),
            ..Device::default()
        })
    }

    fn named(&mut self, key: &str) -> Option<&mut Node<'t, 'a>> {
        match key {
            "username" => Some(&mut self.username),
            "code_id" => Some(&mut self.code_id),
            "reason" => Some(&mut self.reason),
            "user_agent" | "userAgent" => Some(&mut self.user_agent),
            _ => self.extra(key),
        }
    }

    fn extra(&mut self, key: &str) -> Option<&mut Node<'t, 'a>> {
        let field = match key {
            "email" => &mut self.email,
            "updated_email" => &mut self.updated_email,
            "first_name" => &mut self.first_name,
            "updated_first_name" => &mut self.updated_first_name,
            "last_name" => &mut self.last_name,
            "updated_last_name" => &mut self.updated_last_name,
            "geo_country" => &mut self.country,
            "geo_region" => &mut self.region,
            "geo_city" => &mut self.city,
            "geo_lat" => &mut self.latitude,
            "geo_lon" => &mut self.longitude,
            "ua_browser" => &mut self.browser,
            "ua_os" => &mut self.system,
            "ua_device_type" => &mut self.device_type,
            _ => return None,
        };
        self.has_extras = true;
        Some(field)
    }
}
