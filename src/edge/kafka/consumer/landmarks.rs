//! Landmarks: some of the records that were read, by which their log can be recognised later.

use crate::core::{pipeline::Fingerprint, record::Record, time::Timestamp};

/// How many landmarks a partition keeps.
const MOST: usize = 32;

/// A record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Landmark {
    pub(super) offset: i64,
    pub(super) timestamp: Option<Timestamp>,
    fingerprint: Fingerprint,
}

impl Landmark {
    fn of(record: &Record) -> Self {
        let Record { offset, timestamp, .. } = *record;
        Self { offset, timestamp, fingerprint: Fingerprint::of(record) }
    }

    /// Whether this is the very record.
    pub(super) fn is(self, record: &Record) -> bool {
        self == Self::of(record)
    }
}

/// The landmarks of an ownership, in the order of their offsets. The older they are, the sparser they are; the
/// first one stays.
#[derive(Debug, Default)]
pub(super) struct Landmarks(Vec<Landmark>);

impl Landmarks {
    /// Adds a record that was read after all others.
    pub(super) fn add(&mut self, record: &Record) {
        if self.0.len() == MOST {
            self.0.remove(self.densest(record.offset));
        }
        self.0.push(Landmark::of(record));
    }

    /// The landmark that is least needed: it has the nearest neighbours for its distance from `newest`.
    fn densest(&self, newest: i64) -> usize {
        let offset = |index: usize| self.0[index].offset;
        let density = |index: &usize| {
            let (before, after) = (offset(index - 1), offset(index + 1));
            (newest - before) / (after - before).max(1)
        };
        (1..self.0.len() - 1).max_by_key(density).unwrap_or(0)
    }

    /// The last landmark before an offset.
    pub(super) fn before(&self, offset: i64) -> Option<Landmark> {
        self.0.iter().rev().find(|landmark| landmark.offset < offset).copied()
    }

    pub(super) fn newest(&self) -> Option<Landmark> {
        self.0.last().copied()
    }

    pub(super) fn first(&self) -> Option<Landmark> {
        self.0.first().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::record::Ownership;

    #[test]
    fn landmarks_are_few_and_reach_back_to_the_first_record() {
        let mut landmarks = Landmarks::default();
        assert!(landmarks.is_empty());
        for offset in 0..10_000 {
            landmarks.add(&Record {
                ownership: Ownership(0),
                topic: "topic".into(),
                partition: 0,
                offset,
                timestamp: None,
                key: None,
                value: None,
                headers: Vec::new(),
                redriven: None,
            });
        }
        let before = |offset| landmarks.before(offset).map(|landmark| landmark.offset);
        assert!(landmarks.0.len() <= MOST);
        assert!(landmarks.0.is_sorted_by_key(|landmark| landmark.offset));
        assert_eq!(landmarks.first().map(|landmark| landmark.offset), Some(0));
        assert_eq!((before(0), before(1), before(10_000)), (None, Some(0), Some(9_999)));
        assert_eq!(before(9_999), Some(9_998), "the newest ones are dense");
        for offset in [10, 100, 1_000, 5_000, 9_000] {
            let distance = 10_000 - before(offset).expect("there is the first one");
            assert!(distance < 2 * (10_000 - offset), "{offset} is {distance} away");
        }
    }
}
