//! The barrier before delivery: a record whose entries of the sessions' table are not acknowledged waits here,
//! and so does what was read after it.
//!
//! Knows nothing of what entries say. What always holds: records leave in the order in which they came,
//! each after its own entries were acknowledged, so that no event tells of a session that no replica could
//! read of. While nothing waits, records pass without stopping.

use std::collections::{BTreeSet, VecDeque};

use crate::core::{
    backoff::Backoff,
    code::Code,
    event::Mapped,
    pipeline::{ledger::RecordId, transition::Transition},
    record::Ownership,
    session_table::{Entry, WriteId},
    time::Moment,
    write_outcome::WriteOutcome,
};

/// A record that waits.
pub(super) struct Waiting {
    pub(super) record: RecordId,
    pub(super) ownership: Ownership,
    pub(super) mapped: Mapped,
    /// What keeping what it becomes costs, in bytes.
    pub(super) bytes: usize,
    pub(super) entries: Vec<Entry>,
}

/// All records that wait.
pub(super) struct SessionBarrier {
    backoff: Backoff,
    next: u64,
    queue: VecDeque<Place>,
    /// The writes that failed, and when each is due again.
    again: BTreeSet<(Moment, WriteId)>,
    /// The writes that the broker refused and has not acknowledged since: while there are any, it is a hold.
    refused: BTreeSet<WriteId>,
    /// Why the broker refuses to write, and since when.
    hold: Option<(Code, Moment)>,
    events: usize,
}

/// A place in the queue; ids grow from front to back.
struct Place {
    id: WriteId,
    waiting: Waiting,
    state: State,
    failures: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its entries are on their way.
    Writing,
    /// They are written again then.
    Again(Moment),
    /// They are acknowledged, or there are none.
    Written,
}

impl SessionBarrier {
    /// What keeping a place costs, in bytes, beside what is in it.
    pub(super) const PLACE: usize = size_of::<Place>();

    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            next: 0,
            queue: VecDeque::new(),
            again: BTreeSet::new(),
            refused: BTreeSet::new(),
            hold: None,
            events: 0,
        }
    }

    /// Whether a record without entries may pass.
    pub(super) fn is_open(&self) -> bool {
        self.queue.is_empty()
    }

    /// Lets a record wait; returns what is to be written for it.
    pub(super) fn enter(&mut self, waiting: Waiting) -> Option<(WriteId, Vec<Entry>)> {
        let id = WriteId(self.next);
        self.next += 1;
        self.events += events(&waiting.mapped);
        let entries = waiting.entries.clone();
        let state = if entries.is_empty() { State::Written } else { State::Writing };
        self.queue.push_back(Place { id, waiting, state, failures: 0 });
        (!entries.is_empty()).then_some((id, entries))
    }

    /// Takes out the record that has waited longest, if it need wait no more.
    pub(super) fn leave(&mut self) -> Option<Waiting> {
        if self.queue.front()?.state != State::Written {
            return None;
        }
        let place = self.queue.pop_front()?;
        self.events -= events(&place.waiting.mapped);
        Some(place.waiting)
    }

    /// A write ended.
    pub(super) fn finish(
        &mut self,
        now: Moment,
        id: WriteId,
        outcome: WriteOutcome,
        jitter: f64,
        transitions: &mut Vec<Transition>,
    ) {
        let Ok(index) = self.queue.binary_search_by_key(&id, |place| place.id) else { return };
        let place = &mut self.queue[index];
        if place.state != State::Writing {
            return;
        }
        place.failures = place.failures.saturating_add(1);
        let wait = match outcome {
            WriteOutcome::Written => {
                place.state = State::Written;
                place.waiting.entries = Vec::new();
                return self.resume(id, transitions);
            }
            WriteOutcome::Again(_) => self.backoff.wait(place.failures, jitter),
            WriteOutcome::Refused(_) => self.backoff.max(),
        };
        let until = now + wait;
        place.state = State::Again(until);
        self.again.insert((until, id));
        if let WriteOutcome::Refused(code) = outcome {
            self.refuse(now, id, code, transitions);
        }
    }

    fn refuse(&mut self, now: Moment, id: WriteId, code: Code, transitions: &mut Vec<Transition>) {
        self.refused.insert(id);
        if self.hold.is_none() {
            transitions.push(Transition::TableHeld { code });
        }
        let since = self.hold.map_or(now, |(_, since)| since);
        self.hold = Some((code, since));
    }

    fn resume(&mut self, id: WriteId, transitions: &mut Vec<Transition>) {
        self.refused.remove(&id);
        if let Some((code, _)) = self.hold.take_if(|_| self.refused.is_empty()) {
            transitions.push(Transition::TableResumed { code });
        }
    }

    /// What is due to be written again.
    pub(super) fn due(&mut self, now: Moment) -> Vec<(WriteId, Vec<Entry>)> {
        let mut due = Vec::new();
        while let Some((_, id)) = self.again.first().copied().filter(|(until, _)| *until <= now) {
            self.again.pop_first();
            if let Ok(index) = self.queue.binary_search_by_key(&id, |place| place.id) {
                self.queue[index].state = State::Writing;
                due.push((id, self.queue[index].waiting.entries.clone()));
            }
        }
        due
    }

    /// Forgets the records of an ownership that has ended, and a hold that was theirs alone.
    pub(super) fn release(&mut self, ownership: Ownership) {
        self.queue.retain(|place| {
            if place.waiting.ownership != ownership {
                return true;
            }
            self.events -= events(&place.waiting.mapped);
            self.refused.remove(&place.id);
            if let State::Again(until) = place.state {
                self.again.remove(&(until, place.id));
            }
            false
        });
        if self.refused.is_empty() {
            self.hold = None;
        }
    }

    /// How many events wait.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// When a write is due again, if nothing happens before.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        self.again.first().map(|(until, _)| *until)
    }

    /// Whether anything will come of waiting without a person: all depends on the record that has waited
    /// longest. A write under way is waited for even if it was refused before: the person may have acted.
    pub(super) fn is_moving(&self) -> bool {
        let moves = |place: &Place| place.state == State::Writing || !self.refused.contains(&place.id);
        self.queue.front().is_some_and(moves)
    }

    /// Why the broker refuses to write, and since when.
    pub(super) fn hold(&self) -> Option<(Code, Moment)> {
        self.hold
    }
}

fn events(mapped: &Mapped) -> usize {
    match mapped {
        Mapped::Deliver(deliveries) | Mapped::Partly(deliveries, _) => deliveries.len(),
        Mapped::Ignored(_) | Mapped::Refused(_) => 0,
    }
}
