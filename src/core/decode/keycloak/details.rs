//! `details`: the free-form texts of an event, and how they are used.
//!
//! Knows nothing of the rest of the event. In addition to Keycloak's own keys, these are read, which an
//! enricher may add:
//!
//! | field | keys |
//! |---|---|
//! | place | `geo_country`, `geo_region`, `geo_city`, `geo_lat`, `geo_lon` |
//! | device | `ua_browser` (browser), `ua_os` (platform), `ua_device_type` (model: desktop, mobile, …) |
//! | user agent | `user_agent`, `userAgent` |
//!
//! A `REGISTER` has the person's `email`, `first_name` and `last_name`; the `updated_` ones take precedence.
//! All other texts are attributes, if attributes are wanted.

use std::borrow::Cow;

use crate::core::{
    decode::{
        gather::{self, Person},
        tree::{Node, first},
    },
    identity::{Device, GeoLocation},
};

/// The details that are used, gathered in one pass.
#[derive(Default)]
pub(super) struct Details<'t, 'a> {
    pub(super) username: Node<'t, 'a>,
    pub(super) code_id: Node<'t, 'a>,
    pub(super) reason: Node<'t, 'a>,
    /// The last of the two keys for the user agent.
    pub(super) user_agent: Node<'t, 'a>,
    /// The object itself, if it has a key of a person, a place or a device, which few events have.
    extras: Node<'t, 'a>,
    /// The other texts, if they are wanted.
    pub(super) attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'t, 'a> Details<'t, 'a> {
    pub(super) fn of(node: Node<'t, 'a>) -> Self {
        let mut details = Self::default();
        let Node::Object(object) = node else { return details };
        let wants_attributes = node.wants_attributes();
        for (key, at) in object.keys() {
            match key {
                "username" => details.username = object.node(at),
                "code_id" => details.code_id = object.node(at),
                "reason" => details.reason = object.node(at),
                "user_agent" | "userAgent" => details.user_agent = object.node(at),
                name if is_extra(name) => details.extras = node,
                _ if wants_attributes => {
                    let text = object.node(at).text();
                    details.attributes.extend(text.map(|text| (object.node(at - 1).written(), text)));
                }
                _ => {}
            }
        }
        details
    }

    pub(super) fn person(&self) -> Person<'a> {
        let claims = [
            ("email", ["updated_email", "email"]),
            ("given_name", ["updated_first_name", "first_name"]),
            ("family_name", ["updated_last_name", "last_name"]),
        ];
        if !self.extras.is_some() {
            return Vec::new();
        }
        let claim = |(name, keys): (&'static str, [&str; 2])| {
            Some((name.into(), vec![first(keys.map(|key| self.extras.get(key)))?]))
        };
        claims.into_iter().filter_map(claim).collect()
    }

    pub(super) fn place(&self) -> Option<Box<GeoLocation<'a>>> {
        if !self.extras.is_some() {
            return None;
        }
        let text = |key| self.extras.get(key).text();
        gather::place(GeoLocation {
            city: text("geo_city"),
            country: text("geo_country"),
            region: text("geo_region"),
            postal_code: None,
            latitude: self.extras.get("geo_lat").number(),
            longitude: self.extras.get("geo_lon").number(),
        })
    }

    pub(super) fn device(&self) -> Option<Box<Device<'a>>> {
        if !self.extras.is_some() {
            return None;
        }
        let text = |key| self.extras.get(key).text();
        gather::device(Device {
            browser: text("ua_browser"),
            platform: text("ua_os"),
            model: text("ua_device_type"),
            ..Device::default()
        })
    }
}

/// Whether a key becomes something other than an attribute, in addition to those of [`Details`].
fn is_extra(key: &str) -> bool {
    matches!(
        key,
        "email"
            | "updated_email"
            | "first_name"
            | "updated_first_name"
            | "last_name"
            | "updated_last_name"
            | "geo_country"
            | "geo_region"
            | "geo_city"
            | "geo_lat"
            | "geo_lon"
            | "ua_browser"
            | "ua_os"
            | "ua_device_type"
    )
}
