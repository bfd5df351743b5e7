//! The stage: the embedded broker with its topics, the PutEvents server, and a configuration of the service
//! that points to both.
//!
//! Knows nothing of records. All other settings, above all the quota, are the service's defaults.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use tokio::net::TcpListener;

use crate::{
    cli::DemoArguments,
    config::Config,
    core::{
        dead_letter::config::DeadLetterConfig,
        units::{Span, text::TopicName},
    },
    edge::aws::{
        config::Region,
        pinpoint::config::{ApplicationId, PinpointConfig},
    },
    exit::{Exit, Failure},
    tools::emulator::{Emulator, Options},
};

pub(super) const TOPIC: &str = "keycloak-events";
pub(super) const DEAD_LETTERS: &str = "pinpoint-sidecar-dead-letters";
/// The topic's partitions. The embedded broker keeps the last 5 MB of each.
pub(super) const PARTITIONS: i32 = 8;

/// How many accepted events the server keeps; they are collected ten times a second.
const KEPT: usize = 50_000;

pub(super) struct Stage {
    /// The broker, which ends when this is dropped.
    pub(super) kafka: MockCluster<'static, DefaultProducerContext>,
    /// The PutEvents server, which is bound but not yet running.
    pub(super) server: Emulator,
    /// Where the service will serve its admin pages.
    pub(super) admin: TcpListener,
    /// The settings of the destination, which the configuration contains.
    pub(super) pinpoint: PinpointConfig,
    pub(super) config: Config,
}

impl Stage {
    /// Starts the broker and the server, each on a free port of its own.
    ///
    /// # Errors
    /// If one of them cannot be started.
    pub(super) async fn set(arguments: &DemoArguments) -> Result<Self, Failure> {
        let kafka = kafka().map_err(|cause| Failure::new(Exit::Unreachable, cause))?;
        let options = Options { seed: arguments.seed, keep_events: KEPT, ..Options::default() };
        let server = Emulator::bind((Ipv4Addr::LOCALHOST, 0).into(), options).await;
        let server = server.context("the PutEvents server cannot listen");
        let server = server.map_err(|cause| Failure::new(Exit::Unreachable, cause))?;
        let admin = admin(arguments.listen).await.context("--listen: there is no free port");
        let (admin, address) = admin.map_err(|cause| Failure::new(Exit::Unreachable, cause))?;
        let pinpoint = PinpointConfig {
            application: ApplicationId::literal("0123456789abcdef0123456789abcdef"),
            region: Some(Region::literal("us-east-1")),
            endpoint_url: server.url().parse().ok(),
            ..PinpointConfig::default()
        };
        let config = configure(&kafka.bootstrap_servers(), pinpoint.clone(), address);
        Ok(Self { kafka, server, admin, pinpoint, config })
    }
}

fn kafka() -> anyhow::Result<MockCluster<'static, DefaultProducerContext>> {
    let kafka = MockCluster::new(1).context("the embedded broker cannot be started")?;
    for (topic, partitions) in [(TOPIC, PARTITIONS), (DEAD_LETTERS, PARTITIONS / 2)] {
        kafka.create_topic(topic, partitions, 1).context("a topic cannot be made")?;
    }
    Ok(kafka)
}

fn configure(brokers: &str, pinpoint: PinpointConfig, admin: SocketAddr) -> Config {
    let mut config = Config::default();
    brokers.clone_into(&mut config.source.brokers);
    config.source.topics = vec![TopicName::literal(TOPIC)];
    // The embedded broker derives the pace of a rebalance from it: the group starts after half of this time.
    config.source.properties.insert("session.timeout.ms".to_owned(), "6000".to_owned());
    config.destination.pinpoint = Some(pinpoint);
    config.dead_letter.target = DeadLetterConfig::Topic(TopicName::literal(DEAD_LETTERS));
    // Nobody wants to watch the service wait for half a minute after an outage.
    config.retry.max = Span(Duration::from_secs(4));
    config.admin.listen = admin;
    config
}

/// A listener for the admin pages, at `wanted`, or on a free port if that one is taken.
async fn admin(wanted: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = match TcpListener::bind(wanted).await {
        Err(_) => TcpListener::bind((wanted.ip(), 0)).await?,
        Ok(listener) => listener,
    };
    let address = listener.local_addr()?;
    Ok((listener, address))
}
