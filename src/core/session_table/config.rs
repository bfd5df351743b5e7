//! The settings of the session table.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::units::{Span, text::TopicName};

/// `sessions.table`: the compacted Kafka topic through which replicas share their sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TableConfig {
    /// The topic. It is created if it does not exist and the service may create it.
    #[schemars(extend("x-allowed" = "the name of a Kafka topic that is not read"))]
    pub topic: TopicName,
    /// How long the first reading of the topic may take before the process ends.
    #[schemars(extend("x-from" = "1s", "x-to" = "24h"))]
    pub load_timeout: Span,
}

impl Default for TableConfig {
    fn default() -> Self {
        Self {
            topic: TopicName::literal("pinpoint-sidecar-sessions"),
            load_timeout: Span(Duration::from_mins(10)),
        }
    }
}
