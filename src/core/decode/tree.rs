//! A JSON value as a tree, for the formats that look deep into it: bounded in depth and in parts.
//!
//! Knows nothing of formats. Texts without escapes are borrowed from the record. Of a key that occurs twice
//! the last value counts. Nothing in here recurses deeper than [`DEEPEST`].

use std::{borrow::Cow, cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::core::{
    decode::{
        json::{Keys, Scalar, Slot},
        time::time,
    },
    identity::reason::Refused,
    time::Timestamp,
};

/// How many values a record may have within it, and what is opened of it: several times those of the largest batch that any
/// provider writes, and some 10 MB of memory.
pub(super) const MOST_NODES: u32 = 100_000;

/// How deep a value may lie.
const DEEPEST: u32 = 64;

/// A JSON value.
#[derive(Clone, Default)]
pub(super) enum Node<'a> {
    /// Absent, or `null`.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text, perhaps empty.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Node<'a>>),
    /// An object: its keys in their order.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// Reads any JSON value.
///
/// # Errors
///
/// The value is no JSON, or too large a tree.
pub(super) fn parse(value: &[u8]) -> Result<Node<'_>, Refused> {
    parse_within(value, &mut { MOST_NODES })
}

/// The same of a part of a record, of whose values so many are left.
///
/// # Errors
///
/// As of [`parse`].
pub(super) fn parse_within<'a>(value: &'a [u8], left: &mut u32) -> Result<Node<'a>, Refused> {
    let text = str::from_utf8(value).map_err(|_| Refused::NotJson)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let rest = Cell::new(*left);
    let node = Part { left: &rest, depth: DEEPEST }.deserialize(&mut json);
    let node = node.and_then(|node| json.end().map(|()| node));
    *left = rest.get();
    // The text of the error is dropped: it may quote the record.
    node.map_err(|error| if error.is_data() { Refused::TooLarge } else { Refused::NotJson })
}

impl<'a> Node<'a> {
    /// What lies at the end of `path`, each step a key of an object; null where nothing does.
    pub(super) fn at(&self, path: &[&str]) -> &Self {
        path.iter().fold(self, |node, key| node.get(key))
    }

    /// The value of a key; null where there is none or this is no object.
    pub(super) fn get(&self, key: &str) -> &Self {
        let found = self.entries().iter().rev().find(|(name, _)| name == key);
        found.map_or(&Self::Null, |(_, node)| node)
    }

    /// The keys and values of an object; nothing of anything else.
    pub(super) fn entries(&self) -> &[(Cow<'a, str>, Self)] {
        if let Self::Object(entries) = self { entries } else { &[] }
    }

    /// The parts of an array; nothing of anything else.
    pub(super) fn list(&self) -> &[Self] {
        if let Self::List(list) = self { list } else { &[] }
    }

    /// Whether there is a value here.
    pub(super) fn is_some(&self) -> bool {
        !matches!(self, Self::Null)
    }

    /// Whether this is an object.
    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The text as it is written, to be compared with; empty where this is none.
    pub(super) fn str(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    /// The text, or the digits of a whole number; none of `""`, `"null"` and anything else.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        self.scalar().take_text()
    }

    /// The same for a field that an event stands on: that it has another type is not taken for absence.
    ///
    /// # Errors
    ///
    /// There is a value, and it is neither text nor a whole number.
    pub(super) fn id(&self) -> Result<Option<Cow<'a, str>>, Refused> {
        match self.scalar() {
            Scalar::Float(_) | Scalar::Other => Err(Refused::FieldNotText),
            mut scalar => Ok(scalar.take_text()),
        }
    }

    /// The number, also one that is written as text.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "what is read so are degrees and small numbers")]
            Self::Integer(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    /// The truth value.
    pub(super) fn flag(&self) -> Option<bool> {
        if let Self::Bool(flag) = self { Some(*flag) } else { None }
    }

    /// The time, see [`time`].
    pub(super) fn time(&self) -> Option<Timestamp> {
        time(&self.scalar())
    }

    /// Reads this object into `keys`, as `json::read` does an object's text.
    pub(super) fn fill(&self, keys: &mut dyn Keys<'a>) {
        for (key, node) in self.entries() {
            match keys.slot(key) {
                Slot::Unread | Slot::Foreign => {}
                Slot::Value(value) => *value = node.scalar(),
                Slot::Object(keys) => {
                    keys.clear();
                    match node {
                        Self::Text(text) => {
                            if let Ok(inner) = parse(text.as_bytes()) {
                                inner.into_owned().fill(keys);
                            }
                        }
                        node => node.fill(keys),
                    }
                }
            }
        }
    }

    /// The same tree with texts of its own: what was read from a text that will not stay.
    pub(super) fn into_owned<'b>(self) -> Node<'b> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Node::Null,
            Self::Bool(flag) => Node::Bool(flag),
            Self::Integer(number) => Node::Integer(number),
            Self::Float(number) => Node::Float(number),
            Self::Text(text) => Node::Text(owned(text)),
            Self::List(list) => Node::List(list.into_iter().map(Node::into_owned).collect()),
            Self::Object(entries) => {
                Node::Object(entries.into_iter().map(|(key, node)| (owned(key), node.into_owned())).collect())
            }
        }
    }

    /// The value, unless it has parts.
    pub(super) fn scalar(&self) -> Scalar<'a> {
        match self {
            Self::Null => Scalar::Null,
            Self::Text(text) if text.is_empty() || text == "null" => Scalar::Null,
            Self::Text(text) => Scalar::Text(text.clone()),
            Self::Integer(number) => Scalar::Integer(*number),
            Self::Float(number) => Scalar::Float(*number),
            Self::Bool(_) | Self::List(_) | Self::Object(_) => Scalar::Other,
        }
    }
}

/// The first of `nodes` that has a text.
pub(super) fn first<'a>(nodes: &[&Node<'a>]) -> Option<Cow<'a, str>> {
    nodes.iter().find_map(|node| node.text())
}

/// The same for a field that an event stands on, see [`Node::id`].
///
/// # Errors
///
/// None has a text, and one has something else.
pub(super) fn first_id<'a>(nodes: &[&Node<'a>]) -> Result<Option<Cow<'a, str>>, Refused> {
    match first(nodes) {
        None => nodes.iter().try_for_each(|node| node.id().map(drop)).map(|()| None),
        text => Ok(text),
    }
}

/// One value on its way into the tree, with what is left of the bounds.
#[derive(Clone, Copy)]
struct Part<'c> {
    left: &'c Cell<u32>,
    depth: u32,
}

impl Part<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { depth, ..self })
    }
}

impl<'a> DeserializeSeed<'a> for Part<'_> {
    type Value = Node<'a>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Node<'a>, D::Error> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| Error::custom("too many"))?;
        self.left.set(left);
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Part<'_> {
    type Value = Node<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Node<'a>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node<'a>, E> {
        Ok(Node::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node<'a>, E> {
        Ok(Node::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node<'a>, E> {
        #[expect(clippy::cast_precision_loss, reason = "no event has such a number")]
        Ok(i64::try_from(number).map_or(Node::Float(number as f64), Node::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node<'a>, E> {
        Ok(Node::Float(number))
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Node<'a>, E> {
        Ok(Node::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'a>, E> {
        Ok(Node::Text(text.to_owned().into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node<'a>, E> {
        Ok(Node::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Node<'a>, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(node) = seq.next_element_seed(inner)? {
            list.push(node);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Node<'a>, A::Error> {
        let inner = self.inner()?;
        let mut entries = Vec::new();
        while let Some(Key(key)) = map.next_key_seed(Key(Cow::Borrowed("")))? {
            entries.push((key, map.next_value_seed(inner)?));
        }
        Ok(Node::Object(entries))
    }
}

/// A key of an object, borrowed where it can be.
struct Key<'a>(Cow<'a, str>);

impl<'a> DeserializeSeed<'a> for Key<'_> {
    type Value = Key<'a>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Key<'a>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key<'_> {
    type Value = Key<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Key<'a>, E> {
        Ok(Key(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Key<'a>, E> {
        Ok(Key(text.to_owned().into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Key<'a>, E> {
        Ok(Key(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, path: &[&str], expected: Option<&str>) {
        assert_eq!(parse(value.as_bytes()).ok().unwrap().at(path).text().as_deref(), expected);
    }

    #[test]
    fn a_path_leads_to_a_text() {
        check(r#"{"a":{"b":"c"}}"#, &["a", "b"], Some("c"));
        check(r#"{"a":{"b":17}}"#, &["a", "b"], Some("17"));
        check(r#"{"a":{"b":"c"}}"#, &["a", "x"], None);
        check(r#"{"a":["b"]}"#, &["a", "b"], None);
        check(r#"{"a":1,"a":2}"#, &["a"], Some("2"));
        check(r#"{"a":""}"#, &["a"], None);
        check(r#"{"a":"null"}"#, &["a"], None);
        check(r#"{"\u0061":"\u00fc"}"#, &["a"], Some("ü"));
    }

    #[track_caller]
    fn refused(value: &str, expected: Refused) {
        assert_eq!(parse(value.as_bytes()).err(), Some(expected));
    }

    #[test]
    fn a_tree_has_bounds() {
        refused("{", Refused::NotJson);
        refused("{} {}", Refused::NotJson);
        refused(&"[".repeat(1_000_000), Refused::TooLarge);
        refused(&format!("[{}0]", "0,".repeat(MOST_NODES as usize)), Refused::TooLarge);
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(deep(DEEPEST as usize).as_bytes()).is_ok());
        refused(&deep(DEEPEST as usize + 1), Refused::TooLarge);
    }
}
