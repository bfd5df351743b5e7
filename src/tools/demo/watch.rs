//! Watches a run: advances the script and the producer, shows the progress, and ends when everything is
//! settled.
//!
//! Knows nothing of what makes a run good.

use std::time::Duration;

use tokio::{
    select,
    sync::{mpsc::Sender, oneshot},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    core::{pipeline::Snapshot, time::Moment},
    edge::{admin::Query, clock::Clock},
    tools::{
        demo::{
            collect::Collector,
            produce::Allowance,
            progress::{ProgressTable, Row},
            script::Script,
        },
        emulator::Control,
    },
};

const LOOK: Duration = Duration::from_millis(100);
/// How long nothing may change before the watcher gives up: longer than any wait of the service.
const STANDSTILL: Duration = Duration::from_secs(30);
/// How many unread records the topic may hold: the embedded broker keeps little.
const AHEAD: u64 = 4000;
/// How many more records each look allows after the run: about twenty a second.
const TRICKLE: u64 = 2;

pub(super) struct Watcher {
    /// How many records the run has.
    pub(super) records: u64,
    pub(super) collector: Collector,
    pub(super) server: Control,
    pub(super) allowance: Allowance,
    pub(super) script: Script,
    pub(super) progress: ProgressTable,
    pub(super) clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// Everything was produced and is settled.
    Settled,
    /// Somebody ended the run, or the service ended.
    Ended,
    /// Nothing changed for too long.
    Standstill,
}

impl Watcher {
    /// Watches until everything is settled, until nothing changes any more, or until `end`.
    pub(super) async fn until_settled(
        &mut self,
        service: &Sender<Query>,
        end: &CancellationToken,
    ) -> Watched {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changed = (Row::default(), Moment::START);
        loop {
            select! {
                _ = ticks.tick() => {}
                () = end.cancelled() => return Watched::Ended,
            }
            let Some(snapshot) = snapshot(service).await else { continue };
            let now = self.clock.now();
            let row = self.look(now, &snapshot);
            if row != changed.0 {
                changed = (row, now);
            }
            if settled(&snapshot) >= self.records {
                return Watched::Settled;
            }
            if now.since(changed.1) > STANDSTILL {
                return Watched::Standstill;
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
    fn look(&mut self, now: Moment, snapshot: &Snapshot) -> Row {
        self.allowance.set(self.records.min(snapshot.records.consumed + AHEAD));
        #[expect(clippy::cast_precision_loss, reason = "numbers of records are far below 2^52")]
        let share = settled(snapshot) as f64 / self.records.max(1) as f64;
        let (faults, scene) = self.script.faults(now, share);
        if faults != self.server.faults() {
            self.server.set_faults(faults);
        }
        let evidence = self.collector.collect();
        let counts = self.server.counts();
        let row = Row {
            produced: evidence.sent.len(),
            accepted: counts.events_accepted,
            dead_letters: evidence.dead_letters.len(),
            outstanding: snapshot.records_outstanding,
            requests: counts.requests,
            each: counts.events_per_request,
        };
        let hold = snapshot.holds.first().map(|_| "hold");
        let waiting = snapshot.partitions.is_empty().then_some("joining");
        self.progress.show(now, row, scene.or(hold).or(waiting));
        row
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
