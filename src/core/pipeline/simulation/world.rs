//! The simulated world around one pipeline, and the events in it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;

use super::seconds;
use crate::core::{
    dead_letter::{DeadLetter, DeadLetterId},
    destination::{Request, RequestId},
    pipeline::{Action, Input, Pipeline},
    record::Ownership,
    session_table::WriteId,
    source::{Commit, Paused},
    time::Moment,
};

mod broker;
mod checks;
mod content;
mod destination;
mod group;
mod isolation;
mod settings;
mod tenants;

use content::Log;
use destination::Mood;
use group::{Gated, Owned};
use settings::Settings;
use tenants::Redriving;

/// The faults that may occur, and their probabilities.
#[derive(Clone, Copy)]
struct Faults {
    partial: f64,
    moods: bool,
    rebalances: bool,
    letters: f64,
    table: f64,
    natures: f64,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the world")]
pub(super) struct World {
    rng: Rng,
    faults: Faults,
    now: Moment,
    pipeline: Pipeline,
    logs: Vec<Log>,
    owned: BTreeMap<Ownership, Owned>,
    ended: HashSet<Ownership>,
    next_ownership: u64,
    next_id: u64,
    flights: BTreeMap<RequestId, Request>,
    letters: VecDeque<DeadLetter>,
    commits: VecDeque<Vec<Commit>>,
    /// The writes in progress, each with the key and the number of its entries.
    writes: BTreeMap<WriteId, (Box<str>, usize)>,
    paused: Paused,
    /// The mood of each destination.
    moods: Vec<Mood>,
    /// The destinations that are ill until the world heals.
    ill: BTreeSet<usize>,
    /// The request starts in the last second, by domain and (in `starts`) by destination.
    domain_starts: Vec<VecDeque<Moment>>,
    starts: Vec<VecDeque<Moment>>,
    /// Whether there is a table.
    has_table: bool,
    /// Whether the table refuses everything at present.
    table_refuses: bool,
    /// The records that may not be sent yet, in the order in which they were read.
    barrier: VecDeque<Gated>,
    /// Per destination and endpoint, the tags of events that may be sent and have no verdict, in their order.
    lanes: HashMap<(usize, u64), Vec<String>>,
    /// Per destination and endpoint, the version that came in last.
    newest: HashMap<(usize, u64), u64>,
    /// When tags were first sent to a destination by this pipeline.
    sent: HashMap<(usize, String), Moment>,
    /// When each destination last accepted something.
    last_taken: Vec<Option<Moment>>,
    /// Tags that were refused or denied while alone: a dead letter may be waiting at the circuit breaker.
    refused_alone: HashSet<(usize, String)>,
    /// Since when each destination has been held, or has blocked a record.
    blocked: Vec<Option<Moment>>,
    /// The destinations that spill in this step.
    spilling: Vec<usize>,
    /// The destination whose answer this step is about.
    answering: Option<usize>,
    /// The number of the next dead letter.
    next_letter: DeadLetterId,
    /// The destination that each dead letter of events is about.
    letter_of: HashMap<DeadLetterId, usize>,
    /// Whether records have waited for room, so that events of different partitions may have been reordered.
    has_stalled: bool,
    /// Whether a destination has been held.
    has_held: bool,
    sent_again: usize,
    settings: Settings,
    /// What is brought back from the dead letters, if that is done.
    redriving: Option<Redriving>,
    stopped: bool,
    /// Whether an operator has repaired the destinations, so that they accept everything.
    lenient: bool,
}

const FETCH: usize = 8;

const NONE: Faults =
    Faults { partial: 0.0, moods: false, rebalances: false, letters: 0.0, table: 0.0, natures: 0.0 };

impl Faults {
    fn any(rng: &mut Rng) -> Self {
        Self {
            partial: if rng.bool() { 0.3 } else { 0.02 },
            moods: rng.bool(),
            rebalances: rng.bool(),
            letters: if rng.bool() { 0.4 } else { 0.0 },
            natures: [0.0, 0.05, 0.3][rng.usize(..3)],
            table: if rng.bool() { 0.3 } else { 0.0 },
        }
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let faults = Faults::any(&mut rng);
        Self::with_culprit(rng, faults)
    }

    pub(super) fn calm(seed: u64) -> Self {
        Self::with_culprit(Rng::with_seed(seed), NONE)
    }

    /// A world in which one of several destinations may be ill.
    fn with_culprit(mut rng: Rng, faults: Faults) -> Self {
        let settings = Settings::new(&mut rng);
        let destinations = settings.destinations.len();
        let ill = settings.has_several() && faults.moods && rng.u8(..4) > 0;
        let culprit = ill.then(|| rng.usize(..destinations));
        let ill = culprit.map(|culprit| (culprit, Mood::ILL[rng.usize(..Mood::ILL.len())]));
        Self::with(rng, faults, settings, ill.into_iter().collect(), None)
    }

    /// A world in which these destinations are ill.
    fn with(
        mut rng: Rng,
        faults: Faults,
        mut settings: Settings,
        ill: BTreeMap<usize, Mood>,
        redriving: Option<Redriving>,
    ) -> Self {
        let destinations = settings.destinations.len();
        let mut moods = vec![Mood::Well; destinations];
        for (destination, mood) in &ill {
            moods[*destination] = *mood;
        }
        let ill: BTreeSet<usize> = ill.into_keys().collect();
        if !ill.is_empty() {
            settings.fetch_little();
        }
        let has_table = rng.bool();
        let topics: [Arc<str>; 2] = ["a".into(), "b".into()];
        // In some worlds the ill destinations have a topic of their own, with so many partitions that what they
        // bring after their pause would fill the memory. Spilling from so many takes too long.
        let spills = ill.iter().any(|ill| settings.destinations[*ill].spill.is_some());
        let is_wide = settings.fetches_little() && !spills && rng.u8(..4) == 0;
        let count = if is_wide { rng.i32(40..60) } else { rng.i32(1..5) };
        let logs = (0..count).map(|number| Log {
            topic: Arc::clone(&topics[usize::from(number % 2 == 1)]),
            partition: number / 2,
            records: Vec::new(),
            committed: None,
            named: BTreeSet::new(),
            avoids: BTreeSet::new(),
        });
        let mut logs: Vec<Log> = logs.collect();
        for log in &mut logs {
            let avoids = if is_wide { *log.topic == *topics[1] } else { !ill.is_empty() && rng.bool() };
            log.avoids = if avoids { ill.clone() } else { BTreeSet::new() };
        }
        let pipeline = settings.pipeline(rng.u64(..));
        let mut world = Self {
            rng,
            faults,
            now: Moment::START,
            pipeline,
            logs,
            owned: BTreeMap::new(),
            ended: HashSet::new(),
            next_ownership: 0,
            next_id: 0,
            flights: BTreeMap::new(),
            letters: VecDeque::new(),
            commits: VecDeque::new(),
            writes: BTreeMap::new(),
            paused: Paused::default(),
            moods,
            ill,
            domain_starts: vec![VecDeque::new(); settings.domains.len()],
            starts: vec![VecDeque::new(); destinations],
            has_table,
            table_refuses: false,
            barrier: VecDeque::new(),
            lanes: HashMap::new(),
            newest: HashMap::new(),
            sent: HashMap::new(),
            last_taken: vec![None; destinations],
            refused_alone: HashSet::new(),
            blocked: vec![None; destinations],
            spilling: Vec::new(),
            answering: None,
            next_letter: DeadLetterId(0),
            letter_of: HashMap::new(),
            has_stalled: false,
            has_held: false,
            sent_again: 0,
            settings,
            redriving,
            stopped: false,
            lenient: false,
        };
        for log in 0..world.logs.len() {
            for _ in 0..world.rng.usize(..30) {
                world.produce(log, world.faults.natures);
            }
        }
        world.assign_all();
        world
    }

    /// The number of steps of a schedule.
    pub(super) fn length(&mut self) -> usize {
        self.rng.usize(20..150)
    }

    /// The number of events that one pipeline sent more than once.
    pub(super) fn sent_again(&self) -> usize {
        self.sent_again
    }

    /// Performs one random step.
    pub(super) fn step(&mut self) {
        match self.rng.u32(..100) {
            0..30 => self.fetch(),
            30..53 => self.answer(),
            53..62 => self.acknowledge_write(),
            62..70 => self.acknowledge_letter(),
            70..78 => self.acknowledge_commit(),
            78..90 => self.pass_time(),
            90 => self.produce_somewhere(),
            91..93 if self.faults.moods => self.change_mood(),
            93..95 if self.faults.rebalances => self.revoke(),
            95 if self.faults.rebalances => self.lose(),
            96 if self.faults.rebalances => self.restart(),
            97..99 if self.faults.rebalances => self.assign_all(),
            99 if self.faults.rebalances => self.redeliver(),
            _ => self.handle(Input::Tick),
        }
    }

    /// Ends all faults. Everything must settle then.
    pub(super) fn heal(&mut self) {
        self.isolate();
        // Whatever is brought back too early becomes dead letters again.
        self.write_back();
        self.isolate();
        self.faults = NONE;
        self.table_refuses = false;
        self.settings.fetch = FETCH;
        self.moods.fill(Mood::Well);
        self.settle_all();
        self.redrive();
    }

    /// Lets everything settle in a world without faults.
    fn settle_all(&mut self) {
        let mut rounds = 0;
        while !self.is_done() {
            rounds += 1;
            let snapshot = || self.pipeline.snapshot();
            assert!(rounds < 20_000, "invariant 7: something is never settled: {:?}", snapshot());
            self.assign_all();
            self.fetch();
            self.answer();
            self.acknowledge();
            if self.is_quiet() {
                // Other events that are accepted prove that the set-up is not wrong. If no more events fit
                // in, a hold needs an operator.
                let full = self.paused.everything || !self.pipeline.stalled.is_empty();
                self.lenient |= self.is_held() && full;
                if self.is_held() {
                    (0..self.logs.len().min(4)).for_each(|log| self.produce(log, 0.0));
                }
                self.pass_time_to_wake();
            }
        }
    }

    /// Drains the pipeline. If all destinations answer, nothing is left unsettled except the records that
    /// wait for a table that refuses them. If a destination fails, everything that it does not accept is left
    /// as well. Nothing of this is committed.
    pub(super) fn drain(&mut self) {
        (0..self.logs.len()).for_each(|log| self.produce(log, 0.0));
        self.fetch();
        self.table_refuses = self.has_table && self.rng.bool();
        self.ill.clear();
        if self.rng.bool() {
            (0..self.moods.len()).for_each(|_| self.change_mood());
        }
        let deadline = self.now + seconds(25);
        self.handle(Input::Drain);
        while !self.stopped && self.now < deadline {
            self.answer();
            self.acknowledge();
            if self.is_quiet() && !self.stopped {
                self.pass_time_to_wake();
            }
        }
        let mut moods = self.moods.iter();
        let ends = moods.all(|mood| matches!(mood, Mood::Well | Mood::WrongRole | Mood::RefusingAll));
        assert!(self.stopped || !ends, "invariant 8: the drain takes longer than its deadline");
        self.finish();
    }

    fn finish(&mut self) {
        let before = self.pipeline.snapshot();
        let open = self.unsettled();
        let summary = self.pipeline.finish();
        let waiting = self.barrier.len();
        if self.moods.iter().all(|mood| *mood == Mood::Well) {
            assert!(self.table_refuses || waiting == 0, "invariant 8: entries were not written in a drain");
            assert_eq!(
                summary.unsettled, waiting,
                "invariant 8: a drain leaves nothing unsettled that can be settled: {before:?}"
            );
        }
        assert!(open <= summary.unsettled, "invariant 8: {open} records are not settled: {summary:?}");
        for commit in summary.commits {
            self.check_commit(&commit);
        }
        self.check_end();
    }

    fn is_done(&mut self) -> bool {
        let settled = self.logs.iter().all(|log| log.records.iter().all(|record| record.open.is_empty()));
        // Records that are read again in a drain could be kept by a circuit that is still open.
        let is_read = |owned: &Owned| owned.next == self.logs[owned.log].records.len();
        let read = self.owned.len() == self.logs.len() && self.owned.values().all(is_read);
        settled && read && self.pipeline.snapshot().records_outstanding == 0 && !self.is_held()
    }

    fn is_held(&self) -> bool {
        self.pipeline.holds().iter().any(|hold| hold.cause == "destination")
    }

    fn acknowledge(&mut self) {
        self.acknowledge_write();
        self.acknowledge_letter();
        self.acknowledge_commit();
    }

    /// Whether nothing is in progress, so that only time can pass.
    fn is_quiet(&self) -> bool {
        self.flights.is_empty() && self.letters.is_empty() && self.writes.is_empty()
    }

    fn pass_time(&mut self) {
        self.now = self.now + Duration::from_millis(self.rng.u64(..3000));
        self.handle(Input::Tick);
    }

    fn pass_little_time(&mut self) {
        self.now = self.now + Duration::from_millis(self.rng.u64(..200));
        self.handle(Input::Tick);
    }

    fn pass_time_to_wake(&mut self) {
        let wake = self.pipeline.next_wake().unwrap_or(self.now + seconds(1));
        self.now = self.now.max(wake);
        self.handle(Input::Tick);
    }

    fn handle(&mut self, input: Input) {
        let spilled = |world: &Self| -> Vec<u64> {
            world.pipeline.dispatchers.iter().map(|(_, it)| it.counts().events_spilled).collect()
        };
        let before = spilled(self);
        self.pipeline.handle(self.now, input);
        self.spilling.clear();
        for (destination, (before, after)) in before.into_iter().zip(spilled(self)).enumerate() {
            if after > before {
                self.check_spilling(destination);
            }
        }
        self.note_refusals();
        self.has_stalled |= self.pipeline.ledger.counts().stalled > 0;
        for action in self.pipeline.actions().collect::<Vec<_>>() {
            match action {
                Action::Send(request) => self.check_request(request),
                Action::WriteDeadLetter(letter) => self.take_letter(letter),
                Action::Commit(commits) => {
                    for commit in &commits {
                        self.check_commit(commit);
                    }
                    self.commits.push_back(commits);
                }
                Action::Release { ownerships, commits } => self.release(&ownerships, commits),
                Action::Rewind(_) => panic!("invariant 12: a tail is void, and no log has changed"),
                Action::Pause(paused) => self.paused = paused,
                Action::Transition(_) => {}
                Action::WriteEntries(id, entries) => self.write(id, &entries),
                Action::Stopped => self.stopped = true,
            }
        }
        self.check_counts();
    }

    fn release(&mut self, ownerships: &[Ownership], commits: Vec<Commit>) {
        for commit in commits {
            self.check_commit(&commit);
            self.store(commit);
        }
        for ownership in ownerships {
            self.end(*ownership);
        }
        self.let_through();
    }
}
