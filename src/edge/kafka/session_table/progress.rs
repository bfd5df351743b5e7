//! How far the table is read: the position in each partition, and the end that its log had at the start.
//!
//! Knows nothing of clients. A compacted log has gaps, so the first reading of a partition is over when its
//! position has reached that end, or when there is nothing more to read.

use std::{collections::BTreeMap, ops::Range};

#[derive(Debug, Default)]
pub(super) struct LoadProgress(BTreeMap<i32, PartitionProgress>);

#[derive(Clone, Copy, Debug, Default)]
struct PartitionProgress {
    /// Where the log began at the start of the first reading.
    start: i64,
    /// Where the log ended at the start of the first reading.
    end: i64,
    /// The offset to read next.
    next: i64,
}

impl LoadProgress {
    /// Begins the first reading of these partitions, each with the offsets that its log holds.
    pub(super) fn begin(logs: impl IntoIterator<Item = (i32, Range<i64>)>) -> Self {
        let progress = |(id, log): (i32, Range<i64>)| {
            (id, PartitionProgress { start: log.start, end: log.end.max(log.start), next: log.start })
        };
        Self(logs.into_iter().map(progress).collect())
    }

    /// Adds the new partitions, and returns them. Their records were written after the start.
    pub(super) fn add(&mut self, partitions: &[i32]) -> Vec<i32> {
        let new: Vec<_> = partitions.iter().filter(|id| !self.0.contains_key(id)).copied().collect();
        self.0.extend(new.iter().map(|id| (*id, PartitionProgress::default())));
        new
    }

    /// Records that the record at `offset` was read. Returns whether its log has started again, because the
    /// topic was deleted and created again.
    pub(super) fn read(&mut self, partition: i32, offset: i64) -> bool {
        let Some(progress) = self.0.get_mut(&partition) else { return false };
        // A new log begins at 0, but an offset may also be delivered twice.
        let anew = offset == 0 && progress.next > 1;
        if anew {
            self.begin_anew();
        }
        if let Some(progress) = self.0.get_mut(&partition) {
            progress.next = progress.next.max(offset.saturating_add(1));
        }
        anew
    }

    /// Notes that the topic is gone, so that the next record is from another one.
    pub(super) fn begin_anew(&mut self) {
        self.0.values_mut().for_each(|progress| *progress = PartitionProgress::default());
    }

    /// The offset to read next in each partition.
    pub(super) fn positions(&self) -> impl Iterator<Item = (i32, i64)> {
        self.0.iter().map(|(id, progress)| (*id, progress.next))
    }

    /// Notes that a partition has nothing more to read for now.
    pub(super) fn reach_end(&mut self, partition: i32) {
        if let Some(progress) = self.0.get_mut(&partition) {
            progress.next = progress.next.max(progress.end);
        }
    }

    /// How many offsets are read, and how many there were at the start.
    pub(super) fn counts(&self) -> (u64, u64) {
        let length = |from: i64, to: i64| u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        self.0.values().fold((0, 0), |(read, of), PartitionProgress { start, end, next }| {
            (read + length(*start, (*next).min(*end)), of + length(*start, *end))
        })
    }

    /// Whether every record that was there at the start is read.
    pub(super) fn is_loaded(&self) -> bool {
        self.0.values().all(|progress| progress.next >= progress.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(progress: &LoadProgress, counts: (u64, u64), is_loaded: bool) {
        assert_eq!((progress.counts(), progress.is_loaded()), (counts, is_loaded));
    }

    #[test]
    fn the_table_is_loaded_when_every_partition_is_at_its_end() {
        let mut progress = LoadProgress::begin([(0, 10..20), (1, 5..5), (2, 0..3)]);
        check(&progress, (0, 13), false);
        progress.read(0, 14);
        progress.read(2, 0);
        check(&progress, (6, 13), false);
        // A record that was written meanwhile does not count.
        progress.read(2, 100);
        check(&progress, (8, 13), false);
        progress.read(0, 19);
        check(&progress, (13, 13), true);
    }

    #[test]
    fn a_log_that_ends_with_a_gap_is_loaded_too() {
        let mut progress = LoadProgress::begin([(0, 0..20)]);
        progress.read(0, 14);
        progress.reach_end(0);
        check(&progress, (20, 20), true);
    }

    #[test]
    fn a_log_that_begins_anew_is_reported_once_for_all_partitions() {
        let mut progress = LoadProgress::begin([(0, 10..20), (1, 0..9)]);
        assert!(![(0, 10), (0, 11), (1, 8)].into_iter().any(|(id, offset)| progress.read(id, offset)));
        assert!(!progress.read(1, 8), "librdkafka delivered one twice");
        assert!(progress.read(1, 0));
        assert!(!progress.read(0, 0) && !progress.read(1, 3));
        assert_eq!(progress.positions().collect::<Vec<_>>(), [(0, 1), (1, 4)]);
    }

    #[test]
    fn an_empty_log_has_nothing_to_read() {
        check(&LoadProgress::begin([(0, 0..0), (1, 7..7)]), (0, 0), true);
        check(&LoadProgress::begin([(0, Range { start: 7, end: 3 })]), (0, 0), true);
    }

    #[test]
    fn added_partitions_are_read_and_not_waited_for() {
        let mut progress = LoadProgress::begin([(0, 0..1)]);
        progress.read(0, 0);
        assert_eq!(progress.add(&[0, 1, 2]), [1, 2]);
        assert!(progress.add(&[0, 1, 2]).is_empty());
        check(&progress, (1, 1), true);
    }
}
