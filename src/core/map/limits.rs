//! The destination's limits of what is said of endpoints and events, all of them: a text that is too long
//! is cut between two characters, what cannot be mended is left out, and either is counted by field.
//!
//! Knows nothing of where values come from. No text that passes is empty. The number and the names of
//! attributes and metrics are the configuration's: `config::event` has their limits, which are checked when it
//! is read. The ids are in `ids`.

use std::fmt::Write;

use crate::core::{event::Endpoint, map::config::endpoint::Channel};

/// The most values of an attribute of an endpoint or a user.
const MOST_VALUES: usize = 50;

/// The longest e-mail address (RFC 5321), in bytes.
const LONGEST_ADDRESS: usize = 254;

/// A field of the wire that has a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    Address,
    Attributes,
    AppVersion,
    Locale,
    Make,
    Model,
    ModelVersion,
    Platform,
    PlatformVersion,
    Timezone,
    City,
    Country,
    PostalCode,
    Region,
    Coordinates,
    UserAttributes,
    EventAttributes,
    EventMetrics,
    EventApp,
}

/// How many fields have limits.
pub(super) const FIELDS: usize = 19;

impl Limited {
    /// All of them, in the order of their declaration.
    pub(super) const ALL: [Self; FIELDS] = [
        Self::Address,
        Self::Attributes,
        Self::AppVersion,
        Self::Locale,
        Self::Make,
        Self::Model,
        Self::ModelVersion,
        Self::Platform,
        Self::PlatformVersion,
        Self::Timezone,
        Self::City,
        Self::Country,
        Self::PostalCode,
        Self::Region,
        Self::Coordinates,
        Self::UserAttributes,
        Self::EventAttributes,
        Self::EventMetrics,
        Self::EventApp,
    ];

    /// The name on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Address => "Endpoint.Address",
            Self::Attributes => "Endpoint.Attributes",
            Self::AppVersion => "Endpoint.Demographic.AppVersion",
            Self::Locale => "Endpoint.Demographic.Locale",
            Self::Make => "Endpoint.Demographic.Make",
            Self::Model => "Endpoint.Demographic.Model",
            Self::ModelVersion => "Endpoint.Demographic.ModelVersion",
            Self::Platform => "Endpoint.Demographic.Platform",
            Self::PlatformVersion => "Endpoint.Demographic.PlatformVersion",
            Self::Timezone => "Endpoint.Demographic.Timezone",
            Self::City => "Endpoint.Location.City",
            Self::Country => "Endpoint.Location.Country",
            Self::PostalCode => "Endpoint.Location.PostalCode",
            Self::Region => "Endpoint.Location.Region",
            Self::Coordinates => "Endpoint.Location.Latitude",
            Self::UserAttributes => "Endpoint.User.UserAttributes",
            Self::EventAttributes => "Event.Attributes",
            Self::EventMetrics => "Event.Metrics",
            Self::EventApp => "Event.App",
        }
    }

    /// As much of a text as the field may have.
    #[inline]
    pub(super) fn cut(self, text: &str) -> &str {
        // Fewer bytes than characters allowed need no counting.
        if text.len() > self.longest()
            && let Some((end, _)) = text.char_indices().nth(self.longest())
        {
            return &text[..end];
        }
        text
    }

    /// The longest text, in characters. Where the destination states none, one that is long enough for
    /// everything that is meant seriously.
    const fn longest(self) -> usize {
        match self {
            Self::AppVersion | Self::Make | Self::ModelVersion | Self::Platform | Self::PlatformVersion => 50,
            Self::City | Self::Region => 75,
            Self::EventAttributes => 200,
            _ => 100,
        }
    }
}

/// Keeps the limits, and counts what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    shortened: [u64; FIELDS],
    left_out: [u64; FIELDS],
}

impl Limits {
    /// Values that were cut, by field.
    pub fn shortened(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Limited::ALL.into_iter().map(Limited::name).zip(self.shortened)
    }

    /// Values that were left out, by field.
    pub fn left_out(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Limited::ALL.into_iter().map(Limited::name).zip(self.left_out)
    }

    /// Counts values that were cut elsewhere.
    pub(super) fn add_shortened(&mut self, field: Limited, values: u64) {
        self.shortened[field as usize] += values;
    }

    /// A text as long as it may be, none if it is empty.
    pub(super) fn text<'t>(&mut self, field: Limited, text: &'t str) -> Option<&'t str> {
        let short = field.cut(text);
        self.add_shortened(field, u64::from(short.len() < text.len()));
        (!short.is_empty()).then_some(short)
    }

    /// The values of an attribute of an endpoint or a user.
    pub(super) fn values<'t>(
        &mut self,
        field: Limited,
        values: impl Iterator<Item = &'t str>,
    ) -> Vec<Box<str>> {
        let mut kept = Vec::new();
        for value in values {
            if kept.len() == MOST_VALUES {
                self.leave_out(field);
            } else if let Some(text) = self.text(field, value) {
                kept.push(text.into());
            }
        }
        kept
    }

    /// A code of ISO 3166-1, in capitals; a country's name is none.
    pub(super) fn country(&mut self, text: &str) -> Option<Box<str>> {
        let is_code = matches!(text.len(), 2 | 3) && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !is_code {
            self.leave_out(Limited::Country);
        }
        is_code.then(|| text.to_ascii_uppercase().into())
    }

    /// Latitude and longitude: both of them, and on earth.
    pub(super) fn coordinates(
        &mut self,
        latitude: Option<f64>,
        longitude: Option<f64>,
    ) -> Option<(f64, f64)> {
        let pair = latitude.zip(longitude).filter(|(latitude, longitude)| {
            // The ranges are false for NaN too.
            (-90.0..=90.0).contains(latitude) && (-180.0..=180.0).contains(longitude)
        });
        if pair.is_none() && (latitude.is_some() || longitude.is_some()) {
            self.leave_out(Limited::Coordinates);
        }
        pair
    }

    /// A number that JSON has.
    pub(super) fn metric(&mut self, text: &str) -> Option<f64> {
        let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
        if number.is_none() {
            self.leave_out(Limited::EventMetrics);
        }
        number
    }

    /// An address that its channel can reach by its form: an e-mail address, or a number in E.164, out of
    /// which the signs that people write between digits are taken.
    pub(super) fn address(&mut self, channel: Channel, text: &str) -> Option<Box<str>> {
        let text = text.trim();
        let address = match channel {
            Channel::Email => is_email(text).then(|| text.into()),
            Channel::Sms | Channel::Voice => e164(text),
        };
        if address.is_none() {
            self.leave_out(Limited::Address);
        }
        address
    }

    /// Makes an endpoint as small as it must be: attributes of the endpoint go first, then those of the
    /// user, the last by name before the others. What stays then is always small enough.
    pub(super) fn fit(&mut self, endpoint: &mut Endpoint) {
        if endpoint.attributes.is_empty() && endpoint.user_attributes.is_empty() {
            return;
        }
        let mut size = endpoint.size();
        while size > Endpoint::LARGEST {
            let (attributes, field) = if endpoint.attributes.is_empty() {
                (&mut endpoint.user_attributes, Limited::UserAttributes)
            } else {
                (&mut endpoint.attributes, Limited::Attributes)
            };
            let Some((key, values)) = attributes.pop_last() else { return };
            size -= Endpoint::attribute_size(&key, &values);
            self.leave_out(field);
        }
    }

    fn leave_out(&mut self, field: Limited) {
        self.left_out[field as usize] += 1;
    }
}

fn is_email(text: &str) -> bool {
    if text.len() > LONGEST_ADDRESS {
        return false;
    }
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let legal = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | '@');
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    (1..=64).contains(&local.len())
        && local.chars().all(legal)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

fn e164(text: &str) -> Option<Box<str>> {
    let national = text.strip_prefix('+')?;
    let mut number = String::from("+");
    for c in national.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')) {
        // Sixteen signs are too many, whatever comes after.
        if !c.is_ascii_digit() || number.len() == 16 {
            return None;
        }
        number.write_char(c).ok()?;
    }
    ((8..=16).contains(&number.len()) && !number.starts_with("+0")).then(|| number.into())
}

#[cfg(test)]
mod tests;
