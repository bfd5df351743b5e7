//! What becomes of a record's obligations: a verdict fulfils one, or turns it into a dead letter.
//!
//! Knows nothing of requests. What always holds: a refusal is fulfilled by the acknowledgement of its dead
//! letter and by nothing else (invariant 1).

use std::sync::Arc;

use crate::core::{
    dead_letter::{LetterId, LetterOutcome},
    event::Refusal,
    pipeline::{
        Action, Pipeline,
        dead_letters::Refused,
        dispatcher::{Outcomes, Verdict},
        ledger::RecordId,
    },
    time::Moment,
};

impl Pipeline {
    pub(super) fn conclude(&mut self, now: Moment, outcomes: Outcomes, actions: &mut Vec<Action>) {
        actions.extend(outcomes.notices.into_iter().map(Action::Notice));
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
        let mut notices = Vec::new();
        let letter = self.letters.refuse(now, refused, &mut notices);
        actions.extend(notices.into_iter().map(Action::Notice));
        actions.extend(letter.map(Action::Write));
    }

    pub(super) fn letter(
        &mut self,
        now: Moment,
        id: LetterId,
        outcome: LetterOutcome,
        jitter: f64,
        actions: &mut Vec<Action>,
    ) {
        let mut notices = Vec::new();
        let written = self.letters.finish(now, id, outcome, jitter, &mut notices);
        actions.extend(notices.into_iter().map(Action::Notice));
        if let Some(record) = written {
            self.fulfil(now, record, actions);
        }
    }

    pub(super) fn fulfil(&mut self, now: Moment, record: RecordId, actions: &mut Vec<Action>) {
        let topic = self.ledger.record(record).map(|record| Arc::clone(&record.topic));
        let settled = self.ledger.fulfil(record);
        // A refused record was counted by the brake when it was refused.
        if let (Some(topic), Some(false)) = (topic, settled.map(|settled| settled.refused)) {
            self.pass(now, &topic, actions);
        }
    }

    pub(super) fn pass(&mut self, now: Moment, topic: &Arc<str>, actions: &mut Vec<Action>) {
        let mut notices = Vec::new();
        let letters = self.letters.pass(now, topic, &mut notices);
        actions.extend(notices.into_iter().map(Action::Notice));
        actions.extend(letters.into_iter().map(Action::Write));
    }
}
