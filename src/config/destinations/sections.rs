//! The sections of the configuration that describe destinations. Only this file lists the keys of the kinds.
//!
//! Knows nothing of what a kind does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DestinationKind;
use crate::{
    core::{
        pipeline::config::{BatchConfig, CapConfig, RetryConfig, SpillConfig},
        stream_record::config::RecordConfig,
    },
    edge::{
        aws::{
            eventbridge::config::EventBridgeConfig, firehose::config::FirehoseConfig,
            kinesis::config::KinesisConfig, pinpoint::config::PinpointConfig,
        },
        kafka::destination::config::KafkaConfig,
    },
};

/// The keys of the kinds, one of which each destination has.
pub(in crate::config) const KINDS: [&str; 5] = ["pinpoint", "kafka", "kinesis", "firehose", "eventbridge"];

/// The sections that each of `destinations` may write, too. It inherits the keys that it leaves out.
pub(in crate::config) const INHERITED: [&str; 3] = ["batch", "retry", "record"];

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
    /// A stream of Data Firehose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FirehoseConfig")]
    pub firehose: Option<FirehoseConfig>,
    /// An EventBridge bus.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EventBridgeConfig")]
    pub eventbridge: Option<EventBridgeConfig>,
}

/// One of `destinations`. Keys of `batch`, `retry` and `record` that are left out are taken from the top level.
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
    /// A stream of Data Firehose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FirehoseConfig")]
    pub firehose: Option<FirehoseConfig>,
    /// An EventBridge bus.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EventBridgeConfig")]
    pub eventbridge: Option<EventBridgeConfig>,
    /// How much of its domain's quota the destination may use.
    pub quota: CapConfig,
    /// How events are combined into requests.
    pub batch: BatchConfig,
    /// How long to wait before sending again.
    pub retry: RetryConfig,
    /// When the destination's records go to the dead letters instead of waiting.
    pub spill: SpillConfig,
    /// What all records of the destination state alike. Pinpoint has no such records.
    pub record: RecordConfig,
}

impl DestinationSection {
    /// The kind whose section is written. If there is none, which only a use that delivers nothing allows, it
    /// is Pinpoint.
    pub(super) fn kind(&self) -> DestinationKind {
        let Self { pinpoint, kafka, kinesis, firehose, eventbridge } = self.clone();
        let kind = kafka.map(DestinationKind::Kafka);
        let kind = kind.or_else(|| kinesis.map(DestinationKind::Kinesis));
        let kind = kind.or_else(|| firehose.map(DestinationKind::Firehose));
        let kind = kind.or_else(|| eventbridge.map(DestinationKind::EventBridge));
        kind.unwrap_or_else(|| DestinationKind::Pinpoint(pinpoint.unwrap_or_default()))
    }
}

impl NamedDestination {
    pub(super) fn kind(&self) -> DestinationKind {
        let Self { pinpoint, kafka, kinesis, firehose, eventbridge, .. } = self.clone();
        DestinationSection { pinpoint, kafka, kinesis, firehose, eventbridge }.kind()
    }
}
