//! The settings of an EventBridge destination.

use std::{num::NonZeroU32, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    core::{
        stream_record::config::AccountId,
        units::{
            Span,
            text::{Form, Text},
        },
    },
    edge::aws::{
        config::{Connection, EndpointUrl, Region},
        roles::config::RoleConfig,
    },
};

/// The ARN of a custom bus, or the name or ARN of a classic one.
pub type BusName = Text<BusForm>;

/// The source that events name.
pub type EventSource = Text<SourceForm>;

/// `eventbridge`: the bus that events go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-allowed" = "a mapping with `bus`, `source`, `region`, `endpoint_url`, `timeout`, `groups` and `credentials`"))]
pub struct EventBridgeConfig {
    /// The ARN of a custom bus, or the name or ARN of a classic bus, required.
    pub bus: BusName,
    /// The source that events name, required. Rules and subscribers select events by it.
    pub source: EventSource,
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
    /// The number of event groups of a custom bus, 1000 if absent. All events of an endpoint are in one group,
    /// which keeps their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub groups: Option<NonZeroU32>,
    /// The role to assume. If absent, the process's own credentials are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RoleConfig")]
    pub credentials: Option<RoleConfig>,
}

impl EventBridgeConfig {
    /// The ARN of the bus if it is a custom bus.
    #[must_use]
    pub fn custom_bus(&self) -> Option<&str> {
        Some(self.bus.as_str()).filter(|bus| resource(bus).is_some_and(|it| it.starts_with(CUSTOM)))
    }

    /// The number of event groups.
    pub(super) fn groups(&self) -> u32 {
        self.groups.map_or(GROUPS, NonZeroU32::get)
    }

    /// Where the bus is.
    #[must_use]
    pub fn connection(&self) -> Connection {
        let Self { endpoint_url, timeout, credentials, .. } = self.clone();
        Connection { region: self.region(), endpoint_url, timeout, credentials }
    }

    /// Whether the ARN is of another region than the one that is written.
    #[must_use]
    pub fn region_contradicts(&self) -> bool {
        let written = self.region.as_ref().map(Region::as_str);
        written.zip(self.region_of_arn()).is_some_and(|(written, of_arn)| written != of_arn)
    }

    /// The region that is written, or else that of the bus's ARN.
    fn region(&self) -> Option<Region> {
        self.region.clone().or_else(|| self.region_of_arn()?.parse().ok())
    }

    fn region_of_arn(&self) -> Option<&str> {
        self.bus.strip_prefix("arn:")?.split(':').nth(2)
    }
}

/// The number of event groups if none is written. AWS advises a bounded number.
const GROUPS: u32 = 1000;

const CUSTOM: &str = "event-busv2/";
const CLASSIC: &str = "event-bus/";

/// The last part of a bus's ARN.
fn resource(bus: &str) -> Option<&str> {
    let mut parts = bus.strip_prefix("arn:")?.split(':');
    let (_, service, region, account) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let resource = parts.next()?;
    let is_somewhere = region.parse::<Region>().is_ok() && account.parse::<AccountId>().is_ok();
    (service == "events" && is_somewhere && parts.next().is_none()).then_some(resource)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BusForm {}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceForm {}

impl Form for BusForm {
    const NAME: &'static str = "BusName";
    const ALLOWED: &'static str = "the ARN of a custom event bus; or the name of a classic event bus, 1 to 256 letters, \
                                   digits, dots, underscores, hyphens and slashes, or its ARN";

    fn admits(text: &str) -> bool {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/');
        let is_name = |text: &str| (1..=256).contains(&text.len()) && text.bytes().all(legal);
        if !text.starts_with("arn:") {
            return is_name(text);
        }
        let Some(resource) = resource(text) else { return false };
        match (resource.strip_prefix(CUSTOM), resource.strip_prefix(CLASSIC)) {
            (Some(bus), _) => bus
                .split_once('/')
                .is_some_and(|(name, id)| is_name(name) && is_name(id) && !id.contains('/')),
            (_, Some(name)) => is_name(name),
            _ => false,
        }
    }
}

impl Form for SourceForm {
    const NAME: &'static str = "EventSource";
    const ALLOWED: &'static str = "the source of the events such as com.example.identity, 1 to 256 printable ASCII \
                                   characters that do not begin with `aws.`";

    fn admits(text: &str) -> bool {
        (1..=256).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && !text.to_ascii_lowercase().starts_with("aws.")
    }
}

fn timeout() -> Span {
    Span(Duration::from_secs(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUSTOM_BUS: &str =
        "arn:aws:events:eu-west-1:111122223333:event-busv2/identity/abcdefghij0123456789abcde";
    const CLASSIC_BUS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/identity";

    #[track_caller]
    fn check_region(bus: &str, region: Option<&str>, expected: Option<&str>, contradicts: bool) {
        let config = serde_json::json!({ "bus": bus, "source": "com.example", "region": region });
        let config: EventBridgeConfig = serde_json::from_value(config).unwrap();
        let found = config.connection().region;
        let found = found.as_ref().map(Region::as_str);
        assert_eq!((found, config.region_contradicts()), (expected, contradicts), "{bus}");
        assert_eq!(config.custom_bus().is_some(), bus == CUSTOM_BUS);
    }

    #[test]
    fn the_region_is_written_or_that_of_the_arn() {
        check_region("default", None, None, false);
        check_region("default", Some("us-east-1"), Some("us-east-1"), false);
        for arn in [CUSTOM_BUS, CLASSIC_BUS] {
            check_region(arn, None, Some("eu-west-1"), false);
            check_region(arn, Some("eu-west-1"), Some("eu-west-1"), false);
            check_region(arn, Some("us-east-1"), Some("us-east-1"), true);
        }
    }

    #[track_caller]
    fn check<F: Form>(text: &str, expected: bool) {
        assert_eq!(text.parse::<Text<F>>().is_ok(), expected, "{text}");
    }

    #[test]
    fn a_bus_has_an_arn_or_a_name() {
        for text in ["default", "aws.partner/example.com/1", "a.b_c-1", CUSTOM_BUS, CLASSIC_BUS] {
            check::<BusForm>(text, true);
        }
        for text in [
            "",
            "a b",
            &"x".repeat(257),
            "arn:aws:events",
            "arn:aws:kinesis:eu-west-1:111122223333:event-bus/identity",
            "arn:aws:events:eu-west-1:111122223333:event-busv2/identity",
            "arn:aws:events:eu-west-1:111122223333:event-busv2/identity/a/b",
            "arn:aws:events:eu-west-1:111122223333:event-bus/",
            "arn:aws:events:eu-west-1:111122223333:rule/identity",
            "arn:aws:events:eu-west-1:111122223333:event-bus/a:b",
        ] {
            check::<BusForm>(text, false);
        }
    }

    #[test]
    fn a_source_is_not_that_of_aws() {
        for text in ["com.example.identity", "identity", "aws", &"x".repeat(256)] {
            check::<SourceForm>(text, true);
        }
        for text in ["", "aws.identity", "AWS.identity", "a b", "ü", &"x".repeat(257)] {
            check::<SourceForm>(text, false);
        }
    }
}
