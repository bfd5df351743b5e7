//! JSON bodies, read strictly: an unknown field, a repeated one or one of another type is an error.

use std::{borrow::Cow, ops::Deref};

use serde::{Deserialize, Serialize};

use super::Problem;

/// Reads a request's body.
pub(in crate::tools::emulator) fn read<'a, T: Deserialize<'a>>(
    rule: &'static str,
    body: &'a [u8],
) -> Result<T, Problem> {
    // The error goes only to whoever wrote the request.
    serde_json::from_slice(body)
        .map_err(|error| Problem::rule(rule, 400, "SerializationException", error.to_string()))
}

/// Cannot fail for our own types, whose keys are text; and an empty body would be noticed.
pub(in crate::tools::emulator) fn bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// A text that is borrowed from the body unless it contains escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub(in crate::tools::emulator) struct JsonText<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> JsonText<'a> {
    pub(in crate::tools::emulator) fn borrowed(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }

    pub(in crate::tools::emulator) fn owned(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    pub(in crate::tools::emulator) fn into_inner(self) -> Cow<'a, str> {
        self.0
    }
}

impl Deref for JsonText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
