//! Invariant 7 with several destinations: what an ill destination may slow down, and what it may not.

use std::collections::BTreeSet;

use super::{World, content::goes_to, destination::Mood, seconds};

impl World {
    /// Keeps one destination ill while everything else is well. Everything that does not depend on it must
    /// settle.
    pub(super) fn isolate(&mut self) {
        let Some(ill) = self.culprit.filter(|_| !self.settings.breaker) else { return };
        let faults = std::mem::replace(&mut self.faults, super::NONE);
        let mood = self.moods[ill];
        self.moods.fill(Mood::Well);
        self.moods[ill] = mood;
        (self.table_refuses, self.lenient) = (false, true);
        let apart = self.apart_from(ill);
        let deadline = self.now + seconds(600);
        while !apart.iter().all(|log| self.is_settled(*log)) {
            let holder = || (self.pipeline.snapshot(), ill, mood, &apart);
            assert!(
                self.now < deadline,
                "invariant 7: one destination keeps others from settling: {:?}",
                holder()
            );
            if self.pipeline.stuck_bytes() >= self.settings.budget {
                // The records that were fetched from every partition before its pause fill the memory.
                break;
            }
            self.assign_all();
            // The partition to fetch from is random, but the time for it is given.
            (0..self.logs.len()).for_each(|_| self.fetch());
            self.answer();
            self.acknowledge();
            if self.is_quiet() {
                self.pass_time_to_wake();
            } else {
                self.pass_little_time();
            }
        }
        (self.faults, self.lenient) = (faults, false);
    }

    /// The logs that contain nothing for an ill destination or for one that it slows down.
    fn apart_from(&self, ill: usize) -> Vec<usize> {
        let domain = |destination: usize| self.settings.destinations[destination].domain;
        let slows = |destination: usize| {
            destination == ill || self.moods[ill] == Mood::Throttling && domain(destination) == domain(ill)
        };
        let ill: BTreeSet<usize> = (0..self.moods.len()).filter(|destination| slows(*destination)).collect();
        let is_apart = |log: &usize| {
            let mut open = self.logs[*log].records.iter().flat_map(|record| &record.open);
            !open.any(|tag| goes_to(tag).is_some_and(|destination| ill.contains(&destination)))
        };
        (0..self.logs.len()).filter(is_apart).collect()
    }

    fn is_settled(&self, log: usize) -> bool {
        self.logs[log].records.iter().all(|record| record.open.is_empty())
    }
}
