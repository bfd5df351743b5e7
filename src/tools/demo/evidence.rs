//! The evidence of a run, as seen from outside the service: the records produced, the events that arrived at
//! the PutEvents server, the dead letters and the committed positions.
//!
//! Knows nothing of what the service reports, and judges nothing.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::tools::{demo::generate::Expected, emulator::Accepted};

/// The position of a record in the source topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RecordId {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// A record that the broker has acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) record: RecordId,
    /// What the record must become.
    pub(super) expected: Expected,
    pub(super) fingerprint: ContentHash,
    /// The provider that wrote it.
    pub(super) from: &'static str,
}

/// A hash of timestamp, key and value, equal for equal records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentHash(u64);

/// A dead letter, as it was read back.
#[derive(Clone, Debug)]
pub(super) struct DeadLetter {
    /// The record that its headers name.
    pub(super) record: RecordId,
    pub(super) reason: String,
    /// The refused event; `None` if the whole record was refused.
    pub(super) event_id: Option<String>,
    /// The hash of the dead letter itself, which must be the original record.
    pub(super) fingerprint: ContentHash,
}

/// The arrivals of one event id.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// How often the server accepted it.
    pub(super) times: u64,
    /// Whether its type fits the slot in its id, and its endpoint was always the same.
    pub(super) sound: bool,
    endpoint_id: Arc<str>,
}

/// The progress of the service in Kafka.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Positions {
    /// The committed positions by partition of the source topic. Partitions without a commit are absent.
    pub(super) committed: BTreeMap<i32, i64>,
    /// How many dead letters there are.
    pub(super) dead_letters: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub(super) sent: BTreeMap<RecordId, Sent>,
    pub(super) arrivals: HashMap<String, Arrival>,
    pub(super) dead_letters: Vec<DeadLetter>,
    pub(super) positions: Positions,
}

impl ContentHash {
    pub(super) fn of(timestamp: Option<i64>, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let mut hasher = DefaultHasher::new();
        (timestamp, key, value).hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Positions {
    /// Whether the group has committed a position past the record.
    pub(super) fn pass(&self, record: RecordId) -> bool {
        self.committed.get(&record.partition).is_some_and(|position| record.offset < *position)
    }
}

impl Evidence {
    /// How many records lie at or after a committed position.
    pub(super) fn left(&self) -> usize {
        self.sent.keys().filter(|record| !self.positions.pass(**record)).count()
    }

    /// Adds a record that the broker has acknowledged.
    pub(super) fn send(&mut self, sent: Sent) {
        self.sent.insert(sent.record, sent);
    }

    /// Adds an event that the server has accepted.
    pub(super) fn arrive(&mut self, accepted: &Accepted) {
        let endpoint_id = Arc::clone(&accepted.endpoint_id);
        let new = || Arrival { times: 0, sound: true, endpoint_id };
        let arrival = self.arrivals.entry(accepted.event_id.clone()).or_insert_with(new);
        arrival.times += 1;
        arrival.sound &=
            fits(&accepted.event_id, &accepted.event_type) && arrival.endpoint_id == accepted.endpoint_id;
    }
}

/// Whether an event of this type may have this id.
fn fits(event_id: &str, event_type: &str) -> bool {
    match event_id.split_once(':') {
        Some((_, "session")) => event_type.starts_with("_session."),
        Some((_, slot)) => event_type.strip_prefix("_userauth.") == Some(slot),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(event_id: &str, event_type: &str, expected: bool) {
        assert_eq!(fits(event_id, event_type), expected);
    }

    #[test]
    fn a_type_fits_the_slot_of_its_id() {
        check("1:session", "_session.start", true);
        check("1:session", "_session.stop", true);
        check("1:sign_in", "_userauth.sign_in", true);
        check("1:sign_in", "_userauth.sign_up", false);
        check("1:sign_in", "_session.start", false);
        check("1:session", "_userauth.sign_in", false);
        check("1", "_session.start", false);
    }
}
