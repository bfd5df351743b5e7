//! Fulfils a record's obligations: a verdict fulfils one, or turns it into a dead letter.
//!
//! Knows nothing of requests. What always holds: a refusal is fulfilled by the acknowledgement of its dead
//! letter and by nothing else (invariant 1).

use std::sync::Arc;

use crate::core::{
    dead_letter::DeadLetterId,
    destination::DestinationId,
    event::Refusal,
    pipeline::{Action, Pipeline, dead_letters::Refused, dispatcher::Verdict, ledger::RecordId},
    time::Moment,
    write_outcome::WriteOutcome,
};

impl Pipeline {
    /// Takes in the verdicts of a destination.
    pub(super) fn conclude(&mut self, now: Moment, destination: DestinationId) {
        let dispatcher = self.dispatcher(destination);
        let (verdicts, transitions) = (dispatcher.take_verdicts(), dispatcher.take_transitions());
        self.output.extend(transitions.into_iter().map(Action::Transition));
        for verdict in verdicts {
            match verdict {
                Verdict::Accepted(record) => self.fulfil(now, record),
                Verdict::Refused(refused) if refused.spilled => {
                    self.dead_letter(refused.record, refused.refusal, Some(refused.event_id));
                }
                Verdict::Refused(refused) => {
                    self.refuse(now, refused.record, refused.refusal, Some(refused.event_id));
                }
            }
        }
    }

    pub(super) fn refuse(
        &mut self,
        now: Moment,
        record_id: RecordId,
        refusal: Refusal,
        event_id: Option<Box<str>>,
    ) {
        let Some(record) = self.ledger.record(record_id).map(Arc::clone) else { return };
        let first = self.ledger.refuse(record_id, refusal.code);
        let refused = Refused { record_id, record: Arc::clone(&record), refusal, event_id };
        let id = self.dead_letters.keep(refused);
        if self.circuit_breakers.admit(now, record_id, &record, id, first) {
            self.dead_letters.write(id);
        }
    }

    /// Writes a dead letter that says nothing about its topic: the circuit breaker does not count it.
    fn dead_letter(&mut self, record_id: RecordId, refusal: Refusal, event_id: Option<Box<str>>) {
        let Some(record) = self.ledger.record(record_id).map(Arc::clone) else { return };
        self.ledger.refuse(record_id, refusal.code);
        let id = self.dead_letters.keep(Refused { record_id, record, refusal, event_id });
        self.dead_letters.write(id);
    }

    pub(super) fn dead_letter_finished(&mut self, now: Moment, id: DeadLetterId, outcome: WriteOutcome) {
        if let Some(record) = self.dead_letters.finish(now, id, outcome) {
            self.fulfil(now, record);
        }
    }

    pub(super) fn fulfil(&mut self, now: Moment, record: RecordId) {
        let topic = self.ledger.record(record).map(|record| Arc::clone(&record.topic));
        let settled = self.ledger.fulfil(record);
        // A refused record was counted by the circuit breaker when it was refused.
        if let (Some(topic), Some(false)) = (topic, settled.map(|settled| settled.refused)) {
            self.pass(now, &topic);
        }
    }

    /// A record of the topic was finished without a refusal.
    pub(super) fn pass(&mut self, now: Moment, topic: &Arc<str>) {
        for id in self.circuit_breakers.pass(now, topic) {
            self.dead_letters.write(id);
        }
    }
}
