//! Backpressure: pauses all reading while too much is outstanding, and a single partition while it waits for
//! room or is held; while too much waits for room, the topic of the partition.
//!
//! Knows nothing of how reading is paused. What always holds: outstanding records, bytes and events stay
//! within their limits plus one fetch (invariant 6).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::core::{
    destination::DestinationId,
    pipeline::{
        Action, Pipeline,
        dispatcher::Dispatcher,
        quota_domain::{Quota, QuotaDomain},
    },
    record::Ownership,
    source::Paused,
};

/// Paused reading resumes below this fraction of a limit.
pub(super) const RESUME_AT: f64 = 0.75;

/// The part of the memory for the records that come from a partition after its pause: one in so many bytes. The
/// source's channel holds about as many bytes of records.
pub(super) const ON_THE_WAY: usize = 24;

impl Pipeline {
    /// Pauses and resumes reading, with hysteresis, because each pause discards prefetched records.
    pub(super) fn regulate(&mut self) {
        let full = self.is_full_in_all(if self.paused.everything { RESUME_AT } else { 1.0 });
        let everything = self.draining || full;
        let changed = [self.dead_letters.take_changed(), self.circuit_breakers.take_changed()];
        let stalled = !self.stalled.is_empty() || !self.paused.partitions.is_empty();
        if !changed.contains(&true) && !stalled && everything == self.paused.everything {
            return;
        }
        self.crowded = self.is_crowded(self.crowded);
        let crowding = if self.crowded { self.crowding_topics() } else { BTreeSet::new() };
        let is_held = |id: &Ownership, topic: &Arc<str>| {
            self.dead_letters.held().contains_key(id)
                || self.circuit_breakers.stops(topic)
                || self.stalled.contains_key(id)
                || crowding.contains(topic)
        };
        let held = (self.ledger.partitions().iter())
            .filter(|(id, partition)| is_held(id, &partition.assignment.topic))
            .map(|(id, _)| *id);
        let paused = Paused { everything, partitions: held.collect() };
        if paused != self.paused {
            self.paused = paused.clone();
            self.output.push(Action::Pause(paused));
        }
    }

    /// The topics of which more waits for room than the records on their way from one partition.
    pub(super) fn crowding_topics(&self) -> BTreeSet<Arc<str>> {
        let mut waiting = BTreeMap::<&Arc<str>, usize>::new();
        for partition in self.stalled.keys().filter_map(|id| self.ledger.partitions().get(id)) {
            *waiting.entry(&partition.assignment.topic).or_default() += partition.stalled_bytes;
        }
        waiting.retain(|_, bytes| *bytes > self.max_bytes / ON_THE_WAY);
        waiting.into_keys().cloned().collect()
    }

    /// Whether everything outstanding together reaches this fraction of a limit.
    pub(super) fn is_full_in_all(&self, part: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a comparison of sizes far below 2^52")]
        let over = |amount: usize, limit: usize| amount as f64 >= limit as f64 * part;
        // One destination without room must not keep reading paused for the others.
        let stuck = self.stuck_bytes();
        let (bytes, max_bytes) =
            (self.ledger.bytes().saturating_sub(stuck), self.max_bytes.saturating_sub(stuck));
        over(bytes, max_bytes) || over(self.events(), self.max_events_in_all())
    }

    /// The number of events without a verdict, including those at the barrier.
    pub(super) fn events(&self) -> usize {
        let dispatched: usize = self.dispatchers.iter().map(|(_, dispatcher)| dispatcher.events()).sum();
        dispatched + self.barrier.events()
    }

    /// The maximum number of outstanding events of all destinations together. If there are several, each has
    /// its own limit instead, and a full one stops only its own partitions.
    fn max_events_in_all(&self) -> usize {
        match &self.dispatchers[..] {
            [(domain, dispatcher)] => self.max_events(&self.domains[*domain], dispatcher),
            _ => usize::MAX,
        }
    }

    /// Whether a destination keeps more events than this fraction of what it may keep: what it and its domain
    /// send in time. The destinations of a domain have the domain's requests together, but one request of
    /// each is always its own, so that none waits for the backlog of another. What a held destination keeps
    /// is not sent, and takes nothing from the others.
    pub(super) fn has_too_many_events(&self, id: DestinationId, part: f64) -> bool {
        let (domain, dispatcher) = &self.dispatchers[usize::from(id.0)];
        let domain = &self.domains[*domain];
        let are_too_many_in_all = || {
            let most = self.max_requests(domain.quota.nominal_rate());
            let others = domain.turns.busy().map(|other| &self.dispatchers[usize::from(other.0)].1);
            let mut requests = others.filter(|other| other.hold().is_none()).scan(0, |sum, other| {
                *sum += other.least_requests();
                Some(*sum)
            });
            requests.any(|sum| exceeds(sum, most, part))
        };
        exceeds(dispatcher.events(), self.max_events(domain, dispatcher), part)
            || dispatcher.hold().is_none()
                && exceeds(dispatcher.events() + 1, dispatcher.max_batch(), part)
                && are_too_many_in_all()
    }

    /// The maximum number of outstanding events of a destination: as many as this replica may send in time
    /// within its domain's quota and its own cap. They are always enough to fill a request.
    fn max_events(&self, domain: &QuotaDomain, dispatcher: &Dispatcher) -> usize {
        let cap = dispatcher.cap.as_ref().map_or(f64::INFINITY, Quota::nominal_rate);
        let rate = domain.quota.nominal_rate().min(cap);
        self.max_requests(rate).saturating_mul(dispatcher.max_batch())
    }

    /// The number of requests that are sent in half of the revocation timeout at this rate per second, so that
    /// a rollout with a backlog drains in time; at least one.
    fn max_requests(&self, rate: f64) -> usize {
        let requests = (rate * self.revoke_timeout.as_secs_f64() / 2.0).max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive; a number of requests too large for usize is no bound in any case"
        )]
        let requests = requests as usize;
        requests
    }
}

/// Whether an amount exceeds this fraction of a limit.
#[expect(clippy::cast_precision_loss, reason = "a comparison of sizes far below 2^52")]
pub(super) fn exceeds(amount: usize, limit: usize, part: f64) -> bool {
    amount as f64 > limit as f64 * part
}
