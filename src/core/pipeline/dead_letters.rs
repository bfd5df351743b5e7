//! The dead letters on their way: which wait for a brake, which are being written, which could not be.
//!
//! Knows nothing of events' delivery and of the broker. What always holds: a record's obligation for a
//! letter is fulfilled by the acknowledgement of that letter and by nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::core::{
    backoff::Schedule,
    dead_letter::{DeadLetter, LetterId, LetterOutcome},
    event::{Code, Refusal},
    pipeline::{circuit_breaker::Brake, config::BrakeConfig, ledger::RecordId, transition::Notice},
    record::{Ownership, Record},
    time::Moment,
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
    /// The brake of its topic is on.
    Braked,
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
    letters: BTreeSet<LetterId>,
}

/// A topic's brake and what waits for it, first come first served.
struct TopicBrake {
    brake: Brake,
    waiting: VecDeque<LetterId>,
    since: Moment,
}

impl TopicBrake {
    fn new(config: BrakeConfig, pause: Duration, now: Moment) -> Self {
        Self { brake: Brake::new(config, pause), waiting: VecDeque::new(), since: now }
    }

    /// Lets the refusals of the record that has waited longest through, if the brake does.
    fn next(&mut self, now: Moment, letters: &HashMap<LetterId, Letter>) -> Vec<LetterId> {
        if self.waiting.is_empty() || !self.brake.admit(now) {
            return Vec::new();
        }
        let record = |id: &LetterId| letters.get(id).map(|letter| letter.record_id);
        let first = self.waiting.front().and_then(record);
        let others = self.waiting.iter().position(|id| record(id) != first);
        self.waiting.drain(..others.unwrap_or(self.waiting.len())).collect()
    }
}

/// All dead letters that are not acknowledged yet.
pub(super) struct Letters {
    config: Option<BrakeConfig>,
    schedule: Schedule,
    next: u64,
    unacknowledged: HashMap<LetterId, Letter>,
    waiting: BTreeSet<(Moment, LetterId)>,
    brakes: HashMap<Arc<str>, TopicBrake>,
    held: BTreeMap<Ownership, HeldPartition>,
    /// What is not to be read may be something else than when it was last asked for.
    changed: bool,
}

impl Letters {
    /// Without a `brake`, every refusal is written at once.
    pub(super) fn new(brake: Option<BrakeConfig>, schedule: Schedule) -> Self {
        Self {
            config: brake,
            schedule,
            next: 0,
            unacknowledged: HashMap::new(),
            waiting: BTreeSet::new(),
            brakes: HashMap::new(),
            held: BTreeMap::new(),
            changed: false,
        }
    }

    /// Takes a refusal over; returns the letter if it is to be written now.
    pub(super) fn refuse(
        &mut self,
        now: Moment,
        refused: Refused,
        notices: &mut Vec<Notice>,
    ) -> Option<DeadLetter> {
        let id = LetterId(self.next);
        self.next += 1;
        let Refused { record_id, record, refusal, event_id, first } = refused;
        let topic = Arc::clone(&record.topic);
        let letter = DeadLetter { id, record, refusal, event_id };
        let through = self.admit(now, &topic, record_id, first, notices);
        let state = if through { State::Writing } else { State::Braked };
        self.unacknowledged.insert(id, Letter { record_id, content: letter.clone(), state, failures: 0 });
        if through {
            return Some(letter);
        }
        self.brakes.entry(topic).and_modify(|topic| topic.waiting.push_back(id));
        self.changed = true;
        None
    }

    /// Asks the topic's brake; all refusals of one record share an answer.
    fn admit(
        &mut self,
        now: Moment,
        topic: &Arc<str>,
        record: RecordId,
        first: bool,
        notices: &mut Vec<Notice>,
    ) -> bool {
        let Some(config) = self.config else { return true };
        let pause = self.schedule.max();
        let brake =
            self.brakes.entry(Arc::clone(topic)).or_insert_with(|| TopicBrake::new(config, pause, now));
        if !first {
            let waits =
                |id: &LetterId| self.unacknowledged.get(id).is_some_and(|letter| letter.record_id == record);
            return !brake.waiting.iter().any(waits);
        }
        let was_on = brake.brake.is_on();
        // What came first goes first.
        let through = (brake.waiting.is_empty() || !was_on) && brake.brake.admit(now);
        if brake.brake.is_on() && !was_on {
            brake.since = now;
            notices.push(Notice::BrakeOn { topic: Arc::clone(topic) });
        }
        through
    }

    /// A record of `topic` was finished without a refusal.
    pub(super) fn pass(
        &mut self,
        now: Moment,
        topic: &Arc<str>,
        notices: &mut Vec<Notice>,
    ) -> Vec<DeadLetter> {
        let Some(config) = self.config else { return Vec::new() };
        let pause = self.schedule.max();
        if !self.brakes.contains_key(topic) {
            self.brakes.insert(Arc::clone(topic), TopicBrake::new(config, pause, now));
        }
        let Some(brake) = self.brakes.get_mut(topic) else { return Vec::new() };
        if !brake.brake.pass() {
            return Vec::new();
        }
        notices.push(Notice::BrakeOff { topic: Arc::clone(topic) });
        self.changed = true;
        let mut through = Vec::new();
        while !brake.brake.is_on() && !brake.waiting.is_empty() {
            through.extend(brake.next(now, &self.unacknowledged));
        }
        if brake.brake.is_on() {
            brake.since = now;
            notices.push(Notice::BrakeOn { topic: Arc::clone(topic) });
        }
        through.into_iter().filter_map(|id| self.write(id)).collect()
    }

    /// The letters that are due to be written now: again, or let through by a brake.
    pub(super) fn due(&mut self, now: Moment) -> Vec<DeadLetter> {
        let mut due = Vec::new();
        while self.waiting.first().is_some_and(|(until, _)| *until <= now) {
            let id = self.waiting.pop_first().map(|(_, id)| id);
            due.extend(id.and_then(|id| self.write(id)));
        }
        let mut through = Vec::new();
        for topic in self.brakes.values_mut().filter(|topic| topic.brake.is_on()) {
            through.extend(topic.next(now, &self.unacknowledged));
        }
        self.changed |= !through.is_empty();
        due.extend(through.into_iter().filter_map(|id| self.write(id)));
        due
    }

    fn write(&mut self, id: LetterId) -> Option<DeadLetter> {
        let letter = self.unacknowledged.get_mut(&id)?;
        letter.state = State::Writing;
        Some(letter.content.clone())
    }

    /// A letter was written or not; returns its record once the letter is acknowledged.
    pub(super) fn finish(
        &mut self,
        now: Moment,
        id: LetterId,
        outcome: LetterOutcome,
        jitter: f64,
        notices: &mut Vec<Notice>,
    ) -> Option<RecordId> {
        let letter = self.unacknowledged.get_mut(&id)?;
        letter.failures = letter.failures.saturating_add(1);
        let (wait, refused) = match outcome {
            LetterOutcome::Written => {
                let letter = self.unacknowledged.remove(&id)?;
                self.resume(letter.content.record.ownership, id, notices, &letter.content.record);
                return Some(letter.record_id);
            }
            LetterOutcome::Again(_) => (self.schedule.wait(letter.failures, jitter), None),
            LetterOutcome::Refused(code) => (self.schedule.max(), Some(code)),
        };
        letter.state = State::Waiting(now + wait);
        self.waiting.insert((now + wait, id));
        if let Some(code) = refused {
            let record = Arc::clone(&letter.content.record);
            self.hold(now, id, code, &record, notices);
        }
        None
    }

    fn hold(&mut self, now: Moment, id: LetterId, code: Code, record: &Record, notices: &mut Vec<Notice>) {
        let new = || HeldPartition { code, since: now, letters: BTreeSet::new() };
        let held = self.held.entry(record.ownership).or_insert_with(new);
        if held.letters.is_empty() {
            let (topic, partition) = (Arc::clone(&record.topic), record.partition);
            notices.push(Notice::PartitionHeld { topic, partition, code });
        }
        held.code = code;
        held.letters.insert(id);
        self.changed = true;
    }

    fn resume(&mut self, ownership: Ownership, id: LetterId, notices: &mut Vec<Notice>, record: &Record) {
        let Some(held) = self.held.get_mut(&ownership) else { return };
        held.letters.remove(&id);
        if held.letters.is_empty() {
            self.held.remove(&ownership);
            self.changed = true;
            let (topic, partition) = (Arc::clone(&record.topic), record.partition);
            notices.push(Notice::PartitionResumed { topic, partition });
        }
    }

    /// A partition came: it may be of a topic whose brake is on.
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
                State::Braked => {
                    if let Some(brake) = self.brakes.get_mut(&letter.content.record.topic) {
                        brake.waiting.retain(|other| *other != id);
                    }
                }
                State::Writing => {}
            }
        }
    }

    /// When a letter will be due, if nothing happens before.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        let braked = (self.brakes.values())
            .filter(|topic| !topic.waiting.is_empty())
            .filter_map(|topic| topic.brake.next_through());
        let waiting = self.waiting.first().map(|(until, _)| *until);
        braked.chain(waiting).min()
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

    /// The topics whose brake is on, and since when.
    pub(super) fn braked(&self) -> impl Iterator<Item = (&Arc<str>, Moment)> {
        self.brakes.iter().filter(|(_, topic)| topic.brake.is_on()).map(|(name, topic)| (name, topic.since))
    }

    /// Whether records of this topic wait for its brake: nothing more of it is to be read.
    pub(super) fn stops(&self, topic: &Arc<str>) -> bool {
        self.brakes.get(topic).is_some_and(|topic| !topic.waiting.is_empty())
    }

    /// Whether [`held`](Self::held) or [`stops`](Self::stops) may say something else than when this was last
    /// asked.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}
