//! The composition root: builds the parts from the configuration and shuts them down.
//!
//! Knows nothing of how the parts work inside. Nothing below it sees the whole configuration.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use tokio::{join, net::TcpListener, select, sync::mpsc};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    app::runner::{Ended, LetterOutcomes, Parts, Runner, Shutdown, report::Reporter},
    config::{Config, destinations::DestinationConfig},
    core::{
        backoff::Backoff,
        dead_letter::{DeadLetters, config::DeadLetterConfig},
        decode::{Decoder, Wanted},
        destination::Encoder,
        map::{
            Mapper,
            endpoint::{Additions, Locate},
        },
        pipeline::{DispatcherConfig, Jitter, Pipeline, PipelineConfig},
        route::Router,
    },
    edge::{
        admin::{self, Health, Pages, Query, metrics::Metrics},
        aws::{
            client::AwsEnvironment,
            roles::{Refresher, RolesView},
        },
        clock::Clock,
        discard::Discard,
        geo::{Database, Reloader},
        kafka::{
            consumer::{KafkaSource, ReadAhead},
            dead_letters::KafkaDeadLetters,
            session_table::KafkaTable,
        },
    },
    exit::{Exit, Failure},
};

pub mod kinds;
pub mod runner;
pub(crate) mod signals;

use kinds::{Destination, not_started};

/// The two ends of the channel through which the runner is asked.
pub type Queries = (mpsc::Sender<Query>, mpsc::Receiver<Query>);

/// How many queries of the admin pages may wait for an answer.
const QUERIES: usize = 16;

/// How many destinations the log names at the start.
const SHOWN: usize = 10;

/// How many outcomes of dead letters may wait for the runner.
const LETTERS: usize = 1024;

/// Delivers events until a signal arrives, then settles the records that were read.
///
/// # Errors
/// If a part cannot be started. The failure says which part, why, and what to do.
pub async fn run(mut config: Config) -> Result<Exit, Failure> {
    let aws = kinds::aws(&config).await;
    config.region = aws.region();
    let (destinations, refresher) = Destinations::connect(&config, aws)?;
    let listener = listen(&config).await?;
    let drain = CancellationToken::new();
    let ended = select! {
        ended = deliver(&config, destinations, listener, drain.clone(), queries()) => ended?,
        never = refresher.run() => match never {},
        exit = signals::drain_then_end(&drain) => return exit,
    };
    Ok(match ended {
        Ended { failed: Some(_), .. } => Exit::Unreachable,
        Ended { unsettled: 0, uncommitted: 0, .. } => Exit::Clean,
        Ended { .. } => Exit::Unsettled,
    })
}

/// The destinations of a service.
pub struct Destinations {
    /// The configured destinations, in the configuration's order.
    pub list: Vec<Destination>,
    /// How their roles are.
    pub roles: Option<RolesView>,
}

impl Destinations {
    /// Connects all destinations of `config` in the environment `aws`. The task gets the credentials of their roles,
    /// which are missing until it runs.
    ///
    /// # Errors
    /// If the set-up is wrong.
    pub fn connect(config: &Config, mut aws: AwsEnvironment) -> Result<(Self, Refresher), Failure> {
        let destinations = config.destinations();
        let connected = destinations.iter().map(|one| kinds::connect(one, config, &mut aws));
        let list = connected.collect::<Result<_, _>>()?;
        let (refresher, roles) = aws.refresher();
        Ok((Self { list, roles: Some(roles) }, refresher))
    }
}

/// Destinations without roles.
impl From<Vec<Destination>> for Destinations {
    fn from(list: Vec<Destination>) -> Self {
        Self { list, roles: None }
    }
}

/// A channel of queries to the runner. Whoever keeps a clone of the sender can query it, as
/// the admin pages do.
#[must_use]
pub fn queries() -> Queries {
    mpsc::channel(QUERIES)
}

/// Delivers from Kafka until `drain` is cancelled and everything that was read is settled. Serves the admin
/// pages on `listener`. The caller decides how each of the destinations is built.
///
/// # Errors
/// If a part cannot be started.
pub async fn deliver(
    config: &Config,
    destinations: impl Into<Destinations>,
    listener: TcpListener,
    drain: CancellationToken,
    (asking, queries): Queries,
) -> Result<Ended, Failure> {
    let clock = Clock::start();
    let Destinations { list: destinations, roles } = destinations.into();
    let (locate, _reloader) = places(config)?;
    let additions = Additions::new(config.endpoint.clone(), config.event.clone(), locate);
    let router = config.router().map_err(|error| Failure::new(Exit::Configuration, error))?;
    let additions = if router.needs_origin() { additions.with_origins() } else { additions };
    let ahead = ReadAhead { bytes: config.memory.ahead(), brokers: config.memory.brokers };
    let source = KafkaSource::start(&config.source, ahead, clock.origin().into_std());
    let source = source.map_err(not_started)?;
    let table = config.sessions.table.as_ref();
    let table = table.map(|table| {
        KafkaTable::start(table, &config.source.cluster(), &config.source.group, config.sessions.max_age.0)
    });
    let table = table.transpose().map_err(not_started)?;
    let mapper = Mapper::new(decoder(config)?, &config.sessions).with(additions).unsealing(&config.redrive);
    let mapper = if table.is_some() { mapper.sharing() } else { mapper };
    let (letters, written) = letters(config)?;
    let heartbeat = source.heartbeat();
    let health = Arc::new(Health::new(move || heartbeat.last()));
    let metrics = Metrics::new(Clock::wall()).map_err(|error| Failure::new(Exit::Bug, error))?;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        topics = config.source.topics.join(","),
        group = config.source.group,
        destination = addresses(&destinations),
        admin = %config.admin.listen,
        "pinpoint-sidecar started"
    );
    let pages = Pages {
        health: Arc::clone(&health),
        readiness: config.admin.readiness,
        queries: asking,
        clock: move || clock.now(),
    };
    let (encoders, senders) = destinations.into_iter().map(|one| (one.encoder, one.sender)).unzip();
    let names = config.destinations().into_iter().map(|one| one.name.to_string()).collect();
    let closed = CancellationToken::new();
    let runner = Runner::new(Parts {
        clock,
        source,
        letters,
        written,
        table,
        mapper,
        pipeline: pipeline(config, router, encoders),
        destinations: senders,
        reporter: Reporter::new(health, metrics, names).with_roles(roles),
        queries,
    });
    let deadline = config.shutdown.deadline.0;
    let run = async {
        let ended = runner.run(Shutdown { drain, deadline }).await;
        closed.cancel();
        ended
    };
    let (ended, ()) = join!(run, admin::serve(listener, pages, closed.clone()));
    Ok(ended)
}

/// The addresses of destinations, for the log.
fn addresses(destinations: &[Destination]) -> String {
    let first: Vec<_> = destinations.iter().take(SHOWN).map(|one| &*one.address).collect();
    match destinations.len().saturating_sub(SHOWN) {
        0 => first.join(","),
        more => format!("{},and {more} more", first.join(",")),
    }
}

/// The decoder of the configured formats.
///
/// # Errors
/// If the filter of the format `custom` does not compile. The configuration has already checked that it does.
pub fn decoder(config: &Config) -> Result<Decoder, Failure> {
    let decoder = Decoder::new(&config.source.formats()).context("source.custom");
    let decoder = decoder.map_err(|error| Failure::new(Exit::Configuration, error))?;
    Ok(decoder.wanting(Wanted { attributes: config.wants_attributes() }))
}

fn pipeline(config: &Config, router: Router, encoders: Vec<Box<dyn Encoder>>) -> Pipeline {
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let dispatcher = |(destination, encoder): (DestinationConfig, _)| {
        let DestinationConfig { name, kind: _, cap, batch, retry, spill, record: _, domain } = destination;
        let backoff = Backoff::new(retry.initial.0, retry.max.0);
        let give_up = retry.give_up.map(|span| span.0);
        let name = (*name).into();
        (domain, DispatcherConfig { name, encoder, batch, backoff, give_up, spill, cap })
    };
    Pipeline::new(PipelineConfig {
        destinations: config.destinations().into_iter().zip(encoders).map(dispatcher).collect(),
        domains: config.domains(),
        router,
        tails: config.commit.tail,
        backoff: Backoff::new(config.retry.initial.0, config.retry.max.0),
        circuit_breaker: config.dead_letter.circuit_breaker,
        max_bytes: bytes(config.memory.outstanding()),
        letter_bytes: bytes(config.memory.letters()),
        commit_interval: config.commit.interval.0,
        revoke_timeout: config.source.revoke_timeout.0,
        jitter: Jitter::seeded(fastrand::u64(..)),
    })
}

/// The lookup of IP addresses, and the thread that reloads its database.
fn places(config: &Config) -> Result<(Locate, Option<Reloader>), Failure> {
    let Some(path) = config.endpoint.database() else { return Ok((Box::new(|_| None), None)) };
    let database = Database::open(Path::new(path)).context("endpoint.location.database cannot be used");
    let help = "it must name a MaxMind database file (.mmdb) with cities or countries";
    let database = database.map_err(|cause| Failure::new(Exit::Configuration, cause).with_help(help))?;
    let locate = Box::new(database.locate());
    let reloader =
        database.reload_on_change().context("the thread that reloads the database cannot be started");
    Ok((locate, Some(reloader.map_err(|cause| Failure::new(Exit::Bug, cause))?)))
}

/// The writer of dead letters, and the channel of its outcomes.
fn letters(config: &Config) -> Result<(Box<dyn DeadLetters>, LetterOutcomes), Failure> {
    let (outcomes, written) = mpsc::channel(LETTERS);
    let letters: Box<dyn DeadLetters> = match &config.dead_letter.target {
        DeadLetterConfig::Topic(topic) => {
            let cluster = config.source.cluster();
            Box::new(
                KafkaDeadLetters::start(&cluster, topic, config.dead_letter.retention.0, outcomes)
                    .map_err(not_started)?,
            )
        }
        DeadLetterConfig::Discard => {
            let letters = Discard::start(outcomes);
            Box::new(letters.map_err(|error| Failure::new(Exit::Bug, error))?)
        }
    };
    Ok((letters, written))
}

async fn listen(config: &Config) -> Result<TcpListener, Failure> {
    let listen = config.admin.listen;
    let listener = TcpListener::bind(listen).await;
    listener.with_context(|| format!("admin.listen: cannot listen on {listen}")).map_err(|cause| {
        Failure::new(Exit::Unreachable, cause).with_help("another process may listen there; set admin.listen")
    })
}
