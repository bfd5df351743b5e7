//! What is to be read: nothing while too much is outstanding, and nothing of what waits for a person.
//!
//! Knows nothing of how reading is paused. What always holds: records, bytes and events outstanding stay
//! within their limits plus one fetch (invariant 6).

use std::sync::Arc;

use crate::core::{
    pipeline::{Action, Pipeline},
    record::Ownership,
    source::Paused,
};

/// The part of the limits under which paused is resumed after it was paused.
const RESUME_AT: f64 = 0.75;

impl Pipeline {
    /// Says what to read, when that has changed: nothing while too much is outstanding (with hysteresis,
    /// because a pause discards what was fetched ahead), and nothing of what waits for a person.
    pub(super) fn regulate(&mut self, actions: &mut Vec<Action>) {
        let part = if self.paused.everything { RESUME_AT } else { 1.0 };
        #[expect(clippy::cast_precision_loss, reason = "a comparison of sizes far below 2^52")]
        let over = |amount: usize, limit: usize| amount as f64 >= limit as f64 * part;
        let full = over(self.ledger.bytes(), self.config.max_bytes)
            || over(self.dispatcher.events() + self.barrier.events(), self.max_events());
        let paused = self.draining || full;
        if !self.letters.take_changed() && paused == self.paused.everything {
            return;
        }
        let held = |id: &Ownership, topic: &Arc<str>| {
            self.letters.held().contains_key(id) || self.letters.stops(topic)
        };
        let held = (self.ledger.partitions().iter())
            .filter(|(id, partition)| held(id, &partition.assignment.topic))
            .map(|(id, _)| *id);
        let paused = Paused { everything: paused, partitions: held.collect() };
        if paused != self.paused {
            self.paused = paused.clone();
            actions.push(Action::Pause(paused));
        }
    }

    /// Events outstanding, at most: what this replica may send in half the time that a revocation has, so
    /// that a deploy with a backlog drains in time. Never less than fills a request.
    pub(super) fn max_events(&self) -> usize {
        let seconds = self.config.revoke_timeout.as_secs_f64() / 2.0;
        let requests = (self.dispatcher.quota.nominal_rate() * seconds).max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive; a number of requests too large for usize is no bound in any case"
        )]
        let requests = requests as usize;
        requests.saturating_mul(self.config.batch.max_events.get())
    }
}
