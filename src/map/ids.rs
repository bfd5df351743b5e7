//! The ids that the mapping makes: of endpoints, of events, and the fingerprints sessions are kept under.
//!
//! Knows nothing of the session index. Every id depends on the record alone, so that a record that is
//! delivered again becomes the same events on the same endpoints. The ids of endpoints are a public
//! contract: a change of [`digest`] or of what goes into it makes every user a new endpoint.

use std::{borrow::Cow, collections::HashMap};

use sha2::{Digest, Sha256};

use crate::{
    event::{EndpointId, EventType},
    identity::{IdentityEvent, reason::Refused},
    record::Record,
};

/// How many endpoints of a realm failed sign-ins without a known user are spread over: attackers spray
/// names, and each endpoint stays at the destination for ever.
pub(super) const FAILED_ENDPOINTS: u64 = 1000;

/// The longest user id, in characters: the width of Keycloak's own column.
const LONGEST_USER_ID: usize = 255;

/// The longest session id, in characters: what fits into an event attribute.
const LONGEST_SESSION_ID: usize = 200;

/// The longest source event id, in bytes, that becomes a part of event ids as it is.
const LONGEST_SOURCE_ID: usize = 100;

/// The first 128 bits of a [`digest`]: stands for an id where only equality matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fingerprint([u8; 16]);

/// Whose endpoint an event goes to.
pub(super) enum Whose<'a> {
    /// The endpoint of this user.
    User(&'a str),
    /// One of the endpoints that all unknown users of this name share.
    Failed(&'a str),
}

impl Fingerprint {
    /// No fingerprint is less than this.
    pub(super) const LEAST: Self = Self([0; 16]);

    /// The fingerprint of `parts`.
    pub(super) fn of(parts: &[&str]) -> Self {
        let mut first = [0; 16];
        first.copy_from_slice(&digest(parts)[..16]);
        Self(first)
    }

    /// Half of it, where there may be very many.
    pub(super) fn part(self) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|index| self.0[index]))
    }

    /// In 32 hex digits.
    pub(super) fn hex(self) -> String {
        hex(&self.0)
    }

    /// From 32 hex digits in lower case.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

/// The id of an endpoint: the first 32 hex digits of the [`digest`] of `v1`, the kind (`user` or
/// `failed`), the provider, the realm's id (empty when it is not known) and the user's id; for `failed`,
/// in place of the user's id, the first eight bytes (big-endian) of the digest of the normalised user name
/// (trimmed, in lower case) modulo [`FAILED_ENDPOINTS`], in decimal.
pub(super) fn endpoint_id(event: &IdentityEvent<'_>, whose: &Whose<'_>) -> EndpointId {
    let (kind, id) = match whose {
        Whose::User(id) => ("user", Cow::Borrowed(*id)),
        Whose::Failed(name) => ("failed", failed_bucket(name).to_string().into()),
    };
    let digest = digest(&["v1", kind, &event.provider, event.realm.as_deref().unwrap_or_default(), &id]);
    EndpointId(hex(&digest[..16]).into())
}

/// The user's id.
///
/// # Errors
///
/// `PutEvents` would refuse it, or it is longer than any that a provider gives.
pub(super) fn user_id(id: &str) -> Result<&str, Refused> {
    let allowed = |c: char| !matches!(c, '$' | '{' | '}') && !c.is_control();
    if id.chars().all(allowed) && fits(id, LONGEST_USER_ID) { Ok(id) } else { Err(Refused::UserIdNotAllowed) }
}

/// The session's id as it is delivered; the digest stands in for one that fits into no attribute.
pub(super) fn session_id(id: &str) -> Cow<'_, str> {
    if fits(id, LONGEST_SESSION_ID) { id.into() } else { hex(&digest(&[id])).into() }
}

/// What the ids of the app events of each event of a record begin with.
pub(super) struct SourceKeys<'a> {
    record: &'a Record,
    /// How many events of the record had the same id before; none where it has only one event.
    seen: Option<HashMap<Option<&'a str>, u32>>,
}

impl<'a> SourceKeys<'a> {
    /// For a record with so many events.
    pub(super) fn new(record: &'a Record, events: usize) -> Self {
        Self { record, seen: (events > 1).then(HashMap::new) }
    }

    /// The source event's id; `topic-partition-offset` where it has none; the digest of either when it is
    /// long or has characters that ids usually have not. Of a record's events with one id the second has
    /// `.1` after it, the third `.2`, and so on.
    pub(super) fn key(&mut self, event: &'a IdentityEvent<'_>) -> Cow<'a, str> {
        let Record { topic, partition, offset, .. } = self.record;
        let key = match &event.id {
            Some(id) => Cow::Borrowed(&**id),
            None => format!("{topic}-{partition}-{offset}").into(),
        };
        let key = plain(key);
        let Some(seen) = &mut self.seen else { return key };
        let before = seen.entry(event.id.as_deref()).or_default();
        *before += 1;
        if *before == 1 { key } else { format!("{key}.{}", *before - 1).into() }
    }
}

/// The id of an event: what its record's events begin with, and the slot. Start, resume, pause and stop
/// share a slot, because which one a record becomes can depend on what the session index knows. `of` is
/// the session, where a source event ends several.
pub(super) fn event_id(source_key: &str, event_type: EventType, of: Option<&str>) -> String {
    let slot = match event_type {
        EventType::SignIn => "sign_in",
        EventType::SignUp => "sign_up",
        EventType::AuthFail => "auth_fail",
        EventType::SessionStart
        | EventType::SessionStop
        | EventType::SessionPause
        | EventType::SessionResume => "session",
    };
    let mut id = String::with_capacity(source_key.len() + 1 + slot.len());
    id.push_str(source_key);
    id.push(':');
    id.push_str(slot);
    if let Some(session) = of {
        id.push(':');
        id.push_str(&plain(session.into()));
    }
    id
}

/// An id as it is; its digest where it is long or has characters that ids usually have not.
fn plain(id: Cow<'_, str>) -> Cow<'_, str> {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if id.len() <= LONGEST_SOURCE_ID && id.bytes().all(usual) { id } else { hex(&digest(&[&id])).into() }
}

fn failed_bucket(name: &str) -> u64 {
    let digest = digest(&[&name.trim().to_lowercase()]);
    let first: [u8; 8] = std::array::from_fn(|index| digest[index]);
    u64::from_be_bytes(first) % FAILED_ENDPOINTS
}

/// SHA-256 over `parts`, each prefixed with its length in bytes, in decimal, and a colon (`2:v14:user…`),
/// so that no two lists of parts are one text.
fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(prefix(part.len(), &mut [0; 21]));
        hash.update(part);
    }
    hash.finalize().into()
}

/// `length` in decimal and a colon, written at the end of `buffer`, which holds any.
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

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

/// Whether `text` has at most `most` characters; looks no further.
fn fits(text: &str, most: usize) -> bool {
    text.len() <= most || text.chars().nth(most).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Kind;

    const REALM: &str = "09923c55-c2ca-40ab-8758-65020722d663";

    /// The expected ids were computed with Python's hashlib.
    #[track_caller]
    fn check(realm: Option<&str>, whose: &Whose<'_>, expected: &str) {
        let realm = realm.map(Cow::from);
        let event = IdentityEvent { realm, ..IdentityEvent::new(Kind::SignIn, "keycloak") };
        assert_eq!(&*endpoint_id(&event, whose).0, expected);
    }

    #[test]
    fn golden_endpoint_ids() {
        let anna = Whose::User("73fba50c-e077-4737-b9cc-175c13da85eb");
        check(Some(REALM), &anna, "f92a0322ae133672786896c85e51cc5f");
        check(None, &Whose::User("u"), "91f940d26844532f681b6e5aaa150ab7");
        check(Some("r"), &Whose::User("Jürgen"), "e91cdcfeb86a6a3b628305e852a507b4");
        check(Some(REALM), &Whose::Failed("nobody"), "6bad69f100fd62cc784dba627b9544d1");
        check(Some(REALM), &Whose::Failed(" JOSÉ\t"), "7341abf82fd8ca2713381f66bb78bac0");
    }

    #[test]
    fn unknown_users_share_a_thousand_endpoints() {
        let buckets: Vec<_> = (0..5000).map(|number| failed_bucket(&format!("user{number}"))).collect();
        assert!(buckets.iter().all(|bucket| *bucket < FAILED_ENDPOINTS));
        assert_eq!(failed_bucket("nobody"), 147);
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["1:a"]), digest(&["", "a"]));
        assert_eq!(prefix(0, &mut [0; 21]), b"0:");
        assert_eq!(prefix(usize::MAX, &mut [0; 21]), format!("{}:", usize::MAX).as_bytes());
    }
}
