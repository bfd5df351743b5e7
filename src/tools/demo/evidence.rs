//! The evidence of a run, as seen from outside the service: the records produced, the events that arrived at
//! the destinations, the dead letters, the redriven records and the committed positions.
//!
//! Knows nothing of what the service reports, and judges nothing.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::{
    core::event::EventType,
    tools::demo::generate::{Expected, Realm},
};

/// The reason of a dead letter whose destination was held for too long.
pub(super) const SPILLED: &str = "spilled";

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
    pub(super) fingerprint: Fingerprint,
    /// The provider that wrote it.
    pub(super) from: &'static str,
    /// The realm to whose destination its events go.
    pub(super) realm: Realm,
}

/// Hashes of a record, equal for equal records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// Of key and value.
    pub(super) content: u64,
    /// Of timestamp, key and value.
    pub(super) whole: u64,
}

/// A dead letter, as it was read back.
#[derive(Clone, Debug)]
pub(super) struct DeadLetter {
    /// The record that its headers name.
    pub(super) record: RecordId,
    pub(super) reason: String,
    /// The refused events; empty if the whole record was refused.
    pub(super) event_ids: Vec<String>,
    /// Whether its record had been redriven before.
    pub(super) again: bool,
    /// The hashes of the dead letter itself, which must be the original record.
    pub(super) fingerprint: Fingerprint,
}

/// A record of the source topic that was redriven.
#[derive(Clone, Debug)]
pub(super) struct RedrivenRecord {
    pub(super) record: RecordId,
    /// The record that it repeats, by its header.
    pub(super) original: RecordId,
    /// The events that are to be sent.
    pub(super) event_ids: Vec<String>,
    pub(super) fingerprint: Fingerprint,
}

/// An event that a destination has accepted.
#[derive(Clone, Debug)]
pub(super) struct Arriving {
    /// The realm whose destination it is; `None` if it is nobody's.
    pub(super) realm: Option<Realm>,
    pub(super) endpoint_id: Arc<str>,
    pub(super) event_id: String,
    pub(super) event_type: String,
}

/// The arrivals of one event id.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// How often a destination accepted it.
    pub(super) times: u64,
    /// The place of its first acceptance among all.
    pub(super) first: u64,
    /// Whether its type fits the slot in its id, and its destination and endpoint were always the same.
    pub(super) sound: bool,
    pub(super) realm: Option<Realm>,
    pub(super) endpoint_id: Arc<str>,
}

/// The progress of the service in Kafka.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Positions {
    /// The committed positions by partition of the source topic. Partitions without a commit are absent.
    pub(super) committed: BTreeMap<i32, i64>,
    /// How many records the topic of the dead letters has: letters, and receipts of redriven ones.
    pub(super) dead_letters: usize,
    /// How many events lie in the topics of destinations on Kafka.
    pub(super) events: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub(super) sent: BTreeMap<RecordId, Sent>,
    pub(super) arrivals: HashMap<String, Arrival>,
    /// Acceptances, copies included, by realm.
    pub(super) accepted: BTreeMap<Realm, u64>,
    /// Acceptances, copies included, by type.
    pub(super) by_type: BTreeMap<&'static str, u64>,
    pub(super) dead_letters: Vec<DeadLetter>,
    /// Records of the dead letters' topic that are receipts.
    pub(super) receipts: usize,
    pub(super) redriven: Vec<RedrivenRecord>,
    pub(super) positions: Positions,
    /// The events of the others that were on their way when the tenant was held, or began to spill, and have not arrived.
    pub(super) waiting: HashSet<String>,
}

impl Fingerprint {
    pub(super) fn of(timestamp: Option<i64>, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let hash = |what: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            what(&mut hasher);
            hasher.finish()
        };
        Self {
            content: hash(&|hasher| (key, value).hash(hasher)),
            whole: hash(&|hasher| (timestamp, key, value).hash(hasher)),
        }
    }
}

impl Sent {
    /// The ids of its events.
    pub(super) fn event_ids(&self) -> &[String] {
        match &self.expected {
            Expected::Delivered { event_ids } | Expected::Repeated { event_ids } => event_ids,
            Expected::Ignored | Expected::DeadLetter => &[],
        }
    }
}

impl DeadLetter {
    /// Whether it is of an event whose destination was held for too long.
    pub(super) fn is_spilled(&self) -> bool {
        self.reason == SPILLED && !self.again
    }

    /// How many refusals it is about: one for each event that it names, or the one of its record.
    pub(super) fn refusals(&self) -> usize {
        self.event_ids.len().max(1)
    }

    pub(super) fn names(&self, event_id: &str) -> bool {
        self.event_ids.iter().any(|named| named == event_id)
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
        let redriven = self.redriven.iter().map(|redriven| &redriven.record);
        self.sent.keys().chain(redriven).filter(|record| !self.positions.pass(**record)).count()
    }

    /// How many events have spilled.
    pub(super) fn spilled(&self) -> usize {
        self.dead_letters.iter().filter(|letter| letter.is_spilled()).map(DeadLetter::refusals).sum()
    }

    /// How many records of a realm become events.
    pub(super) fn records_with_events(&self, realm: Realm) -> usize {
        self.sent.values().filter(|sent| sent.realm == realm && !sent.event_ids().is_empty()).count()
    }

    /// Adds a record that the broker has acknowledged.
    pub(super) fn send(&mut self, sent: Sent) {
        self.sent.insert(sent.record, sent);
    }

    /// Adds an event that a destination has accepted.
    pub(super) fn arrive(&mut self, arriving: &Arriving) {
        let Arriving { realm, endpoint_id, event_id, event_type } = arriving;
        let first = self.by_type.values().sum();
        let known = EventType::ALL.into_iter().find(|known| known.name() == event_type);
        *self.by_type.entry(known.map_or("other", EventType::name)).or_default() += 1;
        if let Some(realm) = realm {
            *self.accepted.entry(*realm).or_default() += 1;
        }
        self.waiting.remove(event_id);
        let new = || {
            let endpoint_id = Arc::clone(endpoint_id);
            Arrival { times: 0, first, sound: true, realm: *realm, endpoint_id }
        };
        let arrival = self.arrivals.entry(event_id.clone()).or_insert_with(new);
        arrival.times += 1;
        arrival.sound &=
            fits(event_id, event_type) && arrival.endpoint_id == *endpoint_id && arrival.realm == *realm;
    }

    /// Adds a dead letter.
    pub(super) fn refuse(&mut self, letter: DeadLetter) {
        for event_id in &letter.event_ids {
            self.waiting.remove(event_id);
        }
        self.dead_letters.push(letter);
    }

    /// Notes which events of all realms but one are on their way.
    pub(super) fn note_waiting(&mut self, held: Realm) {
        let refused: HashSet<_> = self.dead_letters.iter().flat_map(|letter| &letter.event_ids).collect();
        let others = self.sent.values().filter(|sent| sent.realm != held);
        let ids = others.flat_map(Sent::event_ids);
        let waiting = ids.filter(|id| !self.arrivals.contains_key(*id) && !refused.contains(*id));
        self.waiting = waiting.cloned().collect();
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

    #[test]
    fn what_waits_are_the_events_of_others_that_neither_arrived_nor_were_refused() {
        let mut evidence = Evidence::default();
        for (offset, realm) in [(0, Realm::Shop), (1, Realm::Acme), (2, Realm::Shop)] {
            let event_ids = ["sign_in", "session"].map(|slot| format!("{offset}:{slot}")).to_vec();
            evidence.send(Sent {
                record: RecordId { partition: 0, offset },
                expected: Expected::Delivered { event_ids },
                fingerprint: Fingerprint::of(None, None, None),
                from: "keycloak",
                realm,
            });
        }
        let arrive = |evidence: &mut Evidence, id: &str| {
            let event_type = "_session.start".to_owned();
            let (realm, endpoint_id) = (Some(Realm::Shop), "e".into());
            evidence.arrive(&Arriving { realm, endpoint_id, event_id: id.to_owned(), event_type });
        };
        arrive(&mut evidence, "0:session");
        evidence.note_waiting(Realm::Acme);
        assert_eq!(evidence.waiting, ["0:sign_in", "2:sign_in", "2:session"].map(str::to_owned).into());
        arrive(&mut evidence, "2:session");
        evidence.refuse(DeadLetter {
            record: RecordId { partition: 0, offset: 0 },
            reason: "event_400".to_owned(),
            event_ids: vec!["0:sign_in".to_owned()],
            again: false,
            fingerprint: Fingerprint::of(None, None, None),
        });
        assert_eq!(evidence.waiting, ["2:sign_in".to_owned()].into());
        evidence.note_waiting(Realm::Acme);
        assert_eq!(evidence.waiting, ["2:sign_in".to_owned()].into());
    }
}
