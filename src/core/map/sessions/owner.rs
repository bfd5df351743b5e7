//! The owner of a session, needed for a stop whose event does not name the user.
//!
//! Knows nothing of the index. There may be very many owners, so the texts of each are in one allocation.

use std::{borrow::Cow, sync::Arc};

use crate::core::{
    identity::{Device, IdentityEvent, Kind},
    map::ids::Fingerprint,
};

/// The maximum length of an owner that is remembered, in bytes: many times what providers send. Whoever
/// writes records can make texts of any length, and an entry that is too large for the table's topic would
/// block everything.
const LONGEST: usize = 2048;

/// The owner of a session, each text as in the event that opened it.
#[derive(Clone, Copy, Default)]
pub(in crate::core::map) struct OwnerParts<'a> {
    pub(super) provider: &'a str,
    pub(super) session: &'a str,
    pub(super) user: &'a str,
    pub(super) realm: &'a str,
    pub(super) client: &'a str,
    pub(super) device: &'a str,
}

/// A packed owner: the lengths of the first five texts in bytes, each followed by a colon,
/// then all six texts. A session whose end is still to be reported shares it.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::core::map) struct Owner(Arc<str>);

impl<'a> OwnerParts<'a> {
    /// The owner that an event states.
    pub(super) fn of(event: &'a IdentityEvent<'_>) -> Self {
        Self {
            provider: &event.provider,
            session: event.session.as_deref().unwrap_or_default(),
            user: event.user.as_deref().unwrap_or_default(),
            realm: event.realm.as_deref().unwrap_or_default(),
            client: event.client.as_deref().unwrap_or_default(),
            device: event.device.as_ref().and_then(|device| device.id.as_deref()).unwrap_or_default(),
        }
    }

    /// Part of the fingerprint of its user, which all sessions of a user have in common.
    pub(super) fn user(&self) -> u64 {
        Fingerprint::of(&[self.provider, self.realm, self.user]).part()
    }

    /// Packs the texts; `None` if they are longer than any plausible owner.
    pub(super) fn pack(&self) -> Option<Owner> {
        let Self { provider, session, user, realm, client, device } = self;
        let length: usize =
            [provider, session, user, realm, client, device].map(|text| text.len()).iter().sum();
        if length > LONGEST {
            return None;
        }
        let mut packed = String::new();
        for text in [provider, session, user, realm, client] {
            packed.push_str(&text.len().to_string());
            packed.push(':');
        }
        for text in [provider, session, user, realm, client, device] {
            packed.push_str(text);
        }
        Some(Owner(packed.into()))
    }

    /// An event of `kind` about the session.
    pub(in crate::core::map) fn event(&self, kind: Kind) -> IdentityEvent<'static> {
        let text = |text: &str| (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        let device = text(self.device).map(|id| Box::new(Device { id: Some(id), ..Device::default() }));
        IdentityEvent {
            session: text(self.session),
            user: text(self.user),
            realm: text(self.realm),
            client: text(self.client),
            device,
            ..IdentityEvent::new(kind, self.provider.to_owned())
        }
    }
}

impl Owner {
    pub(in crate::core::map) fn parts(&self) -> OwnerParts<'_> {
        let mut parts = self.0.splitn(6, ':');
        let lengths: [usize; 5] =
            std::array::from_fn(|_| parts.next().and_then(|length| length.parse().ok()).unwrap_or(0));
        let mut rest = parts.next().unwrap_or_default();
        let [provider, session, user, realm, client] = lengths.map(|length| {
            let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            rest = after;
            text
        });
        OwnerParts { provider, session, user, realm, client, device: rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(texts: [&str; 6]) {
        let [provider, session, user, realm, client, device] = texts;
        let packed = OwnerParts { provider, session, user, realm, client, device }.pack().unwrap();
        let OwnerParts { provider, session, user, realm, client, device } = packed.parts();
        assert_eq!([provider, session, user, realm, client, device], texts);
    }

    #[test]
    fn a_packed_owner_unpacks_unchanged() {
        check(["keycloak", "s", "u", "r", "web", "d"]);
        check(["", "", "", "", "", ""]);
        check(["1:2", ":", "ü😀", "12:", "", ":9"]);
    }

    #[test]
    fn an_owner_that_is_too_long_is_not_packed() {
        let is_packed = |length: usize| {
            let device = "d".repeat(length - 1);
            OwnerParts { user: "u", device: &device, ..OwnerParts::default() }.pack().is_some()
        };
        assert!(is_packed(LONGEST) && !is_packed(LONGEST + 1));
    }
}
