//! What can be set of the mapping, the table of its sessions included.

use std::{num::NonZeroUsize, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{
    session_table::config::TableConfig,
    units::{Span, or_off},
};

pub mod endpoint;
pub mod event;
pub mod field;
pub mod value;

/// `sessions`: how many sessions are remembered, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionsConfig {
    /// How many, at most.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max: NonZeroUsize,
    /// How long after they were last heard of.
    #[schemars(extend("x-from" = "1m", "x-to" = "8760h"))]
    pub max_age: Span,
    /// Without activity for so long a session pauses, told by the times of events and not by the clock:
    /// longer than clocks may be ahead of each other.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<Span>", extend("x-from" = "10m", "x-to" = "8760h"))]
    pub pause_after: Option<Span>,
    /// Without activity for so long a session stops, with the reason `timeout`.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<Span>", extend("x-from" = "10m", "x-to" = "8760h"))]
    pub timeout: Option<Span>,
    /// The topic that replicas share their sessions by, and that a restart reads them from; without it
    /// they are kept in memory alone.
    pub table: Option<TableConfig>,
}

impl Default for SessionsConfig {
    fn default() -> Self {
        Self {
            max: NonZeroUsize::new(100_000).unwrap_or(NonZeroUsize::MIN),
            max_age: Span(Duration::from_hours(24)),
            pause_after: None,
            timeout: None,
            table: None,
        }
    }
}
