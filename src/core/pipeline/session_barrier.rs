//! The session barrier before delivery: a record waits here until its entries of the session table are
//! acknowledged, and so do the records read after it.
//!
//! Knows nothing of the content of entries. What always holds: records leave in the order in which they came,
//! each after its own entries were acknowledged, so that every replica can read about a session before any
//! event of it is sent (invariant 3). While nothing waits, records pass without stopping.

use std::collections::VecDeque;

use crate::core::{
    backoff::Backoff,
    code::Code,
    event::Mapped,
    pipeline::{
        jitter::Jitter,
        ledger::RecordId,
        message::Action,
        transition::Transition,
        writes::{Finished, Writes},
    },
    record::Ownership,
    session_table::{Entry, WriteId},
    time::Moment,
    write_outcome::WriteOutcome,
};

/// A record that waits at the barrier.
pub(super) struct Waiting {
    pub(super) record: RecordId,
    pub(super) ownership: Ownership,
    pub(super) mapped: Mapped,
    /// The bytes of memory that it takes while it waits.
    pub(super) bytes: usize,
}

/// All waiting records, and the writes that they wait for.
pub(super) struct SessionBarrier {
    writes: Writes<Vec<Entry>>,
    queue: VecDeque<Place>,
    last_write: u64,
    events: usize,
    output: Vec<Action>,
}

struct Place {
    /// The last write that had begun when the record came. It is the record's own write if the record has
    /// entries.
    write: u64,
    /// Whether the record's own entries are not acknowledged yet.
    writing: bool,
    waiting: Waiting,
}

impl SessionBarrier {
    /// The bytes of memory that a place takes, besides its content.
    pub(super) const PLACE: usize = size_of::<Place>() + Writes::<Vec<Entry>>::WRITE;

    pub(super) fn new(backoff: Backoff, jitter: Jitter) -> Self {
        Self {
            writes: Writes::new(backoff, jitter),
            queue: VecDeque::new(),
            last_write: 0,
            events: 0,
            output: Vec::new(),
        }
    }

    /// Whether a record without entries may pass.
    pub(super) fn is_open(&self) -> bool {
        self.queue.is_empty()
    }

    /// Makes a record wait while its entries are written.
    pub(super) fn enter(&mut self, waiting: Waiting, entries: Vec<Entry>) {
        self.events += waiting.mapped.events();
        let has_entries = !entries.is_empty();
        if has_entries {
            self.last_write = self.writes.keep(waiting.ownership, entries);
            self.write(self.last_write);
        }
        self.queue.push_back(Place { write: self.last_write, writing: has_entries, waiting });
    }

    /// Removes and returns the record that has waited longest, if it no longer needs to wait.
    pub(super) fn leave(&mut self) -> Option<Waiting> {
        let place = self.queue.pop_front_if(|place| !place.writing)?;
        self.events -= place.waiting.mapped.events();
        Some(place.waiting)
    }

    pub(super) fn finish(&mut self, now: Moment, id: WriteId, outcome: WriteOutcome) {
        let was_held = self.hold().map(|(code, _)| code);
        match self.writes.finish(now, id.0, outcome) {
            Finished::Acknowledged { resumed, .. } => {
                self.written(id.0);
                if let Some(code) = resumed.filter(|_| self.hold().is_none()) {
                    self.output.push(Action::Transition(Transition::TableResumed { code }));
                }
            }
            Finished::Again { held: Some(code) } if was_held.is_none() => {
                self.output.push(Action::Transition(Transition::TableHeld { code }));
            }
            Finished::Again { .. } | Finished::Stale => {}
        }
    }

    /// Handles the acknowledgement of a record's entries, or of a portion of them. If there is another
    /// portion, it is written next.
    fn written(&mut self, write: u64) {
        let place = self.queue.partition_point(|place| place.write < write);
        let Some(place) = self.queue.get_mut(place) else { return };
        let more = match &mut place.waiting.mapped {
            Mapped::InPortions(portions) => portions.next_entries(),
            _ => None,
        };
        match more {
            Some(entries) => {
                self.writes.keep_next(write, place.waiting.ownership, entries);
                self.write(write);
            }
            None => place.writing = false,
        }
    }

    /// Retries the writes that are due.
    pub(super) fn advance(&mut self, now: Moment) {
        while let Some(id) = self.writes.next_due(now) {
            self.write(id);
        }
    }

    fn write(&mut self, id: u64) {
        let entries = self.writes.begin(id).cloned();
        self.output.extend(entries.map(|entries| Action::WriteEntries(WriteId(id), entries)));
    }

    /// Forgets the records of an ownership that has ended, and a hold that was due to them alone.
    pub(super) fn release(&mut self, ownership: Ownership) {
        self.writes.release(ownership);
        self.queue.retain(|place| {
            let stays = place.waiting.ownership != ownership;
            self.events -= if stays { 0 } else { place.waiting.mapped.events() };
            stays
        });
    }

    pub(super) fn take_output(&mut self) -> impl Iterator<Item = Action> {
        self.output.drain(..)
    }

    /// The number of waiting events.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    pub(super) fn next_wake(&self) -> Option<Moment> {
        self.writes.next_wake()
    }

    /// Whether progress is possible without manual intervention. This depends on the record that has waited
    /// longest.
    pub(super) fn is_moving(&self) -> bool {
        let front = self.queue.front();
        front.is_some_and(|place| !place.writing || self.writes.is_moving(place.write))
    }

    /// Why the broker refuses writes, and since when.
    pub(super) fn hold(&self) -> Option<(Code, Moment)> {
        self.writes.held().values().map(|held| (held.code, held.since)).min_by_key(|(_, since)| *since)
    }
}
