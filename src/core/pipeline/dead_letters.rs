//! Keeps dead letters until they are acknowledged. Some wait for the circuit breaker of their topic, some for
//! room among those in flight, and others are being written.
//!
//! Knows nothing of the delivery of events and of the broker. What always holds: a record's obligation for a
//! dead letter is fulfilled by the acknowledgement of that dead letter and by nothing else. The letters in
//! flight stay within their limit, or there is only one (invariant 6): whoever writes a letter copies the whole
//! record, and until then a letter shares it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use hashbrown::HashMap;

use crate::core::{
    backoff::Backoff,
    dead_letter::{DeadLetter, DeadLetterId},
    event::Refusal,
    pipeline::{
        jitter::Jitter,
        ledger::RecordId,
        message::Action,
        refusals,
        transition::Transition,
        writes::{Finished, Held, Writes},
    },
    record::{Ownership, Record},
    redrive::Selection,
    time::Moment,
    write_outcome::WriteOutcome,
};

/// A refusal of a record, or of one event of it.
pub(super) struct Refused {
    pub(super) record_id: RecordId,
    pub(super) record: Arc<Record>,
    pub(super) refusal: Refusal,
    /// What of the record is refused.
    pub(super) selection: Selection,
}

/// All dead letters that are not acknowledged yet.
pub(super) struct DeadLetters {
    writes: Writes<Refused>,
    /// The letters to write as soon as there is room in flight, in their order.
    queue: VecDeque<DeadLetterId>,
    in_flight: InFlight,
    output: Vec<Action>,
    /// Whether [`held`](Self::held) may have changed since the last [`take_changed`](Self::take_changed).
    changed: bool,
}

/// The letters that were handed to the writer and whose outcome it has not reported, each with its weight. A
/// letter whose ownership has ended stays until then, because the writer still keeps its copy.
struct InFlight {
    letters: HashMap<DeadLetterId, usize>,
    bytes: usize,
    max_bytes: usize,
}

/// The bytes that a copy of a letter takes besides the record, the message and the ids of events: its other
/// headers, and what librdkafka keeps of a record.
const COPY: usize = 2048;

/// The bytes that the header with the id of an event takes besides the id.
const EVENT_ID: usize = 100;

/// The bytes of memory that a letter takes while it is written.
pub(super) fn weight(record: &Record, refusal: &Refusal, selection: &Selection) -> usize {
    let ids: usize = selection.events.iter().map(|event| event.len() + EVENT_ID).sum();
    // Two headers quote the message.
    COPY + record.weight() + 2 * refusal.message.len() + ids
}

impl DeadLetters {
    /// Letters of `max_bytes` may be in flight at once, and always one.
    pub(super) fn new(backoff: Backoff, jitter: Jitter, max_bytes: usize) -> Self {
        Self {
            writes: Writes::new(backoff, jitter),
            queue: VecDeque::new(),
            in_flight: InFlight { letters: HashMap::new(), bytes: 0, max_bytes },
            output: Vec::new(),
            changed: false,
        }
    }

    /// Takes over a refusal without writing it. [`write`](Self::write) does that.
    pub(super) fn keep(&mut self, refused: Refused) -> DeadLetterId {
        DeadLetterId(self.writes.keep(refused.record.ownership, refused))
    }

    /// Writes a letter as soon as there is room in flight.
    pub(super) fn write(&mut self, id: DeadLetterId) {
        if self.writes.begin(id.0).is_some() {
            self.queue.push_back(id);
        }
    }

    /// Handles the end of a write. If the letter was acknowledged, returns its record and the bytes that it took of
    /// the record's obligations.
    pub(super) fn finish(
        &mut self,
        now: Moment,
        id: DeadLetterId,
        outcome: WriteOutcome,
    ) -> Option<(RecordId, usize)> {
        self.in_flight.remove(id)?;
        let record = self.writes.content(id.0).map(|refused| Arc::clone(&refused.record))?;
        let (topic, partition) = (Arc::clone(&record.topic), record.partition);
        match self.writes.finish(now, id.0, outcome) {
            Finished::Acknowledged { content, resumed } => {
                if resumed.is_some() {
                    self.changed = true;
                    self.output.push(Action::Transition(Transition::PartitionResumed { topic, partition }));
                }
                Some((content.record_id, refusals::held(&content.refusal, &content.selection)))
            }
            Finished::Again { held: Some(code) } => {
                self.changed = true;
                self.output.push(Action::Transition(Transition::PartitionHeld { topic, partition, code }));
                None
            }
            Finished::Again { .. } | Finished::Stale => None,
        }
    }

    /// Whether a record has a dead letter that is not acknowledged yet.
    pub(super) fn has_any_of(&self, record: RecordId) -> bool {
        self.writes.contents().any(|refused| refused.record_id == record)
    }

    /// Retries the writes that are due, and begins those for which there is room in flight.
    pub(super) fn advance(&mut self, now: Moment) {
        while let Some(id) = self.writes.next_due(now) {
            self.queue.push_back(DeadLetterId(id));
        }
        while let Some(dead_letter) = self.next_letter() {
            self.output.push(Action::WriteDeadLetter(dead_letter));
        }
    }

    /// The next letter, if there is room for it in flight. Later ones wait behind it, so that a large one gets
    /// its turn.
    fn next_letter(&mut self) -> Option<DeadLetter> {
        let id = *self.queue.front()?;
        let Refused { record_id: _, record, refusal, selection } = self.writes.content(id.0)?;
        if !self.in_flight.admit(id, weight(record, refusal, selection)) {
            return None;
        }
        self.queue.pop_front();
        let (record, refusal, selection) = (Arc::clone(record), refusal.clone(), selection.clone());
        Some(DeadLetter { id, record, refusal, selection })
    }

    /// Forgets the dead letters of an ownership that has ended, also those that were about to be written: the
    /// next owner judges their records again.
    pub(super) fn release(&mut self, ownership: Ownership) {
        self.changed = true;
        self.writes.release(ownership);
        self.queue.retain(|id| self.writes.content(id.0).is_some());
    }

    pub(super) fn take_output(&mut self) -> impl Iterator<Item = Action> {
        self.output.drain(..)
    }

    pub(super) fn next_wake(&self) -> Option<Moment> {
        self.writes.next_wake()
    }

    /// Whether progress is possible without manual intervention.
    pub(super) fn is_moving(&self) -> bool {
        self.writes.any_is_moving()
    }

    /// The partitions that must not be read until an operator acts, because the broker refuses a dead letter.
    pub(super) fn held(&self) -> &BTreeMap<Ownership, Held> {
        self.writes.held()
    }

    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The letters from this one on, written or not.
    #[cfg(test)]
    pub(super) fn since(&self, id: DeadLetterId) -> impl Iterator<Item = (DeadLetterId, &Refused)> {
        self.writes.since(id.0).map(|(id, refused)| (DeadLetterId(id), refused))
    }
}

impl InFlight {
    /// Adds a letter if there is room for it.
    fn admit(&mut self, id: DeadLetterId, weight: usize) -> bool {
        if !self.letters.is_empty() && self.bytes + weight > self.max_bytes {
            return false;
        }
        self.bytes += weight;
        self.letters.insert(id, weight);
        true
    }

    fn remove(&mut self, id: DeadLetterId) -> Option<()> {
        self.bytes -= self.letters.remove(&id)?;
        Some(())
    }
}
