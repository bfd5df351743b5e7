//! The configuration: one YAML file, every key also by environment, any text also from a file of its own.
//!
//! The only place that composes the parts' own settings, and the only one that reads files and the
//! environment, once, before anything starts. All problems are listed at once, each with its key, where it
//! was written and what is allowed. What was written is never repeated, as it may be a secret: not in a
//! problem, not in `Debug`, and not in the effective configuration unless it is known to hold none.
//!
//! ```text
//! yaml ─► tree ◄─ environment          what was written, and where
//!          └─► read ─► Config ─► rules  each key by the schema of its part's type, then what must agree
//!                        └─► effective  what came out, for `check`
//! ```

use std::{ffi::OsString, fs, io, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        problem::{Origin, Problems},
        sections::{DeadLetterSection, DestinationSection, ShutdownConfig},
        tree::Node,
    },
    core::{
        map::config::{SessionsConfig, endpoint::EndpointConfig, event::EventConfig, field::Field},
        pipeline::config::{BatchConfig, CommitConfig, MemoryConfig, QuotaConfig, RetryConfig},
    },
    edge::{admin::config::AdminConfig, kafka::consumer::config::SourceConfig, log::LogConfig},
};

mod effective;
mod environment;
mod file;
pub mod problem;
mod read;
mod rules;
mod schema;
pub mod sections;
mod tree;
mod yaml;

pub use schema::published as schema;

/// Everything that can be set; one that exists is valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "pinpoint-sidecar", description = "The configuration of pinpoint-sidecar")]
pub struct Config {
    /// The Kafka topics that are read.
    pub source: SourceConfig,
    /// Where events go.
    pub destination: DestinationSection,
    /// How much of the destination's quota this service may use, all its replicas together.
    pub quota: QuotaConfig,
    /// How events are put together into requests.
    pub batch: BatchConfig,
    /// How long to wait before sending again.
    pub retry: RetryConfig,
    /// How many sessions are remembered, and for how long.
    pub sessions: SessionsConfig,
    /// Whose endpoint an event goes to, and what is said of it.
    pub endpoint: EndpointConfig,
    /// What events carry beside what they always do.
    pub event: EventConfig,
    /// What becomes of records that can never be delivered.
    pub dead_letter: DeadLetterSection,
    /// How much the records that are not settled may take.
    pub memory: MemoryConfig,
    /// How often settled positions are committed.
    pub commit: CommitConfig,
    /// How the service ends.
    pub shutdown: ShutdownConfig,
    /// Liveness, readiness, metrics and status.
    pub admin: AdminConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// Stands for the application where nothing is delivered.
const NO_APPLICATION: &str = "00000000000000000000000000000000";

/// Where a configuration is read from.
#[derive(Default)]
pub struct Sources {
    /// The YAML file, where there is one.
    pub file: Option<PathBuf>,
    /// The environment; only variables that start with `PINPOINT_SIDECAR__` are looked at.
    pub environment: Vec<(OsString, OsString)>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// There is something wrong with what is written.
    #[error(transparent)]
    Invalid(#[from] Problems),
}

/// Reads the configuration.
///
/// # Errors
/// When the file cannot be read, or with all that is wrong with what is written.
pub fn load(sources: &Sources) -> Result<Config, LoadError> {
    load_with(sources, |_| {})
}

/// Reads the configuration for a use that delivers nothing: what must be given for a delivery (the
/// application, and what becomes of dead letters) may be missing.
///
/// # Errors
/// As [`load`].
pub fn load_for_mapping(sources: &Sources) -> Result<Config, LoadError> {
    load_with(sources, |tree| {
        let placeholders =
            [("destination.pinpoint.application", NO_APPLICATION), ("dead_letter.discard", "true")];
        for (key, text) in placeholders {
            let path: Vec<_> = key.split('.').map(str::to_owned).collect();
            // A dead letters' section that is there is held to its rules.
            let given = if path[0] == "dead_letter" { &path[..1] } else { &path[..] };
            if tree.at(given).is_none() {
                tree.set(&path, Node::scalar(text));
            }
        }
    })
}

fn load_with(sources: &Sources, complete: impl FnOnce(&mut Node)) -> Result<Config, LoadError> {
    let mut problems = Problems::default();
    let mut tree = Node::default();
    if let Some(path) = &sources.file {
        let unreadable = |cause| LoadError::Unreadable { path: path.clone(), cause };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        match yaml::parse(&text, &Origin::file(path), &[], &mut problems) {
            Some(written) => tree = written,
            // Without the file all that it says would be missing, which says nothing new.
            None => return Err(problems.into()),
        }
    }
    let schema = schema::published();
    let schema = schema::Schema::new(&schema);
    environment::lay_over(&mut tree, &sources.environment, schema, &mut problems);
    complete(&mut tree);
    let config = read::read(&tree, schema, &mut problems);
    rules::check(&config, &tree, &mut problems);
    if problems.is_empty() { Ok(config) } else { Err(problems.into()) }
}

impl Config {
    /// Whether a key names an attribute of the provider's own.
    #[must_use]
    pub fn wants_attributes(&self) -> bool {
        self.endpoint.fields().chain(self.event.fields()).any(|field| matches!(field, Field::Attribute(_)))
    }

    /// The effective configuration as YAML, secrets masked.
    #[must_use]
    pub fn effective(&self) -> String {
        effective::yaml(self)
    }
}

impl Default for Config {
    /// All that has a default. The application and what becomes of dead letters have none: what stands in
    /// for them here never leaves this module without a problem.
    fn default() -> Self {
        Self {
            source: SourceConfig::default(),
            destination: DestinationSection::default(),
            quota: QuotaConfig::default(),
            batch: BatchConfig::default(),
            retry: RetryConfig::default(),
            sessions: SessionsConfig::default(),
            endpoint: EndpointConfig::default(),
            event: EventConfig::default(),
            dead_letter: DeadLetterSection::default(),
            memory: MemoryConfig::default(),
            commit: CommitConfig::default(),
            shutdown: ShutdownConfig::default(),
            admin: AdminConfig::default(),
            log: LogConfig::default(),
        }
    }
}

#[cfg(test)]
mod tests;
