//! How a session was used, as replicas share it: when it was last used, and its last pauses.
//!
//! Knows nothing of partitions and limits. Each replica may know a part of it. Replicas merge these parts
//! field by field, and reach the same result in whatever order and however often they exchange them.

use crate::core::map::ids::Fingerprint;

/// The maximum number of pauses of a session that are remembered. Only these can be reported again when their
/// records are read again.
const KEPT: usize = 4;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    /// When it was last used, in milliseconds.
    pub(super) seen: i64,
    /// The last pauses, ordered by the last use before each, and then by record.
    pauses: Vec<Pause>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    /// The last use of the session before the pause.
    pub(super) seen: i64,
    /// The record that reported the pause.
    pub(super) by: Fingerprint,
    /// The source event that ended it.
    pub(super) resumed: Option<Fingerprint>,
}

impl Use {
    /// The use of a session with these pauses.
    pub(super) fn new(seen: i64, pauses: impl IntoIterator<Item = Pause>) -> Self {
        let mut of = Self { seen, pauses: Vec::new() };
        pauses.into_iter().for_each(|pause| of.add(pause));
        of
    }

    /// Its last pauses, oldest first.
    pub(super) fn pauses(&self) -> &[Pause] {
        &self.pauses
    }

    /// Whether it has not been used since it paused.
    pub(super) fn is_paused(&self) -> bool {
        self.open_pause().is_some()
    }

    /// Records a pause that a record reported.
    pub(super) fn pause(&mut self, by: Fingerprint) {
        self.add(Pause { seen: self.seen, by, resumed: None });
    }

    /// Records a use by a source event. Returns whether that ends a pause.
    pub(super) fn used(&mut self, by: Fingerprint, time: i64) -> bool {
        let resumes = self.open_pause().is_some_and(|seen| time > seen);
        if let Some(pause) = self.pauses.last_mut().filter(|_| resumes) {
            pause.resumed = Some(by);
        }
        self.seen = self.seen.max(time);
        resumes
    }

    /// Whether a source event has ended one of its pauses.
    pub(super) fn was_resumed_by(&self, event: Fingerprint) -> bool {
        self.pauses.iter().any(|pause| pause.resumed == Some(event))
    }

    /// Takes over what another replica knows.
    pub(super) fn join(&mut self, other: &Self) {
        self.seen = self.seen.max(other.seen);
        other.pauses.iter().for_each(|pause| self.add(*pause));
    }

    /// The last use before the pause that has not ended. Two records may have reported one pause, each on a
    /// replica of its own.
    fn open_pause(&self) -> Option<i64> {
        let seen = self.pauses.last()?.seen;
        let mut same = self.pauses.iter().rev().take_while(|pause| pause.seen == seen);
        same.all(|pause| pause.resumed.is_none()).then_some(seen)
    }

    fn add(&mut self, pause: Pause) {
        match self.pauses.binary_search_by_key(&(pause.seen, pause.by), |known| (known.seen, known.by)) {
            Ok(at) => {
                let known = &mut self.pauses[at].resumed;
                *known = known.iter().copied().chain(pause.resumed).min();
            }
            Err(at) => self.pauses.insert(at, pause),
        }
        self.pauses.drain(..self.pauses.len().saturating_sub(KEPT));
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn event(number: u8) -> Fingerprint {
        Fingerprint::of(&[&number.to_string()])
    }

    /// Uses of a session by a few events, of which two replicas may know different ones.
    fn uses() -> impl Strategy<Value = Use> {
        let pause = (0..4_i64, 0..2_u8, proptest::option::of(0..3_u8))
            .prop_map(|(seen, by, resumed)| Pause { seen, by: event(by), resumed: resumed.map(event) });
        (0..9_i64, vec(pause, 0..8)).prop_map(|(seen, pauses)| Use::new(seen, pauses))
    }

    fn joined(one: &Use, other: &Use) -> Use {
        let mut joined = one.clone();
        joined.join(other);
        joined
    }

    proptest! {
        #[test]
        fn uses_of_replicas_merge_in_any_order(a in uses(), b in uses(), c in uses()) {
            prop_assert_eq!(joined(&a, &a), a.clone());
            prop_assert_eq!(joined(&a, &b), joined(&b, &a));
            prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
            prop_assert!(joined(&a, &b).pauses().len() <= KEPT);
        }
    }

    #[test]
    fn a_use_ends_a_pause_also_where_a_later_use_was_heard_of() {
        let mut ours = Use { seen: 0, ..Use::default() };
        ours.pause(event(1));
        ours.join(&Use { seen: 7, ..Use::default() });
        assert!(ours.is_paused(), "the pause is not lost");
        assert!(!ours.used(event(2), 0), "it was used then before it paused");
        assert!(ours.used(event(3), 6) && ours.was_resumed_by(event(3)));
        assert!(!ours.used(event(4), 8));
    }

    #[test]
    fn a_pause_that_two_records_say_ends_once() {
        let (mut one, mut other) = (Use::default(), Use::default());
        one.pause(event(1));
        other.pause(event(2));
        one.used(event(3), 5);
        assert!(!joined(&one, &other).is_paused() && !joined(&other, &one).is_paused());
    }
}
