//! A field of an event, as any format reads it.
//!
//! Knows nothing of JSON and of what the field means.

use std::borrow::Cow;

/// A value that is not an object: what a field of an event can be.
#[derive(Default)]
pub(super) enum Scalar<'a> {
    /// Absent, `null`, or a placeholder, such as the texts `""` and `"null"`.
    #[default]
    Null,
    /// A text; never empty.
    Text(Cow<'a, str>),
    Integer(i64),
    Float(f64),
    /// Something that no field of an event is: a truth value, an array, an object.
    Other,
}

/// Whether a text is a code. The reason of a failure may be a sentence that quotes an address.
pub(super) fn is_code(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}
