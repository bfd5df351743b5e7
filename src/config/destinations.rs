//! The destinations, as the composition root builds them.
//!
//! Knows nothing of what a kind does.

use std::{num::NonZeroU32, time::Duration};

pub(super) use self::sections::{INHERITED, KINDS};
pub use self::{
    quota::{DomainQuota, Service},
    sections::{DestinationSection, NamedDestination},
};
use crate::{
    config::Config,
    core::{
        dead_letter::config::DeadLetterConfig,
        pipeline::config::{BatchConfig, QuotaConfig, RetryConfig},
        route::{RouteProblems, Router},
        stream_record::config::{AccountId, RecordConfig},
        units::text::DestinationName,
    },
    edge::{
        aws::{
            config::{Connection, Region},
            eventbridge::config::EventBridgeConfig,
            firehose::config::FirehoseConfig,
            kinesis::config::KinesisConfig,
            pinpoint::config::PinpointConfig,
            roles::config::RoleConfig,
        },
        kafka::destination::{ServiceTopics, config::KafkaConfig},
    },
};

mod quota;
mod sections;

/// A destination with all its settings.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationConfig {
    pub name: DestinationName,
    pub kind: DestinationKind,
    /// Its own quota within that of its domain.
    pub cap: Option<QuotaConfig>,
    pub batch: BatchConfig,
    pub retry: RetryConfig,
    /// How long it may be blocked before its records go to the dead letters; `None` means for ever.
    pub spill: Option<Duration>,
    /// What all its records state alike, with the account that they name.
    pub record: RecordConfig,
    /// The index of its quota domain in [`Config::domains`].
    pub domain: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DestinationKind {
    Pinpoint(PinpointConfig),
    Kafka(KafkaConfig),
    Kinesis(KinesisConfig),
    Firehose(FirehoseConfig),
    EventBridge(EventBridgeConfig),
}

impl Config {
    /// The destinations, whose indices are their ids.
    #[must_use]
    pub fn destinations(&self) -> Vec<DestinationConfig> {
        let domains = self.quota_domains();
        let place =
            |kind: &DestinationKind| domains.iter().position(|one| *one == self.domain(kind)).unwrap_or(0);
        if self.destinations.is_empty() {
            let kind = self.destination.kind();
            return vec![DestinationConfig {
                name: DestinationName::literal(ONLY),
                domain: place(&kind),
                record: kind.record(&self.record),
                kind,
                cap: None,
                batch: self.batch.clone(),
                retry: self.retry.clone(),
                spill: None,
            }];
        }
        let named = self.destinations.iter().map(|(name, one)| {
            let (kind, domain) = (one.kind(), place(&one.kind()));
            // All replicas together keep to it, also where its domain has no quota that they divide.
            let cap = |requests_per_second| QuotaConfig {
                requests_per_second,
                in_flight: NonZeroU32::MAX,
                share: self.quota.share,
            };
            DestinationConfig {
                name: name.clone(),
                cap: one.quota.requests_per_second.map(cap),
                batch: one.batch.clone(),
                retry: one.retry.clone(),
                spill: one.spill.after.map(|after| after.0),
                record: kind.record(&one.record),
                kind,
                domain,
            }
        });
        named.collect()
    }

    /// The destination of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn destination(&self, name: &str) -> Result<DestinationConfig, UnknownDestination> {
        let (found, others): (Vec<_>, Vec<_>) =
            self.destinations().into_iter().partition(|one| *one.name == *name);
        let names = || others.into_iter().map(|one| one.name.to_string()).collect::<Vec<_>>().join(", ");
        found.into_iter().next().ok_or_else(|| UnknownDestination { names: names() })
    }

    /// The topics that the service itself reads and writes.
    #[must_use]
    pub fn service_topics(&self) -> ServiceTopics {
        let letters = match &self.dead_letter.target {
            DeadLetterConfig::Topic(topic) => Some(topic.clone()),
            DeadLetterConfig::Discard => None,
        };
        let table = self.sessions.table.as_ref().map(|table| table.topic.clone());
        let topics = self.source.topics.iter().cloned().chain(letters).chain(table).collect();
        ServiceTopics { cluster: self.source.cluster(), topics }
    }

    /// The router of events to destinations.
    ///
    /// # Errors
    /// If the routes are wrong, which the reading of the configuration has already ruled out.
    pub fn router(&self) -> Result<Router, RouteProblems> {
        Router::new(&self.destination_names(), &self.routes, self.unrouted)
    }

    pub(super) fn destination_names(&self) -> Vec<DestinationName> {
        self.destinations().into_iter().map(|one| one.name).collect()
    }

    /// A region for the process's own requests to AWS, if every destination there names its own. Otherwise it
    /// must be found in the environment, as that of the others.
    #[must_use]
    pub fn common_region(&self) -> Option<Region> {
        let kinds = self.kinds();
        let mut regions = kinds.iter().filter(|(_, kind)| kind.is_at_aws()).map(|(_, kind)| kind.region());
        let first = regions.next()??;
        regions.all(|region| region.is_some()).then_some(first)
    }

    /// The kind of each destination, with the path of the destination's section.
    pub(super) fn kinds(&self) -> Vec<(Vec<&str>, DestinationKind)> {
        if self.destinations.is_empty() {
            return vec![(vec!["destination"], self.destination.kind())];
        }
        let named = self.destinations.iter();
        named.map(|(name, one)| (vec!["destinations", name.as_str()], one.kind())).collect()
    }
}

/// A command line names a destination that there is not.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("--destination names no destination of the configuration: {names}")]
pub struct UnknownDestination {
    /// Those that there are.
    names: String,
}

/// The name of a single destination.
pub const ONLY: &str = "default";

impl DestinationKind {
    /// Where it is at AWS, and with whose credentials it is delivered to; `None` if it is not at AWS.
    #[must_use]
    pub fn connection(&self) -> Option<Connection> {
        match self {
            Self::Pinpoint(config) => Some(config.connection()),
            Self::Kinesis(config) => Some(config.connection()),
            Self::Firehose(config) => Some(config.connection()),
            Self::EventBridge(config) => Some(config.connection()),
            Self::Kafka(_) => None,
        }
    }

    /// The role that it is delivered to with, instead of the process's own credentials.
    #[must_use]
    pub fn role(&self) -> Option<RoleConfig> {
        self.connection()?.credentials
    }

    fn is_at_aws(&self) -> bool {
        self.connection().is_some()
    }

    /// The region at AWS, if one is written.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        self.connection()?.region
    }

    /// The account in the ARN of where it is delivered to, if one is written.
    #[must_use]
    pub fn resource_account(&self) -> Option<AccountId> {
        let resource = match self {
            Self::Kinesis(kinesis) => &*kinesis.stream,
            Self::EventBridge(eventbridge) => &*eventbridge.bus,
            Self::Pinpoint(_) | Self::Firehose(_) | Self::Kafka(_) => return None,
        };
        resource.strip_prefix("arn:")?.split(':').nth(3)?.parse().ok()
    }

    /// The settings of its records. If `config` names no account, they name that of the role, or else that of
    /// where it is delivered to.
    pub(super) fn record(&self, config: &RecordConfig) -> RecordConfig {
        let of_role = || self.role()?.account();
        let account_id = config.account_id.clone().or_else(of_role).or_else(|| self.resource_account());
        RecordConfig { account_id, ..config.clone() }
    }
}
