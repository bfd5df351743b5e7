//! The destinations, as the composition root builds them.
//!
//! Knows nothing of what a kind does.

use std::time::Duration;

pub(super) use self::sections::KINDS;
pub use self::{
    quota::{DomainQuota, Service},
    sections::{DestinationSection, NamedDestination},
};
use crate::{
    config::Config,
    core::{
        dead_letter::config::DeadLetterConfig,
        pipeline::config::{BatchConfig, RetryConfig},
        route::{RouteProblems, Router},
        units::text::DestinationName,
    },
    edge::{
        aws::{
            eventbridge::config::EventBridgeConfig, firehose::config::FirehoseConfig,
            kinesis::config::KinesisConfig, pinpoint::config::PinpointConfig,
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
    /// The most requests per second of its own, within its domain's quota.
    pub cap: Option<f64>,
    pub batch: BatchConfig,
    pub retry: RetryConfig,
    /// How long it may be blocked before its records go to the dead letters; `None` means for ever.
    pub spill: Option<Duration>,
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
            |kind: &DestinationKind| domains.iter().position(|one| *one == kind.domain()).unwrap_or(0);
        if self.destinations.is_empty() {
            let kind = self.destination.kind();
            return vec![DestinationConfig {
                name: DestinationName::literal(ONLY),
                domain: place(&kind),
                kind,
                cap: None,
                batch: self.batch.clone(),
                retry: self.retry.clone(),
                spill: None,
            }];
        }
        let named = self.destinations.iter().map(|(name, one)| DestinationConfig {
            name: name.clone(),
            domain: place(&one.kind()),
            kind: one.kind(),
            cap: one.quota.requests_per_second,
            batch: one.batch.clone(),
            retry: one.retry.clone(),
            spill: one.spill.after.map(|after| after.0),
        });
        named.collect()
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

    /// The kind of each destination, with the path of the destination's section.
    pub(super) fn kinds(&self) -> Vec<(Vec<&str>, DestinationKind)> {
        if self.destinations.is_empty() {
            return vec![(vec!["destination"], self.destination.kind())];
        }
        let named = self.destinations.iter();
        named.map(|(name, one)| (vec!["destinations", name.as_str()], one.kind())).collect()
    }
}

/// The name of a single destination.
pub const ONLY: &str = "default";
