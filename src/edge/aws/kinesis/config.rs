//! The settings of a Kinesis destination.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    core::units::{
        Size, Span,
        text::{Form, Text},
    },
    edge::aws::{
        config::{Connection, EndpointUrl, Region},
        roles::config::RoleConfig,
    },
};

/// The name or the ARN of a data stream.
pub type StreamName = Text<StreamForm>;

/// `kinesis`: the data stream that events go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-allowed" = "a mapping with `stream`, `region`, `endpoint_url`, `timeout`, `order`, `max_record` and `credentials`"))]
pub struct KinesisConfig {
    /// The name or the ARN of the stream, required.
    pub stream: StreamName,
    /// The AWS region. If absent, it is that of the ARN, or else the AWS SDK takes it from its environment.
    #[serde(default)]
    #[schemars(extend("x-allowed" = "an AWS region such as us-east-1"))]
    pub region: Option<Region>,
    /// An address to use instead of AWS's.
    #[serde(default)]
    #[schemars(extend("x-allowed" = "an address such as http://127.0.0.1:8081, without user and password"))]
    pub endpoint_url: Option<EndpointUrl>,
    /// How long one attempt may take.
    #[serde(default = "timeout")]
    #[schemars(extend("x-from" = "100ms", "x-to" = "5m"))]
    pub timeout: Span,
    /// The order that is kept.
    #[serde(default)]
    pub order: StreamOrder,
    /// The largest record, data and key together, that the stream's owner allows.
    #[serde(default = "max_record")]
    #[schemars(extend("x-from" = "64KiB", "x-to" = "10MiB"))]
    pub max_record: Size,
    /// The role to assume. If absent, the process's own credentials are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RoleConfig")]
    pub credentials: Option<RoleConfig>,
}

impl KinesisConfig {
    /// The ARN of the stream, if it is written so.
    #[must_use]
    pub fn stream_arn(&self) -> Option<&str> {
        Some(self.stream.as_str()).filter(|stream| stream.starts_with("arn:"))
    }

    /// Where the stream is.
    #[must_use]
    pub fn connection(&self) -> Connection {
        let Self { endpoint_url, timeout, credentials, .. } = self.clone();
        Connection { region: self.region(), endpoint_url, timeout, credentials }
    }

    /// The region that is written, or else that of the stream's ARN.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        self.region.clone().or_else(|| self.region_of_arn()?.parse().ok())
    }

    /// Whether the ARN is of another region than the one that is written.
    #[must_use]
    pub fn region_contradicts(&self) -> bool {
        let written = self.region.as_ref().map(Region::as_str);
        written.zip(self.region_of_arn()).is_some_and(|(written, of_arn)| written != of_arn)
    }

    fn region_of_arn(&self) -> Option<&str> {
        self.stream_arn()?.split(':').nth(3)
    }
}

/// The order of the events of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "endpoint or none"))]
pub enum StreamOrder {
    /// A request holds only those that belong to one record of the source.
    #[default]
    Endpoint,
    /// None is kept within a request, and requests are fuller.
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamForm {}

impl Form for StreamForm {
    const NAME: &'static str = "StreamName";
    const ALLOWED: &'static str =
        "the name of a data stream, 1 to 128 letters, digits, dots, underscores and hyphens; or its ARN";

    fn admits(text: &str) -> bool {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let is_name = |text: &str| (1..=128).contains(&text.len()) && text.bytes().all(legal);
        match text.strip_prefix("arn:") {
            Some(arn) => {
                let mut parts = arn.split(':');
                let stream = parts.nth(4).and_then(|stream| stream.strip_prefix("stream/"));
                arn.split(':').nth(1) == Some("kinesis")
                    && parts.next().is_none()
                    && stream.is_some_and(is_name)
            }
            None => is_name(text),
        }
    }
}

fn timeout() -> Span {
    Span(Duration::from_secs(10))
}

fn max_record() -> Size {
    Size(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_region(stream: &str, region: Option<&str>, expected: Option<&str>, contradicts: bool) {
        let config = KinesisConfig {
            stream: stream.parse().unwrap(),
            region: region.map(|region| region.parse().unwrap()),
            endpoint_url: None,
            timeout: timeout(),
            order: StreamOrder::Endpoint,
            max_record: max_record(),
            credentials: None,
        };
        let found = config.region();
        assert_eq!(
            (found.as_ref().map(Region::as_str), config.region_contradicts()),
            (expected, contradicts)
        );
    }

    #[test]
    fn the_region_is_written_or_that_of_the_arn() {
        let arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/identity";
        check_region("identity", None, None, false);
        check_region("identity", Some("us-east-1"), Some("us-east-1"), false);
        check_region(arn, None, Some("eu-west-1"), false);
        check_region(arn, Some("eu-west-1"), Some("eu-west-1"), false);
        check_region(arn, Some("us-east-1"), Some("us-east-1"), true);
    }

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(text.parse::<StreamName>().is_ok(), expected, "{text}");
    }

    #[test]
    fn a_stream_has_a_name_or_an_arn() {
        for text in ["a", "identity-events_1.x", "arn:aws:kinesis:eu-west-1:111122223333:stream/identity"] {
            check(text, true);
        }
        for text in [
            "",
            "a b",
            "a/b",
            &"x".repeat(129),
            "arn:aws:firehose:eu-west-1:111122223333:stream/identity",
            "arn:aws:kinesis:eu-west-1:111122223333:stream/",
            "arn:aws:kinesis:eu-west-1:111122223333:stream/a:b",
            "arn:aws:kinesis",
        ] {
            check(text, false);
        }
    }
}
