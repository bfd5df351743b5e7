//! What can be set of the Pinpoint destination.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::units::Span;

/// `destination.pinpoint`: the application that events go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PinpointConfig {
    /// The application (project) id; must be given.
    #[schemars(extend("x-allowed" = "the id of a Pinpoint application (project), 32 hex digits"))]
    pub application: String,
    /// The AWS region; where left out, what the AWS SDK finds in its environment.
    #[schemars(extend("x-allowed" = "an AWS region such as us-east-1"))]
    pub region: Option<String>,
    /// Another address than AWS's, such as an emulator's.
    #[schemars(extend("x-allowed" = "an address such as http://127.0.0.1:8081, without user and password"))]
    pub endpoint_url: Option<String>,
    /// How long one attempt may take.
    #[schemars(extend("x-from" = "100ms", "x-to" = "5m"))]
    pub timeout: Span,
}

impl Default for PinpointConfig {
    /// All that has a default; the application has none and is empty.
    fn default() -> Self {
        Self {
            application: String::new(),
            region: None,
            endpoint_url: None,
            timeout: Span(Duration::from_secs(10)),
        }
    }
}
