//! The value of an event's field, as every format reads it.
//!
//! Knows nothing of JSON and of the meaning of a field.

use std::borrow::Cow;

/// A value that is not an object or array, as the fields of an event are.
#[derive(Default)]
pub(super) enum Scalar<'a> {
    /// Absent, `null`, or a placeholder, such as the texts `""` and `"null"`.
    #[default]
    Null,
    /// A non-empty text.
    Text(Cow<'a, str>),
    Integer(i64),
    Float(f64),
    /// A value that no field of an event has: a Boolean, an array, an object.
    Other,
}

/// Whether a text is a code. The reason of a failure may instead be a sentence that quotes an address.
pub(super) fn is_code(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}
