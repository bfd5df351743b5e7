//! The configuration of the pipeline: quota, batches, retries, commits, memory, spilling, circuit breaker.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    str::FromStr,
    time::Duration,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::core::units::{self, Malformed, Size, Span, Switch, or_off};

/// `quota`: how much of the destination's quota this service may use, all its replicas together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaConfig {
    /// Requests a second per AWS account and region.
    #[schemars(range(max = 100_000), extend("exclusiveMinimum" = 0))]
    pub requests_per_second: f64,
    /// Requests in flight per AWS account and region.
    #[schemars(range(min = 1, max = 10_000))]
    pub in_flight: NonZeroU32,
    /// This replica's part.
    pub share: Share,
}

/// This replica's part of the quota.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// As large as its part of the subscribed topics' partitions.
    Partitions,
    /// A fixed part, over 0 and up to 1.
    Fixed(f64),
}

/// `batch`: how events are put together into requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchConfig {
    /// Events in a request, if the destination's service takes so many; Pinpoint's `PutEvents` takes no more
    /// than 100.
    #[schemars(range(min = 1, max = 500))]
    pub max_events: NonZeroUsize,
    /// Bytes of a request's body: `PutEvents` takes no more than 4000000, and one event may have 1000 KB
    /// and its endpoint 15 KB.
    #[schemars(extend("x-from" = "1100000", "x-to" = "4000000"))]
    pub max_bytes: Size,
    /// How long an event waits for others to share its request.
    #[schemars(extend("x-from" = "0s", "x-to" = "1m"))]
    pub linger: Span,
}

/// `retry`: how long to wait before sending again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// The upper bound of the first retry delay (full jitter).
    #[schemars(extend("x-from" = "10ms", "x-to" = "1h"))]
    pub initial: Span,
    /// The upper bound of all retry delays.
    #[schemars(extend("x-from" = "10ms", "x-to" = "1h"))]
    pub max: Span,
    /// How long an event that fails alone, while others succeed, is tried before it becomes a dead letter.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<Span>", extend("x-from" = "1m", "x-to" = "8760h"))]
    pub give_up: Option<Span>,
}

/// `commit`: how often settled positions are committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CommitConfig {
    /// The time between two commits.
    #[schemars(extend("x-from" = "100ms", "x-to" = "5m"))]
    pub interval: Span,
    /// Whether commits name the settled offsets above the position, which nobody sends again then.
    pub tail: Switch,
}

/// `quota` of one of several destinations: a cap within its domain's quota.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CapConfig {
    /// The most requests a second to this destination, of all replicas together; where left out, all that its
    /// domain has.
    #[schemars(range(max = 100_000), extend("exclusiveMinimum" = 0))]
    pub requests_per_second: Option<f64>,
}

/// `spill` of one of several destinations: let records go rather than wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpillConfig {
    /// How long the destination may be held, or have no room, before its records go to the dead letters.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<Span>", extend("x-from" = "1s", "x-to" = "8760h"))]
    pub after: Option<Span>,
}

/// `memory`: how much the records that are not settled may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// Bytes of librdkafka's queue, of all that is outstanding, and of dead letters on their way, together.
    #[schemars(extend("x-from" = "8MiB", "x-to" = "1024GiB"))]
    pub max_bytes: Size,
    /// How many brokers lead partitions of the topics. Each sends its records without knowing of the others.
    #[schemars(range(min = 1, max = 1000))]
    pub brokers: NonZeroU32,
}

/// `dead_letter.circuit_breaker`: stop rather than write most of a topic to the dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CircuitBreakerConfig {
    /// The part of the last records that may be refused.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub share: f64,
    /// How many records are looked back on.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub window: NonZeroUsize,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self {
            requests_per_second: 15.0,
            in_flight: NonZeroU32::new(15).unwrap_or(NonZeroU32::MIN),
            share: Share::Partitions,
        }
    }
}

/// The requests per second of a quota that is off.
const OFF: f64 = 100_000.0;
/// The requests in flight of a quota that is off.
const IN_FLIGHT: u32 = 32;

impl QuotaConfig {
    /// No quota: only this replica's requests in flight are bounded, so that their memory is.
    #[must_use]
    pub fn off() -> Self {
        Self {
            requests_per_second: OFF,
            in_flight: NonZeroU32::MIN.saturating_add(IN_FLIGHT - 1),
            share: Share::Fixed(1.0),
        }
    }

    /// A quota of so many requests per second, with the requests in flight of one that is off.
    #[must_use]
    pub fn of_requests(requests_per_second: f64) -> Self {
        Self { requests_per_second, share: Share::Partitions, ..Self::off() }
    }

    /// Whether the rate is so high that it bounds nothing.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.requests_per_second >= OFF
    }
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            max_events: NonZeroUsize::new(100).unwrap_or(NonZeroUsize::MIN),
            max_bytes: Size(4_000_000),
            linger: Span(Duration::from_secs(1)),
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { initial: Span(Duration::from_millis(500)), max: Span(Duration::from_secs(30)), give_up: None }
    }
}

impl Default for CommitConfig {
    fn default() -> Self {
        Self { interval: Span(Duration::from_secs(2)), tail: Switch::On }
    }
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { max_bytes: Size(24 << 20), brokers: NonZeroU32::MIN.saturating_add(2) }
    }
}

impl MemoryConfig {
    /// The bytes for reading ahead: a quarter.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.max_bytes.0 / 4
    }

    /// The bytes for dead letters that are being written: a sixteenth.
    #[must_use]
    pub fn letters(&self) -> u64 {
        self.max_bytes.0 / 16
    }

    /// The bytes for everything outstanding: the rest.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.max_bytes.0 - self.ahead() - self.letters()
    }
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        Self { share: 0.5, window: NonZeroUsize::new(100).unwrap_or(NonZeroUsize::MIN) }
    }
}

impl FromStr for Share {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text == "partitions" {
            return Ok(Self::Partitions);
        }
        let part: f64 = text.parse().map_err(|_| Malformed)?;
        if part > 0.0 && part <= 1.0 { Ok(Self::Fixed(part)) } else { Err(Malformed) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partitions => f.write_str("partitions"),
            Self::Fixed(part) => part.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        units::from_text(from)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "x-allowed": "partitions, or a number over 0 and up to 1",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Share>) {
        assert_eq!(text.parse().ok(), expected);
    }

    #[test]
    fn a_share_is_that_of_the_partitions_or_a_part() {
        check("partitions", Some(Share::Partitions));
        check("1", Some(Share::Fixed(1.0)));
        check("0.25", Some(Share::Fixed(0.25)));
        for malformed in ["", "0", "-0.5", "1.01", "NaN", "inf", "all"] {
            check(malformed, None);
        }
    }
}
