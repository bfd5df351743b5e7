//! Keeps writes to Kafka until they are acknowledged: dead letters, and entries of the session table.
//!
//! A failed write is retried after a delay. A write that the broker refuses permanently holds its ownership
//! until it is acknowledged after all. Knows nothing of the content of writes. What always holds: a write
//! leaves by its acknowledgement or with its ownership, and in no other way.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::{
    backoff::Backoff, code::Code, pipeline::jitter::Jitter, record::Ownership, time::Moment,
    write_outcome::WriteOutcome,
};

/// All writes of one kind that are not acknowledged yet, in ascending order of their numbers.
pub(super) struct Writes<T> {
    backoff: Backoff,
    jitter: Jitter,
    next: u64,
    pending: BTreeMap<u64, Write<T>>,
    /// The writes that failed, each with the time of its retry.
    due: BTreeSet<(Moment, u64)>,
    held: BTreeMap<Ownership, Held>,
    writing: usize,
}

struct Write<T> {
    ownership: Ownership,
    content: T,
    state: State,
    failures: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The write has not begun. The caller decides when it does.
    Kept,
    /// The write is on its way to the broker.
    Writing,
    /// The write is retried at this time.
    Again(Moment),
}

/// A hold of an ownership, because the broker refuses a write of it.
pub(super) struct Held {
    pub(super) code: Code,
    pub(super) since: Moment,
    /// The writes that were refused and have not been acknowledged since.
    refused: BTreeSet<u64>,
}

/// The effect of the end of a write.
pub(super) enum Finished<T> {
    /// The write is acknowledged. `resumed` is the code of the hold that this ended, if any.
    Acknowledged { content: T, resumed: Option<Code> },
    /// The write will be retried. `held` is the code if its ownership is held from now on.
    Again { held: Option<Code> },
    /// The write is not known any more.
    Stale,
}

impl<T> Writes<T> {
    /// The bytes of memory that a write takes, besides its content.
    pub(super) const WRITE: usize = size_of::<Write<T>>();

    pub(super) fn new(backoff: Backoff, jitter: Jitter) -> Self {
        Self {
            backoff,
            jitter,
            next: 0,
            pending: BTreeMap::new(),
            due: BTreeSet::new(),
            held: BTreeMap::new(),
            writing: 0,
        }
    }

    /// Keeps a write until [`begin`](Self::begin); returns its number.
    pub(super) fn keep(&mut self, ownership: Ownership, content: T) -> u64 {
        let id = self.next;
        self.next += 1;
        self.keep_next(id, ownership, content);
        id
    }

    /// Keeps a write under the number of an earlier one, which must be acknowledged.
    pub(super) fn keep_next(&mut self, id: u64, ownership: Ownership, content: T) {
        self.pending.insert(id, Write { ownership, content, state: State::Kept, failures: 0 });
    }

    /// Marks the write as being on its way. Returns its content.
    pub(super) fn begin(&mut self, id: u64) -> Option<&T> {
        let write = self.pending.get_mut(&id)?;
        self.writing += usize::from(write.state != State::Writing);
        write.state = State::Writing;
        Some(&write.content)
    }

    pub(super) fn finish(&mut self, now: Moment, id: u64, outcome: WriteOutcome) -> Finished<T> {
        let Some(write) = self.pending.get_mut(&id).filter(|write| write.state == State::Writing) else {
            return Finished::Stale;
        };
        self.writing -= 1;
        write.failures = write.failures.saturating_add(1);
        let ownership = write.ownership;
        let (wait, held) = match outcome {
            WriteOutcome::Written => return self.acknowledge(id),
            WriteOutcome::Again(_) => (self.backoff.wait(write.failures, self.jitter.next()), None),
            WriteOutcome::Refused(code) => (self.backoff.max(), Some(code)),
        };
        write.state = State::Again(now + wait);
        self.due.insert((now + wait, id));
        Finished::Again { held: held.filter(|code| self.hold(now, ownership, id, *code)) }
    }

    fn acknowledge(&mut self, id: u64) -> Finished<T> {
        let Some(write) = self.pending.remove(&id) else { return Finished::Stale };
        let held = self.held.get_mut(&write.ownership);
        let ended = held.is_some_and(|held| held.refused.remove(&id) && held.refused.is_empty());
        let resumed = if ended { self.held.remove(&write.ownership).map(|held| held.code) } else { None };
        Finished::Acknowledged { content: write.content, resumed }
    }

    /// Returns whether the hold is new.
    fn hold(&mut self, now: Moment, ownership: Ownership, id: u64, code: Code) -> bool {
        let new = !self.held.contains_key(&ownership);
        let held =
            self.held.entry(ownership).or_insert_with(|| Held { code, since: now, refused: BTreeSet::new() });
        held.code = code;
        held.refused.insert(id);
        new
    }

    /// Returns the next write whose retry is due, and marks it as being on its way.
    pub(super) fn next_due(&mut self, now: Moment) -> Option<u64> {
        let (_, id) = *self.due.first().filter(|(until, _)| *until <= now)?;
        self.due.pop_first();
        self.begin(id);
        Some(id)
    }

    pub(super) fn content(&self, id: u64) -> Option<&T> {
        self.pending.get(&id).map(|write| &write.content)
    }

    /// The writes from this number on.
    #[cfg(test)]
    pub(super) fn since(&self, id: u64) -> impl Iterator<Item = (u64, &T)> {
        self.pending.range(id..).map(|(id, write)| (*id, &write.content))
    }

    pub(super) fn contents(&self) -> impl Iterator<Item = &T> {
        self.pending.values().map(|write| &write.content)
    }

    /// Removes and returns the writes of an ownership that has ended, and removes its hold.
    pub(super) fn release(&mut self, ownership: Ownership) -> Vec<(u64, T)> {
        self.held.remove(&ownership);
        let gone = self.pending.extract_if(.., |_, write| write.ownership == ownership);
        let mut released = Vec::new();
        for (id, write) in gone {
            match write.state {
                State::Kept => {}
                State::Writing => self.writing -= 1,
                State::Again(until) => {
                    self.due.remove(&(until, id));
                }
            }
            released.push((id, write.content));
        }
        released
    }

    /// When the next retry is due.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        self.due.first().map(|(until, _)| *until)
    }

    /// Whether progress of this write is possible without manual intervention. A write on its way counts even
    /// if it was refused before, because an operator may have acted.
    pub(super) fn is_moving(&self, id: u64) -> bool {
        self.pending.get(&id).is_some_and(|write| match write.state {
            State::Kept => false,
            State::Writing => true,
            State::Again(_) => self.held.get(&write.ownership).is_none_or(|held| !held.refused.contains(&id)),
        })
    }

    /// Whether progress of any write is possible without manual intervention.
    pub(super) fn any_is_moving(&self) -> bool {
        let refused: usize = self.held.values().map(|held| held.refused.len()).sum();
        self.writing > 0 || self.due.len() > refused
    }

    /// The ownerships that are held because the broker refuses a write.
    pub(super) fn held(&self) -> &BTreeMap<Ownership, Held> {
        &self.held
    }
}
