//! What becomes of a record's obligations: a verdict fulfils one, or turns it into a dead letter.
//!
//! Knows nothing of requests. What always holds: a refusal is fulfilled by the acknowledgement of its dead
//! letter and by nothing else (invariant 1).

use std::sync::Arc;

use crate::core::{
    dead_letter::DeadLetterId,
    event::Refusal,
    pipeline::{
        Action, Pipeline,
        dead_letters::Refused,
        dispatcher::{Outcomes, Verdict},
        ledger::RecordId,
    },
    time::Moment,
    write_outcome::WriteOutcome,
};

impl Pipeline {
    pub(super) fn conclude(&mut self, now: Moment, outcomes: Outcomes, actions: &mut Vec<Action>) {
        actions.extend(outcomes.transitions.into_iter().map(Action::Transition));
        for verdict in outcomes.verdicts {
            match verdict {
                Verdict::Accepted(item) => self.fulfil(now, item.record, actions),
                Verdict::Refused(item, refusal) => {
                    let event_id = Some(item.event.id.clone());
                    self.refuse(now, item.record, refusal, event_id, actions);
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
        actions: &mut Vec<Action>,
    ) {
        let Some(record) = self.ledger.record(record_id).map(Arc::clone) else { return };
        let first = self.ledger.refuse(record_id, refusal.code);
        let refused = Refused { record_id, record, refusal, event_id, first };
        let mut transitions = Vec::new();
        let letter = self.letters.refuse(now, refused, &mut transitions);
        actions.extend(transitions.into_iter().map(Action::Transition));
        actions.extend(letter.map(Action::WriteDeadLetter));
    }

    pub(super) fn letter(
        &mut self,
        now: Moment,
        id: DeadLetterId,
        outcome: WriteOutcome,
        jitter: f64,
        actions: &mut Vec<Action>,
    ) {
        let mut transitions = Vec::new();
        let written = self.letters.finish(now, id, outcome, jitter, &mut transitions);
        actions.extend(transitions.into_iter().map(Action::Transition));
        if let Some(record) = written {
            self.fulfil(now, record, actions);
        }
    }

    pub(super) fn fulfil(&mut self, now: Moment, record: RecordId, actions: &mut Vec<Action>) {
        let topic = self.ledger.record(record).map(|record| Arc::clone(&record.topic));
        let settled = self.ledger.fulfil(record);
        // A refused record was counted by the breaker when it was refused.
        if let (Some(topic), Some(false)) = (topic, settled.map(|settled| settled.refused)) {
            self.pass(now, &topic, actions);
        }
    }

    pub(super) fn pass(&mut self, now: Moment, topic: &Arc<str>, actions: &mut Vec<Action>) {
        let mut transitions = Vec::new();
        let letters = self.letters.pass(now, topic, &mut transitions);
        actions.extend(transitions.into_iter().map(Action::Transition));
        actions.extend(letters.into_iter().map(Action::WriteDeadLetter));
    }
}
