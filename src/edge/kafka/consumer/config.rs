//! The configuration of the source: the cluster, the topics and the consumer group.
//!
//! The values of properties may be secrets, so `Debug` and the serialised form mask them.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use jiff::fmt::temporal::DateTimePrinter;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::core::{
    decode::config::{Choice, FormatsConfig},
    time::Timestamp,
    units::{self, Malformed, Span, text::TopicName},
};
use crate::edge::kafka::{cluster::Cluster, properties};

/// `source`: the Kafka topics that are read.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// Kafka's bootstrap servers.
    #[schemars(extend("x-allowed" = "host:port, several separated by commas"))]
    pub brokers: String,
    /// The topics to read.
    #[serde(deserialize_with = "units::list")]
    #[schemars(extend("x-allowed" = "a list of at least one topic", "minItems" = 1, "uniqueItems" = true))]
    pub topics: Vec<TopicName>,
    /// The consumer group.
    #[schemars(extend("x-allowed" = "a name of 1 to 255 characters"))]
    pub group: String,
    /// The format of the records; `auto` recognises each record by its shape.
    pub format: Choice,
    /// The formats of single topics that differ from `format`.
    #[schemars(extend("x-allowed" = "a mapping with topics of `source.topics` and the format of each"))]
    pub formats: BTreeMap<String, Choice>,
    /// The jq filter of the format `custom`, which turns a record into identity events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-allowed" = "a jq filter that yields identity events"))]
    pub custom: Option<String>,
    /// Where to start a partition that has no commit.
    pub start: Start,
    /// How long a revoked partition may take to drain before the group goes on without it.
    #[schemars(extend("x-from" = "100ms", "x-to" = "10m"))]
    pub revoke_timeout: Span,
    /// Further properties of librdkafka, such as `security.protocol`, except those that the service owns.
    #[serde(serialize_with = "properties::masked")]
    #[schemars(schema_with = "properties::schema")]
    pub properties: BTreeMap<String, String>,
}

/// The largest response of a broker, and the largest batch after decompression with zstd: librdkafka's default. A
/// batch is always sent whole, so it must be more than `max.message.bytes` of every topic.
pub(super) const LARGEST_RESPONSE: u64 = 100_000_000;

/// Where to start a partition that has no commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At its oldest record.
    Earliest,
    /// At the records that are produced from now on.
    Latest,
    /// At the first record at or after this time.
    At(Timestamp),
}

impl SourceConfig {
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        Cluster { brokers: self.brokers.clone(), properties: self.properties.clone() }
    }

    /// The largest response of a broker, in bytes. A batch that is larger cannot be read.
    #[must_use]
    pub fn largest_response(&self) -> u64 {
        let own = self.properties.get("receive.message.max.bytes").and_then(|bytes| bytes.parse().ok());
        own.unwrap_or(LARGEST_RESPONSE)
    }

    /// The settings that the decoder needs.
    #[must_use]
    pub fn formats(&self) -> FormatsConfig {
        let Self { format, formats, custom, .. } = self;
        FormatsConfig { format: *format, formats: formats.clone(), custom: custom.clone() }
    }
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            brokers: "kafka:9092".into(),
            topics: vec![TopicName::literal("keycloak-events")],
            group: "pinpoint-sidecar".into(),
            format: Choice::Auto,
            formats: BTreeMap::new(),
            custom: None,
            start: Start::Earliest,
            revoke_timeout: Span(Duration::from_secs(10)),
            properties: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for SourceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceConfig")
            .field("brokers", &self.brokers)
            .field("topics", &self.topics)
            .field("group", &self.group)
            .field("format", &self.format)
            .field("formats", &self.formats)
            .field("custom", &self.custom.is_some())
            .field("start", &self.start)
            .field("revoke_timeout", &self.revoke_timeout)
            .field("properties", &properties::shown(&self.properties))
            .finish()
    }
}

impl FromStr for Start {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            time => {
                let time: jiff::Timestamp = time.parse().map_err(|_| Malformed)?;
                // Kafka gives negative times another meaning.
                let time = Some(time.as_millisecond()).filter(|time| *time >= 0).ok_or(Malformed)?;
                Ok(Self::At(Timestamp(time)))
            }
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
            Self::At(time) => {
                let time = jiff::Timestamp::from_millisecond(time.0).map_err(|_| fmt::Error)?;
                f.write_str(&DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&time))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        units::from_text(from)
    }
}

impl Serialize for Start {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Start {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Start".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "x-allowed": "earliest, latest, or a time such as 2026-11-22T10:00:00Z",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Start>) {
        let start = text.parse::<Start>().ok();
        assert_eq!(start, expected);
        if let Some(start) = start {
            assert_eq!(start.to_string().parse(), Ok(start));
        }
    }

    #[test]
    fn a_start_is_earliest_latest_or_a_time() {
        check("earliest", Some(Start::Earliest));
        check("latest", Some(Start::Latest));
        check("1970-01-01T00:00:01Z", Some(Start::At(Timestamp(1000))));
        check("1970-01-01T01:00:01.5+01:00", Some(Start::At(Timestamp(1500))));
        for malformed in
            ["", "Earliest", "yesterday", "2026-11-22", "2026-11-22T10:00:00", "1969-12-31T23:59:59Z"]
        {
            check(malformed, None);
        }
    }
}
