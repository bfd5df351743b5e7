//! The values that fill fields at the destination, and secrets.

use std::fmt;

use hmac::{Hmac, KeyInit as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use sha2::Sha256;

use crate::core::map::config::field::Field;

/// What something is filled with: a field of the event, or a constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-allowed" = "a field such as user, person.email or attributes.newsletter, or { value: TEXT }"))]
pub enum Value {
    /// The value of this field of the event.
    Field(Field),
    /// The same text for all events.
    Constant(Constant),
}

/// A text that is the same for all events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// The constant text.
    pub value: String,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(pub String);

impl Secret {
    /// An HMAC-SHA-256 that has absorbed the secret as its key.
    #[must_use]
    #[expect(clippy::missing_panics_doc, clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub fn hmac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(self.0.as_bytes()).expect("any length")
    }
}

impl Value {
    /// The field, unless this is a constant.
    #[must_use]
    pub const fn field(&self) -> Option<&Field> {
        match self {
            Self::Field(field) => Some(field),
            Self::Constant(_) => None,
        }
    }
}

/// Shown in place of a secret.
const MASK: &str = "***";

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(MASK)
    }
}
