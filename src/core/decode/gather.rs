//! Gathers the optional parts of an event: attributes, details of the person, the place. Also makes copies of
//! what the events of one record share.
//!
//! Knows nothing of formats. Parts without a value are left out.

use std::borrow::Cow;

use smallvec::smallvec;

use crate::core::{
    decode::{
        EventResult, EventResults,
        tree::{List, Node},
    },
    identity::{
        Device, GeoLocation, IdentityEvent,
        reason::{Ignored, Refused},
    },
};

/// The details of a person: claims with their values.
pub(super) type Person<'a> = Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)>;

/// The maximum number of bytes that the copies of one record's shared texts may take: many times what any
/// provider's batch needs.
const MOST_COPIED: usize = 16 << 20;

/// Applies `read` to each record of a batch; an empty batch is ignored.
pub(super) fn batch<'a>(
    records: List<'_, 'a>,
    read: fn(Node<'_, 'a>) -> EventResult<'a>,
) -> EventResults<'a> {
    if records.is_empty() {
        smallvec![Err(Ignored::Empty.into())]
    } else {
        records.iter().map(read).collect()
    }
}

/// The text, unless it is `unknown`, which some providers write instead of null.
pub(super) fn known<'a>(node: Node<'_, 'a>) -> Option<Cow<'a, str>> {
    node.text().filter(|text| !text.eq_ignore_ascii_case("unknown"))
}

/// The attributes that have a value, if attributes are wanted. A value is a text, a number, a Boolean, or the
/// texts of a list, separated by commas.
pub(super) fn attributes<'a>(
    record: Node<'_, 'a>,
    named: &[(&'static str, Node<'_, 'a>)],
) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    if !record.wants_attributes() {
        return Vec::new();
    }
    named.iter().filter_map(|(name, node)| Some(((*name).into(), written(*node)?))).collect()
}

/// The details of the person that have a value.
pub(super) fn person<'a>(claims: &[(&'static str, Node<'_, 'a>)]) -> Person<'a> {
    claims.iter().filter_map(|(name, node)| Some(((*name).into(), vec![node.text()?]))).collect()
}

/// The place, if anything of it is known. The coordinates 0, 0 lie in the ocean and stand for unknown ones,
/// even if the country is known.
pub(super) fn place(mut place: GeoLocation<'_>) -> Option<Box<GeoLocation<'_>>> {
    let is_zero = |degrees: Option<f64>| degrees.is_some_and(|degrees| degrees.abs() < f64::EPSILON);
    if is_zero(place.latitude) && is_zero(place.longitude) {
        (place.latitude, place.longitude) = (None, None);
    }
    (place != GeoLocation::default()).then(|| Box::new(place))
}

/// The device, if anything of it is known.
pub(super) fn device(device: Device<'_>) -> Option<Box<Device<'_>>> {
    (device != Device::default()).then(|| Box::new(device))
}

/// Makes copies of what the events of one record share, within a limit. A text with escapes is copied byte by
/// byte, so a short record could otherwise take much memory: with one long id and thousands of sessions.
pub(super) struct Copies {
    left: usize,
}

impl Copies {
    pub(super) fn new() -> Self {
        Self { left: MOST_COPIED }
    }

    /// Returns a copy of `event`.
    ///
    /// # Errors
    ///
    /// If the record's copies together take more than [`MOST_COPIED`].
    pub(super) fn of<'a>(&mut self, event: &IdentityEvent<'a>) -> Result<IdentityEvent<'a>, Refused> {
        self.count(event)?;
        Ok(event.clone())
    }

    /// Counts `event`, which consists mostly of copies.
    ///
    /// # Errors
    ///
    /// As for [`Self::of`].
    pub(super) fn count(&mut self, event: &IdentityEvent<'_>) -> Result<(), Refused> {
        self.left = self.left.checked_sub(owned(event)).ok_or(Refused::TooLarge)?;
        Ok(())
    }
}

fn written<'a>(node: Node<'_, 'a>) -> Option<Cow<'a, str>> {
    match node {
        Node::Bool(flag) => Some(if flag { "true" } else { "false" }.into()),
        Node::List(list) => {
            let texts: Vec<_> = list.iter().filter_map(Node::text).collect();
            (!texts.is_empty()).then(|| texts.join(",").into())
        }
        node => node.text(),
    }
}

/// The number of bytes in texts that are not borrowed. Only the id of a device is ever shared, and nothing of
/// a place.
fn owned(event: &IdentityEvent<'_>) -> usize {
    let texts = [
        &event.id,
        &event.realm,
        &event.realm_name,
        &event.user,
        &event.user_name,
        &event.session,
        &event.client,
        &event.reason,
        &event.ip,
        &event.user_agent,
    ];
    let texts = texts.into_iter().flatten();
    let person = event.person.iter().flat_map(|(_, values)| values);
    let attributes = event.attributes.iter().map(|(_, value)| value);
    let device = event.device.iter().filter_map(|device| device.id.as_ref());
    let all = texts.chain(device).chain(person).chain(attributes);
    all.map(|text| if let Cow::Owned(text) = text { text.len() } else { 0 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        decode::{Wanted, tree::parse},
        identity::Kind,
    };

    #[track_caller]
    fn check(value: &str, expected: Option<&str>) {
        let value = format!(r#"{{"a":{value}}}"#);
        let mut tree = parse(value.as_bytes()).ok().unwrap();
        assert_eq!(attributes(tree.root(), &[("a", tree.root().get("a"))]), [], "nobody asked");
        tree.wanted = Wanted { attributes: true };
        let attributes = attributes(tree.root(), &[("a", tree.root().get("a"))]);
        assert_eq!(attributes.first().map(|(_, value)| &**value), expected);
    }

    #[test]
    fn an_attribute_has_a_value() {
        check(r#""x""#, Some("x"));
        check("17", Some("17"));
        check("false", Some("false"));
        check(r#"["pwd",2,{}]"#, Some("pwd,2"));
        check("[]", None);
        check("null", None);
        check("{}", None);
        check(r#""""#, None);
    }

    #[test]
    fn coordinates_of_zero_are_no_place() {
        let check = |latitude, longitude, is_kept| {
            let written = GeoLocation { latitude, longitude, ..GeoLocation::default() };
            assert_eq!(place(written.clone()).is_some(), is_kept);
            let found = place(GeoLocation { country: Some("DE".into()), ..written }).unwrap();
            assert_eq!((found.country.as_deref(), found.latitude.is_some()), (Some("DE"), is_kept));
        };
        check(Some(0.0), Some(0.0), false);
        check(Some(-0.0), Some(0.0), false);
        check(None, None, false);
        check(Some(5.6), Some(0.0), true);
        check(Some(0.0), Some(9.5), true);
    }

    #[test]
    fn copies_of_long_texts_end() {
        let mut event = IdentityEvent::new(Kind::Activity, "test");
        let mut copies = Copies::new();
        assert!((0..100_000).all(|_| copies.of(&event).is_ok()), "borrowed texts cost nothing");
        event.user = Some("u".repeat(MOST_COPIED / 2).into());
        assert!(copies.of(&event).is_ok());
        assert!(copies.of(&event).is_ok());
        assert!(copies.of(&event).is_err());
    }
}
