//! What can be set of app events beside what they always carry.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::map::config::{field::Field, value::Value};

/// How many attributes and metrics an event may have together at the destination.
pub const MOST_KEYS: usize = 40;

/// The longest name of an attribute or a metric, of events and endpoints alike, in characters.
pub const LONGEST_KEY: usize = 50;

/// The attributes that events have of their own, where they apply.
pub const OWN_ATTRIBUTES: [&str; 8] = [
    "client_id",
    "error",
    "event_id",
    "realm",
    "reason",
    "session_id",
    "session_start_unknown",
    "source_event_id",
];

/// `event`: what app events carry beside what they always do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventConfig {
    /// Attributes, by name.
    pub attributes: BTreeMap<String, Value>,
    /// Metrics, by name; a value that is no finite number is left out.
    pub metrics: BTreeMap<String, Field>,
    /// The application that events are reported for.
    pub app: AppConfig,
}

/// `event.app`: the application that events are reported for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AppConfig {
    /// Its name.
    pub title: Option<Value>,
    /// Its version.
    pub version_code: Option<Value>,
    /// The name of its package, such as `com.example.app`.
    pub package_name: Option<Value>,
}

impl EventConfig {
    /// The fields that its keys name.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let app = [&self.app.title, &self.app.version_code, &self.app.package_name];
        let values = self.attributes.values().chain(app.into_iter().flatten());
        values.filter_map(Value::field).chain(self.metrics.values())
    }
}
