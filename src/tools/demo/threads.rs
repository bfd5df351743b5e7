//! The threads beside the service: they produce the records, and read the dead letters and the topics of
//! destinations.
//!
//! Knows nothing of what is done with what they find.

use rdkafka::error::KafkaResult;
use tokio::{
    sync::mpsc::{self, Receiver},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{DemoArguments, DemoFault},
    config::Config,
    core::time::Timestamp,
    edge::clock::Clock,
    tools::{
        demo::{
            clusters::{Cluster, Clusters},
            collect::Collector,
            emulated::EmulatedAws,
            evidence::Arriving,
            generate::{Generator, GeneratorOptions, Providers, Realm},
            inspect,
            produce::{self, Allowance},
            progress::ProgressTable,
            script::Script,
            services::Services,
            stage::Places,
            story::Story,
            tale::Tale,
            watch::Watcher,
        },
        emulator::Emulator,
    },
};

/// The share of records that are hostile or repeated.
const HOSTILE: f64 = 0.03;

/// 2026-11-22T10:00:00Z, when the first user arrives. It is fixed, so that a run depends on the seed alone.
const BEGINNING: Timestamp = Timestamp(1_795_341_600_000);

/// What a thread found that may wait in a channel.
const WAITING: usize = 4096;

/// The threads that write and read beside the service, until `finished`.
pub(super) struct Threads {
    running: JoinSet<()>,
    finished: CancellationToken,
}

impl Threads {
    pub(super) fn new(finished: CancellationToken) -> Self {
        Self { running: JoinSet::new(), finished }
    }

    /// Waits until all have ended.
    pub(super) async fn join(self) {
        self.running.join_all().await;
    }

    /// The services of the destinations, with the emulator that is to run.
    ///
    /// # Errors
    /// If a client of Kafka cannot be created.
    pub(super) fn services(
        &mut self,
        places: Places,
        arguments: &DemoArguments,
    ) -> KafkaResult<(Services, Option<Emulator>)> {
        match places {
            Places::Aws(emulator) => {
                let aws = EmulatedAws::new(arguments.kind, &arguments.shown_faults(), emulator.control());
                Ok((Services::Aws(Box::new(aws)), Some(emulator)))
            }
            Places::Kafka(clusters) => {
                let arriving = self.arriving(&clusters, arguments)?;
                let clusters = Clusters::new(clusters, arriving);
                Ok((Services::Kafka(clusters), None))
            }
        }
    }

    /// Starts readers of the topics of all realms.
    fn arriving(
        &mut self,
        clusters: &[Cluster; 2],
        arguments: &DemoArguments,
    ) -> KafkaResult<Receiver<Arriving>> {
        let (found, arriving) = mpsc::channel(WAITING);
        for (realm, cluster) in Realm::ALL.into_iter().zip(clusters) {
            let (brokers, topic) = (cluster.bootstrap_servers(), arguments.kind.resource(realm));
            let stop = self.finished.clone();
            self.running.spawn_blocking(inspect::events((&brokers, &topic), realm, found.clone(), stop)?);
        }
        Ok(arriving)
    }

    /// Starts the producer and the reader of dead letters, and makes the watcher.
    ///
    /// # Errors
    /// If a client of Kafka cannot be created.
    pub(super) fn watcher(
        &mut self,
        config: &Config,
        arguments: &DemoArguments,
        services: Services,
        drain: &CancellationToken,
    ) -> KafkaResult<Watcher> {
        let source = &config.source;
        let allowance = Allowance::default();
        let records = records(arguments);
        let (sent, produce) = produce::producer(&source.brokers, records, allowance.clone(), drain.clone())?;
        let (found, letters) = mpsc::channel(WAITING);
        self.running.spawn_blocking(produce);
        self.running.spawn_blocking(inspect::letters(&source.brokers, found, self.finished.clone())?);
        let names = (source.brokers.clone(), source.group.clone());
        let faults = arguments.shown_faults();
        let planned = faults.0.contains(&DemoFault::Role);
        Ok(Watcher {
            kind: arguments.kind,
            records: arguments.records,
            collector: Collector::new((sent, letters), services, names),
            allowance,
            script: Script::new(&faults),
            story: Story::new(planned),
            tale: Tale { planned, ..Tale::default() },
            config: config.clone(),
            redrive: None,
            progress: ProgressTable::new(),
            clock: Clock::start(),
        })
    }
}

/// All records of the run, without an end if it goes on after the verdict.
fn records(arguments: &DemoArguments) -> Generator {
    let records = if arguments.keep_running { u64::MAX } else { arguments.records };
    Generator::new(&GeneratorOptions {
        users: arguments.users,
        records: usize::try_from(records).unwrap_or(usize::MAX),
        seed: arguments.seed,
        hostile: HOSTILE,
        start_time: BEGINNING,
        providers: Providers::Several,
    })
}
