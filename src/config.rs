//! The configuration: one YAML file. Every key can also be set by a variable, and any text read from a file
//! of its own.
//!
//! Only this module composes the settings of the parts, and only it reads files and the environment: once,
//! before anything starts. All problems are listed at once, each with its key, its origin and what is
//! allowed. A value may be a secret, so no problem and no `Debug` output repeats it, and the effective
//! configuration shows it only if it is known to hold no secret.
//!
//! ```text
//! yaml ─► tree ◄─ environment          what was written, and where
//!          └─► read ─► Config ─► rules  each key by the schema of its part's type, then what must agree
//!                        └─► effective  what came out, for `check`
//! ```

use std::{collections::BTreeMap, ffi::OsString, fs, io, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        destinations::{DestinationSection, DomainQuota, NamedDestination},
        problem::{Problems, SettingOrigin},
        sections::{DeadLetterSection, ShutdownConfig},
        tree::YamlNode,
    },
    core::{
        map::config::{SessionsConfig, endpoint::EndpointConfig, event::EventConfig, field::Field},
        pipeline::config::{BatchConfig, CommitConfig, MemoryConfig, QuotaConfig, RetryConfig},
        redrive::config::RedriveConfig,
        route::config::{RouteConfig, Unrouted},
        stream_record::config::RecordConfig,
        units::{
            self,
            text::{DestinationForm, DestinationName, Form as _},
        },
    },
    edge::{
        admin::config::AdminConfig, aws::config::Region, kafka::consumer::config::SourceConfig,
        log::LogConfig,
    },
};

pub mod destinations;
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

/// All settings. A `Config` that exists is valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "pinpoint-sidecar", description = "The configuration of pinpoint-sidecar")]
pub struct Config {
    /// The Kafka topics that are read.
    pub source: SourceConfig,
    /// Where events go if there is one destination.
    pub destination: DestinationSection,
    /// Where events go if there are several destinations, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "x-allowed" = "a mapping with the names of destinations and the settings of each",
        "x-names" = DestinationForm::ALLOWED,
    ))]
    pub destinations: BTreeMap<DestinationName, NamedDestination>,
    /// How much of the destination's quota this service may use, all its replicas together.
    pub quota: QuotaConfig,
    /// The quotas of services and regions that differ from `quota`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "units::list")]
    #[schemars(extend("x-allowed" = "a list of at least one quota", "minItems" = 1))]
    pub quotas: Vec<DomainQuota>,
    /// How events are combined into requests.
    pub batch: BatchConfig,
    /// How long to wait before sending again.
    pub retry: RetryConfig,
    /// Which events go to which destinations: the first route whose conditions all hold decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-allowed" = "a list of at least one route", "minItems" = 1))]
    pub routes: Vec<RouteConfig>,
    /// What happens to an event that no route matches. Required if there are routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-allowed" = "dead_letter or ignore"))]
    pub unrouted: Option<Unrouted>,
    /// How many sessions are remembered, and for how long.
    pub sessions: SessionsConfig,
    /// Whose endpoint an event goes to, and what is stated about it.
    pub endpoint: EndpointConfig,
    /// What events carry in addition to what they always carry.
    pub event: EventConfig,
    /// What the records of all destinations but Pinpoint state alike.
    pub record: RecordConfig,
    /// What happens to records that can never be delivered.
    pub dead_letter: DeadLetterSection,
    /// How dead letters are written back.
    pub redrive: RedriveConfig,
    /// How much memory unsettled records may take.
    pub memory: MemoryConfig,
    /// How often settled positions are committed.
    pub commit: CommitConfig,
    /// How the service ends.
    pub shutdown: ShutdownConfig,
    /// Liveness, readiness, metrics and status.
    pub admin: AdminConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// The region of the destinations and quotas that name none, once it is known.
    #[serde(skip)]
    pub region: Option<Region>,
}

/// Where the configuration is read from.
#[derive(Default)]
pub struct Sources {
    /// The YAML file, if there is one.
    pub file: Option<PathBuf>,
    /// The environment. Only variables that start with `PINPOINT_SIDECAR__` are read.
    pub environment: Vec<(OsString, OsString)>,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the configuration file {} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error(transparent)]
    Invalid(#[from] Problems),
}

/// Reads the configuration for a delivery.
///
/// # Errors
/// If the file cannot be read, or the configuration has problems, all of which are listed.
pub fn load(sources: &Sources) -> Result<Config, LoadError> {
    load_with(sources, Purpose::Delivery)
}

/// Reads the configuration for a use that delivers nothing. The settings that only a delivery needs (the
/// application, and what happens to dead letters) may be missing.
///
/// # Errors
/// For the same reasons as [`load`].
pub fn load_for_mapping(sources: &Sources) -> Result<Config, LoadError> {
    load_with(sources, Purpose::Mapping)
}

/// What the configuration is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Delivery,
    /// Requires neither the application nor the setting of dead letters.
    Mapping,
}

fn load_with(sources: &Sources, purpose: Purpose) -> Result<Config, LoadError> {
    let mut problems = Problems::default();
    let mut tree = YamlNode::default();
    if let Some(path) = &sources.file {
        let unreadable = |cause| LoadError::Unreadable { path: path.clone(), cause };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        match yaml::parse(&text, &SettingOrigin::file(path), &[], &mut problems) {
            Some(written) => tree = written,
            // All settings of an unreadable file would be reported as missing, which tells the reader nothing
            // new.
            None => return Err(problems.into()),
        }
    }
    let schema = schema::published();
    let schema = schema::Schema::new(&schema);
    environment::lay_over(&mut tree, &sources.environment, schema, &mut problems);
    let config = read::read(&tree, schema, purpose, &mut problems);
    rules::check(&config, &tree, purpose, &mut problems);
    if problems.is_empty() { Ok(config) } else { Err(problems.into()) }
}

impl Config {
    /// Whether any key reads an attribute of the provider's own.
    #[must_use]
    pub fn wants_attributes(&self) -> bool {
        self.endpoint.fields().chain(self.event.fields()).any(|field| matches!(field, Field::Attribute(_)))
    }

    /// The effective configuration as YAML, with secrets masked.
    #[must_use]
    pub fn effective(&self) -> String {
        effective::yaml(self)
    }
}

impl Default for Config {
    /// All defaults. The application and what happens to dead letters have none: their placeholders never
    /// leave this module without a problem.
    fn default() -> Self {
        Self {
            source: SourceConfig::default(),
            destination: DestinationSection::default(),
            destinations: BTreeMap::new(),
            quota: QuotaConfig::default(),
            quotas: Vec::new(),
            batch: BatchConfig::default(),
            retry: RetryConfig::default(),
            routes: Vec::new(),
            unrouted: None,
            sessions: SessionsConfig::default(),
            endpoint: EndpointConfig::default(),
            event: EventConfig::default(),
            record: RecordConfig::default(),
            dead_letter: DeadLetterSection::default(),
            redrive: RedriveConfig::default(),
            memory: MemoryConfig::default(),
            commit: CommitConfig::default(),
            shutdown: ShutdownConfig::default(),
            admin: AdminConfig::default(),
            log: LogConfig::default(),
            region: None,
        }
    }
}

#[cfg(test)]
mod tests;
