//! The kinds of values that a setting can have. Every value is valid by construction.
//!
//! Knows nothing of files, environment and keys. Each kind is written as text and can be parsed back from it.
//! Its schema describes the allowed values in words (`x-allowed`). Errors never repeat the text, because it
//! may be a misplaced secret.

use std::{fmt, str::FromStr, time::Duration};

use bytesize::ByteSize;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub mod text;

/// A length of time, written `500ms`, `10s`, `1m` or `24h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes, written `4000000`, `512KiB` or `32MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A setting that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    On,
    Off,
}

/// The text is not a value of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a value of this kind")]
pub struct Malformed;

/// A setting that can be switched off: `off`, or a value.
///
/// For `#[serde(with = "or_off")]` on an `Option`. `false` also means `off`, because tools that render YAML
/// 1.1, such as Helm, turn the bare word `off` into `false`.
pub mod or_off {
    use super::{
        Deserialize, Deserializer, JsonSchema, Schema, SchemaGenerator, Serialize, Serializer, json_schema,
    };

    /// Writes `None` as `off`.
    ///
    /// # Errors
    /// If the serializer fails.
    pub fn serialize<S: Serializer, T: Serialize>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => value.serialize(to),
            None => to.serialize_str("off"),
        }
    }

    /// Reads `off` or `false` as `None`.
    ///
    /// # Errors
    /// If the input is neither of these nor a value of type `T`.
    pub fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(match Written::deserialize(from)? {
            Written::Off(_) => None,
            Written::On(value) => Some(value),
        })
    }

    /// The schema: `off`, or the schema of `T`.
    pub fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "enum": ["off", false] }, generator.subschema_for::<T>()] })
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written<T> {
        Off(Off),
        On(T),
    }

    #[derive(Deserialize)]
    #[serde(try_from = "serde_json::Value")]
    struct Off;

    impl TryFrom<serde_json::Value> for Off {
        type Error = super::Malformed;

        fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
            if value == "off" || value == "false" || value == false {
                Ok(Self)
            } else {
                Err(super::Malformed)
            }
        }
    }
}

/// Parses a value from its text, for `Deserialize` implementations of kinds that are written as text.
///
/// # Errors
/// If the text cannot be parsed. The error does not repeat the text.
pub fn from_text<'de, D: Deserializer<'de>, T: FromStr>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(|_| de::Error::custom(Malformed))
}

/// Reads a list and leaves out its nulls, which stand for items that were already found to be wrong.
///
/// # Errors
/// If an item is wrong.
pub fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Option<T>>::deserialize(from)?.into_iter().flatten().collect())
}

impl FromStr for Span {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let unit_at = text.find(|letter: char| !letter.is_ascii_digit()).ok_or(Malformed)?;
        let (count, unit) = text.split_at(unit_at);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(Malformed)?;
        let count: u64 = count.parse().map_err(|_| Malformed)?;
        count.checked_mul(*millis).map(|millis| Self(Duration::from_millis(millis))).ok_or(Malformed)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (unit, length) = (UNITS.iter().rev())
            .find(|(_, length)| millis != 0 && millis.is_multiple_of(u128::from(*length)))
            .unwrap_or(&("s", 1));
        write!(f, "{}{unit}", millis / u128::from(*length))
    }
}

/// The units of a length of time with their milliseconds, shortest first.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

impl FromStr for Switch {
    type Err = Malformed;

    /// Also accepts `true` and `false`, which tools that render YAML 1.1 write.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "on" | "true" => Ok(Self::On),
            "off" | "false" => Ok(Self::Off),
            _ => Err(Malformed),
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Off => "off",
        })
    }
}

impl FromStr for Size {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        text.parse::<ByteSize>().map(|size| Self(size.as_u64())).map_err(|_| Malformed)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];
        let whole = units.iter().find(|(_, length)| self.0 != 0 && self.0.is_multiple_of(*length));
        let (unit, length) = whole.unwrap_or(&("", 1));
        write!(f, "{}{unit}", self.0 / length)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from_text(from)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from_text(from)
    }
}

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from_text(from)
    }
}

impl Serialize for Switch {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "span",
            "pattern": "^[0-9]+(ms|s|m|h)$",
            "x-allowed": "a length of time such as 500ms, 10s, 1m or 24h",
        })
    }
}

impl JsonSchema for Switch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Switch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["on", "off", true, false], "x-allowed": "on or off" })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "format": "size",
            "x-allowed": "a number of bytes such as 4000000, 512KiB or 32MiB",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_span(text: &str, expected_millis: Option<u64>, written: &str) {
        let span = text.parse::<Span>().ok();
        assert_eq!(span, expected_millis.map(|millis| Span(Duration::from_millis(millis))));
        assert_eq!(span.map(|span| span.to_string()).unwrap_or_default(), written);
    }

    #[test]
    fn spans_read_what_they_write() {
        check_span("500ms", Some(500), "500ms");
        check_span("1500ms", Some(1500), "1500ms");
        check_span("10s", Some(10_000), "10s");
        check_span("60s", Some(60_000), "1m");
        check_span("90m", Some(5_400_000), "90m");
        check_span("24h", Some(86_400_000), "24h");
        check_span("0s", Some(0), "0s");
        for malformed in ["", "10", "s", "-1s", "+1s", "1.5s", "1 s", "1d", "10S", "99999999999999999999s"] {
            check_span(malformed, None, "");
        }
        check_span(&format!("{}h", u64::MAX), None, "");
    }

    #[track_caller]
    fn check_size(text: &str, expected: Option<u64>, written: &str) {
        let size = text.parse::<Size>().ok();
        assert_eq!(size, expected.map(Size));
        assert_eq!(size.map(|size| size.to_string()).unwrap_or_default(), written);
    }

    #[test]
    fn sizes_read_what_they_write() {
        check_size("4000000", Some(4_000_000), "4000000");
        check_size("512KiB", Some(524_288), "512KiB");
        check_size("32MiB", Some(33_554_432), "32MiB");
        check_size("32 MiB", Some(33_554_432), "32MiB");
        check_size("4MB", Some(4_000_000), "4000000");
        check_size("2GiB", Some(2_147_483_648), "2GiB");
        check_size("0", Some(0), "0");
        for malformed in ["", "-1", "many", "32 MiBs"] {
            check_size(malformed, None, "");
        }
    }

    #[track_caller]
    fn check_switch(text: &str, expected: Option<Switch>, written: &str) {
        let switch = text.parse::<Switch>().ok();
        assert_eq!(switch, expected);
        assert_eq!(switch.map(|switch| switch.to_string()).unwrap_or_default(), written);
    }

    #[test]
    fn switches_are_on_or_off() {
        check_switch("on", Some(Switch::On), "on");
        check_switch("true", Some(Switch::On), "on");
        check_switch("off", Some(Switch::Off), "off");
        check_switch("false", Some(Switch::Off), "off");
        check_switch("", None, "");
        check_switch("On", None, "");
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Example {
        #[serde(with = "or_off")]
        after: Option<Span>,
    }

    #[test]
    fn a_setting_that_can_be_off_reads_what_it_writes() {
        let off = Example { after: None };
        let on = Example { after: Some(Span(Duration::from_secs(1))) };
        let read = |json| serde_json::from_str::<Example>(json).ok();
        assert_eq!(read(r#"{"after": "off"}"#).as_ref(), Some(&off));
        assert_eq!(read(r#"{"after": false}"#).as_ref(), Some(&off));
        assert_eq!(read(r#"{"after": "1s"}"#).as_ref(), Some(&on));
        assert_eq!(read(r#"{"after": true}"#), None);
        assert_eq!(serde_json::to_string(&off).ok().as_deref(), Some(r#"{"after":"off"}"#));
        assert_eq!(serde_json::to_string(&on).ok().as_deref(), Some(r#"{"after":"1s"}"#));
    }
}
