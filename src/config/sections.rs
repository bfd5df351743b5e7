//! The sections that combine settings of several parts, and that of the composition itself.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{
    dead_letter::config::DeadLetterConfig,
    pipeline::config::CircuitBreakerConfig,
    units::{Malformed, Span, or_off, text::TopicName},
};

/// How long dead letters are kept if nothing else is configured.
const RETENTION: Duration = Duration::from_hours(14 * 24);

/// `dead_letter`: what happens to records that can never be delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "DeadLetterKeys", into = "DeadLetterKeys")]
pub struct DeadLetterSection {
    pub target: DeadLetterConfig,
    /// How long the topic keeps a dead letter, if the service creates it.
    pub retention: Span,
    /// When to stop rather than write most of a topic there; `None` if it is off.
    pub circuit_breaker: Option<CircuitBreakerConfig>,
}

/// `shutdown`: how the service ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownConfig {
    /// How long the records that were read may take to be settled before the process ends anyway.
    #[schemars(extend("x-from" = "1s", "x-to" = "1h"))]
    pub deadline: Span,
}

/// The section of the dead letters as it is written.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-allowed" = "a mapping with either `topic` or `discard: true`, `retention` and `circuit_breaker`"))]
struct DeadLetterKeys {
    /// The topic that dead letters are written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-allowed" = "the name of a Kafka topic that is not read"))]
    topic: Option<TopicName>,
    /// Whether dead letters are counted and dropped instead.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    discard: bool,
    /// How long the topic keeps a dead letter, if the service creates it; `check` compares an existing topic.
    #[schemars(extend("x-from" = "1h", "x-to" = "87600h"))]
    retention: Span,
    /// When to stop rather than write most of a topic to the dead letters.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<CircuitBreakerConfig>")]
    circuit_breaker: Option<CircuitBreakerConfig>,
}

impl TryFrom<DeadLetterKeys> for DeadLetterSection {
    type Error = Malformed;

    fn try_from(written: DeadLetterKeys) -> Result<Self, Malformed> {
        let target = match (written.topic, written.discard) {
            (Some(topic), false) => DeadLetterConfig::Topic(topic),
            (None, true) => DeadLetterConfig::Discard,
            _ => return Err(Malformed),
        };
        Ok(Self { target, retention: written.retention, circuit_breaker: written.circuit_breaker })
    }
}

impl From<DeadLetterSection> for DeadLetterKeys {
    fn from(section: DeadLetterSection) -> Self {
        let (topic, discard) = match section.target {
            DeadLetterConfig::Topic(topic) => (Some(topic), false),
            DeadLetterConfig::Discard => (None, true),
        };
        Self { topic, discard, retention: section.retention, circuit_breaker: section.circuit_breaker }
    }
}

impl Default for DeadLetterKeys {
    fn default() -> Self {
        Self {
            topic: None,
            discard: false,
            retention: Span(RETENTION),
            circuit_breaker: Some(CircuitBreakerConfig::default()),
        }
    }
}

impl Default for DeadLetterSection {
    fn default() -> Self {
        Self {
            target: DeadLetterConfig::Discard,
            retention: Span(RETENTION),
            circuit_breaker: Some(CircuitBreakerConfig::default()),
        }
    }
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { deadline: Span(Duration::from_secs(25)) }
    }
}
