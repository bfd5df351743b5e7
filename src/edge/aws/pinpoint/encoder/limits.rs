//! The limits of `PutEvents`, and the names under which values that were cut or left out are counted.

use crate::core::{destination::FieldCounts, event::Text};

/// The maximum number of events in a request.
pub(super) const EVENTS: usize = 100;

/// The maximum number of bytes in a request's body.
pub(super) const BYTES: usize = 4_000_000;

/// The maximum number of bytes in an endpoint.
pub(super) const ENDPOINT_BYTES: usize = 15_000;

/// The maximum number of attributes and metrics of an event, counted together.
pub(super) const KEYS: usize = 40;

/// The maximum number of values of an attribute of an endpoint or a user.
pub(super) const VALUES: usize = 50;

/// The maximum length of the name of an attribute or a metric, in characters.
pub(super) const LONGEST_KEY: usize = 50;

/// The maximum length of a user id, in characters: the width of Keycloak's own column.
pub(super) const LONGEST_USER_ID: usize = 255;

pub(super) const ADDRESS: &str = "Endpoint.Address";
pub(super) const COUNTRY: &str = "Endpoint.Location.Country";
pub(super) const COORDINATES: &str = "Endpoint.Location.Latitude";
pub(super) const METRICS: &str = "Event.Metrics";

pub(super) const ATTRIBUTES: Limit = Limit::new("Endpoint.Attributes", 100);
pub(super) const USER_ATTRIBUTES: Limit = Limit::new("Endpoint.User.UserAttributes", 100);
/// The service silently drops an event with a longer value.
pub(super) const EVENT_ATTRIBUTES: Limit = Limit::new("Event.Attributes", 200);

/// The limits in the order of [`App::texts`](crate::core::event::App::texts).
pub(super) const APP: [Limit; 3] = [Limit::new("Event.App", 100); 3];

/// The limits in the order of [`Demographic::texts`](crate::core::event::Demographic::texts). `PutEvents`
/// states no limit for `Locale` and `Timezone`: 100 is longer than any real one.
pub(super) const DEMOGRAPHIC: [Limit; 8] = [
    Limit::new("Endpoint.Demographic.AppVersion", 50),
    Limit::new("Endpoint.Demographic.Locale", 100),
    Limit::new("Endpoint.Demographic.Make", 50),
    Limit::new("Endpoint.Demographic.Model", 100),
    Limit::new("Endpoint.Demographic.ModelVersion", 50),
    Limit::new("Endpoint.Demographic.Platform", 50),
    Limit::new("Endpoint.Demographic.PlatformVersion", 50),
    Limit::new("Endpoint.Demographic.Timezone", 100),
];

/// The limits in the order of [`Location::texts`].
pub(super) const LOCATION: [Limit; 4] = [
    Limit::new("Endpoint.Location.City", 75),
    Limit::new(COUNTRY, 3),
    Limit::new("Endpoint.Location.PostalCode", 100),
    Limit::new("Endpoint.Location.Region", 75),
];

/// All names under which values are counted.
pub(super) const FIELDS: [&str; 19] = [
    ADDRESS,
    ATTRIBUTES.name,
    DEMOGRAPHIC[0].name,
    DEMOGRAPHIC[1].name,
    DEMOGRAPHIC[2].name,
    DEMOGRAPHIC[3].name,
    DEMOGRAPHIC[4].name,
    DEMOGRAPHIC[5].name,
    DEMOGRAPHIC[6].name,
    DEMOGRAPHIC[7].name,
    LOCATION[0].name,
    COUNTRY,
    LOCATION[2].name,
    LOCATION[3].name,
    COORDINATES,
    USER_ATTRIBUTES.name,
    EVENT_ATTRIBUTES.name,
    METRICS,
    APP[0].name,
];

/// How long the text of a field may be.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) name: &'static str,
    longest: usize,
}

impl Limit {
    const fn new(name: &'static str, longest: usize) -> Self {
        Self { name, longest }
    }

    #[inline]
    pub(super) fn allows(self, text: &str) -> bool {
        is_within(text, self.longest)
    }

    /// Cuts a text that is too long, between two characters.
    pub(super) fn cut<T: AsRef<str> + for<'t> From<&'t str>>(self, text: &mut T, counts: &mut FieldCounts) {
        let whole = text.as_ref();
        // Most texts have fewer bytes than the limit has characters.
        if whole.len() > self.longest
            && let Some((end, _)) = whole.char_indices().nth(self.longest)
        {
            *text = T::from(&whole[..end]);
            counts.shorten(self.name);
        }
    }
}

/// Whether each text is within the limit at the same index.
pub(super) fn allow<const N: usize>(limits: &[Limit; N], texts: [&Text; N]) -> bool {
    limits.iter().zip(texts).all(|(limit, text)| text.as_deref().is_none_or(|text| limit.allows(text)))
}

/// Cuts each text to the limit at the same index.
pub(super) fn cut<const N: usize>(limits: &[Limit; N], texts: [&mut Text; N], counts: &mut FieldCounts) {
    for (limit, text) in limits.iter().zip(texts) {
        if let Some(text) = text {
            limit.cut(text, counts);
        }
    }
}

/// Whether `text` has at most `most` characters.
#[inline]
pub(super) fn is_within(text: &str, most: usize) -> bool {
    text.len() <= most || text.chars().nth(most).is_none()
}
