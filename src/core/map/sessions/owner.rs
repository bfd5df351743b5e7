//! The owner of a session, needed for a stop whose event does not name the user.
//!
//! Knows nothing of the index. There may be very many owners: what many of them have in common is in memory
//! once, and an id that is a UUID takes its 16 bytes.

use std::{borrow::Cow, sync::Arc};

use hashbrown::{Equivalent, HashSet};

use crate::core::identity::{Device, IdentityEvent, Kind};

/// The maximum length of an owner that is remembered, in bytes: many times what providers send. Whoever
/// writes records can make texts of any length, and an entry that is too large for the table's topic would
/// block everything.
const LONGEST: usize = 2048;

/// The number of unused origins that are kept at most, and as many again as are in use.
const SPARE_ORIGINS: usize = 1000;

/// The owner of a session, each text as in the event that opened it.
#[derive(Clone, Default)]
pub(in crate::core::map) struct OwnerParts<'a> {
    pub(super) provider: &'a str,
    pub(super) realm: &'a str,
    pub(super) client: &'a str,
    pub(super) session: Cow<'a, str>,
    pub(super) user: Cow<'a, str>,
    pub(super) device: Cow<'a, str>,
}

/// A packed owner.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::core::map) struct Owner {
    origin: Arc<Origin>,
    ids: Ids,
}

/// Provider, realm and client.
#[derive(PartialEq, Eq, Hash)]
struct Origin([Box<str>; 3]);

/// The texts of an [`Origin`], which have its hash.
#[derive(Hash)]
struct OriginTexts<'a>([&'a str; 3]);

/// The session, the user and the device: each is [`UUID`] and 16 bytes, or its length in bytes and its text.
#[derive(Clone, PartialEq, Eq)]
enum Ids {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

/// As long as three ids of which two are UUIDs and one is empty.
const SHORT: usize = 38;

/// Stands where a length would be, and is longer than any.
const UUID: u16 = u16::MAX;

/// The origins of owners, each once.
#[derive(Default)]
pub(super) struct Origins {
    known: HashSet<Arc<Origin>>,
    /// The number of origins at which those without an owner are removed.
    enough: usize,
}

impl<'a> OwnerParts<'a> {
    /// The owner that an event states.
    pub(super) fn of(event: &'a IdentityEvent<'_>) -> Self {
        let device = event.device.as_ref().and_then(|device| device.id.as_deref());
        Self {
            provider: &event.provider,
            realm: event.realm.as_deref().unwrap_or_default(),
            client: event.client.as_deref().unwrap_or_default(),
            session: event.session.as_deref().unwrap_or_default().into(),
            user: event.user.as_deref().unwrap_or_default().into(),
            device: device.unwrap_or_default().into(),
        }
    }

    /// Whether both are of one user.
    pub(super) fn has_user_of(&self, other: &OwnerParts<'_>) -> bool {
        (self.provider, self.realm, &self.user) == (other.provider, other.realm, &other.user)
    }

    /// Packs the texts; `None` if they are longer than any plausible owner.
    pub(super) fn pack(&self, origins: &mut Origins) -> Option<Owner> {
        let Self { provider, realm, client, session, user, device } = self;
        let length: usize = [provider, realm, client, &**session, user, device].map(str::len).iter().sum();
        (length <= LONGEST).then(|| Owner {
            origin: origins.origin(&OriginTexts([provider, realm, client])),
            ids: Ids::of([session, user, device]),
        })
    }

    /// An event of `kind` about the session.
    pub(in crate::core::map) fn event(&self, kind: Kind) -> IdentityEvent<'static> {
        let text = |text: &str| (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        let device = text(&self.device).map(|id| Box::new(Device { id: Some(id), ..Device::default() }));
        IdentityEvent {
            session: text(&self.session),
            user: text(&self.user),
            realm: text(self.realm),
            client: text(self.client),
            device,
            ..IdentityEvent::new(kind, self.provider.to_owned())
        }
    }
}

impl Owner {
    pub(in crate::core::map) fn parts(&self) -> OwnerParts<'_> {
        let Origin([provider, realm, client]) = &*self.origin;
        let [session, user, device] = self.ids.texts();
        OwnerParts { provider, realm, client, session, user, device }
    }

    pub(in crate::core::map) fn session(&self) -> Cow<'_, str> {
        let [session, ..] = self.ids.texts();
        session
    }

    pub(super) fn client(&self) -> &str {
        let Origin([_, _, client]) = &*self.origin;
        client
    }
}

impl Equivalent<Arc<Origin>> for OriginTexts<'_> {
    fn equivalent(&self, origin: &Arc<Origin>) -> bool {
        origin.0.each_ref().map(|text| &**text) == self.0
    }
}

impl Origins {
    fn origin(&mut self, texts: &OriginTexts<'_>) -> Arc<Origin> {
        if let Some(known) = self.known.get(texts) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.enough {
            self.known.retain(|origin| Arc::strong_count(origin) > 1);
            self.enough = 2 * self.known.len() + SPARE_ORIGINS;
        }
        let origin = Arc::new(Origin(texts.0.map(Box::from)));
        self.known.insert(Arc::clone(&origin));
        origin
    }
}

impl Ids {
    fn of(texts: [&str; 3]) -> Self {
        let mut bytes = Vec::with_capacity(SHORT);
        for text in texts {
            if let Some(uuid) = parse_uuid(text) {
                bytes.extend(UUID.to_be_bytes());
                bytes.extend(uuid);
            } else {
                // The texts of an owner together are shorter than this.
                let length = u16::try_from(text.len()).unwrap_or(0);
                bytes.extend(length.to_be_bytes());
                bytes.extend(&text.as_bytes()[..length.into()]);
            }
        }
        let mut short = [0; SHORT];
        match (short.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(start), Ok(length)) => {
                start.copy_from_slice(&bytes);
                Self::Short(length, short)
            }
            _ => Self::Long(bytes.into()),
        }
    }

    fn texts(&self) -> [Cow<'_, str>; 3] {
        let mut bytes = match self {
            Self::Short(length, bytes) => &bytes[..usize::from(*length).min(SHORT)],
            Self::Long(bytes) => bytes,
        };
        std::array::from_fn(|_| {
            let (length, rest) = bytes.split_first_chunk().unwrap_or((&[0; 2], &[]));
            let length = u16::from_be_bytes(*length);
            if let (UUID, Some((uuid, rest))) = (length, rest.split_first_chunk()) {
                bytes = rest;
                return write_uuid(uuid).into();
            }
            let (text, rest) = rest.split_at_checked(length.into()).unwrap_or_default();
            bytes = rest;
            str::from_utf8(text).unwrap_or_default().into()
        })
    }
}

/// The lengths of the groups of digits in a UUID's text (RFC 9562, section 4).
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// The bytes of a UUID that is written in the usual way: lower-case digits with hyphens.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let mut digits = [0; 32];
    let (mut rest, mut to) = (text.as_bytes(), &mut digits[..]);
    for (number, length) in GROUPS.into_iter().enumerate() {
        if number > 0 {
            rest = rest.strip_prefix(b"-")?;
        }
        let (group, after) = rest.split_at_checked(length)?;
        let (start, end) = to.split_at_mut(length);
        start.copy_from_slice(group);
        (rest, to) = (after, end);
    }
    let mut uuid = [0; 16];
    let is_usual = rest.is_empty() && !digits.iter().any(u8::is_ascii_uppercase);
    (is_usual && hex::decode_to_slice(digits, &mut uuid).is_ok()).then_some(uuid)
}

fn write_uuid(uuid: &[u8; 16]) -> String {
    let digits = hex::encode(uuid);
    let mut rest = &digits[..];
    let groups = GROUPS.map(|length| {
        let (group, after) = rest.split_at_checked(length).unwrap_or_default();
        rest = after;
        group
    });
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A_UUID: &str = "73fba50c-e077-4737-b9cc-175c13da85eb";

    #[track_caller]
    fn check(texts: [&str; 6]) {
        let [provider, realm, client, session, user, device] = texts;
        let (session, user, device) = (session.into(), user.into(), device.into());
        let packed = OwnerParts { provider, realm, client, session, user, device };
        let packed = packed.pack(&mut Origins::default()).unwrap();
        let OwnerParts { provider, session, user, realm, client, device } = packed.parts();
        assert_eq!([provider, realm, client, &*session, &*user, &*device], texts);
        assert_eq!(packed.client(), client);
    }

    #[test]
    fn a_packed_owner_unpacks_unchanged() {
        check(["keycloak", "r", "web", "s", "u", "d"]);
        check(["", "", "", "", "", ""]);
        check(["1:2", ":", "ü😀", "12:", "", ":9"]);
        check(["keycloak", "r", "web", A_UUID, A_UUID, ""]);
        check(["keycloak", "r", "web", A_UUID, &A_UUID.to_uppercase(), A_UUID]);
        check([
            "p",
            "r",
            "c",
            &A_UUID[1..],
            &A_UUID.replace('-', ""),
            "73fba50c-e077-4737-b9cc+175c13da85eb",
        ]);
    }

    proptest! {
        #[test]
        fn ids_of_any_text_unpack_unchanged(texts in proptest::array::uniform3("[0-9a-fA-F-]{36}|.{0,40}")) {
            let ids = Ids::of(texts.each_ref().map(String::as_str));
            prop_assert_eq!(ids.texts(), texts);
        }
    }

    #[test]
    fn an_owner_with_two_uuids_needs_no_memory_of_its_own() {
        assert!(matches!(Ids::of([A_UUID, A_UUID, ""]), Ids::Short(..)));
        assert!(matches!(Ids::of([A_UUID, A_UUID, "d"]), Ids::Long(_)));
    }

    #[test]
    fn origins_are_shared_and_those_without_owner_are_removed() {
        let mut origins = Origins::default();
        let owner = |client: &str, origins: &mut Origins| {
            OwnerParts { client, ..OwnerParts::default() }.pack(origins)
        };
        let (one, same) = (owner("web", &mut origins).unwrap(), owner("web", &mut origins).unwrap());
        assert!(Arc::ptr_eq(&one.origin, &same.origin));
        for number in 0..10 * SPARE_ORIGINS {
            owner(&number.to_string(), &mut origins);
        }
        assert!(origins.known.len() <= 2 * SPARE_ORIGINS);
        assert!(Arc::ptr_eq(&one.origin, &owner("web", &mut origins).unwrap().origin));
    }

    #[test]
    fn an_owner_that_is_too_long_is_not_packed() {
        let is_packed = |length: usize| {
            let device = "d".repeat(length - 1).into();
            let owner = OwnerParts { user: "u".into(), device, ..OwnerParts::default() };
            owner.pack(&mut Origins::default()).is_some()
        };
        assert!(is_packed(LONGEST) && !is_packed(LONGEST + 1));
    }
}
