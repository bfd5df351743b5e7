//! The kinds of destination and how each is built. The configuration has a matching table.
//!
//! Knows nothing of what a kind does.

use std::{pin::Pin, sync::Arc, time::Duration};

use crate::{
    config::{
        Config,
        destinations::{DestinationConfig, DestinationKind},
    },
    core::{
        code::Code,
        destination::{Encoder, Sender},
        stream_record::config::RecordConfig,
    },
    edge::{
        aws::{
            client::{AwsEnvironment, ConnectError},
            eventbridge::{BusEncoder, EventBridge},
            firehose::{Firehose, PutRecordBatch},
            kinesis::{Kinesis, PutRecords},
            pinpoint::{Pinpoint, PutEvents},
            sender::{AwsSender, Resource},
        },
        clock::Clock,
        kafka::{
            cluster::StartError,
            destination::{KafkaDestination, KafkaEncoder, TopicConflict, config::KafkaConfig},
        },
    },
    exit::{Exit, Failure},
};

/// A destination: its encoder, its sender, and the address that people are shown.
pub struct Destination {
    pub encoder: Box<dyn Encoder>,
    pub sender: Arc<dyn Sender>,
    pub address: String,
}

/// The environment of AWS, which all destinations of `config` share.
pub async fn aws(config: &Config) -> AwsEnvironment {
    AwsEnvironment::load(config.common_region().as_ref()).await
}

/// Connects a destination of `config`, in the environment `aws` if it is at AWS.
///
/// # Errors
/// If the set-up is wrong.
pub fn connect(
    destination: &DestinationConfig,
    config: &Config,
    aws: &mut AwsEnvironment,
) -> Result<Destination, Failure> {
    let (encoder, record) = (encoder(destination), destination.record.clone());
    match &destination.kind {
        DestinationKind::Pinpoint(pinpoint) => at_aws(encoder, Pinpoint::connect(pinpoint, aws)),
        DestinationKind::Kinesis(kinesis) => {
            at_aws(encoder, Kinesis::connect(kinesis, record, Clock::wall, aws))
        }
        DestinationKind::Firehose(firehose) => {
            at_aws(encoder, Firehose::connect(firehose, record, Clock::wall, aws))
        }
        DestinationKind::EventBridge(eventbridge) => {
            let bus = BusEncoder::new(eventbridge, &destination.name, record);
            at_aws(encoder, EventBridge::connect(eventbridge, bus, Clock::wall, aws))
        }
        DestinationKind::Kafka(kafka) => topic(encoder, kafka, record, config),
    }
}

/// The encoder of a destination, for whoever sends nothing.
#[must_use]
pub fn encoder(destination: &DestinationConfig) -> Box<dyn Encoder> {
    let record = destination.record.clone();
    match &destination.kind {
        DestinationKind::Pinpoint(_) => Box::new(PutEvents),
        DestinationKind::Kinesis(kinesis) => Box::new(PutRecords::new(kinesis, record)),
        DestinationKind::Firehose(firehose) => Box::new(PutRecordBatch::new(firehose, record)),
        DestinationKind::EventBridge(eventbridge) => {
            Box::new(BusEncoder::new(eventbridge, &destination.name, record))
        }
        DestinationKind::Kafka(kafka) => Box::new(KafkaEncoder::new(kafka.topic.clone(), record)),
    }
}

/// The attempt to get the credentials of a destination within `limit`; `None` if its kind has none of AWS. The
/// code of a failure says why.
#[must_use]
pub fn credentials(
    destination: &DestinationConfig,
    limit: Duration,
    aws: &mut AwsEnvironment,
) -> Option<Resolving> {
    let (record, clock) = (destination.record.clone(), Clock::wall);
    match &destination.kind {
        DestinationKind::Pinpoint(config) => Some(resolving(Pinpoint::connect(config, aws), limit)),
        DestinationKind::Kinesis(config) => {
            Some(resolving(Kinesis::connect(config, record, clock, aws), limit))
        }
        DestinationKind::Firehose(config) => {
            Some(resolving(Firehose::connect(config, record, clock, aws), limit))
        }
        DestinationKind::EventBridge(config) => {
            let bus = BusEncoder::new(config, &destination.name, record);
            Some(resolving(EventBridge::connect(config, bus, clock, aws), limit))
        }
        DestinationKind::Kafka(_) => None,
    }
}

/// An attempt to get credentials.
pub type Resolving = Pin<Box<dyn Future<Output = Result<(), Code>> + Send>>;

fn resolving<R: Resource>(sender: Result<AwsSender<R>, ConnectError>, limit: Duration) -> Resolving {
    Box::pin(async move { sender.map_err(|_| Code("set_up"))?.credentials(limit).await })
}

fn at_aws<R: Resource>(
    encoder: Box<dyn Encoder>,
    sender: Result<AwsSender<R>, ConnectError>,
) -> Result<Destination, Failure> {
    let sender = sender.map_err(incomplete)?;
    Ok(Destination { encoder, address: sender.to_string(), sender: Arc::new(sender) })
}

fn topic(
    encoder: Box<dyn Encoder>,
    kafka: &KafkaConfig,
    record: RecordConfig,
    config: &Config,
) -> Result<Destination, Failure> {
    let service = config.service_topics();
    service.check(kafka).map_err(conflicting)?;
    let sender = KafkaDestination::start(kafka, record, &service, Clock::wall);
    let sender = sender.map_err(not_started)?;
    Ok(Destination { encoder, address: sender.to_string(), sender: Arc::new(sender) })
}

fn conflicting(error: TopicConflict) -> Failure {
    match error {
        TopicConflict::Own { .. } => {
            let help = "set the destination's `kafka.topic` to a topic that the service neither reads nor writes itself";
            Failure::new(Exit::Configuration, error).with_help(help)
        }
        TopicConflict::Unknown { .. } => {
            let help = "both clusters must answer at the start, because the topic has the name of one of the source's; \
                        another name in the destination's `kafka.topic` needs no answer";
            Failure::new(Exit::Unreachable, error).with_help(help)
        }
    }
}

/// A Kafka client that cannot be started.
pub(super) fn not_started(error: StartError) -> Failure {
    let exit = match error {
        StartError::Thread(_) => Exit::Bug,
        _ => Exit::Configuration,
    };
    Failure::new(exit, error)
}

/// A set-up of AWS that lacks something.
fn incomplete(error: ConnectError) -> Failure {
    Failure::new(Exit::Configuration, error)
}

impl From<Pinpoint> for Destination {
    fn from(pinpoint: Pinpoint) -> Self {
        Self { encoder: Box::new(PutEvents), address: pinpoint.to_string(), sender: Arc::new(pinpoint) }
    }
}
