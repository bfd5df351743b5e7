//! Parses JSON into a tree, with bounds on the depth and the number of values.
//!
//! Knows nothing of the meaning of the values. `sonic-rs` is the fastest of the parsers that can pass on
//! values one by one. `serde_json` parses the few objects with values that are nested too deeply, because it
//! skips these without recursion. Nothing here recurses deeper than [`DEEPEST`].

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::core::{
    decode::tree::{Slot, Tree},
    identity::reason::Refused,
};

/// The maximum number of values in a record, including its opened envelopes: several times the largest batch
/// of any provider, and about 5 MB of memory.
pub(in crate::core::decode) const MOST_VALUES: u32 = 100_000;

/// The maximum nesting depth of a value.
const DEEPEST: u32 = 64;

/// The approximate number of a record's bytes per slot of its tree.
const BYTES_PER_SLOT: usize = 14;

/// Parses any JSON value.
///
/// # Errors
///
/// If the value is not JSON, or its tree would be too large.
pub(in crate::core::decode) fn parse(value: &[u8]) -> Result<Tree<'_>, Refused> {
    parse_within(value, &mut { MOST_VALUES })
}

/// Parses a part of a record, which may have `left` more values.
///
/// # Errors
///
/// If the value is not JSON, or its tree would be too large.
pub(in crate::core::decode) fn parse_within<'a>(
    value: &'a [u8],
    left: &mut u32,
) -> Result<Tree<'a>, Refused> {
    let text = text_of(value)?;
    // Half of a surrogate pair becomes U+FFFD, because the grammar of JSON allows it (RFC 8259, section 8.2).
    let mut json = sonic_rs::Deserializer::from_str(text).utf8_lossy();
    let mut builder = TreeBuilder::of(text, *left, TooDeep::Refused);
    let read = Onto(&mut builder).deserialize(&mut json).is_ok() && json.end().is_ok();
    *left = builder.left;
    builder.tree(read)
}

/// Parses a whole record. Values in an object that are nested too deeply are left out.
///
/// # Errors
///
/// If the value is not JSON, or its tree would be too large.
pub(in crate::core::decode) fn parse_record(value: &[u8]) -> Result<Tree<'_>, Refused> {
    match parse(value) {
        Err(Refused::TooLarge) if value.trim_ascii_start().starts_with(b"{") => {
            let text = text_of(value)?;
            let mut json = serde_json::Deserializer::from_str(text);
            let mut builder = TreeBuilder::of(text, MOST_VALUES, TooDeep::LeftOut);
            let read = Onto(&mut builder).deserialize(&mut json).is_ok() && json.end().is_ok();
            builder.tree(read)
        }
        Err(Refused::NotJson) if is_several(value) => Err(Refused::SeveralValues),
        parsed => parsed,
    }
}

/// Whether there are at least two objects or arrays, one after the other.
fn is_several(value: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(value).into_iter::<IgnoredAny>();
    let mut next = || {
        let begin = value.get(values.byte_offset()..).unwrap_or_default().trim_ascii_start();
        matches!(begin, [b'{' | b'[', ..]) && matches!(values.next(), Some(Ok(_)))
    };
    next() && next()
}

/// Validates everything at once, which is several times faster than text by text.
fn text_of(value: &[u8]) -> Result<&str, Refused> {
    simdutf8::basic::from_utf8(value).map_err(|_| Refused::NotJson)
}

/// A tree that is being built, and what is left of its bounds.
struct TreeBuilder<'a> {
    tree: Tree<'a>,
    left: u32,
    depth: u32,
    too_deep: TooDeep,
    is_too_large: bool,
}

/// How values that are nested too deeply are handled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TooDeep {
    Refused,
    LeftOut,
}

impl<'a> TreeBuilder<'a> {
    fn of(text: &str, left: u32, too_deep: TooDeep) -> Self {
        let slots = Vec::with_capacity(text.len() / BYTES_PER_SLOT + 4);
        let tree = Tree { slots, ..Tree::default() };
        Self { tree, left, depth: DEEPEST, too_deep, is_too_large: false }
    }

    fn tree(self, is_json: bool) -> Result<Tree<'a>, Refused> {
        match (is_json, self.is_too_large) {
            (true, _) => Ok(self.tree),
            (false, true) => Err(Refused::TooLarge),
            (false, false) => Err(Refused::NotJson),
        }
    }

    fn too_large<E: Error>(&mut self) -> E {
        self.is_too_large = true;
        E::custom("too large")
    }
}

/// Reads the next value straight into the tree that is being built. Returning it would take longer than
/// reading.
struct Onto<'s, 'a>(&'s mut TreeBuilder<'a>);

impl<'a> Onto<'_, 'a> {
    #[expect(clippy::unnecessary_wraps, reason = "each visit of a scalar ends with it")]
    #[inline]
    fn slot<E: Error>(self, slot: Slot<'a>) -> Result<(), E> {
        self.0.tree.slots.push(slot);
        Ok(())
    }
}

impl<'a> DeserializeSeed<'a> for Onto<'_, 'a> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        match self.0.left.checked_sub(1) {
            Some(left) => self.0.left = left,
            None => return Err(self.0.too_large()),
        }
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Onto<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.slot(Slot::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.slot(Slot::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.slot(Slot::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        #[expect(clippy::cast_precision_loss, reason = "no event has such a number")]
        self.slot(i64::try_from(number).map_or(Slot::Float(number as f64), Slot::Integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.slot(Slot::Float(number))
    }

    #[inline]
    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<(), E> {
        self.slot(Slot::Text(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let slot = self.0.tree.escape(text.to_owned());
        self.slot(slot)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self(builder) = self;
        if builder.depth == 0 {
            leave_out(builder)?;
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        builder.depth -= 1;
        let at = builder.tree.open();
        while seq.next_element_seed(Onto(builder))?.is_some() {}
        builder.tree.close_list(at);
        builder.depth += 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(builder) = self;
        if builder.depth == 0 {
            leave_out(builder)?;
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        builder.depth -= 1;
        let at = builder.tree.open();
        while map.next_key_seed(Key(&mut builder.tree))?.is_some() {
            map.next_value_seed(Onto(builder))?;
        }
        builder.tree.close_object(at);
        builder.depth += 1;
        Ok(())
    }
}

/// Puts an empty list in place of a value that is nested too deeply. Like that value, a list is not a text.
fn leave_out<E: Error>(builder: &mut TreeBuilder<'_>) -> Result<(), E> {
    if builder.too_deep == TooDeep::Refused {
        return Err(builder.too_large());
    }
    builder.tree.is_cut = true;
    let at = builder.tree.open();
    builder.tree.close_list(at);
    Ok(())
}

/// Reads the next key of an object.
struct Key<'s, 'a>(&'s mut Tree<'a>);

impl<'a> DeserializeSeed<'a> for Key<'_, 'a> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    #[inline]
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.0.slots.push(Slot::Text(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let slot = self.0.escape(text.to_owned());
        self.0.slots.push(slot);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decode::tree::Node;

    #[track_caller]
    fn refused(value: &str, expected: Refused) {
        assert_eq!(parse(value.as_bytes()).err(), Some(expected));
    }

    #[test]
    fn several_values_in_one_record_are_told_so() {
        let check = |value: &str, expected: Refused| {
            assert_eq!(parse_record(value.as_bytes()).err(), Some(expected), "{value}");
        };
        check("{\"a\":1}\n{\"a\":2}\n", Refused::SeveralValues);
        check("{}{}", Refused::SeveralValues);
        check("[1] [2] x", Refused::SeveralValues);
        check("{} x", Refused::NotJson);
        check("{} {", Refused::NotJson);
        check("17 18", Refused::NotJson);
        check("2026-11-22 21:20:28 {} {}", Refused::NotJson);
    }

    fn deep(depth: u32) -> String {
        let depth = depth as usize;
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn a_tree_has_bounds() {
        refused("{", Refused::NotJson);
        refused("{} {}", Refused::NotJson);
        refused(&"[".repeat(1_000_000), Refused::TooLarge);
        refused(&format!("[{}0]", "0,".repeat(MOST_VALUES as usize)), Refused::TooLarge);
        assert!(parse(deep(DEEPEST).as_bytes()).is_ok());
        refused(&deep(DEEPEST + 1), Refused::TooLarge);
    }

    #[test]
    fn what_lies_too_deep_in_an_object_is_left_out() {
        let value = format!(r#"{{"a":{},"b":"c"}}"#, deep(1_000_000));
        let tree = parse_record(value.as_bytes()).ok().unwrap();
        assert!(tree.is_cut);
        assert_eq!(tree.root().get("b").str(), "c");
        assert_eq!(parse_record(deep(DEEPEST + 1).as_bytes()).err(), Some(Refused::TooLarge));
        let unclosed = format!(r#"{{"a":{}"#, "[".repeat(1_000_000));
        assert_eq!(parse_record(unclosed.as_bytes()).err(), Some(Refused::NotJson));
    }

    /// Checks that parsing agrees with `serde_json` on what is JSON, and on its content.
    #[track_caller]
    fn compare(value: &[u8]) {
        let theirs = str::from_utf8(value).ok();
        let theirs = theirs.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let shown = String::from_utf8_lossy(value);
        match (parse(value), theirs) {
            (Ok(tree), Some(theirs)) => assert_eq!(json(tree.root()), theirs, "{shown}"),
            (Err(Refused::TooLarge), _) | (Err(_), None) => {}
            // Only ours reads half of a surrogate pair.
            (Ok(_), None) if shown.to_ascii_lowercase().contains(r"\ud") => {}
            (Ok(_), None) => panic!("only ours reads {shown}"),
            (Err(_), Some(_)) => panic!("only theirs reads {shown}"),
        }
    }

    fn json(node: Node<'_, '_>) -> serde_json::Value {
        match node {
            Node::Null => serde_json::Value::Null,
            Node::Bool(flag) => flag.into(),
            Node::Integer(number) => number.into(),
            Node::Float(number) => number.into(),
            Node::Text(_) | Node::Escaped(_) => node.str().into(),
            Node::List(list) => list.iter().map(json).collect(),
            Node::Object(_) => node.entries().map(|(key, node)| (key.str().to_owned(), json(node))).collect(),
        }
    }

    #[test]
    fn half_of_a_surrogate_pair_is_a_replacement_character() {
        let check = |value: &str, expected: &str| {
            assert_eq!(parse(value.as_bytes()).ok().unwrap().root().str(), expected, "{value}");
        };
        check(r#""\ud83d""#, "\u{fffd}");
        check(r#""a\ud83d b""#, "a\u{fffd} b");
        check(r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}");
        check(r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀");
        check(r#""\ud83d\n""#, "\u{fffd}\n");
        let tree = parse(br#"{"a":"\ud83d","b":["x\udc00"]}"#).ok().unwrap();
        assert_eq!(tree.root().get("a").str(), "\u{fffd}");
    }

    #[test]
    fn it_reads_what_serde_json_reads() {
        for value in [
            "0",
            "-0",
            "-1",
            "01",
            "1.",
            ".5",
            "1.5e3",
            "1e999",
            "-1e999",
            "1E-400",
            "9223372036854775807",
            "+1",
            "1e",
            "-",
            "--1",
            "1.5.5",
            "0x1",
            "NaN",
            "Infinity",
            "tru",
            "true",
            "nul",
            "null ",
            " \n\t\r1",
            "\u{c}1",
            "",
            " ",
            "\"",
            "\"a",
            r#""\x""#,
            r#""\u12""#,
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            r#""\ud83d\ude00""#,
            r#""\ud83dx""#,
            r#""\u0000""#,
            "\"\n\"",
            "\"\u{7f}\"",
            r#""\/\b\f\n\r\t\"\\""#,
            "[1,]",
            "[,1]",
            "[1 2]",
            "[",
            "]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "{1:1}",
            "{\"a\":}",
            "{\"a\":1 \"b\":2}",
            "{}x",
            "\u{feff}1",
            "[1]]",
            "'a'",
            "/**/1",
            "[1.0,1e0,-0.0,0e5]",
            "\"ü😀\"",
        ] {
            compare(value.as_bytes());
        }
    }

    #[test]
    fn it_reads_mutated_records_as_serde_json_does() {
        let samples: Vec<_> = include_str!("../../../../tests/data/keycloak-26.4.7.jsonl").lines().collect();
        let pieces = [
            "\"", "\\", "{", "}", "[", "]", ",", ":", "1e5", "-0", "null", "\\u00", "\\ud8", " ", "\u{1}",
            "ü",
        ];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let mut value = samples[random.usize(..samples.len())].as_bytes().to_vec();
            for _ in 0..random.u8(1..4) {
                let at = random.usize(..value.len());
                match random.u8(..4) {
                    0 => value[at] = random.u8(..),
                    1 => drop(value.splice(at..at, random.choice(pieces).unwrap_or_default().bytes())),
                    2 => drop(value.drain(at..value.len().min(at + random.usize(..30)))),
                    _ => value.truncate(at),
                }
                if value.is_empty() {
                    break;
                }
            }
            compare(&value);
        }
    }
}
