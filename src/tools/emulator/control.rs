//! The handle by which a server is watched and changed while it runs.
//!
//! Knows nothing of HTTP: the server's own pages use the same handle as a test in the same process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{sync::Notify, time::Instant};

use crate::{
    core::time::Moment,
    tools::emulator::{
        Options,
        faults::Faults,
        journal::{Accepted, Counts},
        limit::Quota,
        state::State,
    },
};

/// Watches and changes a server; cheap to clone.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

struct Shared {
    /// Behind a lock because tests and benchmarks look in from other threads while requests are served.
    /// Held for one question at a time, never across an await.
    state: Mutex<State>,
    /// Told whenever a request was finished.
    finished: Notify,
    started: Instant,
}

impl Control {
    #[expect(
        clippy::disallowed_methods,
        reason = "the server is an edge; its clock is read here and in `now`"
    )]
    pub(super) fn new(options: Options) -> Self {
        let state = Mutex::new(State::new(options));
        Self { shared: Arc::new(Shared { state, finished: Notify::new(), started: Instant::now() }) }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().counts()
    }

    /// The kept events with a sequence number above `since`, oldest first.
    #[must_use]
    pub fn events(&self, since: u64) -> Vec<Arc<Accepted>> {
        self.lock().journal.events(since)
    }

    /// Waits until the counts are as `enough` wants them; asked again whenever a request was finished.
    pub async fn wait_until(&self, enough: impl Fn(&Counts) -> bool) {
        loop {
            // Registered before the counts are read, so that what happens in between is not missed.
            let finished = self.shared.finished.notified();
            tokio::pin!(finished);
            finished.as_mut().enable();
            if enough(&self.counts()) {
                return;
            }
            finished.await;
        }
    }

    /// What goes wrong at present.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.lock().faults.faults.clone()
    }

    /// Lets other things go wrong from now on; an outage's time begins now.
    pub fn set_faults(&self, faults: Faults) {
        let now = self.now();
        self.lock().faults.change(faults, now);
    }

    /// The quota at present; none when it is off.
    #[must_use]
    pub fn quota(&self) -> Option<Quota> {
        self.lock().limit.quota
    }

    /// Changes the quota, or switches it off.
    pub fn set_quota(&self, quota: Option<Quota>) {
        self.lock().limit.quota = quota;
    }

    /// Forgets counts, events and known endpoints; faults and quota stay, sequence numbers go on.
    pub fn reset(&self) {
        self.lock().reset();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held ends the process or the test; the counts are still true.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Moment {
        Moment::after_start(self.shared.started.elapsed())
    }

    pub(super) fn finished(&self) {
        self.shared.finished.notify_waiters();
    }
}
