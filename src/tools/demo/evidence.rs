//! What is known of a run from outside the service: what was produced, what arrived at the PutEvents
//! server, what lies in the dead letters, and what the group has committed.
//!
//! Knows nothing of what the service says of itself, and judges nothing.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::tools::{demo::generate::Expected, emulator::Accepted};

/// Where a record lies in the topic that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// A record that the broker has taken.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) place: Place,
    /// What must become of it.
    pub(super) expected: Expected,
    pub(super) fingerprint: Fingerprint,
    /// Whose it is.
    pub(super) from: &'static str,
}

/// Tells whether two records are the same: a hash of timestamp, key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

/// What was read from the dead letters' topic.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// Where its headers say that the record came from.
    pub(super) place: Place,
    /// Why, as a code.
    pub(super) reason: String,
    /// The one event that was refused; none when the whole record was.
    pub(super) event_id: Option<String>,
    /// Of what was read: the letter is to be the original.
    pub(super) fingerprint: Fingerprint,
}

/// What arrived of one event id.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// How often the server took it.
    pub(super) times: u64,
    /// Whether its type fits the slot in its id, and it always came for the same endpoint.
    pub(super) sound: bool,
    endpoint_id: Arc<str>,
}

/// Where the group stands, by partition of the topic that is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Positions {
    /// The committed positions; none where nothing was committed.
    pub(super) committed: BTreeMap<i32, i64>,
    /// The dead letters that the broker took.
    pub(super) letters: usize,
}

/// All that is known of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub(super) sent: BTreeMap<Place, Sent>,
    pub(super) arrivals: HashMap<String, Arrival>,
    pub(super) letters: Vec<Letter>,
    pub(super) positions: Positions,
}

impl Fingerprint {
    pub(super) fn of(timestamp: Option<i64>, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let mut hasher = DefaultHasher::new();
        (timestamp, key, value).hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Positions {
    /// Whether the group has committed past a record.
    pub(super) fn pass(&self, place: Place) -> bool {
        self.committed.get(&place.partition).is_some_and(|position| place.offset < *position)
    }
}

impl Evidence {
    /// How many records were not committed past.
    pub(super) fn left(&self) -> usize {
        self.sent.keys().filter(|place| !self.positions.pass(**place)).count()
    }

    /// The broker has taken a record.
    pub(super) fn send(&mut self, sent: Sent) {
        self.sent.insert(sent.place, sent);
    }

    /// The server has taken an event.
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
