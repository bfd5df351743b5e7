//! Keeps dead letters until they are acknowledged. Some wait for the circuit breaker of their topic, others
//! are being written.
//!
//! Knows nothing of the delivery of events and of the broker. What always holds: a record's obligation for a
//! dead letter is fulfilled by the acknowledgement of that dead letter and by nothing else.

use std::{collections::BTreeMap, sync::Arc};

use crate::core::{
    backoff::Backoff,
    dead_letter::{DeadLetter, DeadLetterId},
    event::Refusal,
    pipeline::{
        jitter::Jitter,
        ledger::RecordId,
        message::Action,
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
    output: Vec<Action>,
    /// Whether [`held`](Self::held) may have changed since the last [`take_changed`](Self::take_changed).
    changed: bool,
}

impl DeadLetters {
    pub(super) fn new(backoff: Backoff, jitter: Jitter) -> Self {
        Self { writes: Writes::new(backoff, jitter), output: Vec::new(), changed: false }
    }

    /// Takes over a refusal without writing it. [`write`](Self::write) does that.
    pub(super) fn keep(&mut self, refused: Refused) -> DeadLetterId {
        DeadLetterId(self.writes.keep(refused.record.ownership, refused))
    }

    pub(super) fn write(&mut self, id: DeadLetterId) {
        let dead_letter = self.writes.begin(id.0).map(|refused| DeadLetter {
            id,
            record: Arc::clone(&refused.record),
            refusal: refused.refusal.clone(),
            selection: refused.selection.clone(),
        });
        self.output.extend(dead_letter.map(Action::WriteDeadLetter));
    }

    /// Handles the end of a write. Returns the record if its dead letter was acknowledged.
    pub(super) fn finish(
        &mut self,
        now: Moment,
        id: DeadLetterId,
        outcome: WriteOutcome,
    ) -> Option<RecordId> {
        let record = self.writes.content(id.0).map(|refused| Arc::clone(&refused.record))?;
        let (topic, partition) = (Arc::clone(&record.topic), record.partition);
        match self.writes.finish(now, id.0, outcome) {
            Finished::Acknowledged { content, resumed } => {
                if resumed.is_some() {
                    self.changed = true;
                    self.output.push(Action::Transition(Transition::PartitionResumed { topic, partition }));
                }
                Some(content.record_id)
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

    /// Retries the writes that are due.
    pub(super) fn advance(&mut self, now: Moment) {
        while let Some(id) = self.writes.next_due(now) {
            self.write(DeadLetterId(id));
        }
    }

    /// Forgets the dead letters of an ownership that has ended, also those that were about to be written: the
    /// next owner judges their records again.
    pub(super) fn release(&mut self, ownership: Ownership) {
        self.changed = true;
        let is_its = |action: &Action| matches!(action, Action::WriteDeadLetter(letter) if letter.record.ownership == ownership);
        self.output.retain(|action| !is_its(action));
        self.writes.release(ownership);
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
