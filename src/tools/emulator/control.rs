//! The handle for watching and changing a running server.
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
        services::kinesis::shards::{Shards, Streams},
        state::ServerState,
    },
};

/// Watches and changes a running server; cheap to clone.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

struct Shared {
    /// Behind a lock, because tests and benchmarks look at it from other threads while requests are served.
    /// The lock is held for one query at a time, never across an await.
    state: Mutex<ServerState>,
    /// Notified whenever a request is finished.
    finished: Notify,
    started: Instant,
}

impl Control {
    #[expect(
        clippy::disallowed_methods,
        reason = "the server is an edge; its clock is read here and in `now`"
    )]
    pub(super) fn new(options: Options) -> Self {
        let state = Mutex::new(ServerState::new(options));
        Self { shared: Arc::new(Shared { state, finished: Notify::new(), started: Instant::now() }) }
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().counts()
    }

    /// The kept events with a number above `since`, oldest first.
    #[must_use]
    pub fn events(&self, since: u64) -> Vec<Arc<Accepted>> {
        self.lock().journal.events(since)
    }

    /// Waits until `enough` holds, which is checked whenever a request is finished.
    pub async fn wait_until(&self, enough: impl Fn(&Counts) -> bool) {
        loop {
            // Registered before the counts are read, so that nothing in between is missed.
            let finished = self.shared.finished.notified();
            tokio::pin!(finished);
            finished.as_mut().enable();
            if enough(&self.counts()) {
                return;
            }
            finished.await;
        }
    }

    #[must_use]
    pub fn faults(&self) -> Faults {
        self.lock().faults.faults.clone()
    }

    /// Replaces the faults. The time of an outage starts now.
    pub fn set_faults(&self, faults: Faults) {
        let now = self.now();
        self.lock().faults.change(faults, now);
    }

    /// Pinpoint's quota; `None` if it is off.
    #[must_use]
    pub fn quota(&self) -> Option<Quota> {
        self.lock().quota
    }

    /// Changes Pinpoint's quota; `None` switches it off.
    pub fn set_quota(&self, quota: Option<Quota>) {
        self.lock().quota = quota;
    }

    /// The set-up of the streams of Kinesis.
    #[must_use]
    pub fn streams(&self) -> Streams {
        self.lock().shards.streams
    }

    /// Changes the set-up of the streams of Kinesis, which begin anew.
    pub fn set_streams(&self, streams: Streams) {
        self.lock().shards = Shards::new(streams);
    }

    /// Forgets counts, events, known endpoints and deduplication ids. Faults and quota stay, and event
    /// numbers go on.
    pub fn reset(&self) {
        self.lock().reset();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ServerState> {
        // A panic under the lock ends the process or the test anyway, and the counts are still right.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Moment {
        Moment::after_start(self.shared.started.elapsed())
    }

    pub(super) fn finished(&self) {
        self.shared.finished.notify_waiters();
    }
}
