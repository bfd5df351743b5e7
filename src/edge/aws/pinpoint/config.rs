//! The settings of the Pinpoint destination.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    core::units::{
        Span,
        text::{Form, Text},
    },
    edge::aws::{
        config::{Connection, EndpointUrl, Region},
        roles::config::RoleConfig,
    },
};

/// The id of an application (project), which is part of the address of a request.
pub type ApplicationId = Text<ApplicationForm>;

/// `pinpoint`: the application that events go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PinpointConfig {
    /// The id of the application (project), required. With an `endpoint_url` it may be any id.
    pub application: ApplicationId,
    /// The AWS region. If absent, the AWS SDK takes it from its environment.
    #[schemars(extend("x-allowed" = "an AWS region such as us-east-1"))]
    pub region: Option<Region>,
    /// An address to use instead of AWS's, such as an emulator's.
    #[schemars(extend("x-allowed" = "an address such as http://127.0.0.1:8081, without user and password"))]
    pub endpoint_url: Option<EndpointUrl>,
    /// How long one attempt may take.
    #[schemars(extend("x-from" = "100ms", "x-to" = "5m"))]
    pub timeout: Span,
    /// The role to assume. If absent, the process's own credentials are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RoleConfig")]
    pub credentials: Option<RoleConfig>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApplicationForm {}

impl Form for ApplicationForm {
    const NAME: &'static str = "ApplicationId";
    const ALLOWED: &'static str = "the id of a Pinpoint application (project), 32 hex digits";

    /// Accepts whatever can be one segment of a URL's path, because an emulator may have ids of its own.
    fn admits(text: &str) -> bool {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        !text.is_empty() && text.bytes().all(legal) && text != "." && text != ".."
    }
}

impl PinpointConfig {
    /// A placeholder for the application if nothing is delivered.
    pub const NO_APPLICATION: &str = "00000000000000000000000000000000";

    /// Where the application is.
    #[must_use]
    pub fn connection(&self) -> Connection {
        let Self { region, endpoint_url, timeout, credentials, .. } = self.clone();
        Connection { region, endpoint_url, timeout, credentials }
    }

    /// Whether the application's id has the form that the service at the address expects.
    #[must_use]
    pub fn application_fits(&self) -> bool {
        let id = &self.application;
        self.endpoint_url.is_some() || id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

impl Default for PinpointConfig {
    /// Uses a placeholder for the application, which has no default.
    fn default() -> Self {
        Self {
            application: ApplicationId::literal(Self::NO_APPLICATION),
            region: None,
            endpoint_url: None,
            timeout: Span(Duration::from_secs(10)),
            credentials: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(text.parse::<ApplicationId>().is_ok(), expected, "{text}");
    }

    #[test]
    fn an_application_can_be_a_part_of_an_address() {
        for id in ["0123456789abcdef0123456789abcdef", "my-app_1.x~y"] {
            check(id, true);
        }
        for id in ["", ".", "..", "a/b", "a b", "a?b", "a%2fb", "ü"] {
            check(id, false);
        }
    }
}
