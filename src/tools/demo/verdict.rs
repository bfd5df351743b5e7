//! The verdict: compares what was produced with what arrived at the PutEvents server and with what was
//! read back from the dead letters.
//!
//! Pure. Goes by the contract alone: every record below a committed position is settled, which means that
//! each of its events arrived or is a dead letter, or the record is, or nothing was to become of it. What
//! lies at a committed position and after it is left, and nothing is asked of it.

use std::collections::{BTreeMap, HashMap};

use crate::{
    core::pipeline::RecordCounts,
    tools::{
        demo::{
            evidence::{Evidence, Letter, Place, Sent},
            generate::Expected,
            problem::Problem,
        },
        emulator::Counts,
    },
};

/// What is taken into account beside the evidence.
pub(super) struct Circumstances<'a> {
    /// Whether everything was to be settled: nobody ended the run early.
    pub(super) whole: bool,
    /// Whether the server refuses events on purpose.
    pub(super) refusals: bool,
    /// What the server has counted.
    pub(super) server: &'a Counts,
    /// What the service has counted.
    pub(super) service: &'a RecordCounts,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// All that is wrong, and how often; nothing, in a good run.
    pub(super) problems: BTreeMap<Problem, u64>,
    /// What was counted.
    pub(super) tally: Tally,
}

/// What was counted of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Records that the broker has taken.
    pub(super) produced: u64,
    /// The same, by whose they are.
    pub(super) from: BTreeMap<&'static str, u64>,
    /// Those of them of which every event arrived.
    pub(super) delivered: u64,
    /// Those of which nothing was to become.
    pub(super) ignored: u64,
    /// Those that are in the dead letters, whole or in part.
    pub(super) dead_lettered: u64,
    /// Those that were not committed past: the next run would read them again.
    pub(super) left: u64,
    /// Different events that arrived.
    pub(super) arrived: u64,
    /// How often an event arrived that had arrived before.
    pub(super) duplicates: u64,
    /// How often that was because its record was produced twice.
    pub(super) repeated: u64,
    /// Dead letters by reason.
    pub(super) letters: BTreeMap<String, u64>,
}

/// Judges a run.
pub(super) fn judge(evidence: &Evidence, circumstances: &Circumstances<'_>) -> Verdict {
    let mut letters: HashMap<Place, Vec<&Letter>> = HashMap::new();
    for letter in &evidence.letters {
        letters.entry(letter.place).or_default().push(letter);
    }
    let mut judge = Judge { evidence, circumstances, letters, verdict: Verdict::default() };
    judge.records();
    judge.arrivals();
    judge.server();
    judge.service();
    judge.verdict
}

/// A judgement in the making.
struct Judge<'a> {
    evidence: &'a Evidence,
    circumstances: &'a Circumstances<'a>,
    /// The dead letters that were not looked at yet, by the record that they are of.
    letters: HashMap<Place, Vec<&'a Letter>>,
    verdict: Verdict,
}

impl Judge<'_> {
    fn records(&mut self) {
        let evidence = self.evidence;
        for letter in &evidence.letters {
            *self.verdict.tally.letters.entry(letter.reason.clone()).or_default() += 1;
        }
        for sent in evidence.sent.values() {
            self.verdict.tally.produced += 1;
            *self.verdict.tally.from.entry(sent.from).or_default() += 1;
            let letters = self.letters.remove(&sent.place).unwrap_or_default();
            let altered = letters.iter().filter(|letter| letter.fingerprint != sent.fingerprint).count();
            self.note(Problem::LetterAltered, altered);
            if evidence.positions.pass(sent.place) {
                self.record(sent, &letters);
            } else {
                self.verdict.tally.left += 1;
            }
        }
        let unknown = self.letters.values().map(Vec::len).sum();
        self.note(Problem::LetterUnasked, unknown);
    }

    /// A record that was committed past, and the dead letters that are of it.
    fn record(&mut self, sent: &Sent, letters: &[&Letter]) {
        let mut asked = 0;
        match &sent.expected {
            Expected::Ignored => {}
            Expected::DeadLetter => {
                asked = letters.iter().filter(|letter| letter.event_id.is_none()).count();
                self.note(Problem::LetterMissing, usize::from(asked == 0));
                self.note(Problem::LetterRepeated, asked.saturating_sub(1));
            }
            Expected::Delivered { event_ids } | Expected::Repeated { event_ids } => {
                asked = event_ids.iter().map(|id| self.event(id, letters)).sum();
            }
        }
        self.note(Problem::LetterUnasked, letters.len() - asked);
        let tally = &mut self.verdict.tally;
        match sent.expected {
            _ if !letters.is_empty() => tally.dead_lettered += 1,
            Expected::Ignored => tally.ignored += 1,
            _ => tally.delivered += 1,
        }
    }

    /// An event of a record; returns how many of the record's dead letters are rightly of it.
    fn event(&mut self, id: &str, letters: &[&Letter]) -> usize {
        let of_it = letters.iter().filter(|letter| letter.event_id.as_deref() == Some(id)).count();
        let arrived = self.evidence.arrivals.contains_key(id);
        self.note(Problem::EventMissing, usize::from(!arrived && of_it == 0));
        if arrived || !self.circumstances.refusals {
            return 0;
        }
        self.note(Problem::LetterRepeated, of_it.saturating_sub(1));
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
            self.note(Problem::EventUnknown, usize::from(copies.is_none()));
            self.note(Problem::EventUnsound, usize::from(!arrival.sound));
            tally.arrived += 1;
            tally.duplicates += arrival.times - 1;
            tally.repeated += (arrival.times - 1).min(copies.unwrap_or(1) - 1);
        }
        // An event that was taken without a word is sent again: once more for each time.
        let explained = tally.repeated + self.circumstances.server.events_unconfirmed;
        self.count(Problem::DuplicateUnexplained, tally.duplicates.saturating_sub(explained));
        self.verdict.tally = tally;
    }

    fn server(&mut self) {
        let server = self.circumstances.server;
        self.count(Problem::OverQuota, server.over_quota);
        self.count(Problem::EndpointTwice, server.endpoints_in_two_requests);
        for (rule, times) in &server.violations {
            self.count(Problem::RuleBroken(*rule), *times);
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
        self.count(Problem::RecordMiscounted, miscounted.unwrap_or_default());
        self.count(Problem::RecordLeft, left);
    }

    fn note(&mut self, problem: Problem, times: usize) {
        self.count(problem, times as u64);
    }

    fn count(&mut self, problem: Problem, times: u64) {
        if times > 0 {
            *self.verdict.problems.entry(problem).or_default() += times;
        }
    }
}

#[cfg(test)]
mod tests;
