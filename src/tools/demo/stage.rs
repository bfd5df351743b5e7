//! The stage: the embedded broker with its topics, the services of the destinations, and a configuration of the
//! service that points to both.
//!
//! Knows nothing of records. All settings that are not named here, above all the quota, are the service's defaults.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use rdkafka::mocking::MockCluster;
use tokio::net::TcpListener;

use crate::{
    cli::{DemoArguments, DemoFault, DemoKind},
    config::{Config, destinations::NamedDestination},
    core::{
        dead_letter::config::DeadLetterConfig,
        map::config::value::Secret,
        route::config::{RouteConfig, Unrouted},
        units::{
            Span,
            text::{DestinationName, TopicName},
        },
    },
    exit::{Exit, Failure},
    tools::{
        demo::{
            clusters::{Cluster, cluster},
            generate::Realm,
        },
        emulator::{Emulator, Options},
    },
};

pub(super) const TOPIC: &str = "keycloak-events";
pub(super) const DEAD_LETTERS: &str = "pinpoint-sidecar-dead-letters";
/// The topic's partitions. The embedded broker keeps the last 5 MB of each.
pub(super) const PARTITIONS: i32 = 8;

/// How many accepted events the emulator keeps; they are collected ten times a second.
const KEPT: usize = 50_000;

/// Seals the headers of redriven records. It is no secret, because it protects nothing.
const SECRET: &str = "the demo has nothing to hide";

pub(super) struct Stage {
    /// The broker, which ends when this is dropped.
    pub(super) kafka: Cluster,
    pub(super) places: Places,
    /// Where the service will serve its admin pages.
    pub(super) admin: TcpListener,
    pub(super) config: Config,
}

/// What the destinations are at.
pub(super) enum Places {
    /// The emulator, which is bound but not yet running.
    Aws(Emulator),
    /// A cluster for each realm, in their order.
    Kafka([Cluster; 2]),
}

impl Stage {
    /// Starts the broker and the services, each on a free port of its own.
    ///
    /// # Errors
    /// If one of them cannot be started.
    pub(super) async fn set(arguments: &DemoArguments) -> Result<Self, Failure> {
        let kafka = kafka().map_err(unreachable)?;
        let places = Places::set(arguments).await?;
        let admin = admin(arguments.listen).await.context("--listen: there is no free port");
        let (admin, address) = admin.map_err(unreachable)?;
        let config = configure(&kafka.bootstrap_servers(), arguments, &places, address);
        let config = config.map_err(|error| Failure::new(Exit::Bug, error))?;
        Ok(Self { kafka, places, admin, config })
    }
}

impl Places {
    async fn set(arguments: &DemoArguments) -> Result<Self, Failure> {
        if arguments.kind == DemoKind::Kafka {
            let set = |realm: Realm| cluster(&arguments.kind.resource(realm));
            let [shop, acme] = Realm::ALL.map(set);
            let both = shop.and_then(|shop| Ok([shop, acme?]));
            return both
                .context("an embedded broker cannot be started")
                .map_err(unreachable)
                .map(Self::Kafka);
        }
        let options = Options { seed: arguments.seed, keep_events: KEPT, ..Options::default() };
        let emulator = Emulator::bind((Ipv4Addr::LOCALHOST, 0).into(), options).await;
        emulator.context("the emulator cannot listen").map_err(unreachable).map(Self::Aws)
    }

    /// Where the destination of a realm is.
    pub(super) fn address(&self, realm: Realm) -> String {
        match self {
            Self::Aws(emulator) => emulator.url(),
            Self::Kafka(clusters) => clusters[realm as usize].bootstrap_servers(),
        }
    }
}

fn unreachable(cause: anyhow::Error) -> Failure {
    Failure::new(Exit::Unreachable, cause)
}

fn kafka() -> anyhow::Result<Cluster> {
    let kafka = MockCluster::new(1).context("the embedded broker cannot be started")?;
    for (topic, partitions) in [(TOPIC, PARTITIONS), (DEAD_LETTERS, PARTITIONS / 2)] {
        kafka.create_topic(topic, partitions, 1).context("a topic cannot be made")?;
    }
    Ok(kafka)
}

fn configure(
    brokers: &str,
    arguments: &DemoArguments,
    places: &Places,
    admin: SocketAddr,
) -> serde_json::Result<Config> {
    let mut config = Config::default();
    brokers.clone_into(&mut config.source.brokers);
    config.source.topics = vec![TopicName::literal(TOPIC)];
    // The embedded broker derives the pace of a rebalance from it: the group starts after half of this time.
    config.source.properties.insert("session.timeout.ms".to_owned(), "6000".to_owned());
    let spills = arguments.shown_faults().0.contains(&DemoFault::Role);
    for realm in Realm::ALL {
        let section = arguments.kind.section(realm, &places.address(realm));
        let mut destination: NamedDestination = serde_json::from_value(section)?;
        // Nobody wants to watch the service wait for half a minute after an outage, or for hours until it spills.
        destination.retry.max = Span(Duration::from_secs(4));
        destination.spill.after = (spills && realm == Realm::Acme).then_some(SPILL_AFTER);
        config.destinations.insert(DestinationName::literal(realm.name()), destination);
    }
    config.routes = vec![
        route(Realm::Acme, Realm::Acme.names().map(Into::into).to_vec()),
        // Everybody else.
        route(Realm::Shop, Vec::new()),
    ];
    config.unrouted = Some(Unrouted::DeadLetter);
    config.dead_letter.target = DeadLetterConfig::Topic(TopicName::literal(DEAD_LETTERS));
    config.redrive.secret = Some(Secret(SECRET.to_owned()));
    config.admin.listen = admin;
    Ok(config)
}

/// How long the tenant's destination may be held. A configuration allows no less than 10 s.
pub(super) const SPILL_AFTER: Span = Span(Duration::from_secs(3));

fn route(to: Realm, realms: Vec<Box<str>>) -> RouteConfig {
    RouteConfig {
        realm: realms.into(),
        to: vec![DestinationName::literal(to.name())].into(),
        ..RouteConfig::default()
    }
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
