//! Writes JSON text straight into bytes, or only counts it.
//!
//! Knows nothing of the contents. The same code writes and counts, so a counted length always equals the
//! written length.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

/// The output for JSON text.
pub(crate) trait Sink {
    /// Takes `text` unchanged, without escaping.
    fn raw(&mut self, text: &str);

    /// Takes `text`, and escapes what JSON forbids within a string.
    fn escaped(&mut self, text: &str);

    /// How many bytes it has taken.
    fn len(&self) -> usize;

    /// Discards all but the first `len` bytes.
    fn truncate(&mut self, len: usize);
}

impl Sink for Vec<u8> {
    fn raw(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        if is_plain(rest) {
            return self.extend_from_slice(rest);
        }
        while let Some(at) = rest.iter().position(|byte| escape(*byte).is_some()) {
            self.extend_from_slice(&rest[..at]);
            self.extend_from_slice(escape(rest[at]).unwrap_or_default().as_bytes());
            rest = &rest[at + 1..];
        }
        self.extend_from_slice(rest);
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}

/// Counts the bytes that would have been written.
#[derive(Default)]
pub(crate) struct Length(usize);

impl Sink for Length {
    fn raw(&mut self, text: &str) {
        self.0 += text.len();
    }

    fn escaped(&mut self, text: &str) {
        self.0 += text.len();
        if !is_plain(text.as_bytes()) {
            let added = |byte: &u8| escape(*byte).map_or(0, |escape| escape.len() - 1);
            self.0 += text.as_bytes().iter().map(added).sum::<usize>();
        }
    }

    fn len(&self) -> usize {
        self.0
    }

    fn truncate(&mut self, len: usize) {
        self.0 = len;
    }
}

/// The key of a value within an object.
#[derive(Clone, Copy)]
pub(crate) enum Key<'a> {
    /// A name from the code, which needs no escaping. Most keys are names, and checking them each time would
    /// take as long as the values.
    Name(&'static str),
    /// Any text, which may need escaping.
    Any(&'a str),
}

impl<'a> Key<'a> {
    /// A borrowed key is a name from the code; an owned one is any text.
    #[expect(clippy::ptr_arg, reason = "the variant shows where the key comes from")]
    pub(crate) fn of(key: &'a Cow<'static, str>) -> Self {
        match key {
            Cow::Borrowed(name) => (*name).into(),
            Cow::Owned(text) => Self::Any(text),
        }
    }
}

impl From<&'static str> for Key<'_> {
    fn from(name: &'static str) -> Self {
        debug_assert!(is_plain(name.as_bytes()), "a name that needs escaping");
        Self::Name(name)
    }
}

/// A JSON object that is being written.
pub(crate) struct Object<'a, S> {
    sink: &'a mut S,
    is_empty: bool,
}

impl<S: Sink> Object<'_, S> {
    /// Writes an object, whose members `fields` writes.
    pub(crate) fn write(sink: &mut S, fields: impl FnOnce(&mut Object<'_, S>)) {
        sink.raw("{");
        fields(&mut Object { sink, is_empty: true });
        sink.raw("}");
    }

    /// Writes an object as a member of this one.
    pub(crate) fn object<'k>(&mut self, key: impl Into<Key<'k>>, fields: impl FnOnce(&mut Object<'_, S>)) {
        self.key(key.into());
        Object::write(self.sink, fields);
    }

    /// Writes an object as a member of this one, unless it is empty.
    pub(crate) fn object_if_any<'k>(
        &mut self,
        key: impl Into<Key<'k>>,
        fields: impl FnOnce(&mut Object<'_, S>),
    ) {
        let (before, was_empty) = (self.sink.len(), self.is_empty);
        self.key(key.into());
        let opened = self.sink.len();
        Object::write(self.sink, fields);
        if self.sink.len() == opened + "{}".len() {
            self.sink.truncate(before);
            self.is_empty = was_empty;
        }
    }

    /// Writes a text, unless it is empty.
    pub(crate) fn text<'k>(&mut self, key: impl Into<Key<'k>>, text: &str) {
        if !text.is_empty() {
            self.key(key.into());
            self.quoted(text);
        }
    }

    /// Writes a text if there is one and it is not empty.
    pub(crate) fn text_if_any<'k>(&mut self, key: impl Into<Key<'k>>, text: Option<&str>) {
        self.text(key, text.unwrap_or_default());
    }

    /// Writes an array of the texts that are not empty, if there are any.
    pub(crate) fn texts<'k>(&mut self, key: impl Into<Key<'k>>, texts: &[Box<str>]) {
        let (key, mut opening) = (key.into(), "[");
        for text in texts.iter().filter(|text| !text.is_empty()) {
            if opening == "[" {
                self.key(key);
            }
            self.sink.raw(opening);
            self.quoted(text);
            opening = ",";
        }
        if opening == "," {
            self.sink.raw("]");
        }
    }

    /// Writes an array of objects, the members of each of which `fields` writes.
    pub(crate) fn objects<'k, T>(
        &mut self,
        key: impl Into<Key<'k>>,
        items: impl IntoIterator<Item = T>,
        mut fields: impl FnMut(&mut Object<'_, S>, T),
    ) {
        self.key(key.into());
        self.sink.raw("[");
        for (place, item) in items.into_iter().enumerate() {
            if place > 0 {
                self.sink.raw(",");
            }
            Object::write(self.sink, |object| fields(object, item));
        }
        self.sink.raw("]");
    }

    /// Writes a value that is formatted as JSON, such as a finite number.
    pub(crate) fn formatted<'k>(&mut self, key: impl Into<Key<'k>>, value: fmt::Arguments<'_>) {
        self.key(key.into());
        // A sink takes everything, so there is no error.
        let _ = Raw(self.sink).write_fmt(value);
    }

    fn key(&mut self, key: Key<'_>) {
        self.sink.raw(if self.is_empty { "\"" } else { ",\"" });
        self.is_empty = false;
        match key {
            Key::Name(name) => self.sink.raw(name),
            Key::Any(text) => self.sink.escaped(text),
        }
        self.sink.raw("\":");
    }

    fn quoted(&mut self, text: &str) {
        self.sink.raw("\"");
        self.sink.escaped(text);
        self.sink.raw("\"");
    }
}

/// Allows `write!` to write into a sink.
struct Raw<'a, S>(&'a mut S);

impl<S: Sink> Write for Raw<'_, S> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.raw(text);
        Ok(())
    }
}

/// Whether nothing must be escaped, as in nearly every text. Reads all bytes without a branch, so that the
/// compiler checks sixteen of them with a few instructions.
#[expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch, and takes half as long again")]
fn is_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |is_plain, byte| is_plain & (*byte >= 32) & (*byte != b'"') & (*byte != b'\\'))
}

/// The escape of a byte that JSON forbids within a string (RFC 8259, section 7).
const fn escape(byte: u8) -> Option<&'static str> {
    const CONTROL: [&str; 32] = [
        "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007", "\\b", "\\t",
        "\\n", "\\u000b", "\\f", "\\r", "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012", "\\u0013",
        "\\u0014", "\\u0015", "\\u0016", "\\u0017", "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c",
        "\\u001d", "\\u001e", "\\u001f",
    ];
    match byte {
        b'"' => Some("\\\""),
        b'\\' => Some("\\\\"),
        0..32 => Some(CONTROL[byte as usize]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(fields: impl Fn(&mut Object<'_, Vec<u8>>), expected: &str) {
        let mut bytes = Vec::new();
        Object::write(&mut bytes, fields);
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn writes_objects_texts_and_numbers() {
        check(|_| (), "{}");
        check(|o| o.text("a", "b"), r#"{"a":"b"}"#);
        check(|o| o.object("a", |_| ()), r#"{"a":{}}"#);
        check(|o| o.formatted("a", format_args!("{:?}", -90.0)), r#"{"a":-90.0}"#);
        check(|o| o.formatted("a", format_args!("{}", 7)), r#"{"a":7}"#);
        check(|o| o.texts("a", &["b".into(), "c".into()]), r#"{"a":["b","c"]}"#);
        check(|o| o.objects("a", [""; 0], |o, text| o.text("b", text)), r#"{"a":[]}"#);
        check(|o| o.objects("a", ["c", "d"], |o, text| o.text("b", text)), r#"{"a":[{"b":"c"},{"b":"d"}]}"#);
    }

    #[test]
    fn leaves_out_empty_texts_and_objects() {
        check(|o| o.text("a", ""), "{}");
        check(|o| o.text_if_any("a", None), "{}");
        check(|o| o.texts("a", &["".into()]), "{}");
        check(|o| o.texts("a", &["".into(), "b".into(), "".into()]), r#"{"a":["b"]}"#);
        check(|o| o.object_if_any("a", |o| o.text("b", "")), "{}");
        let around = |o: &mut Object<'_, Vec<u8>>| {
            o.object_if_any("a", |_| ());
            o.text("b", "c");
            o.object_if_any("d", |o| o.object_if_any("e", |_| ()));
            o.text("f", "g");
        };
        check(around, r#"{"b":"c","f":"g"}"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_read_back_and_counted(key in any::<String>(), text in ".+") {
            let mut bytes = Vec::new();
            Object::write(&mut bytes, |object| object.text(Key::Any(&key), &text));
            prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), json!({ key.clone(): text.clone() }));
            let mut length = Length::default();
            Object::write(&mut length, |object| object.text(Key::Any(&key), &text));
            prop_assert_eq!(length.len(), bytes.len());
        }
    }
}
