//! The demo, which needs nothing but this binary: an embedded Kafka, an embedded PutEvents server, and
//! between them the service itself, as `run` would start it.
//!
//! ```text
//! generate ─► produce ─► Kafka ─► the service ─► PutEvents server ◄─ script
//!                │                     └─► dead letters ─► inspect     │
//!                └──────────► collect ◄────────────────────────┴───────┘
//!                                └─► verdict ─► report
//! ```
//!
//! Knows nothing of how the service works. The verdict always rests on what was observed from outside; the
//! service's own counts are only compared with it.

use std::time::Duration;

use rdkafka::error::KafkaResult;
use tokio::{join, select, sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{self, signals},
    cli::{self, DemoArguments, DemoFault},
    core::{pipeline::RecordCounts, time::Timestamp},
    edge::{admin::Query, aws::pinpoint::Pinpoint, clock::Clock},
    exit::{Exit, Failure},
    tools::demo::{
        collect::Collector,
        generate::{Generator, GeneratorOptions, Providers},
        produce::Allowance,
        progress::ProgressTable,
        report::report,
        script::Script,
        stage::{DEAD_LETTERS, PARTITIONS, Stage, TOPIC},
        verdict::{Circumstances, judge},
        watch::{Watched, Watcher},
        words::grouped,
    },
};

mod collect;
mod evidence;
pub mod generate;
mod inspect;
mod problem;
mod produce;
mod progress;
mod report;
mod script;
mod stage;
mod verdict;
mod watch;
pub(super) mod words;

/// The share of records that are hostile or repeated.
const HOSTILE: f64 = 0.03;

/// 2026-11-22T10:00:00Z, when the first user arrives. It is fixed, so that a run depends on the seed alone.
const BEGINNING: Timestamp = Timestamp(1_795_341_600_000);

/// Runs the service and judges it. A signal drains it; a second one ends it at once.
///
/// # Errors
/// If a part cannot be started.
pub async fn run(arguments: DemoArguments) -> Result<Exit, Failure> {
    let stage = Stage::set(&arguments).await?;
    say(&introduction(&stage, &arguments))?;
    let drain = CancellationToken::new();
    select! {
        exit = deliver_and_judge(stage, &arguments, &drain) => exit,
        exit = signals::drain_then_end(&drain) => exit,
    }
}

/// Runs the service and the server, with the producer, the readers and the observer beside them.
async fn deliver_and_judge(
    stage: Stage,
    arguments: &DemoArguments,
    drain: &CancellationToken,
) -> Result<Exit, Failure> {
    let destination = Pinpoint::emulated(&stage.pinpoint).map_err(bug)?;
    let (asking, queries) = app::queries();
    let (over, closed, finished) = (drain.child_token(), CancellationToken::new(), CancellationToken::new());
    // Ends the threads, however this function ends.
    let _finish = (finished.clone().drop_guard(), drain.clone().drop_guard());
    let mut threads = JoinSet::new();
    let watcher = watcher(&stage, arguments, &mut threads, (drain, &finished)).map_err(bug)?;
    let mut observer = Observer { arguments, watcher, service: asking.clone() };
    let Stage { kafka: _kafka, server, admin, config, .. } = stage;
    let delivering = async {
        let ended =
            app::deliver(&config, vec![destination.into()], admin, drain.clone(), (asking, queries)).await;
        over.cancel();
        closed.cancel();
        ended
    };
    let watching = async {
        let run = observer.watch(&over).await;
        drain.cancel();
        run
    };
    let (ended, run, ()) = join!(delivering, watching, server.run(closed.clone()));
    let (ended, run) = (ended?, run?);
    let exit = observer.conclude(run, &ended.records, ended.failed.is_some()).await;
    finished.cancel();
    threads.join_all().await;
    Ok(if ended.unsettled > 0 { Exit::Unsettled } else { exit? })
}

/// Starts the producer and the reader of dead letters, and makes the watcher.
fn watcher(
    stage: &Stage,
    arguments: &DemoArguments,
    threads: &mut JoinSet<()>,
    (drain, finished): (&CancellationToken, &CancellationToken),
) -> KafkaResult<Watcher> {
    let source = &stage.config.source;
    let allowance = Allowance::default();
    let (sent, produce) =
        produce::producer(&source.brokers, records(arguments), allowance.clone(), drain.clone())?;
    let (letters, read) = inspect::reader(&source.brokers, finished.clone())?;
    threads.spawn_blocking(produce);
    threads.spawn_blocking(read);
    Ok(Watcher {
        records: arguments.records,
        collector: Collector::new(
            (sent, letters),
            stage.server.control(),
            (source.brokers.clone(), source.group.clone()),
        ),
        server: stage.server.control(),
        allowance,
        script: Script::new(&arguments.faults),
        progress: ProgressTable::new(),
        clock: Clock::start(),
    })
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
        let watched = self.watcher.until_settled(&self.service, over).await;
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
        let server = self.watcher.server.counts();
        let refusals = self.arguments.faults.0.contains(&DemoFault::Refused);
        let circumstances = Circumstances { whole, refusals, server: &server, service };
        let verdict = judge(self.watcher.collector.collect(), &circumstances);
        say(&report(&verdict, &circumstances, took))?;
        Ok(if verdict.problems.is_empty() { Exit::Clean } else { Exit::Unsettled })
    }
}

const STILL_RUNNING: &str = "
Still running, with about twenty records a second. SIGINT (Ctrl-C) drains and ends it.
";

fn introduction(stage: &Stage, arguments: &DemoArguments) -> String {
    let Stage { server, config, .. } = stage;
    let listen = config.admin.listen;
    let asked = arguments.listen;
    let taken = if asked.port() == 0 || listen == asked {
        ""
    } else {
        " (a free port, because the requested one is taken)"
    };
    let faults = match &*arguments.faults.to_string() {
        "" => "no faults".to_owned(),
        faults => format!("faults: {faults}"),
    };
    format!(
        "Kafka      {}, embedded: {PARTITIONS} partitions of {TOPIC}\n\
         {:11}dead letters go to {DEAD_LETTERS}\n\
         PutEvents  {}, embedded: 15 requests a second, as at AWS\n\
         Admin      http://{listen}/status{taken}\n\
         Records    {} of {} users, some hostile; {faults}\n\n",
        config.source.brokers,
        "",
        server.url(),
        grouped(arguments.records),
        grouped(arguments.users.into()),
    )
}

fn say(words: &str) -> Result<(), Failure> {
    let closed = |error| anyhow::Error::new(error).context("the output is closed");
    cli::print(words).map_err(|error| Failure::new(Exit::Unreachable, closed(error)))
}

/// A failure of something that cannot fail on a machine that can run the demo at all.
fn bug(cause: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Bug, cause)
}
