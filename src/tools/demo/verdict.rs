//! The verdict: compares the records that were produced with the events that arrived at the destinations, the dead
//! letters, and the records that were redriven.
//!
//! Pure. Applies the contract alone: every record before a committed position is settled. Either it had to be
//! ignored, or it is a dead letter, or each of its events arrived or is a dead letter. Nothing is required of
//! the records at or after the committed position.

use std::collections::{BTreeMap, HashMap};

use crate::{
    cli::DemoKind,
    core::pipeline::RecordCounts,
    tools::{
        demo::{
            evidence::{DeadLetter, Evidence, RecordId, Sent},
            generate::{Expected, Realm},
            problem::VerdictProblem,
            tale::Tale,
        },
        emulator::Counts,
    },
};

mod order;
mod tenant;

/// One request in so many may be over the quota. How long requests are on their way differs on a busy machine, and
/// the service learns that from a request that is throttled.
const OVER_QUOTA: u64 = 50;

/// The rule that a request breaks which is on its way while the tenant's credentials expire.
const EXPIRED: &str = "token_expired";

/// What the verdict depends on besides the evidence.
pub(super) struct Circumstances<'a> {
    /// Whether everything must be settled, because nobody ended the run early.
    pub(super) whole: bool,
    /// Whether a destination refuses events on purpose.
    pub(super) refusals: bool,
    pub(super) kind: DemoKind,
    pub(super) tale: &'a Tale,
    /// What the emulator counts, if there is one.
    pub(super) server: Option<&'a Counts>,
    pub(super) service: &'a RecordCounts,
}

impl Circumstances<'_> {
    /// Whether the tenant's role was to be refused for a while, and nobody saw the tenant held.
    pub(super) fn has_no_hold(&self) -> bool {
        self.whole && self.tale.planned && self.tale.code.is_none()
    }
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
    /// The records that are dead letters, whole or in part, of which something has not arrived.
    pub(super) dead_lettered: u64,
    /// The records that were not committed past, redriven ones included. The next run would read them again.
    pub(super) left: u64,
    /// Acceptances, copies included, by destination and by type.
    pub(super) accepted: BTreeMap<Realm, u64>,
    pub(super) by_type: BTreeMap<&'static str, u64>,
    /// The number of distinct events that arrived.
    pub(super) arrived: u64,
    /// How often an event arrived again.
    pub(super) duplicates: u64,
    /// How many of these are due to a record that was produced twice.
    pub(super) repeated: u64,
    /// Refusals in the dead letters by reason, without those that were redriven.
    pub(super) dead_letters: BTreeMap<String, u64>,
    /// The events that spilled.
    pub(super) spilled: u64,
    /// The records that were redriven.
    pub(super) redriven: u64,
}

/// How the service must have counted its records: a redriven record counts once more.
#[derive(Default)]
struct Due {
    consumed: u64,
    accepted: u64,
    ignored: u64,
    dead_lettered: u64,
}

pub(super) fn judge(evidence: &Evidence, circumstances: &Circumstances<'_>) -> Verdict {
    let mut letters: HashMap<RecordId, Vec<&DeadLetter>> = HashMap::new();
    for letter in &evidence.dead_letters {
        letters.entry(letter.record).or_default().push(letter);
    }
    let (due, verdict) = (Due::default(), Verdict::default());
    let mut judge = Judge { evidence, circumstances, letters, due, verdict };
    judge.records();
    judge.arrivals();
    judge.order();
    judge.tenant();
    judge.server();
    judge.service();
    judge.verdict
}

struct Judge<'a> {
    evidence: &'a Evidence,
    circumstances: &'a Circumstances<'a>,
    letters: HashMap<RecordId, Vec<&'a DeadLetter>>,
    due: Due,
    verdict: Verdict,
}

impl<'a> Judge<'a> {
    /// The dead letters of a record.
    fn letters_of(&self, record: RecordId) -> Vec<&'a DeadLetter> {
        self.letters.get(&record).cloned().unwrap_or_default()
    }

    fn records(&mut self) {
        let evidence = self.evidence;
        let is_back = self.circumstances.tale.redrive.is_some();
        for letter in evidence.dead_letters.iter().filter(|letter| !(is_back && letter.is_spilled())) {
            let refusals = letter.refusals() as u64;
            *self.verdict.tally.dead_letters.entry(letter.reason.clone()).or_default() += refusals;
        }
        self.verdict.tally.spilled = evidence.spilled() as u64;
        for sent in evidence.sent.values() {
            self.verdict.tally.produced += 1;
            *self.verdict.tally.from.entry(sent.from).or_default() += 1;
            let letters = self.letters_of(sent.record);
            let altered = letters.iter().filter(|letter| !is_of(letter, sent)).count();
            self.note(VerdictProblem::DeadLetterAltered, altered);
            if evidence.positions.pass(sent.record) {
                self.record(sent, &letters);
            } else {
                self.verdict.tally.left += 1;
            }
        }
        let unknown = self.letters.iter().filter(|(record, _)| !evidence.sent.contains_key(*record));
        let unknown = unknown.map(|(_, letters)| letters.len()).sum();
        self.note(VerdictProblem::DeadLetterUnexpected, unknown);
    }

    /// Judges a record that was committed past, with its dead letters.
    fn record(&mut self, sent: &Sent, letters: &[&DeadLetter]) {
        let refusals: usize = letters.iter().map(|letter| letter.refusals()).sum();
        let mut explained = 0;
        match &sent.expected {
            Expected::Ignored => {}
            Expected::DeadLetter => {
                // A letter may name the events that the destination does not take.
                explained = refusals;
                self.note(VerdictProblem::DeadLetterMissing, usize::from(letters.is_empty()));
                self.note(VerdictProblem::DeadLetterRepeated, letters.len().saturating_sub(1));
            }
            Expected::Delivered { event_ids } | Expected::Repeated { event_ids } => {
                explained = event_ids.iter().map(|id| self.event(sent, id, letters)).sum();
            }
        }
        self.note(VerdictProblem::DeadLetterUnexpected, refusals - explained);
        let ids = sent.event_ids();
        let arrived = !ids.is_empty() && ids.iter().all(|id| self.evidence.arrivals.contains_key(id));
        let was_refused = letters.iter().any(|letter| !letter.again);
        let (tally, due) = (&mut self.verdict.tally, &mut self.due);
        due.consumed += 1;
        match sent.expected {
            _ if was_refused => due.dead_lettered += 1,
            Expected::Ignored => due.ignored += 1,
            _ => due.accepted += 1,
        }
        match sent.expected {
            _ if !letters.is_empty() && !arrived => tally.dead_lettered += 1,
            Expected::Ignored => tally.ignored += 1,
            _ => tally.delivered += 1,
        }
    }

    /// Judges an event of a record. Returns how many refusals in the record's dead letters are explained by it.
    fn event(&mut self, sent: &Sent, id: &str, letters: &[&DeadLetter]) -> usize {
        let of_it = letters.iter().filter(|letter| letter.names(id));
        let (spilled, refused): (Vec<&&DeadLetter>, Vec<_>) = of_it.partition(|letter| letter.is_spilled());
        let (spilled, refused) = (spilled.len(), refused.len());
        let arrived = self.evidence.arrivals.get(id);
        self.note(VerdictProblem::EventMissing, usize::from(arrived.is_none() && spilled + refused == 0));
        let elsewhere = arrived.is_some_and(|arrival| arrival.realm != Some(sent.realm));
        self.note(VerdictProblem::EventMisrouted, usize::from(elsewhere));
        let may_spill = self.circumstances.tale.planned && sent.realm == Realm::Acme;
        let may_be_refused = self.circumstances.refusals && arrived.is_none();
        let mut explained = 0;
        for (letters, may_be) in [(spilled, may_spill), (refused, may_be_refused)] {
            if may_be {
                self.note(VerdictProblem::DeadLetterRepeated, letters.saturating_sub(1));
                explained += letters;
            }
        }
        explained
    }

    fn arrivals(&mut self) {
        let mut copies: HashMap<&str, u64> = HashMap::new();
        for id in self.evidence.sent.values().flat_map(Sent::event_ids) {
            *copies.entry(id).or_default() += 1;
        }
        let mut tally = std::mem::take(&mut self.verdict.tally);
        (tally.accepted, tally.by_type) = (self.evidence.accepted.clone(), self.evidence.by_type.clone());
        for (id, arrival) in &self.evidence.arrivals {
            let copies = copies.get(&**id).copied();
            self.note(VerdictProblem::EventUnknown, usize::from(copies.is_none()));
            self.note(VerdictProblem::EventUnsound, usize::from(!arrival.sound));
            tally.arrived += 1;
            tally.duplicates += arrival.times - 1;
            tally.repeated += (arrival.times - 1).min(copies.unwrap_or(1) - 1);
        }
        if self.circumstances.kind.recognises_copies() {
            self.count(VerdictProblem::CopyAccepted, tally.duplicates);
        } else {
            // An event whose acceptance was lost is sent again, once for each time.
            let unconfirmed = self.circumstances.server.map_or(0, |server| server.events_unconfirmed);
            let explained = tally.repeated + unconfirmed;
            self.count(VerdictProblem::DuplicateUnexplained, tally.duplicates.saturating_sub(explained));
        }
        self.verdict.tally = tally;
    }

    fn order(&mut self) {
        if self.circumstances.kind.keeps_order() {
            self.count(VerdictProblem::OutOfOrder, order::out_of_order(self.evidence));
        }
    }

    fn server(&mut self) {
        let Some(server) = self.circumstances.server else { return };
        let excess = server.over_quota.saturating_sub(1 + server.requests / OVER_QUOTA);
        self.count(VerdictProblem::OverQuota, if excess > 0 { server.over_quota } else { 0 });
        self.count(VerdictProblem::EndpointTwice, server.endpoints_in_two_requests);
        let is_meant = |rule: &str| rule == EXPIRED && self.circumstances.tale.planned;
        for (rule, times) in server.violations.iter().filter(|(rule, _)| !is_meant(rule)) {
            self.count(VerdictProblem::RuleBroken(rule), *times);
        }
    }

    fn service(&mut self) {
        if !self.circumstances.whole {
            return;
        }
        let (due, service) = (&self.due, self.circumstances.service);
        let left = self.evidence.left() as u64;
        let counted = [
            (service.consumed, due.consumed + left),
            (service.accepted, due.accepted),
            (service.ignored.values().sum(), due.ignored),
            (service.dead_lettered.values().sum(), due.dead_lettered),
        ];
        let miscounted = counted.iter().map(|(service, seen)| service.abs_diff(*seen)).max();
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

/// Whether a dead letter is the record that was produced. One that was redriven has another time.
fn is_of(letter: &DeadLetter, sent: &Sent) -> bool {
    let (read, written) = (letter.fingerprint, sent.fingerprint);
    if letter.again { read.content == written.content } else { read == written }
}

#[cfg(test)]
mod tests;
