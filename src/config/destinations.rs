//! The destinations, as the configuration writes them and as the composition root builds them.
//!
//! Only this file lists the kinds of destination and their services. Knows nothing of what a kind does.

use std::{num::NonZeroU32, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    core::{
        dead_letter::config::DeadLetterConfig,
        pipeline::config::{BatchConfig, CapConfig, QuotaConfig, RetryConfig, Share, SpillConfig},
        route::{RouteProblems, Router},
        units::text::DestinationName,
    },
    edge::{
        aws::{config::Region, kinesis::config::KinesisConfig, pinpoint::config::PinpointConfig},
        kafka::destination::{ServiceTopics, config::KafkaConfig},
    },
};

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
}

/// The keys of the kinds, one of which each destination has.
pub(super) const KINDS: [&str; 3] = ["pinpoint", "kafka", "kinesis"];

/// The services of the kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "pinpoint, kafka or kinesis"))]
pub enum Service {
    Pinpoint,
    Kafka,
    Kinesis,
}

/// `destination`: where events go if there is one destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DestinationSection {
    /// An Amazon Pinpoint application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PinpointConfig")]
    pub pinpoint: Option<PinpointConfig>,
    /// A Kafka topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KafkaConfig")]
    pub kafka: Option<KafkaConfig>,
    /// A stream of Kinesis Data Streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KinesisConfig")]
    pub kinesis: Option<KinesisConfig>,
}

/// One of `destinations`. Keys of `batch` and `retry` that are left out are taken from the top level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NamedDestination {
    /// An Amazon Pinpoint application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PinpointConfig")]
    pub pinpoint: Option<PinpointConfig>,
    /// A Kafka topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KafkaConfig")]
    pub kafka: Option<KafkaConfig>,
    /// A stream of Kinesis Data Streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KinesisConfig")]
    pub kinesis: Option<KinesisConfig>,
    /// How much of its domain's quota the destination may use.
    pub quota: CapConfig,
    /// How events are combined into requests.
    pub batch: BatchConfig,
    /// How long to wait before sending again.
    pub retry: RetryConfig,
    /// When the destination's records go to the dead letters instead of waiting.
    pub spill: SpillConfig,
}

/// One of `quotas`: the quota of a service in a region. Keys that are left out are taken from `quota`, if the
/// service has a quota without this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-allowed" = "a mapping with `service`, `region`, `requests_per_second` and `in_flight`"))]
pub struct DomainQuota {
    /// The service.
    pub service: Service,
    /// The region. If absent, the quota applies to the destinations that name no region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-allowed" = "an AWS region such as us-east-1"))]
    pub region: Option<Region>,
    /// The requests per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000), extend("exclusiveMinimum" = 0))]
    pub requests_per_second: Option<f64>,
    /// The number of requests in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub in_flight: Option<NonZeroU32>,
}

/// What shares one quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Domain {
    service: Service,
    region: Option<Region>,
    /// The address, if it is not AWS's own, and the stream.
    address: Option<String>,
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

    /// The quota of each domain that a destination is in.
    #[must_use]
    pub fn domains(&self) -> Vec<QuotaConfig> {
        let quota = |domain: &Domain| {
            let own = self.quotas.iter().find(|quota| quota.is_of(domain));
            let top = match domain.service {
                Service::Pinpoint => self.quota.clone(),
                Service::Kafka | Service::Kinesis => QuotaConfig::off(),
            };
            // What nobody has written is not divided among the replicas.
            let is_written = own.is_some() || self.quota.share != Share::Partitions;
            QuotaConfig {
                share: if is_written { self.quota.share } else { top.share },
                requests_per_second: own
                    .and_then(|own| own.requests_per_second)
                    .unwrap_or(top.requests_per_second),
                in_flight: own.and_then(|own| own.in_flight).unwrap_or(top.in_flight),
            }
        };
        self.quota_domains().iter().map(quota).collect()
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

    /// All domains without repetition, in the order of the destinations.
    pub(super) fn quota_domains(&self) -> Vec<Domain> {
        let mut domains = Vec::new();
        for (_, kind) in self.kinds() {
            let domain = kind.domain();
            if !domains.contains(&domain) {
                domains.push(domain);
            }
        }
        domains
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

impl DestinationSection {
    fn kind(&self) -> DestinationKind {
        let Self { pinpoint, kafka, kinesis } = self.clone();
        DestinationKind::of(pinpoint, kafka, kinesis)
    }
}

impl NamedDestination {
    fn kind(&self) -> DestinationKind {
        let Self { pinpoint, kafka, kinesis, .. } = self.clone();
        DestinationKind::of(pinpoint, kafka, kinesis)
    }
}

impl DestinationKind {
    /// The kind whose section is written. If there is none, which only a use that delivers nothing allows, it
    /// is Pinpoint.
    fn of(
        pinpoint: Option<PinpointConfig>,
        kafka: Option<KafkaConfig>,
        kinesis: Option<KinesisConfig>,
    ) -> Self {
        let kind = kafka.map(Self::Kafka).or_else(|| kinesis.map(Self::Kinesis));
        kind.unwrap_or_else(|| Self::Pinpoint(pinpoint.unwrap_or_default()))
    }

    fn domain(&self) -> Domain {
        match self {
            Self::Pinpoint(PinpointConfig { region, endpoint_url, .. }) => Domain {
                service: Service::Pinpoint,
                region: region.clone(),
                address: endpoint_url.as_ref().map(ToString::to_string),
            },
            // Streams share no quota.
            Self::Kinesis(kinesis) => Domain {
                service: Service::Kinesis,
                region: kinesis.region(),
                address: Some(match &kinesis.endpoint_url {
                    Some(url) => format!("{url} {}", kinesis.stream),
                    None => kinesis.stream.to_string(),
                }),
            },
            Self::Kafka(KafkaConfig { brokers, .. }) => {
                Domain { service: Service::Kafka, region: None, address: brokers.clone() }
            }
        }
    }
}

impl DomainQuota {
    pub(super) fn is_of(&self, domain: &Domain) -> bool {
        (self.service, &self.region) == (domain.service, &domain.region)
    }

    pub(super) fn is_same_domain(&self, other: &Self) -> bool {
        (self.service, &self.region) == (other.service, &other.region)
    }
}
