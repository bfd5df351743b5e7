//! Recovers positions that their log no longer holds: its oldest records expired, its end was lost, or the topic
//! was deleted and recreated.
//!
//! librdkafka stops reading such a partition and reports once that there is one, but not which one; a pause
//! of that partition can discard the report. So the positions of all partitions are compared with their
//! logs when there is such a report, and whenever two refreshes in a row find a position out of range. All
//! such partitions are restarted where they belong.
//!
//! A log whose end was lost (an unclean election, a disk) is read on from where it was cut off. A topic that was
//! recreated looks the same, so the log must be recognised first: it still holds a record that was read, or, if
//! all of these are gone, it begins no later than they. If nothing was read yet, the position comes from a commit,
//! which the brokers delete together with its topic.
//!
//! The runner may also find that a partition holds records other than those that the metadata of its commit
//! describes. Then that partition is read again from the commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{consumer::Consumer as _, error::KafkaResult};

use super::{
    landmarks::Landmarks,
    lookup_thread::{Evidence, LogsQuestion, Question, Suspect},
    partitions::OwnedPartitions,
    report::{LogRange, Logs, PartitionStart},
    state::State,
    truncation::Truncation,
};
use crate::{
    core::{
        code::Code,
        record::{Assignment, Ownership, TopicPartition},
        source::{Commit, SourceEvent},
    },
    edge::kafka::partition_list::has_offset,
};

/// How long to wait before asking the brokers again.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether a position may be out of range.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    is_wanted: bool,
    is_asked: bool,
    not_before: Option<Instant>,
    /// The logs that librdkafka has found truncated, with the end of what they still hold. Not decided yet.
    truncated: BTreeMap<Ownership, Option<i64>>,
    /// Whether one of them is not in the question that is asked.
    is_incomplete: bool,
    /// The ownerships whose logs end before their positions, which were restarted to learn why; and when.
    doubted: BTreeMap<Ownership, Instant>,
    /// The positions that the last refreshes found where they should not stay.
    stuck: BTreeMap<Ownership, Stuck>,
}

/// What librdkafka says of a truncated log: the position, and the end of what the log still holds.
type Report = (i64, Option<i64>);

/// A position that does not move although it should.
#[derive(Clone, Copy, Debug)]
struct Stuck {
    position: i64,
    since: Instant,
    patience: Duration,
}

/// How long a position may be found out of range, by more than one refresh: records that were fetched ahead may
/// still arrive.
const OUT_OF_RANGE: Duration = Duration::ZERO;
/// How long a position may be found before the end of its log. Its turn may be slow to come, but librdkafka may also
/// have stopped reading, and the report may have been discarded.
const BEHIND: Duration = Duration::from_mins(1);
/// How long librdkafka may take to compare a position with the epochs of its log.
const COMPARED: Duration = Duration::from_secs(2);

/// How a position compares with its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// The position is within the log, or nothing was read yet.
    Within,
    /// The log begins this many offsets later: records expired before they were read.
    Expired(u64),
    /// The log lost its end, and holds up to this offset what it held before.
    Truncated(i64),
    /// The log is intact, but knows nothing of the epoch of the position, so the two cannot be compared.
    Incomparable,
    /// It is not the log that was read.
    OtherLog,
}

impl Recovery {
    /// Notes that some position is out of range. librdkafka names no partition, but if it has found a truncation, its
    /// partition is still at the position that was compared.
    pub(super) fn out_of_range(&mut self, state: &State) {
        self.is_wanted = true;
        for Truncation { position, end } in state.consumer.context().truncations() {
            let at_position = state.partitions.iter().filter(|owned| owned.next == Some(position));
            self.truncated.extend(at_position.map(|owned| (owned.ownership, end)));
            self.is_incomplete = true;
        }
    }

    /// Looks through the ranges of a refresh for positions that do not move although they should, except those whose
    /// records are known to be unreadable.
    pub(super) fn inspect(
        &mut self,
        partitions: &OwnedPartitions,
        ranges: &[(Ownership, LogRange)],
        is_unreadable: impl Fn(Ownership) -> bool,
        now: Instant,
    ) {
        let stuck = |(ownership, range): &(Ownership, LogRange)| {
            stuck(partitions, *ownership, range, now).filter(|_| !is_unreadable(*ownership))
        };
        self.suspect(ranges.iter().filter_map(stuck).collect(), now);
    }

    fn suspect(&mut self, mut found: BTreeMap<Ownership, Stuck>, now: Instant) {
        for (ownership, stuck) in &mut found {
            let before = self.stuck.get(ownership).filter(|before| before.position == stuck.position);
            let Some(before) = before else { continue };
            stuck.since = before.since;
            if now.saturating_duration_since(stuck.since) >= stuck.patience {
                self.is_wanted = true;
                stuck.since = now;
            }
        }
        self.stuck = found;
    }

    /// Asks for what all logs hold if a position is out of range.
    pub(super) fn ask(&mut self, state: &State, now: Instant) {
        if !self.is_wanted || self.is_asked || self.not_before.is_some_and(|at| now < at) {
            return;
        }
        self.truncated.retain(|ownership, _| state.partitions.of(*ownership).is_some());
        self.doubted.retain(|ownership, _| state.partitions.of(*ownership).is_some());
        self.is_asked = state.lookups.ask(Question::Logs(self.question(&state.partitions)));
        self.is_wanted = !self.is_asked;
        self.is_incomplete = false;
    }

    fn question(&self, partitions: &OwnedPartitions) -> LogsQuestion {
        let mut question = LogsQuestion::default();
        for owned in partitions.iter() {
            let partition = || owned.partition.clone();
            question.positions.push((partition(), owned.next));
            // The commit's epoch is right for exactly its position.
            if owned.next.is_some() && owned.next == owned.restart() {
                question.committed.push(partition());
            }
            if let Some(end) = self.truncated.get(&owned.ownership) {
                let (newest, evidence) = (owned.landmarks().newest(), evidence(owned.landmarks(), *end));
                question.suspects.push(Suspect { partition: partition(), newest, evidence });
            }
        }
        question
    }

    /// Discards the answer and asks again later.
    pub(super) fn postpone(&mut self, now: Instant) {
        self.is_asked = false;
        self.not_before = Some(now + PAUSE);
        self.is_wanted = true;
    }

    /// Moves each position into its log, and restarts all partitions. An error means
    /// that librdkafka refuses it.
    pub(super) fn recover(
        &mut self,
        state: &mut State,
        logs: Result<Logs, Code>,
        now: Instant,
    ) -> KafkaResult<()> {
        let Ok(logs) = logs else {
            self.postpone(now);
            return Ok(());
        };
        if self.is_incomplete {
            self.postpone(now);
            return Ok(());
        }
        self.is_asked = false;
        self.not_before = Some(now + PAUSE);
        let explained = self.explained(&state.partitions, &logs);
        for range in &logs.ranges {
            match self.finding(&state.partitions, range, &logs, &explained, now) {
                Finding::Within => state.partitions.start_at(&range.partition, range.start),
                Finding::Expired(records) => skip(state, range, records),
                Finding::Truncated(end) => go_back(state, range, end),
                Finding::Incomparable => state.partitions.forget_epoch(&range.partition),
                Finding::OtherLog => begin_anew(state, range),
            }
        }
        let owned: Vec<_> = state.partitions.iter().map(|owned| owned.partition.clone()).collect();
        state.restart(&owned, now)?;
        state.validation.want(logs.committed, now);
        Ok(())
    }

    /// Returns the reports of a truncation that certainly mean a partition: its log ends before its position, or lacks
    /// records that were read.
    fn explained(&self, partitions: &OwnedPartitions, logs: &Logs) -> BTreeSet<Report> {
        let lacks_records = |partition: &TopicPartition| {
            logs.recognised.contains(partition) && !logs.intact.contains(partition)
        };
        let is_cut =
            |range: &&LogRange| compare(range) == Finding::OtherLog || lacks_records(&range.partition);
        let reports = logs.ranges.iter().filter(is_cut).filter_map(|range| {
            let owned = partitions.get(&range.partition)?;
            Some((owned.next?, *self.truncated.get(&owned.ownership)?))
        });
        reports.collect()
    }

    fn finding(
        &mut self,
        partitions: &OwnedPartitions,
        range: &LogRange,
        logs: &Logs,
        explained: &BTreeSet<Report>,
        now: Instant,
    ) -> Finding {
        let Some(owned) = partitions.get(&range.partition) else { return Finding::Within };
        // Records that were fetched ahead have arrived since the question, and are not lost.
        let next = range.next.max(owned.next);
        let newest = owned.landmarks().newest().map(|newest| newest.offset);
        let is_in = |list: &[TopicPartition]| list.contains(&range.partition);
        match self.truncated.remove(&owned.ownership) {
            // A fetch may have failed before the epochs were compared. The restart compares them first.
            None if compare(range) == Finding::OtherLog => {
                let since = *self.doubted.entry(owned.ownership).or_insert(now);
                let is_sure = now.saturating_duration_since(since) >= COMPARED;
                if is_sure { Finding::OtherLog } else { Finding::Within }
            }
            None => {
                self.doubted.remove(&owned.ownership);
                compare(&LogRange { next, partition: range.partition.clone(), ..*range })
            }
            Some(None) if is_in(&logs.intact) => Finding::Incomparable,
            Some(Some(end)) if next <= Some(end) => Finding::Within,
            // Another partition at the same position was meant: this one holds a record behind the cut.
            Some(Some(end)) if is_in(&logs.intact) && newest >= Some(end) => Finding::Within,
            Some(Some(end)) if is_in(&logs.intact) || is_in(&logs.recognised) => Finding::Truncated(end),
            // Nothing of this one was read yet, and another one explains the report. If this one was cut off as well,
            // it is reported again after the restart.
            Some(end)
                if owned.landmarks().is_empty()
                    && compare(range) == Finding::Within
                    && next.is_some_and(|next| explained.contains(&(next, end))) =>
            {
                Finding::Within
            }
            Some(Some(end))
                if owned.landmarks().is_empty() && has_offset(&logs.committed, &range.partition) =>
            {
                Finding::Truncated(end)
            }
            Some(_) => Finding::OtherLog,
        }
    }
}

/// By what to recognise a log that still holds what it held before `end`.
fn evidence(landmarks: &Landmarks, end: Option<i64>) -> Option<Evidence> {
    let first = || landmarks.first()?.timestamp.map(Evidence::BeginsBy);
    landmarks.before(end?).map(Evidence::Holds).or_else(first)
}

fn skip(state: &mut State, range: &LogRange, records: u64) {
    let TopicPartition { topic, partition } = &range.partition;
    let Some(ownership) = state.partitions.skip_to(&range.partition, range.start) else { return };
    tracing::error!(%topic, partition, records, "records expired before they were read");
    state.outbox.push(SourceEvent::LostToRetention { ownership, records });
    // The skip is committed as soon as everything before it is settled, so that it is not reported again.
    state.outbox.push(SourceEvent::Passed(vec![(ownership, range.start)]));
}

/// Begins a new ownership where the log was cut off, or at the last commit if that is before.
fn go_back(state: &mut State, range: &LogRange, end: i64) {
    let TopicPartition { topic, partition } = &range.partition;
    let Some(owned) = state.partitions.get(&range.partition) else { return };
    let (start, next) = (start_again(owned.restart(), end, range.start), owned.next);
    tracing::error!(%topic, partition, next, start, "the log was truncated: records that nobody read may be lost");
    state.outbox.push(SourceEvent::Truncated { topic: Arc::clone(topic), partition: *partition });
    begin_at(state, &range.partition, start);
}

/// Where to read on in a log that was cut off at `end` and begins at `start`. `committed` is `None` if the partition
/// is read from its beginning and nothing is committed.
fn start_again(committed: Option<i64>, end: i64, start: i64) -> i64 {
    committed.unwrap_or(start).min(end).max(start)
}

fn begin_anew(state: &mut State, range: &LogRange) {
    let TopicPartition { topic, partition } = &range.partition;
    tracing::warn!(%topic, partition, "the topic was recreated: it is read from its beginning");
    begin_at(state, &range.partition, range.start);
    state.partitions.forget_epoch(&range.partition);
}

/// Ends the ownership of a partition and begins another one at `start`.
fn begin_at(state: &mut State, partition: &TopicPartition, start: i64) {
    let Some(old) = state.partitions.end(partition) else { return };
    let assignment = state.partitions.begin(partition.clone(), PartitionStart::Uncommitted(Some(start)));
    state.epochs.renew(old, assignment.ownership);
    // Without this commit, a restart before the first record would continue at the old log's position.
    state.commits.want([Commit::at(assignment.ownership, start)]);
    state.outbox.push(SourceEvent::Lost(vec![old]));
    state.outbox.push(SourceEvent::Assigned(vec![assignment]));
}

/// Ends an ownership and reads its partition again from the last commit.
pub(super) fn rewind(state: &mut State, ownership: Ownership, now: Instant) -> KafkaResult<()> {
    let Some(assignment) = state.partitions.rewind(ownership) else { return Ok(()) };
    state.epochs.renew(ownership, assignment.ownership);
    let Assignment { topic, partition, start, .. } = &assignment;
    let rewound = TopicPartition { topic: Arc::clone(topic), partition: *partition };
    tracing::warn!(%topic, partition, start, "the log does not match the commit: the partition is read again from there");
    state.outbox.push(SourceEvent::Lost(vec![ownership]));
    state.outbox.push(SourceEvent::Assigned(vec![assignment]));
    state.restart(&[rewound], now)
}

/// The position if it is out of range or before the end of its log and does not move.
fn stuck(
    partitions: &OwnedPartitions,
    ownership: Ownership,
    range: &LogRange,
    now: Instant,
) -> Option<(Ownership, Stuck)> {
    let position = partitions.unmoved(ownership, range)?;
    let patience = match compare(range) {
        Finding::Within if position < range.end => BEHIND,
        Finding::Within => return None,
        _ => OUT_OF_RANGE,
    };
    Some((ownership, Stuck { position, since: now, patience }))
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
    use rdkafka::Offset;

    use super::{super::heartbeat::now, *};
    use crate::core::{record::Record, source::Paused};

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

    /// Checks what is found out about a log from 0 to 150 that was reported as truncated at `end`, of which the
    /// records up to 99 were read, and which is read on at `next`.
    #[track_caller]
    fn check_truncated(next: i64, end: Option<i64>, logs: &Logs, expected: Finding) {
        let mut partitions = OwnedPartitions::default();
        let partition = TopicPartition { topic: "topic".into(), partition: 0 };
        let ownership = partitions.begin(partition.clone(), PartitionStart::Uncommitted(Some(50))).ownership;
        for offset in 50..100 {
            partitions.read("topic", 0, offset);
            partitions.remember(&[record(ownership, offset)]);
        }
        partitions.pass("topic", 0, next);
        let mut recovery = Recovery::default();
        recovery.truncated.insert(ownership, end);
        let range = LogRange { partition, next: Some(next), start: 0, end: 150 };
        let finding = recovery.finding(&partitions, &range, logs, &BTreeSet::new(), now());
        assert_eq!(finding, expected, "{next} {end:?}");
    }

    /// Checks what is found out about logs of which nothing was read yet and that are read on at 150, each with its
    /// end, when one of them was reported as truncated at 100.
    #[track_caller]
    fn check_neighbours(expected: &[(i64, Finding)]) {
        check_logs(Logs::default(), expected);
    }

    #[track_caller]
    fn check_logs(mut logs: Logs, expected: &[(i64, Finding)]) {
        let (mut partitions, mut recovery) = (OwnedPartitions::default(), Recovery::default());
        for (number, (end, _)) in (0..).zip(expected) {
            let partition = TopicPartition { topic: "topic".into(), partition: number };
            let start = PartitionStart::Uncommitted(Some(150));
            recovery.truncated.insert(partitions.begin(partition.clone(), start).ownership, Some(100));
            logs.committed.add_partition_offset("topic", number, Offset::Offset(150)).unwrap();
            logs.ranges.push(LogRange { partition, next: Some(150), start: 0, end: *end });
        }
        let explained = recovery.explained(&partitions, &logs);
        for (range, (_, expected)) in logs.ranges.iter().zip(expected) {
            let finding = recovery.finding(&partitions, range, &logs, &explained, now());
            assert_eq!(finding, *expected, "{range:?}");
        }
    }

    #[test]
    fn a_truncation_is_that_of_the_log_that_ends_before_its_position() {
        let truncated = Finding::Truncated(100);
        check_neighbours(&[(100, truncated), (150, Finding::Within), (180, Finding::Within)]);
        check_neighbours(&[(100, truncated), (120, truncated), (150, Finding::Within)]);
        // Each may be the one that has grown past the position.
        check_neighbours(&[(180, truncated), (150, truncated)]);
        // The first one lacks records that were read.
        let recognised = vec![TopicPartition { topic: "topic".into(), partition: 0 }];
        let logs = Logs { recognised, ..Logs::default() };
        check_logs(logs, &[(180, truncated), (180, Finding::Within)]);
    }

    fn record(ownership: Ownership, offset: i64) -> Record {
        Record {
            ownership,
            topic: "topic".into(),
            partition: 0,
            offset,
            timestamp: None,
            key: None,
            value: None,
            headers: Vec::new(),
            redriven: None,
        }
    }

    #[test]
    fn a_truncated_log_is_told_from_another_one_and_from_its_neighbours() {
        let partition = || vec![TopicPartition { topic: "topic".into(), partition: 0 }];
        let other = Logs::default();
        let intact = Logs { intact: partition(), ..Logs::default() };
        let recognised = Logs { recognised: partition(), ..Logs::default() };
        check_truncated(100, Some(70), &recognised, Finding::Truncated(70));
        check_truncated(100, Some(70), &other, Finding::OtherLog);
        check_truncated(100, None, &other, Finding::OtherLog);
        check_truncated(100, Some(100), &other, Finding::Within);
        // A neighbour at the same position was cut off.
        check_truncated(100, Some(70), &intact, Finding::Within);
        // Only markers that were passed are gone, so the position would stay behind the cut.
        check_truncated(103, Some(101), &intact, Finding::Truncated(101));
        check_truncated(100, None, &intact, Finding::Incomparable);
    }

    #[test]
    fn a_log_that_was_cut_off_is_read_on_from_there_or_from_what_is_not_settled() {
        for (committed, end, start, expected) in [
            (None, 60, 0, 0),
            (None, 60, 5, 5),
            (Some(40), 60, 0, 40),
            (Some(80), 60, 0, 60),
            (Some(3), 60, 5, 5),
        ] {
            assert_eq!(start_again(committed, end, start), expected, "{committed:?} {end} {start}");
        }
    }

    #[test]
    fn a_position_that_stays_out_of_range_is_found_without_a_report() {
        let (mut partitions, mut recovery, now) = (OwnedPartitions::default(), Recovery::default(), now());
        let partition = TopicPartition { topic: "topic".into(), partition: 0 };
        let ownership = partitions.begin(partition.clone(), PartitionStart::Uncommitted(Some(4))).ownership;
        let range = |next| LogRange { partition: partition.clone(), next: Some(next), start: 5, end: 9 };
        let refresh = |recovery: &mut Recovery, partitions: &OwnedPartitions, next| {
            recovery.inspect(partitions, &[(ownership, range(next))], |_| false, now);
        };
        refresh(&mut recovery, &partitions, 4);
        assert!(!recovery.is_wanted, "records that were fetched ahead may still arrive");
        refresh(&mut recovery, &partitions, 4);
        assert!(recovery.is_wanted);

        let mut recovery = Recovery::default();
        refresh(&mut recovery, &partitions, 4);
        refresh(&mut recovery, &partitions, 3);
        assert!(!recovery.is_wanted, "it has moved");
        partitions.pause(&Paused { everything: true, partitions: Vec::new() });
        refresh(&mut recovery, &partitions, 4);
        refresh(&mut recovery, &partitions, 4);
        assert!(!recovery.is_wanted, "it is paused");
    }

    #[test]
    fn a_position_that_stays_before_the_end_of_its_log_is_found_after_a_while() {
        let (mut partitions, mut recovery, start) = (OwnedPartitions::default(), Recovery::default(), now());
        let partition = TopicPartition { topic: "topic".into(), partition: 0 };
        let ownership = partitions.begin(partition.clone(), PartitionStart::Uncommitted(Some(4))).ownership;
        let mut refresh = |next, end, is_unreadable, seconds| {
            partitions.skip_to(&partition, next);
            let range = LogRange { partition: partition.clone(), next: Some(next), start: 0, end };
            let now = start + Duration::from_secs(seconds);
            recovery.inspect(&partitions, &[(ownership, range)], |_| is_unreadable, now);
            std::mem::take(&mut recovery.is_wanted)
        };
        assert!((0..12).all(|turn| !refresh(4, 9, false, turn * 5)), "its turn may come");
        assert!(refresh(4, 9, false, 60));
        assert!((13..24).all(|turn| !refresh(4, 9, false, turn * 5)), "it was just restarted");
        assert!(refresh(4, 9, false, 120));
        assert!((25..60).all(|turn| !refresh(i64::try_from(turn).unwrap(), 90, false, turn * 5)), "it moves");
        assert!((60..90).all(|turn| !refresh(90, 90, false, turn * 5)), "it is at the end");
        assert!((90..120).all(|turn| !refresh(90, 99, true, turn * 5)), "it cannot be read");
    }
}
