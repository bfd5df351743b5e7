//! Recovers positions that their log no longer holds, because its oldest records expired or the topic was
//! deleted and recreated.
//!
//! librdkafka stops reading such a partition and reports once that there is one, but not which one; a pause
//! of another partition can discard the report. So the positions of all partitions are compared with their
//! logs when there is such a report, and whenever two refreshes in a row find a position out of range. All
//! such partitions are restarted where they belong.
//!
//! The runner may also find that a partition holds records other than those that the metadata of its commit
//! describes. Then that partition is read again from the commit.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::KafkaResult;

use super::{
    lookup_thread::Question,
    partitions::OwnedPartitions,
    report::{LogRange, PartitionStart},
    state::State,
};
use crate::core::{
    code::Code,
    record::{Assignment, Ownership, TopicPartition},
    source::{Commit, SourceEvent},
};

/// How long to wait before asking the brokers again.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether a position may be out of range.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    is_wanted: bool,
    is_asked: bool,
    not_before: Option<Instant>,
    /// The positions that the last refresh found out of range.
    suspects: BTreeMap<Ownership, i64>,
}

/// How a position compares with its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// The position is within the log, or nothing was read yet.
    Within,
    /// The log begins this many offsets later: records expired before they were read.
    Expired(u64),
    /// The log ends earlier, so it is not the log that was read.
    OtherLog,
}

impl Recovery {
    /// Notes that some position is out of range.
    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Looks through the ranges of a refresh for positions that stay out of range.
    pub(super) fn inspect(&mut self, state: &State, ranges: &[(Ownership, LogRange)]) {
        let stuck = |(ownership, range): &(Ownership, LogRange)| stuck(&state.partitions, *ownership, range);
        self.suspect(ranges.iter().filter_map(stuck).collect());
    }

    /// Notes which positions a refresh found out of range. A position that the previous refresh also found
    /// there will not move by itself, because records that were fetched ahead would have arrived meanwhile.
    fn suspect(&mut self, found: BTreeMap<Ownership, i64>) {
        self.is_wanted |= found.iter().any(|(ownership, next)| self.suspects.get(ownership) == Some(next));
        self.suspects = found;
    }

    /// Asks for the ranges of all logs if a position is out of range.
    pub(super) fn ask(&mut self, state: &State, now: Instant) {
        if !self.is_wanted || self.is_asked || self.not_before.is_some_and(|at| now < at) {
            return;
        }
        let positions = state.partitions.iter().map(|owned| (owned.partition.clone(), owned.next)).collect();
        self.is_asked = state.lookups.ask(Question::Ranges(positions));
        self.is_wanted = !self.is_asked;
    }

    /// Discards the answer and asks again later.
    pub(super) fn postpone(&mut self, now: Instant) {
        self.is_asked = false;
        self.not_before = Some(now + PAUSE);
        self.want();
    }

    /// Moves each position into its log, and restarts all partitions. An error means
    /// that librdkafka refuses it.
    pub(super) fn recover(
        &mut self,
        state: &mut State,
        ranges: Result<Vec<LogRange>, Code>,
        now: Instant,
    ) -> KafkaResult<()> {
        let Ok(ranges) = ranges else {
            self.postpone(now);
            return Ok(());
        };
        self.is_asked = false;
        self.not_before = Some(now + PAUSE);
        for mut range in ranges {
            if compare(&range) != Finding::OtherLog {
                // Records that were fetched ahead have arrived meanwhile, and are not lost.
                let next = state.partitions.get(&range.partition).and_then(|owned| owned.next);
                range.next = range.next.max(next);
            }
            match compare(&range) {
                Finding::Within => {}
                Finding::Expired(records) => skip(state, &range, records),
                Finding::OtherLog => begin_anew(state, &range),
            }
        }
        let partitions: Vec<_> = state.partitions.iter().map(|owned| owned.partition.clone()).collect();
        state.restart(&partitions)
    }
}

fn skip(state: &mut State, range: &LogRange, records: u64) {
    let TopicPartition { topic, partition } = &range.partition;
    let Some(ownership) = state.partitions.skip_to(&range.partition, range.start) else { return };
    tracing::error!(%topic, partition, records, "records expired before they were read");
    state.outbox.push(SourceEvent::LostToRetention { ownership, records });
}

fn begin_anew(state: &mut State, range: &LogRange) {
    let TopicPartition { topic, partition } = &range.partition;
    let Some(old) = state.partitions.end(&range.partition) else { return };
    tracing::warn!(%topic, partition, "the topic was recreated: it is read from its beginning");
    let start = PartitionStart::Uncommitted(Some(range.start));
    let assignment = state.partitions.begin(range.partition.clone(), start);
    // Without this commit, a restart before the first record would continue at the old topic's position.
    state.commits.want([Commit::at(assignment.ownership, range.start)]);
    state.outbox.push(SourceEvent::Lost(vec![old]));
    state.outbox.push(SourceEvent::Assigned(vec![assignment]));
}

/// Ends an ownership and reads its partition again from the last commit.
pub(super) fn rewind(state: &mut State, ownership: Ownership) -> KafkaResult<()> {
    let Some(assignment) = state.partitions.rewind(ownership) else { return Ok(()) };
    let Assignment { topic, partition, start, .. } = &assignment;
    let rewound = TopicPartition { topic: Arc::clone(topic), partition: *partition };
    tracing::warn!(%topic, partition, start, "the log does not match the commit: the partition is read again from there");
    state.outbox.push(SourceEvent::Lost(vec![ownership]));
    state.outbox.push(SourceEvent::Assigned(vec![assignment]));
    state.restart(&[rewound])
}

/// The position if it is out of range, is being read, and has not moved since the range was requested.
fn stuck(partitions: &OwnedPartitions, ownership: Ownership, range: &LogRange) -> Option<(Ownership, i64)> {
    let owned = partitions.get(&range.partition)?;
    let has_not_moved = owned.ownership == ownership && owned.next == range.next && !owned.is_paused();
    (has_not_moved && compare(range) != Finding::Within).then_some((ownership, range.next?))
}

fn compare(range: &LogRange) -> Finding {
    match range.next {
        Some(next) if next < range.start => Finding::Expired(next.abs_diff(range.start)),
        Some(next) if next > range.end => Finding::OtherLog,
        _ => Finding::Within,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::source::Paused;

    #[track_caller]
    fn check(next: Option<i64>, start: i64, end: i64, expected: Finding) {
        let partition = TopicPartition { topic: "topic".into(), partition: 0 };
        assert_eq!(compare(&LogRange { partition, next, start, end }), expected);
    }

    #[test]
    fn a_position_is_compared_with_its_log() {
        check(None, 5, 9, Finding::Within);
        check(Some(5), 5, 9, Finding::Within);
        check(Some(9), 5, 9, Finding::Within);
        check(Some(4), 5, 9, Finding::Expired(1));
        check(Some(0), 5, 5, Finding::Expired(5));
        check(Some(10), 5, 9, Finding::OtherLog);
        check(Some(1), 0, 0, Finding::OtherLog);
    }

    #[test]
    fn a_position_that_stays_out_of_range_is_found_without_a_report() {
        let (mut partitions, mut recovery) = (OwnedPartitions::default(), Recovery::default());
        let partition = TopicPartition { topic: "topic".into(), partition: 0 };
        let ownership = partitions.begin(partition.clone(), PartitionStart::Uncommitted(Some(4))).ownership;
        let range = |next| LogRange { partition: partition.clone(), next: Some(next), start: 5, end: 9 };
        let refresh = |partitions: &OwnedPartitions, next| {
            stuck(partitions, ownership, &range(next)).into_iter().collect()
        };
        recovery.suspect(refresh(&partitions, 4));
        assert!(!recovery.is_wanted, "records that were fetched ahead may still arrive");
        recovery.suspect(refresh(&partitions, 4));
        assert!(recovery.is_wanted);

        let mut recovery = Recovery::default();
        recovery.suspect(refresh(&partitions, 4));
        recovery.suspect(refresh(&partitions, 3));
        assert!(!recovery.is_wanted, "it has moved");
        partitions.pause(&Paused { everything: true, partitions: Vec::new() });
        recovery.suspect(refresh(&partitions, 4));
        recovery.suspect(refresh(&partitions, 4));
        assert!(!recovery.is_wanted, "it is paused");
    }
}
