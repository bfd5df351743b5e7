//! Fulfils a record's obligations: a verdict fulfils one, or turns it into a dead letter.
//!
//! Knows nothing of requests. What always holds: a refusal is fulfilled by the acknowledgement of its dead
//! letter and by nothing else (invariant 1).

use std::{collections::BTreeMap, sync::Arc};

use crate::core::{
    dead_letter::DeadLetterId,
    destination::DestinationId,
    event::Refusal,
    pipeline::{
        Action, Pipeline,
        dead_letters::Refused,
        dispatcher::{Fate, Verdict},
        ledger::RecordId,
        refusals::{self, Refusals},
    },
    redrive::Selection,
    time::Moment,
    write_outcome::WriteOutcome,
};

/// Refusals of events, in the order in which their records were read.
type ByRecord = BTreeMap<RecordId, Refusals>;

fn each(refusals: ByRecord) -> impl Iterator<Item = (RecordId, Refusal, Selection)> {
    let of_record = |(record, refusals): (RecordId, Refusals)| {
        refusals.into_iter().map(move |(refusal, selection)| (record, refusal, selection))
    };
    refusals.into_iter().flat_map(of_record)
}

impl Pipeline {
    /// Applies the verdicts of a destination. Events of a record that it refused together for the same reason
    /// share a dead letter.
    pub(super) fn conclude(&mut self, now: Moment, destination: DestinationId) {
        let dispatcher = self.dispatcher(destination);
        let name = Arc::clone(dispatcher.name());
        let (verdicts, transitions) = (dispatcher.take_verdicts(), dispatcher.take_transitions());
        self.output.extend(transitions.into_iter().map(Action::Transition));
        let (mut refused, mut spilled) = (ByRecord::new(), ByRecord::new());
        for Verdict { record, bytes, fate } in verdicts {
            let (refusals, refusal, event_id) = match fate {
                Fate::Accepted => {
                    self.fulfil(now, record, bytes);
                    continue;
                }
                Fate::Refused { event_id, refusal } => (&mut refused, refusal, event_id),
                Fate::Spilled { event_id, refusal } => (&mut spilled, refusal, event_id),
            };
            self.ledger.relieve(record, bytes);
            refusals.entry(record).or_default().add(refusal, Some(&name), event_id);
        }
        for (record, refusal, selection) in each(refused) {
            self.ledger.join(record, selection.events.len(), refusals::held(&refusal, &selection));
            self.refuse(now, record, refusal, selection);
        }
        // A spilled event is no evidence against its topic, so the circuit breaker does not count it.
        for (record, refusal, selection) in each(spilled) {
            self.ledger.join(record, selection.events.len(), refusals::held(&refusal, &selection));
            if let Some((id, _)) = self.keep_dead_letter(record, refusal, selection) {
                self.dead_letters.write(id);
            }
        }
    }

    pub(super) fn refuse(
        &mut self,
        now: Moment,
        record_id: RecordId,
        refusal: Refusal,
        selection: Selection,
    ) {
        let Some(record) = self.ledger.record(record_id).map(Arc::clone) else { return };
        let Some((id, first)) = self.keep_dead_letter(record_id, refusal, selection) else { return };
        if self.is_redriven(record_id) || self.circuit_breakers.admit(now, record_id, &record, id, first) {
            self.dead_letters.write(id);
        }
    }

    /// Keeps a dead letter without writing it; returns whether it is the record's first.
    fn keep_dead_letter(
        &mut self,
        record_id: RecordId,
        refusal: Refusal,
        selection: Selection,
    ) -> Option<(DeadLetterId, bool)> {
        let record = self.ledger.record(record_id).map(Arc::clone)?;
        let first = self.ledger.refuse(record_id, refusal.code);
        Some((self.dead_letters.keep(Refused { record_id, record, refusal, selection }), first))
    }

    pub(super) fn dead_letter_finished(&mut self, now: Moment, id: DeadLetterId, outcome: WriteOutcome) {
        if let Some((record, bytes)) = self.dead_letters.finish(now, id, outcome) {
            self.fulfil(now, record, bytes);
        }
    }

    /// Fulfils an obligation of a record, which took `bytes`.
    pub(super) fn fulfil(&mut self, now: Moment, record: RecordId, bytes: usize) {
        let is_redriven = self.is_redriven(record);
        // A refused record was counted by the circuit breaker when it was refused.
        let settled = self.ledger.fulfil(record, bytes).filter(|settled| !settled.refused && !is_redriven);
        if let Some(settled) = settled {
            self.pass(now, &settled.topic);
        }
    }

    /// Whether a record was redriven, so that it says nothing about what its topic holds now.
    pub(super) fn is_redriven(&self, record: RecordId) -> bool {
        self.ledger.record(record).is_some_and(|record| record.redriven.is_some())
    }

    /// Registers that a record of the topic was finished without a refusal.
    pub(super) fn pass(&mut self, now: Moment, topic: &Arc<str>) {
        for id in self.circuit_breakers.pass(now, topic) {
            self.dead_letters.write(id);
        }
    }
}
