//! Whether the process lives and is ready. The runner reports it, and the pages read it.
//!
//! Knows nothing of HTTP and reads no clock. The pages read it without the runner, so that a hanging runner
//! is detected.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;
use tokio::sync::watch;

use crate::{
    core::{pipeline::HoldStatus, time::Moment},
    edge::admin::config::Readiness,
};

/// How long a part may show no heartbeat before it counts as hanging. Nothing that the poll loop or the
/// runner does takes seconds, so a false alarm is very unlikely.
const PATIENCE: Duration = Duration::from_mins(1);

/// The stage of the process between its start and its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Not everything runs yet.
    #[default]
    Starting,
    /// The session table is being read; records are read after it.
    Loading,
    /// Records are read and delivered.
    Running,
    /// Nothing more is read, and records that can be settled are settled.
    Draining,
    /// The runner has ended, and the process is about to.
    Stopped,
}

impl Stage {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Loading => "loading",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

/// What liveness and readiness depend on, shared between the runner and the pages.
pub struct Health {
    poll_loop: Box<dyn Fn() -> Moment + Send + Sync>,
    /// In milliseconds after the start of the process.
    runner: AtomicU64,
    stage: watch::Sender<Stage>,
    holds: watch::Sender<Vec<HoldStatus>>,
}

/// A part that has shown no heartbeat for a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hanging {
    /// `poll loop` or `runner`.
    pub(super) part: &'static str,
    /// The time since its last heartbeat.
    pub(super) silence: Duration,
}

impl Health {
    /// The health of a process that is starting. `poll_loop` returns the poll loop's last heartbeat,
    /// on the process's clock.
    pub fn new(poll_loop: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self {
            poll_loop: Box::new(poll_loop),
            runner: AtomicU64::new(0),
            stage: watch::Sender::new(Stage::Starting),
            holds: watch::Sender::new(Vec::new()),
        }
    }

    /// Records a heartbeat of the runner. Must be called at least every few seconds.
    pub fn beat(&self, now: Moment) {
        let elapsed = u64::try_from(now.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.runner.store(elapsed, Ordering::Relaxed);
    }

    /// Records that the process has entered this stage.
    pub fn enter(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// Replaces what is held.
    pub fn hold(&self, holds: Vec<HoldStatus>) {
        self.holds.send_replace(holds);
    }

    #[must_use]
    pub fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Whether all parts show heartbeats.
    #[cfg(test)]
    pub(crate) fn is_alive(&self, now: Moment) -> bool {
        self.hanging(now).is_none()
    }

    pub(super) fn holds(&self) -> Vec<HoldStatus> {
        self.holds.borrow().clone()
    }

    /// The part that hangs, if any. Once the runner has ended, nothing needs a heartbeat any more: the
    /// deadline of the shutdown ensures that the process ends.
    pub(super) fn hanging(&self, now: Moment) -> Option<Hanging> {
        let runner = Moment::after_start(Duration::from_millis(self.runner.load(Ordering::Relaxed)));
        let parts = [("poll loop", (self.poll_loop)()), ("runner", runner)];
        let hanging = parts.map(|(part, last)| Hanging { part, silence: now.since(last) });
        let is_over = self.stage() == Stage::Stopped;
        hanging.into_iter().find(|hanging| !is_over && hanging.silence > PATIENCE)
    }

    /// Why the process is not ready, in one word, or `None` if it is ready.
    pub(super) fn unready(&self, readiness: Readiness) -> Option<&'static str> {
        match self.stage() {
            Stage::Loading if readiness == Readiness::Process => None,
            Stage::Running if readiness == Readiness::Process || self.holds.borrow().is_empty() => None,
            Stage::Running => Some("held"),
            stage => Some(stage.name()),
        }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("stage", &self.stage())
            .field("holds", &self.holds())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::code::Code;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    /// Checks which part hangs at `now` if the poll loop and the runner last had heartbeats at these seconds.
    #[track_caller]
    fn check(stage: Stage, poll_loop: u64, runner: u64, now: u64, expected: Option<&str>) {
        let health = Health::new(move || at(poll_loop));
        health.enter(stage);
        health.beat(at(runner));
        assert_eq!(health.hanging(at(now)).map(|hanging| hanging.part), expected);
    }

    #[test]
    fn a_part_hangs_after_a_minute_without_a_heartbeat() {
        check(Stage::Running, 100, 100, 100, None);
        check(Stage::Running, 100, 100, 160, None);
        check(Stage::Running, 100, 101, 161, Some("poll loop"));
        check(Stage::Running, 101, 100, 161, Some("runner"));
        check(Stage::Starting, 100, 0, 61, Some("runner"));
        check(Stage::Draining, 100, 100, 160, None);
        check(Stage::Draining, 200, 100, 200, Some("runner"));
        check(Stage::Stopped, 100, 100, 900, None);
        // A heartbeat after `now` does not count as hanging.
        check(Stage::Running, 300, 300, 100, None);
    }

    #[test]
    fn readiness_follows_the_stage_and_only_where_asked_for_the_holds() {
        let health = Health::new(|| Moment::START);
        let both = |health: &Health| [Readiness::Process, Readiness::Delivery].map(|it| health.unready(it));
        assert_eq!(both(&health), [Some("starting"); 2]);
        health.enter(Stage::Loading);
        assert_eq!(both(&health), [None, Some("loading")]);
        health.enter(Stage::Running);
        assert_eq!(both(&health), [None, None]);
        health.hold(vec![HoldStatus {
            cause: "destination",
            code: Code("access_denied"),
            destination: None,
            topic: None,
            partition: None,
            since: None,
            count: 1,
        }]);
        assert_eq!(both(&health), [None, Some("held")]);
        health.hold(Vec::new());
        assert_eq!(both(&health), [None, None]);
        health.enter(Stage::Draining);
        assert_eq!(both(&health), [Some("draining"); 2]);
    }
}
