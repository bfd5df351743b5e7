//! The group, whose partitions come and go and are read, and the model of the barrier.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    sync::Arc,
};

use super::{
    World,
    content::{CLUSTER, Event, Log, LogRecord, mapped, owned_tag, place, record_of, write_key},
};
use crate::core::{
    dead_letter::DeadLetterId,
    pipeline::Input,
    record::{Assignment, Ownership},
    source::Paused,
};

/// A partition that the pipeline owns.
pub(super) struct Owned {
    pub(super) log: usize,
    /// The index of the next record to read.
    pub(super) next: usize,
    pub(super) committed: Option<i64>,
    pub(super) revoking: bool,
    /// The offsets that the commit at its beginning named as settled.
    pub(super) named: BTreeSet<i64>,
}

/// A record that was read and whose events may not be sent yet.
pub(super) struct Gated {
    pub(super) ownership: Ownership,
    /// The key of its entries.
    pub(super) key: String,
    /// The number of its entries that are not acknowledged yet. One write takes `portion` of them.
    pub(super) entries: usize,
    pub(super) portion: usize,
    /// Whether its own entries are not acknowledged yet.
    pub(super) writing: bool,
    /// Whether the table has refused them.
    pub(super) refused: bool,
    events: Vec<Event>,
    /// Whether its events state nothing of their endpoint, because it was redriven.
    is_bare: bool,
}

impl World {
    pub(super) fn assign_all(&mut self) {
        let taken: HashSet<usize> = self.owned.values().map(|owned| owned.log).collect();
        let mut assignments = Vec::new();
        for log in (0..self.logs.len()).filter(|log| !taken.contains(log)) {
            let ownership = Ownership(self.next_ownership);
            self.next_ownership += 1;
            let Log { topic, partition, records, committed, named, avoids: _ } = &self.logs[log];
            let position = self.logs[log].position();
            let next = records.partition_point(|record| record.offset < position);
            let named = if self.settings.tails { named.clone() } else { BTreeSet::new() };
            self.owned.insert(ownership, Owned { log, next, committed: None, revoking: false, named });
            let assignment = Assignment::new(ownership, Arc::clone(topic), *partition);
            let (committed, cluster) = (committed.clone(), Some(CLUSTER.into()));
            assignments.push(Assignment { committed, cluster, ..assignment });
        }
        if !assignments.is_empty() {
            self.handle(Input::Topics(self.topics()));
            self.handle(Input::Assigned(assignments));
        }
    }

    /// The topics that exist, with the number of partitions of each.
    fn topics(&self) -> Vec<(Arc<str>, usize)> {
        let mut topics = BTreeMap::new();
        for log in &self.logs {
            *topics.entry(Arc::clone(&log.topic)).or_default() += 1;
        }
        topics.into_iter().collect()
    }

    /// Delivers one fetch of one partition, unless the pipeline wants none.
    pub(super) fn fetch(&mut self) {
        let readable = |(id, owned): (&Ownership, &Owned)| {
            (!owned.revoking && !self.paused.partitions.contains(id)).then_some(*id)
        };
        let readable: Vec<Ownership> = self.owned.iter().filter_map(readable).collect();
        if self.paused.everything || readable.is_empty() || self.owned.values().any(|owned| owned.revoking) {
            return;
        }
        let ownership = readable[self.rng.usize(..readable.len())];
        for _ in 0..self.rng.usize(1..=self.settings.fetch) {
            let Some(owned) = self.owned.get_mut(&ownership) else { return };
            let Some(record) = self.logs[owned.log].records.get(owned.next) else { return };
            owned.next += 1;
            let log = owned.log;
            if owned.named.contains(&record.offset) {
                let input = input(&self.logs[log], log, record, ownership);
                self.handle(input);
                continue;
            }
            let gated = Gated {
                ownership,
                key: write_key(log, record.offset, ownership),
                entries: record.entries,
                portion: if record.in_portions { 1 } else { record.entries },
                writing: record.entries > 0,
                refused: false,
                events: record.content.events().to_vec(),
                is_bare: record.redriven.is_some(),
            };
            let input = input(&self.logs[log], log, record, ownership);
            self.barrier.push_back(gated);
            self.let_through();
            self.handle(input);
        }
    }

    /// Delivers a record for the second time within one ownership.
    pub(super) fn redeliver(&mut self) {
        let Some((ownership, owned)) = self.owned.iter().find(|(_, owned)| owned.next > 0) else { return };
        let (ownership, log) = (*ownership, owned.log);
        let first =
            self.logs[log].records.partition_point(|record| record.offset < self.logs[log].position());
        if first < owned.next {
            let record = &self.logs[log].records[first];
            let before = self.pipeline.snapshot().records;
            let input = input(&self.logs[log], log, record, ownership);
            self.handle(input);
            let after = self.pipeline.snapshot().records;
            assert_eq!(after.consumed, before.consumed, "invariant 10: a re-delivery is not consumed again");
        }
    }

    pub(super) fn revoke(&mut self) {
        let some = self.some_owned();
        for ownership in &some {
            self.owned.entry(*ownership).and_modify(|owned| owned.revoking = true);
        }
        self.handle(Input::Revoking(some));
    }

    pub(super) fn lose(&mut self) {
        let some = self.some_owned();
        for ownership in &some {
            self.end(*ownership);
        }
        self.let_through();
        self.handle(Input::Lost(some));
    }

    /// Kills the process and starts another one.
    pub(super) fn restart(&mut self) {
        let owned: Vec<_> = self.owned.keys().copied().collect();
        for ownership in owned {
            self.end(ownership);
        }
        self.pipeline = self.settings.pipeline(self.rng.u64(..));
        self.flights.clear();
        self.letters.clear();
        self.commits.clear();
        self.writes.clear();
        self.paused = Paused::default();
        self.starts.iter_mut().chain(&mut self.domain_starts).for_each(VecDeque::clear);
        self.blocked.fill(None);
        self.next_letter = DeadLetterId(0);
        self.letter_of.clear();
        self.lanes.clear();
        self.sent.clear();
        self.assign_all();
    }

    fn some_owned(&mut self) -> Vec<Ownership> {
        let ids: Vec<_> = self.owned.iter().filter(|(_, owned)| !owned.revoking).map(|(id, _)| *id).collect();
        ids.into_iter().filter(|_| self.rng.bool()).collect()
    }

    pub(super) fn end(&mut self, ownership: Ownership) {
        let Some(owned) = self.owned.remove(&ownership) else { return };
        self.ended.insert(ownership);
        self.barrier.retain(|gated| gated.ownership != ownership);
        for lane in self.lanes.values_mut() {
            lane.retain(|tag| place(tag).0 != owned.log);
        }
        // The next owner reads these events again and sends them for the first time.
        self.sent.retain(|(_, tag), _| place(tag).0 != owned.log);
    }

    /// Moves the events that no longer need to wait into the lanes.
    pub(super) fn let_through(&mut self) {
        while let Some(gated) = self.barrier.pop_front_if(|gated| !gated.writing) {
            for event in &gated.events {
                for destination in &event.to {
                    let lane = self.lanes.entry((*destination, event.endpoint)).or_default();
                    lane.push(owned_tag(event, gated.ownership));
                    if !gated.is_bare {
                        self.newest.insert((*destination, event.endpoint), event.version);
                    }
                }
            }
        }
    }
}

fn input(log: &Log, number: usize, record: &LogRecord, ownership: Ownership) -> Input {
    let (mapped, entries) = mapped(number, record, ownership);
    Input::Records(vec![(record_of(log, ownership, record.offset), mapped, entries)])
}
