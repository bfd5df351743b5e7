//! Invariant 7 with several destinations: what ill destinations may slow down, and what they may not.

use std::collections::BTreeSet;

use super::{World, content::goes_to, destination::Mood, seconds};

impl World {
    /// Keeps some destinations ill while everything else is well. Everything that does not depend on them must
    /// settle; and if they all spill, everything that is not for them, wherever it lies.
    pub(super) fn isolate(&mut self) {
        if self.ill.is_empty() || self.settings.breaker {
            return;
        }
        let faults = std::mem::replace(&mut self.faults, super::NONE);
        let ill: Vec<(usize, Mood)> = self.ill.iter().map(|ill| (*ill, self.moods[*ill])).collect();
        self.moods.fill(Mood::Well);
        for (ill, mood) in &ill {
            self.moods[*ill] = *mood;
        }
        (self.table_refuses, self.lenient) = (false, true);
        let slowed = self.slowed();
        let apart: Vec<usize> = (0..self.logs.len()).filter(|log| self.is_apart(*log, &slowed)).collect();
        let everywhere = self.ill.iter().all(|ill| self.settings.destinations[*ill].spill.is_some());
        let deadline = self.now + seconds(600);
        let is_done = |world: &Self| {
            apart.iter().all(|log| world.is_settled(*log) || world.is_crowded_out(*log))
                && (!everywhere || (0..world.logs.len()).all(|log| world.is_apart_settled(log, &slowed)))
        };
        while !is_done(self) {
            let holder = || (self.pipeline.snapshot(), &ill, &apart);
            assert!(
                self.now < deadline,
                "invariant 7: some destinations keep others from settling: {:?}",
                holder()
            );
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

    /// The destinations that are ill, and those that they slow down.
    fn slowed(&self) -> BTreeSet<usize> {
        let domain = |destination: usize| self.settings.destinations[destination].domain;
        let is_slowed = |destination: &usize| {
            let slows =
                |ill: &usize| self.moods[*ill] == Mood::Throttling && domain(*ill) == domain(*destination);
            self.ill.contains(destination) || self.ill.iter().any(slows)
        };
        (0..self.moods.len()).filter(is_slowed).collect()
    }

    /// Whether a log contains nothing for these destinations.
    fn is_apart(&self, log: usize, slowed: &BTreeSet<usize>) -> bool {
        let mut open = self.logs[log].records.iter().flat_map(|record| &record.open);
        !open.any(|tag| goes_to(tag).is_some_and(|destination| slowed.contains(&destination)))
    }

    /// Whether everything in a log is settled that is not for these destinations.
    fn is_apart_settled(&self, log: usize, slowed: &BTreeSet<usize>) -> bool {
        let mut open = self.logs[log].records.iter().flat_map(|record| &record.open);
        open.all(|tag| goes_to(tag).is_some_and(|destination| slowed.contains(&destination)))
    }

    /// Whether so much waits for room that the topic of a log is not read, because records of it wait.
    fn is_crowded_out(&self, log: usize) -> bool {
        self.pipeline.crowded && self.pipeline.crowding_topics().contains(&*self.logs[log].topic)
    }

    fn is_settled(&self, log: usize) -> bool {
        self.logs[log].records.iter().all(|record| record.open.is_empty())
    }
}
