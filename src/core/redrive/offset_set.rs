//! A set of offsets of several partitions, kept as runs: letters are mostly redriven one after the other.

use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetSet(BTreeMap<i32, BTreeMap<i64, i64>>);

impl OffsetSet {
    /// Adds an offset, and joins the runs that it connects.
    pub fn insert(&mut self, partition: i32, offset: i64) {
        if self.contains(partition, offset) {
            return;
        }
        let runs = self.0.entry(partition).or_default();
        let before = runs.range(..offset).next_back().filter(|(_, last)| last.checked_add(1) == Some(offset));
        let first = before.map_or(offset, |(first, _)| *first);
        let last = offset.checked_add(1).and_then(|next| runs.remove(&next)).unwrap_or(offset);
        runs.insert(first, last);
    }

    #[must_use]
    pub fn contains(&self, partition: i32, offset: i64) -> bool {
        let run = self.0.get(&partition).and_then(|runs| runs.range(..=offset).next_back());
        run.is_some_and(|(_, last)| *last >= offset)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn holds_what_was_inserted(inserted in vec((0..2_i32, 0..40_i64), 0..60)) {
            let (mut set, mut model) = (OffsetSet::default(), BTreeSet::new());
            for (partition, offset) in inserted {
                set.insert(partition, offset);
                model.insert((partition, offset));
            }
            for (partition, offset) in (0..2).flat_map(|partition| (0..40).map(move |offset| (partition, offset))) {
                prop_assert_eq!(set.contains(partition, offset), model.contains(&(partition, offset)));
            }
            // Runs that touch each other are one.
            for runs in set.0.values() {
                prop_assert!(runs.values().zip(runs.keys().skip(1)).all(|(last, first)| last + 1 < *first));
            }
        }
    }

    #[test]
    fn a_million_neighbours_are_one_run() {
        let mut set = OffsetSet::default();
        (0..1_000_000).for_each(|offset| set.insert(0, offset));
        assert_eq!(set.0[&0].len(), 1);
    }
}
