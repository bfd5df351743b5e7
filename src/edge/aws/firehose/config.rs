//! The settings of a Firehose destination.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    core::units::{
        Size, Span, or_off,
        text::{Form, Text},
    },
    edge::aws::{
        config::{Connection, EndpointUrl, Region},
        roles::config::RoleConfig,
    },
};

/// The name of a Firehose stream.
pub type DeliveryStreamName = Text<DeliveryStreamForm>;

/// `firehose`: the Firehose stream that events go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-allowed" = "a mapping with `stream`, `region`, `endpoint_url`, `timeout`, `newline`, `pack` and `credentials`"))]
pub struct FirehoseConfig {
    /// The name of the stream, required.
    pub stream: DeliveryStreamName,
    /// The AWS region. If absent, the AWS SDK takes it from its environment.
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
    /// Whether each record ends with a newline. The service joins records as they are.
    #[serde(default = "newline")]
    pub newline: bool,
    /// The size up to which events are joined, with newlines, into one record of the service.
    #[serde(default, with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<Size>", extend("x-from" = "1KiB", "x-to" = "1000000"))]
    pub pack: Option<Size>,
    /// The role to assume. If absent, the process's own credentials are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RoleConfig")]
    pub credentials: Option<RoleConfig>,
}

impl FirehoseConfig {
    /// Where the stream is.
    #[must_use]
    pub fn connection(&self) -> Connection {
        let Self { region, endpoint_url, timeout, credentials, .. } = self.clone();
        Connection { region, endpoint_url, timeout, credentials }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryStreamForm {}

impl Form for DeliveryStreamForm {
    const NAME: &'static str = "DeliveryStreamName";
    const ALLOWED: &'static str =
        "the name of a Firehose stream, 1 to 64 letters, digits, dots, underscores and hyphens";

    /// The service takes no ARN.
    fn admits(text: &str) -> bool {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        (1..=64).contains(&text.len()) && text.bytes().all(legal)
    }
}

fn timeout() -> Span {
    Span(Duration::from_secs(10))
}

fn newline() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(text.parse::<DeliveryStreamName>().is_ok(), expected, "{text}");
    }

    #[test]
    fn a_stream_has_a_name() {
        for text in ["a", "identity-to-s3_1.x", &"x".repeat(64)] {
            check(text, true);
        }
        for text in
            ["", "a b", "a/b", &"x".repeat(65), "arn:aws:firehose:eu-west-1:111122223333:deliverystream/a"]
        {
            check(text, false);
        }
    }
}
