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

use tokio::{join, select, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{self, signals},
    cli::{self, DemoArguments, DemoFault},
    core::pipeline::RecordCounts,
    edge::{admin::Query, aws::client::AwsEnvironment},
    exit::{Exit, Failure},
    tools::demo::{
        generate::Realm,
        report::report,
        stage::Stage,
        threads::Threads,
        verdict::{Circumstances, judge},
        watch::{Watched, Watcher},
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
mod threads;
mod trouble;
mod verdict;
mod watch;
pub(super) mod words;

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
    let Stage { kafka: _kafka, places, admin, config } = stage;
    let sts = places.address(Realm::Acme).parse().ok();
    let aws = AwsEnvironment::emulated(sts.as_ref());
    let (connected, refresher) = app::Destinations::connect(&config, aws)?;
    let (asking, queries) = app::queries();
    let (over, closed, finished) = (drain.child_token(), CancellationToken::new(), CancellationToken::new());
    // Ends the threads, however this function ends.
    let _finish = (finished.clone().drop_guard(), drain.clone().drop_guard());
    let mut threads = Threads::new(finished.clone());
    let (services, emulator) = threads.services(places, arguments).map_err(bug)?;
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
    threads.join().await;
    Ok(if ended.unsettled > 0 { Exit::Unsettled } else { exit? })
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
            refusals: self.arguments.shown_faults().0.contains(&DemoFault::Refused),
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
