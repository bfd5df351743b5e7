//! The ids that the mapping makes: those of endpoints and events, and the fingerprints of sessions.
//!
//! Knows nothing of the session index. Every id depends on the record alone, so a record that is delivered
//! again becomes the same events on the same endpoints. Endpoint ids are a public contract: if [`digest`] or
//! its input changes, every user gets a new endpoint.

use std::{borrow::Cow, collections::HashMap, num::NonZeroU32};

use arrayvec::ArrayString;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::core::{
    event::{EndpointId, EventType},
    identity::IdentityEvent,
    map::config::{
        endpoint::{EndpointConfig, IdOf, UserIdForm},
        value::Secret,
    },
    record::{Original, Record},
    time::Timestamp,
};

/// The maximum length of a session id, in characters. Like the length of an event id, this is our own
/// contract and not a limit of a destination: a session and an event have the same id everywhere.
const LONGEST_SESSION_ID: usize = 200;

/// The maximum length of an event id, in bytes.
const LONGEST_EVENT_ID: usize = 200;

/// The maximum length of a source event's id that becomes part of event ids unchanged, in bytes.
const LONGEST_SOURCE_ID: usize = 100;

/// The first 128 bits of a [`digest`], used instead of an id when only equality matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fingerprint([u8; 16]);

/// The owner of the endpoint that an event goes to.
pub(super) enum EndpointOwner<'a> {
    User(&'a str),
    /// Unknown users share a number of endpoints. Those with the same name have the same endpoint.
    UnknownUser(&'a str),
}

impl Fingerprint {
    pub(super) const LEAST: Self = Self([0; 16]);

    pub(super) fn of(parts: &[&str]) -> Self {
        let mut first = [0; 16];
        first.copy_from_slice(&digest(parts)[..16]);
        Self(first)
    }

    /// A quarter of the fingerprint, for indices with very many entries.
    pub(super) fn part(self) -> u32 {
        u32::from_be_bytes(std::array::from_fn(|index| self.0[index]))
    }

    /// Writes it as 32 hex digits.
    pub(super) fn hex(self) -> String {
        hex::encode(self.0)
    }

    /// Reads it from 32 lower-case hex digits.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        // Upper-case digits are not ours: a fingerprint is written in only one way.
        (!text.bytes().any(|digit| digit.is_ascii_uppercase())).then_some(Self(bytes))
    }
}

/// Makes the ids of endpoints.
///
/// An id is the first 32 hex digits of a [`digest`] over these parts, or of the HMAC-SHA-256 of the same
/// bytes if a secret is configured:
///
/// | endpoint of | parts |
/// |---|---|
/// | a user | `v1`, `user`, provider, realm, user |
/// | a user at a client | `v1`, `user_client`, provider, realm, user, client |
/// | a user on a device | `v1`, `user_device`, provider, realm, user, device |
/// | unknown users | `v1`, `failed`, provider, realm, number |
///
/// The hash of a user's id is made in the same way over `v1`, `user_id`, provider, realm, user.
///
/// The realm is its id, or empty if the id is not known. An event without a client or device goes to
/// the endpoint of the user. The number is the first eight bytes (big-endian) of the digest (or HMAC)
/// of the normalised user name (trimmed, in lower case), modulo the configured number of endpoints, in
/// decimal. Unknown users share endpoints because attackers try many names, and every endpoint stays at
/// the destination for ever.
pub(super) struct EndpointIds {
    of: IdOf,
    user_id: UserIdForm,
    unknown_users: u64,
    /// The HMAC after it has absorbed the secret; cloned for each id.
    key: Option<Hmac<Sha256>>,
}

impl EndpointIds {
    pub(super) fn new(config: &EndpointConfig) -> Self {
        Self {
            of: config.id,
            user_id: config.user_id,
            unknown_users: NonZeroU32::get(config.failed_sign_in_endpoints).into(),
            key: config.secret.as_ref().map(Secret::hmac),
        }
    }

    pub(super) fn id(&self, event: &IdentityEvent<'_>, owner: &EndpointOwner<'_>) -> EndpointId {
        let realm = event.realm.as_deref().unwrap_or_default();
        let digest = match owner {
            EndpointOwner::UnknownUser(name) => {
                let number = self.number(name).to_string();
                self.digest(&["v1", "failed", &event.provider, realm, &number])
            }
            EndpointOwner::User(user) => {
                let device = || event.device.as_ref().and_then(|device| device.id.as_deref());
                let (kind, more) = match self.of {
                    IdOf::User => ("user", None),
                    IdOf::UserClient => ("user_client", event.client.as_deref()),
                    IdOf::UserDevice => ("user_device", device()),
                };
                match more.filter(|more| !more.is_empty()) {
                    None => self.digest(&["v1", "user", &event.provider, realm, user]),
                    Some(more) => self.digest(&["v1", kind, &event.provider, realm, user, more]),
                }
            }
        };
        let mut id = ArrayString::new();
        for byte in &digest[..16] {
            for digit in [byte >> 4, byte & 15] {
                id.push(b"0123456789abcdef"[usize::from(digit)].into());
            }
        }
        EndpointId(id)
    }

    /// The id of a user as it is sent.
    pub(super) fn user_id<'a>(&self, event: &IdentityEvent<'_>, user: &'a str) -> Cow<'a, str> {
        match self.user_id {
            UserIdForm::AsIs => user.into(),
            UserIdForm::Hash => {
                let realm = event.realm.as_deref().unwrap_or_default();
                let digest = self.digest(&["v1", "user_id", &event.provider, realm, user]);
                hex::encode(&digest[..16]).into()
            }
        }
    }

    fn number(&self, name: &str) -> u64 {
        let digest = self.digest(&[&name.trim().to_lowercase()]);
        let first: [u8; 8] = std::array::from_fn(|index| digest[index]);
        u64::from_be_bytes(first) % self.unknown_users
    }

    fn digest(&self, parts: &[&str]) -> [u8; 32] {
        match &self.key {
            Some(key) => {
                let mut hash = key.clone();
                hash.update(&prefixed(parts));
                hash.finalize().into_bytes().into()
            }
            None => digest(parts),
        }
    }
}

/// The session's id as it is delivered, or its digest if it is too long.
pub(super) fn session_id(id: &str) -> Cow<'_, str> {
    if fits(id, LONGEST_SESSION_ID) { id.into() } else { hex::encode(digest(&[id])).into() }
}

/// The prefixes of the ids of a record's app events, one for each identity event.
pub(super) struct SourceKeys<'a> {
    record: &'a Record,
    /// How many events of the record have had each id so far; not counted if the record has only one event.
    seen: Option<HashMap<Option<&'a str>, u32>>,
}

impl<'a> SourceKeys<'a> {
    pub(super) fn new(record: &'a Record, events: usize) -> Self {
        Self { record, seen: (events > 1).then(HashMap::new) }
    }

    /// The source event's id, or `topic-partition-offset-timestamp` if it has none, because a topic that is
    /// deleted and created again repeats its offsets. A redriven record has those of its original. An id that is long or has unusual characters is
    /// replaced by its digest. If several events of a record have the same id, `.1` is appended for the
    /// second, `.2` for the third, and so on.
    pub(super) fn key(&mut self, event: &'a IdentityEvent<'_>) -> Cow<'a, str> {
        let Original { topic, partition, offset, timestamp } = self.record.original();
        let key = match (&event.id, timestamp) {
            (Some(id), _) => Cow::Borrowed(&**id),
            (None, Some(Timestamp(time))) => format!("{topic}-{partition}-{offset}-{time}").into(),
            // Written by a client from before Kafka 0.10.
            (None, None) => format!("{topic}-{partition}-{offset}").into(),
        };
        let key = plain(key);
        let Some(seen) = &mut self.seen else { return key };
        let before = seen.entry(event.id.as_deref()).or_default();
        *before += 1;
        if *before == 1 { key } else { format!("{key}.{}", *before - 1).into() }
    }
}

/// The id of an event: the key of its source event and the slot. Start, resume, pause and stop share a
/// slot, because the session index can decide which of them a record becomes. `of` is the session if a
/// source event ends several.
pub(super) fn event_id(source_key: &str, event_type: EventType, of: Option<&str>) -> String {
    let mut id = String::with_capacity(LONGEST_EVENT_ID);
    write_event_id(source_key, event_type, of, &mut id);
    id
}

/// Replaces the text in `id` by the id of an event, see [`event_id`].
pub(super) fn write_event_id(source_key: &str, event_type: EventType, of: Option<&str>, id: &mut String) {
    let slot = match event_type {
        EventType::SignIn => "sign_in",
        EventType::SignUp => "sign_up",
        EventType::AuthFail => "auth_fail",
        EventType::SessionStart
        | EventType::SessionStop
        | EventType::SessionPause
        | EventType::SessionResume => "session",
    };
    id.clear();
    id.push_str(source_key);
    id.push(':');
    id.push_str(slot);
    if let Some(session) = of {
        id.push(':');
        let plain = plain(session.into());
        let fits = id.len() + plain.len() <= LONGEST_EVENT_ID;
        id.push_str(&if fits { plain } else { hex::encode(digest(&[session])).into() });
    }
}

/// The id unchanged, or its digest if it is long or has unusual characters.
fn plain(id: Cow<'_, str>) -> Cow<'_, str> {
    if id.len() <= LONGEST_SOURCE_ID && is_usual(&id) { id } else { hex::encode(digest(&[&id])).into() }
}

/// Whether an id has only usual characters: letters, digits, `-`, `_`, `.` and `:`.
fn is_usual(id: &str) -> bool {
    const USUAL: [bool; 256] = {
        let mut usual = [false; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            usual[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
            byte += 1;
        }
        usual
    };
    // Always reads all bytes, without an early exit: ids are short, and this lets many bytes be tested at
    // once.
    id.bytes().fold(true, |all, byte| all & USUAL[usize::from(byte)])
}

/// SHA-256 over `parts`, each prefixed with its length in bytes, in decimal, and a colon (`2:v14:user…`), so
/// that no two lists of parts have the same digest input.
fn digest(parts: &[&str]) -> [u8; 32] {
    Sha256::digest(prefixed(parts)).into()
}

/// Hashing everything at once takes less time than part by part.
fn prefixed(parts: &[&str]) -> SmallVec<[u8; 256]> {
    let mut bytes = SmallVec::new();
    for part in parts {
        bytes.extend_from_slice(prefix(part.len(), &mut [0; 21]));
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Writes `length` in decimal and a colon at the end of `buffer`, which has room for the largest length.
fn prefix(mut length: usize, buffer: &mut [u8; 21]) -> &[u8] {
    let mut first = buffer.len() - 1;
    buffer[first] = b':';
    loop {
        first -= 1;
        buffer[first] = b"0123456789"[length % 10];
        length /= 10;
        if length == 0 {
            return &buffer[first..];
        }
    }
}

/// Whether `text` has at most `most` characters.
fn fits(text: &str, most: usize) -> bool {
    text.len() <= most || text.chars().nth(most).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        identity::{Device, Kind},
        map::config::value::Secret,
    };

    const REALM: &str = "09923c55-c2ca-40ab-8758-65020722d663";
    const ANNA: EndpointOwner<'_> = EndpointOwner::User("73fba50c-e077-4737-b9cc-175c13da85eb");
    const SHORT: &str = "0123456789abcdef";

    /// The expected ids were computed with Python's hashlib and hmac.
    #[track_caller]
    fn check_of(
        config: &EndpointConfig,
        event: &IdentityEvent<'_>,
        owner: &EndpointOwner<'_>,
        expected: &str,
    ) {
        assert_eq!(&*EndpointIds::new(config).id(event, owner).0, expected);
    }

    #[track_caller]
    fn check(realm: Option<&str>, owner: &EndpointOwner<'_>, expected: &str) {
        let realm = realm.map(Cow::from);
        let event = IdentityEvent { realm, ..IdentityEvent::new(Kind::SignIn, "keycloak") };
        check_of(&EndpointConfig::default(), &event, owner, expected);
    }

    #[test]
    fn golden_endpoint_ids() {
        check(Some(REALM), &ANNA, "f92a0322ae133672786896c85e51cc5f");
        check(None, &EndpointOwner::User("u"), "91f940d26844532f681b6e5aaa150ab7");
        check(Some("r"), &EndpointOwner::User("Jürgen"), "e91cdcfeb86a6a3b628305e852a507b4");
        check(Some(REALM), &EndpointOwner::UnknownUser("nobody"), "6bad69f100fd62cc784dba627b9544d1");
        check(Some(REALM), &EndpointOwner::UnknownUser(" JOSÉ\t"), "7341abf82fd8ca2713381f66bb78bac0");
    }

    fn full() -> IdentityEvent<'static> {
        IdentityEvent {
            realm: Some(REALM.into()),
            client: Some("web".into()),
            device: Some(Box::new(Device { id: Some("d-1".into()), ..Device::default() })),
            ..IdentityEvent::new(Kind::SignIn, "keycloak")
        }
    }

    fn config(of: IdOf, secret: Option<&str>) -> EndpointConfig {
        EndpointConfig {
            id: of,
            secret: secret.map(|secret| Secret(secret.to_owned())),
            ..EndpointConfig::default()
        }
    }

    #[test]
    fn golden_ids_of_a_user_at_a_client_and_on_a_device() {
        let long = "k".repeat(100);
        for (secret, user, client, device) in [
            (
                None,
                "f92a0322ae133672786896c85e51cc5f",
                "941b0ff26089bcafb5a68d9898f0fb77",
                "7707d104421e633b503830b29dbb0521",
            ),
            (
                Some(SHORT),
                "8603d2f61262643766954f34afdd9e07",
                "9d5562795c1240afe99e81946072b532",
                "ee54bfa822def112117c9e99cdefeb70",
            ),
            (
                Some(&*long),
                "f2704fb8626176b2451345dd7ebb06f9",
                "449cc955fb2f7eb5a64926c982409666",
                "0aac4d425ac3a23e0caf27347add1ad0",
            ),
        ] {
            check_of(&config(IdOf::User, secret), &full(), &ANNA, user);
            check_of(&config(IdOf::UserClient, secret), &full(), &ANNA, client);
            check_of(&config(IdOf::UserDevice, secret), &full(), &ANNA, device);
        }
    }

    #[test]
    fn golden_hashes_of_a_users_id() {
        let EndpointOwner::User(anna) = ANNA else { unreachable!() };
        let check = |user_id, secret, event: &IdentityEvent<'_>, expected: &str| {
            let config = EndpointConfig { user_id, ..config(IdOf::UserClient, secret) };
            assert_eq!(EndpointIds::new(&config).user_id(event, anna), expected);
        };
        check(UserIdForm::AsIs, Some(SHORT), &full(), anna);
        check(UserIdForm::Hash, None, &full(), "71d2f6fddf212a8eac8d1c70480a8e25");
        check(UserIdForm::Hash, Some(SHORT), &full(), "024583f52e1fef80c407837b93a6a12b");
        let nowhere = IdentityEvent { realm: None, ..full() };
        check(UserIdForm::Hash, None, &nowhere, "c8108ecbcff268a96dfe7bd0d0326dc7");
    }

    #[test]
    fn an_event_without_a_client_or_device_goes_to_the_endpoint_of_the_user() {
        let bare = IdentityEvent { client: None, device: None, ..full() };
        for of in [IdOf::User, IdOf::UserClient, IdOf::UserDevice] {
            check_of(&config(of, None), &bare, &ANNA, "f92a0322ae133672786896c85e51cc5f");
        }
        let empty = IdentityEvent { client: Some("".into()), ..full() };
        check_of(&config(IdOf::UserClient, None), &empty, &ANNA, "f92a0322ae133672786896c85e51cc5f");
    }

    #[test]
    fn golden_ids_of_unknown_users() {
        let (plain, secret) = (config(IdOf::UserClient, None), config(IdOf::UserDevice, Some(SHORT)));
        let seven = NonZeroU32::new(7).unwrap();
        let nobody = EndpointOwner::UnknownUser("nobody");
        check_of(&plain, &full(), &nobody, "6bad69f100fd62cc784dba627b9544d1");
        check_of(&secret, &full(), &nobody, "f872745968404d93517459a56ea9b309");
        let fewer = |config| EndpointConfig { failed_sign_in_endpoints: seven, ..config };
        check_of(&fewer(plain), &full(), &nobody, "e5b8404d052780d182e2aa66ed626b14");
        check_of(&fewer(secret), &full(), &nobody, "fd664431f108681aa9a50745b4fa64ad");
    }

    #[test]
    fn unknown_users_share_a_thousand_endpoints() {
        let ids = EndpointIds::new(&EndpointConfig::default());
        let numbers: Vec<_> = (0..5000).map(|number| ids.number(&format!("user{number}"))).collect();
        assert!(numbers.iter().all(|number| *number < 1000));
        assert_eq!(ids.number("nobody"), 147);
    }

    #[test]
    fn an_event_id_fits_into_its_attribute_and_still_names_its_session() {
        let (key, long) = ("k".repeat(100), "s".repeat(99));
        let id = |session: &str| event_id(&key, EventType::SessionStop, Some(session));
        assert_eq!(id(&long[..91]), format!("{key}:session:{}", &long[..91]));
        assert_eq!(id(&long), format!("{key}:session:{}", hex::encode(digest(&[&long]))));
        assert_ne!(id(&long[..92]), id(&long[..93]));
        assert!([91, 92, 99].into_iter().all(|length| id(&long[..length]).len() <= LONGEST_EVENT_ID));
    }

    #[test]
    fn a_fingerprint_is_read_from_its_own_form_alone() {
        let fingerprint = Fingerprint::of(&["a"]);
        assert_eq!(Fingerprint::from_hex(&fingerprint.hex()), Some(fingerprint));
        for text in ["", "0123", &fingerprint.hex().to_uppercase(), &"x".repeat(32), &"0".repeat(34)] {
            assert_eq!(Fingerprint::from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn parts_are_distinguished() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["1:a"]), digest(&["", "a"]));
        assert_eq!(prefix(0, &mut [0; 21]), b"0:");
        assert_eq!(prefix(usize::MAX, &mut [0; 21]), format!("{}:", usize::MAX).as_bytes());
    }
}
