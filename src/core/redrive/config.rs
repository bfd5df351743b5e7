//! The settings of redriving.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{map::config::value::Secret, units::text::TopicName};

/// `redrive`: how dead letters are written back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedriveConfig {
    /// The key that seals the headers of redriven records. `redrive` needs it, and so does each replica.
    #[schemars(extend("x-allowed" = "a text of at least 16 characters"))]
    pub secret: Option<Secret>,
    /// The topic that records are redriven to. By default it is the one that each came from.
    #[schemars(extend("x-allowed" = "one of `source.topics`"))]
    pub topic: Option<TopicName>,
}
