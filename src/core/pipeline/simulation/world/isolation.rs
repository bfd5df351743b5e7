//! Invariant 7 with several destinations: what one that is ill may slow down, and what not.

use std::collections::BTreeSet;

use super::{World, content::goes_to, destination::Mood, seconds};

impl World {
    /// One destination stays ill, all else is well: whatever has nothing to do with it settles.
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
                // What was fetched of every partition before its pause fills the memory.
                break;
            }
            self.assign_all();
            // Of which partition is left to chance; the time for it is not.
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

    /// The logs that hold nothing of an ill destination, nor of one that it slows down.
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
