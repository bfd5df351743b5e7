//! The verdict: compares the records that were produced with the events that arrived at the PutEvents server
//! and with the dead letters.
//!
//! Pure. Applies the contract alone: every record before a committed position is settled. Either it had to be
//! ignored, or it is a dead letter, or each of its events arrived or is a dead letter. Nothing is required of
//! the records at or after the committed position.

use std::collections::{BTreeMap, HashMap};

use crate::{
    core::pipeline::RecordCounts,
    tools::{
        demo::{
            evidence::{DeadLetter, Evidence, RecordId, Sent},
            generate::Expected,
            problem::VerdictProblem,
        },
        emulator::Counts,
    },
};

/// What the verdict depends on besides the evidence.
pub(super) struct Circumstances<'a> {
    /// Whether everything must be settled, because nobody ended the run early.
    pub(super) whole: bool,
    /// Whether the server refuses events on purpose.
    pub(super) refusals: bool,
    pub(super) server: &'a Counts,
    pub(super) service: &'a RecordCounts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Everything that is wrong, with how often; empty in a good run.
    pub(super) problems: BTreeMap<VerdictProblem, u64>,
    pub(super) tally: Tally,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Records that the broker has acknowledged.
    pub(super) produced: u64,
    /// These records by provider.
    pub(super) from: BTreeMap<&'static str, u64>,
    /// The records whose events all arrived.
    pub(super) delivered: u64,
    /// The records that had to become no event.
    pub(super) ignored: u64,
    /// The records that are dead letters, whole or in part.
    pub(super) dead_lettered: u64,
    /// The records that were not committed past. The next run would read them again.
    pub(super) left: u64,
    /// The number of distinct events that arrived.
    pub(super) arrived: u64,
    /// How often an event arrived again.
    pub(super) duplicates: u64,
    /// How many of these are due to a record that was produced twice.
    pub(super) repeated: u64,
    /// Dead letters by reason.
    pub(super) dead_letters: BTreeMap<String, u64>,
}

pub(super) fn judge(evidence: &Evidence, circumstances: &Circumstances<'_>) -> Verdict {
    let mut letters: HashMap<RecordId, Vec<&DeadLetter>> = HashMap::new();
    for letter in &evidence.dead_letters {
        letters.entry(letter.record).or_default().push(letter);
    }
    let mut judge = Judge { evidence, circumstances, letters, verdict: Verdict::default() };
    judge.records();
    judge.arrivals();
    judge.server();
    judge.service();
    judge.verdict
}

struct Judge<'a> {
    evidence: &'a Evidence,
    circumstances: &'a Circumstances<'a>,
    /// The dead letters that are not judged yet, by their record.
    letters: HashMap<RecordId, Vec<&'a DeadLetter>>,
    verdict: Verdict,
}

impl Judge<'_> {
    fn records(&mut self) {
        let evidence = self.evidence;
        for letter in &evidence.dead_letters {
            *self.verdict.tally.dead_letters.entry(letter.reason.clone()).or_default() += 1;
        }
        for sent in evidence.sent.values() {
            self.verdict.tally.produced += 1;
            *self.verdict.tally.from.entry(sent.from).or_default() += 1;
            let letters = self.letters.remove(&sent.record).unwrap_or_default();
            let altered = letters.iter().filter(|letter| letter.fingerprint != sent.fingerprint).count();
            self.note(VerdictProblem::DeadLetterAltered, altered);
            if evidence.positions.pass(sent.record) {
                self.record(sent, &letters);
            } else {
                self.verdict.tally.left += 1;
            }
        }
        let unknown = self.letters.values().map(Vec::len).sum();
        self.note(VerdictProblem::DeadLetterUnexpected, unknown);
    }

    /// Judges a record that was committed past, with its dead letters.
    fn record(&mut self, sent: &Sent, letters: &[&DeadLetter]) {
        let mut due = 0;
        match &sent.expected {
            Expected::Ignored => {}
            Expected::DeadLetter => {
                // A letter may name the events that the destination does not take.
                due = letters.len();
                self.note(VerdictProblem::DeadLetterMissing, usize::from(due == 0));
                self.note(VerdictProblem::DeadLetterRepeated, due.saturating_sub(1));
            }
            Expected::Delivered { event_ids } | Expected::Repeated { event_ids } => {
                due = event_ids.iter().map(|id| self.event(id, letters)).sum();
            }
        }
        self.note(VerdictProblem::DeadLetterUnexpected, letters.len() - due);
        let tally = &mut self.verdict.tally;
        match sent.expected {
            _ if !letters.is_empty() => tally.dead_lettered += 1,
            Expected::Ignored => tally.ignored += 1,
            _ => tally.delivered += 1,
        }
    }

    /// Judges an event of a record. Returns how many of the record's dead letters are explained by it.
    fn event(&mut self, id: &str, letters: &[&DeadLetter]) -> usize {
        let of_it = letters.iter().filter(|letter| letter.event_id.as_deref() == Some(id)).count();
        let arrived = self.evidence.arrivals.contains_key(id);
        self.note(VerdictProblem::EventMissing, usize::from(!arrived && of_it == 0));
        if arrived || !self.circumstances.refusals {
            return 0;
        }
        self.note(VerdictProblem::DeadLetterRepeated, of_it.saturating_sub(1));
        of_it
    }

    fn arrivals(&mut self) {
        let mut copies: HashMap<&str, u64> = HashMap::new();
        for sent in self.evidence.sent.values() {
            if let Expected::Delivered { event_ids } | Expected::Repeated { event_ids } = &sent.expected {
                for id in event_ids {
                    *copies.entry(id).or_default() += 1;
                }
            }
        }
        let mut tally = std::mem::take(&mut self.verdict.tally);
        for (id, arrival) in &self.evidence.arrivals {
            let copies = copies.get(&**id).copied();
            self.note(VerdictProblem::EventUnknown, usize::from(copies.is_none()));
            self.note(VerdictProblem::EventUnsound, usize::from(!arrival.sound));
            tally.arrived += 1;
            tally.duplicates += arrival.times - 1;
            tally.repeated += (arrival.times - 1).min(copies.unwrap_or(1) - 1);
        }
        // An event whose acceptance was lost is sent again, once for each time.
        let explained = tally.repeated + self.circumstances.server.events_unconfirmed;
        self.count(VerdictProblem::DuplicateUnexplained, tally.duplicates.saturating_sub(explained));
        self.verdict.tally = tally;
    }

    fn server(&mut self) {
        let server = self.circumstances.server;
        self.count(VerdictProblem::OverQuota, server.over_quota);
        self.count(VerdictProblem::EndpointTwice, server.endpoints_in_two_requests);
        for (rule, times) in &server.violations {
            self.count(VerdictProblem::RuleBroken(rule), *times);
        }
    }

    fn service(&mut self) {
        if !self.circumstances.whole {
            return;
        }
        let (tally, service) = (&self.verdict.tally, self.circumstances.service);
        let counted = [
            (service.consumed, tally.produced),
            (service.accepted, tally.delivered),
            (service.ignored.values().sum(), tally.ignored),
            (service.dead_lettered.values().sum(), tally.dead_lettered),
        ];
        let miscounted = counted.iter().map(|(service, seen)| service.abs_diff(*seen)).max();
        let left = tally.left;
        self.count(VerdictProblem::RecordMiscounted, miscounted.unwrap_or_default());
        self.count(VerdictProblem::RecordLeft, left);
    }

    fn note(&mut self, problem: VerdictProblem, times: usize) {
        self.count(problem, times as u64);
    }

    fn count(&mut self, problem: VerdictProblem, times: u64) {
        if times > 0 {
            *self.verdict.problems.entry(problem).or_default() += times;
        }
    }
}

#[cfg(test)]
mod tests;
