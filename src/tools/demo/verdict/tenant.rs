//! The tenant: it was held, nobody else waited for it, and what it spilled was redriven, each record once.
//!
//! Pure. Nothing is required of a redriven record at or after the committed position.

use std::collections::HashMap;

use super::Judge;
use crate::tools::demo::{
    evidence::{RecordId, RedrivenRecord},
    problem::VerdictProblem,
};

/// From how many of its records on the tenant must have been held. They come evenly over ten seconds, and its last
/// credentials expire after six.
const ENOUGH: usize = 50;

impl Judge<'_> {
    pub(super) fn tenant(&mut self) {
        let evidence = self.evidence;
        let tale = self.circumstances.tale;
        let unseen = self.circumstances.has_no_hold() && tale.refused.len() >= ENOUGH;
        self.note(VerdictProblem::HoldMissing, if unseen { tale.refused.len() } else { 0 });
        self.note(VerdictProblem::OthersWaited, tale.waited);
        self.verdict.tally.redriven = evidence.redriven.len() as u64;
        let mut times: HashMap<RecordId, usize> = HashMap::new();
        for redriven in &evidence.redriven {
            *times.entry(redriven.original).or_default() += 1;
            self.redriven(redriven);
        }
        let repeated = times.values().map(|times| times - 1).sum();
        self.note(VerdictProblem::RedriveRepeated, repeated);
        if tale.redrive.is_some() {
            let spilled = |record: &&RecordId| self.has_spilled(**record);
            let left = self.letters.keys().filter(spilled).filter(|record| !times.contains_key(*record));
            let left = left.count();
            self.note(VerdictProblem::RedriveMissing, left);
        }
    }

    /// Judges a record that was redriven.
    fn redriven(&mut self, redriven: &RedrivenRecord) {
        let RedrivenRecord { record, original, event_ids, fingerprint } = redriven;
        let sent = self.evidence.sent.get(original);
        let is_same = sent.is_some_and(|sent| sent.fingerprint.content == fingerprint.content);
        self.note(VerdictProblem::RedriveUnexpected, usize::from(!is_same || !self.has_spilled(*original)));
        if !self.evidence.positions.pass(*record) {
            self.verdict.tally.left += 1;
            return;
        }
        let letters = self.letters_of(*original);
        let again = letters.iter().filter(|letter| letter.again);
        let refused: Vec<_> = again.flat_map(|letter| &letter.event_ids).collect();
        let is_lost = |id: &&String| !self.evidence.arrivals.contains_key(*id) && !refused.contains(id);
        let lost = event_ids.iter().filter(is_lost).count();
        self.note(VerdictProblem::RedrivenLost, lost);
        self.due.consumed += 1;
        if refused.is_empty() {
            self.due.accepted += 1;
        } else {
            self.due.dead_lettered += 1;
        }
    }

    fn has_spilled(&self, record: RecordId) -> bool {
        self.letters.get(&record).is_some_and(|letters| letters.iter().any(|letter| letter.is_spilled()))
    }
}
