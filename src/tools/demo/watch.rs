//! Watches a run: advances the script, the tenant's story and the producer, shows the progress, and ends when
//! everything is settled.
//!
//! Knows nothing of what makes a run good.

use std::time::Duration;

use tokio::{
    select,
    sync::{mpsc::Sender, oneshot},
    task::{JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::DemoKind,
    config::Config,
    core::{code::Code, pipeline::Snapshot, time::Moment},
    edge::{admin::Query, clock::Clock},
    exit::{Exit, Failure},
    tools::demo::{
        collect::Collector,
        evidence::Evidence,
        generate::Realm,
        narration,
        produce::Allowance,
        progress::{ProgressTable, Row},
        redriving::{self, Redrive},
        script::Script,
        story::{Seen, Story, Turn},
        tale::Tale,
        trouble::{Scene, Trouble},
    },
};

const LOOK: Duration = Duration::from_millis(100);
/// How long nothing may change before the watcher gives up: longer than any wait of the service, which asks again
/// for a refused role after up to a minute.
const STANDSTILL: Duration = Duration::from_secs(90);
/// How many unread records the topic may hold: the embedded broker keeps little.
const AHEAD: u64 = 4000;
/// How many more records each look allows after the run: about twenty a second.
const TRICKLE: u64 = 2;

pub(super) struct Watcher {
    pub(super) kind: DemoKind,
    /// How many records the run has.
    pub(super) records: u64,
    pub(super) collector: Collector,
    pub(super) allowance: Allowance,
    pub(super) script: Script,
    pub(super) story: Story,
    pub(super) tale: Tale,
    /// For the redrive.
    pub(super) config: Config,
    pub(super) redrive: Option<JoinHandle<Result<Redrive, Failure>>>,
    pub(super) progress: ProgressTable,
    pub(super) clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// Everything was produced and is settled, and the story is over.
    Settled,
    /// Somebody ended the run, or the service ended.
    Ended,
    /// Nothing changed for too long.
    Standstill,
}

impl Watcher {
    /// Watches until everything is settled, until nothing changes any more, or until `end`.
    ///
    /// # Errors
    /// If the redrive fails.
    pub(super) async fn until_settled(
        &mut self,
        service: &Sender<Query>,
        end: &CancellationToken,
    ) -> Result<Watched, Failure> {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changed = (Row::default(), Moment::START);
        loop {
            select! {
                _ = ticks.tick() => {}
                () = end.cancelled() => return Ok(Watched::Ended),
            }
            let Some(snapshot) = snapshot(service).await else { continue };
            let now = self.clock.now();
            let row = self.look(now, &snapshot, end);
            self.end_redrive(now).await?;
            // The probes of a destination that is held are no change.
            let row = Row { requests: None, ..row };
            if row != changed.0 {
                changed = (row, now);
            }
            let redriven = self.collector.collect().redriven.len() as u64;
            if self.story.is_over() && settled(&snapshot) >= self.records + redriven {
                return Ok(Watched::Settled);
            }
            if now.since(changed.1) > STANDSTILL {
                return Ok(Watched::Standstill);
            }
        }
    }

    /// Allows a few more records until `end`, so that there is something to see.
    pub(super) async fn trickle(&mut self, end: &CancellationToken) {
        let mut allowed = self.records;
        let mut ticks = interval(LOOK);
        while !end.is_cancelled() {
            select! {
                _ = ticks.tick() => {}
                () = end.cancelled() => {}
            }
            allowed += TRICKLE;
            self.allowance.set(allowed);
            self.collector.collect();
        }
    }

    /// Looks at everything once, and does what is due.
    fn look(&mut self, now: Moment, snapshot: &Snapshot, end: &CancellationToken) -> Row {
        #[expect(clippy::cast_precision_loss, reason = "numbers of records are far below 2^52")]
        let share = settled(snapshot) as f64 / self.records.max(1) as f64;
        let scene = self.script.scene(now, share);
        let evidence = self.collector.collect();
        let seen = Seen {
            settled: share,
            scene: scene.is_some(),
            held: held(snapshot),
            spilled: evidence.spilled(),
            waiting: evidence.waiting.len(),
        };
        for turn in self.story.next(now, &seen) {
            self.turn(now, turn, &seen, end);
        }
        self.tale.code = self.story.code();
        self.collector.services.cause(Trouble { scene, role: self.story.role() });
        let allowed = self.story.allows(now, self.records);
        self.allowance.set(allowed.min(snapshot.records.consumed + AHEAD));
        let requests = self.collector.services.counts().map(|counts| counts.requests);
        let evidence = self.collector.collect();
        let row = Row {
            produced: evidence.sent.len(),
            accepted: Realm::ALL.map(|realm| accepted(evidence, realm)),
            dead_letters: evidence.dead_letters.len(),
            outstanding: snapshot.records_outstanding,
            requests,
        };
        let redriving = self.redrive.as_ref().map(|_| "redrive");
        let hold = snapshot.holds.first().map(|_| "hold");
        let waiting = snapshot.partitions.is_empty().then_some("joining");
        let note = scene.map(Scene::name).or(redriving).or(hold).or(waiting);
        self.progress.show(now, row, note);
        row
    }

    /// Does what the story demands, and says so.
    fn turn(&mut self, now: Moment, turn: Turn, seen: &Seen, end: &CancellationToken) {
        match turn {
            Turn::Refused => {
                let records = self.collector.collect().records_with_events(Realm::Acme);
                self.tale.refused = records..records;
            }
            Turn::Held(_) => {
                self.collector.note_waiting(Realm::Acme);
                self.tale.meanwhile = accepted(self.collector.collect(), Realm::Shop);
            }
            // From now on, nothing of the others may wait.
            Turn::Spills => self.collector.note_waiting(Realm::Acme),
            Turn::Granted => {
                self.tale.waited = seen.waiting;
                self.tale.refused.end = self.collector.collect().records_with_events(Realm::Acme);
            }
            Turn::Back { after } => {
                self.tale.held = Some(after);
                self.tale.meanwhile = accepted(self.collector.collect(), Realm::Shop) - self.tale.meanwhile;
            }
            Turn::Redrive => {
                let (config, stop) = (self.config.clone(), end.clone());
                self.redrive = Some(spawn_blocking(move || redriving::redrive(&config, stop)));
            }
        }
        self.progress.say(now, &narration::turn(turn, self.kind, self.tale.meanwhile));
    }

    /// Takes in what a redrive did, once it is done.
    async fn end_redrive(&mut self, now: Moment) -> Result<(), Failure> {
        let Some(redrive) = self.redrive.take_if(|redrive| redrive.is_finished()) else { return Ok(()) };
        let redrive = redrive.await.map_err(|error| Failure::new(Exit::Bug, error))??;
        let words = narration::redriven(&redrive);
        self.tale.redrive = Some((redrive.letters, redrive.records));
        self.collector.redriven(redrive.found);
        self.story.redriven();
        self.progress.say(now, &words);
        Ok(())
    }
}

/// Asks the service for its state; `None` once it has ended.
pub(super) async fn snapshot(service: &Sender<Query>) -> Option<Box<Snapshot>> {
    let (reply, answer) = oneshot::channel();
    service.send(Query::Snapshot(reply)).await.ok()?;
    answer.await.ok()
}

fn settled(snapshot: &Snapshot) -> u64 {
    snapshot.records.consumed - snapshot.records_outstanding as u64
}

/// How many events the destination of a realm has accepted.
fn accepted(evidence: &Evidence, realm: Realm) -> u64 {
    evidence.accepted.get(&realm).copied().unwrap_or_default()
}

/// Why the tenant's destination is held, if it is.
fn held(snapshot: &Snapshot) -> Option<Code> {
    let holds = snapshot.holds.iter().filter(|hold| hold.cause == "destination");
    let mut its = holds.filter(|hold| hold.destination.as_deref() == Some(Realm::Acme.name()));
    its.next().map(|hold| hold.code)
}
