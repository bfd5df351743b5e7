//! The settings of the formats.
//!
//! Knows nothing of the configuration's keys and sources.

use std::{borrow::Cow, collections::BTreeMap, fmt, iter, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::core::decode::Format;

/// The formats of records.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FormatsConfig {
    /// The format for topics that are not in `formats`.
    pub format: Choice,
    /// The formats of individual topics.
    pub formats: BTreeMap<String, Choice>,
    /// The filter of the format `custom`.
    pub custom: Option<String>,
}

/// The format of a topic's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The format of each record, recognised by its shape.
    #[default]
    Auto,
    /// This format for every record.
    Named(Format),
}

/// There is no format of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the formats are {}", allowed())]
pub struct NoFormat;

impl Choice {
    /// Whether a record may be of this format.
    pub(super) fn allows(self, format: Format) -> bool {
        match self {
            Self::Auto => true,
            Self::Named(named) => named == format,
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Named(format) => format.name(),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Choice {
    type Err = NoFormat;

    fn from_str(name: &str) -> Result<Self, NoFormat> {
        if name == "auto" { Ok(Self::Auto) } else { Format::named(name).map(Self::Named).ok_or(NoFormat) }
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Choice {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl JsonSchema for Choice {
    fn schema_name() -> Cow<'static, str> {
        "Format".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = names().collect();
        json_schema!({ "type": "string", "enum": names, "x-allowed": allowed() })
    }
}

/// The names of all choices.
fn names() -> impl Iterator<Item = &'static str> {
    iter::once("auto").chain(Format::ALL.map(Format::name))
}

/// All names as a phrase.
fn allowed() -> String {
    let mut names: Vec<_> = names().collect();
    let last = names.pop().unwrap_or_default();
    format!("{} or {last}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_read_and_told_by_its_name() {
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        for format in Format::ALL {
            let choice = Choice::Named(format);
            assert_eq!(choice.to_string().parse(), Ok(choice));
            assert!(allowed().contains(format.name()));
        }
        assert_eq!("Keycloak".parse::<Choice>(), Err(NoFormat));
        assert_eq!("".parse::<Choice>(), Err(NoFormat));
    }
}
