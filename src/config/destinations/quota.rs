//! Quotas: which destinations share one, and what it is if nobody has written it. Only this file lists the
//! services.
//!
//! Knows nothing of requests.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DestinationKind;
use crate::{
    config::Config,
    core::{
        pipeline::config::{QuotaConfig, Share},
        stream_record::config::{AccountId, AccountIdForm},
        units::text::Form as _,
    },
    edge::{
        aws::{
            config::{Connection, Region},
            roles::config::RoleConfig,
        },
        kafka::destination::config::KafkaConfig,
    },
};

/// The services of the kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "pinpoint, kafka, kinesis, firehose, eventbridge or eventbridgev2"))]
pub enum Service {
    Pinpoint,
    Kafka,
    Kinesis,
    Firehose,
    /// EventBridge's classic buses.
    #[serde(rename = "eventbridge")]
    EventBridge,
    /// EventBridge's custom buses.
    #[serde(rename = "eventbridgev2")]
    EventBridgeV2,
}

/// One of `quotas`: the quota of a service in an account and region. Keys that are left out are taken from
/// `quota`, if the service has a quota without this. Each stream of Kinesis and Firehose has it for itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-allowed" = "a mapping with `service`, `account`, `region`, `requests_per_second` and `in_flight`"))]
pub struct DomainQuota {
    /// The service.
    pub service: Service,
    /// The account of the destinations' roles. If absent, the quota applies to each account that has no quota
    /// of its own here, and to the process's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-allowed" = AccountIdForm::ALLOWED))]
    pub account: Option<AccountId>,
    /// The region. If absent, it is the one that the AWS SDK finds.
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
pub(in crate::config) struct Domain {
    service: Service,
    /// The account of the role; `None` is the process's own.
    account: Option<AccountId>,
    region: Option<Region>,
    /// The address, if it is not AWS's own, and the stream.
    address: Option<String>,
}

impl Config {
    /// The quota of each domain that a destination is in.
    #[must_use]
    pub fn domains(&self) -> Vec<QuotaConfig> {
        let quota = |domain: &Domain| {
            let own = self.quotas.iter().filter(|quota| self.in_region(quota).is_of(domain));
            // A quota of the account goes before one of all accounts, and one that names the region before one
            // that does not.
            let own = own.max_by_key(|quota| (quota.account.is_some(), quota.region.is_some()));
            let top = domain.service.quota(self);
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

    pub(super) fn domain(&self, kind: &DestinationKind) -> Domain {
        let domain = kind.domain();
        let region = domain.region.or_else(|| self.region.clone().filter(|_| kind.is_at_aws()));
        Domain { region, ..domain }
    }

    /// The quota with the region that it is of.
    fn in_region(&self, quota: &DomainQuota) -> DomainQuota {
        let region = || self.region.clone().filter(|_| quota.service != Service::Kafka);
        DomainQuota { region: quota.region.clone().or_else(region), ..quota.clone() }
    }

    /// All domains without repetition, in the order of the destinations.
    pub(in crate::config) fn quota_domains(&self) -> Vec<Domain> {
        let mut domains = Vec::new();
        for (_, kind) in self.kinds() {
            let domain = self.domain(&kind);
            if !domains.contains(&domain) {
                domains.push(domain);
            }
        }
        domains
    }
}

impl DestinationKind {
    fn domain(&self) -> Domain {
        match self {
            Self::Pinpoint(config) => Domain::at_aws(Service::Pinpoint, &config.connection(), None),
            Self::Kinesis(config) => {
                Domain::at_aws(Service::Kinesis, &config.connection(), Some(&config.stream))
            }
            Self::Firehose(config) => {
                Domain::at_aws(Service::Firehose, &config.connection(), Some(&config.stream))
            }
            Self::EventBridge(config) => {
                let is_custom = config.custom_bus().is_some();
                let service = if is_custom { Service::EventBridgeV2 } else { Service::EventBridge };
                Domain::at_aws(service, &config.connection(), None)
            }
            Self::Kafka(KafkaConfig { brokers, .. }) => {
                Domain { service: Service::Kafka, account: None, region: None, address: brokers.clone() }
            }
        }
    }
}

impl Domain {
    /// What shares the quota of a service in a region, or of one stream: streams share none.
    fn at_aws(service: Service, connection: &Connection, stream: Option<&str>) -> Self {
        let url = connection.endpoint_url.as_ref().map(ToString::to_string);
        let address = match (url, stream) {
            (Some(url), Some(stream)) => Some(format!("{url} {stream}")),
            (url, stream) => url.or_else(|| stream.map(str::to_owned)),
        };
        let account = connection.credentials.as_ref().and_then(RoleConfig::account);
        Self { service, account, region: connection.region.clone(), address }
    }
}

impl Service {
    /// Its quota if none is written.
    fn quota(self, config: &Config) -> QuotaConfig {
        match self {
            Self::Pinpoint => config.quota.clone(),
            Self::Kafka | Self::Kinesis | Self::Firehose => QuotaConfig::off(),
            // The quota of a region with few, and one that nothing documents.
            Self::EventBridge => QuotaConfig::of_requests(50.0),
            Self::EventBridgeV2 => QuotaConfig::of_requests(500.0),
        }
    }
}

impl DomainQuota {
    pub(in crate::config) fn is_of(&self, domain: &Domain) -> bool {
        self.is_of_any_account(domain) && (self.account.is_none() || self.account == domain.account)
    }

    /// Whether it would be the domain's if it named no account.
    pub(in crate::config) fn is_of_any_account(&self, domain: &Domain) -> bool {
        (self.service, &self.region) == (domain.service, &domain.region)
    }

    pub(in crate::config) fn is_same_domain(&self, other: &Self) -> bool {
        (self.service, &self.account, &self.region) == (other.service, &other.account, &other.region)
    }
}
