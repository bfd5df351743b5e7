//! The life cycle of ownerships: they begin, are released once they are drained, or are lost.
//!
//! Knows nothing of how a partition is assigned. What always holds: an ownership that has ended is not
//! committed again, and none of its events is sent any more (invariant 2).

use std::collections::BTreeSet;

use crate::core::{
    code::Code,
    pipeline::{Action, Pipeline, Transition, ledger::Reached},
    record::{Assignment, Ownership},
    time::Moment,
};

impl Pipeline {
    pub(super) fn assign(&mut self, now: Moment, assignments: Vec<Assignment>) {
        for assignment in assignments {
            self.dispatchers.iter_mut().for_each(|(_, dispatcher)| dispatcher.own(assignment.ownership));
            self.circuit_breakers.own();
            let ended = self.ledger.assign(assignment);
            self.lose(now, ended.into_iter().collect());
        }
        self.share(now);
    }

    /// Updates the share of the quotas; a partition that is being revoked counts until it is released.
    pub(super) fn share(&mut self, now: Moment) {
        let owned = self.ledger.partitions().values().map(|partition| &partition.assignment);
        for quota in self.domains.iter_mut().map(|domain| &mut domain.quota) {
            quota.own(now, &self.partitions, owned.clone());
        }
        for cap in self.dispatchers.iter_mut().filter_map(|(_, dispatcher)| dispatcher.cap.as_mut()) {
            cap.own(now, &self.partitions, owned.clone());
        }
        self.ask_all();
    }

    /// Registers that a partition's next records cannot be read, or can be read again.
    pub(super) fn unreadable(&mut self, now: Moment, ownership: Ownership, code: Option<Code>) {
        let Some(partition) = self.ledger.partitions().get(&ownership) else { return };
        let Assignment { topic, partition, .. } = partition.assignment.clone();
        let transition = if let Some(code) = code {
            self.unreadable.insert(ownership, (code, now));
            Transition::Unreadable { topic, partition, code }
        } else {
            self.unreadable.remove(&ownership);
            Transition::Readable { topic, partition }
        };
        self.output.push(Action::Transition(transition));
    }

    pub(super) fn revoke(&mut self, now: Moment, ownerships: Vec<Ownership>) {
        let known: BTreeSet<_> = self.revoking.iter().map(|(known, _)| *known).collect();
        let new = ownerships.into_iter().filter(|ownership| !known.contains(ownership)).collect();
        self.dispatchers.iter_mut().for_each(|(_, dispatcher)| dispatcher.prioritise(&new));
        self.ask_all();
        self.revoking.extend(new.into_iter().map(|ownership| (ownership, now + self.revoke_timeout)));
    }

    pub(super) fn lose(&mut self, now: Moment, ownerships: Vec<Ownership>) {
        if ownerships.is_empty() {
            return;
        }
        let lost: BTreeSet<_> = ownerships.into_iter().collect();
        self.revoking.retain(|(other, _)| !lost.contains(other));
        self.release(now, &lost);
        self.share(now);
    }

    /// Releases revoked ownerships once they are settled, once their deadline has passed, or once waiting is
    /// in vain. Returns whether it released any.
    pub(super) fn release_drained(&mut self, now: Moment) -> bool {
        if self.revoking.is_empty() {
            return false;
        }
        let in_vain = !self.is_moving();
        let settled = |id: &Ownership| {
            self.ledger.partitions().get(id).is_none_or(|partition| partition.offsets.is_settled())
        };
        // The ownerships of one revocation are released together, because the source gives them up together.
        // Until then, this replica keeps their share of the quota, which the last ones need for their drain.
        let open = |(id, deadline): &&(Ownership, Moment)| !in_vain && *deadline > now && !settled(id);
        let open: Vec<Moment> = self.revoking.iter().filter(open).map(|(_, deadline)| *deadline).collect();
        let (done, rest) = self.revoking.iter().copied().partition(|(_, deadline)| !open.contains(deadline));
        self.revoking = rest;
        let done: Vec<(Ownership, Moment)> = done;
        if done.is_empty() {
            return false;
        }
        let ownerships: Vec<_> = done.into_iter().map(|(id, _)| id).collect();
        let reached = self.release(now, &ownerships.iter().copied().collect());
        self.share(now);
        let commits = self.ledger.commits(reached);
        self.output.push(Action::Release { ownerships, commits });
        true
    }

    /// Ends ownerships. Returns the positions and tails that they had reached. The caller updates the share
    /// afterwards.
    fn release(&mut self, now: Moment, ownerships: &BTreeSet<Ownership>) -> Vec<Reached> {
        for ownership in ownerships {
            let Some(ended) = self.ledger.partitions().get(ownership) else { continue };
            let records = ended.offsets.outstanding() as u64;
            if records > 0 {
                let Assignment { topic, partition, .. } = ended.assignment.clone();
                let transition = Transition::ReleasedUnsettled { topic, partition, records };
                self.output.push(Action::Transition(transition));
            }
            self.barrier.release(*ownership);
            self.stalled.remove(ownership);
            self.unreadable.remove(ownership);
            self.dead_letters.release(*ownership);
            self.circuit_breakers.release(*ownership);
        }
        let reached = self.ledger.release(ownerships);
        for (_, dispatcher) in &mut self.dispatchers {
            dispatcher.release(now, ownerships);
            let transitions = dispatcher.take_transitions();
            self.output.extend(transitions.into_iter().map(Action::Transition));
        }
        reached
    }
}
