//! The dead letters on their way: which wait for a breaker, which are being written, which could not be.
//!
//! Knows nothing of events' delivery and of the broker. What always holds: a record's obligation for a
//! letter is fulfilled by the acknowledgement of that letter and by nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::core::{
    backoff::Backoff,
    code::Code,
    dead_letter::{DeadLetter, DeadLetterId},
    event::Refusal,
    pipeline::{
        circuit_breaker::CircuitBreaker, config::CircuitBreakerConfig, ledger::RecordId,
        transition::Transition,
    },
    record::{Ownership, Record},
    time::Moment,
    write_outcome::WriteOutcome,
};

/// Something of a record that was refused.
pub(super) struct Refused {
    pub(super) record_id: RecordId,
    pub(super) record: Arc<Record>,
    pub(super) refusal: Refusal,
    /// The app event, where it is one and not the record as a whole.
    pub(super) event_id: Option<Box<str>>,
    /// Whether it is the first refusal of its record.
    pub(super) first: bool,
}

/// A letter until it is acknowledged.
struct Letter {
    record_id: RecordId,
    content: DeadLetter,
    state: State,
    failures: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The breaker of its topic is on.
    Held,
    /// On its way to the broker.
    Writing,
    /// To be written again then.
    Waiting(Moment),
}

/// A partition whose dead letter the broker refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeldPartition {
    pub(super) code: Code,
    pub(super) since: Moment,
    letters: BTreeSet<DeadLetterId>,
}

/// A topic's breaker and what waits for it, first come first served.
struct TopicBreaker {
    breaker: CircuitBreaker,
    waiting: VecDeque<DeadLetterId>,
    since: Moment,
}

impl TopicBreaker {
    fn new(config: CircuitBreakerConfig, pause: Duration, now: Moment) -> Self {
        Self { breaker: CircuitBreaker::new(config, pause), waiting: VecDeque::new(), since: now }
    }

    /// Lets the refusals of the record that has waited longest through, if the breaker does.
    fn next(&mut self, now: Moment, letters: &HashMap<DeadLetterId, Letter>) -> Vec<DeadLetterId> {
        if self.waiting.is_empty() || !self.breaker.admit(now) {
            return Vec::new();
        }
        let record = |id: &DeadLetterId| letters.get(id).map(|letter| letter.record_id);
        let first = self.waiting.front().and_then(record);
        let others = self.waiting.iter().position(|id| record(id) != first);
        self.waiting.drain(..others.unwrap_or(self.waiting.len())).collect()
    }
}

/// All dead letters that are not acknowledged yet.
pub(super) struct Letters {
    config: Option<CircuitBreakerConfig>,
    backoff: Backoff,
    next: u64,
    unacknowledged: HashMap<DeadLetterId, Letter>,
    waiting: BTreeSet<(Moment, DeadLetterId)>,
    breakers: HashMap<Arc<str>, TopicBreaker>,
    held: BTreeMap<Ownership, HeldPartition>,
    /// What is not to be read may be something else than when it was last asked for.
    changed: bool,
}

impl Letters {
    /// Without a `breaker`, every refusal is written at once.
    pub(super) fn new(breaker: Option<CircuitBreakerConfig>, backoff: Backoff) -> Self {
        Self {
            config: breaker,
            backoff,
            next: 0,
            unacknowledged: HashMap::new(),
            waiting: BTreeSet::new(),
            breakers: HashMap::new(),
            held: BTreeMap::new(),
            changed: false,
        }
    }

    /// Takes a refusal over; returns the letter if it is to be written now.
    pub(super) fn refuse(
        &mut self,
        now: Moment,
        refused: Refused,
        transitions: &mut Vec<Transition>,
    ) -> Option<DeadLetter> {
        let id = DeadLetterId(self.next);
        self.next += 1;
        let Refused { record_id, record, refusal, event_id, first } = refused;
        let topic = Arc::clone(&record.topic);
        let letter = DeadLetter { id, record, refusal, event_id };
        let through = self.admit(now, &topic, record_id, first, transitions);
        let state = if through { State::Writing } else { State::Held };
        self.unacknowledged.insert(id, Letter { record_id, content: letter.clone(), state, failures: 0 });
        if through {
            return Some(letter);
        }
        self.breakers.entry(topic).and_modify(|topic| topic.waiting.push_back(id));
        self.changed = true;
        None
    }

    /// Asks the topic's breaker; all refusals of one record share an answer.
    fn admit(
        &mut self,
        now: Moment,
        topic: &Arc<str>,
        record: RecordId,
        first: bool,
        transitions: &mut Vec<Transition>,
    ) -> bool {
        let Some(config) = self.config else { return true };
        let pause = self.backoff.max();
        let breaker =
            self.breakers.entry(Arc::clone(topic)).or_insert_with(|| TopicBreaker::new(config, pause, now));
        if !first {
            let waits = |id: &DeadLetterId| {
                self.unacknowledged.get(id).is_some_and(|letter| letter.record_id == record)
            };
            return !breaker.waiting.iter().any(waits);
        }
        let was_on = breaker.breaker.is_on();
        // What came first goes first.
        let through = (breaker.waiting.is_empty() || !was_on) && breaker.breaker.admit(now);
        if breaker.breaker.is_on() && !was_on {
            breaker.since = now;
            transitions.push(Transition::CircuitOpened { topic: Arc::clone(topic) });
        }
        through
    }

    /// A record of `topic` was finished without a refusal.
    pub(super) fn pass(
        &mut self,
        now: Moment,
        topic: &Arc<str>,
        transitions: &mut Vec<Transition>,
    ) -> Vec<DeadLetter> {
        let Some(config) = self.config else { return Vec::new() };
        let pause = self.backoff.max();
        if !self.breakers.contains_key(topic) {
            self.breakers.insert(Arc::clone(topic), TopicBreaker::new(config, pause, now));
        }
        let Some(breaker) = self.breakers.get_mut(topic) else { return Vec::new() };
        if !breaker.breaker.pass() {
            return Vec::new();
        }
        transitions.push(Transition::CircuitClosed { topic: Arc::clone(topic) });
        self.changed = true;
        let mut through = Vec::new();
        while !breaker.breaker.is_on() && !breaker.waiting.is_empty() {
            through.extend(breaker.next(now, &self.unacknowledged));
        }
        if breaker.breaker.is_on() {
            breaker.since = now;
            transitions.push(Transition::CircuitOpened { topic: Arc::clone(topic) });
        }
        through.into_iter().filter_map(|id| self.write(id)).collect()
    }

    /// The letters that are due to be written now: again, or let through by a breaker.
    pub(super) fn due(&mut self, now: Moment) -> Vec<DeadLetter> {
        let mut due = Vec::new();
        while self.waiting.first().is_some_and(|(until, _)| *until <= now) {
            let id = self.waiting.pop_first().map(|(_, id)| id);
            due.extend(id.and_then(|id| self.write(id)));
        }
        let mut through = Vec::new();
        for topic in self.breakers.values_mut().filter(|topic| topic.breaker.is_on()) {
            through.extend(topic.next(now, &self.unacknowledged));
        }
        self.changed |= !through.is_empty();
        due.extend(through.into_iter().filter_map(|id| self.write(id)));
        due
    }

    fn write(&mut self, id: DeadLetterId) -> Option<DeadLetter> {
        let letter = self.unacknowledged.get_mut(&id)?;
        letter.state = State::Writing;
        Some(letter.content.clone())
    }

    /// A letter was written or not; returns its record once the letter is acknowledged.
    pub(super) fn finish(
        &mut self,
        now: Moment,
        id: DeadLetterId,
        outcome: WriteOutcome,
        jitter: f64,
        transitions: &mut Vec<Transition>,
    ) -> Option<RecordId> {
        let letter = self.unacknowledged.get_mut(&id)?;
        letter.failures = letter.failures.saturating_add(1);
        let (wait, refused) = match outcome {
            WriteOutcome::Written => {
                let letter = self.unacknowledged.remove(&id)?;
                self.resume(letter.content.record.ownership, id, transitions, &letter.content.record);
                return Some(letter.record_id);
            }
            WriteOutcome::Again(_) => (self.backoff.wait(letter.failures, jitter), None),
            WriteOutcome::Refused(code) => (self.backoff.max(), Some(code)),
        };
        letter.state = State::Waiting(now + wait);
        self.waiting.insert((now + wait, id));
        if let Some(code) = refused {
            let record = Arc::clone(&letter.content.record);
            self.hold(now, id, code, &record, transitions);
        }
        None
    }

    fn hold(
        &mut self,
        now: Moment,
        id: DeadLetterId,
        code: Code,
        record: &Record,
        transitions: &mut Vec<Transition>,
    ) {
        let new = || HeldPartition { code, since: now, letters: BTreeSet::new() };
        let held = self.held.entry(record.ownership).or_insert_with(new);
        if held.letters.is_empty() {
            let (topic, partition) = (Arc::clone(&record.topic), record.partition);
            transitions.push(Transition::PartitionHeld { topic, partition, code });
        }
        held.code = code;
        held.letters.insert(id);
        self.changed = true;
    }

    fn resume(
        &mut self,
        ownership: Ownership,
        id: DeadLetterId,
        transitions: &mut Vec<Transition>,
        record: &Record,
    ) {
        let Some(held) = self.held.get_mut(&ownership) else { return };
        held.letters.remove(&id);
        if held.letters.is_empty() {
            self.held.remove(&ownership);
            self.changed = true;
            let (topic, partition) = (Arc::clone(&record.topic), record.partition);
            transitions.push(Transition::PartitionResumed { topic, partition });
        }
    }

    /// A partition came: it may be of a topic whose breaker is on.
    pub(super) fn own(&mut self) {
        self.changed = true;
    }

    /// Forgets the letters of an ownership that has ended.
    pub(super) fn release(&mut self, ownership: Ownership) {
        self.changed = true;
        self.held.remove(&ownership);
        let gone = self.unacknowledged.extract_if(|_, letter| letter.content.record.ownership == ownership);
        for (id, letter) in gone {
            match letter.state {
                State::Waiting(until) => {
                    self.waiting.remove(&(until, id));
                }
                State::Held => {
                    if let Some(breaker) = self.breakers.get_mut(&letter.content.record.topic) {
                        breaker.waiting.retain(|other| *other != id);
                    }
                }
                State::Writing => {}
            }
        }
    }

    /// When a letter will be due, if nothing happens before.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        let open_circuits = (self.breakers.values())
            .filter(|topic| !topic.waiting.is_empty())
            .filter_map(|topic| topic.breaker.next_through());
        let waiting = self.waiting.first().map(|(until, _)| *until);
        open_circuits.chain(waiting).min()
    }

    /// Whether anything will come of waiting without a person: a letter is being written, or will be again.
    pub(super) fn is_moving(&self) -> bool {
        let refused: usize = self.held.values().map(|held| held.letters.len()).sum();
        let writing = || self.unacknowledged.values().any(|letter| letter.state == State::Writing);
        self.waiting.len() > refused || writing()
    }

    /// The partitions of which nothing more is to be read until a person acts, and since when and why.
    pub(super) fn held(&self) -> &BTreeMap<Ownership, HeldPartition> {
        &self.held
    }

    /// The topics whose breaker is on, and since when.
    pub(super) fn open_circuits(&self) -> impl Iterator<Item = (&Arc<str>, Moment)> {
        self.breakers
            .iter()
            .filter(|(_, topic)| topic.breaker.is_on())
            .map(|(name, topic)| (name, topic.since))
    }

    /// Whether records of this topic wait for its breaker: nothing more of it is to be read.
    pub(super) fn stops(&self, topic: &Arc<str>) -> bool {
        self.breakers.get(topic).is_some_and(|topic| !topic.waiting.is_empty())
    }

    /// Whether [`held`](Self::held) or [`stops`](Self::stops) may say something else than when this was last
    /// asked.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}
