//! The settings of the mapping, including those of the session table.

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
    /// The greatest number of sessions.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max: NonZeroUsize,
    /// How long a session is remembered after the last event about it.
    #[schemars(extend("x-from" = "1m", "x-to" = "8760h"))]
    pub max_age: Span,
    /// A session pauses after this time without activity, measured by the times of events, not by the clock.
    /// It must be longer than clocks may differ.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<Span>", extend("x-from" = "10m", "x-to" = "8760h"))]
    pub pause_after: Option<Span>,
    /// A session stops after this time without activity, with the reason `timeout`.
    #[serde(with = "or_off")]
    #[schemars(schema_with = "or_off::schema::<Span>", extend("x-from" = "10m", "x-to" = "8760h"))]
    pub timeout: Option<Span>,
    /// The topic through which replicas share their sessions and from which a restart reads them. If it is
    /// absent, sessions are kept in memory alone.
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
