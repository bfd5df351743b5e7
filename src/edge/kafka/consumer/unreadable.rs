//! Partitions whose next records cannot be read, such as a batch that cannot be decompressed.
//!
//! librdkafka tries the same batch again and again, and its errors name no partition. So a partition counts as
//! unreadable if there are such errors and it has not moved from one refresh to the next, although its log goes on
//! and it is not paused.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{partitions::OwnedPartitions, report::LogRange};
use crate::core::{code::Code, record::Ownership, source::SourceEvent};

/// How far two comparisons are apart at least. librdkafka tries again within a second.
const APART: Duration = Duration::from_secs(4);

#[derive(Debug, Default)]
pub(super) struct Unreadable {
    /// The last error since the last refresh.
    error: Option<Code>,
    /// The error that was logged last.
    logged: Option<Code>,
    /// When positions were last compared.
    compared: Option<Instant>,
    /// The positions before the ends of their logs at the last refresh.
    behind: BTreeMap<Ownership, i64>,
    /// The unreadable partitions and their positions.
    held: BTreeMap<Ownership, i64>,
}

impl Unreadable {
    /// Notes an error of reading, and logs it if it is new.
    pub(super) fn note(&mut self, code: Code) {
        self.error = Some(code);
        if self.logged != self.error {
            self.logged = self.error;
            tracing::warn!(%code, "an error while reading from kafka");
        }
    }

    pub(super) fn holds(&self, ownership: Ownership) -> bool {
        self.held.contains_key(&ownership)
    }

    /// Compares the positions with those at the last refresh, unless that was just now. Returns what has changed.
    pub(super) fn inspect(
        &mut self,
        partitions: &OwnedPartitions,
        ranges: &[(Ownership, LogRange)],
        now: Instant,
    ) -> Vec<SourceEvent> {
        if self.compared.is_some_and(|at| now.saturating_duration_since(at) < APART) {
            return Vec::new();
        }
        self.compared = Some(now);
        let behind = ranges.iter().filter_map(|(ownership, range)| behind(partitions, *ownership, range));
        let last = std::mem::replace(&mut self.behind, behind.collect());
        let mut events = Vec::new();
        self.held.retain(|ownership, position| {
            let Some(owned) = partitions.of(*ownership).and_then(|it| partitions.get(it)) else {
                return false;
            };
            let is_there = owned.next.is_none_or(|next| next == *position);
            if !is_there {
                events.push(SourceEvent::Unreadable { ownership: *ownership, code: None });
            }
            is_there
        });
        let error = self.error.take();
        if let Some(code) = error {
            for (ownership, position) in &self.behind {
                let is_new = last.get(ownership) == Some(position) && !self.held.contains_key(ownership);
                if is_new {
                    self.held.insert(*ownership, *position);
                    events.push(SourceEvent::Unreadable { ownership: *ownership, code: Some(code) });
                }
            }
        }
        if error.is_none() && self.held.is_empty() {
            self.logged = None;
        }
        events
    }
}

/// The position if it is before the end of its log and does not move.
fn behind(partitions: &OwnedPartitions, ownership: Ownership, range: &LogRange) -> Option<(Ownership, i64)> {
    let position = partitions.unmoved(ownership, range)?;
    (position < range.end).then_some((ownership, position))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::record::TopicPartition;
    use crate::edge::kafka::consumer::{heartbeat::now, report::PartitionStart};

    /// What a refresh reports about two partitions, of which the first one is at `next`.
    fn refresh(
        unreadable: &mut Unreadable,
        partitions: &OwnedPartitions,
    ) -> Vec<(u64, Option<&'static str>)> {
        let range = |number| {
            let partition = TopicPartition { topic: "topic".into(), partition: number };
            let owned = partitions.get(&partition).unwrap();
            (owned.ownership, LogRange { partition, next: owned.next, start: 0, end: 10 })
        };
        let short = |event| match event {
            SourceEvent::Unreadable { ownership, code } => (ownership.0, code.map(|code| code.0)),
            other => panic!("{other:?}"),
        };
        let now = unreadable.compared.map_or_else(now, |at| at + APART);
        let ranges = [range(0), range(1)];
        let events = unreadable.inspect(partitions, &ranges, now).into_iter().map(short).collect();
        assert!(unreadable.inspect(partitions, &ranges, now).is_empty(), "not so soon");
        events
    }

    #[test]
    fn a_partition_of_which_nothing_was_ever_read_is_held_as_well() {
        let (mut partitions, mut unreadable) = (OwnedPartitions::default(), Unreadable::default());
        for partition in 0..2 {
            let partition = TopicPartition { topic: "topic".into(), partition };
            partitions.begin(partition, PartitionStart::Uncommitted(None));
        }
        partitions.read("topic", 1, 9);
        assert_eq!(refresh(&mut unreadable, &partitions), []);
        unreadable.note(Code("bad_compression"));
        assert_eq!(refresh(&mut unreadable, &partitions), [(0, Some("bad_compression"))]);
        assert_eq!(refresh(&mut unreadable, &partitions), [], "it stays");
        partitions.read("topic", 0, 0);
        assert_eq!(refresh(&mut unreadable, &partitions), [(0, None)]);
    }

    #[test]
    fn a_partition_that_does_not_move_while_there_are_errors_is_held_until_it_moves() {
        let (mut partitions, mut unreadable) = (OwnedPartitions::default(), Unreadable::default());
        for partition in 0..2 {
            let partition = TopicPartition { topic: "topic".into(), partition };
            partitions.begin(partition, PartitionStart::Uncommitted(Some(4)));
        }
        assert_eq!(refresh(&mut unreadable, &partitions), []);
        assert_eq!(refresh(&mut unreadable, &partitions), [], "it is only slow");
        unreadable.note(Code("bad_compression"));
        partitions.read("topic", 1, 4);
        assert_eq!(refresh(&mut unreadable, &partitions), [(0, Some("bad_compression"))]);
        unreadable.note(Code("bad_compression"));
        partitions.read("topic", 1, 5);
        assert_eq!(refresh(&mut unreadable, &partitions), [], "it is reported once");
        partitions.read("topic", 0, 4);
        assert_eq!(refresh(&mut unreadable, &partitions), [(0, None)]);
        assert_eq!(refresh(&mut unreadable, &partitions), []);
        partitions.read("topic", 0, 9);
        partitions.read("topic", 1, 9);
        unreadable.note(Code("bad_compression"));
        assert_eq!(refresh(&mut unreadable, &partitions), []);
        unreadable.note(Code("bad_compression"));
        assert_eq!(refresh(&mut unreadable, &partitions), [], "they are at the ends of their logs");
    }
}
