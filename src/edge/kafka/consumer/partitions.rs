//! The partitions that this consumer owns: the ownership of each, what was read of it, and whether it
//! is paused.
//!
//! Knows nothing of librdkafka. An ownership that is being revoked takes no more records.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::core::{
    record::{Assignment, Ownership},
    source::Paused,
};

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
}

/// A partition that is owned.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) ownership: Ownership,
    pub(super) place: Place,
    /// The offset after the last one that was read, or the one to start with; none where that is the
    /// first of the log.
    pub(super) next: Option<i64>,
    paused: bool,
    revoking: bool,
}

#[derive(Debug, Default)]
pub(super) struct Partitions {
    /// By topic and partition, for a lookup by each record's borrowed topic.
    topics: HashMap<Arc<str>, BTreeMap<i32, Owned>>,
    places: BTreeMap<Ownership, Place>,
    begun: u64,
}

/// Which partitions are to be paused and which to be resumed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Steering {
    pub(super) pause: Vec<Place>,
    pub(super) resume: Vec<Place>,
}

impl Owned {
    /// Whether nothing is read of it for now.
    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }
}

impl Partitions {
    /// Begins an ownership of a partition; ends one that there is.
    pub(super) fn begin(&mut self, place: Place, next: Option<i64>) -> Assignment {
        self.end(&place);
        let ownership = Ownership(self.begun);
        self.begun += 1;
        self.places.insert(ownership, place.clone());
        let assignment =
            Assignment { ownership, topic: Arc::clone(&place.topic), partition: place.partition };
        let owned = Owned { ownership, place: place.clone(), next, paused: false, revoking: false };
        self.topics.entry(place.topic).or_default().insert(place.partition, owned);
        assignment
    }

    /// Ends the ownership of a partition.
    pub(super) fn end(&mut self, place: &Place) -> Option<Ownership> {
        let owned = self.topics.get_mut(&place.topic)?.remove(&place.partition)?;
        self.places.remove(&owned.ownership);
        Some(owned.ownership)
    }

    /// Notes that the record at `offset` was read; none where it is not to be delivered, because the
    /// partition is not owned or is being revoked.
    pub(super) fn read(&mut self, topic: &str, partition: i32, offset: i64) -> Option<(Ownership, Arc<str>)> {
        let owned = self.topics.get_mut(topic)?.get_mut(&partition).filter(|owned| !owned.revoking)?;
        // An offset may be delivered twice: what was read stays read.
        owned.next = owned.next.max(Some(offset + 1));
        Some((owned.ownership, Arc::clone(&owned.place.topic)))
    }

    /// Goes on at a later offset: those before it are gone.
    pub(super) fn jump(&mut self, place: &Place, next: i64) -> Option<Ownership> {
        let owned = self.topics.get_mut(&place.topic)?.get_mut(&place.partition)?;
        owned.next = Some(next);
        Some(owned.ownership)
    }

    /// Takes no more records of the partition.
    pub(super) fn revoke(&mut self, place: &Place) -> Option<Ownership> {
        let owned = self.topics.get_mut(&place.topic)?.get_mut(&place.partition)?;
        owned.revoking = true;
        Some(owned.ownership)
    }

    /// Where an ownership is.
    pub(super) fn place(&self, ownership: Ownership) -> Option<&Place> {
        self.places.get(&ownership)
    }

    /// The partition, where it is owned.
    pub(super) fn of(&self, place: &Place) -> Option<&Owned> {
        self.topics.get(&place.topic)?.get(&place.partition)
    }

    /// All that are owned, in the order of their ownerships.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Owned> {
        self.places.values().filter_map(|place| self.of(place))
    }

    /// Compares what is paused with what is to be, and notes the difference as made.
    pub(super) fn steer(&mut self, paused: &Paused) -> Steering {
        let mut steering = Steering::default();
        for owned in self.topics.values_mut().flat_map(BTreeMap::values_mut) {
            let pause = paused.everything || paused.partitions.binary_search(&owned.ownership).is_ok();
            if pause != owned.paused {
                let change = if pause { &mut steering.pause } else { &mut steering.resume };
                change.push(owned.place.clone());
                owned.paused = pause;
            }
        }
        steering
    }

    /// Notes the partition as resumed; says whether it was paused.
    pub(super) fn resume(&mut self, place: &Place) -> bool {
        let owned = self.topics.get_mut(&place.topic).and_then(|of_topic| of_topic.get_mut(&place.partition));
        owned.is_some_and(|owned| std::mem::take(&mut owned.paused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partition: i32) -> Place {
        Place { topic: "topic".into(), partition }
    }

    fn two() -> Partitions {
        let mut partitions = Partitions::default();
        partitions.begin(place(0), None);
        partitions.begin(place(1), Some(10));
        partitions
    }

    #[test]
    fn each_ownership_has_a_number_of_its_own() {
        let mut partitions = two();
        assert_eq!(partitions.end(&place(0)), Some(Ownership(0)));
        assert_eq!(partitions.end(&place(0)), None);
        assert_eq!(partitions.begin(place(0), None).ownership, Ownership(2));
        assert_eq!(partitions.place(Ownership(0)), None);
        assert_eq!(partitions.place(Ownership(2)), Some(&place(0)));
        assert_eq!(partitions.iter().map(|owned| owned.ownership.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(partitions.begin(place(1), None).ownership, Ownership(3), "assigned once more");
        assert_eq!((partitions.place(Ownership(1)), partitions.iter().count()), (None, 2));
    }

    #[test]
    fn what_was_read_stays_read() {
        let mut partitions = two();
        for (offset, next) in [(3, 4), (5, 6), (4, 6), (6, 7)] {
            assert_eq!(partitions.read("topic", 0, offset), Some((Ownership(0), "topic".into())));
            assert_eq!(partitions.of(&place(0)).unwrap().next, Some(next));
        }
    }

    #[test]
    fn nothing_is_delivered_of_what_is_not_owned_or_being_revoked() {
        let mut partitions = two();
        assert_eq!(partitions.read("topic", 2, 0), None);
        assert_eq!(partitions.read("other", 0, 0), None);
        assert_eq!(partitions.revoke(&place(1)), Some(Ownership(1)));
        assert_eq!(partitions.revoke(&place(2)), None);
        assert_eq!(partitions.read("topic", 1, 10), None);
        assert_eq!(partitions.of(&place(1)).unwrap().next, Some(10));
    }

    #[track_caller]
    fn check_steer(partitions: &mut Partitions, paused: bool, held: &[u64], pause: &[i32], resume: &[i32]) {
        let paused = Paused { everything: paused, partitions: held.iter().copied().map(Ownership).collect() };
        let mut steering = partitions.steer(&paused);
        steering.pause.sort();
        steering.resume.sort();
        let places = |partitions: &[i32]| partitions.iter().copied().map(place).collect();
        assert_eq!(steering, Steering { pause: places(pause), resume: places(resume) });
    }

    #[test]
    fn only_what_changes_is_paused_and_only_what_was_paused_is_resumed() {
        let mut partitions = two();
        check_steer(&mut partitions, false, &[], &[], &[]);
        check_steer(&mut partitions, false, &[1], &[1], &[]);
        check_steer(&mut partitions, true, &[1], &[0], &[]);
        check_steer(&mut partitions, true, &[], &[], &[]);
        check_steer(&mut partitions, false, &[0], &[], &[1]);
        partitions.begin(place(2), None);
        check_steer(&mut partitions, true, &[], &[1, 2], &[]);
        assert!(partitions.resume(&place(2)));
        assert!(!partitions.resume(&place(2)));
        check_steer(&mut partitions, true, &[], &[2], &[]);
    }
}
