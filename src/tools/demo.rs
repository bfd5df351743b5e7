//! The demo, which needs nothing but this binary: an embedded Kafka, two emulated destinations, and between them
//! the service itself, as `run` would start it.
//!
//! ```text
//! generate ─► produce ─► Kafka ─► the service ─► shop, acme ◄─ script, story
//!                │         ▲          └─► dead letters ─► inspect  │
//!                │         └── redriving ◄─────┘             │     │
//!                └──────────► collect ◄──────────────────────┴─────┘
//!                                └─► verdict ─► report
//! ```
//!
//! Knows nothing of how the service works. The verdict always rests on what was observed from outside; the
//! service's own counts are only compared with it.

use std::time::Duration;

use rdkafka::error::KafkaResult;
use tokio::{
    join, select,
    sync::mpsc::{self, Receiver},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{self, signals},
    cli::{self, DemoArguments, DemoFault, DemoFaults},
    config::Config,
    core::{pipeline::RecordCounts, time::Timestamp},
    edge::{admin::Query, aws::client::AwsEnvironment, clock::Clock},
    exit::{Exit, Failure},
    tools::{
        demo::{
            clusters::Clusters,
            collect::Collector,
            emulated::EmulatedAws,
            generate::{Generator, GeneratorOptions, Providers, Realm},
            produce::Allowance,
            progress::ProgressTable,
            report::report,
            script::Script,
            services::Services,
            stage::{Destinations, Stage},
            story::Story,
            tale::Tale,
            verdict::{Circumstances, judge},
            watch::{Watched, Watcher},
        },
        emulator::Emulator,
    },
};

mod clusters;
mod collect;
mod emulated;
mod evidence;
pub mod generate;
mod inspect;
mod introduction;
mod kind;
mod narration;
mod problem;
mod produce;
mod progress;
mod redriving;
mod report;
mod script;
mod services;
mod stage;
mod story;
mod tale;
mod trouble;
mod verdict;
mod watch;
pub(super) mod words;

/// The share of records that are hostile or repeated.
const HOSTILE: f64 = 0.03;

/// 2026-11-22T10:00:00Z, when the first user arrives. It is fixed, so that a run depends on the seed alone.
const BEGINNING: Timestamp = Timestamp(1_795_341_600_000);

/// What a thread found that may wait in a channel.
const WAITING: usize = 4096;

/// Runs the service and judges it. A signal drains it; a second one ends it at once.
///
/// # Errors
/// If a part cannot be started.
pub async fn run(arguments: DemoArguments) -> Result<Exit, Failure> {
    let stage = Stage::set(&arguments).await?;
    say(&introduction::introduction(&stage, &arguments))?;
    let drain = CancellationToken::new();
    select! {
        exit = deliver_and_judge(stage, &arguments, &drain) => exit,
        exit = signals::drain_then_end(&drain) => exit,
    }
}

/// Runs the service and the emulator, with the producer, the readers and the observer beside them.
async fn deliver_and_judge(
    stage: Stage,
    arguments: &DemoArguments,
    drain: &CancellationToken,
) -> Result<Exit, Failure> {
    let Stage { kafka: _kafka, destinations, admin, config } = stage;
    let sts = destinations.address(Realm::Acme).parse().ok();
    let aws = AwsEnvironment::emulated(sts.as_ref());
    let (connected, refresher) = app::Destinations::connect(&config, aws)?;
    let (asking, queries) = app::queries();
    let (over, closed, finished) = (drain.child_token(), CancellationToken::new(), CancellationToken::new());
    // Ends the threads, however this function ends.
    let _finish = (finished.clone().drop_guard(), drain.clone().drop_guard());
    let mut threads = Threads { running: JoinSet::new(), finished: finished.clone() };
    let (services, emulator) = threads.services(destinations, arguments)?;
    let watcher = threads.watcher(&config, arguments, services, drain).map_err(bug)?;
    let mut observer = Observer { arguments, watcher, service: asking.clone() };
    let delivering = async {
        let ended = select! {
            ended = app::deliver(&config, connected, admin, drain.clone(), (asking, queries)) => ended,
            never = refresher.run() => match never {},
        };
        over.cancel();
        closed.cancel();
        ended
    };
    let watching = async {
        let run = observer.watch(&over).await;
        drain.cancel();
        run
    };
    let serving = async {
        match emulator {
            Some(emulator) => emulator.run(closed.clone()).await,
            None => closed.cancelled().await,
        }
    };
    let (ended, run, ()) = join!(delivering, watching, serving);
    let (ended, run) = (ended?, run?);
    let exit = observer.conclude(run, &ended.records, ended.failed.is_some()).await;
    finished.cancel();
    threads.running.join_all().await;
    Ok(if ended.unsettled > 0 { Exit::Unsettled } else { exit? })
}

/// The threads that write and read beside the service, until `finished`.
struct Threads {
    running: JoinSet<()>,
    finished: CancellationToken,
}

impl Threads {
    /// The services of the destinations, with the emulator that is to run.
    fn services(
        &mut self,
        destinations: Destinations,
        arguments: &DemoArguments,
    ) -> Result<(Services, Option<Emulator>), Failure> {
        match destinations {
            Destinations::Aws(emulator) => {
                let aws = EmulatedAws::new(arguments.kind, &arguments.faults, emulator.control());
                Ok((Services::Aws(aws), Some(emulator)))
            }
            Destinations::Kafka(clusters) => {
                let arriving = self.arriving(&clusters, arguments).map_err(bug)?;
                let clusters = Clusters::new(clusters, arriving);
                Ok((Services::Kafka(clusters), None))
            }
        }
    }

    /// Starts readers of the topics of all realms.
    fn arriving(
        &mut self,
        clusters: &[clusters::Cluster; 2],
        arguments: &DemoArguments,
    ) -> KafkaResult<Receiver<evidence::Arriving>> {
        let (found, arriving) = mpsc::channel(WAITING);
        for (realm, cluster) in Realm::ALL.into_iter().zip(clusters) {
            let (brokers, topic) = (cluster.bootstrap_servers(), arguments.kind.resource(realm));
            let stop = self.finished.clone();
            self.running.spawn_blocking(inspect::events((&brokers, &topic), realm, found.clone(), stop)?);
        }
        Ok(arriving)
    }

    /// Starts the producer and the reader of dead letters, and makes the watcher.
    fn watcher(
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
        let planned = arguments.faults.0.contains(&DemoFault::Role);
        Ok(Watcher {
            kind: arguments.kind,
            records: arguments.records,
            collector: Collector::new((sent, letters), services, names),
            allowance,
            script: Script::new(&shown(arguments)),
            story: Story::new(planned),
            tale: Tale { planned, ..Tale::default() },
            config: config.clone(),
            redrive: None,
            progress: ProgressTable::new(),
            clock: Clock::start(),
        })
    }
}

/// The faults that were asked for and that the kind can show.
fn shown(DemoArguments { kind, faults, .. }: &DemoArguments) -> DemoFaults {
    DemoFaults(faults.0.iter().copied().filter(|fault| kind.shows(*fault)).collect())
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

/// Watches the run and prints what it saw.
struct Observer<'a> {
    arguments: &'a DemoArguments,
    watcher: Watcher,
    service: mpsc::Sender<Query>,
}

/// What was observed of a run that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    watched: Watched,
    took: Duration,
    /// The exit code of a verdict that was given before the service ended.
    verdict: Option<Exit>,
}

impl Observer<'_> {
    /// Watches until the run is over, and then until `over` if the run is to go on.
    async fn watch(&mut self, over: &CancellationToken) -> Result<Run, Failure> {
        let watched = self.watcher.until_settled(&self.service, over).await?;
        let took = self.watcher.clock.now().elapsed();
        self.watcher.progress.end();
        let mut run = Run { watched, took, verdict: None };
        if !self.arguments.keep_running || watched != Watched::Settled {
            return Ok(run);
        }
        self.watcher.collector.complete(self.arguments.records, true).await;
        if let Some(snapshot) = watch::snapshot(&self.service).await {
            run.verdict = Some(self.judge(&snapshot.records, true, took)?);
            say(STILL_RUNNING)?;
            self.watcher.trickle(over).await;
        }
        Ok(run)
    }

    /// Gives the verdict on a service that has ended, by itself or because it was asked to.
    async fn conclude(&mut self, run: Run, records: &RecordCounts, by_itself: bool) -> Result<Exit, Failure> {
        // If a person ended it, some records may be left.
        let whole = by_itself || (run.watched != Watched::Ended && run.verdict.is_none());
        self.watcher.collector.complete(u64::MAX, whole).await;
        let exit = self.judge(records, whole, run.took)?;
        Ok(run.verdict.filter(|verdict| *verdict != Exit::Clean).unwrap_or(exit))
    }

    /// Prints the report and the verdict on what was observed so far.
    fn judge(&mut self, service: &RecordCounts, whole: bool, took: Duration) -> Result<Exit, Failure> {
        let server = self.watcher.collector.services.counts();
        let circumstances = Circumstances {
            whole,
            refusals: self.arguments.faults.0.contains(&DemoFault::Refused),
            kind: self.arguments.kind,
            tale: &self.watcher.tale.clone(),
            server: server.as_ref(),
            service,
        };
        let verdict = judge(self.watcher.collector.collect(), &circumstances);
        say(&report(&verdict, &circumstances, took))?;
        Ok(if verdict.problems.is_empty() { Exit::Clean } else { Exit::Unsettled })
    }
}

const STILL_RUNNING: &str = "
Still running, with about twenty records a second. SIGINT (Ctrl-C) drains and ends it.
";

fn say(words: &str) -> Result<(), Failure> {
    let closed = |error| anyhow::Error::new(error).context("the output is closed");
    cli::print(words).map_err(|error| Failure::new(Exit::Unreachable, closed(error)))
}

/// A failure of something that cannot fail on a machine that can run the demo at all.
fn bug(cause: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Bug, cause)
}
