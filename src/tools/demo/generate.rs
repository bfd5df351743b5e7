//! Generates records as Keycloak 26 writes them through the most used publisher (SnuK87/keycloak-kafka, which
//! writes no key), and as other providers write them, each with what it must become.
//!
//! Many users go through whole sessions at the same time, interleaved in time order, with a few hostile
//! records in between. Knows nothing of how this service reads records: the expectations follow from the
//! rules for identity providers' events alone. The same options always give the same records.

use std::{cmp::Reverse, collections::BinaryHeap};

use fastrand::Rng;

use self::{
    keycloak::{KeycloakRealm, uuid},
    life::{Happening, Life, Person},
    others::{Vendor, VendorRecord, cloud_event},
};
use crate::core::time::Timestamp;

mod hostile;
mod keycloak;
mod life;
mod others;

/// Users begin their first visit within this time of the start, in milliseconds.
const FIRST_VISITS: i64 = 10 * 60 * 1000;

#[derive(Clone, Debug)]
pub struct GeneratorOptions {
    /// How many users there are: at least one.
    pub users: u32,
    /// How many records there are, including the hostile ones.
    pub records: usize,
    /// The seed of everything random.
    pub seed: u64,
    /// The share of records that are hostile or repeated, from 0 to 1.
    pub hostile: f64,
    /// The earliest time of a record.
    pub start_time: Timestamp,
    pub providers: Providers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Providers {
    Keycloak,
    /// Half of the users have another provider, and a third belong to the second realm.
    Several,
}

/// Who the users belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Realm {
    Shop,
    Acme,
}

impl Realm {
    pub const ALL: [Self; 2] = [Self::Shop, Self::Acme];

    /// The name, as most providers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Acme => "acme",
        }
    }

    /// All texts by which records name it.
    #[must_use]
    pub const fn names(self) -> [&'static str; 2] {
        [self.name(), others::fusionauth_tenant(self)]
    }

    /// The realm of a user, if its provider's records name a realm.
    fn of(person: &Person, providers: Providers) -> Self {
        let names_none = Vendor::of(person) == Vendor::Okta;
        match providers {
            Providers::Several if person.number % 3 == 1 && !names_none => Self::Acme,
            _ => Self::Shop,
        }
    }
}

/// A record and what it must become.
#[derive(Clone, Debug, PartialEq)]
pub struct Produced {
    pub timestamp: Timestamp,
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub expected: Expected,
    /// The name of the provider, for people.
    pub from: &'static str,
    pub realm: Realm,
}

/// What a record must become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// App events with these ids: each is the source event's id and a slot.
    Delivered {
        event_ids: Vec<String>,
    },
    /// The same ids again, because an earlier record was the same, byte for byte.
    Repeated {
        event_ids: Vec<String>,
    },
    /// The record is deliberately ignored.
    Ignored,
    DeadLetter,
}

/// Generates records in time order.
pub struct Generator {
    rng: Rng,
    realms: [KeycloakRealm; 2],
    lives: Vec<Life>,
    /// The users by the time of their next act.
    next: BinaryHeap<Reverse<(i64, usize)>>,
    hostile: f64,
    providers: Providers,
    remaining: usize,
    /// The last record that became app events, to be repeated.
    last_delivered: Option<Produced>,
}

impl Generator {
    #[must_use]
    pub fn new(options: &GeneratorOptions) -> Self {
        let mut rng = Rng::with_seed(options.seed);
        let realms = Realm::ALL.map(|realm| KeycloakRealm::new(realm, &mut rng));
        let lives: Vec<_> = (0..options.users.max(1)).map(|number| Life::new(number, &mut rng)).collect();
        let first = options.start_time.0;
        let next = (0..lives.len()).map(|user| Reverse((first + rng.i64(0..FIRST_VISITS), user))).collect();
        let GeneratorOptions { hostile, records: remaining, providers, .. } = *options;
        Self { rng, realms, lives, next, hostile, providers, remaining, last_delivered: None }
    }

    /// The record of the next act of any user.
    fn ordinary(&mut self) -> Option<Produced> {
        let Reverse((time, user)) = self.next.pop()?;
        let happening = self.lives[user].live(&mut self.rng);
        self.next.push(Reverse((time + self.lives[user].pause(&mut self.rng), user)));
        let id = uuid(&mut self.rng);
        let (from, value, slots) = self.write(&id, time, user, happening);
        let event_ids: Vec<_> = slots.iter().map(|slot| format!("{id}:{slot}")).collect();
        let delivered = !event_ids.is_empty();
        let expected = if delivered { Expected::Delivered { event_ids } } else { Expected::Ignored };
        let (timestamp, realm) = (Timestamp(time), self.realm(user));
        let produced = Produced { timestamp, key: None, value: Some(value), expected, from, realm };
        if delivered && self.hostile > 0.0 {
            self.last_delivered = Some(produced.clone());
        }
        Some(produced)
    }

    /// The record that the user's provider writes, and the slots of its app events.
    fn write(
        &self,
        id: &str,
        time: i64,
        user: usize,
        happening: Happening,
    ) -> (&'static str, Vec<u8>, &'static [&'static str]) {
        let (person, realm) = (&self.lives[user].person, self.realm(user));
        let vendor = match self.providers {
            Providers::Keycloak => Vendor::Keycloak,
            Providers::Several => Vendor::of(person),
        };
        if let Some(VendorRecord { value, slots }) = vendor.write(id, time, (realm, person), happening) {
            return (vendor.name(), value.to_string().into_bytes(), slots);
        }
        let record = self.keycloak(realm).record(id, time, person, happening);
        let value = match vendor {
            Vendor::CloudEvents => cloud_event(id, time, realm, &record).to_string().into_bytes(),
            _ => record,
        };
        (vendor.name(), value, happening.slots())
    }

    fn realm(&self, user: usize) -> Realm {
        Realm::of(&self.lives[user].person, self.providers)
    }

    fn keycloak(&self, realm: Realm) -> &KeycloakRealm {
        &self.realms[realm as usize]
    }

    /// A hostile record at the time of the next ordinary one.
    fn hostile(&mut self) -> Option<Produced> {
        if self.rng.u8(0..16) == 0
            && let Some(last) = self.last_delivered.take()
            && let Expected::Delivered { event_ids } = last.expected
        {
            return Some(Produced { expected: Expected::Repeated { event_ids }, from: "repeated", ..last });
        }
        let Reverse((time, user)) = *self.next.peek()?;
        let id = uuid(&mut self.rng);
        let ordinary =
            self.keycloak(Realm::Shop).record(&id, time, &self.lives[user].person, Happening::Login);
        let (key, value, expected) = hostile::record(&ordinary, time, &mut self.rng);
        let (timestamp, realm) = (Timestamp(time), Realm::Shop);
        Some(Produced { timestamp, key, value, expected, from: "hostile", realm })
    }
}

impl Iterator for Generator {
    type Item = Produced;

    fn next(&mut self) -> Option<Produced> {
        self.remaining = self.remaining.checked_sub(1)?;
        if self.hostile > 0.0 && self.rng.f64() < self.hostile { self.hostile() } else { self.ordinary() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use serde_json::Value;

    use super::*;

    fn generate(users: u32, records: usize, seed: u64, hostile: f64) -> Vec<Produced> {
        let start_time = Timestamp(1_795_382_400_000);
        Generator::new(&GeneratorOptions {
            users,
            records,
            seed,
            hostile,
            start_time,
            providers: Providers::Keycloak,
        })
        .collect()
    }

    fn event(produced: &Produced) -> Value {
        serde_json::from_slice(produced.value.as_ref().unwrap()).unwrap()
    }

    #[test]
    fn the_same_options_give_the_same_records() {
        assert_eq!(generate(20, 500, 1, 0.1), generate(20, 500, 1, 0.1));
        assert_ne!(generate(20, 500, 1, 0.1), generate(20, 500, 2, 0.1));
        assert_eq!(generate(20, 500, 1, 0.1)[..100], generate(20, 100, 1, 0.1));
    }

    #[test]
    fn times_never_go_back() {
        // A repeated record has the time of the one that it repeats.
        let produced = generate(50, 2000, 3, 0.1);
        let first =
            produced.iter().filter(|produced| !matches!(produced.expected, Expected::Repeated { .. }));
        assert!(first.is_sorted_by_key(|produced| produced.timestamp));
    }

    #[test]
    fn every_event_id_is_delivered_once_and_repeats_are_marked() {
        let mut seen = HashSet::new();
        let mut repeats = 0;
        for produced in generate(50, 5000, 4, 0.1) {
            match produced.expected {
                Expected::Delivered { event_ids } => {
                    assert!(event_ids.into_iter().all(|id| seen.insert(id)));
                }
                Expected::Repeated { event_ids } => {
                    repeats += 1;
                    assert!(event_ids.iter().all(|id| seen.contains(id)));
                }
                Expected::Ignored | Expected::DeadLetter => {}
            }
        }
        assert!(repeats > 0);
    }

    #[test]
    fn without_hostility_every_record_is_an_event_and_every_kind_occurs() {
        let produced = generate(100, 5000, 5, 0.0);
        let mut types = HashSet::new();
        for produced in &produced {
            let event = event(produced);
            assert_eq!(event["time"], produced.timestamp.0);
            let name = event["type"].as_str().or(event["operationType"].as_str()).unwrap();
            types.insert(name.to_owned());
            assert_ne!(produced.expected, Expected::DeadLetter);
            assert_eq!(produced.key, None);
        }
        for name in [
            "REGISTER",
            "LOGIN",
            "CODE_TO_TOKEN",
            "REFRESH_TOKEN",
            "LOGOUT",
            "USER_SESSION_DELETED",
            "LOGIN_ERROR",
            "CLIENT_LOGIN",
            "USER_DISABLED_BY_TEMPORARY_LOCKOUT",
            "ACTION",
            "UPDATE",
        ] {
            assert!(types.contains(name), "no {name}");
        }
    }

    #[test]
    fn a_third_of_the_users_of_several_providers_belong_to_the_second_realm() {
        let options = GeneratorOptions {
            users: 300,
            records: 3000,
            seed: 9,
            hostile: 0.0,
            start_time: Timestamp(1_795_382_400_000),
            providers: Providers::Several,
        };
        let mut of_acme = 0;
        for produced in Generator::new(&options) {
            let text = String::from_utf8(produced.value.unwrap()).unwrap();
            let names = |realm: Realm| realm.names().iter().any(|name| text.contains(&format!("\"{name}\"")));
            let expected = [produced.realm == Realm::Shop, produced.realm == Realm::Acme];
            assert!(Realm::ALL.map(names) == expected || produced.from == "okta", "{text}");
            of_acme += usize::from(produced.realm == Realm::Acme);
        }
        assert!((700..1100).contains(&of_acme), "{of_acme}");
        assert!(generate(30, 300, 9, 0.1).iter().all(|produced| produced.realm == Realm::Shop));
    }

    #[test]
    fn a_session_is_opened_before_it_is_used_and_not_used_after_its_end() {
        let mut open: HashMap<String, String> = HashMap::new();
        let mut ended = HashSet::new();
        for event in generate(50, 5000, 6, 0.0).iter().map(event) {
            let Some(session) = event["sessionId"].as_str() else { continue };
            assert!(!ended.contains(session));
            let user = event["userId"].as_str().unwrap().to_owned();
            match event["type"].as_str().unwrap() {
                "LOGIN" => assert_eq!(*open.entry(session.to_owned()).or_insert(user.clone()), user),
                _ => assert_eq!(open.get(session), Some(&user)),
            }
            if matches!(event["type"].as_str(), Some("LOGOUT" | "USER_SESSION_DELETED")) {
                ended.insert(session.to_owned());
            }
        }
        assert!(ended.len() > 100);
    }

    #[test]
    fn a_record_has_the_fields_that_keycloak_writes_in_its_order() {
        let produced = generate(1, 1, 7, 0.0).remove(0);
        let text = String::from_utf8(produced.value.unwrap()).unwrap();
        let fields = [
            "id",
            "time",
            "type",
            "realmId",
            "realmName",
            "clientId",
            "userId",
            "sessionId",
            "ipAddress",
            "error",
            "details",
        ];
        let places: Vec<_> =
            fields.iter().map(|field| text.find(&format!("\"{field}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }

    #[test]
    fn hostile_records_are_as_many_as_asked_for_and_of_each_outcome() {
        let produced = generate(10, 2000, 8, 1.0);
        let share = |expected: fn(&Expected) -> bool| {
            produced.iter().filter(|produced| expected(&produced.expected)).count()
        };
        assert_eq!(produced.len(), 2000);
        assert!((1200..1700).contains(&share(|expected| *expected == Expected::DeadLetter)));
        assert!((50..250).contains(&share(|expected| *expected == Expected::Ignored)));
        assert!((300..700).contains(&share(|expected| matches!(expected, Expected::Delivered { .. }))));
        let letters = generate(10, 10_000, 8, 0.05);
        let letters = letters.iter().filter(|produced| produced.expected == Expected::DeadLetter).count();
        assert!((200..500).contains(&letters), "{letters}");
    }
}
