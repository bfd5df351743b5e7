//! Gathers what an event says beside what it stands on: attributes, what is said of the person, the place;
//! and hands out copies of what the events of one record share.
//!
//! Knows nothing of formats. What has no value is left out.

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

/// What is said of a person: claims, each with its values.
pub(super) type Person<'a> = Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)>;

/// How many bytes the copies of one record's shared texts may take: many times those of any batch that a
/// provider writes.
const MOST_COPIED: usize = 16 << 20;

/// What `read` makes of each record of a batch; a batch of none is ignored.
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

/// The text, unless it is the word `unknown`, which some providers write for null.
pub(super) fn known<'a>(node: Node<'_, 'a>) -> Option<Cow<'a, str>> {
    node.text().filter(|text| !text.eq_ignore_ascii_case("unknown"))
}

/// The attributes that have a value, if they are wanted of the record: a text, a number, a truth value, or
/// the texts of a list with commas between.
pub(super) fn attributes<'a>(
    record: Node<'_, 'a>,
    named: &[(&'static str, Node<'_, 'a>)],
) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    if !record.wants_attributes() {
        return Vec::new();
    }
    named.iter().filter_map(|(name, node)| Some(((*name).into(), written(*node)?))).collect()
}

/// What is said of the person, where something is.
pub(super) fn person<'a>(claims: &[(&'static str, Node<'_, 'a>)]) -> Person<'a> {
    claims.iter().filter_map(|(name, node)| Some(((*name).into(), vec![node.text()?]))).collect()
}

/// The place, where anything of it is known. The coordinates 0, 0 alone stand for an unknown place.
pub(super) fn place(mut place: GeoLocation<'_>) -> Option<Box<GeoLocation<'_>>> {
    let is_zero = |degrees: Option<f64>| degrees.is_some_and(|degrees| degrees.abs() < f64::EPSILON);
    if is_zero(place.latitude) && is_zero(place.longitude) {
        let named = GeoLocation { latitude: None, longitude: None, ..place.clone() };
        if named == GeoLocation::default() {
            place = named;
        }
    }
    (place != GeoLocation::default()).then(|| Box::new(place))
}

/// The device, where anything of it is known.
pub(super) fn device(device: Device<'_>) -> Option<Box<Device<'_>>> {
    (device != Device::default()).then(|| Box::new(device))
}

/// Copies of what the events of one record share. A text that had escapes is copied with its bytes, so that
/// few bytes could otherwise make many: a long id and thousands of sessions beside it.
pub(super) struct Copies {
    left: usize,
}

impl Copies {
    /// None taken yet.
    pub(super) fn new() -> Self {
        Self { left: MOST_COPIED }
    }

    /// A copy of `event`.
    ///
    /// # Errors
    ///
    /// The copies taken of the record's events are larger than any provider's.
    pub(super) fn of<'a>(&mut self, event: &IdentityEvent<'a>) -> Result<IdentityEvent<'a>, Refused> {
        self.count(event)?;
        Ok(event.clone())
    }

    /// Counts `event`, of which much was copied.
    ///
    /// # Errors
    ///
    /// As of [`Self::of`].
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

/// The bytes of the texts that are not borrowed. Of the device only the id is ever shared, of the place
/// nothing.
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
