//! Reads those fields of a JSON object that a format asks for, and skips the others without building them.
//!
//! Knows nothing of formats. Of a key that occurs twice the last value counts. Skipping does not recurse,
//! so depth costs a byte a level and no stack. A field of an unexpected type is no error here.

use std::borrow::Cow;

use serde::de::DeserializeSeed;

use crate::core::identity::reason::Refused;

mod visitors;

use visitors::Outer;

/// A value that is not an object: what a field of an event can be.
#[derive(Default)]
pub(super) enum Scalar<'a> {
    /// Absent, `null`, or what publishers write for it: the texts `""` and `"null"`.
    #[default]
    Null,
    /// A text; never empty.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Something that no field of an event is: a truth value, an array, an object, a huge number.
    Other,
}

/// An object of which some keys are read.
pub(super) trait Keys<'a> {
    /// Forgets what was read: the object occurs again.
    fn clear(&mut self);

    /// Where the value of `key` belongs.
    fn slot(&mut self, key: &str) -> Slot<'_, 'a>;
}

/// Where a value belongs.
pub(super) enum Slot<'s, 'a> {
    /// Nowhere: it is skipped.
    Unread,
    /// Nowhere, and neither does what follows: the object is not what is looked for.
    Foreign,
    /// Here.
    Value(&'s mut Scalar<'a>),
    /// In the keys of an object within this one, written as an object or as a text that holds one.
    Object(&'s mut dyn Keys<'a>),
}

/// Reads the JSON object `value` into `keys`.
///
/// # Errors
///
/// The value is no JSON, or no object, or one that the keys call foreign.
pub(super) fn read<'a>(value: &'a [u8], keys: &mut dyn Keys<'a>) -> Result<(), Refused> {
    // Checked at once, which is several times faster than text by text.
    let text = str::from_utf8(value).map_err(|_| Refused::NotJson)?;
    let mut json = serde_json::Deserializer::from_str(text);
    Outer(keys).deserialize(&mut json).and_then(|()| json.end()).map_err(|error| {
        // The text of the error is dropped: it may quote the record.
        if error.is_data() { Refused::NotAnEvent } else { Refused::NotJson }
    })
}

impl<'a> Scalar<'a> {
    /// The text as it is written, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Takes the text, or the digits of a whole number; none for anything else.
    pub(super) fn take_text(&mut self) -> Option<Cow<'a, str>> {
        match std::mem::take(self) {
            Self::Text(text) => Some(text),
            Self::Integer(number) => Some(number.to_string().into()),
            Self::Null | Self::Float(_) | Self::Other => None,
        }
    }
}

/// The text of the first of several names of a field that has one.
pub(super) struct First<'a> {
    text: Option<Cow<'a, str>>,
    /// Whether a name has something that is no text.
    wrong: bool,
}

/// Takes what the first name of a field has.
pub(super) fn first<'a>(value: &mut Scalar<'a>) -> First<'a> {
    First { wrong: matches!(value, Scalar::Float(_) | Scalar::Other), text: value.take_text() }
}

impl<'a> First<'a> {
    /// Takes what the next name has, if those before had no text.
    pub(super) fn or(self, next: impl FnOnce() -> Scalar<'a>) -> Self {
        if self.text.is_some() {
            return self;
        }
        let next = first(&mut next());
        Self { wrong: self.wrong || next.wrong, ..next }
    }

    /// The text.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        self.text
    }

    /// The same of a field that an event stands on: that it has another type is not taken for absence.
    ///
    /// # Errors
    ///
    /// No name has a text, and one has something else.
    pub(super) fn id(self) -> Result<Option<Cow<'a, str>>, Refused> {
        if self.wrong && self.text.is_none() { Err(Refused::FieldNotText) } else { Ok(self.text) }
    }
}
