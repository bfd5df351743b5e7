//! Texts of a given form. Every value has its form by construction, so it is not checked again.
//!
//! A form describes in words what it allows, and tests whether a text has the form. Everything else is
//! implemented here, once.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    marker::PhantomData,
    ops::Deref,
    str::FromStr,
    sync::Arc,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::core::units::{self, Malformed};

pub type TopicName = Text<TopicForm>;

pub type DestinationName = Text<DestinationForm>;

/// The form of a kind of text.
pub trait Form {
    /// The name of the kind in the schema.
    const NAME: &'static str;
    /// The description of the allowed texts. It completes the phrase "must be …".
    const ALLOWED: &'static str;

    fn admits(text: &str) -> bool;
}

/// A text of the form `F`. Clones share it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<F>(Arc<str>, PhantomData<F>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicForm {}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DestinationForm {}

impl Form for TopicForm {
    const NAME: &'static str = "TopicName";
    const ALLOWED: &'static str = "the name of a Kafka topic: 1 to 249 letters, digits, dots, underscores and \
                                   hyphens (names are literal, there are no patterns)";

    fn admits(text: &str) -> bool {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        (1..=249).contains(&text.len()) && text.bytes().all(legal) && text != "." && text != ".."
    }
}

impl Form for DestinationForm {
    const NAME: &'static str = "DestinationName";
    const ALLOWED: &'static str = "a name of 1 to 63 lower-case letters, digits and hyphens";

    fn admits(text: &str) -> bool {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&text.len()) && text.bytes().all(legal)
    }
}

impl<F: Form> Text<F> {
    /// A text from the program's own source code, which must have the form.
    #[must_use]
    pub fn literal(text: &'static str) -> Self {
        debug_assert!(F::admits(text), "{text} is not {}", F::ALLOWED);
        Self(text.into(), PhantomData)
    }
}

impl<F> Text<F> {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<F: Form> FromStr for Text<F> {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if F::admits(text) { Ok(Self(text.into(), PhantomData)) } else { Err(Malformed) }
    }
}

impl<F> Deref for Text<F> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<F> Borrow<str> for Text<F> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<F> PartialEq<&str> for Text<F> {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl<F> fmt::Display for Text<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<F> fmt::Debug for Text<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de, F: Form> Deserialize<'de> for Text<F> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        units::from_text(from)
    }
}

impl<F> Serialize for Text<F> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<F: Form> JsonSchema for Text<F> {
    fn schema_name() -> Cow<'static, str> {
        F::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-allowed": F::ALLOWED })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<F: Form>(text: &str, expected: bool) {
        assert_eq!(text.parse::<Text<F>>().is_ok(), expected, "{text}");
    }

    #[test]
    fn a_topic_has_a_name_that_kafka_takes() {
        for name in ["a", "keycloak-events", "A.b_c-1", "...", &"x".repeat(249)] {
            check::<TopicForm>(name, true);
        }
        for name in ["", ".", "..", "a b", "ü", "a/b", "^a.*", &"x".repeat(250)] {
            check::<TopicForm>(name, false);
        }
    }

    #[test]
    fn a_destination_has_a_name_that_a_variable_can_hold() {
        for name in ["a", "shop-2", "-", &"x".repeat(63)] {
            check::<DestinationForm>(name, true);
        }
        for name in ["", "Shop", "a_b", "a.b", "ü", &"x".repeat(64)] {
            check::<DestinationForm>(name, false);
        }
    }

    #[test]
    fn a_text_reads_what_it_writes() {
        let topic: TopicName = serde_json::from_str("\"a.b\"").unwrap();
        assert_eq!(
            (topic.to_string(), serde_json::to_string(&topic).unwrap()),
            ("a.b".into(), "\"a.b\"".into())
        );
        assert!(serde_json::from_str::<TopicName>("\"a b\"").is_err());
    }
}
