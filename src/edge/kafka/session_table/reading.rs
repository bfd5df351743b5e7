//! How far the table is read: its partitions, each with what its log held when the reading began.
//!
//! Knows nothing of clients. Offsets have gaps, because a compacted log has them: the reading of a partition
//! is over when its position has come to the end, or when there is nothing more to read.

use std::collections::BTreeMap;

/// The partitions of the table.
#[derive(Debug, Default)]
pub(super) struct Reading(BTreeMap<i32, Part>);

/// One partition.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Where its log began.
    start: i64,
    /// Where it ended.
    end: i64,
    /// What is read next.
    next: i64,
}

impl Reading {
    /// Begins to read these partitions, each with the first and the next offset of its log.
    pub(super) fn begin(bounds: &[(i32, i64, i64)]) -> Self {
        let part = |(id, start, end): &(i32, i64, i64)| {
            (*id, Part { start: *start, end: (*end).max(*start), next: *start })
        };
        Self(bounds.iter().map(part).collect())
    }

    /// Takes those that are new of so many partitions: what they hold was written after the beginning.
    pub(super) fn grow(&mut self, partitions: &[i32]) -> Vec<i32> {
        let new: Vec<_> = partitions.iter().filter(|id| !self.0.contains_key(id)).copied().collect();
        self.0.extend(new.iter().map(|id| (*id, Part { start: 0, end: 0, next: 0 })));
        new
    }

    /// The record at `offset` was read; says whether its log has begun anew, because the topic was deleted and
    /// made again.
    pub(super) fn read(&mut self, partition: i32, offset: i64) -> bool {
        let Some(part) = self.0.get_mut(&partition) else { return false };
        // An offset that comes twice is no new log: that begins at 0.
        let anew = offset == 0 && part.next > 1;
        if anew {
            self.begin_anew();
        }
        if let Some(part) = self.0.get_mut(&partition) {
            part.next = part.next.max(offset.saturating_add(1));
        }
        anew
    }

    /// The topic is gone: whatever is read next is of another one.
    pub(super) fn begin_anew(&mut self) {
        self.0.values_mut().for_each(|part| *part = Part { start: 0, end: 0, next: 0 });
    }

    /// Where to go on.
    pub(super) fn positions(&self) -> impl Iterator<Item = (i32, i64)> {
        self.0.iter().map(|(id, part)| (*id, part.next))
    }

    /// There is nothing more to read of a partition at present.
    pub(super) fn exhaust(&mut self, partition: i32) {
        if let Some(part) = self.0.get_mut(&partition) {
            part.next = part.next.max(part.end);
        }
    }

    /// How many offsets are read, and how many there were to read.
    pub(super) fn progress(&self) -> (u64, u64) {
        let length = |from: i64, to: i64| u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        self.0.values().fold((0, 0), |(read, of), part| {
            (read + length(part.start, part.next.min(part.end)), of + length(part.start, part.end))
        })
    }

    /// Whether everything is read that there was at the beginning.
    pub(super) fn is_over(&self) -> bool {
        self.0.values().all(|part| part.next >= part.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reading: &Reading, progress: (u64, u64), is_over: bool) {
        assert_eq!((reading.progress(), reading.is_over()), (progress, is_over));
    }

    #[test]
    fn a_reading_is_over_when_every_partition_is_at_its_end() {
        let mut reading = Reading::begin(&[(0, 10, 20), (1, 5, 5), (2, 0, 3)]);
        check(&reading, (0, 13), false);
        reading.read(0, 14);
        reading.read(2, 0);
        check(&reading, (6, 13), false);
        // What was written meanwhile counts for nothing.
        reading.read(2, 100);
        check(&reading, (8, 13), false);
        reading.read(0, 19);
        check(&reading, (13, 13), true);
    }

    #[test]
    fn a_log_that_ends_with_a_gap_is_read_all_the_same() {
        let mut reading = Reading::begin(&[(0, 0, 20)]);
        reading.read(0, 14);
        reading.exhaust(0);
        check(&reading, (20, 20), true);
    }

    #[test]
    fn a_log_that_begins_anew_is_told_once_for_all_partitions() {
        let mut reading = Reading::begin(&[(0, 10, 20), (1, 0, 9)]);
        assert!(![(0, 10), (0, 11), (1, 8)].into_iter().any(|(id, offset)| reading.read(id, offset)));
        assert!(!reading.read(1, 8), "librdkafka has given one twice");
        assert!(reading.read(1, 0));
        assert!(!reading.read(0, 0) && !reading.read(1, 3));
        assert_eq!(reading.positions().collect::<Vec<_>>(), [(0, 1), (1, 4)]);
    }

    #[test]
    fn an_empty_log_has_nothing_to_read() {
        check(&Reading::begin(&[(0, 0, 0), (1, 7, 7)]), (0, 0), true);
        check(&Reading::begin(&[(0, 7, 3)]), (0, 0), true);
    }

    #[test]
    fn partitions_that_are_added_are_read_and_not_waited_for() {
        let mut reading = Reading::begin(&[(0, 0, 1)]);
        reading.read(0, 0);
        assert_eq!(reading.grow(&[0, 1, 2]), [1, 2]);
        assert!(reading.grow(&[0, 1, 2]).is_empty());
        check(&reading, (1, 1), true);
    }
}
