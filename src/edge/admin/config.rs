//! The settings of the admin pages.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `admin`: liveness, readiness, metrics and status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// The address to listen on.
    #[schemars(with = "String", extend("x-allowed" = "an IP address and a port such as 0.0.0.0:9464 or [::]:9464"))]
    pub listen: SocketAddr,
    /// What readiness depends on.
    pub readiness: Readiness,
}

/// What readiness depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "process, or delivery: not ready during a hold"))]
pub enum Readiness {
    /// The process alone: ready once started and until it drains.
    Process,
    /// The process and the delivery: not ready during a hold, and while the session table is being read.
    Delivery,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([0, 0, 0, 0], 9464)), readiness: Readiness::Process }
    }
}
