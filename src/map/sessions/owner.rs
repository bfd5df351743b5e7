//! Whose a session is: what it takes to say that it stopped when the event that ended it does not say so.
//!
//! Knows nothing of the index. There may be very many, so the texts lie in one allocation.

use std::borrow::Cow;

use crate::{
    identity::{Device, IdentityEvent, Kind},
    map::ids::Fingerprint,
};

/// Whose a session is, each text as the event that opened it has it.
#[derive(Clone, Copy, Default)]
pub(in crate::map) struct Whose<'a> {
    pub(super) provider: &'a str,
    pub(super) session: &'a str,
    pub(super) user: &'a str,
    pub(super) realm: &'a str,
    pub(super) client: &'a str,
    pub(super) device: &'a str,
}

/// The same, packed: the lengths of the first five texts in bytes, each before a colon, then all six.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::map) struct Owner(Box<str>);

impl<'a> Whose<'a> {
    /// What an event says of the session it is about.
    pub(super) fn of(event: &'a IdentityEvent<'_>) -> Self {
        fn text<'t>(text: &'t Option<Cow<'_, str>>) -> &'t str {
            text.as_deref().unwrap_or_default()
        }
        Self {
            provider: &event.provider,
            session: text(&event.session),
            user: text(&event.user),
            realm: text(&event.realm),
            client: text(&event.client),
            device: event.device.as_ref().map_or("", |device| text(&device.id)),
        }
    }

    /// A part of a fingerprint of its user: what all sessions of a user have in common.
    pub(super) fn user(&self) -> u64 {
        Fingerprint::of(&[self.provider, self.realm, self.user]).part()
    }

    /// Packs it.
    pub(super) fn pack(&self) -> Owner {
        let Self { provider, session, user, realm, client, device } = self;
        let [p, s, u, r, c] = [provider, session, user, realm, client].map(|text| text.len());
        let texts = [provider, session, user, realm, client, device];
        let texts = texts.iter().flat_map(|text| text.chars());
        let mut packed = format!("{p}:{s}:{u}:{r}:{c}:");
        packed.extend(texts);
        Owner(packed.into())
    }

    /// An event of `kind` about the session.
    pub(in crate::map) fn event(&self, kind: Kind) -> IdentityEvent<'static> {
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
    /// The texts.
    pub(in crate::map) fn whose(&self) -> Whose<'_> {
        let mut parts = self.0.splitn(6, ':');
        let lengths: [usize; 5] =
            std::array::from_fn(|_| parts.next().and_then(|length| length.parse().ok()).unwrap_or(0));
        let mut rest = parts.next().unwrap_or_default();
        let [provider, session, user, realm, client] = lengths.map(|length| {
            let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            rest = after;
            text
        });
        Whose { provider, session, user, realm, client, device: rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(texts: [&str; 6]) {
        let [provider, session, user, realm, client, device] = texts;
        let packed = Whose { provider, session, user, realm, client, device }.pack();
        let Whose { provider, session, user, realm, client, device } = packed.whose();
        assert_eq!([provider, session, user, realm, client, device], texts);
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        check(["keycloak", "s", "u", "r", "web", "d"]);
        check(["", "", "", "", "", ""]);
        check(["1:2", ":", "ü😀", "12:", "", ":9"]);
    }
}
