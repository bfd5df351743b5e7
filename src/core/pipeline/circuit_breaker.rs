//! The circuit breaker of each topic. When most of a topic's records are refused, the records are not at
//! fault, and writing the topic to the dead letters would only move the damage.
//!
//! Settlement reports finished records to it. Knows nothing of how dead letters are written. What always
//! holds: while a circuit is open, the refusals of at most one record are let through in each pause.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::core::{
    dead_letter::DeadLetterId,
    pipeline::{config::CircuitBreakerConfig, ledger::RecordId, transition::Transition},
    record::{Ownership, Record},
    time::Moment,
};

/// The circuit breakers of all topics.
pub(super) struct CircuitBreakers {
    /// `None` if they are off. Then every refusal is let through.
    config: Option<CircuitBreakerConfig>,
    pause: Duration,
    topics: HashMap<Arc<str>, Topic>,
    transitions: Vec<Transition>,
    /// Whether [`stops`](Self::stops) may have changed since the last [`take_changed`](Self::take_changed).
    changed: bool,
}

/// A topic's breaker and the dead letters that wait for it, in the order in which they came.
struct Topic {
    breaker: CircuitBreaker,
    waiting: VecDeque<Waiting>,
    open_since: Moment,
}

struct Waiting {
    record: RecordId,
    ownership: Ownership,
    dead_letter: DeadLetterId,
}

impl CircuitBreakers {
    /// While a circuit is open, one refusal is let through in each `pause`.
    pub(super) fn new(config: Option<CircuitBreakerConfig>, pause: Duration) -> Self {
        Self { config, pause, topics: HashMap::new(), transitions: Vec::new(), changed: false }
    }

    /// Whether a dead letter may be written now. If not, it waits. All refusals of one record share the
    /// answer that the `first` of them gets.
    pub(super) fn admit(
        &mut self,
        now: Moment,
        record_id: RecordId,
        record: &Record,
        dead_letter: DeadLetterId,
        first: bool,
    ) -> bool {
        let Some(topic) = self.topic(now, &record.topic) else { return true };
        let through = if first {
            let was_open = topic.breaker.is_on();
            // Earlier refusals go first.
            let through = (topic.waiting.is_empty() || !was_open) && topic.breaker.admit(now);
            if topic.breaker.is_on() && !was_open {
                topic.open_since = now;
                self.transitions.push(Transition::CircuitOpened { topic: Arc::clone(&record.topic) });
            }
            through
        } else {
            !topic.waiting.iter().any(|waiting| waiting.record == record_id)
        };
        if !through && let Some(topic) = self.topics.get_mut(&record.topic) {
            let ownership = record.ownership;
            topic.waiting.push_back(Waiting { record: record_id, ownership, dead_letter });
            self.changed = true;
        }
        through
    }

    /// Registers that a record of a topic was finished without a refusal. Returns the dead letters that it
    /// lets through.
    pub(super) fn pass(&mut self, now: Moment, name: &Arc<str>) -> Vec<DeadLetterId> {
        let Some(topic) = self.topic(now, name) else { return Vec::new() };
        if !topic.breaker.pass() {
            return Vec::new();
        }
        let mut through = Vec::new();
        while !topic.breaker.is_on() && !topic.waiting.is_empty() {
            through.extend(topic.next(now));
        }
        let opened = topic.breaker.is_on();
        if opened {
            topic.open_since = now;
        }
        self.changed = true;
        self.transitions.push(Transition::CircuitClosed { topic: Arc::clone(name) });
        self.transitions.extend(opened.then(|| Transition::CircuitOpened { topic: Arc::clone(name) }));
        through
    }

    fn topic(&mut self, now: Moment, name: &Arc<str>) -> Option<&mut Topic> {
        let config = self.config?;
        if !self.topics.contains_key(name) {
            let breaker = CircuitBreaker::new(config, self.pause);
            let topic = Topic { breaker, waiting: VecDeque::new(), open_since: now };
            self.topics.insert(Arc::clone(name), topic);
        }
        self.topics.get_mut(name)
    }

    /// Takes the dead letters that are let through because their pause is over.
    pub(super) fn due(&mut self, now: Moment) -> Vec<DeadLetterId> {
        let open = self.topics.values_mut().filter(|topic| topic.breaker.is_on());
        let due: Vec<_> = open.flat_map(|topic| topic.next(now)).collect();
        self.changed |= !due.is_empty();
        due
    }

    /// Forgets the waiting dead letters of an ownership that has ended.
    pub(super) fn release(&mut self, ownership: Ownership) {
        self.changed = true;
        for topic in self.topics.values_mut() {
            topic.waiting.retain(|waiting| waiting.ownership != ownership);
        }
    }

    /// Registers that a partition was assigned. The circuit of its topic may be open.
    pub(super) fn own(&mut self) {
        self.changed = true;
    }

    pub(super) fn next_wake(&self) -> Option<Moment> {
        let waits = self.topics.values().filter(|topic| !topic.waiting.is_empty());
        waits.filter_map(|topic| topic.breaker.next_through()).min()
    }

    /// The topics whose circuit is open, and since when.
    pub(super) fn open(&self) -> impl Iterator<Item = (&Arc<str>, Moment)> {
        let open = self.topics.iter().filter(|(_, topic)| topic.breaker.is_on());
        open.map(|(name, topic)| (name, topic.open_since))
    }

    /// Whether records of this topic wait for its circuit to close. Then the topic is not read any more.
    pub(super) fn stops(&self, topic: &Arc<str>) -> bool {
        self.topics.get(topic).is_some_and(|topic| !topic.waiting.is_empty())
    }

    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn take_transitions(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.transitions)
    }
}

impl Topic {
    /// Lets through the refusals of the record that has waited longest, if the breaker allows it.
    fn next(&mut self, now: Moment) -> Vec<DeadLetterId> {
        let Some(first) = self.waiting.front().map(|waiting| waiting.record) else { return Vec::new() };
        if !self.breaker.admit(now) {
            return Vec::new();
        }
        let others = self.waiting.iter().position(|waiting| waiting.record != first);
        let through = self.waiting.drain(..others.unwrap_or(self.waiting.len()));
        through.map(|waiting| waiting.dead_letter).collect()
    }
}

/// Keeps the results of the last finished records of a topic, whichever stage finished them.
#[derive(Debug)]
struct CircuitBreaker {
    window: VecDeque<bool>,
    length: usize,
    /// More refusals than this in the window open the circuit.
    tolerated: usize,
    refused: usize,
    pause: Duration,
    /// When the next refusal is let through, while the circuit is open.
    next_through: Option<Moment>,
}

impl CircuitBreaker {
    /// Creates a breaker that lets one refusal through in each `pause` while its circuit is open.
    fn new(config: CircuitBreakerConfig, pause: Duration) -> Self {
        let length = config.window.get();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of 0 to 1 of a small number"
        )]
        let tolerated = (config.share * length as f64) as usize;
        Self { window: VecDeque::new(), length, tolerated, refused: 0, pause, next_through: None }
    }

    /// Registers that a record was finished without a refusal. Returns whether that closed the circuit.
    fn pass(&mut self) -> bool {
        self.finish(false);
        let released = self.is_on() && self.refused <= self.tolerated;
        if released {
            self.next_through = None;
        }
        released
    }

    /// Whether a record that is refused may go to the dead letters now. If not, it waits.
    fn admit(&mut self, now: Moment) -> bool {
        if self.next_through.is_some_and(|next| now < next) {
            return false;
        }
        self.finish(true);
        // A window that is not full yet counts as filled up with records that passed, so that a bad first
        // record of a topic does not open its circuit.
        if self.refused > self.tolerated {
            self.next_through = Some(now + self.pause);
        }
        true
    }

    fn is_on(&self) -> bool {
        self.next_through.is_some()
    }

    /// When the next refusal is let through, while the circuit is open.
    fn next_through(&self) -> Option<Moment> {
        self.next_through
    }

    fn finish(&mut self, refused: bool) {
        self.window.push_back(refused);
        self.refused += usize::from(refused);
        if self.window.len() > self.length && self.window.pop_front() == Some(true) {
            self.refused -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    /// Finishes records at second 0 as `history` says (`x` refused, `.` passed), and compares the result of
    /// each (`X` let through, `w` waits, `.` passed). Returns the breaker.
    #[track_caller]
    fn check(history: &str, expected: &str, on: bool) -> CircuitBreaker {
        let config = CircuitBreakerConfig { share: 0.5, window: NonZeroUsize::new(4).expect("not 0") };
        let mut breaker = CircuitBreaker::new(config, Duration::from_secs(30));
        let became: String = (history.chars())
            .map(|record| match record {
                '.' => {
                    breaker.pass();
                    '.'
                }
                _ if breaker.admit(at(0)) => 'X',
                _ => 'w',
            })
            .collect();
        assert_eq!((became.as_str(), breaker.is_on()), (expected, on));
        breaker
    }

    #[test]
    fn more_than_the_share_puts_it_on() {
        check("x", "X", false);
        check("xx", "XX", false);
        check("xxx", "XXX", true);
        check("xxxxx", "XXXww", true);
        check(".x.x.x.x", ".X.X.X.X", false);
    }

    #[test]
    fn passing_records_release_it() {
        check("xxx.", "XXX.", true);
        check("xxx..", "XXX..", false);
        check("xxx..x", "XXX..X", false);
    }

    #[test]
    fn one_refusal_is_let_through_in_each_pause() {
        let mut breaker = check("xxxx", "XXXw", true);
        assert!(!breaker.admit(at(29)));
        assert!(breaker.admit(at(30)));
        assert!(!breaker.admit(at(31)));
        assert!(breaker.admit(at(60)));
    }
}
