//! Which offsets of one ownership are outstanding, and the position that may be committed.
//!
//! Knows nothing of what the records become. What always holds: the position is never past a record that
//! is not settled (invariant 1) and never goes back (invariant 2).

use std::collections::BTreeMap;

use crate::core::time::Moment;

/// The outstanding offsets of one ownership. Those that are settled take no memory, even where one before
/// them is outstanding for long: what is kept is bounded by what is outstanding (invariant 6).
#[derive(Debug, Default)]
pub(super) struct Offsets {
    /// When each of those that are outstanding arrived.
    outstanding: BTreeMap<i64, Moment>,
    first_read: Option<i64>,
    last_read: Option<i64>,
}

impl Offsets {
    /// Registers a record as outstanding; says whether it is new, and not a re-delivery.
    pub(super) fn read(&mut self, offset: i64, arrived: Moment) -> bool {
        if self.last_read.is_some_and(|last| offset <= last) {
            return false;
        }
        self.first_read.get_or_insert(offset);
        self.last_read = Some(offset);
        self.outstanding.insert(offset, arrived);
        true
    }

    /// Marks a record as settled; returns whether that moved the position.
    pub(super) fn settle(&mut self, offset: i64) -> bool {
        let is_first = self.first_unsettled() == Some(offset);
        self.outstanding.remove(&offset);
        is_first
    }

    /// The next offset to read: the first that is not settled. Offsets have gaps (compaction,
    /// transactions), over which it moves. `None` until the first of all is settled.
    pub(super) fn position(&self) -> Option<i64> {
        self.first_unsettled().or(self.next_read()).filter(|position| Some(*position) != self.first_read)
    }

    /// The offset after the last that was read.
    pub(super) fn next_read(&self) -> Option<i64> {
        self.last_read.map(|last| last + 1)
    }

    /// Whether everything that was read is settled.
    pub(super) fn is_settled(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// The first offset that is not settled.
    pub(super) fn first_unsettled(&self) -> Option<i64> {
        self.outstanding.first_key_value().map(|(offset, _)| *offset)
    }

    /// When the oldest record that is not settled arrived.
    pub(super) fn oldest(&self) -> Option<Moment> {
        self.outstanding.first_key_value().map(|(_, arrived)| *arrived)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Reads `offsets`, settles those at the indexes `settled` in that order, and compares the position.
    #[track_caller]
    fn check(offsets: &[i64], settled: &[usize], expected: Option<i64>) {
        let mut tracker = Offsets::default();
        for offset in offsets {
            assert!(tracker.read(*offset, Moment::START));
        }
        for index in settled {
            tracker.settle(offsets[*index]);
        }
        assert_eq!(tracker.position(), expected);
        assert_eq!(tracker.outstanding.len(), offsets.len() - settled.len(), "settled ones are kept");
    }

    #[test]
    fn position_is_the_first_that_is_not_settled() {
        check(&[], &[], None);
        check(&[5, 6, 7], &[], None);
        check(&[5, 6, 7], &[0], Some(6));
        check(&[5, 6, 7], &[1, 2], None);
        check(&[5, 6, 7], &[2, 1, 0], Some(8));
        check(&[5, 9, 20], &[0, 1], Some(20));
        check(&[5, 9, 20], &[0, 1, 2], Some(21));
    }

    #[test]
    fn an_offset_read_before_is_a_redelivery() {
        let mut tracker = Offsets::default();
        for (offset, new) in [(5, true), (5, false), (4, false), (6, true)] {
            assert_eq!(tracker.read(offset, Moment::START), new);
        }
    }

    proptest! {
        /// Against a model that keeps every offset: in any order of settling, the position is the first
        /// after the longest settled prefix and never goes back.
        #[test]
        fn invariant_1_position_is_never_past_an_unsettled_record(
            gaps in vec(1_i64..4, 1..40),
            order in vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let offsets: Vec<i64> = gaps.iter().scan(0, |sum, gap| { *sum += gap; Some(*sum) }).collect();
            let mut tracker = Offsets::default();
            for offset in &offsets {
                prop_assert!(tracker.read(*offset, Moment::START));
            }
            let mut settled = BTreeSet::new();
            let mut last = None;
            for index in order {
                let index = index.index(offsets.len());
                let before = tracker.position();
                let moved = tracker.settle(offsets[index]);
                settled.insert(index);
                let prefix = (0..offsets.len()).take_while(|index| settled.contains(index)).count();
                let after_all = offsets[offsets.len() - 1] + 1;
                let expected = (prefix > 0).then(|| *offsets.get(prefix).unwrap_or(&after_all));
                prop_assert_eq!(tracker.position(), expected);
                prop_assert_eq!(tracker.position() != before, moved);
                prop_assert!(tracker.position() >= last);
                last = tracker.position();
            }
        }
    }
}
