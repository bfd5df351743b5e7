//! A JSON value as a tree, which all formats read from.
//!
//! Knows nothing of formats. All values are in one list, in the order in which they are written, so a tree
//! takes a single allocation, whatever its size. Texts without escapes are borrowed from the record. If a key
//! occurs twice, the last value counts.

use std::{borrow::Cow, iter};

use crate::core::{
    decode::{Wanted, decimal::decimal, scalar::Scalar, time::time},
    identity::reason::Refused,
    time::Timestamp,
};

mod parse;

pub(super) use parse::{MOST_VALUES, parse, parse_record, parse_within};

/// A JSON value with everything in it.
#[derive(Clone, Default)]
pub(super) struct Tree<'a> {
    slots: Vec<Slot<'a>>,
    /// The texts that had escapes.
    escaped: Vec<String>,
    /// The optional parts to read. They are stored in the tree, so that formats need not pass them on.
    pub(super) wanted: Wanted,
    /// Whether values that were nested too deeply were left out.
    pub(super) is_cut: bool,
}

/// A value, or a key, which precedes its value. The content of a list or an object follows it, up to `end`.
#[derive(Clone, Copy)]
enum Slot<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(&'a str),
    /// A text with escapes, by its index in `Tree::escaped`.
    Escaped(usize),
    List {
        end: usize,
    },
    Object {
        end: usize,
    },
}

/// A value in a tree.
#[derive(Clone, Copy, Default)]
pub(super) enum Node<'t, 'a> {
    /// Absent, or `null`.
    #[default]
    Null,
    Bool(bool),
    Integer(i64),
    /// A number with a fraction or an exponent, or one that is too large for 64 bits.
    Float(f64),
    /// A text without escapes, borrowed from the record. May be empty.
    Text(&'a str),
    /// A text with escapes.
    Escaped(&'t str),
    List(List<'t, 'a>),
    Object(Object<'t, 'a>),
}

#[derive(Clone, Copy)]
pub(super) struct List<'t, 'a>(Within<'t, 'a>);

/// An object: its keys and values, in order.
#[derive(Clone, Copy)]
pub(super) struct Object<'t, 'a>(Within<'t, 'a>);

/// The slots from `at` up to `end`.
#[derive(Clone, Copy)]
struct Within<'t, 'a> {
    tree: &'t Tree<'a>,
    at: usize,
    end: usize,
}

impl<'a> Tree<'a> {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, ..Self::default() }
    }

    pub(super) fn root(&self) -> Node<'_, 'a> {
        self.node(0)
    }

    /// The value at a place that [`Object::find`] or [`List::places`] returned.
    #[inline]
    pub(super) fn node(&self, at: usize) -> Node<'_, 'a> {
        let within = |end| Within { tree: self, at: at + 1, end };
        match self.slots.get(at) {
            None | Some(Slot::Null) => Node::Null,
            Some(Slot::Bool(flag)) => Node::Bool(*flag),
            Some(Slot::Integer(number)) => Node::Integer(*number),
            Some(Slot::Float(number)) => Node::Float(*number),
            Some(Slot::Text(text)) => Node::Text(text),
            Some(Slot::Escaped(index)) => Node::Escaped(&self.escaped[*index]),
            Some(Slot::List { end }) => Node::List(List(within(*end))),
            Some(Slot::Object { end }) => Node::Object(Object(within(*end))),
        }
    }

    /// Makes the texts owned, for a tree that outlives the text that it was read from.
    pub(super) fn into_owned<'b>(mut self) -> Tree<'b> {
        let escaped = &mut self.escaped;
        let slots = self.slots.into_iter().map(|slot| match slot {
            Slot::Text(text) => {
                escaped.push(text.to_owned());
                Slot::Escaped(escaped.len() - 1)
            }
            slot => slot.elsewhere(),
        });
        Tree { slots: slots.collect(), escaped: self.escaped, wanted: self.wanted, is_cut: self.is_cut }
    }

    /// Copies the value at this place into a tree of its own.
    pub(super) fn part(&self, at: usize) -> Self {
        let mut part = Self { wanted: self.wanted, is_cut: self.is_cut, ..Self::default() };
        for slot in &self.slots[at..self.after(at)] {
            let slot = match *slot {
                Slot::List { end } => Slot::List { end: end - at },
                Slot::Object { end } => Slot::Object { end: end - at },
                Slot::Escaped(index) => part.escape(self.escaped[index].clone()),
                slot => slot,
            };
            part.slots.push(slot);
        }
        part
    }

    /// Renames the keys of the outermost object for which `name` returns another name.
    pub(super) fn rename(&mut self, name: impl Fn(&str) -> Option<String>) {
        let mut at = 1;
        while matches!(self.slots.first(), Some(Slot::Object { .. })) && at < self.slots.len() {
            if let Some(renamed) = name(self.node(at).str()) {
                self.slots[at] = self.escape(renamed);
            }
            at = self.after(at + 1);
        }
    }

    pub(super) fn push(&mut self, scalar: Node<'_, 'a>) {
        let slot = match scalar {
            Node::Bool(flag) => Slot::Bool(flag),
            Node::Integer(number) => Slot::Integer(number),
            Node::Float(number) => Slot::Float(number),
            Node::Text(text) => Slot::Text(text),
            Node::Escaped(text) => self.escape(text.to_owned()),
            Node::Null | Node::List(_) | Node::Object(_) => Slot::Null,
        };
        self.slots.push(slot);
    }

    /// Begins a list or an object. Everything that is pushed until it is closed is part of it.
    pub(super) fn open(&mut self) -> usize {
        self.slots.push(Slot::Null);
        self.slots.len() - 1
    }

    pub(super) fn close_list(&mut self, at: usize) {
        self.slots[at] = Slot::List { end: self.slots.len() };
    }

    /// Closes an object. The pushed values must have been keys, each followed by its value.
    pub(super) fn close_object(&mut self, at: usize) {
        self.slots[at] = Slot::Object { end: self.slots.len() };
    }

    /// The text of a key.
    #[inline]
    fn key<'t>(&'t self, slot: &Slot<'a>) -> &'t str {
        match slot {
            Slot::Text(text) => text,
            Slot::Escaped(index) => &self.escaped[*index],
            _ => "",
        }
    }

    fn escape(&mut self, text: String) -> Slot<'a> {
        self.escaped.push(text);
        Slot::Escaped(self.escaped.len() - 1)
    }

    /// The place after the value at this one.
    fn after(&self, at: usize) -> usize {
        match self.slots[at] {
            Slot::List { end } | Slot::Object { end } => end,
            _ => at + 1,
        }
    }
}

impl Slot<'_> {
    /// Changes the lifetime of a slot without a borrowed text; a text becomes `null`.
    fn elsewhere<'b>(self) -> Slot<'b> {
        match self {
            Self::Null | Self::Text(_) => Slot::Null,
            Self::Bool(flag) => Slot::Bool(flag),
            Self::Integer(number) => Slot::Integer(number),
            Self::Float(number) => Slot::Float(number),
            Self::Escaped(index) => Slot::Escaped(index),
            Self::List { end } => Slot::List { end },
            Self::Object { end } => Slot::Object { end },
        }
    }
}

impl<'t, 'a> Node<'t, 'a> {
    /// The value at the end of `path`, whose steps are keys of objects; null if there is none.
    pub(super) fn at(self, path: &[&str]) -> Self {
        path.iter().fold(self, |node, key| node.get(key))
    }

    /// The value of a key; null if there is none or this is not an object.
    pub(super) fn get(self, key: &str) -> Self {
        self.get_by(|name| name == key)
    }

    /// The value of the last key for which `is_it` returns true; null if there is none.
    #[inline]
    pub(super) fn get_by(self, is_it: impl Fn(&str) -> bool) -> Self {
        let Self::Object(object) = self else { return Self::Null };
        object.find_by(is_it).map_or(Self::Null, |at| object.0.tree.node(at))
    }

    /// The keys, which are texts, and the values of an object; empty for any other value.
    pub(super) fn entries(self) -> impl Iterator<Item = (Self, Self)> {
        let object = if let Self::Object(object) = self { Some(object) } else { None };
        let entries = object.into_iter().flat_map(|object| object.keys().map(move |(_, at)| (object, at)));
        entries.map(|(object, at)| (object.node(at - 1), object.node(at)))
    }

    /// The elements of an array; empty for any other value.
    pub(super) fn list(self) -> impl Iterator<Item = Self> {
        let mut within = if let Self::List(list) = self { Some(list.0) } else { None };
        iter::from_fn(move || within.as_mut()?.next())
    }

    /// The first element of an array; `None` for any other value.
    pub(super) fn first(self) -> Option<Self> {
        self.list().next()
    }

    pub(super) fn is_some(self) -> bool {
        !matches!(self, Self::Null)
    }

    pub(super) fn is_object(self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// Whether there is a value here other than the texts that stand for `null`.
    #[inline]
    pub(super) fn is_stated(self) -> bool {
        match self {
            Self::Null => false,
            Self::Text(_) | Self::Escaped(_) => !is_placeholder(self.str()),
            _ => true,
        }
    }

    /// The text as written, for comparisons; empty if this is not a text.
    pub(super) fn str(self) -> &'t str {
        #[expect(clippy::match_same_arms, reason = "their lifetimes differ")]
        match self {
            Self::Text(text) => text,
            Self::Escaped(text) => text,
            _ => "",
        }
    }

    /// The text, unless it stands for `null`; `None` if this is not a text.
    pub(super) fn word(self) -> Option<&'t str> {
        Some(self.str()).filter(|text| !is_placeholder(text))
    }

    /// The text as written, to be kept; empty if this is not a text.
    #[inline]
    pub(super) fn written(self) -> Cow<'a, str> {
        if let Self::Text(text) = self { text.into() } else { self.str().to_owned().into() }
    }

    /// The text, or the digits of a whole number; `None` for texts that stand for `null` and for other
    /// values.
    #[inline]
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(_) | Self::Escaped(_) if self.is_stated() => Some(self.written()),
            Self::Integer(number) => Some(number.to_string().into()),
            _ => None,
        }
    }

    /// Like [`Node::text`], for a field that an event depends on: a value of another type does not count as
    /// absent.
    ///
    /// # Errors
    ///
    /// If there is a value that is neither a text nor a whole number.
    #[inline]
    pub(super) fn id(self) -> Result<Option<Cow<'a, str>>, Refused> {
        match self {
            Self::Bool(_) | Self::Float(_) | Self::List(_) | Self::Object(_) => Err(Refused::FieldNotText),
            node => Ok(node.text()),
        }
    }

    /// The number, which may also be written as text or as a decimal of Kafka Connect.
    pub(super) fn number(self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "what is read so are degrees and small numbers")]
            Self::Integer(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            Self::Text(_) | Self::Escaped(_) => self.str().parse().ok(),
            Self::Object(_) => self.decimal(),
            _ => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    /// The number of a decimal that has its own scale, see [`decimal`].
    fn decimal(self) -> Option<f64> {
        let Self::Integer(scale) = self.get("scale") else { return None };
        decimal(self.get("value").str(), i32::try_from(scale).ok()?)
    }

    pub(super) fn flag(self) -> Option<bool> {
        if let Self::Bool(flag) = self { Some(flag) } else { None }
    }

    /// The time, see [`time`].
    pub(super) fn time(self) -> Option<Timestamp> {
        match self {
            Self::Object(_) => time(&Scalar::Float(self.decimal()?)),
            node => time(&node.scalar()),
        }
    }

    /// The time, for a field whose text may be a decimal of milliseconds, see [`decimal`]. Texts for
    /// smaller numbers are not read, because most ordinary words are valid base64 too.
    pub(super) fn decimal_time(self) -> Option<Timestamp> {
        let milliseconds = decimal(self.str(), 0).filter(|number| (1e11..1e14).contains(number))?;
        time(&Scalar::Float(milliseconds))
    }

    /// The value, unless it is an array or object.
    pub(super) fn scalar(self) -> Scalar<'a> {
        match self {
            Self::Text(_) | Self::Escaped(_) if self.is_stated() => Scalar::Text(self.written()),
            Self::Null | Self::Text(_) | Self::Escaped(_) => Scalar::Null,
            Self::Integer(number) => Scalar::Integer(number),
            Self::Float(number) => Scalar::Float(number),
            Self::Bool(_) | Self::List(_) | Self::Object(_) => Scalar::Other,
        }
    }

    /// This object, or the one in this text; null for any other value. The tree of the text is stored in
    /// `held`, which keeps its `wanted`.
    #[inline]
    pub(super) fn object(self, held: &'t mut Tree<'a>) -> Self {
        match self {
            Self::Object(_) => self,
            Self::Text(_) | Self::Escaped(_) => {
                let Some(tree) = self.held() else { return Self::Null };
                *held = Tree { wanted: held.wanted, ..tree };
                held.root()
            }
            _ => Self::Null,
        }
    }

    /// Parses the object in this text.
    pub(super) fn held(self) -> Option<Tree<'a>> {
        self.parsed().filter(|tree| tree.root().is_object())
    }

    /// Parses the JSON in this text.
    pub(super) fn parsed(self) -> Option<Tree<'a>> {
        let text = Some(self.str()).filter(|text| !text.is_empty())?;
        parse(text.as_bytes()).ok().map(Tree::into_owned)
    }

    /// Whether attributes that have no field in an identity event are wanted.
    pub(super) fn wants_attributes(self) -> bool {
        matches!(self, Self::Object(object) if object.0.tree.wanted.attributes)
    }
}

impl<'t, 'a> List<'t, 'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.at == self.0.end
    }

    pub(super) fn first(self) -> Option<Node<'t, 'a>> {
        self.iter().next()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Node<'t, 'a>> {
        Node::List(self).list()
    }

    /// The places of the elements.
    pub(super) fn places(self) -> impl Iterator<Item = usize> {
        let Within { tree, at, end } = self.0;
        let next = move |at: &usize| Some(tree.after(*at)).filter(|next| *next < end);
        iter::successors(Some(at).filter(|at| *at < end), next)
    }
}

impl<'t, 'a> Object<'t, 'a> {
    /// The optional parts that are wanted of its tree.
    pub(super) fn wanted(self) -> Wanted {
        self.0.tree.wanted
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.at == self.0.end
    }

    /// The keys, each with the place of its value. The key itself is right before that place.
    #[inline]
    pub(super) fn keys(self) -> impl Iterator<Item = (&'t str, usize)> {
        let Within { tree, mut at, end } = self.0;
        let slots = &tree.slots[..end];
        iter::from_fn(move || {
            let [key, value] = slots.get(at..at + 2)? else { return None };
            let place = at + 1;
            at = match value {
                Slot::List { end } | Slot::Object { end } => *end,
                _ => at + 2,
            };
            Some((tree.key(key), place))
        })
    }

    /// The value at a place within this object.
    #[inline]
    pub(super) fn node(self, at: usize) -> Node<'t, 'a> {
        self.0.tree.node(at)
    }

    /// The place of the value of a key.
    pub(super) fn find(self, key: &str) -> Option<usize> {
        self.find_by(|name| name == key)
    }

    /// The place of the value of the last key for which `is_it` returns true.
    #[inline]
    pub(super) fn find_by(self, is_it: impl Fn(&str) -> bool) -> Option<usize> {
        let mut found = None;
        for (key, at) in self.keys() {
            if is_it(key) {
                found = Some(at);
            }
        }
        found
    }
}

impl<'t, 'a> Within<'t, 'a> {
    #[inline]
    fn next(&mut self) -> Option<Node<'t, 'a>> {
        if self.at >= self.end {
            return None;
        }
        let node = self.tree.node(self.at);
        self.at = match node {
            Node::List(List(within)) | Node::Object(Object(within)) => within.end,
            _ => self.at + 1,
        };
        Some(node)
    }
}

/// Whether publishers write this text if there is no value, as Entra and many templates do.
#[inline]
fn is_placeholder(text: &str) -> bool {
    // Most texts are longer than all of these.
    text.len() <= 9 && matches!(text, "" | "null" | "-" | "<null>" | "(null)" | "undefined")
}

/// The text of the first of `nodes` that has one.
#[inline]
pub(super) fn first<'t, 'a: 't>(nodes: impl IntoIterator<Item = Node<'t, 'a>>) -> Option<Cow<'a, str>> {
    nodes.into_iter().find_map(Node::text)
}

/// Like [`first`], for a field that an event depends on, see [`Node::id`].
///
/// # Errors
///
/// If no node has a text, and one has a value of another type.
#[inline]
pub(super) fn first_id<'t, 'a: 't>(
    nodes: impl IntoIterator<Item = Node<'t, 'a>>,
) -> Result<Option<Cow<'a, str>>, Refused> {
    let mut wrong = Ok(None);
    for node in nodes {
        match node.id() {
            Ok(None) => {}
            Ok(text) => return Ok(text),
            Err(reason) => wrong = Err(reason),
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, path: &[&str], expected: Option<&str>) {
        assert_eq!(parse(value.as_bytes()).ok().unwrap().root().at(path).text().as_deref(), expected);
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
        check(r#"{"x":[{"a":1},[2]],"y":{"a":{}},"a":"c"}"#, &["a"], Some("c"));
    }

    #[test]
    fn a_number_is_a_text_or_a_decimal_too() {
        let check = |value: &str, expected: Option<f64>| {
            let number = parse(value.as_bytes()).ok().unwrap().root().number();
            assert_eq!(number.map(f64::to_bits), expected.map(f64::to_bits), "{value}");
        };
        check("17", Some(17.0));
        check(r#""52.45""#, Some(52.45));
        check(r#"{"scale":2,"value":"FH0="}"#, Some(52.45));
        check(r#"{"value":"FH0="}"#, None);
        check(r#"{"scale":2.5,"value":"FH0="}"#, None);
        check(r#"{"scale":2,"value":17}"#, None);
        check(r#""FH0=""#, None);
        check("[17]", None);
    }

    #[test]
    fn a_part_is_the_same_in_a_tree_of_its_own() {
        let value = r#"{"x":[1,"\n"],"a":{"B":["b","\t",{"C":[]}],"c":"d"},"z":2}"#;
        let tree = parse(value.as_bytes()).ok().unwrap();
        let Node::Object(outermost) = tree.root() else { panic!("an object") };
        let mut part = tree.part(outermost.find("a").unwrap());
        part.rename(|key| Some(key.to_lowercase()).filter(|small| small != key));
        let part = part.into_owned();
        let list = part.root().get("b");
        assert_eq!(list.list().map(Node::str).collect::<Vec<_>>(), ["b", "\t", ""]);
        assert!(list.list().nth(2).unwrap().get("C").first().is_none());
        assert_eq!(part.root().get("c").str(), "d");
        assert_eq!(part.root().entries().count(), 2);
    }
}
