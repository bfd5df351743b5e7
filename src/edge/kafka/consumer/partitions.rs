//! The partitions that this consumer owns: their ownerships, how far they are read, and which are paused.
//!
//! Knows nothing of librdkafka. An ownership that is being revoked takes no more records.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    landmarks::Landmarks,
    report::{LogRange, PartitionStart},
};
use crate::core::{
    record::{Assignment, CommittedPosition, Ownership, Record, TopicPartition},
    source::{Commit, Paused},
};

#[derive(Debug)]
pub(super) struct OwnedPartition {
    pub(super) ownership: Ownership,
    pub(super) partition: TopicPartition,
    /// The offset after the last record that was read, or the one to start with; `None` is the
    /// beginning of the log.
    pub(super) next: Option<i64>,
    /// Where a new ownership would have to begin: at the last commit, or at the start of this ownership.
    restart: Option<i64>,
    /// Some of the records that were read in this ownership.
    landmarks: Landmarks,
    /// Whether the epochs of earlier positions say nothing about its log.
    epoch_is_unknown: bool,
    paused: bool,
    revoking: bool,
}

#[derive(Debug, Default)]
pub(super) struct OwnedPartitions {
    /// Indexed by topic and number, so that a record's borrowed topic finds its partition.
    topics: HashMap<Arc<str>, BTreeMap<i32, OwnedPartition>>,
    by_ownership: BTreeMap<Ownership, TopicPartition>,
    begun: u64,
    pub(super) cluster: Option<Arc<str>>,
    /// Whether partitions may not be paused as they should be, because they were added or resumed.
    pauses_are_stale: bool,
}

/// The partitions to pause and the partitions to resume.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PauseChange {
    pub(super) pause: Vec<TopicPartition>,
    pub(super) resume: Vec<TopicPartition>,
}

impl OwnedPartition {
    pub(super) fn is_revoking(&self) -> bool {
        self.revoking
    }

    /// The position to compare with the epochs of the log.
    pub(super) fn comparable(&self) -> Option<i64> {
        self.next.filter(|_| !self.epoch_is_unknown)
    }

    pub(super) fn landmarks(&self) -> &Landmarks {
        &self.landmarks
    }

    /// The last committed position of this ownership, or its start.
    pub(super) fn restart(&self) -> Option<i64> {
        self.restart
    }
}

impl OwnedPartitions {
    /// Begins an ownership of a partition, and ends the previous one if there is one.
    pub(super) fn begin(&mut self, partition: TopicPartition, start: PartitionStart) -> Assignment {
        self.end(&partition);
        let ownership = Ownership(self.begun);
        self.begun += 1;
        self.pauses_are_stale = true;
        self.by_ownership.insert(ownership, partition.clone());
        let TopicPartition { topic, partition: number } = partition.clone();
        let next = start.offset();
        let owned = OwnedPartition {
            ownership,
            partition,
            next,
            restart: next,
            landmarks: Landmarks::default(),
            epoch_is_unknown: false,
            paused: false,
            revoking: false,
        };
        self.topics.entry(Arc::clone(&topic)).or_default().insert(number, owned);
        let committed = match start {
            PartitionStart::Committed(committed) => Some(committed),
            PartitionStart::Uncommitted(_) => None,
        };
        let cluster = self.cluster.clone();
        Assignment { ownership, topic, partition: number, start: next, committed, cluster }
    }

    /// Ends an ownership and begins another at the last commit, without its metadata. Does nothing if
    /// the ownership has ended.
    pub(super) fn rewind(&mut self, ownership: Ownership) -> Option<Assignment> {
        let partition = self.of(ownership)?.clone();
        let start = match self.get(&partition)?.restart {
            Some(position) => PartitionStart::Committed(CommittedPosition { position, metadata: None }),
            None => PartitionStart::Uncommitted(None),
        };
        Some(self.begin(partition, start))
    }

    /// Notes that these positions were committed.
    pub(super) fn committed(&mut self, commits: &[Commit]) {
        for Commit { ownership, position, .. } in commits {
            let Some(partition) = self.by_ownership.get(ownership).cloned() else { continue };
            if let Some(owned) = self.get_mut(&partition) {
                owned.restart = owned.restart.max(Some(*position));
            }
        }
    }

    pub(super) fn end(&mut self, partition: &TopicPartition) -> Option<Ownership> {
        let owned = self.topics.get_mut(&partition.topic)?.remove(&partition.partition)?;
        self.by_ownership.remove(&owned.ownership);
        Some(owned.ownership)
    }

    /// Notes that the record at `offset` was read. Returns `None` if the record must not be delivered,
    /// because its partition is not owned or is being revoked.
    pub(super) fn read(&mut self, topic: &str, partition: i32, offset: i64) -> Option<(Ownership, Arc<str>)> {
        let owned = self.topics.get_mut(topic)?.get_mut(&partition).filter(|owned| !owned.revoking)?;
        // An offset may be delivered twice, and the position must not go back.
        owned.next = owned.next.max(Some(offset + 1));
        owned.epoch_is_unknown = false;
        Some((owned.ownership, Arc::clone(&owned.partition.topic)))
    }

    /// Keeps these records, which were read in this order, as landmarks of their logs: the last one of each
    /// partition.
    pub(super) fn remember(&mut self, records: &[Record]) {
        let is_last = |pair: &&[Record]| pair[0].ownership != pair[1].ownership;
        let last = records.windows(2).filter(is_last).map(|pair| &pair[0]).chain(records.last());
        for record in last {
            let partition = self.topics.get_mut(&record.topic).and_then(|it| it.get_mut(&record.partition));
            if let Some(owned) = partition.filter(|owned| owned.ownership == record.ownership) {
                owned.landmarks.add(record);
            }
        }
    }

    /// Notes that the reader has passed offsets that hold nothing to read. Returns `None` if that is no news.
    pub(super) fn pass(&mut self, topic: &str, partition: i32, next: i64) -> Option<Ownership> {
        let owned = self.topics.get_mut(topic)?.get_mut(&partition)?;
        if owned.revoking || owned.next >= Some(next) {
            return None;
        }
        owned.next = Some(next);
        Some(owned.ownership)
    }

    /// Notes that the epochs of earlier positions say nothing about the log, until something of it is read.
    pub(super) fn forget_epoch(&mut self, partition: &TopicPartition) {
        if let Some(owned) = self.get_mut(partition) {
            owned.epoch_is_unknown = true;
        }
    }

    /// Notes where the log begins, if the partition is read from its beginning.
    pub(super) fn start_at(&mut self, partition: &TopicPartition, start: i64) {
        if let Some(owned) = self.get_mut(partition) {
            owned.next.get_or_insert(start);
        }
    }

    /// Continues at a later offset, because the records before it are gone.
    pub(super) fn skip_to(&mut self, partition: &TopicPartition, next: i64) -> Option<Ownership> {
        let owned = self.get_mut(partition)?;
        owned.next = Some(next);
        owned.restart = owned.restart.max(owned.next);
        Some(owned.ownership)
    }

    /// Marks the partition as being revoked, so that it takes no more records.
    pub(super) fn revoke(&mut self, partition: &TopicPartition) -> Option<Ownership> {
        let owned = self.get_mut(partition)?;
        owned.revoking = true;
        Some(owned.ownership)
    }

    pub(super) fn of(&self, ownership: Ownership) -> Option<&TopicPartition> {
        self.by_ownership.get(&ownership)
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&OwnedPartition> {
        self.topics.get(&partition.topic)?.get(&partition.partition)
    }

    /// The position of an ownership that is being read and has not moved since the range was requested.
    pub(super) fn unmoved(&self, ownership: Ownership, range: &LogRange) -> Option<i64> {
        let owned = self.get(&range.partition)?;
        let is_unmoved = owned.ownership == ownership && owned.next == range.next && !owned.paused;
        is_unmoved.then(|| range.next.unwrap_or(range.start))
    }

    /// The owned partitions, in the order of their ownerships.
    pub(super) fn iter(&self) -> impl Iterator<Item = &OwnedPartition> {
        self.by_ownership.values().filter_map(|partition| self.get(partition))
    }

    /// The ownerships of those of `partitions` that are owned.
    pub(super) fn ownerships(&self, partitions: &[TopicPartition]) -> Vec<Ownership> {
        partitions.iter().filter_map(|partition| Some(self.get(partition)?.ownership)).collect()
    }

    pub(super) fn pauses_are_stale(&self) -> bool {
        self.pauses_are_stale
    }

    /// Compares the paused partitions with those that should be paused, and records
    /// the difference as applied.
    pub(super) fn pause(&mut self, paused: &Paused) -> PauseChange {
        self.pauses_are_stale = false;
        let mut change = PauseChange::default();
        for owned in self.topics.values_mut().flat_map(BTreeMap::values_mut) {
            let pause = paused.contains(owned.ownership);
            if pause != owned.paused {
                let changed = if pause { &mut change.pause } else { &mut change.resume };
                changed.push(owned.partition.clone());
                owned.paused = pause;
            }
        }
        change
    }

    /// Compares the paused partitions with those that should be paused. Records and returns those that are to be
    /// paused; the others stay as they are, until [`OwnedPartitions::pause`].
    pub(super) fn pause_alone(&mut self, paused: &Paused) -> Vec<TopicPartition> {
        self.pauses_are_stale = true;
        let mut pause = Vec::new();
        for owned in self.topics.values_mut().flat_map(BTreeMap::values_mut) {
            if paused.contains(owned.ownership) && !owned.paused {
                owned.paused = true;
                pause.push(owned.partition.clone());
            }
        }
        pause
    }

    /// Records the partition as paused for now. Returns whether it was not paused.
    pub(super) fn set_paused(&mut self, partition: &TopicPartition) -> bool {
        let Some(owned) = self.get_mut(partition) else { return false };
        let was_paused = std::mem::replace(&mut owned.paused, true);
        self.pauses_are_stale = true;
        !was_paused
    }

    /// Records the partition as resumed. Returns whether it was paused.
    pub(super) fn resume(&mut self, partition: &TopicPartition) -> bool {
        let was_paused = self.get_mut(partition).is_some_and(|owned| std::mem::take(&mut owned.paused));
        self.pauses_are_stale |= was_paused;
        was_paused
    }

    fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut OwnedPartition> {
        self.topics.get_mut(&partition.topic)?.get_mut(&partition.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition { topic: "topic".into(), partition: number }
    }

    fn committed(position: i64, metadata: Option<&str>) -> PartitionStart {
        PartitionStart::Committed(CommittedPosition { position, metadata: metadata.map(Box::from) })
    }

    fn two() -> OwnedPartitions {
        let mut partitions = OwnedPartitions::default();
        partitions.begin(partition(0), PartitionStart::Uncommitted(None));
        partitions.begin(partition(1), committed(10, Some("tail")));
        partitions
    }

    #[test]
    fn each_ownership_has_its_own_number() {
        let mut partitions = two();
        assert_eq!(partitions.end(&partition(0)), Some(Ownership(0)));
        assert_eq!(partitions.end(&partition(0)), None);
        assert_eq!(partitions.begin(partition(0), PartitionStart::Uncommitted(None)).ownership, Ownership(2));
        assert_eq!(partitions.of(Ownership(0)), None);
        assert_eq!(partitions.of(Ownership(2)), Some(&partition(0)));
        assert_eq!(partitions.iter().map(|owned| owned.ownership.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(
            partitions.begin(partition(1), PartitionStart::Uncommitted(None)).ownership,
            Ownership(3),
            "assigned once more"
        );
        assert_eq!((partitions.of(Ownership(1)), partitions.iter().count()), (None, 2));
    }

    #[test]
    fn an_ownership_is_rewound_to_its_last_commit_and_its_metadata_is_dropped() {
        let mut partitions = two();
        partitions.cluster = Some("cluster".into());
        partitions.read("topic", 1, 17);
        let assignment = |ownership, position| {
            let committed = Some(CommittedPosition { position, metadata: None });
            let (topic, cluster) = ("topic".into(), Some("cluster".into()));
            let (ownership, start) = (Ownership(ownership), Some(position));
            Some(Assignment { ownership, topic, partition: 1, start, committed, cluster })
        };
        assert_eq!(partitions.rewind(Ownership(1)), assignment(2, 10));
        assert_eq!(partitions.rewind(Ownership(1)), None, "it has ended");
        partitions.committed(&[Commit::at(Ownership(1), 16), Commit::at(Ownership(2), 15)]);
        assert_eq!(partitions.rewind(Ownership(2)), assignment(3, 15));
        assert_eq!(partitions.get(&partition(1)).unwrap().next, Some(15));
        assert_eq!(partitions.rewind(Ownership(0)).map(|it| (it.start, it.committed)), Some((None, None)));
    }

    #[test]
    fn the_position_never_goes_back() {
        let mut partitions = two();
        for (offset, next) in [(3, 4), (5, 6), (4, 6), (6, 7)] {
            assert_eq!(partitions.read("topic", 0, offset), Some((Ownership(0), "topic".into())));
            assert_eq!(partitions.get(&partition(0)).unwrap().next, Some(next));
        }
    }

    #[test]
    fn what_cannot_be_read_is_passed_once() {
        let mut partitions = two();
        partitions.read("topic", 0, 3);
        assert_eq!(partitions.pass("topic", 0, 4), None, "that is where it is");
        assert_eq!(partitions.pass("topic", 0, 6), Some(Ownership(0)));
        assert_eq!(partitions.pass("topic", 0, 6), None);
        assert_eq!(partitions.get(&partition(0)).unwrap().next, Some(6));
        assert_eq!(partitions.pass("topic", 2, 6), None, "it is not owned");
        partitions.revoke(&partition(1));
        assert_eq!(partitions.pass("topic", 1, 11), None, "it is being revoked");
    }

    #[test]
    fn nothing_is_delivered_of_a_partition_that_is_not_owned_or_being_revoked() {
        let mut partitions = two();
        assert_eq!(partitions.read("topic", 2, 0), None);
        assert_eq!(partitions.read("other", 0, 0), None);
        assert_eq!(partitions.revoke(&partition(1)), Some(Ownership(1)));
        assert_eq!(partitions.revoke(&partition(2)), None);
        assert_eq!(partitions.read("topic", 1, 10), None);
        assert_eq!(partitions.get(&partition(1)).unwrap().next, Some(10));
    }

    #[track_caller]
    fn check_pause(
        partitions: &mut OwnedPartitions,
        everything: bool,
        ownerships: &[u64],
        pause: &[i32],
        resume: &[i32],
    ) {
        let paused = Paused { everything, partitions: ownerships.iter().copied().map(Ownership).collect() };
        let mut change = partitions.pause(&paused);
        change.pause.sort();
        change.resume.sort();
        let numbered = |numbers: &[i32]| numbers.iter().copied().map(partition).collect();
        assert_eq!(change, PauseChange { pause: numbered(pause), resume: numbered(resume) });
    }

    #[test]
    fn only_changes_are_paused_and_only_paused_partitions_are_resumed() {
        let mut partitions = two();
        check_pause(&mut partitions, false, &[], &[], &[]);
        check_pause(&mut partitions, false, &[1], &[1], &[]);
        check_pause(&mut partitions, true, &[1], &[0], &[]);
        check_pause(&mut partitions, true, &[], &[], &[]);
        check_pause(&mut partitions, false, &[0], &[], &[1]);
        partitions.begin(partition(2), PartitionStart::Uncommitted(None));
        check_pause(&mut partitions, true, &[], &[1, 2], &[]);
        assert!(partitions.resume(&partition(2)));
        assert!(!partitions.resume(&partition(2)));
        check_pause(&mut partitions, true, &[], &[2], &[]);
    }
}
