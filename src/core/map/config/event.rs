//! The settings of app events, in addition to what events always carry.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::map::config::{field::Field, value::Value};

/// The maximum number of attributes and metrics in total that an event may have at the destination.
pub const MOST_KEYS: usize = 40;

/// The maximum length of the name of an attribute or a metric, of events and endpoints alike, in characters.
pub const LONGEST_KEY: usize = 50;

/// The attributes that the mapping itself adds to events, where they apply.
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

/// `event`: what app events carry in addition to what they always carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventConfig {
    /// Attributes, by name.
    pub attributes: BTreeMap<String, Value>,
    /// Metrics, by name. A value that is not a finite number is left out.
    pub metrics: BTreeMap<String, Field>,
    /// The application that events are reported for.
    pub app: AppConfig,
}

/// `event.app`: the application that events are reported for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AppConfig {
    /// The name of the application.
    pub title: Option<Value>,
    /// The version of the application.
    pub version_code: Option<Value>,
    /// The name of the application's package, such as `com.example.app`.
    pub package_name: Option<Value>,
}

impl EventConfig {
    /// The fields that the keys name.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let app = [&self.app.title, &self.app.version_code, &self.app.package_name];
        let values = self.attributes.values().chain(app.into_iter().flatten());
        values.filter_map(Value::field).chain(self.metrics.values())
    }
}
